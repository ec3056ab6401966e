/* SPDX-License-Identifier: Apache-2.0 */
#include "data/analysis/analysis-file.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "data/analysis/analysis-private.h"
#include "data/files/atomic-file.h"
#include "data/files/json-members.h"
#include "data/files/json-reader.h"
#include "engine/error.h"

static void
add_number (JsonBuilder *builder, const char *name, double value)
{
  if (isinf (value))
    tn_json_add_string (builder, name, value > 0.0 ? "inf" : "-inf");
  else
    tn_json_add_double (builder, name, value);
}

static void
add_null (JsonBuilder *builder, const char *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_null_value (builder);
}

static void
add_estimate (JsonBuilder *builder, const char *name, const TnEstimate *estimate)
{
  if (isnan (estimate->value) && isnan (estimate->low) && isnan (estimate->high) && estimate->n == 0)
    {
      add_null (builder, name);
      return;
    }
  tn_json_open_object (builder, name);
  add_number (builder, "value", estimate->value);
  add_number (builder, "low", estimate->low);
  add_number (builder, "high", estimate->high);
  tn_json_add_count (builder, "n", estimate->n);
  json_builder_end_object (builder);
}

typedef struct
{
  const char *name;
  double value;
} Number;

/* null where none of them was measured. */
static void
add_numbers (JsonBuilder *builder, const char *name, const Number *numbers, guint n)
{
  gboolean any = FALSE;

  for (guint i = 0; i < n; i++)
    any = any || !isnan (numbers[i].value);
  if (!any)
    {
      add_null (builder, name);
      return;
    }
  tn_json_open_object (builder, name);
  for (guint i = 0; i < n; i++)
    add_number (builder, numbers[i].name, numbers[i].value);
  json_builder_end_object (builder);
}

static void
add_weight_error (JsonBuilder *builder, const TnQuantError *error)
{
  const Number numbers[] = {
      {"bits", error->bits},
      {"mse", error->mse},
      {"sqnr_db", error->sqnr_db},
      {"cosine", error->cosine},
      {"zero_fraction", error->zero_fraction},
      {"scale", error->scale},
      {"zero_point", error->zero_point},
  };

  add_numbers (builder, "weight", numbers, G_N_ELEMENTS (numbers));
}

static void
add_output_error (JsonBuilder *builder, const char *name, const TnOutputError *error)
{
  const Number numbers[] = {
      {"nmse", error->nmse},
      {"sqnr_db", error->sqnr_db},
      {"cosine", error->cosine},
      {"maximum", error->maximum},
      {"weights", error->weights},
      {"inputs", error->inputs},
      {"interaction", error->interaction},
      {"inherited", error->inherited},
      {"cross", error->cross},
  };

  add_numbers (builder, name, numbers, G_N_ELEMENTS (numbers));
}

static void
add_cell (JsonBuilder *builder, const TnAnalysisCell *cell)
{
  if (!cell->applies)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  add_number (builder, "bits", cell->bits);
  add_number (builder, "bytes", cell->bytes);
  add_weight_error (builder, &cell->weight);
  add_output_error (builder, "alone", &cell->alone);
  add_output_error (builder, "accumulated", &cell->accumulated);
  add_estimate (builder, "fisher", &cell->fisher);
  add_estimate (builder, "taylor", &cell->taylor);
  add_estimate (builder, "hessian", &cell->hessian);
  add_estimate (builder, "measured", &cell->measured);
  tn_json_add_bool (builder, "stopped", cell->stopped);
  json_builder_end_object (builder);
}

static void
add_carrier (JsonBuilder *builder, const TnCarrier *carrier)
{
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "kind", tn_carrier_kind_get_name (carrier->kind));
  tn_json_add_count (builder, "index", carrier->index);
  if (carrier->kind == TN_CARRIER_TOKEN)
    {
      tn_json_add_count (builder, "position", carrier->position);
      tn_json_add_integer (builder, "token", carrier->token);
    }
  add_number (builder, "share", carrier->share);
  if (carrier->text != NULL)
    tn_json_add_string (builder, "text", carrier->text);
  json_builder_end_object (builder);
}

