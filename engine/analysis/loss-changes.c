/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/loss-changes.h"

#include "engine/error.h"
#include "engine/metrics/student.h"

/* Of the intervals that say when a place in the ranking is certain: it is asked again after every window, so they are wider than
 * those that are shown. */
#define CERTAIN 0.99

static TnLayerPrecision
get_precision (const TnAnalysis *self, guint layer, guint scheme, const TnQuantParams *const *static_params)
{
  return (TnLayerPrecision){
      .name = tn_analysis_get_layer (self, layer)->name,
      .weights = tn_analysis_get_scheme (self, scheme),
      .activations = self->has_activations ? &self->activations : NULL,
      .static_params = self->has_activations && static_params != NULL ? static_params[layer] : NULL,
  };
}

TnModel *
tn_analysis_round_layer (const TnAnalysis *self, TnModel *model, guint layer, guint scheme,
                         const TnQuantParams *const *static_params, GCancellable *cancellable, GError **error)
{
  const TnLayerPrecision precision = get_precision (self, layer, scheme, static_params);

  return tn_model_quantize (model, &precision, 1, cancellable, error);
}

TnModel *
tn_analysis_round_layers (const TnAnalysis *self, TnModel *model, const gint *schemes, const TnQuantParams *const *static_params,
                          GCancellable *cancellable, GError **error)
{
  g_autofree TnLayerPrecision *precisions = g_new (TnLayerPrecision, self->layers->len);
  guint n = 0;

  for (guint i = 0; i < self->layers->len; i++)
    if (schemes[i] >= 0)
      precisions[n++] = get_precision (self, i, (guint) schemes[i], static_params);
  return tn_model_quantize (model, precisions, n, cancellable, error);
}

/* A cell that is being measured. */
typedef struct
{
  guint layer, scheme;
  double score;
  GArray *differences, *targets; /* of double, a window each */
  gboolean done;
  double low, high; /* by which it is compared with others */
} Candidate;

typedef struct
{
  TnAnalysis *analysis;
  TnModel *model;
  TnLossBaseline *baseline;
  const TnLossChangeOptions *options;
  GArray *candidates;
} Measuring;

static gint
by_score (gconstpointer a, gconstpointer b)
{
  double x = ((const Candidate *) a)->score, y = ((const Candidate *) b)->score;

  return (x < y) - (x > y);
}

static void
choose_candidates (Measuring *self)
{
  TnAnalysis *analysis = self->analysis;

  for (guint i = 0; i < analysis->layers->len; i++)
    for (guint k = 0; k < analysis->schemes->len; k++)
      {
        Candidate candidate = {.layer = i, .scheme = k};

        if (!tn_analysis_get_cell (analysis, i, k)->applies)
          continue;
        candidate.score = tn_analysis_get_loss (analysis, i, k, NULL).value;
        if (isnan (candidate.score))
          candidate.score = (double) -INFINITY;
        g_array_append_val (self->candidates, candidate);
      }
  g_array_sort (self->candidates, by_score);
  if (self->candidates->len > self->options->most)
    g_array_set_size (self->candidates, self->options->most);
  for (guint i = 0; i < self->candidates->len; i++)
    {
      Candidate *candidate = &g_array_index (self->candidates, Candidate, i);

      candidate->differences = g_array_new (FALSE, FALSE, sizeof (double));
      candidate->targets = g_array_new (FALSE, FALSE, sizeof (double));
    }
}

static gboolean
measure_group (Measuring *self, const Candidate *candidate, guint group, GCancellable *cancellable, GError **error)
{
  const TnAnalyzedLayer *layer = tn_analysis_get_layer (self->analysis, candidate->layer);
  g_autoptr (TnModel) rounded = tn_analysis_round_layer (self->analysis, self->model, candidate->layer, candidate->scheme,
                                                         self->options->static_params, cancellable, error);

  return rounded != NULL && tn_loss_baseline_measure (self->baseline, rounded, layer->block, group, candidate->differences,
                                                      candidate->targets, cancellable, error);
}

