/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/linear.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>

#include "engine/device/device.h"
#include "engine/kernels/matrix-product.h"

#define LARGE_BYTES ((guint64) 1 << 20)
/* Pieces of work a thread at least, so that one that is late can leave some to others; but not so small that making a block ready,
 * which every piece does again and takes as long as about so many rows, would count. */
#define PIECES_A_THREAD 3
#define LEAST_ROWS 240
#define READY_ROWS 24
/* Ranges begin where a tile of any variant does. */
#define RANGE_ROWS 12

/* A block of output rows of one layer, or of all that are joined, against some ranges of x. */
typedef struct
{
  const TnLinear *layers;
  guint n_layers;
  guint64 first, n;
  guint first_range, n_ranges;
} Piece;

typedef struct
{
  const TnLinear *layers;
  guint n_layers;
  const float *x;
  const TnForwardScratch *scratch;
  TnLinearPartFunc part; /* NULL: the layers are not joined */
  gpointer user_data;
} Work;

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
  gsize rows = MAX (scratch->batch->n_tokens, 1), most = MAX (rows / LEAST_ROWS, 1), threads = MAX (scratch->threads, 1);
  gsize least = (gsize) CLAMP ((threads * PIECES_A_THREAD + n_blocks - 1) / MAX (n_blocks, 1), 1, most);
  gsize best = least;
  double best_cost = INFINITY;

  for (gsize parts = least; parts <= most; parts++)
    {
      /* The thread with most pieces. */
      double cost = ceil ((double) (n_blocks * parts) / (double) threads) * ((double) rows / (double) parts + READY_ROWS);

      if (cost < best_cost)
        {
          best_cost = cost;
          best = parts;
        }
    }
  return (rows + best * RANGE_ROWS - 1) / (best * RANGE_ROWS) * RANGE_ROWS;
}

static guint64
count_blocks (const Work *work)
{
  guint64 n = 0;

  for (guint i = 0; i < (work->part != NULL ? 1 : work->n_layers); i++)
    n += (tn_tensor_rows (work->layers[i].weight) + TN_WEIGHT_BLOCK_ROWS - 1) / TN_WEIGHT_BLOCK_ROWS;
  return n;
}

/* With OpenBLAS ranges are sequences, and a piece takes them all: rows must not be cut for the sake of threads. */
static GArray *
cut_into_pieces (const Work *work, guint n_ranges)
{
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  guint ranges = tn_weight_product () == TN_PRODUCT_OWN ? 1 : n_ranges;
  guint step = work->part != NULL ? work->n_layers : 1;

  for (guint i = 0; i < work->n_layers; i += step)
    for (guint64 first = 0, out = tn_tensor_rows (work->layers[i].weight); first < out; first += TN_WEIGHT_BLOCK_ROWS)
      for (guint range = 0; range < n_ranges; range += ranges)
        {
          const Piece piece = {
              .layers = &work->layers[i],
              .n_layers = step,
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
multiply_piece (const Work *work, const Piece *piece, const TnLinear *layer, const TnRowRange *ranges)
{
  gsize in = tn_tensor_columns (layer->weight), out = tn_tensor_rows (layer->weight);
  TnWeightBlock block;

  tn_weight_block_init (&block, layer->weight, piece->first, piece->n, tn_forward_scratch_weights (work->scratch));
  while (tn_weight_block_next (&block))
    for (guint i = 0; i < piece->n_ranges; i++)
      tn_weight_block_multiply (&block, work->x + ranges[i].first * in, ranges[i].n,
                                layer->y + ranges[i].first * out + piece->first, out);
  tn_linear_release (layer->weight, piece->first, piece->n, work->scratch);
}

static void
run_piece (const Work *work, const Piece *piece, const TnRowRange *ranges)
{
  for (guint i = 0; i < piece->n_layers; i++)
    multiply_piece (work, piece, &piece->layers[i], ranges);
  for (guint i = 0; work->part != NULL && i < piece->n_ranges; i++)
    work->part (&ranges[i], piece->first, piece->n, work->user_data);
}

static void
run (const Work *work)
{
  gsize share = tn_linear_share_rows (work->scratch, count_blocks (work));
  g_autoptr (GArray) ranges =
      tn_linear_cut_rows (work->scratch, tn_weight_product () == TN_PRODUCT_OWN ? share : G_MAXSIZE);
  g_autoptr (GArray) pieces = cut_into_pieces (work, ranges->len);

#pragma omp parallel for schedule(dynamic) num_threads((int) work->scratch->threads)
  for (guint i = 0; i < pieces->len; i++)
    {
      const Piece *piece = &g_array_index (pieces, Piece, i);

      run_piece (work, piece, &g_array_index (ranges, TnRowRange, piece->first_range));
    }
}

void
tn_linear_forward (const TnLinear *layers, guint n_layers, const float *x, const TnForwardScratch *scratch)
{
  run (&(const Work){.layers = layers, .n_layers = n_layers, .x = x, .scratch = scratch});
}

void
tn_linear_forward_joined (const TnLinear *layers, guint n_layers, const float *x, const TnForwardScratch *scratch,
                          TnLinearPartFunc part, gpointer user_data)
{
  run (&(const Work){
      .layers = layers, .n_layers = n_layers, .x = x, .scratch = scratch, .part = part, .user_data = user_data});
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
