/* SPDX-License-Identifier: Apache-2.0 */
#include "data/analysis/analysis-file.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>

#include "data/analysis/analysis-private.h"
#include "data/files/json-fields.h"
#include "engine/error.h"

/* Where the name of the format has to stand. */
#define BEGINNING 256

/* Sizes and what is computed from them stay exact. */
#define MAX_SIDE (G_GUINT64_CONSTANT (1) << 40)
#define MAX_WEIGHTS (G_GUINT64_CONSTANT (1) << 52)

typedef struct
{
  TnJsonFields fields;
  TnAnalysis *analysis;
  GHashTable *names; /* of layers so far, owned by them */
} Reader;

static gboolean
parse_estimate (const Reader *self, const TnJsonNode *node, TnEstimate *estimate, GError **error)
{
  return tn_json_fields_read_number (&self->fields, node, "value", &estimate->value, error) &&
         tn_json_fields_read_number (&self->fields, node, "low", &estimate->low, error) &&
         tn_json_fields_read_number (&self->fields, node, "high", &estimate->high, error) &&
         tn_json_fields_read_uint (&self->fields, node, "n", G_MAXUINT, &estimate->n, error);
}

static gboolean
read_estimate (Reader *self, const TnJsonNode *object, const char *name, TnEstimate *estimate, GError **error)
{
  const TnJsonNode *node;

  *estimate = TN_ESTIMATE_NONE;
  if (!tn_json_fields_find_object (&self->fields, object, name, &node, error))
    return FALSE;
  if (node == NULL)
    return TRUE;
  tn_json_fields_enter (&self->fields, name, G_MAXUINT);
  return tn_json_fields_leave (&self->fields, parse_estimate (self, node, estimate, error));
}

static gboolean
read_weight_error (Reader *self, const TnJsonNode *object, TnQuantError *out, GError **error)
{
  const TnJsonNumber numbers[] = {
      {"bits", &out->bits},
      {"mse", &out->mse},
      {"sqnr_db", &out->sqnr_db},
      {"cosine", &out->cosine},
      {"zero_fraction", &out->zero_fraction},
      {"scale", &out->scale},
      {"zero_point", &out->zero_point},
  };

  return tn_json_fields_read_numbers (&self->fields, object, "weight", numbers, G_N_ELEMENTS (numbers), error);
}

static gboolean
read_output_error (Reader *self, const TnJsonNode *object, const char *name, TnOutputError *out, GError **error)
{
  const TnJsonNumber numbers[] = {
      {"nmse", &out->nmse},       {"sqnr_db", &out->sqnr_db}, {"cosine", &out->cosine},           {"maximum", &out->maximum},
      {"weights", &out->weights}, {"inputs", &out->inputs},   {"interaction", &out->interaction}, {"inherited", &out->inherited},
      {"cross", &out->cross},
  };

  return tn_json_fields_read_numbers (&self->fields, object, name, numbers, G_N_ELEMENTS (numbers), error);
}

static gboolean
read_cell (Reader *self, const TnJsonNode *node, TnAnalysisCell *cell, GError **error)
{
  if (node->type == TN_JSON_NULL)
    return TRUE;
  if (node->type != TN_JSON_OBJECT)
    return tn_json_fields_fail (&self->fields, NULL, node, _ ("an object or null"), error);
  cell->applies = TRUE;
  if (!tn_json_fields_read_number (&self->fields, node, "bits", &cell->bits, error) ||
      !tn_json_fields_read_number (&self->fields, node, "bytes", &cell->bytes, error))
    return FALSE;
  if (!(cell->bits > 0.0 && isfinite (cell->bits)))
    return tn_json_fields_fail (&self->fields, "bits", tn_json_find (node, "bits"), _ ("a number above 0"), error);
  if (!(cell->bytes > 0.0 && isfinite (cell->bytes)))
    return tn_json_fields_fail (&self->fields, "bytes", tn_json_find (node, "bytes"), _ ("a number above 0"), error);
  return read_weight_error (self, node, &cell->weight, error) && read_output_error (self, node, "alone", &cell->alone, error) &&
         read_output_error (self, node, "accumulated", &cell->accumulated, error) &&
         read_estimate (self, node, "fisher", &cell->fisher, error) &&
         read_estimate (self, node, "taylor", &cell->taylor, error) &&
         read_estimate (self, node, "hessian", &cell->hessian, error) &&
         read_estimate (self, node, "measured", &cell->measured, error) &&
         tn_json_fields_read_flag (&self->fields, node, "stopped", &cell->stopped, error);
}