static TnEstimate
get_estimate (const Candidate *candidate)
{
  return tn_estimate_ratio ((const double *) (gpointer) candidate->differences->data,
                            (const double *) (gpointer) candidate->targets->data, candidate->differences->len);
}

static void
find_interval (Candidate *candidate)
{
  TnEstimate estimate = get_estimate (candidate);
  double wider;

  candidate->low = (double) -INFINITY;
  candidate->high = (double) INFINITY;
  if (estimate.n < 2 || !isfinite (estimate.value))
    return;
  wider = tn_student_half_width (1.0 - CERTAIN, estimate.n - 1) /
          tn_student_half_width (1.0 - TN_ESTIMATE_CONFIDENCE, estimate.n - 1);
  candidate->low = estimate.value - wider * (estimate.value - estimate.low);
  candidate->high = estimate.value + wider * (estimate.high - estimate.value);
}

/* Those whose interval lies apart from all others' are done. */
static void
stop_certain (Measuring *self)
{
  for (guint i = 0; i < self->candidates->len; i++)
    if (!g_array_index (self->candidates, Candidate, i).done)
      find_interval (&g_array_index (self->candidates, Candidate, i));
  for (guint i = 0; i < self->candidates->len; i++)
    {
      Candidate *candidate = &g_array_index (self->candidates, Candidate, i);
      gboolean apart = candidate->differences->len >= MAX (self->options->least_windows, 2);

      for (guint k = 0; apart && k < self->candidates->len; k++)
        {
          const Candidate *other = &g_array_index (self->candidates, Candidate, k);

          apart = k == i || other->high < candidate->low || other->low > candidate->high;
        }
      candidate->done = candidate->done || apart;
    }
}

static gboolean
measure_all (Measuring *self, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  guint n_groups = tn_loss_baseline_n_groups (self->baseline), n = self->candidates->len;

  for (guint g = 0; g < n_groups; g++)
    {
      for (guint i = 0; i < n; i++)
        {
          Candidate *candidate = &g_array_index (self->candidates, Candidate, i);

          if (candidate->done)
            continue;
          if (!tn_listener_boundary (listener, error) || g_cancellable_set_error_if_cancelled (cancellable, error) ||
              !measure_group (self, candidate, g, cancellable, error))
            return FALSE;
          tn_listener_progress (listener, (double) g * n + i + 1, (double) n_groups * n, "measurements");
        }
      if (self->options->stops_early)
        stop_certain (self);
    }
  return TRUE;
}

static void
finish (Measuring *self)
{
  for (guint i = 0; i < self->candidates->len; i++)
    {
      const Candidate *candidate = &g_array_index (self->candidates, Candidate, i);
      TnAnalysisCell *cell = tn_analysis_get_cell (self->analysis, candidate->layer, candidate->scheme);

      cell->measured = get_estimate (candidate);
      /* A rounded model without a loss is as bad as can be, and not unmeasured. */
      if (isnan (cell->measured.value))
        cell->measured.value = (double) INFINITY;
      cell->stopped = candidate->done && candidate->differences->len < tn_loss_baseline_n_windows (self->baseline);
    }
}

gboolean
tn_analysis_measure_losses (TnAnalysis *self, TnModel *model, TnLossBaseline *baseline, const TnLossChangeOptions *options,
                            const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  Measuring measuring = {.analysis = self, .model = model, .baseline = baseline, .options = options, .candidates = candidates};
  gboolean ok;

  self->loss = tn_loss_baseline_get_loss (baseline);
  choose_candidates (&measuring);
  ok = measure_all (&measuring, listener, cancellable, error);
  if (ok)
    finish (&measuring);
  for (guint i = 0; i < candidates->len; i++)
    {
      g_array_unref (g_array_index (candidates, Candidate, i).differences);
      g_array_unref (g_array_index (candidates, Candidate, i).targets);
    }
  return ok;
}
