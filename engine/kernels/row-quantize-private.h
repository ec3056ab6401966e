/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What an instruction set does itself with one row; the same bits in all of them. v = x * norm * weight, or x where weight is NULL.
 * next: the row after, or NULL; while this one is in the cache, find_largest fetches the first half of it and write_codes the rest. */
typedef struct
{
  /* The factor of tn_rmsnorm(). */
  float  (*get_norm)    (const float *x, gsize width, double epsilon);
  /* The largest bits of |v|: ordered as the magnitudes are, those that are not finite last. */
  gint32 (*find_largest)(const float *x, const float *weight, float norm, gsize width, const float *next);
  /* codes = round (v * factor), half to even, |v * factor| < 127.5; returns their sum. */
  gint32 (*write_codes) (const float *x, const float *weight, float norm, float factor, gsize width, const float *next,
                         gint8 *codes);
} TnRowKernels;

extern const TnRowKernels tn_row_scalar;
#if defined(__x86_64__)
extern const TnRowKernels tn_row_avx2;
extern const TnRowKernels tn_row_avx512;
#endif

G_END_DECLS
