/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Exact sums: 256-bit two's complement integers in units of 2^-96 (range ±2^159). Adding a double rounds that one value
 * to the quantum (half away from zero) and adds without loss, so the sum does not depend on order or grouping. */
#define TN_WIDE_SUM_LIMBS 4
#define TN_WIDE_SUM_QUANTUM_LOG2 (-96)

typedef struct
{
  guint64 limbs[TN_WIDE_SUM_LIMBS]; /* least significant first */
} TnWideSum;

/* |x| < 2^158 and finite; the whole sum must stay below 2^159. */
void     tn_wide_sum_add       (TnWideSum *self, double x);
void     tn_wide_sum_merge     (TnWideSum *self, const TnWideSum *other);
/* Nearest double. */
double   tn_wide_sum_to_double (const TnWideSum *self);
gboolean tn_wide_sum_equal     (const TnWideSum *a, const TnWideSum *b);

/* The narrow form for channels: 128 bits in units of 2^-40 (range ±2^87). Each value is rounded to the quantum on its own, half to even. */
#define TN_CHANNEL_SUM_QUANTUM_LOG2 (-40)
typedef __int128 TnChannelSum;

double   tn_channel_sum_to_double (TnChannelSum sum);

G_END_DECLS
