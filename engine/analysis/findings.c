/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/findings.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "engine/analysis/weight-errors.h"
#include "engine/analysis/weight-shape.h"
#include "engine/device/device.h"
#include "engine/error.h"

/* Of weights with few values: a tensor has to have so many times more. */
#define FEW_VALUES_FACTOR 16
/* Part of the channels whose share concentration is about. */
#define CONCENTRATED_PART 100

double
tn_finding_get_limit (TnFindingKind kind)
{
  static const double limits[] = {8.0, 12.0, 6.0, 256.0, 8.0, 0.2, 0.5, NAN, NAN};

  G_STATIC_ASSERT (G_N_ELEMENTS (limits) == TN_N_FINDINGS);
  return limits[kind];
}

double
tn_finding_get_severity (const TnFinding *self)
{
  if (isnan (self->limit))
    return INFINITY;
  return self->kind == TN_FINDING_FEW_VALUES ? self->limit / self->value : self->value / self->limit;
}

static void
remove_finding (TnAnalyzedLayer *self, TnFindingKind kind)
{
  for (guint i = 0; i < self->findings->len; i++)
    if (g_array_index (self->findings, TnFinding, i).kind == kind)
      {
        g_array_remove_index (self->findings, i);
        return;
      }
}

void
tn_analyzed_layer_add_finding (TnAnalyzedLayer *self, const TnFinding *finding)
{
  double severity = tn_finding_get_severity (finding);
  guint at = 0;

  remove_finding (self, finding->kind);
  while (at < self->findings->len && tn_finding_get_severity (&g_array_index (self->findings, TnFinding, at)) >= severity)
    at++;
  g_array_insert_val (self->findings, at, *finding);
}

const TnFinding *
tn_analyzed_layer_get_finding (const TnAnalyzedLayer *self, TnFindingKind kind)
{
  for (guint i = 0; i < self->findings->len; i++)
    if (g_array_index (self->findings, TnFinding, i).kind == kind)
      return &g_array_index (self->findings, TnFinding, i);
  return NULL;
}

/* Says it where it is beyond the limit of its kind. */
static void
judge (TnAnalyzedLayer *self, TnFindingKind kind, double value, guint index)
{
  const TnFinding finding = {.kind = kind, .value = value, .limit = tn_finding_get_limit (kind), .index = index};

  remove_finding (self, kind);
  if (isfinite (value) && value > 0.0 && !(tn_finding_get_severity (&finding) < 1.0))
    tn_analyzed_layer_add_finding (self, &finding);
}

static void
add_always (TnAnalyzedLayer *self, TnFindingKind kind, double value, guint index)
{
  tn_analyzed_layer_add_finding (self, &(const TnFinding){.kind = kind, .value = value, .limit = NAN, .index = index});
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* The positive ones of values, ascending. */
static GArray *
sort_positive (const double *values, guint64 n)
{
  GArray *sorted = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint64 i = 0; i < n; i++)
    if (values[i] > 0.0)
      g_array_append_val (sorted, values[i]);
  g_array_sort (sorted, compare_doubles);
  return sorted;
}

static guint64
find_largest (const double *values, guint64 n)
{
  guint64 largest = 0;

  for (guint64 i = 1; i < n; i++)
    if (values[i] > values[largest])
      largest = i;
  return largest;
}

void
tn_analyzed_layer_judge_inputs (TnAnalyzedLayer *self, const double *mean_square, guint64 n)
{
  g_autoptr (GArray) sorted = sort_positive (mean_square, n);
  guint64 largest = find_largest (mean_square, n);

  remove_finding (self, TN_FINDING_OUTLIER_INPUTS);
  if (sorted->len > 0)
    judge (self, TN_FINDING_OUTLIER_INPUTS, sqrt (mean_square[largest] / g_array_index (sorted, double, (sorted->len - 1) / 2)),
           (guint) largest);
}

void
tn_analyzed_layer_judge_concentration (TnAnalyzedLayer *self, const double *energy, guint64 n)
{
  g_autoptr (GArray) sorted = sort_positive (energy, n);
  guint64 counted = (n + CONCENTRATED_PART - 1) / CONCENTRATED_PART;
  double sum = 0.0, most = 0.0;

  for (guint i = 0; i < sorted->len; i++)
    {
      sum += g_array_index (sorted, double, i);
      if (i + counted >= sorted->len)
        most += g_array_index (sorted, double, i);
    }
  judge (self, TN_FINDING_CONCENTRATION, sum > 0.0 ? most / sum : (double) NAN, (guint) find_largest (energy, n));
}

/* The row that is farthest from the one in the middle. */
static void
judge_rows (TnAnalyzedLayer *self, const double *mean_square, guint64 n)
{
  g_autoptr (GArray) sorted = sort_positive (mean_square, n);
  double smallest, largest, middle, odd;
  guint64 row = 0;

  remove_finding (self, TN_FINDING_SCALE_SPREAD);
  if (sorted->len == 0)
    return;
  smallest = g_array_index (sorted, double, 0);
  largest = g_array_index (sorted, double, sorted->len - 1);
  middle = g_array_index (sorted, double, (sorted->len - 1) / 2);
  odd = largest / middle >= middle / smallest ? largest : smallest;
  while (mean_square[row] != odd)
    row++;
  judge (self, TN_FINDING_SCALE_SPREAD, sqrt (largest / smallest), (guint) row);
}

