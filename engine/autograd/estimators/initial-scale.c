/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/estimators/initial-scale.h"

#include <math.h>

#include "engine/autograd/estimators/quantizer-unit.h"
#include "engine/device/device.h"
#include "engine/tensor/scan.h"

#define SIZES 96
#define GOLDEN 0.6180339887498949
#define NARROWINGS 24
/* The smallest scale that is tried is this part of the largest. */
#define SMALLEST 1e-3
#define PIECE ((gsize) 1024)

typedef struct
{
  TnEstimator estimator;
  const TnScheme *scheme;
  const float *x;
  gsize n;
  double offset;
} Unit;

static double
get_high (const Unit *self)
{
  const double one = 1.0;
  TnQuantizerUnit unit;

  tn_quantizer_unit_init (&unit, self->estimator, self->scheme, &(TnUnitSource){.scale = &one});
  return unit.high;
}

static double
find_error (const Unit *self, double scale)
{
  const TnElementRule rule = tn_quantizer_rule (self->estimator, self->scheme, TRUE, 0.0);
  TnQuantizerUnit unit;
  double sum = 0.0;

  tn_quantizer_unit_init (&unit, self->estimator, self->scheme, &(TnUnitSource){.scale = &scale, .offset = self->offset});
  for (gsize i = 0; i < self->n; i += PIECE)
    {
      gsize m = MIN (PIECE, self->n - i);
      float q[PIECE];
      guint64 finite = 0;

      tn_elements_forward_f32 (rule, &unit, 1.0f, self->x + i, m, q);
      for (gsize k = 0; k < m; k++)
        q[k] = self->x[i + k] - q[k];
      sum += tn_scan_squares (q, m, &finite);
    }
  return sum;
}

static double
search (const Unit *self, double largest)
{
  double ratio = pow (SMALLEST, 1.0 / (SIZES - 1)), best = largest, least = INFINITY, low, high;

  for (guint i = 0; i < SIZES; i++)
    {
      double scale = largest * pow (ratio, i), error = find_error (self, scale);

      if (error < least)
        {
          least = error;
          best = scale;
        }
    }
  low = best * ratio;
  high = best / ratio;
  for (guint i = 0; i < NARROWINGS; i++)
    {
      double a = high - GOLDEN * (high - low), b = low + GOLDEN * (high - low);

      if (find_error (self, a) <= find_error (self, b))
        high = b;
      else
        low = a;
    }
  return find_error (self, 0.5 * (low + high)) < least ? 0.5 * (low + high) : best;
}

static double
get_by_source (const Unit *self, const TnScan *scan)
{
  double n = (double) MAX (scan->finite, 1), mean = scan->sum / n, absmean = scan->abs_sum / n;
  double largest = MAX (fabs ((double) scan->min), fabs ((double) scan->max));

  if (self->scheme->kind == TN_SCHEME_BINARY)
    return absmean;
  switch (self->estimator)
    {
    case TN_ESTIMATOR_SEQ:
    case TN_ESTIMATOR_RANGE:
      return largest;
    case TN_ESTIMATOR_LSQ_PLUS:
      if (self->scheme->asymmetric)
        return ((double) scan->max - self->offset) / get_high (self);
      if (self->scheme->kind == TN_SCHEME_INTEGER)
        {
          double deviation = sqrt (tn_scan_deviation (self->x, self->n, mean) / n);

          return MAX (fabs (mean - 3.0 * deviation), fabs (mean + 3.0 * deviation)) / (get_high (self) + 1.0);
        }
      return 2.0 * absmean / sqrt (get_high (self));
    case TN_ESTIMATOR_IDENTITY:
    case TN_ESTIMATOR_CLIPPED:
    case TN_ESTIMATOR_SOFT:
    case TN_ESTIMATOR_LSQ:
    case TN_ESTIMATOR_TRUST:
    case TN_N_ESTIMATORS:
    default:
      return 2.0 * absmean / sqrt (get_high (self));
    }
}

static double
find_scale (Unit *self, TnInitialScale how)
{
  TnScan scan = {.min = INFINITY, .max = -INFINITY};
  double largest;

  tn_scan_values (self->x, self->n, &scan);
  if (scan.finite == 0)
    return 1.0;
  if (self->estimator == TN_ESTIMATOR_LSQ_PLUS && self->scheme->asymmetric)
    self->offset = (double) scan.min;
  if (how == TN_INITIAL_BY_SOURCE)
    return get_by_source (self, &scan);
  largest = MAX (fabs ((double) scan.min - self->offset), fabs ((double) scan.max - self->offset));
  return largest > 0.0 ? search (self, largest) : 1.0;
}

void
tn_initial_scales (TnEstimator estimator, const TnScheme *scheme, TnInitialScale how, const float *x, gsize rows, gsize columns,
                   float *scales, float *offsets)
{
  gsize length = tn_estimator_get_unit (scheme, rows, columns);
  gsize n_units = scheme->granularity == TN_PER_TENSOR ? 1 : rows * columns / length;

#pragma omp parallel for schedule(dynamic) num_threads((int) tn_device_get_threads()) if (n_units > 1)
  for (gsize i = 0; i < n_units; i++)
    {
      Unit unit = {.estimator = estimator, .scheme = scheme, .x = x + i * length, .n = MIN (length, rows * columns)};

      scales[i] = (float) find_scale (&unit, how);
      if (offsets != NULL)
        offsets[i] = (float) unit.offset;
    }
}
