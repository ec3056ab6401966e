/* SPDX-License-Identifier: Apache-2.0 */
/* ACIQ: the clip that is best for a Laplace or a normal distribution of the values' own width (Banner, Nahshan, Soudry 2018).
 * Which of the two is told by the kurtosis: 6 of Laplace, 3 of Gauss; above 4.5 it is Laplace.
 *
 * Symmetric grids: moments are about 0, and rounding costs c^2 / 12 Q^2, the step of ±Q codes. Asymmetric grids have the paper's
 * 2^B levels over [m - c, m + c] about the mean m, cut where the values end. Data that are neither (one-sided, a few outliers)
 * get what their moments say, however wrong. */
#include <math.h>

#include "engine/quant/parameters-private.h"

#define KURTOSIS_BORDER 4.5
#define BISECTIONS 80

/* 2 e^(-a) + a^2 noise has its minimum where a noise = e^(-a): the left side rises, the right one falls. */
double
tn_aciq_laplace_clip (double noise)
{
  double low = 0.0, high = 64.0;

  for (guint i = 0; i < BISECTIONS; i++)
    {
      double a = 0.5 * (low + high);

      if (a * noise < exp (-a))
        low = a;
      else
        high = a;
    }
  return low;
}

/* The derivative of (a^2 + 1) (1 - erf (a / sqrt 2)) - sqrt (2 / pi) a e^(-a^2 / 2) + a^2 noise is
 * 2 a erfc (a / sqrt 2) - 2 sqrt (2 / pi) e^(-a^2 / 2) + 2 a noise. */
double
tn_aciq_gauss_clip (double noise)
{
  double low = 0.0, high = 64.0;

  for (guint i = 0; i < BISECTIONS; i++)
    {
      double a = 0.5 * (low + high);

      if (a * erfc (a * M_SQRT1_2) - sqrt (2.0 / M_PI) * exp (-0.5 * a * a) + a * noise < 0.0)
        low = a;
      else
        high = a;
    }
  return low;
}

/* Central moments from sums over pieces; about 0 for magnitudes. */
typedef struct
{
  double mean, variance, kurtosis, deviation; /* deviation: mean |x - mean| */
} Moments;

static Moments
get_moments (const TnDistribution *values)
{
  double n = tn_distribution_count (values);
  Moments self = {.mean = values->folded ? 0.0 : values->sum[values->n] / n};
  double fourth = 0.0;

  for (gsize i = 0; i < values->n; i++)
    {
      double low = values->low[i] - self.mean, high = values->high[i] - self.mean, weight = tn_distribution_weight (values, i);

      self.variance += weight * tn_piece_power (low, high, 2);
      fourth += weight * tn_piece_power (low, high, 4);
      self.deviation += weight * fabs (0.5 * (low + high));
    }
  self.variance /= n;
  self.deviation /= n;
  self.kurtosis = self.variance > 0.0 ? fourth / n / (self.variance * self.variance) : 0.0;
  return self;
}

gboolean
tn_parameters_aciq (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  Moments moments = get_moments (problem->values);
  double n_codes = (double) problem->grid.n_codes, levels = n_codes + 1.0;
  double noise = problem->grid.asymmetric ? 1.0 / (3.0 * levels * levels) : 1.0 / (12.0 * n_codes * n_codes);
  double clip = moments.kurtosis > KURTOSIS_BORDER ? tn_aciq_laplace_clip (noise) * moments.deviation
                                                   : tn_aciq_gauss_clip (noise) * sqrt (moments.variance);

  tn_grid_fit (&problem->grid, MAX (problem->min, moments.mean - clip), MIN (problem->max, moments.mean + clip), scale);
  return scale->scale > 0.0;
}
