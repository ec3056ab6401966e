/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Exact sums of doubles that come from products of float32: integers in units of 2^-352 up to 2^447, so that nothing is rounded, nothing that is
 * made of finite float32 overflows, and the sum depends neither on order nor on grouping (Kulisch's accumulator). What the narrower sums of
 * calibration promise for activations, for errors as small as 2^-149. 32 bits a limb, the rest of it is room for carries. */
#define TN_EXACT_SUM_LIMBS 25
#define TN_EXACT_SUM_QUANTUM_LOG2 (-352)

typedef struct
{
  gint64  limbs[TN_EXACT_SUM_LIMBS]; /* least significant first; signed digits of 32 bits, not yet carried */
  guint32 pending;                   /* additions since carries were last taken */
} TnExactSum;

/* |x| < 2^416 and finite; bits of x below the quantum are cut off. 2^31 values of that size fit. */
void   tn_exact_sum_add       (TnExactSum *self, double x);
void   tn_exact_sum_merge     (TnExactSum *self, const TnExactSum *other);
/* Nearest double, of a tie the even one. */
double tn_exact_sum_to_double (const TnExactSum *self);

G_END_DECLS
