/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/bit-linear.h"

#include <omp.h>

#include "engine/kernels/ternarize.h"

/* Items a thread, so that the last ones come out even. */
#define ITEMS_PER_THREAD 4
/* Rows of the input that are worth the unpacking of weights for them alone; groups of weights that a product takes at once. */
#define ITEM_ROWS 96
#define ITEM_GROUPS 4

static guint64
tile_bytes (const TnTensor *weight)
{
  return tn_ternary_bytes (tn_tensor_rows (weight), tn_tensor_columns (weight));
}

/* A part of a row. Code k of row r as the tiles hold it: engine/kernels/ternary.h. */
static void
decode_part (const TnTensor *self, guint64 row, guint64 start, guint64 n, float scale, float *out)
{
  const guint8 *tiles = self->data;
  guint64 group_bytes = tn_ternary_bytes (TN_TERNARY_TILE_ROWS, tn_tensor_columns (self));
  const guint8 *bytes = tiles + row / TN_TERNARY_TILE_ROWS * group_bytes + 4 * (row % TN_TERNARY_TILE_ROWS);

  for (guint64 k = start; k < start + n; k++)
    {
      guint8 byte = bytes[k / TN_TERNARY_TILE_COLUMNS * TN_TERNARY_TILE_BYTES + k % 4];

      *out++ = (float) ((gint) (byte >> 2 * (k % TN_TERNARY_TILE_COLUMNS / 4) & 3) - 1) * scale;
    }
}

static void
decode (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  guint64 columns = tn_tensor_columns (self);
  const TnTernaryMatrix matrix = {tn_tensor_rows (self), columns, self->data};
  gboolean per_row = self->group_size != self->count;

  while (n > 0)
    {
      guint64 row = first / columns, start = first % columns, taken = MIN (n, columns - start);
      const float *scales = self->scales + (per_row ? row : 0);

      if (taken == columns)
        {
          taken = n / columns * columns;
          tn_ternary_dequantize_rows (&matrix, row, n / columns, scales, per_row, out, columns);
        }
      else
        decode_part (self, row, start, taken, scales[0], out);
      out += taken;
      first += taken;
      n -= taken;
    }
}

TnTensor *
tn_bit_linear_new (guint64 rows, guint64 columns, gboolean per_row, GError **error)
{
  const guint64 shape[] = {rows, columns};
  gsize tiles = tn_ternary_bytes (rows, columns), bytes;
  TnTensor *self;

  /* Where the size overflows, the pool says how much is too much. */
  if (!g_size_checked_mul (&bytes, MAX (rows, 1), sizeof (float)) || !g_size_checked_add (&bytes, bytes, tiles))
    bytes = G_MAXSIZE;
  self = tn_tensor_new_packed (2, shape, bytes, TN_PURPOSE_WEIGHTS, decode, error);
  if (self == NULL)
    return NULL;
  self->scales = (const float *) ((const guint8 *) self->data + tiles);
  self->group_size = per_row ? (gsize) columns : (gsize) MAX (self->count, 1);
  return self;
}

float *
tn_bit_linear_get_scales (TnTensor *weight)
{
  g_return_val_if_fail (tn_bit_linear_is (weight), NULL);

  return (float *) ((guint8 *) tn_tensor_get_writable (weight) + tile_bytes (weight));
}

gboolean
tn_bit_linear_is (const TnTensor *weight)
{
  return weight->dtype == TN_DTYPE_PACKED && weight->decode == decode;
}

