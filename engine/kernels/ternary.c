/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternary.h"

#include <string.h>

#include "engine/kernels/ternary-private.h"

/* A product as its caller asked for it; one of sums and y is set. */
typedef struct
{
  const guint8 *tiles; /* of the first row */
  gsize n_tiles;       /* of a group */
  guint64 n_rows;
  const gint8 *x;
  gsize x_stride;
  const gint32 *x_sums;
  gsize n_tokens;
  const TnTernaryScales *scales;
  gint32 *sums;
  float *y;
  gsize y_stride;
} Product;

typedef struct
{
  gint32 sums[TN_TERNARY_BLOCK_TOKENS][TN_TERNARY_BLOCK_ROWS];
  guint8 panels[TN_TERNARY_BLOCK_GROUPS][TN_TERNARY_PANEL_STEPS][TN_TERNARY_STEP_BYTES];
} Scratch;

static gsize
count_tiles (guint64 columns)
{
  return (gsize) (columns / TN_TERNARY_TILE_COLUMNS + (columns % TN_TERNARY_TILE_COLUMNS != 0));
}

static gsize
count_groups (guint64 rows)
{
  return (gsize) (rows / TN_TERNARY_TILE_ROWS + (rows % TN_TERNARY_TILE_ROWS != 0));
}

gsize
tn_ternary_bytes (guint64 rows, guint64 columns)
{
  gsize groups = count_groups (rows), tiles = count_tiles (columns), bytes;

  if (!g_size_checked_mul (&bytes, groups, tiles) || !g_size_checked_mul (&bytes, bytes, TN_TERNARY_TILE_BYTES))
    return G_MAXSIZE;
  return bytes;
}

gsize
tn_ternary_padded (guint64 columns)
{
  return count_tiles (columns) * TN_TERNARY_TILE_COLUMNS;
}

gsize
tn_ternary_scratch_bytes (guint64 columns)
{
  return sizeof (Scratch);
}

void
tn_ternary_pack (guint8 *tiles, guint64 columns, guint64 first, guint64 n, const gint8 *codes)
{
  gsize group_bytes = count_tiles (columns) * TN_TERNARY_TILE_BYTES;

  g_return_if_fail (first % TN_TERNARY_TILE_ROWS == 0);

  memset (tiles + first / TN_TERNARY_TILE_ROWS * group_bytes, 0, count_groups (n) * group_bytes);
  for (guint64 i = 0; i < n; i++)
    {
      guint8 *row = tiles + (first + i) / TN_TERNARY_TILE_ROWS * group_bytes + 4 * (i % TN_TERNARY_TILE_ROWS);

      for (guint64 c = 0; c < columns; c++)
        row[c / TN_TERNARY_TILE_COLUMNS * TN_TERNARY_TILE_BYTES + c % 4] |=
            (guint8) ((codes[i * columns + c] + 1) << 2 * (c / 4 % 4));
    }
}

void
tn_ternary_unpack (const TnTernaryMatrix *self, guint64 first, guint64 n, gint8 *codes)
{
  gsize group_bytes = count_tiles (self->columns) * TN_TERNARY_TILE_BYTES;

  g_return_if_fail (first <= self->rows && n <= self->rows - first);

  for (guint64 i = first; i < first + n; i++)
    {
      const guint8 *row = self->tiles + i / TN_TERNARY_TILE_ROWS * group_bytes + 4 * (i % TN_TERNARY_TILE_ROWS);

      for (guint64 c = 0; c < self->columns; c++)
        *codes++ = (gint8) ((row[c / TN_TERNARY_TILE_COLUMNS * TN_TERNARY_TILE_BYTES + c % 4] >> 2 * (c / 4 % 4) & 3) - 1);
    }
}

/* The codes are the weights and one: what the one adds is taken off before. */
static void
begin_sums (const Product *self, gsize token, gsize n_tokens, Scratch *scratch)
{
  for (gsize t = 0; t < n_tokens; t++)
    for (gsize row = 0; row < TN_TERNARY_BLOCK_ROWS; row++)
      scratch->sums[t][row] = -self->x_sums[token + t];
}

static void
store_sums (const Product *self, guint64 row, gsize n_rows, gsize token, gsize n_tokens, const Scratch *scratch)
{
  const TnTernaryScales *scales = self->scales;

  for (gsize t = 0; t < n_tokens; t++)
    {
      const gint32 *sums = scratch->sums[t];
      gsize at = (token + t) * self->y_stride + row;

      if (self->sums != NULL)
        memcpy (self->sums + at, sums, n_rows * sizeof *sums);
      else if (scales->per_row)
        for (gsize i = 0; i < n_rows; i++)
          self->y[at + i] = (float) sums[i] * scales->tokens[token + t] * scales->rows[row + i];
      else
        for (gsize i = 0; i < n_rows; i++)
          self->y[at + i] = (float) sums[i] * scales->tokens[token + t] * scales->rows[0];
    }
}

