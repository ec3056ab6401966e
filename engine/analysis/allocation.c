/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/allocation.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/analysis/combined-losses.h"
#include "engine/error.h"

#define KEPT_BITS 16.0
/* Sizes in the front are integers; log2 (3) bits a weight are none. */
#define UNITS_A_BYTE 256.0
#define WEIGHT_SUFFIX ".weight"

struct _TnAllocation
{
  const TnAnalysis *analysis;
  TnKnapsack *front;
  guint64 n_weights;
  guint n_unknown;
};

static double
count_weights (const TnAnalyzedLayer *layer)
{
  return (double) layer->rows * (double) layer->columns;
}

/* Whether no layer of the analysis fits a pattern is said; kept: [groups]. */
static gboolean
apply_patterns (const TnAnalysis *analysis, const char *const *patterns, gboolean *kept, GError **error)
{
  for (guint i = 0; patterns != NULL && patterns[i] != NULL; i++)
    {
      g_autoptr (GPatternSpec) pattern = g_pattern_spec_new (patterns[i]);
      gboolean found = FALSE;

      for (guint k = 0; k < analysis->layers->len; k++)
        {
          const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, k);

          if (!g_pattern_spec_match_string (pattern, layer->name))
            continue;
          found = TRUE;
          kept[layer->group] = TRUE;
        }
      if (!found)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s fits the name of no layer of the analysis; the first is %s"),
                       patterns[i], analysis->layers->len > 0 ? tn_analysis_get_layer (analysis, 0)->name : "–");
          return FALSE;
        }
    }
  return TRUE;
}

/* What every group has to choose from: [groups * (schemes + 1)], the last: as it is. */
static TnKnapsackChoice *
list_choices (TnAllocation *self, const gboolean *allowed, const gboolean *kept)
{
  const TnAnalysis *analysis = self->analysis;
  guint n_schemes = analysis->schemes->len, stride = n_schemes + 1;
  g_autofree TnEstimate *losses = tn_analysis_combine_losses (analysis);
  TnKnapsackChoice *choices = g_new0 (TnKnapsackChoice, (gsize) analysis->n_groups * stride + 1);
  g_autofree double *bytes = g_new0 (double, (gsize) analysis->n_groups *stride + 1);

  for (guint i = 0; i < analysis->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
      gsize first = (gsize) layer->group * stride;

      for (guint k = 0; k < n_schemes; k++)
        {
          const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);

          choices[first + k].loss += (allowed != NULL && !allowed[k]) || !cell->applies || kept[layer->group]
                                         ? (double) NAN
                                         : losses[(gsize) i * n_schemes + k].value;
          bytes[first + k] += cell->bytes;
        }
      bytes[first + n_schemes] += KEPT_BITS / 8.0 * count_weights (layer);
    }
  for (gsize i = 0; i < (gsize) analysis->n_groups * stride; i++)
    choices[i].size = isnan (choices[i].loss) ? 0 : (guint64) ceil (bytes[i] * UNITS_A_BYTE);
  return choices;
}

static gboolean
has_estimate (const TnKnapsackChoice *choices, guint n_schemes)
{
  for (guint i = 0; i < n_schemes; i++)
    if (!isnan (choices[i].loss))
      return TRUE;
  return FALSE;
}

TnAllocation *
tn_allocation_new (const TnAnalysis *analysis, const TnAllocationOptions *options, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnAllocation) self = g_new0 (TnAllocation, 1);
  g_autofree gboolean *kept = g_new0 (gboolean, MAX (analysis->n_groups, 1));
  g_autofree TnKnapsackGroup *groups = g_new0 (TnKnapsackGroup, MAX (analysis->n_groups, 1));
  g_autofree TnKnapsackChoice *choices = NULL;
  guint stride = analysis->schemes->len + 1;
  gboolean any = FALSE, any_free = FALSE;

  self->analysis = analysis;
  if (!apply_patterns (analysis, options != NULL ? options->keep : NULL, kept, error))
    return NULL;
  choices = list_choices (self, options != NULL ? options->schemes : NULL, kept);
  for (guint g = 0; g < analysis->n_groups; g++)
    groups[g] = (TnKnapsackGroup){choices + (gsize) g * stride, stride};
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
      gboolean known = has_estimate (groups[layer->group].choices, stride - 1);

      self->n_weights += layer->rows * layer->columns;
      any = any || known;
      any_free = any_free || !kept[layer->group];
      self->n_unknown += !known && !kept[layer->group];
    }
  if (any_free && !any)
    {
      g_set_error_literal (
          error, TN_ERROR, TN_ERROR_DATA,
          _ ("the analysis has no change of the loss under these schemes; analyze with scores or with --measure all"));
      return NULL;
    }
  self->front = tn_knapsack_solve (groups, analysis->n_groups, TN_KNAPSACK_MAX_SOLUTIONS, cancellable, error);
  return self->front != NULL ? g_steal_pointer (&self) : NULL;
}

void
tn_allocation_free (TnAllocation *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->front, tn_knapsack_free);
  g_free (self);
}

const TnKnapsack *
tn_allocation_get_front (const TnAllocation *self)
{
  return self->front;
}

guint64
tn_allocation_get_weights (const TnAllocation *self)
{
  return self->n_weights;
}

