/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-diff-text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/files/csv-row.h"
#include "data/files/json-members.h"

/* What is told of a site of each of the two. */
static const struct
{
  const char *name;
  gsize offset;
} numbers[] = {
    {"min", G_STRUCT_OFFSET (TnSiteView, summary.min)},        {"max", G_STRUCT_OFFSET (TnSiteView, summary.max)},
    {"mean", G_STRUCT_OFFSET (TnSiteView, summary.mean)},      {"std", G_STRUCT_OFFSET (TnSiteView, summary.std)},
    {"int8_sqnr_db", G_STRUCT_OFFSET (TnSiteView, int8_sqnr_db)}, {"int4_sqnr_db", G_STRUCT_OFFSET (TnSiteView, int4_sqnr_db)},
};

static double
number_of (const TnSiteView *view, guint i)
{
  return G_STRUCT_MEMBER (double, view, numbers[i].offset);
}

const char *
tn_change_kind_get_name (TnChangeKind kind)
{
  static const char *const names[] = {"none", "site", "shape", "range", "mean", "std"};

  return names[kind];
}

static void
add_stats (JsonBuilder *builder, const char *name, const TnStats *stats, const char *path)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "path", path);
  tn_json_add_hash (builder, "model_fingerprint", stats->model_fingerprint);
  tn_json_add_hash (builder, "data_fingerprint", stats->data_fingerprint);
  tn_json_add_count (builder, "samples", stats->samples);
  tn_json_add_count (builder, "tokens", stats->tokens);
  json_builder_end_object (builder);
}

static void
add_view (JsonBuilder *builder, const char *name, guint width, const TnSiteView *view)
{
  json_builder_set_member_name (builder, name);
  if (width == 0)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  tn_json_add_count (builder, "width", width);
  tn_json_add_count (builder, "count", view->summary.count);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    tn_json_add_double (builder, numbers[i].name, number_of (view, i));
  json_builder_end_object (builder);
}

char *
tn_stats_diff_to_json (GPtrArray *differences, const TnStats *a, const char *path_a, const TnStats *b, const char *path_b)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_stats (builder, "a", a, path_a);
  add_stats (builder, "b", b, path_b);
  json_builder_set_member_name (builder, "sites");
  json_builder_begin_array (builder);
  for (guint i = 0; i < differences->len; i++)
    {
      const TnSiteDifference *difference = g_ptr_array_index (differences, i);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "name", difference->name);
      json_builder_set_member_name (builder, "change");
      json_builder_begin_object (builder);
      tn_json_add_string (builder, "kind", tn_change_kind_get_name (difference->kind));
      tn_json_add_double (builder, "amount", difference->change);
      json_builder_end_object (builder);
      tn_json_add_double (builder, "ks", difference->distance.ks);
      tn_json_add_double (builder, "js", difference->distance.js);
      add_view (builder, "a", difference->width_a, &difference->a);
      add_view (builder, "b", difference->width_b, &difference->b);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, TRUE);
}

/* An empty field where there is no number. */
static void
append_double (GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (text, ',');
  if (isfinite (value))
    g_string_append (text, g_ascii_dtostr (buffer, sizeof buffer, value));
}

static void
append_view (GString *text, guint width, const TnSiteView *view)
{
  if (width > 0)
    g_string_append_printf (text, ",%u,%" PRIu64, width, view->summary.count);
  else
    g_string_append (text, ",,");
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    append_double (text, width > 0 ? number_of (view, i) : (double) NAN);
}

char *
tn_stats_diff_to_csv (GPtrArray *differences)
{
  GString *text = g_string_new ("name,change,amount,ks,js");

  for (const char *side = "ab"; *side != '\0'; side++)
    {
      g_string_append_printf (text, ",%c_width,%c_count", *side, *side);
      for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
        g_string_append_printf (text, ",%c_%s", *side, numbers[i].name);
    }
  g_string_append_c (text, '\n');
  for (guint i = 0; i < differences->len; i++)
    {
      const TnSiteDifference *difference = g_ptr_array_index (differences, i);

      tn_csv_append_field (text, difference->name);
      g_string_append_printf (text, ",%s", tn_change_kind_get_name (difference->kind));
      append_double (text, difference->change);
      append_double (text, difference->distance.ks);
      append_double (text, difference->distance.js);
      append_view (text, difference->width_a, &difference->a);
      append_view (text, difference->width_b, &difference->b);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}
