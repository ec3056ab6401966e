/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/matrix-product.h"

#include <string.h>

#include "engine/kernels/matrix-product-private.h"
#include "engine/kernels/variant.h"

/* Rows of a panel that a product with a vector makes at a time: they stay in the first cache. */
#define VECTOR_DEPTH 128
/* By which packing fetches ahead. */
#define ROWS_AHEAD 8

static const TnProductKernels *
get_kernels (void)
{
  switch (tn_variant_get ())
    {
#if defined(__x86_64__)
    case TN_VARIANT_AVX512_VNNI:
    case TN_VARIANT_AVX512:
      return &tn_product_avx512;
    case TN_VARIANT_AVX2:
      return &tn_product_avx2;
#elif defined(__aarch64__)
    case TN_VARIANT_NEON_DOTPROD:
    case TN_VARIANT_NEON:
      return &tn_product_neon;
#endif
    default:
      return &tn_product_scalar;
    }
}

void
tn_panel_pack_transposed (const float *columns, gsize stride, gsize n, gsize depth, float *panels)
{
  const TnProductKernels *kernels = get_kernels ();

  for (; n >= TN_PANEL_COLUMNS; n -= TN_PANEL_COLUMNS)
    {
      kernels->transpose (columns, stride, depth, panels, TN_PANEL_COLUMNS);
      columns += TN_PANEL_COLUMNS * stride;
      panels += TN_PANEL_COLUMNS * depth;
    }
  for (gsize k = 0; k < depth && n > 0; k++, panels += TN_PANEL_COLUMNS)
    for (gsize j = 0; j < TN_PANEL_COLUMNS; j++)
      panels[j] = j < n ? columns[j * stride + k] : 0.0f;
}

void
tn_matrix_transpose (const float *columns, gsize stride, gsize n, gsize depth, float *out, gsize out_stride)
{
  const TnProductKernels *kernels = get_kernels ();

  for (; n >= TN_PANEL_COLUMNS; n -= TN_PANEL_COLUMNS, columns += TN_PANEL_COLUMNS * stride, out += TN_PANEL_COLUMNS)
    kernels->transpose (columns, stride, depth, out, out_stride);
  for (gsize k = 0; k < depth && n > 0; k++)
    for (gsize j = 0; j < n; j++)
      out[k * out_stride + j] = columns[j * stride + k];
}

/* Whole rows of a group of panels, as they lie in memory, and what is behind the end of a row is not fetched in vain. Rows lie
 * far apart, so the processor does not see them coming. */
void
tn_panel_pack (const float *rows, gsize stride, gsize n, gsize depth, float *panels)
{
  for (gsize first = 0, columns; first < n; first += columns, panels += tn_panel_count (columns, depth))
    {
      gsize whole;

      columns = MIN (TN_PANEL_GROUP, n - first);
      whole = columns / TN_PANEL_COLUMNS * TN_PANEL_COLUMNS;
      for (gsize k = 0; k < depth; k++)
        {
          const float *row = rows + k * stride + first;
          float *out = panels + k * TN_PANEL_COLUMNS;

          for (gsize j = 0; k + ROWS_AHEAD < depth && j < columns; j += TN_PANEL_COLUMNS)
            __builtin_prefetch (row + ROWS_AHEAD * stride + j);
          for (gsize j = 0; j < whole; j += TN_PANEL_COLUMNS)
            memcpy (out + j * depth, row + j, TN_PANEL_COLUMNS * sizeof (float));
          if (whole < columns)
            {
              memset (out + whole * depth, 0, TN_PANEL_COLUMNS * sizeof (float));
              memcpy (out + whole * depth, row + whole, (columns - whole) * sizeof (float));
            }
        }
    }
}

