/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/token-product.h"

G_BEGIN_DECLS

/* What an instruction set does itself. Tokens go in pairs, whose products are added at once. */

#define TN_TOKEN_ROWS 6     /* of c, of a tile */
#define TN_TOKEN_COLUMNS 16

typedef struct
{
  /* Columns of x from codes on, of n_tokens tokens: panel [pairs][TN_TOKEN_COLUMNS][2], the last of an odd number with 0. */
  void (*pack)     (const gint8 *codes, gsize stride, gsize n_tokens, gint16 *panel);
  /* sums[r][k] = sum over pairs of a[r * stride + t] panel[t][k]. */
  void (*multiply) (const gint16 *a, gsize stride, const gint16 *panel, gsize n_pairs, gint32 sums[TN_TOKEN_ROWS][TN_TOKEN_COLUMNS]);
} TnTokenKernels;

#if defined(__x86_64__)
extern const TnTokenKernels tn_token_avx2;
#endif

/* Columns first .. first + n of a, n <= 64, of n_tokens <= TN_TOKEN_BLOCK tokens, to codes [n][TN_TOKEN_BLOCK]: a[t][i] token_scales[t] / scales[i]
 * rounded at random; column i of token t has number first + i of seeds[t]. */
void tn_token_codes (const float *a, gsize stride, const float *token_scales, const guint32 *seeds, gsize n_tokens, gsize first, gsize n,
                     gint16 *codes, float *scales);

G_END_DECLS