static void
judge_weights (TnAnalyzedLayer *self, const TnWeightShape *shape)
{
  static const TnFindingKind kinds[] = {TN_FINDING_OUTLIER_WEIGHTS, TN_FINDING_HEAVY_TAIL, TN_FINDING_FEW_VALUES,
                                        TN_FINDING_SHIFTED, TN_FINDING_NONFINITE};
  const TnFinding *constant = tn_analyzed_layer_get_finding (self, TN_FINDING_CONSTANT);
  double n = (double) shape->finite, variance = shape->m2 / n, mean_square = variance + shape->mean * shape->mean;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    remove_finding (self, kinds[i]);
  if (constant != NULL && constant->index == G_MAXUINT)
    remove_finding (self, TN_FINDING_CONSTANT);
  if (shape->nonfinite > 0)
    add_always (self, TN_FINDING_NONFINITE, (double) shape->nonfinite, (guint) shape->nonfinite_row);
  judge_rows (self, shape->row_mean_squares, self->rows);
  if (shape->finite == 0)
    return;
  if (shape->n_values == 1)
    {
      add_always (self, TN_FINDING_CONSTANT, shape->mean, G_MAXUINT);
      return;
    }
  if (shape->n_values <= TN_WEIGHT_SHAPE_MOST_VALUES && shape->finite > (guint64) FEW_VALUES_FACTOR * TN_WEIGHT_SHAPE_MOST_VALUES)
    judge (self, TN_FINDING_FEW_VALUES, shape->n_values, G_MAXUINT);
  judge (self, TN_FINDING_OUTLIER_WEIGHTS, shape->maximum / sqrt (mean_square), (guint) shape->maximum_row);
  judge (self, TN_FINDING_HEAVY_TAIL, shape->m4 / n / (variance * variance), G_MAXUINT);
  judge (self, TN_FINDING_SHIFTED, fabs (shape->mean) / sqrt (variance), G_MAXUINT);
}

static void
judge_site (TnAnalyzedLayer *self, const TnSiteStats *site)
{
  g_autofree double *mean_square = g_new (double, site->width);
  TnSiteSummary summary;

  for (guint c = 0; c < site->width; c++)
    mean_square[c] =
        site->channels[c].count > 0 ? tn_channel_sum_to_double (site->channels[c].sum2) / (double) site->channels[c].count : 0.0;
  tn_analyzed_layer_judge_inputs (self, mean_square, site->width);
  remove_finding (self, TN_FINDING_CONSTANT);
  if (site->has_extremes && site->min.value == site->max.value)
    add_always (self, TN_FINDING_CONSTANT, (double) site->min.value, 0);
  tn_site_stats_summarize (site, &summary);
  if (summary.nonfinite > 0)
    add_always (self, TN_FINDING_NONFINITE, (double) summary.nonfinite, G_MAXUINT);
}

typedef struct
{
  const TnTensor *weight;
  TnWeightShape *shape;
  GCancellable *cancellable;
  gboolean ok;
  GError *error;
} Pass;

static void
run_pass (gpointer user_data)
{
  Pass *self = user_data;

  self->ok = tn_weight_shape_find (self->shape, self->weight, self->cancellable, &self->error);
}

static gboolean
find_shape (TnAnalysis *self, guint layer, TnModel *model, TnWeightShape *shape, GCancellable *cancellable, GError **error)
{
  Pass pass = {.weight = tn_analysis_find_weight (self, model, layer, error), .shape = shape, .cancellable = cancellable};

  if (pass.weight == NULL)
    return FALSE;
  tn_compute_run (run_pass, &pass);
  if (pass.ok)
    return TRUE;
  g_propagate_prefixed_error (error, pass.error, "%s: ", tn_analysis_get_layer (self, layer)->name);
  return FALSE;
}

gboolean
tn_analysis_find_causes (TnAnalysis *self, TnModel *model, const TnStats *stats, GCancellable *cancellable, GError **error)
{
  if (stats != NULL && stats->model_fingerprint != tn_model_get_fingerprint (model))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("the statistics are of the model %016" PRIx64 ", this one is %016" PRIx64), stats->model_fingerprint,
                   tn_model_get_fingerprint (model));
      return FALSE;
    }
  for (guint i = 0; i < self->layers->len; i++)
    {
      TnAnalyzedLayer *layer = tn_analysis_get_layer (self, i);
      const TnSiteStats *site = stats != NULL ? tn_stats_find (stats, layer->site) : NULL;
      g_auto (TnWeightShape) shape = {0};

      if (!find_shape (self, i, model, &shape, cancellable, error))
        return FALSE;
      if (site != NULL && site->width == layer->columns)
        judge_site (layer, site);
      judge_weights (layer, &shape);
    }
  return TRUE;
}