typedef gboolean (*ReadElement) (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error);

static gboolean
read_elements (Reader *self, const char *name, const TnJsonNode *array, ReadElement read, gpointer target, GError **error)
{
  guint index = 0;
  gboolean ok = TRUE;

  for (const TnJsonNode *node = array->value.list.first; ok && node != NULL; node = node->next, index++)
    {
      tn_json_fields_enter (&self->fields, name, index);
      ok = tn_json_fields_leave (&self->fields, read (self, node, index, target, error));
    }
  return ok;
}

static gboolean
read_objects (Reader *self, const TnJsonNode *object, const char *name, ReadElement read, gpointer target, GError **error)
{
  const TnJsonNode *array = tn_json_fields_read_list (&self->fields, object, name, TN_JSON_ARRAY, error);

  for (const TnJsonNode *node = array != NULL ? array->value.list.first : NULL; node != NULL; node = node->next)
    if (node->type != TN_JSON_OBJECT)
      return tn_json_fields_fail (&self->fields, name, node, tn_json_type_describe (TN_JSON_OBJECT), error);
  return array != NULL && read_elements (self, name, array, read, target, error);
}

static gboolean
read_one_cell (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  return read_cell (self, node, (TnAnalysisCell *) target + index, error);
}

static gboolean
read_carrier (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  TnCarrier carrier = {0};
  const TnJsonNode *token;
  const char *kind;

  if (!tn_json_fields_read_name (&self->fields, node, "kind", &kind, error))
    return FALSE;
  while (carrier.kind < TN_N_CARRIERS && strcmp (kind, tn_carrier_kind_get_name (carrier.kind)) != 0)
    carrier.kind++;
  if (carrier.kind == TN_N_CARRIERS)
    return tn_json_fields_fail (&self->fields, "kind", tn_json_find (node, "kind"),
                                "input_channel, output_channel, token, sample", error);
  if (!tn_json_fields_read_uint (&self->fields, node, "index", G_MAXUINT, &carrier.index, error) ||
      !tn_json_fields_read_number (&self->fields, node, "share", &carrier.share, error))
    return FALSE;
  if (carrier.kind == TN_CARRIER_TOKEN)
    {
      token = tn_json_find (node, "token");
      if (token == NULL || token->type != TN_JSON_NUMBER || !token->is_integer || token->value.number.integer < G_MININT32 ||
          token->value.number.integer > G_MAXINT32)
        return tn_json_fields_fail (&self->fields, "token", token, _ ("an integer of 32 bits"), error);
      carrier.token = (gint32) token->value.number.integer;
      if (!tn_json_fields_read_uint (&self->fields, node, "position", G_MAXUINT, &carrier.position, error))
        return FALSE;
    }
  if (!tn_json_fields_read_text (&self->fields, node, "text", &carrier.text, error))
    return FALSE;
  g_array_append_val (((TnAnalyzedLayer *) target)->carriers, carrier);
  return TRUE;
}

static gboolean
read_finding (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  TnFinding finding = {.index = G_MAXUINT};
  const char *kind;

  if (!tn_json_fields_read_name (&self->fields, node, "kind", &kind, error))
    return FALSE;
  while (finding.kind < TN_N_FINDINGS && strcmp (kind, tn_finding_kind_get_name (finding.kind)) != 0)
    finding.kind++;
  if (finding.kind == TN_N_FINDINGS)
    return tn_json_fields_fail (&self->fields, "kind", tn_json_find (node, "kind"), _ ("the name of a finding"), error);
  if (!tn_json_fields_read_number (&self->fields, node, "value", &finding.value, error) ||
      !tn_json_fields_read_number (&self->fields, node, "limit", &finding.limit, error) ||
      (tn_json_fields_find (node, "index") != NULL &&
       !tn_json_fields_read_uint (&self->fields, node, "index", G_MAXUINT - 1, &finding.index, error)))
    return FALSE;
  g_array_append_val (((TnAnalyzedLayer *) target)->findings, finding);
  return TRUE;
}

