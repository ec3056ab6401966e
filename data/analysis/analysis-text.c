/* SPDX-License-Identifier: Apache-2.0 */
#include "data/analysis/analysis-text.h"

#include <glib/gi18n-lib.h>

static char *
describe_constant (const TnFinding *self)
{
  if (self->index == G_MAXUINT)
    return g_strdup_printf (_ ("All weights are %g: the layer does nothing that training chose."), self->value);
  return g_strdup_printf (_ ("All inputs are %g: nothing reaches the layer."), self->value);
}

static char *
describe_nonfinite (const TnFinding *self)
{
  if (self->index == G_MAXUINT)
    return g_strdup_printf (_ ("%.0f inputs are NaN or infinite."), self->value);
  return g_strdup_printf (_ ("%.0f weights are NaN or infinite, most of them in row %u."), self->value, self->index);
}

char *
tn_finding_to_text (const TnFinding *self)
{
  switch (self->kind)
    {
    case TN_FINDING_OUTLIER_INPUTS:
      return g_strdup_printf (_ ("Input channel %u is %.1f times as large as the one in the middle (said from %g): a scale that "
                                 "holds it leaves %.1f bits fewer to the others."),
                              self->index, self->value, self->limit, log2 (self->value));
    case TN_FINDING_OUTLIER_WEIGHTS:
      return g_strdup_printf (_ ("The largest weight, in row %u, is %.1f root mean squares away (said from %g; the largest of "
                                 "Gaussian weights is 4 to 6): a range that holds it is coarse for the rest."),
                              self->index, self->value, self->limit);
    case TN_FINDING_HEAVY_TAIL:
      return g_strdup_printf (_ ("The weights have a heavy tail: kurtosis %.1f (said from %g; Gaussian weights have 3)."),
                              self->value, self->limit);
    case TN_FINDING_FEW_VALUES:
      return g_strdup_printf (_ ("The weights take %.0f values only (said up to %g): they were rounded before, and another grid "
                                 "rounds them once more."),
                              self->value, self->limit);
    case TN_FINDING_SCALE_SPREAD:
      return g_strdup_printf (
          _ ("The largest row is %.1f times the smallest (said from %g), row %u is the odd one: one scale for "
             "all of them does not fit."),
          self->value, self->limit, self->index);
    case TN_FINDING_CONCENTRATION:
      return g_strdup_printf (_ ("1 %% of the input channels carry %.0f %% of the error (said from %.0f %%), channel %u most."),
                              100.0 * self->value, 100.0 * self->limit, self->index);
    case TN_FINDING_SHIFTED:
      return g_strdup_printf (
          _ ("The mean of the weights is %.2f standard deviations from 0 (said from %g): symmetric codes waste "
             "one side."),
          self->value, self->limit);
    case TN_FINDING_CONSTANT:
      return describe_constant (self);
    case TN_FINDING_NONFINITE:
    case TN_N_FINDINGS:
    default:
      return describe_nonfinite (self);
    }
}

/* The scheme with another granularity, as a name. */
static char *
name_with (const TnScheme *scheme, TnGranularity granularity, gboolean asymmetric)
{
  TnScheme changed = *scheme;

  changed.granularity = granularity;
  changed.group_size = granularity == TN_PER_GROUP ? 32 : 0;
  changed.asymmetric = asymmetric;
  return tn_scheme_to_string (&changed);
}

/* The layer before with the largest error of its own. */
static guint
find_worst_before (const TnAnalysis *analysis, guint layer, guint scheme)
{
  guint worst = G_MAXUINT;

  for (guint i = 0; i < layer; i++)
    {
      double nmse = tn_analysis_get_cell (analysis, i, scheme)->alone.nmse;

      if (tn_analysis_get_layer (analysis, i)->group != tn_analysis_get_layer (analysis, layer)->group && !isnan (nmse) &&
          (worst == G_MAXUINT || nmse > tn_analysis_get_cell (analysis, worst, scheme)->alone.nmse))
        worst = i;
    }
  return worst;
}