static void
product_direct (const Product *self, const TnTernaryKernels *kernels, Scratch *scratch)
{
  for (guint64 row = 0; row < self->n_rows; row += TN_TERNARY_TILE_ROWS)
    {
      const guint8 *tiles = self->tiles + row / TN_TERNARY_TILE_ROWS * self->n_tiles * TN_TERNARY_TILE_BYTES;

      for (gsize token = 0; token < self->n_tokens; token += TN_TERNARY_DIRECT_TOKENS)
        {
          gsize n_tokens = MIN (self->n_tokens - token, TN_TERNARY_DIRECT_TOKENS);

          begin_sums (self, token, n_tokens, scratch);
          kernels->direct (tiles, self->n_tiles, self->x + token * self->x_stride, self->x_stride, n_tokens, scratch->sums[0]);
          store_sums (self, row, MIN (self->n_rows - row, TN_TERNARY_TILE_ROWS), token, n_tokens, scratch);
        }
    }
}

static void
product_block (const Product *self, const TnTernaryKernels *kernels, guint64 row, gsize n_groups, gsize token, gsize n_tokens,
               Scratch *scratch)
{
  const gsize most = TN_TERNARY_PANEL_STEPS / TN_TERNARY_STEPS;

  begin_sums (self, token, n_tokens, scratch);
  for (gsize tile = 0; tile < self->n_tiles; tile += most)
    {
      gsize n_tiles = MIN (self->n_tiles - tile, most);

      for (gsize g = 0; g < n_groups; g++)
        kernels->unpack (self->tiles + ((row / TN_TERNARY_TILE_ROWS + g) * self->n_tiles + tile) * TN_TERNARY_TILE_BYTES, n_tiles,
                         scratch->panels[g][0]);
      kernels->multiply (scratch->panels[0][0], n_groups, n_tiles * TN_TERNARY_STEPS,
                         self->x + token * self->x_stride + tile * TN_TERNARY_TILE_COLUMNS, self->x_stride, n_tokens,
                         scratch->sums[0]);
    }
  store_sums (self, row, MIN (self->n_rows - row, n_groups * TN_TERNARY_TILE_ROWS), token, n_tokens, scratch);
}

static void
product (const Product *self, Scratch *scratch)
{
  const TnTernaryKernels *kernels = &tn_ternary_scalar;

  if (self->n_tokens <= TN_TERNARY_DIRECT_TOKENS)
    {
      product_direct (self, kernels, scratch);
      return;
    }
  for (guint64 row = 0; row < self->n_rows; row += TN_TERNARY_BLOCK_ROWS)
    for (gsize token = 0; token < self->n_tokens; token += TN_TERNARY_BLOCK_TOKENS)
      product_block (self, kernels, row, MIN (count_groups (self->n_rows - row), TN_TERNARY_BLOCK_GROUPS), token,
                     MIN (self->n_tokens - token, TN_TERNARY_BLOCK_TOKENS), scratch);
}

static gboolean
range_fits (const TnTernaryMatrix *self, guint64 first, guint64 n)
{
  return self->columns <= TN_TERNARY_MAX_COLUMNS && first % TN_TERNARY_TILE_ROWS == 0 && first <= self->rows &&
         n <= self->rows - first && (n % TN_TERNARY_TILE_ROWS == 0 || first + n == self->rows);
}

void
tn_ternary_product (const TnTernaryMatrix *self, guint64 first, guint64 n, const gint8 *x, gsize x_stride, const gint32 *x_sums,
                    gsize n_tokens, const TnTernaryScales *scales, float *y, gsize y_stride, void *scratch)
{
  gsize n_tiles = count_tiles (self->columns);

  g_return_if_fail (range_fits (self, first, n));

  product (&(Product){.tiles = self->tiles + first / TN_TERNARY_TILE_ROWS * n_tiles * TN_TERNARY_TILE_BYTES,
                      .n_tiles = n_tiles,
                      .n_rows = n,
                      .x = x,
                      .x_stride = x_stride,
                      .x_sums = x_sums,
                      .n_tokens = n_tokens,
                      .scales = scales,
                      .y = y,
                      .y_stride = y_stride},
           scratch);
}

void
tn_ternary_product_int32 (const TnTernaryMatrix *self, guint64 first, guint64 n, const gint8 *x, gsize x_stride,
                          const gint32 *x_sums, gsize n_tokens, gint32 *y, gsize y_stride, void *scratch)
{
  gsize n_tiles = count_tiles (self->columns);

  g_return_if_fail (range_fits (self, first, n));

  product (&(Product){.tiles = self->tiles + first / TN_TERNARY_TILE_ROWS * n_tiles * TN_TERNARY_TILE_BYTES,
                      .n_tiles = n_tiles,
                      .n_rows = n,
                      .x = x,
                      .x_stride = x_stride,
                      .x_sums = x_sums,
                      .n_tokens = n_tokens,
                      .sums = y,
                      .y_stride = y_stride},
           scratch);
}