/* All of a layer but its cells, for which the number of layers must be known. */
static gboolean
read_layer (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  TnAnalysis *analysis = self->analysis;
  TnAnalyzedLayer *layer;
  const char *name, *site;
  guint64 rows, columns;
  guint block, group;

  if (!tn_json_fields_read_name (&self->fields, node, "name", &name, error) ||
      !tn_json_fields_read_name (&self->fields, node, "site", &site, error) ||
      !tn_json_fields_read_uint (&self->fields, node, "block", G_MAXUINT, &block, error) ||
      !tn_json_fields_read_count (&self->fields, node, "rows", 1, MAX_SIDE, &rows, error) ||
      !tn_json_fields_read_count (&self->fields, node, "columns", 1, MIN (MAX_SIDE, MAX_WEIGHTS / rows), &columns, error) ||
      !tn_json_fields_read_uint (&self->fields, node, "group", analysis->n_groups, &group, error))
    return FALSE;
  layer = tn_analyzed_layer_new (name, site, block, rows, columns, group);
  g_ptr_array_add (analysis->layers, layer);
  analysis->n_groups = MAX (analysis->n_groups, group + 1);
  if (!g_hash_table_add (self->names, layer->name))
    return tn_json_fields_fail (&self->fields, "name", tn_json_find (node, "name"), _ ("a name that no other layer has"), error);
  return read_objects (self, node, "carriers", read_carrier, layer, error) &&
         read_objects (self, node, "findings", read_finding, layer, error);
}

static gboolean
read_cells (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  const TnJsonNode *cells = tn_json_fields_read_list (&self->fields, node, "cells", TN_JSON_ARRAY, error);

  if (cells == NULL)
    return FALSE;
  if (cells->n_children != self->analysis->schemes->len)
    return tn_json_fields_fail (&self->fields, "cells", cells, _ ("as many elements as there are schemes"), error);
  return read_elements (self, "cells", cells, read_one_cell, self->analysis->cells + (gsize) index * self->analysis->schemes->len,
                        error);
}

static gboolean
parse_scheme (const Reader *self, const char *name, const TnJsonNode *node, TnScheme *scheme, GError **error)
{
  return (tn_json_node_is_text (node) && g_str_is_ascii (node->value.string.text) &&
          tn_scheme_parse (node->value.string.text, scheme, NULL)) ||
         tn_json_fields_fail (&self->fields, name, node, _ ("the name of a scheme"), error);
}

static gboolean
read_scheme (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  TnScheme scheme;

  if (!parse_scheme (self, NULL, node, &scheme, error))
    return FALSE;
  g_array_append_val (self->analysis->schemes, scheme);
  return TRUE;
}

static gboolean
read_check_scheme (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  gint64 scheme = node->type == TN_JSON_NUMBER && node->is_integer ? node->value.number.integer : G_MININT64;

  if (scheme < -1 || scheme >= (gint64) self->analysis->schemes->len)
    return tn_json_fields_fail (&self->fields, NULL, node, _ ("the index of a scheme, or -1"), error);
  ((TnPlanCheck *) target)->schemes[index] = (gint) scheme;
  return TRUE;
}

static gboolean
read_check (Reader *self, const TnJsonNode *node, guint index, gpointer target, GError **error)
{
  const TnJsonNode *schemes = tn_json_fields_read_list (&self->fields, node, "schemes", TN_JSON_ARRAY, error);
  TnPlanCheck *check;
  const char *title;

  if (schemes == NULL || !tn_json_fields_read_name (&self->fields, node, "title", &title, error))
    return FALSE;
  if (schemes->n_children != self->analysis->layers->len)
    return tn_json_fields_fail (&self->fields, "schemes", schemes, _ ("as many elements as there are layers"), error);
  check = tn_plan_check_new (title, self->analysis->layers->len);
  g_ptr_array_add (self->analysis->checks, check);
  return read_elements (self, "schemes", schemes, read_check_scheme, check, error) &&
         tn_json_fields_read_number (&self->fields, node, "bits", &check->bits, error) &&
         tn_json_fields_read_number (&self->fields, node, "bytes", &check->bytes, error) &&
         tn_json_fields_read_number (&self->fields, node, "predicted", &check->predicted, error) &&
         read_estimate (self, node, "measured", &check->measured, error);
}

static gboolean
read_correlation_row (Reader *self, const TnJsonNode *node, guint row, gpointer target, GError **error)
{
  double *all = target;
  guint n = self->analysis->layers->len, column = 0;

  if (node->type != TN_JSON_ARRAY || node->n_children != row + 1)
    return tn_json_fields_fail (&self->fields, NULL, node, _ ("an array with an element for this layer and each before it"),
                                error);
  for (const TnJsonNode *child = node->value.list.first; child != NULL; child = child->next, column++)
    {
      double value;

      if (!tn_json_fields_parse_number (&self->fields, NULL, child, &value, error))
        return FALSE;
      all[(gsize) row * n + column] = all[(gsize) column * n + row] = value;
    }
  return TRUE;
}