double
tn_allocation_get_bytes (const TnAllocation *self, guint point)
{
  return (double) tn_knapsack_get_size (self->front, point) / UNITS_A_BYTE;
}

double
tn_allocation_get_bits (const TnAllocation *self, guint point)
{
  return self->n_weights > 0 ? 8.0 * tn_allocation_get_bytes (self, point) / (double) self->n_weights : 0.0;
}

guint
tn_allocation_get_unknown (const TnAllocation *self)
{
  return self->n_unknown;
}

/* Sizes were rounded up, a unit a group at most: a budget that a plan meets to the bit is met. */
static gboolean
find_within (const TnAllocation *self, double bytes, guint *point)
{
  double units = bytes * UNITS_A_BYTE + (double) self->analysis->n_groups;
  gint found = bytes >= 0.0 ? tn_knapsack_find_size (self->front, units < 0x1p62 ? (guint64) units : G_MAXUINT64) : -1;

  *point = (guint) MAX (found, 0);
  return found >= 0;
}

gboolean
tn_allocation_find_bytes (const TnAllocation *self, double bytes, guint *point, GError **error)
{
  if (find_within (self, bytes, point))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
               _ ("no plan takes at most %.0f bytes; the smallest takes %.0f (%.3f bits a weight) and changes the loss by %+.5f"),
               bytes, ceil (tn_allocation_get_bytes (self, 0)), tn_allocation_get_bits (self, 0),
               tn_knapsack_get_loss (self->front, 0));
  return FALSE;
}

gboolean
tn_allocation_find_bits (const TnAllocation *self, double bits, guint *point, GError **error)
{
  if (find_within (self, bits * (double) self->n_weights / 8.0, point))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
               _ ("no plan has at most %g bits a weight; the smallest has %.3f (%.0f bytes) and changes the loss by %+.5f"), bits,
               tn_allocation_get_bits (self, 0), ceil (tn_allocation_get_bytes (self, 0)), tn_knapsack_get_loss (self->front, 0));
  return FALSE;
}

gboolean
tn_allocation_find_loss (const TnAllocation *self, double loss, guint *point, GError **error)
{
  gint found = tn_knapsack_find_loss (self->front, loss);
  guint last = tn_knapsack_n_points (self->front) - 1;

  if (found >= 0)
    {
      *point = (guint) found;
      return TRUE;
    }
  g_set_error (
      error, TN_ERROR, TN_ERROR_ARGUMENT,
      _ ("no plan is predicted to change the loss by at most %+g; the best changes it by %+.5f, with %.3f bits a weight"), loss,
      tn_knapsack_get_loss (self->front, last), tn_allocation_get_bits (self, last));
  return FALSE;
}

void
tn_allocation_get_schemes (const TnAllocation *self, guint point, gint *schemes)
{
  const TnAnalysis *analysis = self->analysis;
  g_autofree guint *choices = g_new (guint, MAX (analysis->n_groups, 1));

  tn_knapsack_get_choices (self->front, point, choices);
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      guint choice = choices[tn_analysis_get_layer (analysis, i)->group];

      schemes[i] = choice < analysis->schemes->len ? (gint) choice : -1;
    }
}

TnPlanPrediction
tn_analysis_predict_plan (const TnAnalysis *self, const gint *schemes)
{
  TnPlanPrediction result = {.change = {0.0, 0.0, 0.0, 0}};
  double n_weights = 0.0;
  g_autofree TnEstimate *losses = tn_analysis_combine_losses (self);

  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (self, i);
      gboolean predicted;
      TnEstimate change;

      n_weights += count_weights (layer);
      if (schemes[i] < 0)
        {
          result.bytes += KEPT_BITS / 8.0 * count_weights (layer);
          result.n_kept++;
          continue;
        }
      result.bytes += tn_analysis_get_cell (self, i, (guint) schemes[i])->bytes;
      change = losses[(gsize) i * self->schemes->len + (guint) schemes[i]];
      predicted = !tn_estimate_is_set (&tn_analysis_get_cell (self, i, (guint) schemes[i])->measured);
      result.change.value += change.value;
      result.change.low += change.low;
      result.change.high += change.high;
      result.change.n = result.change.n == 0 ? change.n : MIN (result.change.n, change.n);
      result.n_scored += predicted && tn_estimate_is_set (&change);
      result.n_measured += !predicted;
    }
  result.bits = n_weights > 0.0 ? 8.0 * result.bytes / n_weights : 0.0;
  return result;
}

TnPlan *
tn_analysis_make_plan (const TnAnalysis *self, const gint *schemes)
{
  TnPlan *plan = tn_plan_new ();

  tn_plan_set_fingerprint (plan, self->model_fingerprint);
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (self, i);

      tn_plan_add (plan, TN_PLAN_WEIGHTS, layer->name,
                   schemes[i] >= 0 ? tn_analysis_get_scheme (self, (guint) schemes[i]) : NULL);
      if (self->has_activations && schemes[i] >= 0)
        {
          g_autofree char *site = g_strdup_printf ("%.*s.in", (int) (strlen (layer->name) - strlen (WEIGHT_SUFFIX)), layer->name);

          tn_plan_add (plan, TN_PLAN_ACTIVATIONS, site, &self->activations);
        }
    }
  return plan;
}
