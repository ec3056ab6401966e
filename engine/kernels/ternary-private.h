/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/ternary.h"

G_BEGIN_DECLS

/* What an instruction set does itself; the loops around it are in ternary.c. Products are of codes (weight + 1): the callers
 * take the sum of x off. A step is 4 columns of a group of 16 rows: 64 codes, those of a row side by side. */

#define TN_TERNARY_STEPS 4 /* of a tile */
#define TN_TERNARY_STEP_COLUMNS 4
#define TN_TERNARY_STEP_BYTES 64
/* Groups and tokens of a block, steps of its panel. */
#define TN_TERNARY_BLOCK_GROUPS 4
#define TN_TERNARY_BLOCK_ROWS (TN_TERNARY_BLOCK_GROUPS * TN_TERNARY_TILE_ROWS)
#define TN_TERNARY_BLOCK_TOKENS 192
#define TN_TERNARY_PANEL_STEPS 64
/* Tokens that a direct product takes at once. */
#define TN_TERNARY_DIRECT_TOKENS 4

typedef struct
{
  /* Codes of n_tiles tiles, one a byte: panel [n_tiles * TN_TERNARY_STEPS][TN_TERNARY_STEP_BYTES]. */
  void (*unpack)  (const guint8 *tiles, gsize n_tiles, guint8 *panel);
  /* sums [n_tokens][TN_TERNARY_BLOCK_ROWS] += panels times x. Group g's panel of n_steps <= TN_TERNARY_PANEL_STEPS steps
   * begins at panels + g * TN_TERNARY_PANEL_STEPS * TN_TERNARY_STEP_BYTES; n_groups <= TN_TERNARY_BLOCK_GROUPS. */
  void (*multiply)(const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize x_stride, gsize n_tokens,
                   gint32 *sums);
  /* The same for the one group of tiles, all of its columns, n_tokens <= TN_TERNARY_DIRECT_TOKENS. */
  void (*direct)  (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums);
} TnTernaryKernels;

extern const TnTernaryKernels tn_ternary_scalar;

G_END_DECLS