char *
tn_remedy_to_text (TnRemedy remedy, const TnAnalysis *analysis, guint layer, guint scheme)
{
  const TnScheme *of = tn_analysis_get_scheme (analysis, scheme);
  g_autofree char *name = NULL;
  guint worst;

  switch (remedy)
    {
    case TN_REMEDY_REPAIR:
      return g_strdup (_ ("Repair the weights: no scheme can hold what is not finite."));
    case TN_REMEDY_KEEP:
      return g_strdup (_ ("Leave it: its own error is below a thousandth of its output."));
    case TN_REMEDY_LAYERS_BEFORE:
      worst = find_worst_before (analysis, layer, scheme);
      if (worst == G_MAXUINT)
        return g_strdup (_ ("Look at the layers before: most of the error comes in with the input."));
      return g_strdup_printf (_ ("Look at the layers before: most of the error comes in with the input; of them %s loses most by "
                                 "itself."),
                              tn_analysis_get_layer (analysis, worst)->name);
    case TN_REMEDY_PER_ROW:
      name = name_with (of, TN_PER_CHANNEL, of->asymmetric);
      return g_strdup_printf (_ ("Give every row a scale of its own: %s."), name);
    case TN_REMEDY_GROUPS:
      name = name_with (of, TN_PER_GROUP, of->asymmetric);
      return g_strdup_printf (_ ("Give every 32 weights a scale of their own: %s."), name);
    case TN_REMEDY_SCALE_SEARCH:
      return g_strdup (_ ("Search the scale (:mse) instead of taking it from range or mean."));
    case TN_REMEDY_ASYMMETRY:
      name = name_with (of, of->granularity, TRUE);
      return g_strdup_printf (_ ("Let the grid be asymmetric: %s."), name);
    case TN_REMEDY_SMOOTHING:
      return g_strdup (_ ("Smooth: divide the large input channels and multiply their weights (SmoothQuant)."));
    case TN_REMEDY_ROTATION:
      return g_strdup (_ ("Rotate input and weights (Hadamard), so that no channel and no weight sticks out."));
    case TN_REMEDY_ERROR_FEEDBACK:
      return g_strdup (_ ("Round with error feedback (GPTQ), which minds the inputs."));
    case TN_REMEDY_INPUT_BITS:
      return g_strdup (_ ("Give the input more bits, or a scale a token."));
    case TN_REMEDY_MORE_BITS:
    case TN_N_REMEDIES:
    default:
      return g_strdup (_ ("Give the layer more bits."));
    }
}

char *
tn_split_to_text (const TnOutputError *alone, const TnOutputError *accumulated)
{
  double parts = accumulated->weights + accumulated->inputs + accumulated->interaction + accumulated->inherited;

  if (!(parts > 0.0))
    return NULL;
  /* Parts of parts: what is between them adds up to little and has no owner. */
  return g_strdup_printf (
      _ ("Alone it loses %.3g of its output; with all layers before it rounded %.3g: %.0f %% of that is inherited, "
         "%.0f %% comes from its weights, %.0f %% from rounding its input, %.0f %% from both together."),
      alone->nmse, accumulated->nmse, 100.0 * accumulated->inherited / parts, 100.0 * accumulated->weights / parts,
      100.0 * accumulated->inputs / parts, 100.0 * accumulated->interaction / parts);
}

const char *
tn_carrier_kind_to_text (TnCarrierKind kind)
{
  switch (kind)
    {
    case TN_CARRIER_INPUT_CHANNEL:
      return _ ("input channels");
    case TN_CARRIER_OUTPUT_CHANNEL:
      return _ ("output channels");
    case TN_CARRIER_TOKEN:
      return _ ("tokens");
    case TN_CARRIER_SAMPLE:
    case TN_N_CARRIERS:
    default:
      return _ ("samples");
    }
}
