/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "data/files/csv-row.h"
#include "data/files/json-members.h"
#include "engine/calibration/outlier-features.h"

static const struct
{
  const char *name;
  double percent;
} percentiles[] = {
    {"0.1", 0.1}, {"1", 1}, {"5", 5}, {"25", 25}, {"50", 50}, {"75", 75}, {"95", 95}, {"99", 99}, {"99.9", 99.9},
};

static const struct
{
  const char *name;
  guint bits;
} schemes[] = {{"int8", 8}, {"int4", 4}};

/* The histogram knows a value to its bin; the extremes are exact. */
static double
percentile_of (const TnSiteStats *site, double percent)
{
  double value = tn_float_histogram_quantile (site->histogram, percent / 100.0);

  return site->has_extremes ? CLAMP (value, (double) site->min.value, (double) site->max.value) : (double) NAN;
}

static void
add_place (JsonBuilder *builder, const char *name, const TnSiteStats *site, const TnExtreme *extreme)
{
  json_builder_set_member_name (builder, name);
  if (!site->has_extremes)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  tn_json_add_hash (builder, "sample", extreme->sample);
  tn_json_add_count (builder, "token", extreme->token);
  tn_json_add_count (builder, "channel", extreme->channel);
  json_builder_end_object (builder);
}

static void
add_site (JsonBuilder *builder, const TnSiteStats *site, const TnParamsChoice *choice, const TnDetailsView *view)
{
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "name", site->name);
  tn_json_add_count (builder, "width", site->width);
  tn_json_add_count (builder, "tokens", site->tokens);
  tn_json_add_count (builder, "count", summary.count);
  tn_json_add_double (builder, "min", summary.min);
  tn_json_add_double (builder, "max", summary.max);
  tn_json_add_double (builder, "mean", summary.mean);
  tn_json_add_double (builder, "std", summary.std);
  tn_json_add_double (builder, "absmean", summary.absmean);
  tn_json_add_double (builder, "skewness", summary.skewness);
  tn_json_add_double (builder, "kurtosis", summary.kurtosis);
  tn_json_add_double (builder, "zeros", summary.zeros);
  tn_json_add_count (builder, "nonfinite", summary.nonfinite);
  tn_json_add_count (builder, "oversize", summary.oversize);
  add_place (builder, "min_at", site, &site->min);
  add_place (builder, "max_at", site, &site->max);
  tn_details_add_site (builder, site, view);
  tn_params_add_json (builder, site, choice, view->intervals);
  json_builder_end_object (builder);
}

static void
add_aliases (JsonBuilder *builder, const TnStats *stats)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (stats->aliases), (GCompareFunc) strcmp);

  json_builder_set_member_name (builder, "aliases");
  json_builder_begin_object (builder);
  for (GList *l = names; l != NULL; l = l->next)
    tn_json_add_string (builder, l->data, g_hash_table_lookup (stats->aliases, l->data));
  json_builder_end_object (builder);
}

