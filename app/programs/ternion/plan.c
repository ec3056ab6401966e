/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/option-values.h"
#include "app/tasks/plan.h"
#include "engine/analysis/plan-checks.h"

#define PRINTED_POINTS 24 /* of the front; JSON has all */

/* Of a layer that is not kept. */
static TnEstimate
get_change (const TnPlanResult *result, guint layer)
{
  return result->losses[(gsize) layer * result->analysis->schemes->len + (guint) result->schemes[layer]];
}

static gboolean
is_measured (const TnPlanResult *result, guint layer)
{
  return tn_estimate_is_set (&tn_analysis_get_cell (result->analysis, layer, (guint) result->schemes[layer])->measured);
}

static const char *
describe_source (const TnPlanResult *result, guint layer)
{
  return result->schemes[layer] < 0 ? "kept" : is_measured (result, layer) ? "measured" : "score";
}

static void
add_estimate (JsonBuilder *builder, const char *name, const TnEstimate *estimate)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "value", estimate->value);
  tn_json_add_double (builder, "low", estimate->low);
  tn_json_add_double (builder, "high", estimate->high);
  json_builder_end_object (builder);
}

static void
add_prediction (JsonBuilder *builder, const TnPlanPrediction *prediction)
{
  tn_json_add_double (builder, "bits", prediction->bits);
  tn_json_add_double (builder, "bytes", prediction->bytes);
  add_estimate (builder, "predicted", &prediction->change);
}

