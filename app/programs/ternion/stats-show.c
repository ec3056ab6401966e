/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/stats.h"
#include "app/tasks/method-choice.h"
#include "data/files/count-text.h"
#include "engine/calibration/outlier-features.h"
#include "engine/calibration/outliers.h"
#include "engine/error.h"

#define COUNT_WIDTH 14

/* SQNR in dB of a site under each scheme; NaN when it saw nothing, or the method finds nothing. */
static void
print_sqnrs (const TnSiteStats *site, const TnParamsChoice *choice)
{
  for (guint i = 0; i < tn_params_choice_n_schemes (choice); i++)
    {
      TnScheme scheme = tn_params_choice_get_scheme (choice, i);
      TnQuantParams params = { .sqnr_db = NAN };

      tn_params_find (site, &scheme, &choice->method, &params);
      g_print (" %11.2f", params.sqnr_db);
    }
}

/* A line for each scheme and method that fits it. */
static void
print_searches (const TnSiteStats *site, const TnParamsChoice *choice)
{
  for (guint i = 0; i < tn_params_choice_n_schemes (choice); i++)
    for (TnMethod method = TN_METHOD_MINMAX; method < TN_N_METHODS; method++)
      {
        TnScheme scheme = tn_params_choice_get_scheme (choice, i);
        g_autofree char *name = tn_scheme_to_string (&scheme);
        TnMethodOptions options = { .method = method };
        TnQuantParams params;

        if (tn_params_find (site, &scheme, &options, &params))
          g_print (_("    %-12s %-11s scale %-12.6g zero point %-4d clip %-10.4g SQNR %.2f dB\n"), name, tn_method_get_name (method), params.scale,
                   params.zero_point, params.clip, params.sqnr_db);
      }
}

static void
print_site (const TnSiteStats *site, int name_width, const TnParamsChoice *choice)
{
  g_autofree char *count = NULL, *nonfinite = NULL, *oversize = NULL;
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  count = tn_count_text (summary.count);
  nonfinite = tn_count_text (summary.nonfinite);
  oversize = tn_count_text (site->oversize);
  g_print ("%-*s %6u %*s%s %10.4g %10.4g %10.3g %9.4g %9.1f", name_width, site->name, site->width,
           MAX (COUNT_WIDTH - (int) g_utf8_strlen (count, -1), 0), "", count, summary.min, summary.max, summary.mean, summary.std, summary.kurtosis);
  print_sqnrs (site, choice);
  if (summary.nonfinite > 0)
    g_print (_("  %s not finite"), nonfinite);
  if (site->oversize > 0)
    g_print (_("  %s too large for the sums"), oversize);
  g_print ("\n");
}

static void
print_outlier_features (const TnStats *stats)
{
  g_autoptr (GArray) features = tn_stats_find_outlier_features (stats);

  if (features == NULL)
    return;
  g_print (_("\nOutlier features (LLM.int8(): |x| of 6 and more in 25 %% of the layers and 6 %% of the positions): %u\n"), features->len);
  for (guint i = 0; i < features->len; i++)
    {
      const TnOutlierFeature *feature = &g_array_index (features, TnOutlierFeature, i);

      g_print (_("  %-16s channel %5u in %u of %u layers, %.3g %% of the positions\n"), feature->kind, feature->channel, feature->layers,
               feature->n_layers, 100.0 * feature->positions);
    }
}

static void
print_stats (const TnStats *stats, const char *path, const TnParamsChoice *choice)
{
  g_autofree char *samples = tn_count_text (stats->samples), *tokens = tn_count_text (stats->tokens), *sites = tn_count_text (stats->sites->len);
  int name_width = 4;

  g_print (_("%s: %s sequences, %s tokens, %s sites%s\n"), path, samples, tokens, sites,
           stats->summary ? _(" (a summary)") : stats->partial ? _(" (partial: the run was cancelled)") : "");
  g_print (_("model %016" PRIx64 ", data %016" PRIx64 ", %s\n\n"), stats->model_fingerprint, stats->data_fingerprint, stats->backend);
  for (guint i = 0; i < stats->sites->len; i++)
    name_width = MAX (name_width, (int) strlen (((TnSiteStats *) g_ptr_array_index (stats->sites, i))->name));
  g_print ("%-*s %6s %*s %10s %10s %10s %9s %9s", name_width, _("site"), _("width"), COUNT_WIDTH, _("values"), _("min"), _("max"), _("mean"), _("std"),
           _("kurtosis"));
  for (guint i = 0; i < tn_params_choice_n_schemes (choice); i++)
    {
      TnScheme scheme = tn_params_choice_get_scheme (choice, i);
      g_autofree char *scheme_name = tn_scheme_to_string (&scheme);
      g_autofree char *title = g_strdup_printf (_("%s dB"), scheme_name);

      g_print (" %11s", title);
    }
  g_print ("\n");
  for (guint i = 0; i < stats->sites->len; i++)
    {
      print_site (g_ptr_array_index (stats->sites, i), name_width, choice);
      if (choice->every_method)
        print_searches (g_ptr_array_index (stats->sites, i), choice);
    }
  print_outlier_features (stats);
}

