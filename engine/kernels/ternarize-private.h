/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/ternary.h"

G_BEGIN_DECLS

/* What an instruction set does itself. A quad is four rows of a group: 16 bytes of each of its tiles. */
#define TN_QUAD_ROWS 4

typedef struct
{
  /* The codes of four rows' whole tiles, the first of them at tiles; FALSE when a value is not finite. */
  gboolean (*pack_quad)  (const float *w, gsize w_stride, gsize n_tiles, const float thresholds[TN_QUAD_ROWS], guint8 *tiles);
  /* The values of one row's whole tiles, its bytes of the first one at tiles. levels: of the four codes. */
  void     (*unpack_row) (const guint8 *tiles, gsize n_tiles, const float levels[4], float *out);
} TnTernarizeKernels;

extern const TnTernarizeKernels tn_ternarize_scalar;
#if defined(__x86_64__)
extern const TnTernarizeKernels tn_ternarize_avx2;
#elif defined(__aarch64__)
extern const TnTernarizeKernels tn_ternarize_neon;
#endif

G_END_DECLS
