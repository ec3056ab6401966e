/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternary.h"

#include <string.h>

#include "engine/kernels/ternary-private.h"
#include "engine/kernels/variant.h"

static const TnTernaryKernels *const kernels_of[TN_N_VARIANTS] = {
    [TN_VARIANT_SCALAR] = &tn_ternary_scalar,
#if defined(__x86_64__)
    [TN_VARIANT_AVX2] = &tn_ternary_avx2,
    [TN_VARIANT_AVX512] = &tn_ternary_avx512,
    [TN_VARIANT_AVX512_VNNI] = &tn_ternary_avx512_vnni,
#elif defined(__aarch64__)
    [TN_VARIANT_NEON] = &tn_ternary_neon,
    [TN_VARIANT_NEON_DOTPROD] = &tn_ternary_neon_dotprod,
#endif
};

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

/* So few tokens are faster straight from the tiles. */
#define MOST_DIRECT_TOKENS 12
/* Tokens between one unpacking of the weights and the next: many make it cheap, but their activations and sums should not leave
 * the caches. */
#define CHUNK_TOKENS (32 * TN_TERNARY_TOKENS)
#define CHUNK_BYTES ((gsize) 768 << 10)
#define LINE_BYTES 64

typedef struct
{
  gint32 sums[CHUNK_TOKENS][TN_TERNARY_BLOCK_ROWS];
  guint8 panels[TN_TERNARY_BLOCK_GROUPS][TN_TERNARY_PANEL_BYTES];
  gint8 x[]; /* [panels of the columns][tokens of the chunk][TN_TERNARY_PANEL_COLUMNS] */
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

static gsize
count_panels (gsize n_tiles)
{
  const gsize most = TN_TERNARY_PANEL_STEPS / TN_TERNARY_STEPS;

  return n_tiles / most + (n_tiles % most != 0);
}

/* A multiple of TN_TERNARY_TOKENS. */
static gsize
chunk_tokens (gsize n_tiles)
{
  gsize token_bytes = MAX (count_panels (n_tiles), 1) * TN_TERNARY_PANEL_COLUMNS;

  return CLAMP (CHUNK_BYTES / token_bytes / TN_TERNARY_TOKENS * TN_TERNARY_TOKENS, TN_TERNARY_TOKENS, CHUNK_TOKENS);
}

gsize
tn_ternary_scratch_bytes (guint64 columns)
{
  gsize n_tiles = count_tiles (columns);
  gsize own = sizeof (Scratch) + count_panels (n_tiles) * TN_TERNARY_PANEL_COLUMNS * chunk_tokens (n_tiles);

  return tn_ternary_uses_onednn () ? MAX (own, tn_ternary_onednn_scratch_bytes (columns)) : own;
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

/* Four codes at a time, in the bytes of a word: one is taken off each without a borrow from its neighbour. */
static void
unpack_tile_row (const guint8 *bytes, gint8 *codes)
{
  guint32 word;

  memcpy (&word, bytes, sizeof word);
  for (guint n = 0; n < TN_TERNARY_STEPS; n++)
    {
      guint32 four = (((word >> 2 * n & 0x03030303) | 0x80808080) - 0x01010101) ^ 0x80808080;

      memcpy (codes + 4 * n, &four, sizeof four);
    }
}

void
tn_ternary_unpack (const TnTernaryMatrix *self, guint64 first, guint64 n, gint8 *codes)
{
  gsize group_bytes = count_tiles (self->columns) * TN_TERNARY_TILE_BYTES;

  g_return_if_fail (first <= self->rows && n <= self->rows - first);

  for (guint64 i = first; i < first + n; i++)
    {
      const guint8 *tile = self->tiles + i / TN_TERNARY_TILE_ROWS * group_bytes + 4 * (i % TN_TERNARY_TILE_ROWS);

      for (guint64 c = 0; c < self->columns; c += TN_TERNARY_TILE_COLUMNS, tile += TN_TERNARY_TILE_BYTES)
        {
          gint8 columns[TN_TERNARY_TILE_COLUMNS];

          unpack_tile_row (tile, columns);
          memcpy (codes, columns, MIN (self->columns - c, TN_TERNARY_TILE_COLUMNS));
          codes += MIN (self->columns - c, TN_TERNARY_TILE_COLUMNS);
        }
    }
}

/* The first of the fewest parts of at most most, all about equal, that make n. */
static gsize
next_part (gsize n, gsize most)
{
  gsize parts = (n + most - 1) / most;

  return (n + parts - 1) / parts;
}

/* The codes are the weights and one: what the one adds is taken off before. */
static void
begin_sums (const Product *self, gsize n_groups, gsize token, gsize n_tokens, gint32 *sums)
{
  for (gsize t = 0; t < n_tokens; t++)
    for (gsize row = 0; row < n_groups * TN_TERNARY_TILE_ROWS; row++)
      sums[t * TN_TERNARY_BLOCK_ROWS + row] = -self->x_sums[token + t];
}

TN_KERNEL_INLINE void
tn_ternary_scale_body (const gint32 *sums, gsize n, float token_scale, const float *row_scales, gboolean per_row, gboolean adds,
                       float *y)
{
  if (adds && per_row)
    for (gsize i = 0; i < n; i++)
      y[i] += (float) sums[i] * token_scale * row_scales[i];
  else if (adds)
    for (gsize i = 0; i < n; i++)
      y[i] += (float) sums[i] * token_scale * row_scales[0];
  else if (per_row)
    for (gsize i = 0; i < n; i++)
      y[i] = (float) sums[i] * token_scale * row_scales[i];
  else
    for (gsize i = 0; i < n; i++)
      y[i] = (float) sums[i] * token_scale * row_scales[0];
}

TN_KERNEL_DEFINE (tn_ternary_scale,
                  (const gint32 *sums, gsize n, float token_scale, const float *row_scales, gboolean per_row, gboolean adds, float *y),
                  (sums, n, token_scale, row_scales, per_row, adds, y))

static void
store_sums (const gint32 *sums, gsize stride, guint64 row, gsize n_rows, gsize token, gsize n_tokens, gconstpointer user_data)
{
  const Product *self = user_data;
  const TnTernaryScales *scales = self->scales;

  for (gsize t = 0; t < n_tokens; t++, sums += stride)
    {
      gsize at = (token + t) * self->y_stride + row;

      if (self->sums != NULL)
        memcpy (self->sums + at, sums, n_rows * sizeof (gint32));
      else
        tn_ternary_scale (sums, n_rows, scales->tokens[token + t], scales->rows + (scales->per_row ? row : 0), scales->per_row,
                          scales->adds, self->y + at);
    }
}

static void
product_direct (const Product *self, const TnTernaryKernels *kernels, Scratch *scratch)
{
  for (guint64 row = 0; row < self->n_rows; row += TN_TERNARY_TILE_ROWS)
    {
      const guint8 *tiles = self->tiles + row / TN_TERNARY_TILE_ROWS * self->n_tiles * TN_TERNARY_TILE_BYTES;

      for (gsize token = 0, n_tokens; token < self->n_tokens; token += n_tokens)
        {
          n_tokens = next_part (self->n_tokens - token, TN_TERNARY_DIRECT_TOKENS);
          begin_sums (self, 1, token, n_tokens, scratch->sums[0]);
          kernels->direct (tiles, self->n_tiles, self->x + token * self->x_stride, self->x_stride, n_tokens, scratch->sums[0]);
          store_sums (scratch->sums[0], TN_TERNARY_BLOCK_ROWS, row, MIN (self->n_rows - row, TN_TERNARY_TILE_ROWS), token,
                      n_tokens, self);
        }
    }
}

/* Rows of x lie anywhere, often a power of two apart, which the first cache holds few of. */
static void
copy_x (const Product *self, gsize token, gsize n_tokens, Scratch *scratch)
{
  gsize width = self->n_tiles * TN_TERNARY_TILE_COLUMNS;
  gint8 *out = scratch->x;

  for (gsize column = 0; column < width; column += TN_TERNARY_PANEL_COLUMNS)
    for (gsize t = 0; t < n_tokens; t++, out += TN_TERNARY_PANEL_COLUMNS)
      memcpy (out, self->x + (token + t) * self->x_stride + column, MIN (width - column, TN_TERNARY_PANEL_COLUMNS));
}

/* Where results go is seldom in a cache: its lines come while the sums are made. Inline, for the compiler drops calls of
 * functions that do nothing but this. */
TN_KERNEL_INLINE void
prefetch_results (const Product *self, guint64 row, gsize n_rows, gsize token, gsize n_tokens)
{
  const guint8 *results = self->sums != NULL ? (const guint8 *) self->sums : (const guint8 *) self->y;

  for (gsize t = 0; t < n_tokens; t++)
    for (gsize i = 0; i < n_rows; i += LINE_BYTES / sizeof (float))
      __builtin_prefetch (results + ((token + t) * self->y_stride + row + i) * sizeof (float), 1);
}

/* The weights of the next panel come a few at a time, too: tiles first .. end of its groups. */
TN_KERNEL_INLINE void
prefetch_tiles (const Product *self, guint64 row, gsize first, gsize end)
{
  gsize n_groups = row < self->n_rows ? MIN (count_groups (self->n_rows - row), TN_TERNARY_BLOCK_GROUPS) : 0;
  const guint8 *tiles = self->tiles + row / TN_TERNARY_TILE_ROWS * self->n_tiles * TN_TERNARY_TILE_BYTES;

  for (gsize g = 0; g < n_groups; g++, tiles += self->n_tiles * TN_TERNARY_TILE_BYTES)
    for (gsize tile = first; tile < MIN (end, self->n_tiles); tile++)
      __builtin_prefetch (tiles + tile * TN_TERNARY_TILE_BYTES);
}

static void
product_block (const Product *self, const TnTernaryKernels *kernels, guint64 row, gsize n_groups, gsize token, gsize n_tokens,
               Scratch *scratch)
{
  const gsize most = TN_TERNARY_PANEL_STEPS / TN_TERNARY_STEPS;
  const gsize n_rows = MIN (self->n_rows - row, n_groups * TN_TERNARY_TILE_ROWS);
  const gint8 *x = scratch->x;

  for (gsize tile = 0; tile < self->n_tiles; tile += most)
    {
      gsize n_tiles = MIN (self->n_tiles - tile, most);
      gboolean last = n_tiles == self->n_tiles - tile;

      for (gsize g = 0; g < n_groups; g++)
        kernels->unpack (self->tiles + ((row / TN_TERNARY_TILE_ROWS + g) * self->n_tiles + tile) * TN_TERNARY_TILE_BYTES, n_tiles,
                         scratch->panels[g]);
      for (gsize t = 0, n; t < n_tokens; t += n, x += n * TN_TERNARY_PANEL_COLUMNS)
        {
          n = next_part (n_tokens - t, TN_TERNARY_TOKENS);
          if (tile == 0)
            begin_sums (self, n_groups, token + t, n, scratch->sums[t]);
          prefetch_tiles (self, last ? row + n_rows : row, (last ? 0 : tile + most) + most * t / n_tokens,
                          (last ? 0 : tile + most) + most * (t + n) / n_tokens);
          if (last)
            prefetch_results (self, row, n_rows, token + t, n);
          kernels->multiply (scratch->panels[0], n_groups, n_tiles * TN_TERNARY_STEPS, x, n, scratch->sums[t]);
          if (last)
            store_sums (scratch->sums[t], TN_TERNARY_BLOCK_ROWS, row, n_rows, token + t, n, self);
        }
    }
}

static void
product (const TnTernaryMatrix *matrix, guint64 first, const Product *self, Scratch *scratch)
{
  const TnTernaryKernels *kernels = kernels_of[tn_variant_get ()];
  gsize most = chunk_tokens (self->n_tiles) / TN_TERNARY_TOKENS;

  if (self->n_tokens > MOST_DIRECT_TOKENS && self->n_tiles > 0 && tn_ternary_uses_onednn () &&
      tn_ternary_onednn_product (matrix, first, self->n_rows, self->x, self->x_stride, self->n_tokens, store_sums,
                                 self, scratch))
    return;
  if (self->n_tokens <= MOST_DIRECT_TOKENS || self->n_tiles == 0)
    {
      product_direct (self, kernels, scratch);
      return;
    }
  for (gsize token = 0, n_tokens; token < self->n_tokens; token += n_tokens)
    {
      gsize rest = self->n_tokens - token;

      n_tokens = MIN (next_part ((rest + TN_TERNARY_TOKENS - 1) / TN_TERNARY_TOKENS, most) * TN_TERNARY_TOKENS, rest);
      copy_x (self, token, n_tokens, scratch);
      for (guint64 row = 0, n_groups; row < self->n_rows; row += n_groups * TN_TERNARY_TILE_ROWS)
        {
          n_groups = next_part (count_groups (self->n_rows - row), TN_TERNARY_BLOCK_GROUPS);
          product_block (self, kernels, row, n_groups, token, n_tokens, scratch);
        }
    }
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

  product (self, first,
           &(Product){.tiles = self->tiles + first / TN_TERNARY_TILE_ROWS * n_tiles * TN_TERNARY_TILE_BYTES,
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

  product (self, first,
           &(Product){.tiles = self->tiles + first / TN_TERNARY_TILE_ROWS * n_tiles * TN_TERNARY_TILE_BYTES,
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
