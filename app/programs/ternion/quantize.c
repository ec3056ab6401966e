/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/quantize.h"

static gboolean
print_json (const TnQuantizeResult *result, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "out", result->out);
  tn_json_add_integer (builder, "bytes", (gint64) result->export.bytes);
  json_builder_set_member_name (builder, "tensors");
  json_builder_begin_array (builder);
  for (guint i = 0; i < result->export.tensors->len; i++)
    {
      const TnExportedTensor *tensor = g_ptr_array_index (result->export.tensors, i);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "name", tensor->name);
      tn_json_add_string (builder, "scheme", tensor->scheme);
      tn_json_add_string (builder, "type", tensor->type);
      tn_json_add_integer (builder, "bytes", (gint64) tensor->bytes);
      tn_json_add_double (builder, "sqnr_db", tensor->sqnr_db);
      tn_json_add_double (builder, "scale_change", tensor->scale_change);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (result->n_activations > 0)
    tn_json_add_integer (builder, "activation_scales", result->n_activations);
  tn_json_add_double (builder, "seconds", result->seconds);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

/* What was done to how many tensors, in the order they come. */
typedef struct
{
  const char *scheme, *type;
  gboolean copied; /* bytes as they were */
  guint n;
  guint64 bytes;
  double lowest_db;
  double scale_change;
} Group;

static GArray *
group_tensors (GPtrArray *tensors)
{
  GArray *groups = g_array_new (FALSE, FALSE, sizeof (Group));

  for (guint i = 0; i < tensors->len; i++)
    {
      const TnExportedTensor *tensor = g_ptr_array_index (tensors, i);
      Group new_group = {.scheme = tensor->scheme,
                         .type = tensor->type,
                         .copied = isnan (tensor->sqnr_db),
                         .lowest_db = (double) INFINITY};
      Group *group = NULL;

      for (guint k = 0; k < groups->len && group == NULL; k++)
        if (g_strcmp0 (g_array_index (groups, Group, k).scheme, new_group.scheme) == 0 &&
            g_array_index (groups, Group, k).copied == new_group.copied &&
            strcmp (g_array_index (groups, Group, k).type, new_group.type) == 0)
          group = &g_array_index (groups, Group, k);
      if (group == NULL)
        {
          g_array_append_val (groups, new_group);
          group = &g_array_index (groups, Group, groups->len - 1);
        }
      group->n++;
      group->bytes += tensor->bytes;
      if (tensor->sqnr_db < group->lowest_db)
        group->lowest_db = tensor->sqnr_db;
      group->scale_change = MAX (group->scale_change, tensor->scale_change);
    }
  return groups;
}

static void
print_text (const TnQuantizeResult *result)
{
  g_autoptr (GArray) groups = group_tensors (result->export.tensors);
  g_autofree char *size = g_format_size (result->export.bytes);
  double scale_change = 0.0;

  for (guint i = 0; i < groups->len; i++)
    {
      const Group *group = &g_array_index (groups, Group, i);
      g_autofree char *bytes = g_format_size (group->bytes);
      const char *treatment = group->scheme != NULL ? group->scheme : group->copied ? _ ("kept") : _ ("converted");

      scale_change = MAX (scale_change, group->scale_change);
      if (group->copied)
        g_print (_ ("%-14s %-10s %4u tensors, %s\n"), treatment, group->type, group->n, bytes);
      else if (isinf (group->lowest_db))
        g_print (_ ("%-14s %-10s %4u tensors, %s, exact\n"), treatment, group->type, group->n, bytes);
      else
        g_print (_ ("%-14s %-10s %4u tensors, %s, SQNR from %.2f dB\n"), treatment, group->type, group->n, bytes, group->lowest_db);
    }
  if (scale_change > 0.0)
    g_print (_ ("The file keeps scales with fewer bits than they were found with: they changed by at most %.2g of themselves.\n"),
             scale_change);
  if (result->n_activations > 0)
    g_print (_ ("fixed scales of the inputs of %u linear layers; ternion eval --activations uses them\n"), result->n_activations);
  g_print (_ ("%s: %s in %.2f s, read back and compared\n"), result->out, size, result->seconds);
}

TnExitStatus
tn_verb_quantize (int argc, char **argv)
{
  g_auto (TnCommand) command = {NULL};
  g_autoptr (TnQuantizeOptions) options = g_new0 (TnQuantizeOptions, 1);
  const GOptionEntry entries[] = {
      {"scheme", 0, 0, G_OPTION_ARG_STRING, &options->scheme, N_ ("Round the weights of every linear layer to this scheme"),
       N_ ("SCHEME")},
      {"plan", 0, 0, G_OPTION_ARG_FILENAME, &options->plan_path, N_ ("A scheme per layer (key file)"), N_ ("PLAN")},
      {"method", 0, 0, G_OPTION_ARG_STRING, &options->method,
       N_ ("How scales are found: minmax, percentile or p99.9, mse, mse2.4, kl, aciq, octav, auto (minmax, or the scheme's rule)"),
       N_ ("METHOD")},
      {"objective", 0, 0, G_OPTION_ARG_STRING, &options->objective, N_ ("What --method auto makes least: mse or kl (mse)"),
       N_ ("NAME")},
      {"type", 0, 0, G_OPTION_ARG_STRING, &options->type,
       N_ ("What quantized weights are stored in: F32, F16, BF16, and in GGUF Q8_0, Q5_0, Q5_1, Q4_0, Q4_1, TQ1_0, TQ2_0 (by scheme)"),
       N_ ("TYPE")},
      {"stats", 0, 0, G_OPTION_ARG_FILENAME, &options->stats_path,
       N_ ("Statistics file: fixed scales of activations go into the GGUF or safetensors file too"), N_ ("STATS")},
      {"activations", 0, 0, G_OPTION_ARG_STRING, &options->activations, N_ ("With --stats: what they are scales for (int8)"),
       N_ ("SCHEME")},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &options->out_path,
       N_ ("NAME.gguf, NAME.safetensors, or a folder for a BitNet checkpoint"), N_ ("PATH")},
      {NULL},
  };
  TnQuantizeResult result = {NULL};
  g_autoptr (TnJob) job = NULL;
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "quantize", _ ("MODEL --scheme SCHEME|--plan PLAN|--type TYPE --out PATH"),
                         _ ("write a model in low precision"), entries, 1, 1, &status))
    return status;
  if (!tn_quantize_check (options, &error))
    {
      status = tn_command_usage_error (&command, "%s", error->message);
      g_error_free (error);
      return status;
    }
  if (!tn_command_open_workspace (&command, &error))
    return tn_command_fail (&command, error);
  options->model_path = g_strdup (command.arguments[0]);
  options->tokenizer_path = g_strdup (command.tokenizer);
  job = tn_quantize_job_new (g_steal_pointer (&options), command.workspace, &result);
  if (!tn_command_run_job (&command, job, &error))
    status = tn_command_fail (&command, error);
  else if (command.json ? !print_json (&result, &error) : (print_text (&result), FALSE))
    status = tn_command_fail (&command, error);
  else
    status = tn_command_finish (&command);
  tn_quantize_result_clear (&result);
  return status;
}
