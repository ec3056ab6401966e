/* SPDX-License-Identifier: Apache-2.0 */
#include "data/analysis/trend-file.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/analysis/analysis-file.h"
#include "data/analysis/analysis-private.h"
#include "data/files/atomic-file.h"
#include "data/files/json-members.h"
#include "engine/error.h"

/* The format stands at the start. */
#define PEEKED_BYTES 256
#define VALUES_A_POINT 4

static void
point_free (gpointer pointer)
{
  TnTrendPoint *self = pointer;

  g_free (self->checkpoint);
  tn_analysis_free (self->analysis);
  g_free (self);
}

TnTrend *
tn_trend_new (const char *run_name)
{
  TnTrend *self = g_new0 (TnTrend, 1);

  self->run_name = g_strdup (run_name);
  self->points = g_ptr_array_new_with_free_func (point_free);
  return self;
}

void
tn_trend_free (TnTrend *self)
{
  if (self == NULL)
    return;
  g_free (self->run_name);
  g_ptr_array_unref (self->points);
  g_free (self);
}

const TnTrendPoint *
tn_trend_get_point (const TnTrend *self, guint point)
{
  return g_ptr_array_index (self->points, point);
}

static gboolean
has_same_cells (const TnAnalysis *a, const TnAnalysis *b)
{
  if (a->layers->len != b->layers->len || a->schemes->len != b->schemes->len)
    return FALSE;
  for (guint k = 0; k < a->schemes->len; k++)
    if (!tn_scheme_equal (tn_analysis_get_scheme (a, k), tn_analysis_get_scheme (b, k)))
      return FALSE;
  for (guint i = 0; i < a->layers->len; i++)
    {
      const TnAnalyzedLayer *first = tn_analysis_get_layer (a, i), *second = tn_analysis_get_layer (b, i);

      if (strcmp (first->name, second->name) != 0 || first->rows != second->rows || first->columns != second->columns)
        return FALSE;
    }
  return TRUE;
}

gboolean
tn_trend_add (TnTrend *self, guint64 step, const char *checkpoint, TnAnalysis *analysis, GError **error)
{
  const TnTrendPoint *last = self->points->len > 0 ? tn_trend_get_point (self, self->points->len - 1) : NULL;
  TnTrendPoint *point = g_new0 (TnTrendPoint, 1);

  *point = (TnTrendPoint){.step = step, .checkpoint = g_strdup (checkpoint), .analysis = analysis};
  if (last != NULL && step <= last->step)
    g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("step %" PRIu64 " after step %" PRIu64 ": expected ascending steps"), step,
                 last->step);
  else if (last != NULL && !has_same_cells (last->analysis, analysis))
    g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                 _ ("step %" PRIu64 " has other layers or schemes than step %" PRIu64 ": expected checkpoints of one run"), step,
                 last->step);
  else
    {
      g_ptr_array_add (self->points, point);
      return TRUE;
    }
  point_free (point);
  return FALSE;
}

char *
tn_trend_print (const TnTrend *trend)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *head = NULL;
  GString *text;

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "format", TN_TREND_FILE_FORMAT);
  tn_json_add_count (builder, "version", TN_TREND_FILE_VERSION);
  tn_json_add_string (builder, "run", trend->run_name);
  json_builder_end_object (builder);
  head = tn_json_builder_to_text (builder, FALSE);
  text = g_string_new_len (head, (gssize) (strlen (head) - strlen ("}")));
  g_string_append (text, ",\n\"points\":[");
  for (guint i = 0; i < trend->points->len; i++)
    {
      const TnTrendPoint *point = tn_trend_get_point (trend, i);
      g_autoptr (JsonBuilder) element = json_builder_new ();
      g_autofree char *start = NULL, *analysis = tn_analysis_print (point->analysis);

      json_builder_begin_object (element);
      tn_json_add_count (element, "step", point->step);
      tn_json_add_string (element, "checkpoint", point->checkpoint);
      json_builder_end_object (element);
      start = tn_json_builder_to_text (element, FALSE);
      g_string_append (text, i > 0 ? ",\n" : "\n");
      g_string_append_len (text, start, (gssize) (strlen (start) - strlen ("}")));
      g_string_append_printf (text, ",\n\"analysis\":%s}", analysis);
    }
  g_string_append (text, "]}\n");
  return g_string_free (text, FALSE);
}