/* The last columns, which a tile writes more of than there are. */
static void
multiply_edge (const TnProductKernels *kernels, const TnProductTile *tile, gsize rows, gsize columns)
{
  float values[TN_TILE_MOST_ROWS * TN_PANEL_COLUMNS] = {0};
  TnProductTile whole = *tile;

  if (tile->chain == TN_CHAIN_RESUME)
    for (gsize r = 0; r < rows; r++)
      memcpy (values + r * TN_PANEL_COLUMNS, tile->c + r * tile->c_stride, columns * sizeof (float));
  whole.c = values;
  whole.c_stride = TN_PANEL_COLUMNS;
  kernels->multiply (&whole, rows, 1);
  for (gsize r = 0; r < rows; r++)
    memcpy (tile->c + r * tile->c_stride, values + r * TN_PANEL_COLUMNS, columns * sizeof (float));
}

void
tn_panel_multiply (const float *a, gsize a_stride, gsize m, const float *panels, gsize panel_depth, gsize n, gsize depth,
                   float *c, gsize c_stride, TnChain chain)
{
  const TnProductKernels *kernels = get_kernels ();
  TnProductTile tile = {.a_stride = a_stride, .panel_depth = panel_depth, .depth = depth, .c_stride = c_stride, .chain = chain};

  for (gsize i = 0, rows; i < m; i += rows)
    {
      rows = MIN (kernels->rows, m - i);
      tile.a = a + i * a_stride;
      tile.depth = chain == TN_CHAIN_CAUSAL ? depth + i : depth;
      for (gsize j = 0, step, n_tiles = 0; j < n; j += step, n_tiles++)
        {
          gsize whole = MIN (kernels->panels, (n - j) / TN_PANEL_COLUMNS);
          gsize next = i + rows + n_tiles % kernels->rows;

          step = MAX (whole, 1) * TN_PANEL_COLUMNS;
          tile.panels = panels + j * panel_depth;
          tile.c = c + i * c_stride + j;
          tile.next = next < m ? a + next * a_stride : tile.a;
          if (whole > 0)
            kernels->multiply (&tile, rows, whole);
          else
            multiply_edge (kernels, &tile, rows, n - j);
        }
    }
}

/* n <= TN_PANEL_COLUMNS columns through a panel: pack makes part rows of it from row k on. */
typedef void (*PackFunc) (const float *b, gsize stride, gsize n, gsize depth, float *panels);

static void
multiply_packed (const float *x, const float *b, gsize stride, gsize row_step, PackFunc pack, gsize n, gsize depth, float *y,
                 TnChain chain)
{
  float panel[TN_PANEL_COLUMNS * VECTOR_DEPTH] __attribute__ ((aligned (64)));

  for (gsize k = 0, part; k < depth || k == 0; k += part)
    {
      part = MIN (VECTOR_DEPTH, depth - k);
      pack (b + k * row_step, stride, n, part, panel);
      tn_panel_multiply (x + k, 0, 1, panel, part, n, part, y, 0, k > 0 ? TN_CHAIN_RESUME : chain);
      if (part == 0)
        break;
    }
}

void
tn_vector_multiply_transposed (const float *x, const float *columns, gsize stride, gsize n, gsize depth, float *y, TnChain chain)
{
  const TnProductKernels *kernels = get_kernels ();

  for (; n >= TN_PANEL_COLUMNS; n -= TN_PANEL_COLUMNS, columns += TN_PANEL_COLUMNS * stride, y += TN_PANEL_COLUMNS)
    kernels->vector (x, columns, stride, depth, y, chain);
  if (n > 0)
    multiply_packed (x, columns, stride, 1, tn_panel_pack_transposed, n, depth, y, chain);
}

void
tn_vector_multiply (const float *x, const float *rows, gsize stride, gsize n, gsize depth, float *y, TnChain chain)
{
  for (gsize j = 0; j < n; j += TN_PANEL_COLUMNS)
    multiply_packed (x, rows + j, stride, stride, tn_panel_pack, MIN (TN_PANEL_COLUMNS, n - j), depth, y + j, chain);
}
