/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternarize.h"

#include <string.h>

#include "engine/kernels/ternarize-private.h"
#include "engine/kernels/variant.h"

#define ROWS TN_TERNARY_TILE_ROWS
#define COLUMNS TN_TERNARY_TILE_COLUMNS
#define ROW_BYTES (TN_TERNARY_TILE_BYTES / ROWS)
#define QUAD_BYTES (TN_QUAD_ROWS * ROW_BYTES)

static const TnTernarizeKernels *
get_kernels (void)
{
#if defined(__x86_64__)
  /* Memory is the limit: wider registers would not pay. */
  if (tn_variant_get () != TN_VARIANT_SCALAR)
    return &tn_ternarize_avx2;
#elif defined(__aarch64__)
  if (tn_variant_get () != TN_VARIANT_SCALAR)
    return &tn_ternarize_neon;
#endif
  return &tn_ternarize_scalar;
}

/* A quad of which rows are missing, or columns of the last tile: what is not there is cleared. */
static gboolean
pack_partial (const TnTernarizeKernels *kernels, const float *w, gsize w_stride, gsize n_rows, gsize n_columns,
              const float *thresholds, guint8 *tiles)
{
  float values[TN_QUAD_ROWS][COLUMNS] = {{0}};
  guint8 mask[QUAD_BYTES] = {0};
  gboolean finite;

  for (gsize i = 0; i < n_rows; i++)
    for (gsize j = 0; j < n_columns; j++)
      {
        values[i][j] = w[i * w_stride + j];
        mask[i * ROW_BYTES + j % ROW_BYTES] |= (guint8) (3 << 2 * (j / ROW_BYTES));
      }
  finite = kernels->pack_quad (values[0], COLUMNS, 1, thresholds, tiles);
  for (gsize i = 0; i < QUAD_BYTES; i++)
    tiles[i] &= mask[i];
  return finite;
}

static gboolean
pack_quad (const TnTernarizeKernels *kernels, const float *w, gsize w_stride, gsize n_rows, gsize columns,
           const float *thresholds, guint8 *tiles)
{
  gsize whole = n_rows == TN_QUAD_ROWS ? columns / COLUMNS : 0;
  gboolean finite = kernels->pack_quad (w, w_stride, whole, thresholds, tiles);

  for (gsize tile = whole; tile * COLUMNS < columns; tile++)
    finite &= pack_partial (kernels, w + tile * COLUMNS, w_stride, n_rows, MIN (columns - tile * COLUMNS, COLUMNS), thresholds,
                            tiles + tile * TN_TERNARY_TILE_BYTES);
  return finite;
}

gboolean
tn_ternarize_pack_rows (const float *w, gsize w_stride, guint64 columns, const float *thresholds, gboolean per_row, guint64 first,
                        guint64 n, guint8 *tiles)
{
  const TnTernarizeKernels *kernels = get_kernels ();
  gsize group_bytes = tn_ternary_bytes (ROWS, columns);
  gboolean finite = TRUE;

  g_return_val_if_fail (first % ROWS == 0, FALSE);

  tiles += first / ROWS * group_bytes;
  for (guint64 row = 0; row < (n + ROWS - 1) / ROWS * ROWS; row += TN_QUAD_ROWS)
    {
      gsize n_rows = row < n ? (gsize) MIN (n - row, TN_QUAD_ROWS) : 0;
      float quad[TN_QUAD_ROWS] = {0};

      for (gsize i = 0; i < n_rows; i++)
        quad[i] = thresholds[per_row ? row + i : 0];
      finite &= pack_quad (kernels, n_rows > 0 ? w + row * w_stride : w, w_stride, n_rows, (gsize) columns, quad,
                           tiles + row / ROWS * group_bytes + row % ROWS / TN_QUAD_ROWS * QUAD_BYTES);
    }
  return finite;
}

void
tn_ternary_dequantize_rows (const TnTernaryMatrix *self, guint64 first, guint64 n, const float *scales, gboolean per_row,
                            float *out, gsize out_stride)
{
  const TnTernarizeKernels *kernels = get_kernels ();
  gsize group_bytes = tn_ternary_bytes (ROWS, self->columns);
  gsize whole = (gsize) self->columns / COLUMNS, rest = (gsize) self->columns % COLUMNS;

  g_return_if_fail (first <= self->rows && n <= self->rows - first);

  for (guint64 i = 0; i < n; i++, out += out_stride)
    {
      const guint8 *tiles = self->tiles + (first + i) / ROWS * group_bytes + (first + i) % ROWS * ROW_BYTES;
      float scale = scales[per_row ? i : 0];
      float levels[4] = {-scale, 0.0f * scale, scale, 2.0f * scale};

      kernels->unpack_row (tiles, whole, levels, out);
      if (rest > 0)
        {
          float last[COLUMNS];

          kernels->unpack_row (tiles + whole * TN_TERNARY_TILE_BYTES, 1, levels, last);
          memcpy (out + whole * COLUMNS, last, rest * sizeof (float));
        }
    }
}