static void
add_plan (JsonBuilder *builder, const TnPlanResult *result, const char *out)
{
  add_prediction (builder, &result->prediction);
  tn_json_add_count (builder, "layers_measured", result->prediction.n_measured);
  tn_json_add_count (builder, "layers_scored", result->prediction.n_scored);
  tn_json_add_count (builder, "layers_kept", result->prediction.n_kept);
  tn_json_add_string (builder, "out", out);
  tn_json_open_array (builder, "layers");
  for (guint i = 0; i < result->analysis->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (result->analysis, i);
      gint scheme = result->schemes[i];
      const TnAnalysisCell *cell = scheme >= 0 ? tn_analysis_get_cell (result->analysis, i, (guint) scheme) : NULL;
      g_autofree char *name =
          scheme >= 0 ? tn_scheme_to_string (tn_analysis_get_scheme (result->analysis, (guint) scheme)) : g_strdup ("keep");
      TnEstimate none = {0.0, 0.0, 0.0, 0};
      TnEstimate change = scheme >= 0 ? get_change (result, i) : none;

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "name", layer->name);
      tn_json_add_string (builder, "scheme", name);
      tn_json_add_double (builder, "bits", cell != NULL ? cell->bits : 16.0);
      tn_json_add_double (builder, "bytes", cell != NULL ? cell->bytes : 2.0 * (double) layer->rows * (double) layer->columns);
      add_estimate (builder, "change", &change);
      tn_json_add_string (builder, "source", describe_source (result, i));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_front (JsonBuilder *builder, const TnAllocation *allocation)
{
  const TnKnapsack *front = tn_allocation_get_front (allocation);

  tn_json_open_array (builder, "front");
  for (guint i = 0; i < tn_knapsack_n_points (front); i++)
    {
      json_builder_begin_object (builder);
      tn_json_add_double (builder, "bits", tn_allocation_get_bits (allocation, i));
      tn_json_add_double (builder, "bytes", tn_allocation_get_bytes (allocation, i));
      tn_json_add_double (builder, "change", tn_knapsack_get_loss (front, i));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_measured (JsonBuilder *builder, const TnPlanResult *result)
{
  tn_json_open_object (builder, "original");
  tn_json_add_double (builder, "loss", result->original.loss);
  tn_json_add_double (builder, "loss_stderr", result->original.loss_stderr);
  tn_json_add_count (builder, "tokens", result->original.tokens);
  json_builder_end_object (builder);
  tn_json_open_array (builder, "measured");
  for (guint i = 0; i < result->measured->len; i++)
    {
      const TnMeasuredPlan *plan = g_ptr_array_index (result->measured, i);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "title", plan->title);
      add_prediction (builder, &plan->prediction);
      tn_json_add_double (builder, "loss", plan->loss);
      tn_json_add_double (builder, "loss_stderr", plan->loss_stderr);
      tn_json_add_double (builder, "change", plan->change.loss);
      tn_json_add_double (builder, "change_stderr", plan->change.loss_stderr);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static gboolean
print_json (const TnPlanResult *result, const char *out, gboolean front, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_hash (builder, "model_fingerprint", result->analysis->model_fingerprint);
  tn_json_add_count (builder, "weights", tn_allocation_get_weights (result->allocation));
  tn_json_add_double (builder, "tolerance", tn_knapsack_get_tolerance (tn_allocation_get_front (result->allocation)));
  tn_json_add_count (builder, "layers_unknown", tn_allocation_get_unknown (result->allocation));
  if (result->has_plan)
    add_plan (builder, result, out);
  if (front)
    add_front (builder, result->allocation);
  if (result->measured != NULL)
    add_measured (builder, result);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_layers (const TnPlanResult *result)
{
  int width = (int) g_utf8_strlen (_ ("layer"), -1);

  for (guint i = 0; i < result->analysis->layers->len; i++)
    width = MAX (width, (int) strlen (tn_analysis_get_layer (result->analysis, i)->name));
  g_print ("%-*s %-12s %6s %10s  %s\n", width, _ ("layer"), _ ("scheme"), _ ("bits"), _ ("size"), _ ("change of the loss"));
  for (guint i = 0; i < result->analysis->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (result->analysis, i);
      gint scheme = result->schemes[i];
      const TnAnalysisCell *cell;
      TnEstimate change;
      g_autofree char *name = NULL, *size = NULL;

      if (scheme < 0)
        {
          size = g_format_size (2 * layer->rows * layer->columns);
          g_print ("%-*s %-12s %6.2f %10s  %s\n", width, layer->name, _ ("kept"), 16.0, size, "–");
          continue;
        }
      cell = tn_analysis_get_cell (result->analysis, i, (guint) scheme);
      change = get_change (result, i);
      name = tn_scheme_to_string (tn_analysis_get_scheme (result->analysis, (guint) scheme));
      size = g_format_size ((guint64) ceil (cell->bytes));
      g_print ("%-*s %-12s %6.2f %10s  ", width, layer->name, name, cell->bits, size);
      if (isnan (change.low))
        g_print ("%+.5f  %s\n", change.value, !is_measured (result, i) ? _ ("score") : _ ("measured"));
      else
        g_print ("%+.5f (%+.5f … %+.5f)  %s\n", change.value, change.low, change.high,
                 !is_measured (result, i) ? _ ("score") : _ ("measured"));
    }
}

static void
print_plan (const TnPlanResult *result)
{
  const TnPlanPrediction *prediction = &result->prediction;
  g_autofree char *size = g_format_size ((guint64) ceil (prediction->bytes));

  print_layers (result);
  g_print (_ ("\n%.3f bits a weight, %s in linear layers\n"), prediction->bits, size);
  if (isnan (prediction->change.low))
    g_print (_ ("predicted change of the loss: %+.5f nats a token\n"), prediction->change.value);
  else
    g_print (_ ("predicted change of the loss: %+.5f nats a token; the layers' intervals add up to %+.5f … %+.5f\n"),
             prediction->change.value, prediction->change.low, prediction->change.high);
  g_print (_ ("from what was measured of %u layers and scores of %u; %u stay as they are\n"), prediction->n_measured,
           prediction->n_scored, prediction->n_kept);
}

static void
print_front (const TnAllocation *allocation)
{
  const TnKnapsack *front = tn_allocation_get_front (allocation);
  g_autoptr (GArray) points = tn_allocation_pick_points (allocation, PRINTED_POINTS);

  g_print ("\n%8s %12s  %s\n", _ ("bits"), _ ("size"), _ ("predicted change of the loss"));
  for (guint i = 0; i < points->len; i++)
    {
      guint point = g_array_index (points, guint, i);
      g_autofree char *size = g_format_size ((guint64) ceil (tn_allocation_get_bytes (allocation, point)));

      g_print ("%8.3f %12s  %+.5f\n", tn_allocation_get_bits (allocation, point), size, tn_knapsack_get_loss (front, point));
    }
  g_print (_ ("%u of the %u plans of the front; --json has all\n"), points->len, tn_knapsack_n_points (front));
}

static void
print_measured (const TnPlanResult *result)
{
  g_print (_ ("\nmeasured on %" PRIu64 " tokens; loss of the model as it is %.5f\n"), result->original.tokens,
           result->original.loss);
  g_print ("%-24s %8s %12s  %s\n", _ ("plan"), _ ("bits"), _ ("predicted"), _ ("measured, ± standard error"));
  for (guint i = 0; i < result->measured->len; i++)
    {
      const TnMeasuredPlan *plan = g_ptr_array_index (result->measured, i);

      g_print ("%-24s %8.3f %+12.5f  %+.5f", plan->title, plan->prediction.bits, plan->prediction.change.value,
               plan->change.loss);
      if (isnan (plan->change.loss_stderr))
        g_print ("\n");
      else
        g_print (" ± %.5f\n", plan->change.loss_stderr);
    }
}

static void
print_text (const TnPlanResult *result, const char *out, gboolean front)
{
  double tolerance = tn_knapsack_get_tolerance (tn_allocation_get_front (result->allocation));
  guint n_unknown = tn_allocation_get_unknown (result->allocation);

  if (result->has_plan)
    print_plan (result);
  if (n_unknown > 0)
    g_print (_ ("%u layers have no estimate and stay as they are\n"), n_unknown);
  if (tolerance > 0.0)
    g_print (_ ("too many plans to keep them all: above the least possible a loss may lie at %g times the best plan's\n"),
             1.0 + tolerance);
  if (front)
    print_front (result->allocation);
  if (result->measured != NULL)
    print_measured (result);
  if (out != NULL)
    g_print (_ ("written to %s\n"), out);
}

/* What the command line gave as text. */
typedef struct
{
  char *bits, *size, *loss;
  int seq_len;
} Arguments;

static gboolean
take_arguments (const Arguments *arguments, const TnCommand *command, TnPlanOptions *options, GError **error)
{
  options->analysis_path = g_strdup (command->arguments[0]);
  options->tokenizer_path = g_strdup (command->tokenizer);
  options->seq_len = (guint) MAX (arguments->seq_len, 0);
  if (arguments->bits != NULL && !tn_option_parse_number ("--bits", arguments->bits, 0.0, 64.0, FALSE, &options->bits, error))
    return FALSE;
  if (arguments->size != NULL && !tn_option_parse_size ("--size", arguments->size, &options->bytes, error))
    return FALSE;
  if (arguments->loss != NULL && !tn_option_parse_number ("--loss", arguments->loss, -1e6, 1e6, FALSE, &options->loss, error))
    return FALSE;
  return tn_plan_check_options (options, error);
}

TnExitStatus
tn_verb_plan (int argc, char **argv)
{
  g_auto (TnCommand) command = {NULL};
  g_autoptr (TnPlanOptions) options = tn_plan_options_new ();
  Arguments arguments = {NULL};
  const GOptionEntry entries[] = {
      {"bits", 0, 0, G_OPTION_ARG_STRING, &arguments.bits, N_ ("Budget: bits a weight of linear layers, such as 2.5"), "N"},
      {"size", 0, 0, G_OPTION_ARG_STRING, &arguments.size, N_ ("Budget: size of linear layers, such as 500MB"), N_ ("SIZE")},
      {"loss", 0, 0, G_OPTION_ARG_STRING, &arguments.loss,
       N_ ("Budget: predicted change of the loss in nats a token, such as 0.02"), "N"},
      {"schemes", 0, 0, G_OPTION_ARG_STRING, &options->schemes, N_ ("Schemes that may be used, of those analyzed (all)"),
       N_ ("LIST")},
      {"keep", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->keep,
       N_ ("Layers that stay as they are, with those that share their input, such as 'blk.0.*'; may be repeated"),
       N_ ("PATTERN")},
      {"front", 0, 0, G_OPTION_ARG_NONE, &options->front,
       N_ ("Show the plans of every budget; with --measure, measure some of them"), NULL},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &options->out_path, N_ ("Write the plan to this file, for quantize and eval"),
       N_ ("PLAN")},
      {"measure", 0, 0, G_OPTION_ARG_NONE, &options->measure,
       N_ ("Round the model by the plan, and by each scheme in all layers, and measure its loss"), NULL},
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &options->model_path, N_ ("With --measure: the model that was analyzed"),
       N_ ("MODEL")},
      {"data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->data,
       N_ ("With --measure: text, JSON lines, CSV, tokens (.bin, npy, npz); may be repeated"), N_ ("PATH")},
      {"data-format", 0, 0, G_OPTION_ARG_STRING, &options->format.format,
       N_ ("text, jsonl, csv, tokens or npy (by name and content)"), N_ ("NAME")},
      {"field", 0, 0, G_OPTION_ARG_STRING, &options->format.field,
       N_ ("Field of JSON lines or column of CSV that holds the text (text)"), N_ ("NAME")},
      {"seq-len", 0, 0, G_OPTION_ARG_INT, &arguments.seq_len, N_ ("Tokens a window (that of the analysis)"), "N"},
      {NULL},
  };
  TnPlanResult result = {NULL};
  g_autoptr (TnJob) job = NULL;
  g_autofree char *out = NULL, *bits = NULL, *size = NULL, *loss = NULL;
  gboolean front, parsed;
  TnExitStatus status;
  GError *error = NULL;

  parsed = tn_command_parse (&command, argc, argv, "plan", _ ("ANALYSIS --bits N|--size SIZE|--loss N|--front"),
                             _ ("a scheme per layer under a budget"), entries, 1, 1, &status);
  bits = arguments.bits;
  size = arguments.size;
  loss = arguments.loss;
  if (!parsed)
    return status;
  if (!take_arguments (&arguments, &command, options, &error))
    {
      status = tn_command_usage_error (&command, "%s", error->message);
      g_error_free (error);
      return status;
    }
  if (!tn_command_open_workspace (&command, &error))
    return tn_command_fail (&command, error);
  out = g_strdup (options->out_path);
  front = options->front;
  job = tn_plan_job_new (g_steal_pointer (&options), command.workspace, &result);
  if (!tn_command_run_job (&command, job, &error))
    status = tn_command_fail (&command, error);
  else if (command.json ? !print_json (&result, out, front, &error) : (print_text (&result, out, front), FALSE))
    status = tn_command_fail (&command, error);
  else
    status = tn_command_finish (&command);
  tn_plan_result_clear (&result);
  return status;
}