static gboolean
read_correlations (Reader *self, const TnJsonNode *root, GError **error)
{
  const TnJsonNode *node = tn_json_fields_find (root, "correlations");
  guint n = self->analysis->layers->len;

  if (node == NULL)
    return TRUE;
  if (node->type != TN_JSON_ARRAY || node->n_children != n || n > TN_ANALYSIS_FILE_MAX_CORRELATED)
    return tn_json_fields_fail (&self->fields, "correlations", node,
                                _ ("an array with an element a layer, of at most 1024 layers, or null"), error);
  self->analysis->correlations = g_new0 (double, (gsize) n *n + 1);
  return read_elements (self, "correlations", node, read_correlation_row, self->analysis->correlations, error);
}

static gboolean
read_fingerprint (const Reader *self, const TnJsonNode *object, guint64 *value, GError **error)
{
  const TnJsonNode *node = tn_json_find (object, "fingerprint");

  return (tn_json_node_is_text (node) && node->value.string.length == 16 &&
          g_ascii_string_to_unsigned (node->value.string.text, 16, 0, G_MAXUINT64, value, NULL)) ||
         tn_json_fields_fail (&self->fields, "fingerprint", node, _ ("16 hexadecimal digits"), error);
}

static gboolean
read_source (Reader *self, const TnJsonNode *root, const char *member, char **name, guint64 *fingerprint, GError **error)
{
  const TnJsonNode *node = tn_json_fields_read_list (&self->fields, root, member, TN_JSON_OBJECT, error);

  if (node == NULL)
    return FALSE;
  tn_json_fields_enter (&self->fields, member, G_MAXUINT);
  return tn_json_fields_leave (&self->fields, tn_json_fields_read_text (&self->fields, node, "name", name, error) &&
                                                  read_fingerprint (self, node, fingerprint, error));
}

static gboolean
read_seed (const Reader *self, const TnJsonNode *root, guint64 *seed, GError **error)
{
  const TnJsonNode *node = tn_json_find (root, "seed");

  return (tn_json_node_is_text (node) && g_ascii_string_to_unsigned (node->value.string.text, 10, 0, G_MAXUINT64, seed, NULL)) ||
         tn_json_fields_fail (&self->fields, "seed", node, _ ("the decimal digits of a number of 64 bits, in a string"), error);
}

static gboolean
read_agreement (Reader *self, const TnJsonNode *object, const char *name, TnRankAgreement *agreement, GError **error)
{
  const TnJsonNode *node;

  if (!tn_json_fields_find_object (&self->fields, object, name, &node, error))
    return FALSE;
  if (node == NULL)
    return TRUE;
  tn_json_fields_enter (&self->fields, name, G_MAXUINT);
  return tn_json_fields_leave (&self->fields,
                               tn_json_fields_read_number (&self->fields, node, "spearman", &agreement->spearman, error) &&
                                   tn_json_fields_read_number (&self->fields, node, "spearman_low", &agreement->spearman_low,
                                                               error) &&
                                   tn_json_fields_read_number (&self->fields, node, "spearman_high", &agreement->spearman_high,
                                                               error) &&
                                   tn_json_fields_read_number (&self->fields, node, "kendall", &agreement->kendall, error) &&
                                   tn_json_fields_read_uint (&self->fields, node, "n", G_MAXUINT, &agreement->n, error));
}

static gboolean
read_agreements (Reader *self, const TnJsonNode *root, GError **error)
{
  const TnJsonNode *node;

  if (!tn_json_fields_find_object (&self->fields, root, "agreement", &node, error))
    return FALSE;
  tn_json_fields_enter (&self->fields, "agreement", G_MAXUINT);
  return tn_json_fields_leave (&self->fields,
                               read_agreement (self, node, "fisher", &self->analysis->fisher_agreement, error) &&
                                   read_agreement (self, node, "taylor", &self->analysis->taylor_agreement, error) &&
                                   read_agreement (self, node, "hessian", &self->analysis->hessian_agreement, error));
}

