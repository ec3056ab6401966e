/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/weight-penalties.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/weight-penalty.h"
#include "engine/error.h"

static const char *const names[TN_N_PENALTIES] = {"dampening", "kurtosis", "bins", "l2"};

const char *
tn_penalty_get_name (TnPenalty self)
{
  return names[self];
}

gboolean
tn_weight_penalties_are_empty (const TnWeightPenalties *self)
{
  for (guint i = 0; i < TN_N_PENALTIES; i++)
    if (self->weights[i] > 0.0)
      return FALSE;
  return TRUE;
}

double
tn_weight_penalties_get_part (const TnWeightPenalties *self, guint64 step)
{
  if (step >= self->warmup_steps)
    return 1.0;
  return 0.5 - 0.5 * cos (G_PI * (double) step / (double) self->warmup_steps);
}

static gboolean
has_even_levels (const TnTrainingPrecision *precision)
{
  const TnScheme *scheme = &precision->weights;

  return !scheme->asymmetric && !precision->rotates_weights && precision->weight_estimator != TN_ESTIMATOR_LSQ_PLUS &&
         precision->weight_estimator != TN_ESTIMATOR_TRUST &&
         (precision->weight_estimator != TN_ESTIMATOR_SEQ || scheme->kind != TN_SCHEME_INTEGER);
}

gboolean
tn_weight_penalties_check (const TnWeightPenalties *self, const TnTrainingPrecision *precision, GError **error)
{
  gboolean bins = self->weights[TN_PENALTY_BINS] > 0.0, levels = bins || self->weights[TN_PENALTY_DAMPENING] > 0.0;
  g_autofree char *name = NULL;

  if (tn_weight_penalties_are_empty (self))
    return TRUE;
  if (!precision->rounds_weights)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _ ("dampening, kurtosis, bins and l2 are of weights that are rounded: set weights, too"));
      return FALSE;
    }
  if (!levels || (has_even_levels (precision) && (!bins || precision->weights.kind != TN_SCHEME_BINARY)))
    return TRUE;
  name = tn_scheme_to_string (&precision->weights);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s needs levels that are multiples of one scale, which those of estimator “%s” of scheme %s, or in a rotated space, are not"),
               names[bins ? TN_PENALTY_BINS : TN_PENALTY_DAMPENING], tn_estimator_get_name (precision->weight_estimator), name);
  return FALSE;
}

static TnCodeRange
get_codes (const TnScheme *scheme)
{
  gint highest = scheme->kind == TN_SCHEME_INTEGER ? (1 << (scheme->bits - 1)) - 1 : 1;

  return (TnCodeRange){-highest, highest};
}

static TnValue *
record_one (TnPenalty penalty, const TnWeightPenalties *self, const TnTrainingPrecision *precision, const TnTrainingLayer *layer,
            TnTape *tape)
{
  const TnCodeRange codes = get_codes (&precision->weights);
  TnValue *weight = tn_tape_variable (tape, layer->weight), *scales = NULL, *rounded;

  switch (penalty)
    {
    case TN_PENALTY_KURTOSIS:
      return tn_tape_kurtosis_penalty (tape, weight, self->kurtosis_target);
    case TN_PENALTY_L2:
      return tn_tape_l2 (tape, weight);
    case TN_PENALTY_BINS:
      tn_training_layer_record_rounded (layer, precision, tape, &scales);
      return tn_tape_bin_regularization (tape, weight, scales, &codes);
    case TN_PENALTY_DAMPENING:
    case TN_N_PENALTIES:
    default:
      rounded = tn_training_layer_record_rounded (layer, precision, tape, &scales);
      return tn_tape_dampening (tape, weight, rounded, scales, &codes);
    }
}

void
tn_weight_penalties_record (const TnWeightPenalties *self, TnNetwork *network, TnTape *tape, TnValue *parts[TN_N_PENALTIES])
{
  for (TnPenalty penalty = 0; penalty < TN_N_PENALTIES; penalty++)
    {
      TnValue *sum = NULL;
      guint n = 0;

      parts[penalty] = NULL;
      for (guint i = 0; i < network->layers->len && self->weights[penalty] > 0.0; i++)
        {
          const TnTrainingLayer *layer = g_ptr_array_index (network->layers, i);
          TnValue *one;

          if (!layer->rounds_weight)
            continue;
          one = record_one (penalty, self, network->precision, layer, tape);
          sum = n++ > 0 ? tn_tape_add (tape, sum, one) : one;
        }
      if (n > 0)
        parts[penalty] = tn_tape_scale (tape, sum, self->weights[penalty] / (penalty == TN_PENALTY_KURTOSIS ? n : 1));
    }
}
