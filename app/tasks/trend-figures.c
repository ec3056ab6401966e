/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/trend-figures.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

double
tn_trend_get_value (const TnTrend *trend, guint point, guint layer, guint scheme, TnTrendQuantity quantity)
{
  const TnAnalysisCell *cell = tn_analysis_get_cell (tn_trend_get_point (trend, point)->analysis, layer, scheme);

  switch (quantity)
    {
    case TN_TREND_WEIGHTS:
      return cell->weight.sqnr_db;
    case TN_TREND_OUTPUT:
      return cell->alone.sqnr_db;
    case TN_TREND_SCORE:
      return cell->fisher.value;
    case TN_TREND_LOSS:
    case TN_N_TREND_QUANTITIES:
    default:
      return cell->measured.value;
    }
}

static gboolean
is_sqnr (TnTrendQuantity quantity)
{
  return quantity == TN_TREND_WEIGHTS || quantity == TN_TREND_OUTPUT;
}

double
tn_trend_get_whole (const TnTrend *trend, guint point, guint scheme, TnTrendQuantity quantity)
{
  const TnAnalysis *analysis = tn_trend_get_point (trend, point)->analysis;
  double sum = 0.0;
  guint n = 0;

  for (guint i = 0; i < analysis->layers->len; i++)
    {
      double value = tn_trend_get_value (trend, point, i, scheme, quantity);

      if (!tn_analysis_get_cell (analysis, i, scheme)->applies || (is_sqnr (quantity) && !isfinite (value)))
        continue;
      sum += value;
      n++;
    }
  if (n == 0)
    return (double) NAN;
  return is_sqnr (quantity) ? sum / n : sum;
}

gboolean
tn_trend_has (const TnTrend *trend, TnTrendQuantity quantity)
{
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;

  for (guint p = 0; p < trend->points->len; p++)
    for (guint i = 0; i < first->layers->len; i++)
      for (guint k = 0; k < first->schemes->len; k++)
        if (!isnan (tn_trend_get_value (trend, p, i, k, quantity)))
          return TRUE;
  return FALSE;
}

const char *
tn_trend_quantity_get_name (TnTrendQuantity quantity)
{
  return quantity == TN_TREND_OUTPUT ? "sqnr_db" : quantity == TN_TREND_SCORE ? "score" : quantity == TN_TREND_LOSS ? "loss_change" : NULL;
}

const char *
tn_trend_quantity_get_label (TnTrendQuantity quantity)
{
  switch (quantity)
    {
    case TN_TREND_WEIGHTS:
      return _ ("SQNR of the weights (dB)");
    case TN_TREND_OUTPUT:
      return _ ("SQNR of the output (dB)");
    case TN_TREND_SCORE:
      return _ ("Fisher score (nats a token)");
    case TN_TREND_LOSS:
    case TN_N_TREND_QUANTITIES:
    default:
      return _ ("measured change of the loss (nats a token)");
    }
}

TnFigure *
tn_trend_draw_whole (const TnTrend *trend, TnTrendQuantity quantity)
{
  TnFigure *figure = tn_figure_new (is_sqnr (quantity) ? _ ("All layers over the run, on average") : _ ("All layers over the run, added up"));
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;
  guint n = trend->points->len;
  g_autofree double *x = g_new (double, n), *y = g_new (double, n);

  tn_figure_set_empty_text (figure, _ ("This was not measured."));
  tn_figure_set_x_axis (figure, _ ("step"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, tn_trend_quantity_get_label (quantity), is_sqnr (quantity) ? TN_AXIS_LINEAR : TN_AXIS_SYMLOG);
  for (guint k = 0; k < first->schemes->len; k++)
    {
      g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (first, k));
      gboolean any = FALSE;

      for (guint p = 0; p < n; p++)
        {
          x[p] = (double) tn_trend_get_point (trend, p)->step;
          y[p] = tn_trend_get_whole (trend, p, k, quantity);
          any |= isfinite (y[p]);
        }
      if (any)
        tn_figure_add_line (figure, name, k, n, x, y);
    }
  return figure;
}

TnFigure *
tn_trend_draw_layers (const TnTrend *trend, guint scheme, TnTrendQuantity quantity)
{
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;
  guint n_layers = first->layers->len, n_points = trend->points->len;
  g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (first, scheme)),
                  *title = g_strdup_printf (_ ("Layers over the run, %s"), name);
  TnFigure *figure = tn_figure_new (title);
  g_autofree double *values = g_new (double, MAX ((gsize) n_layers * n_points, 1));
  g_autoptr (GPtrArray) layers = g_ptr_array_new (), steps = g_ptr_array_new_with_free_func (g_free);
  gboolean any = FALSE;

  tn_figure_set_empty_text (figure, _ ("This was not measured."));
  for (guint p = 0; p < n_points; p++)
    g_ptr_array_add (steps, g_strdup_printf ("%" PRIu64, tn_trend_get_point (trend, p)->step));
  for (guint i = 0; i < n_layers; i++)
    {
      g_ptr_array_add (layers, tn_analysis_get_layer (first, i)->name);
      for (guint p = 0; p < n_points; p++)
        {
          values[(gsize) i * n_points + p] = tn_trend_get_value (trend, p, i, scheme, quantity);
          any |= isfinite (values[(gsize) i * n_points + p]);
        }
    }
  if (any)
    {
      tn_figure_set_x_axis (figure, _ ("step"), TN_AXIS_LINEAR);
      tn_figure_add_heat_map (figure, tn_trend_quantity_get_label (quantity), (gsize) n_layers * n_points, n_points, values,
                              (const char *const *) layers->pdata, is_sqnr (quantity) ? TN_AXIS_LINEAR : TN_AXIS_LOG, 0, NULL);
      tn_figure_set_column_names (figure, n_points, (const char *const *) steps->pdata);
    }
  return figure;
}
