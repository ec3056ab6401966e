/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/linear.h"

#include <cblas.h>
#include <omp.h>

#include "engine/device/device.h"
#include "engine/kernels/matrix-product.h"

#define LARGE_BYTES ((guint64) 1 << 20)
/* Pieces of work a thread, so that one that is late can leave some to others; but not so small that making a block ready, which
 * every piece does again, would count. */
#define PIECES_A_THREAD 4
#define LEAST_ROWS 240
/* Ranges begin where a tile of any variant does. */
#define RANGE_ROWS 12

/* A block of output rows against some ranges of x. */
typedef struct
{
  const TnLinear *layer;
  guint64 first, n;
  guint first_range, n_ranges;
} Piece;

char *
tn_linear_backend (void)
{
  /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …" */
  g_auto (GStrv) words = g_strsplit (openblas_get_config (), " ", 3);
  const char *version = words[0] != NULL && words[1] != NULL ? words[1] : "unknown";

  if (tn_weight_product () == TN_PRODUCT_OWN)
    return g_strdup (TN_MATRIX_PRODUCT_NAME);
  return g_strdup_printf ("openblas %s %s", version, openblas_get_corename ());
}

void
tn_linear_release (const TnTensor *weight, guint64 first, guint64 n, const TnForwardScratch *scratch)
{
  if (weight->block == NULL && weight->bytes >= LARGE_BYTES && (scratch->release_in_place || !tn_weight_in_place (weight)))
    tn_tensor_release_rows (weight, first, n);
}

static void
add_ranges (GArray *ranges, gsize first, gsize n, gsize most)
{
  for (gsize done = 0; done < n; done += most)
    {
      const TnRowRange range = {first + done, MIN (most, n - done)};

      g_array_append_val (ranges, range);
    }
}

GArray *
tn_linear_cut_rows (const TnForwardScratch *scratch, gsize most)
{
  GArray *ranges = g_array_new (FALSE, FALSE, sizeof (TnRowRange));

  if (tn_weight_product () == TN_PRODUCT_OWN)
    add_ranges (ranges, 0, scratch->batch->n_tokens, most);
  else
    for (guint s = 0; s < scratch->batch->n_sequences; s++)
      add_ranges (ranges, scratch->first_rows[s], scratch->batch->sequences[s].length, most);
  return ranges;
}

gsize
tn_linear_share_rows (const TnForwardScratch *scratch, guint64 n_blocks)
{
  gsize rows = MAX (scratch->batch->n_tokens, 1);
  gsize wanted = (gsize) ((scratch->threads * PIECES_A_THREAD + n_blocks - 1) / MAX (n_blocks, 1));
  gsize parts = CLAMP (wanted, 1, MAX (rows / LEAST_ROWS, 1));

  return (rows + parts * RANGE_ROWS - 1) / (parts * RANGE_ROWS) * RANGE_ROWS;
}

static guint64
count_blocks (const TnLinear *layers, guint n_layers)
{
  guint64 n = 0;

  for (guint i = 0; i < n_layers; i++)
    n += (tn_tensor_rows (layers[i].weight) + TN_WEIGHT_BLOCK_ROWS - 1) / TN_WEIGHT_BLOCK_ROWS;
  return n;
}

/* With OpenBLAS ranges are sequences, and a piece takes them all: rows must not be cut for the sake of threads. */
static GArray *
cut_into_pieces (const TnLinear *layers, guint n_layers, guint n_ranges)
{
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  guint ranges = tn_weight_product () == TN_PRODUCT_OWN ? 1 : n_ranges;

  for (guint i = 0; i < n_layers; i++)
    for (guint64 first = 0, out = tn_tensor_rows (layers[i].weight); first < out; first += TN_WEIGHT_BLOCK_ROWS)
      for (guint range = 0; range < n_ranges; range += ranges)
        {
          const Piece piece = {
              .layer = &layers[i],
              .first = first,
              .n = MIN (TN_WEIGHT_BLOCK_ROWS, out - first),
              .first_range = range,
              .n_ranges = ranges,
          };

          g_array_append_val (pieces, piece);
        }
  return pieces;
}

static void
run_piece (const Piece *piece, const TnRowRange *ranges, const float *x, const TnForwardScratch *scratch)
{
  const TnTensor *weight = piece->layer->weight;
  gsize in = tn_tensor_columns (weight), out = tn_tensor_rows (weight);
  TnWeightBlock block;

  tn_weight_block_init (&block, weight, piece->first, piece->n, tn_forward_scratch_weights (scratch));
  while (tn_weight_block_next (&block))
    for (guint i = 0; i < piece->n_ranges; i++)
      {
        const TnRowRange *range = &ranges[piece->first_range + i];

        tn_weight_block_multiply (&block, x + range->first * in, range->n, piece->layer->y + range->first * out + piece->first,
                                  out);
      }
  tn_linear_release (weight, piece->first, piece->n, scratch);
}

void
tn_linear_forward (const TnLinear *layers, guint n_layers, const float *x, const TnForwardScratch *scratch)
{
  gsize share = tn_linear_share_rows (scratch, count_blocks (layers, n_layers));
  g_autoptr (GArray) ranges = tn_linear_cut_rows (scratch, tn_weight_product () == TN_PRODUCT_OWN ? share : G_MAXSIZE);
  g_autoptr (GArray) pieces = cut_into_pieces (layers, n_layers, ranges->len);

#pragma omp parallel for schedule(dynamic) num_threads((int) scratch->threads)
  for (guint i = 0; i < pieces->len; i++)
    run_piece (&g_array_index (pieces, Piece, i), (const TnRowRange *) ranges->data, x, scratch);
}

void
tn_linear_vector (const TnTensor *weight, const float *x, float *tiles, gsize tile_count, float *y)
{
  guint64 out = tn_tensor_rows (weight);
  gint64 n_pieces = (gint64) ((out + TN_WEIGHT_VECTOR_ROWS - 1) / TN_WEIGHT_VECTOR_ROWS);

#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads())
  for (gint64 piece = 0; piece < n_pieces; piece++)
    {
      guint64 first = (guint64) piece * TN_WEIGHT_VECTOR_ROWS, n = MIN (TN_WEIGHT_VECTOR_ROWS, out - first);

      tn_weight_vector_multiply (weight, first, n, x, tiles + (gsize) omp_get_thread_num () * tile_count, y + first);
    }
}
