/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/kernels/ternarize-private.h"

/* Column 4 n + k of a tile: bits 2 n of byte k. */
#define STEPS 4
#define STEP_COLUMNS 4

static gboolean
pack_quad (const float *w, gsize w_stride, gsize n_tiles, const float thresholds[TN_QUAD_ROWS], guint8 *tiles)
{
  gint finite = TRUE;

  for (gsize tile = 0; tile < n_tiles; tile++, tiles += TN_TERNARY_TILE_BYTES)
    for (guint row = 0; row < TN_QUAD_ROWS; row++)
      {
        const float *values = w + row * w_stride + tile * TN_TERNARY_TILE_COLUMNS;
        float threshold = thresholds[row];

        for (guint k = 0; k < STEP_COLUMNS; k++)
          {
            gint byte = 0;

            for (guint n = 0; n < STEPS; n++)
              {
                float value = values[STEP_COLUMNS * n + k];

                finite &= isfinite (value) != 0;
                byte |= (1 + (value > threshold) - (value < -threshold)) << 2 * n;
              }
            tiles[STEP_COLUMNS * row + k] = (guint8) byte;
          }
      }
  return finite;
}

static void
unpack_row (const guint8 *tiles, gsize n_tiles, const float levels[4], float *out)
{
  for (gsize tile = 0; tile < n_tiles; tile++, tiles += TN_TERNARY_TILE_BYTES)
    for (guint n = 0; n < STEPS; n++)
      for (guint k = 0; k < STEP_COLUMNS; k++)
        *out++ = levels[tiles[k] >> 2 * n & 3];
}

const TnTernarizeKernels tn_ternarize_scalar = {pack_quad, unpack_row};
