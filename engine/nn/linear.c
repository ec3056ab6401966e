/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/linear.h"

#include <cblas.h>
#include <omp.h>

#include "engine/device/device.h"

#define BLOCK_ROWS 512
#define NARROW_BLOCK_ROWS 256
#define NARROW_ROWS 2048
/* Rows that one thread decodes at a time. */
#define PIECE_ROWS 64
#define PIECES (BLOCK_ROWS / PIECE_ROWS)
#define LARGE_BYTES ((guint64) 1 << 20)

typedef struct
{
  const TnLinear *layer;
  guint64 first, n;
  float *decoded; /* where to decode to; NULL in place */
  const float *rows;
} Block;

char *
tn_linear_backend (void)
{
  /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …" */
  g_auto (GStrv) words = g_strsplit (openblas_get_config (), " ", 3);
  const char *version = words[0] != NULL && words[1] != NULL ? words[1] : "unknown";

  return g_strdup_printf ("openblas %s %s", version, openblas_get_corename ());
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

void
tn_product_transposed (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc, gsize m, gsize n, gsize k,
                       float alpha)
{
  int threads = begin_serial ();

  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, (blasint) m, (blasint) n, (blasint) k, alpha, a, (blasint) lda, b,
               (blasint) ldb, 0.0f, c, (blasint) ldc);
  end_serial (threads);
}

void
tn_product_plain (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc, gsize m, gsize n, gsize k)
{
  int threads = begin_serial ();

  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint) m, (blasint) n, (blasint) k, 1.0f, a, (blasint) lda, b,
               (blasint) ldb, 0.0f, c, (blasint) ldc);
  end_serial (threads);
}

gboolean
tn_linear_in_place (const TnTensor *weight)
{
  return weight->dtype == TN_DTYPE_F32 && GPOINTER_TO_SIZE (weight->data) % sizeof (float) == 0;
}

guint64
tn_linear_block_rows (const TnTensor *weight)
{
  guint64 rows = tn_tensor_rows (weight);

  return MIN (rows, rows < NARROW_ROWS ? NARROW_BLOCK_ROWS : BLOCK_ROWS);
}

void
tn_linear_release (const TnTensor *weight, guint64 first, guint64 n, const TnForwardScratch *scratch)
{
  if (weight->block == NULL && weight->bytes >= LARGE_BYTES && (scratch->release_in_place || !tn_linear_in_place (weight)))
    tn_tensor_release_rows (weight, first, n);
}

static GArray *
cut_into_blocks (const TnLinear *layers, guint n_layers)
{
  GArray *blocks = g_array_new (FALSE, FALSE, sizeof (Block));

  for (guint i = 0; i < n_layers; i++)
    {
      const TnTensor *weight = layers[i].weight;
      guint64 out = tn_tensor_rows (weight), step = tn_linear_block_rows (weight);

      for (guint64 first = 0; first < out; first += step)
        {
          Block block = {.layer = &layers[i], .first = first, .n = MIN (step, out - first)};

          if (tn_linear_in_place (weight))
            block.rows = (const float *) weight->data + first * tn_tensor_columns (weight);
          g_array_append_val (blocks, block);
        }
    }
  return blocks;
}

/* As many blocks from the first one as the scratch can hold decoded; at least one, for it was planned so. */
static guint
place_group (Block *blocks, guint n, const TnForwardScratch *scratch)
{
  gsize used = 0;
  guint i;

  for (i = 0; i < n; i++)
    {
      gsize count = blocks[i].n * tn_tensor_columns (blocks[i].layer->weight);

      if (tn_linear_in_place (blocks[i].layer->weight))
        continue;
      if (count > scratch->weight_count - used)
        break;
      blocks[i].rows = blocks[i].decoded = scratch->weights + used;
      used += count;
    }
  return i;
}

static void
decode_piece (const Block *block, guint64 piece)
{
  guint64 first = piece * PIECE_ROWS;

  if (block->decoded != NULL && first < block->n)
    tn_tensor_decode_rows (block->layer->weight, block->first + first, MIN (PIECE_ROWS, block->n - first),
                           block->decoded + first * tn_tensor_columns (block->layer->weight));
}

static void
multiply (const Block *block, guint sequence, const float *x, const TnForwardScratch *scratch)
{
  guint64 in = tn_tensor_columns (block->layer->weight), out = tn_tensor_rows (block->layer->weight);
  gsize row = scratch->first_rows[sequence], length = scratch->batch->sequences[sequence].length;

  if (length > 0)
    tn_product_transposed (x + row * in, in, block->rows, in, block->layer->y + row * out + block->first, out, length, block->n,
                           in, 1.0f);
}

void
tn_linear_forward (const TnLinear *layers, guint n_layers, const float *x, const TnForwardScratch *scratch)
{
  g_autoptr (GArray) all = cut_into_blocks (layers, n_layers);
  guint n_sequences = scratch->batch->n_sequences;

  for (guint done = 0, n; done < all->len; done += n)
    {
      Block *blocks = &g_array_index (all, Block, done);
      gint64 n_pieces, n_items;

      n = place_group (blocks, all->len - done, scratch);
      g_assert (n > 0);
      n_pieces = (gint64) n * PIECES;
      n_items = (gint64) n * n_sequences;
#pragma omp parallel num_threads((int) scratch->threads)
      {
#pragma omp for schedule(dynamic)
        for (gint64 i = 0; i < n_pieces; i++)
          decode_piece (&blocks[i / PIECES], (guint64) (i % PIECES));
          /* All sequences of a block before the next block: its weights are read once. */
#pragma omp for schedule(dynamic)
        for (gint64 i = 0; i < n_items; i++)
          multiply (&blocks[i / n_sequences], (guint) (i % n_sequences), x, scratch);
      }
      for (guint i = 0; i < n; i++)
        tn_linear_release (blocks[i].layer->weight, blocks[i].first, blocks[i].n, scratch);
    }
}

void
tn_linear_vector (const TnTensor *weight, const float *x, float *tiles, float *y)
{
  guint64 out = tn_tensor_rows (weight), in = tn_tensor_columns (weight);
  gboolean in_place = tn_linear_in_place (weight);
  gint64 n_pieces = (gint64) ((out + TN_LINEAR_VECTOR_ROWS - 1) / TN_LINEAR_VECTOR_ROWS);

#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads())
  for (gint64 piece = 0; piece < n_pieces; piece++)
    {
      guint64 first = (guint64) piece * TN_LINEAR_VECTOR_ROWS, n = MIN (TN_LINEAR_VECTOR_ROWS, out - first);
      float *tile = tiles + (gsize) omp_get_thread_num () * TN_LINEAR_VECTOR_ROWS * in;
      const float *rows = in_place ? (const float *) weight->data + first * in : tile;
      int threads = begin_serial ();

      if (!in_place)
        tn_tensor_decode_rows (weight, first, n, tile);
      cblas_sgemv (CblasRowMajor, CblasNoTrans, (blasint) n, (blasint) in, 1.0f, rows, (blasint) in, x, 1, 0.0f, y + first, 1);
      end_serial (threads);
    }
}
