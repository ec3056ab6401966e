/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/combined-losses.h"

#include "engine/metrics/student.h"

#define LEAST_SPREAD 0.1

/* How scores of a scheme stand to what was measured. */
typedef struct
{
  double factor; /* 0: not known */
  double spread; /* relative */
} Calibration;

/* Fisher's, which has no term of the first order: over few samples that one is noise, and of either sign. */
static const TnEstimate *
get_score (const TnAnalysisCell *cell)
{
  return tn_estimate_is_set (&cell->fisher) ? &cell->fisher : &cell->taylor;
}

static double
get_half_width (const TnEstimate *estimate)
{
  return 0.5 * (estimate->high - estimate->low);
}

/* In standard errors; intervals are Student's. */
static double
get_width_factor (const TnEstimate *estimate)
{
  return tn_student_half_width (1.0 - TN_ESTIMATE_CONFIDENCE, estimate->n - 1);
}

static gboolean
has_both (const TnAnalysisCell *cell)
{
  return tn_estimate_is_set (&cell->measured) && cell->measured.n > 1 && get_half_width (&cell->measured) > 0.0 &&
         tn_estimate_is_set (get_score (cell)) && get_score (cell)->value != 0.0;
}

static Calibration
calibrate (const TnAnalysis *self, guint scheme)
{
  double measured = 0.0, score = 0.0, residuals = 0.0, squares = 0.0;
  Calibration result = {0.0, LEAST_SPREAD};

  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnAnalysisCell *cell = tn_analysis_get_cell (self, i, scheme);

      if (!has_both (cell))
        continue;
      measured += cell->measured.value;
      score += get_score (cell)->value;
    }
  if (!(score != 0.0 && measured / score > 0.0))
    return result;
  result.factor = measured / score;
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnAnalysisCell *cell = tn_analysis_get_cell (self, i, scheme);
      double expected, standard_error;

      if (!has_both (cell))
        continue;
      expected = result.factor * get_score (cell)->value;
      standard_error = get_half_width (&cell->measured) / get_width_factor (&cell->measured);
      residuals += (cell->measured.value - expected) * (cell->measured.value - expected) - standard_error * standard_error;
      squares += expected * expected;
    }
  result.spread = sqrt (MAX (residuals / squares, LEAST_SPREAD * LEAST_SPREAD));
  return result;
}

static TnEstimate
combine (const TnAnalysis *self, guint layer, guint scheme, const Calibration *calibration)
{
  const TnAnalysisCell *cell = tn_analysis_get_cell (self, layer, scheme);
  const TnEstimate *score = get_score (cell);
  TnEstimate result = tn_analysis_get_loss (self, layer, scheme, NULL);

  if (calibration->factor == 0.0)
    return result;
  if (has_both (cell))
    {
      double width_factor = get_width_factor (&cell->measured);
      double standard_error = get_half_width (&cell->measured) / width_factor;
      double expected = calibration->factor * score->value, deviation = calibration->spread * expected;
      double weight = deviation * deviation / (deviation * deviation + standard_error * standard_error);
      double half = width_factor * standard_error * sqrt (weight);

      result.value = weight * cell->measured.value + (1.0 - weight) * expected;
      result.low = result.value - half;
      result.high = result.value + half;
    }
  else if (!tn_estimate_is_set (&cell->measured) && tn_estimate_is_set (score))
    {
      result.value = calibration->factor * score->value;
      result.low = calibration->factor * score->low;
      result.high = calibration->factor * score->high;
    }
  return result;
}

TnEstimate *
tn_analysis_combine_losses (const TnAnalysis *self)
{
  TnEstimate *estimates = g_new (TnEstimate, (gsize) self->layers->len * self->schemes->len + 1);

  for (guint k = 0; k < self->schemes->len; k++)
    {
      Calibration calibration = calibrate (self, k);

      for (guint i = 0; i < self->layers->len; i++)
        estimates[(gsize) i * self->schemes->len + k] = combine (self, i, k, &calibration);
    }
  return estimates;
}
