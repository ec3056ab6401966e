/* SPDX-License-Identifier: Apache-2.0 */
#include "app/programs/ternion/analyze-run.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/tasks/trend-figures.h"
#include "data/training/checkpoint.h"

/* A layer and what it is ranked by. */
typedef struct
{
  guint layer;
  double value;
} Ranked;

gboolean
tn_arguments_are_checkpoints (char *const *arguments)
{
  for (guint i = 0; arguments[i] != NULL; i++)
    {
      g_autofree char *name = g_path_get_basename (arguments[i]);
      guint64 step;

      if (!tn_checkpoint_parse_name (name, &step))
        return FALSE;
    }
  return arguments[0] != NULL;
}

static gint
by_value (gconstpointer a, gconstpointer b)
{
  const Ranked *x = a, *y = b;

  return (x->value > y->value) - (x->value < y->value);
}

/* The worst first, at the last step. */
static GArray *
rank (const TnTrend *trend, guint scheme, TnTrendQuantity quantity)
{
  GArray *ranked = g_array_new (FALSE, FALSE, sizeof (Ranked));
  guint last = trend->points->len - 1;

  for (guint i = 0; i < tn_trend_get_point (trend, 0)->analysis->layers->len; i++)
    {
      double value = tn_trend_get_value (trend, last, i, scheme, quantity);

      if (!isnan (value))
        g_array_append_val (ranked, ((Ranked){i, quantity == TN_TREND_SCORE || quantity == TN_TREND_LOSS ? -value : value}));
    }
  g_array_sort (ranked, by_value);
  return ranked;
}

static void
print_value (double value, TnTrendQuantity quantity)
{
  if (isnan (value))
    g_print (" %10s", "–");
  else if (quantity == TN_TREND_SCORE || quantity == TN_TREND_LOSS)
    g_print (" %+10.3g", value);
  else
    g_print (" %10.2f", value);
}

static void
print_steps (const TnTrend *trend, const char *label, int width)
{
  g_print ("%-*s", width, label);
  for (guint p = 0; p < trend->points->len; p++)
    g_print (" %10" PRIu64, tn_trend_get_point (trend, p)->step);
  g_print ("\n");
}

/* What was measured of some layers adds up to nothing. */
static gboolean
has_whole (const TnTrend *trend, TnTrendQuantity quantity)
{
  for (guint p = 0; p < trend->points->len; p++)
    for (guint k = 0; k < tn_trend_get_point (trend, p)->analysis->schemes->len; k++)
      if (!isnan (tn_trend_get_whole (trend, p, k, quantity)))
        return TRUE;
  return FALSE;
}

static void
print_whole (const TnTrend *trend, TnTrendQuantity quantity, int width)
{
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;

  if (!has_whole (trend, quantity))
    return;
  g_print (quantity == TN_TREND_OUTPUT || quantity == TN_TREND_WEIGHTS ? _ ("\n%s, mean of all layers\n") : _ ("\n%s, sum of all layers\n"),
           tn_trend_quantity_get_label (quantity));
  print_steps (trend, _ ("scheme"), width);
  for (guint k = 0; k < first->schemes->len; k++)
    {
      g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (first, k));

      g_print ("%-*s", width, name);
      for (guint p = 0; p < trend->points->len; p++)
        print_value (tn_trend_get_whole (trend, p, k, quantity), quantity);
      g_print ("\n");
    }
}

static void
print_layers (const TnTrend *trend, guint scheme, TnTrendQuantity quantity, guint top, int width)
{
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;
  g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (first, scheme));
  g_autoptr (GArray) ranked = rank (trend, scheme, quantity);

  if (!tn_trend_has (trend, quantity))
    return;
  g_print (_ ("\n%s, %s, the worst at the last step first\n"), name, tn_trend_quantity_get_label (quantity));
  print_steps (trend, _ ("layer"), width);
  for (guint i = 0; i < ranked->len && (top == 0 || i < top); i++)
    {
      guint layer = g_array_index (ranked, Ranked, i).layer;

      g_print ("%-*s", width, tn_analysis_get_layer (first, layer)->name);
      for (guint p = 0; p < trend->points->len; p++)
        print_value (tn_trend_get_value (trend, p, layer, scheme, quantity), quantity);
      g_print ("\n");
    }
  if (top > 0 && ranked->len > top)
    g_print (_ ("… %u more: --top 0 shows all\n"), ranked->len - top);
}

static void
print_text (const TnTrend *trend, guint top)
{
  const TnAnalysis *first = tn_trend_get_point (trend, 0)->analysis;
  int width = (int) g_utf8_strlen (_ ("scheme"), -1);

  for (guint i = 0; i < first->layers->len; i++)
    width = MAX (width, (int) strlen (tn_analysis_get_layer (first, i)->name));
  g_print (_ ("%s on %s: %u checkpoints, %u layers, %u schemes\n"), trend->run_name != NULL ? trend->run_name : "?", first->data_name,
           trend->points->len, first->layers->len, first->schemes->len);
  for (TnTrendQuantity quantity = 0; quantity < TN_N_TREND_QUANTITIES; quantity++)
    print_whole (trend, quantity, width);
  print_layers (trend, first->carriers_scheme, tn_trend_has (trend, TN_TREND_OUTPUT) ? TN_TREND_OUTPUT : TN_TREND_WEIGHTS, top, width);
  print_layers (trend, first->carriers_scheme, TN_TREND_SCORE, top, width);
  print_layers (trend, first->carriers_scheme, TN_TREND_LOSS, top, width);
}

TnExitStatus
tn_run_analyze_run (TnCommand *command, TnAnalyzeRunOptions *options, guint top)
{
  g_autoptr (TnAnalyzeRunOptions) owned = options;
  g_autoptr (TnTrend) trend = NULL;
  g_autoptr (TnJob) job = NULL;
  TnTrend *result = NULL;
  GError *error = NULL;

  if (!tn_command_open_workspace (command, &error))
    return tn_command_fail (command, error);
  job = tn_analyze_run_job_new (g_steal_pointer (&owned), command->workspace, &result);
  if (!tn_command_run_job (command, job, &error))
    return tn_command_fail (command, error);
  trend = result;
  if (command->json)
    {
      g_autofree char *text = tn_trend_print (trend);

      g_print ("%s", text);
    }
  else
    print_text (trend, top);
  return tn_command_finish (command);
}
