/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternary-private.h"

static void
unpack (const guint8 *tiles, gsize n_tiles, guint8 *panel)
{
  for (gsize step = 0; step < n_tiles * TN_TERNARY_STEPS; step++)
    for (gsize i = 0; i < TN_TERNARY_STEP_BYTES; i++)
      panel[step * TN_TERNARY_STEP_BYTES + i] =
          tiles[step / TN_TERNARY_STEPS * TN_TERNARY_TILE_BYTES + i] >> 2 * (step % TN_TERNARY_STEPS) & 3;
}

static void
add_step (const guint8 *codes, const gint8 *x, gint32 *sums)
{
  for (gsize row = 0; row < TN_TERNARY_TILE_ROWS; row++)
    for (gsize k = 0; k < TN_TERNARY_STEP_COLUMNS; k++)
      sums[row] += codes[row * TN_TERNARY_STEP_COLUMNS + k] * x[k];
}

static void
multiply (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  for (gsize t = 0; t < n_tokens; t++)
    for (gsize g = 0; g < n_groups; g++)
      for (gsize step = 0; step < n_steps; step++)
        add_step (panels + g * TN_TERNARY_PANEL_BYTES + step * TN_TERNARY_STEP_BYTES,
                  x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS,
                  sums + t * TN_TERNARY_BLOCK_ROWS + g * TN_TERNARY_TILE_ROWS);
}

static void
direct (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  for (gsize tile = 0; tile < n_tiles; tile++)
    {
      guint8 codes[TN_TERNARY_STEPS * TN_TERNARY_STEP_BYTES];

      unpack (tiles + tile * TN_TERNARY_TILE_BYTES, 1, codes);
      for (gsize t = 0; t < n_tokens; t++)
        for (gsize step = 0; step < TN_TERNARY_STEPS; step++)
          add_step (codes + step * TN_TERNARY_STEP_BYTES,
                    x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS,
                    sums + t * TN_TERNARY_BLOCK_ROWS);
    }
}

const TnTernaryKernels tn_ternary_scalar = {unpack, multiply, direct};
