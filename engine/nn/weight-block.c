/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/weight-block.h"

#include <cblas.h>
#include <omp.h>

#include "engine/kernels/matrix-product.h"
#include "engine/kernels/vector-half.h"
#include "engine/kernels/vector-q8-0.h"

/* Columns of one row that are decoded for a product with a vector at a time: whole rows where they are not very long, since
 * memory is fastest read from front to back. */
#define VECTOR_DEPTH 4096
/* Floats between decoded rows: lines a power of two apart would throw each other out of the first cache. */
#define VECTOR_GAP 16

static int wanted_product = -1;

TnProductBackEnd
tn_weight_product (void)
{
  return wanted_product >= 0 ? (TnProductBackEnd) wanted_product : tn_device_auto_select ()->product;
}

void
tn_weight_product_use (TnProductBackEnd product)
{
  wanted_product = (int) product;
}

gboolean
tn_weight_in_place (const TnTensor *weight)
{
  return weight->dtype == TN_DTYPE_F32 && GPOINTER_TO_SIZE (weight->data) % sizeof (float) == 0;
}

/* OpenBLAS runs on one thread inside a parallel region; where the region has a single thread, or there is none, it has to be
 * told, or its own splitting would change the shape of the products. The number of the region's threads is unaffected. */
static int
begin_serial (void)
{
  int threads = omp_get_max_threads ();

  if (threads != 1)
    omp_set_num_threads (1);
  return threads;
}

static void
end_serial (int threads)
{
  if (threads != 1)
    omp_set_num_threads (threads);
}

static guint64
part_depth (const TnTensor *weight)
{
  guint64 columns = tn_tensor_columns (weight);

  return tn_weight_product () == TN_PRODUCT_OWN ? MIN (columns, TN_PANEL_DEPTH) : columns;
}

/* Panels, with a panel's decoded columns behind them; or decoded rows. */
gsize
tn_weight_block_count (const TnTensor *weight)
{
  gsize depth = part_depth (weight), rows = MIN (tn_tensor_rows (weight), TN_WEIGHT_BLOCK_ROWS);
  gboolean in_place = tn_weight_in_place (weight);

  if (tn_weight_product () == TN_PRODUCT_OWN)
    return tn_panel_count (rows, depth) + (in_place ? 0 : TN_PANEL_COLUMNS * depth);
  return in_place ? 0 : rows * depth;
}

guint
tn_weight_block_parts (const TnTensor *weight)
{
  guint64 depth = MAX (part_depth (weight), 1);

  return (guint) ((tn_tensor_columns (weight) + depth - 1) / depth);
}

void
tn_weight_block_init (TnWeightBlock *self, const TnTensor *weight, guint64 first, guint64 n, float *scratch)
{
  *self = (TnWeightBlock){.weight = weight, .first = first, .n = n, .scratch = scratch};
}

/* Row row of the part is decoded soon. Rows lie apart by what the part leaves out, so the processor does not see them coming. */
static void
fetch_row (const TnWeightBlock *self, guint64 row)
{
  gsize columns = tn_tensor_columns (self->weight), row_bytes = self->weight->bytes / tn_tensor_rows (self->weight);
  const guint8 *start =
      (const guint8 *) self->weight->data + (self->first + row) * row_bytes + self->column * row_bytes / columns;

  for (gsize i = 0; i < self->depth * row_bytes / columns; i += 64)
    __builtin_prefetch (start + i, 0, 2);
}

static void
pack (TnWeightBlock *self)
{
  guint64 columns = tn_tensor_columns (self->weight);
  float *decoded = self->scratch + tn_panel_count (self->n, self->depth);

  self->ready = self->scratch;
  if (tn_weight_in_place (self->weight))
    {
      tn_panel_pack_transposed ((const float *) self->weight->data + self->first * columns + self->column, columns, self->n,
                                self->depth, self->scratch);
      return;
    }
  for (guint64 j = 0; j < self->n; j += TN_PANEL_COLUMNS)
    {
      guint64 n = MIN (TN_PANEL_COLUMNS, self->n - j);

      for (guint64 i = 0; i < n; i++)
        {
          if (j + i + 1 < self->n)
            fetch_row (self, j + i + 1);
          tn_tensor_decode (self->weight, (self->first + j + i) * columns + self->column, self->depth, decoded + i * self->depth);
        }
      tn_panel_pack_transposed (decoded, self->depth, n, self->depth, self->scratch + j * self->depth);
    }
}

gboolean
tn_weight_block_next (TnWeightBlock *self)
{
  guint64 columns = tn_tensor_columns (self->weight);

  self->column += self->depth;
  if (self->column >= columns)
    return FALSE;
  self->depth = MIN (part_depth (self->weight), columns - self->column);
  if (tn_weight_product () == TN_PRODUCT_OWN)
    pack (self);
  else if (tn_weight_in_place (self->weight))
    self->ready = (const float *) self->weight->data + self->first * columns;
  else
    {
      tn_tensor_decode_rows (self->weight, self->first, self->n, self->scratch);
      self->ready = self->scratch;
    }
  return TRUE;
}

