/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/linear.h"

#include <cblas.h>

#include "engine/device/device.h"

/* Weights up to this many elements are decoded whole, so that threads share the sequences; larger ones have blocks enough to share. */
#define WHOLE_ELEMENTS ((guint64) 4 << 20)

/* Inside a parallel region, and where one thread is all there is, OpenBLAS computes on the calling thread alone. */
void
tn_linear_product (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc, gsize m, gsize n, gsize k, float alpha)
{
  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, (blasint) m, (blasint) n, (blasint) k, alpha, a, (blasint) lda, b, (blasint) ldb, 0.0f, c,
               (blasint) ldc);
}

void
tn_linear_product_plain (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc, gsize m, gsize n, gsize k)
{
  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint) m, (blasint) n, (blasint) k, 1.0f, a, (blasint) lda, b, (blasint) ldb, 0.0f, c,
               (blasint) ldc);
}

gboolean
tn_linear_in_place (const TnTensor *weight)
{
  return weight->dtype == TN_DTYPE_F32 && GPOINTER_TO_SIZE (weight->data) % sizeof (float) == 0;
}

const float *
tn_linear_rows (const TnTensor *weight, guint64 first, guint64 n, float *scratch)
{
  if (tn_linear_in_place (weight))
    return (const float *) weight->data + first * tn_tensor_columns (weight);
  tn_tensor_decode_rows (weight, first, n, scratch);
  return scratch;
}

static guint64
scratch_rows (const TnTensor *weight, gboolean *whole)
{
  guint64 rows = tn_tensor_rows (weight);

  *whole = tn_linear_in_place (weight) || weight->count <= WHOLE_ELEMENTS;
  return *whole ? rows : TN_LINEAR_BLOCK_ROWS;
}

gsize
tn_linear_estimate_scratch (const TnTensor *weight)
{
  gboolean whole;
  guint64 rows = scratch_rows (weight, &whole);

  if (tn_linear_in_place (weight))
    return 0;
  return (gsize) (rows * tn_tensor_columns (weight)) * sizeof (float) * (whole ? 1 : tn_device_get_threads ());
}

static void
multiply_block (const float *rows, guint64 first, guint64 n_rows, guint64 out, guint64 in, const TnSequence *sequence, gsize row, const float *x, float *y)
{
  tn_linear_product (x + row * in, in, rows, in, y + row * out + first, out, sequence->length, n_rows, in, 1.0f);
}

/* All weights at hand: threads share (sequence, block) pairs. */
static void
multiply_whole (const float *weights, guint64 out, guint64 in, const TnBatch *batch, const float *x, float *y)
{
  guint64 n_blocks = (out + TN_LINEAR_BLOCK_ROWS - 1) / TN_LINEAR_BLOCK_ROWS;
  g_autofree gsize *first_row = g_new (gsize, batch->n_sequences + 1);
  gint64 n_items = (gint64) (n_blocks * batch->n_sequences);

  first_row[0] = 0;
  for (guint s = 0; s < batch->n_sequences; s++)
    first_row[s + 1] = first_row[s] + batch->sequences[s].length;
#pragma omp parallel for schedule(dynamic) num_threads((int) tn_device_get_threads ())
  for (gint64 item = 0; item < n_items; item++)
    {
      guint s = (guint) ((guint64) item % batch->n_sequences);
      guint64 first = (guint64) item / batch->n_sequences * TN_LINEAR_BLOCK_ROWS;
      guint64 n_rows = MIN (TN_LINEAR_BLOCK_ROWS, out - first);

      if (batch->sequences[s].length > 0)
        multiply_block (weights + first * in, first, n_rows, out, in, &batch->sequences[s], first_row[s], x, y);
    }
}

static void
decode_whole (const TnTensor *weight, float *scratch)
{
  guint64 out = tn_tensor_rows (weight), in = tn_tensor_columns (weight);
  gint64 n_blocks = (gint64) ((out + TN_LINEAR_BLOCK_ROWS - 1) / TN_LINEAR_BLOCK_ROWS);

#pragma omp parallel for schedule(dynamic) num_threads((int) tn_device_get_threads ())
  for (gint64 block = 0; block < n_blocks; block++)
    {
      guint64 first = (guint64) block * TN_LINEAR_BLOCK_ROWS;

      tn_tensor_decode_rows (weight, first, MIN (TN_LINEAR_BLOCK_ROWS, out - first), scratch + first * in);
    }
}

/* Large weights: every thread decodes a block of its own and takes all sequences through it. */
static void
multiply_decoding (const TnTensor *weight, float *scratch, const TnBatch *batch, const float *x, float *y)
{
  guint64 out = tn_tensor_rows (weight), in = tn_tensor_columns (weight);
  gint64 n_blocks = (gint64) ((out + TN_LINEAR_BLOCK_ROWS - 1) / TN_LINEAR_BLOCK_ROWS);
  gint next_slot = 0;

#pragma omp parallel num_threads((int) tn_device_get_threads ())
  {
    float *rows = scratch + (gsize) g_atomic_int_add (&next_slot, 1) * TN_LINEAR_BLOCK_ROWS * in;

#pragma omp for schedule(dynamic)
    for (gint64 block = 0; block < n_blocks; block++)
      {
        guint64 first = (guint64) block * TN_LINEAR_BLOCK_ROWS;
        guint64 n_rows = MIN (TN_LINEAR_BLOCK_ROWS, out - first);
        gsize row = 0;

        tn_tensor_decode_rows (weight, first, n_rows, rows);
        tn_tensor_release_rows (weight, first, n_rows);
        for (guint s = 0; s < batch->n_sequences; s++)
          {
            if (batch->sequences[s].length > 0)
              multiply_block (rows, first, n_rows, out, in, &batch->sequences[s], row, x, y);
            row += batch->sequences[s].length;
          }
      }
  }
}

gboolean
tn_linear_forward (const TnTensor *weight, const TnBatch *batch, const float *x, float *y, GError **error)
{
  guint64 out = tn_tensor_rows (weight), in = tn_tensor_columns (weight);
  g_autoptr (TnBlock) scratch = NULL;
  gboolean whole;

  if (batch->n_tokens == 0)
    return TRUE;
  if (tn_linear_in_place (weight))
    {
      multiply_whole (weight->data, out, in, batch, x, y);
      return TRUE;
    }
  scratch_rows (weight, &whole);
  scratch = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_linear_estimate_scratch (weight), error);
  if (scratch == NULL)
    return FALSE;
  if (whole)
    {
      decode_whole (weight, scratch);
      multiply_whole (scratch, out, in, batch, x, y);
    }
  else
    multiply_decoding (weight, scratch, batch, x, y);
  return TRUE;
}
