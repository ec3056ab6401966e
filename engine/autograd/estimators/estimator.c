/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/estimators/estimator.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/quant/parameters.h"

static const char *const names[TN_N_ESTIMATORS] = {"identity", "clipped", "soft", "lsq", "lsq+", "seq", "trust", "range"};

gboolean
tn_estimator_parse (const char *name, TnEstimator *estimator, GError **error)
{
  g_autofree char *known = NULL;

  for (guint i = 0; i < TN_N_ESTIMATORS; i++)
    if (strcmp (name, names[i]) == 0)
      {
        *estimator = (TnEstimator) i;
        return TRUE;
      }
  known = g_strjoin (", ", names[0], names[1], names[2], names[3], names[4], names[5], names[6], names[7], NULL);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("Estimator “%s” is unknown; expected one of %s"), name, known);
  return FALSE;
}

const char *
tn_estimator_get_name (TnEstimator self)
{
  return names[self];
}

gboolean
tn_estimator_is_learned (TnEstimator self)
{
  return self == TN_ESTIMATOR_LSQ || self == TN_ESTIMATOR_LSQ_PLUS || self == TN_ESTIMATOR_SEQ || self == TN_ESTIMATOR_RANGE;
}

/* What it needs of the scheme, or NULL when it has it. */
static const char *
find_fault (TnEstimator self, const TnScheme *scheme, gboolean of_activations)
{
  if (of_activations && scheme->granularity == TN_PER_CHANNEL)
    return _ ("a scale a channel cannot leave the product; expected :t, :gN or one a tensor");
  if (!of_activations && scheme->granularity == TN_PER_TOKEN)
    return _ ("weights have no tokens; expected :c, :gN or one a tensor");
  if (tn_estimator_is_learned (self) && of_activations && scheme->granularity != TN_PER_TENSOR)
    return _ ("a learned scale of activations is one a tensor");
  if (tn_scheme_is_searched (scheme) || (scheme->kind == TN_SCHEME_TERNARY && scheme->rule == TN_RULE_LLOYD))
    return _ ("its scale would be searched at every step; expected a rule, or an estimator that learns it");
  if (tn_scheme_get_scale_type (scheme) != TN_SCALE_F32 && (tn_estimator_is_learned (self) || self == TN_ESTIMATOR_TRUST))
    return _ ("scales are kept in 32 bits; expected :f32");
  if (scheme->asymmetric && (self == TN_ESTIMATOR_SEQ || self == TN_ESTIMATOR_TRUST))
    return _ ("its levels lie symmetrically about zero");
  if (self == TN_ESTIMATOR_SEQ && scheme->kind == TN_SCHEME_INTEGER && scheme->bits > 2)
    return _ ("it is for binary, ternary and int2; expected lsq from 3 bits on");
  if ((self == TN_ESTIMATOR_RANGE || self == TN_ESTIMATOR_LSQ_PLUS) && scheme->kind == TN_SCHEME_BINARY)
    return _ ("binary has no zero; expected lsq");
  return NULL;
}

gboolean
tn_estimator_check (TnEstimator self, const TnScheme *scheme, gboolean of_activations, gsize rows, gsize columns, GError **error)
{
  const char *fault = find_fault (self, scheme, of_activations);
  g_autofree char *name = NULL;

  if (fault == NULL)
    return tn_scheme_check (scheme, rows, columns, error);
  name = tn_scheme_to_string (scheme);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("Estimator “%s” of scheme %s: %s"), names[self], name, fault);
  return FALSE;
}

gsize
tn_estimator_get_unit (const TnScheme *scheme, gsize rows, gsize columns)
{
  gsize unit = columns;

  if (scheme->granularity == TN_PER_TENSOR)
    unit = rows * columns;
  else if (scheme->granularity == TN_PER_GROUP)
    unit = scheme->group_size;
  return MAX (unit, 1);
}