void
tn_weight_block_multiply (const TnWeightBlock *self, const float *x, gsize n_rows, float *y, gsize y_stride)
{
  gsize columns = tn_tensor_columns (self->weight);

  if (n_rows == 0)
    return;
  if (tn_weight_product () == TN_PRODUCT_OWN)
    tn_panel_multiply (x + self->column, columns, n_rows, self->ready, self->depth, self->n, self->depth, y, y_stride,
                       self->column > 0 ? TN_CHAIN_RESUME : TN_CHAIN_START);
  else
    {
      int threads = begin_serial ();

      cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, (blasint) n_rows, (blasint) self->n, (blasint) columns, 1.0f, x,
                   (blasint) columns, self->ready, (blasint) columns, 0.0f, y, (blasint) y_stride);
      end_serial (threads);
    }
}

gsize
tn_weight_vector_count (const TnTensor *weight)
{
  guint64 columns = tn_tensor_columns (weight);

  if (tn_weight_in_place (weight))
    return 0;
  return TN_WEIGHT_VECTOR_ROWS * (tn_weight_product () == TN_PRODUCT_OWN ? MIN (columns, VECTOR_DEPTH) + VECTOR_GAP : columns);
}

/* Rows of 16 bits a number, a whole tile of them, need no place to be decoded to. FALSE where that is not what they are. */
static gboolean
multiply_half_vector (const TnTensor *weight, guint64 first, guint64 n, const float *x, float *y)
{
  guint64 columns = tn_tensor_columns (weight);
  TnHalfKind kind = weight->dtype == TN_DTYPE_F16 ? TN_HALF_F16 : TN_HALF_BF16;

  if ((weight->dtype != TN_DTYPE_F16 && weight->dtype != TN_DTYPE_BF16) || n != TN_HALF_ROWS || !tn_vector_half_is_fast ())
    return FALSE;
  tn_vector_multiply_half (kind, x, (const guint8 *) weight->data + 2 * first * columns, columns, columns, y);
  return TRUE;
}

/* The same for rows of whole Q8_0 blocks. */
static gboolean
multiply_q8_0_vector (const TnTensor *weight, guint64 first, guint64 n, const float *x, float *y)
{
  guint64 columns = tn_tensor_columns (weight), n_blocks = columns / TN_Q8_0_COLUMNS;
  gsize row_bytes = n_blocks * tn_dtype_block_bytes (TN_DTYPE_Q8_0);

  if (weight->dtype != TN_DTYPE_Q8_0 || n != TN_Q8_0_ROWS || columns % TN_Q8_0_COLUMNS != 0 || !tn_vector_q8_0_is_fast ())
    return FALSE;
  tn_vector_multiply_q8_0 (x, (const guint8 *) weight->data + first * row_bytes, n_blocks, y);
  return TRUE;
}

static void
multiply_decoded_vector (const TnTensor *weight, guint64 first, guint64 n, const float *x, float *scratch, float *y)
{
  guint64 columns = tn_tensor_columns (weight);

  for (guint64 column = 0; column < columns; column += VECTOR_DEPTH)
    {
      guint64 depth = MIN (VECTOR_DEPTH, columns - column), stride = depth + VECTOR_GAP;

      for (guint64 i = 0; i < n; i++)
        tn_tensor_decode (weight, (first + i) * columns + column, depth, scratch + i * stride);
      tn_vector_multiply_transposed (x + column, scratch, stride, n, depth, y, column > 0 ? TN_CHAIN_RESUME : TN_CHAIN_START);
    }
}

void
tn_weight_vector_multiply (const TnTensor *weight, guint64 first, guint64 n, const float *x, float *scratch, float *y)
{
  guint64 columns = tn_tensor_columns (weight);
  gboolean own = tn_weight_product () == TN_PRODUCT_OWN, in_place = tn_weight_in_place (weight);
  const float *rows = in_place ? (const float *) weight->data + first * columns : scratch;
  int threads;

  if (own && in_place)
    tn_vector_multiply_transposed (x, rows, columns, n, columns, y, TN_CHAIN_START);
  else if (own && (multiply_half_vector (weight, first, n, x, y) || multiply_q8_0_vector (weight, first, n, x, y)))
    return;
  else if (own)
    multiply_decoded_vector (weight, first, n, x, scratch, y);
  else
    {
      if (!in_place)
        tn_tensor_decode_rows (weight, first, n, scratch);
      threads = begin_serial ();
      cblas_sgemv (CblasRowMajor, CblasNoTrans, (blasint) n, (blasint) columns, 1.0f, rows, (blasint) columns, x, 1, 0.0f, y, 1);
      end_serial (threads);
    }
}
