/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/histogram-distance.h"

#include <math.h>

#define SIGN_BIN 0x8000U

typedef struct
{
  double a, b; /* values in both */
  guint64 below_a, below_b;
  double ks, js;
} Walk;

/* p log2 (p / m), of a share p. */
static double
divergence (double p, double m)
{
  return p > 0.0 ? p * log2 (p / m) : 0.0;
}

static void
step (Walk *self, guint64 a, guint64 b)
{
  double p = (double) a / self->a, q = (double) b / self->b;

  if (a == 0 && b == 0)
    return;
  self->below_a += a;
  self->below_b += b;
  self->ks = MAX (self->ks, fabs ((double) self->below_a / self->a - (double) self->below_b / self->b));
  self->js += 0.5 * (divergence (p, 0.5 * (p + q)) + divergence (q, 0.5 * (p + q)));
}

void
tn_histogram_distance (const TnFloatHistogram *a, const TnFloatHistogram *b, TnHistogramDistance *distance)
{
  Walk walk = {.a = (double) tn_float_histogram_count (a), .b = (double) tn_float_histogram_count (b)};

  if (walk.a == 0.0 || walk.b == 0.0)
    {
      distance->ks = distance->js = (double) NAN;
      return;
    }
  /* In ascending order: the larger the bits of a negative number, the smaller it is. */
  for (guint bin = TN_FLOAT_HISTOGRAM_BINS; bin-- > SIGN_BIN;)
    step (&walk, a->bins[bin], b->bins[bin]);
  step (&walk, a->zeros, b->zeros);
  for (guint bin = 0; bin < SIGN_BIN; bin++)
    step (&walk, a->bins[bin], b->bins[bin]);
  distance->ks = walk.ks;
  distance->js = MAX (walk.js, 0.0);
}