/* Estimates for all of the data, where the sample was not drawn evenly. */
static void
add_weighted (JsonBuilder *builder, const TnStats *stats)
{
  double weight, weight2;

  if (stats->weighted == NULL)
    return;
  weight = tn_wide_sum_to_double (&stats->weighted->weight);
  weight2 = tn_wide_sum_to_double (&stats->weighted->weight2);
  json_builder_set_member_name (builder, "weighted");
  json_builder_begin_object (builder);
  tn_json_add_double (builder, "weight", weight);
  tn_json_add_double (builder, "effective_samples", weight * weight / weight2);
  json_builder_set_member_name (builder, "sites");
  json_builder_begin_array (builder);
  for (guint i = 0; i < stats->sites->len; i++)
    {
      TnWeightedSummary summary;

      tn_weighted_stats_summarize (stats->weighted, i, &summary);
      json_builder_begin_object (builder);
      tn_json_add_string (builder, "name", ((const TnSiteStats *) g_ptr_array_index (stats->sites, i))->name);
      tn_json_add_double (builder, "count", summary.count);
      tn_json_add_double (builder, "mean", summary.mean);
      tn_json_add_double (builder, "std", summary.std);
      tn_json_add_double (builder, "absmean", summary.absmean);
      tn_json_add_double (builder, "mean_square", summary.mean_square);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

/* null where it is not known. */
static void
add_outlier_features (JsonBuilder *builder, const TnStats *stats)
{
  g_autoptr (GArray) features = tn_stats_find_outlier_features (stats);

  json_builder_set_member_name (builder, "outlier_features");
  if (features == NULL)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_array (builder);
  for (guint i = 0; i < features->len; i++)
    {
      const TnOutlierFeature *feature = &g_array_index (features, TnOutlierFeature, i);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "kind", feature->kind);
      tn_json_add_count (builder, "channel", feature->channel);
      tn_json_add_count (builder, "layers", feature->layers);
      tn_json_add_count (builder, "of_layers", feature->n_layers);
      tn_json_add_double (builder, "positions", feature->positions);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

char *
tn_stats_to_json (const TnStats *stats)
{
  return tn_stats_to_json_by (stats, NULL, &TN_PARAMS_CHOICE_DEFAULT, &tn_details_view_default);
}

char *
tn_stats_to_json_by (const TnStats *stats, const TnSiteStats *only, const TnParamsChoice *choice, const TnDetailsView *view)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_hash (builder, "model_fingerprint", stats->model_fingerprint);
  tn_json_add_hash (builder, "data_fingerprint", stats->data_fingerprint);
  tn_json_add_count (builder, "samples", stats->samples);
  tn_json_add_count (builder, "tokens", stats->tokens);
  json_builder_set_member_name (builder, "partial");
  json_builder_add_boolean_value (builder, stats->partial);
  tn_json_add_string (builder, "backend", stats->backend);
  add_aliases (builder, stats);
  add_weighted (builder, stats);
  add_outlier_features (builder, stats);
  json_builder_set_member_name (builder, "sites");
  json_builder_begin_array (builder);
  for (guint i = 0; i < stats->sites->len; i++)
    if (only == NULL || g_ptr_array_index (stats->sites, i) == only)
      add_site (builder, g_ptr_array_index (stats->sites, i), choice, view);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, TRUE);
}

/* An empty field where there is no number. */
static void
append_double (GString *line, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (line, ',');
  if (isfinite (value))
    g_string_append (line, g_ascii_dtostr (buffer, sizeof buffer, value));
}

static void
append_count (GString *line, guint64 value)
{
  g_string_append_printf (line, ",%" G_GUINT64_FORMAT, value);
}

static void
append_site (GString *text, const TnSiteStats *site)
{
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  tn_csv_append_field (text, site->name);
  append_count (text, site->width);
  append_count (text, site->tokens);
  append_count (text, summary.count);
  append_double (text, summary.min);
  append_double (text, summary.max);
  append_double (text, summary.mean);
  append_double (text, summary.std);
  append_double (text, summary.absmean);
  append_double (text, summary.skewness);
  append_double (text, summary.kurtosis);
  append_double (text, summary.zeros);
  append_count (text, summary.nonfinite);
  append_count (text, summary.oversize);
  for (guint i = 0; i < G_N_ELEMENTS (percentiles); i++)
    append_double (text, percentile_of (site, percentiles[i].percent));
  for (guint s = 0; s < G_N_ELEMENTS (schemes); s++)
    {
      TnQuantParams params = {.scale = (double) NAN, .clip = (double) NAN, .mse = (double) NAN, .sqnr_db = (double) NAN};

      tn_params_find (site, &(TnScheme){.kind = TN_SCHEME_INTEGER, .bits = schemes[s].bits},
                      &(TnMethodOptions){.method = TN_METHOD_MSE}, &params);
      append_double (text, params.scale);
      append_double (text, params.clip);
      append_double (text, params.mse);
      append_double (text, params.sqnr_db);
    }
  g_string_append_c (text, '\n');
}

char *
tn_stats_to_csv (const TnStats *stats)
{
  GString *text = g_string_new ("name,width,tokens,count,min,max,mean,std,absmean,skewness,kurtosis,zeros,nonfinite,oversize");

  for (guint i = 0; i < G_N_ELEMENTS (percentiles); i++)
    g_string_append_printf (text, ",p%s", percentiles[i].name);
  for (guint s = 0; s < G_N_ELEMENTS (schemes); s++)
    g_string_append_printf (text, ",%s_scale,%s_clip,%s_mse,%s_sqnr_db", schemes[s].name, schemes[s].name, schemes[s].name,
                            schemes[s].name);
  g_string_append_c (text, '\n');
  for (guint i = 0; i < stats->sites->len; i++)
    append_site (text, g_ptr_array_index (stats->sites, i));
  return g_string_free (text, FALSE);
}