static void
add_finding (JsonBuilder *builder, const TnFinding *finding)
{
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "kind", tn_finding_kind_get_name (finding->kind));
  add_number (builder, "value", finding->value);
  add_number (builder, "limit", finding->limit);
  if (finding->index == G_MAXUINT)
    add_null (builder, "index");
  else
    tn_json_add_count (builder, "index", finding->index);
  json_builder_end_object (builder);
}

static void
add_layer (JsonBuilder *builder, const TnAnalysis *analysis, guint index)
{
  const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, index);

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "name", layer->name);
  tn_json_add_string (builder, "site", layer->site);
  tn_json_add_count (builder, "block", layer->block);
  tn_json_add_count (builder, "rows", layer->rows);
  tn_json_add_count (builder, "columns", layer->columns);
  tn_json_add_count (builder, "group", layer->group);
  tn_json_open_array (builder, "cells");
  for (guint i = 0; i < analysis->schemes->len; i++)
    add_cell (builder, tn_analysis_get_cell (analysis, index, i));
  json_builder_end_array (builder);
  tn_json_open_array (builder, "carriers");
  for (guint i = 0; i < layer->carriers->len; i++)
    add_carrier (builder, &g_array_index (layer->carriers, TnCarrier, i));
  json_builder_end_array (builder);
  tn_json_open_array (builder, "findings");
  for (guint i = 0; i < layer->findings->len; i++)
    add_finding (builder, &g_array_index (layer->findings, TnFinding, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_source (JsonBuilder *builder, const char *member, const char *name, guint64 fingerprint)
{
  tn_json_open_object (builder, member);
  tn_json_add_string (builder, "name", name);
  tn_json_add_hash (builder, "fingerprint", fingerprint);
  json_builder_end_object (builder);
}

static void
add_agreement (JsonBuilder *builder, const char *name, const TnRankAgreement *agreement)
{
  tn_json_open_object (builder, name);
  add_number (builder, "spearman", agreement->spearman);
  add_number (builder, "spearman_low", agreement->spearman_low);
  add_number (builder, "spearman_high", agreement->spearman_high);
  add_number (builder, "kendall", agreement->kendall);
  tn_json_add_count (builder, "n", agreement->n);
  json_builder_end_object (builder);
}

static void
add_check (JsonBuilder *builder, const TnPlanCheck *check, guint n_layers)
{
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "title", check->title);
  tn_json_open_array (builder, "schemes");
  for (guint i = 0; i < n_layers; i++)
    tn_json_add_integer (builder, NULL, check->schemes[i]);
  json_builder_end_array (builder);
  add_number (builder, "bits", check->bits);
  add_number (builder, "bytes", check->bytes);
  add_number (builder, "predicted", check->predicted);
  add_estimate (builder, "measured", &check->measured);
  json_builder_end_object (builder);
}

static void
add_scheme (JsonBuilder *builder, const char *name, const TnScheme *scheme)
{
  g_autofree char *text = tn_scheme_to_string (scheme);

  tn_json_add_string (builder, name, text);
}

/* All but the layers and the correlations, which may be many. */
static void
add_head (JsonBuilder *builder, const TnAnalysis *analysis)
{
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, analysis->seed);

  tn_json_add_string (builder, "format", TN_ANALYSIS_FILE_FORMAT);
  tn_json_add_count (builder, "version", TN_ANALYSIS_FILE_VERSION);
  add_source (builder, "model", analysis->model_name, analysis->model_fingerprint);
  add_source (builder, "data", analysis->data_name, analysis->data_fingerprint);
  tn_json_add_string (builder, "seed", seed);
  tn_json_add_string (builder, "backend", analysis->backend);
  tn_json_add_string (builder, "statistics", analysis->statistics);
  tn_json_add_count (builder, "seq_len", analysis->seq_len);
  tn_json_add_count (builder, "score_samples", analysis->score_samples);
  tn_json_add_count (builder, "measure_samples", analysis->measure_samples);
  tn_json_add_count (builder, "error_samples", analysis->error_samples);
  tn_json_open_array (builder, "schemes");
  for (guint i = 0; i < analysis->schemes->len; i++)
    add_scheme (builder, NULL, tn_analysis_get_scheme (analysis, i));
  json_builder_end_array (builder);
  if (analysis->has_activations)
    add_scheme (builder, "activations", &analysis->activations);
  else
    add_null (builder, "activations");
  tn_json_add_count (builder, "carriers_scheme", analysis->carriers_scheme);
  add_estimate (builder, "loss", &analysis->loss);
  tn_json_open_object (builder, "agreement");
  add_agreement (builder, "fisher", &analysis->fisher_agreement);
  add_agreement (builder, "taylor", &analysis->taylor_agreement);
  add_agreement (builder, "hessian", &analysis->hessian_agreement);
  json_builder_end_object (builder);
  tn_json_open_array (builder, "checks");
  for (guint i = 0; i < analysis->checks->len; i++)
    add_check (builder, g_ptr_array_index (analysis->checks, i), analysis->layers->len);
  json_builder_end_array (builder);
}