gboolean
tn_trend_save (const TnTrend *trend, const char *path, GError **error)
{
  guint64 n = VALUES_A_POINT;
  g_autofree char *text = NULL;

  for (guint i = 0; i < trend->points->len; i++)
    n += VALUES_A_POINT + tn_analysis_count_values (tn_trend_get_point (trend, i)->analysis);
  if (n > TN_JSON_MAX_VALUES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: analyses of %u checkpoints have more than the %d values such a file may hold: give fewer checkpoints, or "
                      "fewer --schemes"),
                   path, trend->points->len, TN_JSON_MAX_VALUES);
      return FALSE;
    }
  text = tn_trend_print (trend);
  return tn_atomic_file_set_contents (path, text, strlen (text), error);
}

static gboolean
read_version (const TnJsonFields *fields, const TnJsonNode *root, GError **error)
{
  const TnJsonNode *format = tn_json_find (root, "format");
  guint64 version;

  if (!tn_json_node_is_text (format) || strcmp (format->value.string.text, TN_TREND_FILE_FORMAT) != 0)
    return tn_json_fields_fail (fields, "format", format, "\"" TN_TREND_FILE_FORMAT "\"", error);
  if (!tn_json_fields_read_count (fields, root, "version", 1, G_MAXUINT32, &version, error))
    return FALSE;
  if (version == TN_TREND_FILE_VERSION)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: version: %u is a later form of trends, this program reads %d"),
               fields->path, (guint) version, TN_TREND_FILE_VERSION);
  return FALSE;
}

static gboolean
read_point (TnJsonFields *fields, const TnJsonNode *node, TnTrend *trend, GError **error)
{
  g_autofree char *checkpoint = NULL;
  TnAnalysis *analysis;
  guint64 step;

  if (node->type != TN_JSON_OBJECT)
    return tn_json_fields_fail (fields, NULL, node, tn_json_type_describe (TN_JSON_OBJECT), error);
  if (!tn_json_fields_read_count (fields, node, "step", 0, G_MAXINT64, &step, error) ||
      !tn_json_fields_read_text (fields, node, "checkpoint", &checkpoint, error))
    return FALSE;
  if (tn_json_find_typed (node, "analysis", TN_JSON_OBJECT) == NULL)
    return tn_json_fields_fail (fields, "analysis", tn_json_find (node, "analysis"), tn_json_type_describe (TN_JSON_OBJECT), error);
  tn_json_fields_enter (fields, "analysis", G_MAXUINT);
  analysis = tn_analysis_read_node (fields, tn_json_find (node, "analysis"), error);
  if (!tn_json_fields_leave (fields, analysis != NULL))
    return FALSE;
  if (tn_trend_add (trend, step, checkpoint, analysis, error))
    return TRUE;
  if (error != NULL)
    {
      g_prefix_error (error, "%s: ", fields->path);
      (*error)->code = TN_ERROR_FORMAT;
    }
  return FALSE;
}

TnTrend *
tn_trend_load (const char *path, GError **error)
{
  g_autoptr (TnJson) json = tn_json_parse_file (path, error);
  g_autoptr (TnTrend) trend = tn_trend_new (NULL);
  TnJsonFields fields = {.path = path};
  const TnJsonNode *root, *points;
  guint i = 0;

  if (json == NULL)
    return NULL;
  root = tn_json_get_root (json);
  if (root->type != TN_JSON_OBJECT)
    {
      tn_json_fields_fail (&fields, _ ("the document"), root, tn_json_type_describe (TN_JSON_OBJECT), error);
      return NULL;
    }
  if (!read_version (&fields, root, error) || !tn_json_fields_read_text (&fields, root, "run", &trend->run_name, error) ||
      (points = tn_json_fields_read_list (&fields, root, "points", TN_JSON_ARRAY, error)) == NULL)
    return NULL;
  for (const TnJsonNode *node = points->value.list.first; node != NULL; node = node->next)
    {
      tn_json_fields_enter (&fields, "points", i++);
      if (!tn_json_fields_leave (&fields, read_point (&fields, node, trend, error)))
        return NULL;
    }
  if (trend->points->len > 0)
    return g_steal_pointer (&trend);
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: points: it is empty, expected one checkpoint or more"), path);
  return NULL;
}

gboolean
tn_trend_file_peek (const char *path)
{
  char start[PEEKED_BYTES + 1] = "";
  FILE *file = fopen (path, "rb");
  gsize n;

  if (file == NULL)
    return FALSE;
  n = fread (start, 1, PEEKED_BYTES, file);
  fclose (file);
  return g_strstr_len (start, (gssize) n, "\"" TN_TREND_FILE_FORMAT "\"") != NULL;
}