static gboolean
read_version (const Reader *self, const TnJsonNode *root, GError **error)
{
  const TnJsonNode *format = tn_json_find (root, "format");
  guint64 version;

  if (!tn_json_node_is_text (format) || strcmp (format->value.string.text, TN_ANALYSIS_FILE_FORMAT) != 0)
    return tn_json_fields_fail (&self->fields, "format", format, "\"" TN_ANALYSIS_FILE_FORMAT "\"", error);
  if (!tn_json_fields_read_count (&self->fields, root, "version", 1, G_MAXUINT32, &version, error))
    return FALSE;
  if (version == TN_ANALYSIS_FILE_VERSION)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: version: %u is a later form of analyses, this program reads %d"),
               self->fields.path, (guint) version, TN_ANALYSIS_FILE_VERSION);
  return FALSE;
}

static gboolean
read_schemes (Reader *self, const TnJsonNode *root, GError **error)
{
  TnAnalysis *analysis = self->analysis;
  const TnJsonNode *schemes = tn_json_fields_read_list (&self->fields, root, "schemes", TN_JSON_ARRAY, error);
  const TnJsonNode *activations = tn_json_fields_find (root, "activations");

  if (schemes == NULL || !read_elements (self, "schemes", schemes, read_scheme, NULL, error))
    return FALSE;
  analysis->has_activations = activations != NULL;
  if (activations != NULL && !parse_scheme (self, "activations", activations, &analysis->activations, error))
    return FALSE;
  return tn_json_fields_read_uint (&self->fields, root, "carriers_scheme", MAX (analysis->schemes->len, 1) - 1,
                                   &analysis->carriers_scheme, error);
}

static gboolean
read_document (Reader *self, const TnJsonNode *root, GError **error)
{
  TnAnalysis *analysis = self->analysis;
  const TnJsonNode *layers;

  if (root->type != TN_JSON_OBJECT)
    return tn_json_fields_fail (&self->fields, _ ("the document"), root, tn_json_type_describe (TN_JSON_OBJECT), error);
  if (!read_version (self, root, error) ||
      !read_source (self, root, "model", &analysis->model_name, &analysis->model_fingerprint, error) ||
      !read_source (self, root, "data", &analysis->data_name, &analysis->data_fingerprint, error) ||
      !read_seed (self, root, &analysis->seed, error) ||
      !tn_json_fields_read_text (&self->fields, root, "backend", &analysis->backend, error) ||
      !tn_json_fields_read_text (&self->fields, root, "statistics", &analysis->statistics, error) ||
      !tn_json_fields_read_uint (&self->fields, root, "seq_len", G_MAXUINT, &analysis->seq_len, error) ||
      !tn_json_fields_read_uint (&self->fields, root, "score_samples", G_MAXUINT, &analysis->score_samples, error) ||
      !tn_json_fields_read_uint (&self->fields, root, "measure_samples", G_MAXUINT, &analysis->measure_samples, error) ||
      !tn_json_fields_read_uint (&self->fields, root, "error_samples", G_MAXUINT, &analysis->error_samples, error) ||
      !read_schemes (self, root, error) || !read_estimate (self, root, "loss", &analysis->loss, error) ||
      !read_agreements (self, root, error) || !read_objects (self, root, "layers", read_layer, NULL, error))
    return FALSE;
  analysis->seconds = (double) NAN;
  tn_analysis_allocate (analysis);
  layers = tn_json_find (root, "layers");
  return read_elements (self, "layers", layers, read_cells, NULL, error) &&
         read_objects (self, root, "checks", read_check, NULL, error) && read_correlations (self, root, error);
}

TnAnalysis *
tn_analysis_read_node (const TnJsonFields *fields, const TnJsonNode *node, GError **error)
{
  g_autoptr (TnAnalysis) analysis = tn_analysis_new_empty ();
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  Reader reader = {.fields = *fields, .analysis = analysis, .names = names};

  return read_document (&reader, node, error) ? g_steal_pointer (&analysis) : NULL;
}

TnAnalysis *
tn_analysis_load (const char *path, GError **error)
{
  g_autoptr (TnJson) json = tn_json_parse_file (path, error);
  const TnJsonFields fields = {.path = path};

  return json != NULL ? tn_analysis_read_node (&fields, tn_json_get_root (json), error) : NULL;
}

gboolean
tn_analysis_recognise (const char *path)
{
  char beginning[BEGINNING + 1] = "";
  FILE *file = g_file_test (path, G_FILE_TEST_IS_REGULAR) ? fopen (path, "rb") : NULL;
  gsize n;

  if (file == NULL)
    return FALSE;
  n = fread (beginning, 1, BEGINNING, file);
  fclose (file);
  return n > 0 && strchr ("{ \t\r\n", beginning[0]) != NULL && strstr (beginning, "\"" TN_ANALYSIS_FILE_FORMAT "\"") != NULL;
}
