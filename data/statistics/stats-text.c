/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "data/statistics/params-text.h"

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
add_double (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_count (JsonBuilder *builder, const char *name, guint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) value);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_hash (JsonBuilder *builder, const char *name, guint64 value)
{
  g_autofree char *text = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", value);

  add_string (builder, name, text);
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
  add_hash (builder, "sample", extreme->sample);
  add_count (builder, "token", extreme->token);
  add_count (builder, "channel", extreme->channel);
  json_builder_end_object (builder);
}

static void
add_site (JsonBuilder *builder, const TnSiteStats *site, const TnParamsChoice *choice)
{
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  json_builder_begin_object (builder);
  add_string (builder, "name", site->name);
  add_count (builder, "width", site->width);
  add_count (builder, "tokens", site->tokens);
  add_count (builder, "count", summary.count);
  add_double (builder, "min", summary.min);
  add_double (builder, "max", summary.max);
  add_double (builder, "mean", summary.mean);
  add_double (builder, "std", summary.std);
  add_double (builder, "absmean", summary.absmean);
  add_double (builder, "skewness", summary.skewness);
  add_double (builder, "kurtosis", summary.kurtosis);
  add_double (builder, "zeros", summary.zeros);
  add_count (builder, "nonfinite", summary.nonfinite);
  add_count (builder, "oversize", summary.oversize);
  json_builder_set_member_name (builder, "percentiles");
  json_builder_begin_object (builder);
  for (guint i = 0; i < G_N_ELEMENTS (percentiles); i++)
    add_double (builder, percentiles[i].name, percentile_of (site, percentiles[i].percent));
  json_builder_end_object (builder);
  add_place (builder, "min_at", site, &site->min);
  add_place (builder, "max_at", site, &site->max);
  tn_params_add_json (builder, site, choice);
  json_builder_end_object (builder);
}

static void
add_aliases (JsonBuilder *builder, const TnStats *stats)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (stats->aliases), (GCompareFunc) strcmp);

  json_builder_set_member_name (builder, "aliases");
  json_builder_begin_object (builder);
  for (GList *l = names; l != NULL; l = l->next)
    add_string (builder, l->data, g_hash_table_lookup (stats->aliases, l->data));
  json_builder_end_object (builder);
}

char *
tn_stats_to_json (const TnStats *stats)
{
  return tn_stats_to_json_by (stats, &TN_PARAMS_CHOICE_DEFAULT);
}

char *
tn_stats_to_json_by (const TnStats *stats, const TnParamsChoice *choice)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  add_hash (builder, "model_fingerprint", stats->model_fingerprint);
  add_hash (builder, "data_fingerprint", stats->data_fingerprint);
  add_count (builder, "samples", stats->samples);
  add_count (builder, "tokens", stats->tokens);
  json_builder_set_member_name (builder, "partial");
  json_builder_add_boolean_value (builder, stats->partial);
  add_string (builder, "backend", stats->backend);
  add_aliases (builder, stats);
  json_builder_set_member_name (builder, "sites");
  json_builder_begin_array (builder);
  for (guint i = 0; i < stats->sites->len; i++)
    add_site (builder, g_ptr_array_index (stats->sites, i), choice);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_data (generator, NULL);
}

static void
append_text (GString *line, const char *text)
{
  if (strpbrk (text, ",\"\r\n") == NULL)
    {
      g_string_append (line, text);
      return;
    }
  g_string_append_c (line, '"');
  for (; *text != '\0'; text++)
    {
      if (*text == '"')
        g_string_append_c (line, '"');
      g_string_append_c (line, *text);
    }
  g_string_append_c (line, '"');
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
  append_text (text, site->name);
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

      tn_site_parameters (site, &(TnScheme){.kind = TN_SCHEME_INTEGER, .bits = schemes[s].bits},
                          &(TnMethodOptions){.method = TN_METHOD_MSE}, &params, NULL, NULL);
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
