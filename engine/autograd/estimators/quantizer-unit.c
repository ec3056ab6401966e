/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/estimators/quantizer-unit.h"

#define SCALE_FLOOR 1e-5
#define TRUST_OF_BINARY 1.3

/* Clip values in standard deviations that give a normal distribution the least error: QuEST's official code; ternary is 2 levels
 * and 0. */
static const double clip_of_bits[] = {0.0, 0.7979, 1.4935, 2.0511, 2.5139, 2.9161, 3.2766, 3.6010, 3.8849};
#define CLIP_OF_TERNARY 1.2240

TnElementRule
tn_quantizer_rule (TnEstimator estimator, const TnScheme *scheme, gboolean scale_given, double temperature)
{
  gboolean binary = scheme->kind == TN_SCHEME_BINARY;
  gboolean levels = binary || (scheme->kind == TN_SCHEME_TERNARY && !scale_given);

  switch (estimator)
    {
    case TN_ESTIMATOR_LSQ:
    case TN_ESTIMATOR_LSQ_PLUS:
      return binary ? TN_RULE_OF_SIGN : TN_RULE_OF_STEP;
    case TN_ESTIMATOR_SEQ:
      return binary ? TN_RULE_OF_SIGN : TN_RULE_OF_STRETCH;
    case TN_ESTIMATOR_RANGE:
      return TN_RULE_OF_RANGE;
    case TN_ESTIMATOR_TRUST:
      return TN_RULE_OF_TRUST;
    case TN_ESTIMATOR_SOFT:
      if (temperature > 0.0)
        return TN_RULE_OF_SOFT;
      return levels || scheme->kind == TN_SCHEME_TERNARY ? TN_RULE_OF_LEVEL : TN_RULE_OF_ROUND;
    case TN_ESTIMATOR_IDENTITY:
    case TN_ESTIMATOR_CLIPPED:
    case TN_N_ESTIMATORS:
    default:
      return levels || scheme->kind == TN_SCHEME_TERNARY ? TN_RULE_OF_LEVEL : TN_RULE_OF_ROUND;
    }
}

/* The codes of the scheme: those that a stored scale is multiplied with. */
static void
set_codes (TnQuantizerUnit *self, const TnScheme *scheme)
{
  self->high = 1.0;
  self->low = -1.0;
  if (scheme->kind != TN_SCHEME_INTEGER)
    return;
  self->high = scheme->asymmetric ? (double) (1 << scheme->bits) - 1.0 : (double) (1 << (scheme->bits - 1)) - 1.0;
  self->low = scheme->asymmetric ? 0.0 : -self->high;
}

static void
set_trust (TnQuantizerUnit *self, const TnScheme *scheme, double rms)
{
  guint bits = scheme->kind == TN_SCHEME_BINARY ? 1 : scheme->bits;
  gboolean ternary = scheme->kind == TN_SCHEME_TERNARY;
  double clip = (ternary ? CLIP_OF_TERNARY : clip_of_bits[bits]) * MAX (rms, SCALE_FLOOR);

  self->high = clip;
  self->low = -clip;
  self->step = ternary ? clip : 2.0 * clip / ((double) (1 << bits) - 1.0);
  self->offset = ternary ? 0.0 : 0.5;
  self->threshold = bits == 1 && !ternary ? TRUST_OF_BINARY * clip : clip + 0.5 * self->step;
  self->scale = self->step;
}

static void
set_given (TnQuantizerUnit *self, TnEstimator estimator, const TnScheme *scheme, double scale)
{
  self->scale = MAX (scale, SCALE_FLOOR);
  self->step = self->scale;
  self->threshold = scheme->kind == TN_SCHEME_BINARY ? -1.0 : 0.5 * self->scale;
  if (estimator == TN_ESTIMATOR_RANGE)
    {
      self->threshold = self->scale;
      self->scale /= self->high;
    }
  if (estimator == TN_ESTIMATOR_SEQ && scheme->kind != TN_SCHEME_BINARY)
    {
      self->step = scheme->kind == TN_SCHEME_TERNARY ? 1.5 : 2.0;
      self->offset = scheme->kind == TN_SCHEME_TERNARY ? 0.0 : 0.5;
    }
}

static void
set_found (TnQuantizerUnit *self, const TnRounding *rounding)
{
  self->scale = (double) rounding->scale;
  self->threshold = (double) rounding->threshold;
  self->step = self->scale;
  if (rounding->integer)
    {
      self->low = (double) rounding->low;
      self->high = (double) rounding->high;
    }
  else if (rounding->threshold > 0.0f)
    self->step = 2.0 * self->threshold;
}

void
tn_quantizer_unit_init (TnQuantizerUnit *self, TnEstimator estimator, const TnScheme *scheme, const TnUnitSource *source)
{
  *self = (TnQuantizerUnit){.offset = source->offset};
  set_codes (self, scheme);
  if (estimator == TN_ESTIMATOR_TRUST)
    set_trust (self, scheme, source->rms);
  else if (source->scale != NULL)
    set_given (self, estimator, scheme, *source->scale);
  else
    set_found (self, source->rounding);
  if (estimator == TN_ESTIMATOR_SOFT && source->temperature > 0.0)
    {
      self->temperature = source->temperature;
      self->threshold = scheme->kind == TN_SCHEME_BINARY ? 1.0 : 0.5;
    }
}

double
tn_quantizer_unit_code (const TnQuantizerUnit *self, TnElementRule rule, double y)
{
  if (rule == TN_RULE_OF_STRETCH)
    return y / self->scale * self->step;
  if (rule == TN_RULE_OF_TRUST)
    return y / self->step;
  return (y - self->offset) / self->scale;
}

void
tn_quantizer_unit_ends (const TnQuantizerUnit *self, TnElementRule rule, double *bottom, double *top)
{
  double half = rule == TN_RULE_OF_TRUST ? 0.5 * self->step : 0.5 * self->scale;

  if (rule == TN_RULE_OF_TRUST)
    *top = self->high + half;
  else if (rule == TN_RULE_OF_STRETCH)
    *top = self->scale;
  else
    *top = self->offset + self->high * self->scale + half;
  *bottom = -*top;
  if (rule != TN_RULE_OF_TRUST && rule != TN_RULE_OF_STRETCH)
    *bottom = self->offset + self->low * self->scale - half;
}
