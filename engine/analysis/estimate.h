/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <math.h>

G_BEGIN_DECLS

/* A number found from samples, with a two-sided interval of 95 %. */
typedef struct
{
  double value;     /* NaN: it was not measured */
  double low, high; /* NaN: one sample, which has no interval */
  guint n;          /* samples it comes from */
} TnEstimate;

#define TN_ESTIMATE_NONE ((TnEstimate){.value = NAN, .low = NAN, .high = NAN})
#define TN_ESTIMATE_CONFIDENCE 0.95

static inline gboolean tn_estimate_is_set (const TnEstimate *self) { return !isnan (self->value); }

/* Mean of n values, with Student's interval. n 0: none. */
TnEstimate tn_estimate_mean (const double *values, guint n);
/* sum (numerators) / sum (denominators), as tn_ratio_interval() has it: the loss a token over windows of unlike lengths. Denominators that sum to 0: none. */
TnEstimate tn_estimate_ratio (const double *numerators, const double *denominators, guint n);

G_END_DECLS
