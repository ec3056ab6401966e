/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/analysis-figures.h"

#include <glib/gi18n-lib.h>

#define HISTOGRAM_BINS 40
#define STATE_NOT_MEASURED _ ("This was not measured.")

static gint
by_rank (gconstpointer a, gconstpointer b)
{
  const TnRankedPair *x = a, *y = b;

  if (x->predicted != y->predicted)
    return x->predicted - y->predicted;
  return (x->loss.value < y->loss.value) - (x->loss.value > y->loss.value);
}

/* Where no change of the loss is known: the error of the output. */
static gint
by_error (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const TnAnalysis *analysis = user_data;
  const TnRankedPair *x = a, *y = b;
  double first = tn_analysis_get_cell (analysis, x->layer, x->scheme)->alone.nmse;
  double second = tn_analysis_get_cell (analysis, y->layer, y->scheme)->alone.nmse;

  return (first < second) - (first > second);
}

GArray *
tn_analysis_rank_by_error (const TnAnalysis *analysis)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (TnRankedPair));

  for (guint i = 0; i < analysis->layers->len; i++)
    for (guint k = 0; k < analysis->schemes->len; k++)
      if (!isnan (tn_analysis_get_cell (analysis, i, k)->alone.nmse))
        g_array_append_val (pairs, ((TnRankedPair){.layer = i, .scheme = k, .loss = TN_ESTIMATE_NONE}));
  g_array_sort_with_data (pairs, by_error, (gpointer) analysis);
  return pairs;
}

GArray *
tn_analysis_rank (const TnAnalysis *analysis)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (TnRankedPair));

  for (guint i = 0; i < analysis->layers->len; i++)
    for (guint k = 0; k < analysis->schemes->len; k++)
      {
        TnRankedPair pair = {.layer = i, .scheme = k};

        pair.loss = tn_analysis_get_loss (analysis, i, k, &pair.predicted);
        if (tn_estimate_is_set (&pair.loss))
          g_array_append_val (pairs, pair);
      }
  g_array_sort (pairs, by_rank);
  return pairs;
}

double
tn_analysis_get_shown (const TnAnalysis *analysis, guint layer, guint scheme, TnShownQuantity quantity)
{
  const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, layer, scheme);

  switch (quantity)
    {
    case TN_SHOW_LOSS:
      return tn_analysis_get_loss (analysis, layer, scheme, NULL).value;
    case TN_SHOW_WEIGHT:
      return cell->weight.sqnr_db;
    case TN_SHOW_ALONE:
      return cell->alone.sqnr_db;
    case TN_SHOW_ACCUMULATED:
    default:
      return cell->accumulated.sqnr_db;
    }
}

const char *
tn_shown_quantity_get_label (TnShownQuantity quantity)
{
  switch (quantity)
    {
    case TN_SHOW_LOSS:
      return _ ("change of the loss (nats a token)");
    case TN_SHOW_WEIGHT:
      return _ ("SQNR of the weights (dB)");
    case TN_SHOW_ALONE:
      return _ ("SQNR of the output (dB)");
    case TN_SHOW_ACCUMULATED:
    default:
      return _ ("SQNR through the network (dB)");
    }
}

static GPtrArray *
name_schemes (const TnAnalysis *analysis)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (guint k = 0; k < analysis->schemes->len; k++)
    g_ptr_array_add (names, tn_scheme_to_string (tn_analysis_get_scheme (analysis, k)));
  return names;
}

static const double *
get_doubles (const GArray *array)
{
  return (const double *) (gconstpointer) array->data;
}