static gboolean
parse_choice (const TnStatsArguments *arguments, TnParamsChoice *choice, GError **error)
{
  TnMethodChoice method = { arguments->method, arguments->objective };

  *choice = TN_PARAMS_CHOICE_DEFAULT;
  if (g_strcmp0 (arguments->method, "all") == 0)
    {
      choice->every_method = TRUE;
      method.method = NULL;
    }
  if (!tn_method_choice_is_empty (&method) && !tn_method_choice_parse (&method, &choice->method, error))
    return FALSE;
  if (tn_method_options_need_output (&choice->method))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--method: %s needs the model's weights: ternion eval MODEL --stats STATS --method %s"),
                   tn_method_get_name (choice->method.method), tn_method_get_name (choice->method.method));
      return FALSE;
    }
  if (arguments->schemes == NULL)
    return TRUE;
  choice->schemes = tn_scheme_parse_list (arguments->schemes, error);
  for (guint i = 0; choice->schemes != NULL && i < choice->schemes->len; i++)
    if (g_array_index (choice->schemes, TnScheme, i).granularity != TN_PER_TENSOR || g_array_index (choice->schemes, TnScheme, i).kind == TN_SCHEME_BINARY)
      {
        g_autofree char *name = tn_scheme_to_string (&g_array_index (choice->schemes, TnScheme, i));

        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("%s is none of ternary and int2 to int8 with one scale for a site"), name);
        g_clear_pointer (&choice->schemes, g_array_unref);
      }
  if (choice->schemes == NULL)
    g_prefix_error (error, "--schemes: ");
  return choice->schemes != NULL;
}

static gboolean
parse_percentiles (const char *list, GArray *percents, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (list, ",", 0);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      const char *part = g_strstrip (parts[i]);
      char *end;
      double percent = g_ascii_strtod (part, &end);

      if (*part == '\0' || *end != '\0' || !(percent >= 0.0 && percent <= 100.0))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--percentiles: “%s” is no number from 0 to 100"), part);
          return FALSE;
        }
      g_array_append_val (percents, percent);
    }
  return TRUE;
}

/* percents: those of the view. */
static gboolean
parse_view (const TnStatsArguments *arguments, TnDetailsView *view, GArray *percents, GError **error)
{
  TnOutlierRule rule;

  *view = tn_details_view_default;
  view->intervals = arguments->intervals;
  view->every_channel = arguments->channels;
  view->channel = arguments->channel;
  if (arguments->percentiles != NULL)
    {
      if (!parse_percentiles (arguments->percentiles, percents, error))
        return FALSE;
      view->percents = (const double *) (gpointer) percents->data;
      view->n_percents = percents->len;
    }
  if (arguments->outliers != NULL)
    {
      if (!tn_outlier_rule_parse (arguments->outliers, &rule, error))
        {
          g_prefix_error (error, "--outliers: ");
          return FALSE;
        }
      view->rule = (gint) rule;
    }
  if (arguments->channel >= 0 && arguments->site == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--channel: --site NAME is missing"));
      return FALSE;
    }
  return TRUE;
}

/* The site that was asked for; NULL without an error: none was. */
static gboolean
find_site (const TnStats *stats, const TnStatsArguments *arguments, const TnSiteStats **site, GError **error)
{
  *site = NULL;
  if (arguments->site == NULL)
    return TRUE;
  *site = tn_stats_find (stats, arguments->site);
  if (*site == NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--site: the statistics have no site “%s”"), arguments->site);
  else if (arguments->channel >= 0 && (guint) arguments->channel >= (*site)->width)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--channel: %d found, 0 to %u expected"), arguments->channel, (*site)->width - 1);
  else
    return TRUE;
  return FALSE;
}

static void
print_site_details (const TnSiteStats *site, const TnDetailsView *view)
{
  g_autofree char *details = tn_details_describe (site, view);
  g_autofree char *channels = view->every_channel || view->channel >= 0 ? tn_details_describe_channels (site, view) : NULL;

  g_print ("%s", view->channel >= 0 ? "" : details);
  g_print ("%s", channels != NULL ? channels : "");
}

TnExitStatus
tn_stats_run_show (TnCommand *command, const TnStatsArguments *arguments)
{
  GError *error = NULL;
  g_autoptr (TnStats) stats = NULL;
  g_autoptr (GArray) schemes = NULL;
  g_autoptr (GArray) percents = g_array_new (FALSE, FALSE, sizeof (double));
  const TnSiteStats *site;
  TnParamsChoice choice;
  TnDetailsView view;

  if (!parse_choice (arguments, &choice, &error) || !parse_view (arguments, &view, percents, &error))
    {
      TnExitStatus status = tn_command_usage_error (command, "%s", error->message);

      g_error_free (error);
      return status;
    }
  schemes = choice.schemes;
  if ((stats = tn_stats_load (command->arguments[1], &error)) == NULL || !find_site (stats, arguments, &site, &error))
    return tn_command_fail (command, error);
  if (arguments->extremes)
    return tn_stats_run_extremes (command, arguments, stats, site);
  if (command->json)
    {
      g_autofree char *json = tn_stats_to_json_by (stats, site, &choice, &view);

      g_print ("%s\n", json);
    }
  else if (site != NULL)
    print_site_details (site, &view);
  else
    print_stats (stats, command->arguments[1], &choice);
  return tn_command_finish (command);
}
