/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/report-trend.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "app/tasks/trend-figures.h"

#define WIDTH 860.0
#define HEIGHT 380.0
#define ROW_HEIGHT 18.0
#define MOST_ROWS_HEIGHT 1100.0

static void
paragraph (TnReport *report, char *text)
{
  tn_report_paragraph (report, text);
  g_free (text);
}

static char *
format_number (double value, const char *unit)
{
  return isnan (value) ? g_strdup ("–") : isinf (value) ? g_strdup ("∞") : g_strdup_printf ("%.5g%s", value, unit);
}

static void
summarize_scheme (TnReport *report, const TnTrend *trend, guint scheme, TnTrendQuantity quantity)
{
  guint last = trend->points->len - 1, most = G_MAXUINT, least = G_MAXUINT;
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;
  g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (first, scheme)),
                  *before = format_number (tn_trend_get_whole (trend, 0, scheme, quantity), " dB"),
                  *after = format_number (tn_trend_get_whole (trend, last, scheme, quantity), " dB");
  double gained = 0.0, lost = 0.0;

  for (guint i = 0; i < first->layers->len; i++)
    {
      double change = tn_trend_get_value (trend, last, i, scheme, quantity) - tn_trend_get_value (trend, 0, i, scheme, quantity);

      if (change > gained)
        {
          gained = change;
          most = i;
        }
      if (change < lost)
        {
          lost = change;
          least = i;
        }
    }
  paragraph (report, g_strdup_printf (_ ("%s: %s on average at the first step, %s at the last."), name, before, after));
  if (most != G_MAXUINT)
    paragraph (report, g_strdup_printf (_ ("%s: %s gained most, %+.2f dB."), name, tn_analysis_get_layer (first, most)->name, gained));
  if (least != G_MAXUINT)
    paragraph (report, g_strdup_printf (_ ("%s: %s lost most, %+.2f dB."), name, tn_analysis_get_layer (first, least)->name, lost));
}

static void
summarize (TnReport *report, const TnTrend *trend)
{
  guint n = trend->points->len;
  TnTrendQuantity quantity = tn_trend_has (trend, TN_TREND_OUTPUT) ? TN_TREND_OUTPUT : TN_TREND_WEIGHTS;

  tn_report_heading (report, _ ("Summary"));
  paragraph (report, g_strdup_printf (_ ("%u checkpoints, from step %" PRIu64 " to %" PRIu64 "; each layer rounded as it was there. %s:"), n,
                                      tn_trend_get_point (trend, 0)->step, tn_trend_get_point (trend, n - 1)->step,
                                      tn_trend_quantity_get_label (quantity)));
  for (guint k = 0; k < tn_trend_get_point (trend, 0)->analysis->schemes->len; k++)
    summarize_scheme (report, trend, k, quantity);
}

static void
write_plots (TnReport *report, const TnTrend *trend)
{
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;
  double rows = MIN (120.0 + ROW_HEIGHT * first->layers->len, MOST_ROWS_HEIGHT);

  tn_report_heading (report, _ ("Plots"));
  for (TnTrendQuantity quantity = 0; quantity < TN_N_TREND_QUANTITIES; quantity++)
    if (tn_trend_has (trend, quantity))
      tn_report_figure (report, tn_trend_draw_whole (trend, quantity), WIDTH, HEIGHT, tn_trend_quantity_get_label (quantity));
  for (guint k = 0; k < first->schemes->len; k++)
    tn_report_figure (report,
                      tn_trend_draw_layers (trend, k, tn_trend_has (trend, TN_TREND_OUTPUT) ? TN_TREND_OUTPUT : TN_TREND_WEIGHTS), WIDTH, rows,
                      NULL);
}

static void
write_cells (TnReport *report, const TnTrend *trend)
{
  const char *const headers[] = {_ ("Step"), _ ("Layer"), _ ("Scheme"), _ ("Weights, dB"), _ ("Output, dB"), _ ("Score"), _ ("Loss change")};
  const gboolean numeric[] = {TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, TRUE};
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

  for (guint p = 0; p < trend->points->len; p++)
    {
      const TnTrendPoint *point = tn_trend_get_point (trend, p);

      for (guint i = 0; i < point->analysis->layers->len; i++)
        for (guint k = 0; k < point->analysis->schemes->len; k++)
          {
            g_ptr_array_add (cells, g_strdup_printf ("%" PRIu64, point->step));
            g_ptr_array_add (cells, g_strdup (tn_analysis_get_layer (point->analysis, i)->name));
            g_ptr_array_add (cells, tn_scheme_to_string (tn_analysis_get_scheme (point->analysis, k)));
            for (TnTrendQuantity quantity = 0; quantity < TN_N_TREND_QUANTITIES; quantity++)
              g_ptr_array_add (cells, format_number (tn_trend_get_value (trend, p, i, k, quantity), ""));
          }
    }
  tn_report_heading (report, _ ("All layers"));
  tn_report_table (report, G_N_ELEMENTS (headers), headers, numeric, cells->len / G_N_ELEMENTS (headers), (const char *const *) cells->pdata);
}

static void
write_methods (TnReport *report, const TnTrend *trend)
{
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;

  tn_report_heading (report, _ ("How this was made"));
  paragraph (report, g_strdup_printf (_ ("Data %s, fingerprint of the samples %016" PRIx64 "; seed %" PRIu64
                                         "; samples of %u tokens: %u for errors of outputs, %u for scores, %u for measured losses; the same at "
                                         "every checkpoint."),
                                      first->data_name, first->data_fingerprint, first->seed, first->seq_len, first->error_samples,
                                      first->score_samples, first->measure_samples));
  for (guint p = 0; p < trend->points->len; p++)
    {
      const TnTrendPoint *point = tn_trend_get_point (trend, p);
      g_autofree char *loss = format_number (point->analysis->loss.value, "");

      paragraph (report, g_strdup_printf (_ ("Step %" PRIu64 ": %s, fingerprint of the model %016" PRIx64 ", loss as it is %s."), point->step,
                                          point->checkpoint != NULL ? point->checkpoint : "?", point->analysis->model_fingerprint, loss));
    }
}

TnReport *
tn_report_trend (const TnTrend *trend, const char *language)
{
  g_autofree char *title = trend->run_name != NULL ? g_strdup_printf (_ ("Error analysis over the run %s"), trend->run_name)
                                                   : g_strdup (_ ("Error analysis over a run"));
  TnReport *report = tn_report_new (title, language);

  summarize (report, trend);
  write_plots (report, trend);
  write_cells (report, trend);
  write_methods (report, trend);
  return report;
}