static gsize
thread_scratch_bytes (guint64 columns)
{
  return (tn_ternary_scratch_bytes (columns) + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT;
}

gsize
tn_bit_linear_scratch_bytes (guint64 columns, guint threads)
{
  tn_ternary_choose ();
  return threads * thread_scratch_bytes (columns);
}

/* How the products of some layers are cut: every item is some groups of 16 rows of a layer by some rows of the input. */
typedef struct
{
  gsize groups, inputs; /* an item */
  gsize n_pieces;       /* of the input */
} Cut;

static gsize
count_groups (const TnTensor *weight)
{
  return (gsize) ((tn_tensor_rows (weight) + TN_TERNARY_TILE_ROWS - 1) / TN_TERNARY_TILE_ROWS);
}

/* Rather by rows of the input: a product copies those of an item once, however many weights it meets. */
static Cut
cut_products (gsize n_groups, gsize n_rows, guint threads)
{
  gsize wanted = (gsize) threads * ITEMS_PER_THREAD;
  Cut cut = {.inputs = n_rows / CLAMP (n_rows / ITEM_ROWS, 1, wanted)};

  cut.n_pieces = (n_rows + cut.inputs - 1) / cut.inputs;
  cut.groups = n_groups * cut.n_pieces / wanted;
  cut.groups = MAX ((cut.groups + ITEM_GROUPS - 1) / ITEM_GROUPS, 1) * ITEM_GROUPS;
  /* A single row is as fast as memory: each thread reads one stretch of it. */
  if (n_rows == 1)
    cut.groups = (n_groups + threads - 1) / threads;
  return cut;
}

static void
multiply (const TnBitLinear *layer, gsize first_group, gsize n_groups, const TnInt8Rows *x, gsize first, gsize n, void *scratch)
{
  const TnTensor *weight = layer->weight;
  guint64 rows = tn_tensor_rows (weight), columns = tn_tensor_columns (weight);
  guint64 row = first_group * TN_TERNARY_TILE_ROWS;
  const TnTernaryMatrix matrix = {rows, columns, weight->data};
  gboolean per_row = weight->group_size != weight->count;
  const TnTernaryScales scales = {x->scales + first, weight->scales + (per_row ? row : 0), per_row};

  tn_ternary_product (&matrix, row, MIN (n_groups * TN_TERNARY_TILE_ROWS, rows - row), x->codes + first * x->stride, x->stride,
                      x->sums + first, n, &scales, layer->y + first * rows + row, rows, scratch);
}

/* Groups first .. first + n of all layers, one behind the other. */
static void
multiply_groups (const TnBitLinear *layers, guint n_layers, gsize first, gsize n, const TnInt8Rows *x, gsize first_row,
                 gsize n_rows, void *scratch)
{
  for (guint i = 0; i < n_layers && n > 0; i++)
    {
      gsize groups = count_groups (layers[i].weight), taken;

      if (first >= groups)
        {
          first -= groups;
          continue;
        }
      taken = MIN (n, groups - first);
      multiply (&layers[i], first, taken, x, first_row, n_rows, scratch);
      first = 0;
      n -= taken;
    }
}

void
tn_bit_linear_forward (const TnBitLinear *layers, guint n_layers, const TnInt8Rows *x, gsize n_rows, void *scratch, guint threads)
{
  gsize n_groups = 0, thread_bytes = 0;
  gint64 n_items;
  Cut cut;

  for (guint i = 0; i < n_layers; i++)
    {
      n_groups += count_groups (layers[i].weight);
      thread_bytes = MAX (thread_bytes, thread_scratch_bytes (tn_tensor_columns (layers[i].weight)));
    }
  if (n_rows == 0 || n_groups == 0)
    return;
  cut = cut_products (n_groups, n_rows, threads);
  n_items = (gint64) ((n_groups + cut.groups - 1) / cut.groups * cut.n_pieces);

  /* All groups of a piece of the input before the next piece: the input stays in the cache. */
#pragma omp parallel for schedule(dynamic) num_threads((int) threads)
  for (gint64 item = 0; item < n_items; item++)
    {
      gsize per_piece = (gsize) n_items / cut.n_pieces;
      gsize first = (gsize) item % per_piece * cut.groups, row = (gsize) item / per_piece * cut.inputs;

      multiply_groups (layers, n_layers, first, MIN (cut.groups, n_groups - first), x, row, MIN (cut.inputs, n_rows - row),
                       (guint8 *) scratch + (gsize) omp_get_thread_num () * thread_bytes);
    }
}