/* One kind of pairs, as bars. */
static void
add_ranked (TnFigure *figure, const TnAnalysis *analysis, const GArray *pairs, guint most, gboolean predicted)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (double)), low = g_array_new (FALSE, FALSE, sizeof (double)),
                     high = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < pairs->len && i < most; i++)
    {
      const TnRankedPair *pair = &g_array_index (pairs, TnRankedPair, i);
      g_autofree char *scheme = tn_scheme_to_string (tn_analysis_get_scheme (analysis, pair->scheme));

      if (pair->predicted != predicted)
        continue;
      g_ptr_array_add (names, g_strdup_printf ("%s · %s", tn_analysis_get_layer (analysis, pair->layer)->name, scheme));
      g_array_append_val (values, pair->loss.value);
      g_array_append_val (low, pair->loss.low);
      g_array_append_val (high, pair->loss.high);
    }
  if (names->len > 0)
    tn_figure_add_ranged_bars (figure, predicted ? _ ("predicted") : _ ("measured"), predicted ? 1 : 0, names->len,
                               (const char *const *) names->pdata, get_doubles (values), get_doubles (low), get_doubles (high));
}

TnFigure *
tn_analysis_draw_ranking (const TnAnalysis *analysis, guint most)
{
  TnFigure *figure = tn_figure_new (_ ("Where the loss rises most"));
  g_autoptr (GArray) pairs = tn_analysis_rank (analysis);

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  tn_figure_set_x_axis (figure, tn_shown_quantity_get_label (TN_SHOW_LOSS), TN_AXIS_LINEAR);
  add_ranked (figure, analysis, pairs, most, FALSE);
  add_ranked (figure, analysis, pairs, most, TRUE);
  return figure;
}

TnFigure *
tn_analysis_draw_cells (const TnAnalysis *analysis, TnShownQuantity quantity)
{
  TnFigure *figure = tn_figure_new (_ ("Layers and schemes"));
  gsize n = (gsize) analysis->layers->len * analysis->schemes->len;
  g_autofree double *values = g_new (double, MAX (n, 1));
  g_autoptr (GPtrArray) schemes = name_schemes (analysis), layers = g_ptr_array_new ();
  gboolean any = FALSE;

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      g_ptr_array_add (layers, tn_analysis_get_layer (analysis, i)->name);
      for (guint k = 0; k < analysis->schemes->len; k++)
        {
          values[(gsize) i * analysis->schemes->len + k] = tn_analysis_get_shown (analysis, i, k, quantity);
          any |= isfinite (values[(gsize) i * analysis->schemes->len + k]);
        }
    }
  if (any)
    {
      tn_figure_add_heat_map (figure, tn_shown_quantity_get_label (quantity), n, analysis->schemes->len, values,
                              (const char *const *) layers->pdata, quantity == TN_SHOW_LOSS ? TN_AXIS_LOG : TN_AXIS_LINEAR, 0,
                              NULL);
      tn_figure_set_column_names (figure, schemes->len, (const char *const *) schemes->pdata);
    }
  return figure;
}