static void
add_correlation_row (JsonBuilder *builder, const TnAnalysis *analysis, guint row)
{
  json_builder_begin_array (builder);
  for (guint i = 0; i <= row; i++)
    add_number (builder, NULL, analysis->correlations[(gsize) row * analysis->layers->len + i]);
  json_builder_end_array (builder);
}

typedef void (*AddElement) (JsonBuilder *builder, const TnAnalysis *analysis, guint index);

/* An element a line, each built on its own: a document of all of them would take a hundred times its text in memory. */
static void
write_elements (GString *text, const TnAnalysis *analysis, const char *name, AddElement add)
{
  g_string_append_printf (text, ",\n\"%s\":[", name);
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      g_autoptr (JsonBuilder) builder = json_builder_new ();
      g_autofree char *element = NULL;

      add (builder, analysis, i);
      element = tn_json_builder_to_text (builder, FALSE);
      g_string_append (text, i > 0 ? ",\n" : "\n");
      g_string_append (text, element);
    }
  g_string_append_c (text, ']');
}

char *
tn_analysis_print (const TnAnalysis *analysis)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *head = NULL;
  GString *text;

  json_builder_begin_object (builder);
  add_head (builder, analysis);
  json_builder_end_object (builder);
  head = tn_json_builder_to_text (builder, FALSE);
  text = g_string_new_len (head, (gssize) (strlen (head) - strlen ("}")));
  write_elements (text, analysis, "layers", add_layer);
  if (analysis->correlations != NULL && analysis->layers->len <= TN_ANALYSIS_FILE_MAX_CORRELATED)
    write_elements (text, analysis, "correlations", add_correlation_row);
  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}

guint64
tn_analysis_count_values (const TnAnalysis *analysis)
{
  const guint64 a_cell = 52, a_carrier = 6, a_finding = 5, a_layer = 10, a_check = 10, a_head = 64;
  guint64 n_layers = analysis->layers->len;
  guint64 n = a_head + analysis->schemes->len + n_layers * (a_layer + a_cell * analysis->schemes->len) +
              analysis->checks->len * (a_check + n_layers);

  for (guint i = 0; i < n_layers; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);

      n += a_carrier * layer->carriers->len + a_finding * layer->findings->len;
    }
  return n + (analysis->correlations != NULL && n_layers <= TN_ANALYSIS_FILE_MAX_CORRELATED ? n_layers * (n_layers + 3) / 2 : 0);
}

gboolean
tn_analysis_save (const TnAnalysis *analysis, const char *path, GError **error)
{
  g_autofree char *text = NULL;

  if (tn_analysis_count_values (analysis) > TN_JSON_MAX_VALUES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: an analysis of %u layers under %u schemes has more than the %d values such a file may hold"), path,
                   analysis->layers->len, analysis->schemes->len, TN_JSON_MAX_VALUES);
      return FALSE;
    }
  text = tn_analysis_print (analysis);
  return tn_atomic_file_set_contents (path, text, strlen (text), error);
}
