/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/ternary.h"

G_BEGIN_DECLS

/* What an instruction set does itself; the loops around it are in ternary.c. Products are of codes (weight + 1): the callers
 * take the sum of x off. A step is 4 columns of a group of 16 rows: 64 codes, those of a row side by side. */

#define TN_TERNARY_STEPS 4 /* of a tile */
#define TN_TERNARY_STEP_COLUMNS 4
#define TN_TERNARY_STEP_BYTES 64
/* A panel: the steps that are unpacked at once, with as many columns of x beside them. */
#define TN_TERNARY_PANEL_STEPS 64
#define TN_TERNARY_PANEL_COLUMNS (TN_TERNARY_PANEL_STEPS * TN_TERNARY_STEP_COLUMNS)
#define TN_TERNARY_PANEL_BYTES (TN_TERNARY_PANEL_STEPS * TN_TERNARY_STEP_BYTES)
/* The rows whose panels lie in the first cache together. */
#define TN_TERNARY_BLOCK_GROUPS 4
#define TN_TERNARY_BLOCK_ROWS (TN_TERNARY_BLOCK_GROUPS * TN_TERNARY_TILE_ROWS)
/* Tokens whose sums are in registers together, and tokens of a direct product. */
#define TN_TERNARY_TOKENS 6
#define TN_TERNARY_DIRECT_TOKENS 4

/* How far ahead of a direct product its weights are asked for: memory gives more when it is not left to the processor's guess. */
#define TN_TERNARY_AHEAD_BYTES 4096

typedef struct
{
  /* Codes of n_tiles tiles, one a byte: panel [n_tiles * TN_TERNARY_STEPS][TN_TERNARY_STEP_BYTES]. */
  void (*unpack)  (const guint8 *tiles, gsize n_tiles, guint8 *panel);
  /* sums [n_tokens][TN_TERNARY_BLOCK_ROWS] += codes times x for n_groups <= TN_TERNARY_BLOCK_GROUPS groups and
   * n_tokens <= TN_TERNARY_TOKENS. panels [n_groups][TN_TERNARY_PANEL_BYTES], n_steps of each; x [n_tokens][TN_TERNARY_PANEL_COLUMNS]. */
  void (*multiply)(const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums);
  /* The same for all columns of one group, from its tiles, n_tokens <= TN_TERNARY_DIRECT_TOKENS. */
  void (*direct)  (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums);
} TnTernaryKernels;

/* y[i] = ((float) sums[i] * token_scale) * row_scales[i], or row_scales[0]. */
void tn_ternary_scale (const gint32 *sums, gsize n, float token_scale, const float *row_scales, gboolean per_row,
                       gboolean adds, float *y);

/* Takes the sums [n_tokens, n_rows] (row stride stride) of rows row .. and tokens token .. of a product. */
typedef void (*TnTernaryStoreFunc) (const gint32 *sums, gsize stride, guint64 row, gsize n_rows, gsize token, gsize n_tokens,
                                    gconstpointer user_data);
/* Whether products with many tokens go to oneDNN now. */
gboolean tn_ternary_uses_onednn          (void);
gsize    tn_ternary_onednn_scratch_bytes (guint64 columns);
/* The product by oneDNN, from weights unpacked to a byte each; FALSE when the library failed (nothing is lost: the sums that were stored
 * are right, and ours can make them all again). scratch: [tn_ternary_onednn_scratch_bytes (columns)]. */
gboolean tn_ternary_onednn_product       (const TnTernaryMatrix *self, guint64 first, guint64 n, const gint8 *x, gsize x_stride,
                                          gsize n_tokens, TnTernaryStoreFunc store, gconstpointer user_data, void *scratch);

extern const TnTernaryKernels tn_ternary_scalar;
#if defined(__x86_64__)
extern const TnTernaryKernels tn_ternary_avx2;
extern const TnTernaryKernels tn_ternary_avx512;
extern const TnTernaryKernels tn_ternary_avx512_vnni;
#elif defined(__aarch64__)
extern const TnTernaryKernels tn_ternary_neon;
extern const TnTernaryKernels tn_ternary_neon_dotprod;
#endif

G_END_DECLS