TnFigure *
tn_analysis_draw_comparison (const TnAnalysis *analysis, TnShownQuantity quantity)
{
  TnFigure *figure = tn_figure_new (_ ("Layers in the order they run"));
  guint n = analysis->layers->len;
  g_autofree double *x = g_new (double, MAX (n, 1)), *y = g_new (double, MAX (n, 1));
  g_autoptr (GPtrArray) schemes = name_schemes (analysis);

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  tn_figure_set_x_axis (figure, _ ("layer"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, tn_shown_quantity_get_label (quantity),
                        quantity == TN_SHOW_LOSS ? TN_AXIS_SYMLOG : TN_AXIS_LINEAR);
  for (guint k = 0; k < analysis->schemes->len; k++)
    {
      for (guint i = 0; i < n; i++)
        {
          x[i] = i;
          y[i] = tn_analysis_get_shown (analysis, i, k, quantity);
        }
      tn_figure_add_line (figure, schemes->pdata[k], k, n, x, y);
    }
  return figure;
}

static void
find_range (const TnAnalysis *analysis, TnShownQuantity quantity, double *low, double *high)
{
  *low = (double) INFINITY;
  *high = (double) -INFINITY;
  for (guint i = 0; i < analysis->layers->len; i++)
    for (guint k = 0; k < analysis->schemes->len; k++)
      {
        double value = tn_analysis_get_shown (analysis, i, k, quantity);

        if (!isfinite (value))
          continue;
        *low = MIN (*low, value);
        *high = MAX (*high, value);
      }
}

TnFigure *
tn_analysis_draw_histogram (const TnAnalysis *analysis, TnShownQuantity quantity)
{
  TnFigure *figure = tn_figure_new (_ ("How many layers"));
  g_autoptr (GPtrArray) schemes = name_schemes (analysis);
  double low, high, edges[HISTOGRAM_BINS + 1], counts[HISTOGRAM_BINS];

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  tn_figure_set_x_axis (figure, tn_shown_quantity_get_label (quantity), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, _ ("layers"), TN_AXIS_LINEAR);
  find_range (analysis, quantity, &low, &high);
  if (!(low <= high))
    return figure;
  if (low == high)
    high = low + 1.0;
  for (guint b = 0; b <= HISTOGRAM_BINS; b++)
    edges[b] = low + (high - low) * b / HISTOGRAM_BINS;
  for (guint k = 0; k < analysis->schemes->len; k++)
    {
      for (guint b = 0; b < HISTOGRAM_BINS; b++)
        counts[b] = 0.0;
      for (guint i = 0; i < analysis->layers->len; i++)
        {
          double value = tn_analysis_get_shown (analysis, i, k, quantity);

          if (isfinite (value))
            counts[MIN ((guint) ((value - low) / (high - low) * HISTOGRAM_BINS), HISTOGRAM_BINS - 1)] += 1.0;
        }
      tn_figure_add_histogram (figure, schemes->pdata[k], k, HISTOGRAM_BINS, edges, counts);
    }
  return figure;
}

/* x and y of dots with their names. */
typedef struct
{
  GArray *x, *y;
  GPtrArray *names;
} Dots;

static Dots
dots_new (void)
{
  return (Dots){g_array_new (FALSE, FALSE, sizeof (double)), g_array_new (FALSE, FALSE, sizeof (double)),
                g_ptr_array_new_with_free_func (g_free)};
}

/* Takes the name. */
static void
dots_add (Dots *self, double x, double y, char *name)
{
  if (!isfinite (x) || !isfinite (y))
    {
      g_free (name);
      return;
    }
  g_array_append_val (self->x, x);
  g_array_append_val (self->y, y);
  g_ptr_array_add (self->names, name);
}

static void
dots_finish (Dots *self, TnFigure *figure, const char *name, guint color)
{
  if (self->x->len > 0)
    tn_figure_add_points (figure, name, color, self->x->len, get_doubles (self->x), get_doubles (self->y),
                          (const char *const *) self->names->pdata);
  g_array_unref (self->x);
  g_array_unref (self->y);
  g_ptr_array_unref (self->names);
}

TnFigure *
tn_analysis_draw_bits (const TnAnalysis *analysis, TnShownQuantity quantity)
{
  TnFigure *figure = tn_figure_new (_ ("What bits buy"));
  g_autoptr (GPtrArray) schemes = name_schemes (analysis);

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  tn_figure_set_x_axis (figure, _ ("bits a weight"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, tn_shown_quantity_get_label (quantity), TN_AXIS_LINEAR);
  for (guint k = 0; k < analysis->schemes->len; k++)
    {
      Dots dots = dots_new ();

      for (guint i = 0; i < analysis->layers->len; i++)
        dots_add (&dots, tn_analysis_get_cell (analysis, i, k)->bits, tn_analysis_get_shown (analysis, i, k, quantity),
                  g_strdup (tn_analysis_get_layer (analysis, i)->name));
      dots_finish (&dots, figure, schemes->pdata[k], k);
    }
  return figure;
}

TnFigure *
tn_analysis_draw_agreement (const TnAnalysis *analysis)
{
  TnFigure *figure = tn_figure_new (_ ("Scores against measured changes of the loss"));
  g_autoptr (GPtrArray) schemes = name_schemes (analysis);

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  tn_figure_set_x_axis (figure, _ ("Fisher score (nats a token)"), TN_AXIS_LOG);
  tn_figure_set_y_axis (figure, _ ("measured (nats a token)"), TN_AXIS_SYMLOG);
  for (guint k = 0; k < analysis->schemes->len; k++)
    {
      Dots dots = dots_new ();

      for (guint i = 0; i < analysis->layers->len; i++)
        {
          const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);

          if (cell->fisher.value > 0.0)
            dots_add (&dots, cell->fisher.value, cell->measured.value, g_strdup (tn_analysis_get_layer (analysis, i)->name));
        }
      dots_finish (&dots, figure, schemes->pdata[k], k);
    }
  return figure;
}

TnFigure *
tn_analysis_draw_correlations (const TnAnalysis *analysis)
{
  TnFigure *figure = tn_figure_new (_ ("How errors of layers go together"));
  guint n = analysis->layers->len;
  g_autoptr (GPtrArray) layers = g_ptr_array_new ();

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  if (analysis->correlations == NULL)
    return figure;
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (layers, tn_analysis_get_layer (analysis, i)->name);
  tn_figure_set_x_axis (figure, _ ("layer"), TN_AXIS_LINEAR);
  tn_figure_add_heat_map (figure, _ ("correlation"), (gsize) n * n, n, analysis->correlations,
                          (const char *const *) layers->pdata, TN_AXIS_LINEAR, 0, NULL);
  return figure;
}

static void
add_uniform (TnFigure *figure, const TnAnalysis *analysis)
{
  g_autofree gint *schemes = g_new (gint, analysis->layers->len);
  Dots dots = dots_new ();

  for (guint k = 0; k < analysis->schemes->len; k++)
    {
      TnPlanPrediction prediction;

      /* Layers that the scheme does not fit stay as they are. */
      for (guint i = 0; i < analysis->layers->len; i++)
        schemes[i] = tn_analysis_get_cell (analysis, i, k)->applies ? (gint) k : -1;
      prediction = tn_analysis_predict_plan (analysis, schemes);
      dots_add (&dots, prediction.bits, prediction.change.value, tn_scheme_to_string (tn_analysis_get_scheme (analysis, k)));
    }
  dots_finish (&dots, figure, _ ("one scheme, predicted"), 1);
}

static void
add_checks (TnFigure *figure, const TnAnalysis *analysis)
{
  Dots dots = dots_new ();

  for (guint i = 0; i < analysis->checks->len; i++)
    {
      const TnPlanCheck *check = g_ptr_array_index (analysis->checks, i);

      dots_add (&dots, check->bits, check->measured.value, g_strdup (check->title));
    }
  dots_finish (&dots, figure, _ ("measured"), 2);
}

static void
add_front (TnFigure *figure, const TnAllocation *allocation, guint point)
{
  const TnKnapsack *front = tn_allocation_get_front (allocation);
  guint n = tn_knapsack_n_points (front);
  g_autofree double *x = g_new (double, n), *y = g_new (double, n);

  for (guint i = 0; i < n; i++)
    {
      x[i] = tn_allocation_get_bits (allocation, i);
      y[i] = tn_knapsack_get_loss (front, i);
    }
  tn_figure_add_line (figure, _ ("best plans, predicted"), 0, n, x, y);
  if (point < n)
    tn_figure_add_markers (figure, _ ("chosen"), 3, 1, &x[point], NULL);
}

TnFigure *
tn_analysis_draw_front (const TnAnalysis *analysis, const TnAllocation *allocation, guint point)
{
  TnFigure *figure = tn_figure_new (_ ("Size against loss"));

  tn_figure_set_empty_text (figure, STATE_NOT_MEASURED);
  tn_figure_set_x_axis (figure, _ ("bits a weight"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, tn_shown_quantity_get_label (TN_SHOW_LOSS), TN_AXIS_SYMLOG);
  if (allocation != NULL)
    add_front (figure, allocation, point);
  add_uniform (figure, analysis);
  add_checks (figure, analysis);
  return figure;
}
