/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/inspect.h"
#include "app/tasks/method-choice.h"
#include "data/files/count-text.h"
#include "data/files/quote.h"
#include "engine/device/device.h"

#define LONGEST_NAME 100

typedef struct
{
  TnCommand   *command;
  TnModelFile *file;
  GArray      *schemes;
  const char  *tensor;
  gboolean     details;
  GPtrArray   *inspections;
  double       bandwidth; /* of the memory, bytes a second; 0: not measured */
} InspectWork;

static void
keep (TnTensorInspection *inspection, gpointer user_data)
{
  g_ptr_array_add (((InspectWork *) user_data)->inspections, inspection);
}

static void
record_model (InspectWork *work)
{
  TnModelRow row = {
    .path = (char *) tn_model_file_get_path (work->file), .format = (char *) tn_model_file_get_format (work->file),
    .architecture = (char *) tn_model_file_get_architecture (work->file), .fingerprint = tn_model_file_get_fingerprint (work->file),
    .bytes = tn_model_file_get_bytes (work->file), .parameters = tn_model_file_get_n_elements (work->file),
  };

  if (work->command->workspace != NULL)
    tn_workspace_record_model (work->command->workspace, &row, NULL);
}

static gboolean
inspect (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  InspectWork *work = data;

  record_model (work);
  return tn_inspect_model (work->file, work->tensor, work->schemes, work->details, keep, work, listener, cancellable, error);
}

static void
add_schemes (JsonBuilder *builder, const TnTensorInspection *inspection)
{
  json_builder_set_member_name (builder, "schemes");
  json_builder_begin_object (builder);
  for (guint i = 0; inspection->quantized && i < inspection->schemes->len; i++)
    {
      g_autofree char *name = tn_scheme_to_string (&g_array_index (inspection->schemes, TnScheme, i));
      const TnQuantError *errors = &inspection->errors[i];

      json_builder_set_member_name (builder, name);
      if (isnan (errors->bits))
        {
          json_builder_add_null_value (builder);
          continue;
        }
      json_builder_begin_object (builder);
      tn_json_add_double (builder, "bits", errors->bits);
      tn_json_add_double (builder, "mse", errors->mse);
      tn_json_add_double (builder, "sqnr_db", errors->sqnr_db);
      tn_json_add_double (builder, "cosine", errors->cosine);
      tn_json_add_double (builder, "zero_fraction", errors->zero_fraction);
      tn_json_add_string (builder, "method", tn_method_get_name (g_array_index (inspection->schemes, TnScheme, i).method));
      if (!isnan (errors->scale))
        {
          tn_json_add_double (builder, "scale", errors->scale);
          tn_json_add_double (builder, "zero_point", errors->zero_point);
        }
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

static void
add_tensor (JsonBuilder *builder, const InspectWork *work, const TnTensorInspection *inspection)
{
  const TnModelTensor *entry = tn_model_file_get_tensor (work->file, inspection->tensor);
  const TnTensorSummary *summary = &inspection->summary;

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "name", entry->name);
  tn_json_add_string (builder, "source_name", entry->source_name);
  tn_json_add_string (builder, "dtype", entry->dtype_name);
  json_builder_set_member_name (builder, "shape");
  json_builder_begin_array (builder);
  for (guint i = 0; i < entry->tensor->n_dims; i++)
    json_builder_add_int_value (builder, (gint64) entry->tensor->shape[i]);
  json_builder_end_array (builder);
  tn_json_add_integer (builder, "count", (gint64) entry->tensor->count);
  tn_json_add_integer (builder, "bytes", (gint64) entry->tensor->bytes);
  if (inspection->decoded)
    {
      tn_json_add_double (builder, "min", summary->min);
      tn_json_add_double (builder, "max", summary->max);
      tn_json_add_double (builder, "mean", summary->mean);
      tn_json_add_double (builder, "std", summary->std);
      tn_json_add_double (builder, "absmean", summary->absmean);
      tn_json_add_double (builder, "zeros", summary->zeros);
      tn_json_add_integer (builder, "nonfinite", (gint64) summary->nonfinite);
      if (inspection->details != NULL)
        tn_details_add_tensor (builder, inspection->details, inspection->histogram);
    }
  add_schemes (builder, inspection);
  json_builder_end_object (builder);
}

#define DECISION "ternion.reader."

/* What the reader decided where a format leaves it open: keys of the metadata, sorted. */
static GList *
list_decisions (const InspectWork *work)
{
  GList *keys = g_hash_table_get_keys (tn_model_file_get_all_metadata (work->file)), *decisions = NULL;

  for (GList *key = keys; key != NULL; key = key->next)
    if (g_str_has_prefix (key->data, DECISION))
      decisions = g_list_insert_sorted (decisions, key->data, (GCompareFunc) strcmp);
  g_list_free (keys);
  return decisions;
}

static void
add_decisions (JsonBuilder *builder, const InspectWork *work)
{
  g_autoptr (GList) decisions = list_decisions (work);

  json_builder_set_member_name (builder, "decisions");
  json_builder_begin_object (builder);
  for (GList *key = decisions; key != NULL; key = key->next)
    tn_json_add_string (builder, (const char *) key->data + strlen (DECISION), tn_model_file_get_metadata (work->file, key->data));
  json_builder_end_object (builder);
}

static guint64
bytes_read (const InspectWork *work)
{
  guint64 bytes = 0;

  for (guint i = 0; i < work->inspections->len; i++)
    {
      const TnTensorInspection *inspection = g_ptr_array_index (work->inspections, i);

      if (inspection->decoded)
        bytes += tn_model_file_get_tensor (work->file, inspection->tensor)->tensor->bytes;
    }
  return bytes;
}

static void
measure_bandwidth (gpointer user_data)
{
  *(double *) user_data = tn_device_measure_read_bandwidth ();
}

static gboolean
print_json (const InspectWork *work, double seconds, GError **error)
{
  g_autofree char *fingerprint = g_strdup_printf ("%016" PRIx64, tn_model_file_get_fingerprint (work->file));
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "model");
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "path", tn_model_file_get_path (work->file));
  tn_json_add_string (builder, "format", tn_model_file_get_format (work->file));
  tn_json_add_string (builder, "architecture", tn_model_file_get_architecture (work->file));
  tn_json_add_integer (builder, "parameters", (gint64) tn_model_file_get_n_elements (work->file));
  tn_json_add_integer (builder, "bytes", (gint64) tn_model_file_get_bytes (work->file));
  add_decisions (builder, work);
  tn_json_add_string (builder, "fingerprint", fingerprint);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "tensors");
  json_builder_begin_array (builder);
  for (guint i = 0; i < work->inspections->len; i++)
    add_tensor (builder, work, g_ptr_array_index (work->inspections, i));
  json_builder_end_array (builder);
  tn_json_add_double (builder, "seconds", seconds);
  tn_json_add_double (builder, "bytes_per_second", (double) bytes_read (work) / seconds);
  if (work->bandwidth > 0.0)
    tn_json_add_double (builder, "read_bandwidth_bytes_per_second", work->bandwidth);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

/* Names come from files: a line break or an escape sequence in one must not reach the terminal, a very long one not spread the table. */
static char *
printable_name (const char *name)
{
  for (const char *next = name; *next != '\0'; next = g_utf8_next_char (next))
    if (next - name > LONGEST_NAME || !g_unichar_isprint (g_utf8_get_char (next)))
      return tn_quote_string (name);
  return g_strdup (name);
}

static void
print_row (const InspectWork *work, const TnTensorInspection *inspection, int name_width)
{
  const TnModelTensor *entry = tn_model_file_get_tensor (work->file, inspection->tensor);
  g_autofree char *shape = tn_tensor_shape_to_string (entry->tensor);
  g_autofree char *name = printable_name (entry->name);
  const TnTensorSummary *summary = &inspection->summary;
  g_autofree char *nonfinite = tn_count_text (summary->nonfinite);
  int pad = 16 - (int) g_utf8_strlen (shape, -1);

  g_print ("%-*s  %-6s %*s%s", name_width, name, entry->dtype_name, MAX (pad, 0), "", shape);
  if (!inspection->decoded)
    {
      g_print (_("  (cannot be decoded)\n"));
      return;
    }
  g_print ("  %10.4g %10.4g %10.4g", summary->min, summary->max, summary->std);
  for (guint i = 0; i < work->schemes->len; i++)
    if (inspection->quantized && !isnan (inspection->errors[i].bits))
      g_print (" %9.2f", inspection->errors[i].sqnr_db);
    else
      g_print (" %9s", "-");
  if (summary->nonfinite > 0)
    g_print (_("  %s not finite"), nonfinite);
  g_print ("\n");
}

static void
print_decisions (const InspectWork *work)
{
  g_autoptr (GList) decisions = list_decisions (work);

  for (GList *key = decisions; key != NULL; key = key->next)
    {
      g_autofree char *name = printable_name ((const char *) key->data + strlen (DECISION));
      g_autofree char *value = printable_name (tn_model_file_get_metadata (work->file, key->data));

      g_print ("%s: %s\n", name, value);
    }
  if (decisions != NULL)
    g_print ("\n");
}

static void
print_details (const InspectWork *work)
{
  for (guint i = 0; work->details && i < work->inspections->len; i++)
    {
      const TnTensorInspection *inspection = g_ptr_array_index (work->inspections, i);
      const TnModelTensor *entry = tn_model_file_get_tensor (work->file, inspection->tensor);
      g_autofree char *name = printable_name (entry->name), *count = tn_count_text (entry->tensor->count), *text = NULL;

      if (inspection->details == NULL)
        continue;
      text = tn_details_describe_tensor (inspection->details);
      g_print (_("\n%s: %s values, mean %.6g, mean |x| %.6g, zeros %.4g %%\n%s"), name, count, inspection->summary.mean,
               inspection->summary.absmean, 100.0 * inspection->summary.zeros, text);
    }
}

static void
print_table (const InspectWork *work, double seconds)
{
  g_autofree char *size = g_format_size (tn_model_file_get_bytes (work->file));
  g_autofree char *parameters = tn_count_text (tn_model_file_get_n_elements (work->file));
  double read = (double) bytes_read (work);
  int name_width = 6;

  g_print (_("%s: %s, %s, %s parameters, %s\n\n"), tn_model_file_get_path (work->file),
           tn_model_file_get_format (work->file), tn_model_file_get_architecture (work->file), parameters, size);
  print_decisions (work);
  for (guint i = 0; i < work->inspections->len; i++)
    {
      const TnTensorInspection *inspection = g_ptr_array_index (work->inspections, i);
      g_autofree char *name = printable_name (tn_model_file_get_tensor (work->file, inspection->tensor)->name);

      name_width = MAX (name_width, (int) g_utf8_strlen (name, -1));
    }
  g_print ("%-*s  %-6s %16s  %10s %10s %10s", name_width, _("tensor"), _("type"), _("shape"), _("min"), _("max"), _("std"));
  for (guint i = 0; i < work->schemes->len; i++)
    {
      g_autofree char *name = tn_scheme_to_string (&g_array_index (work->schemes, TnScheme, i));

      g_print (" %9s", name);
    }
  g_print ("\n");
  for (guint i = 0; i < work->inspections->len; i++)
    print_row (work, g_ptr_array_index (work->inspections, i), name_width);
  print_details (work);
  g_print (_("\nSQNR in dB under each scheme. Read %.3g GB in %.2f s (%.3g GB/s).\n"), read * 1e-9, seconds, read * 1e-9 / seconds);
  if (work->bandwidth > 0.0)
    g_print (_("This machine's memory reads %.3g GB/s.\n"), work->bandwidth * 1e-9);
}

TnExitStatus
tn_verb_inspect (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_autofree char *method = NULL, *objective = NULL, *schemes = NULL, *tensor = NULL, *title = NULL, *base = NULL;
  gboolean bandwidth = FALSE, details = FALSE;
  const GOptionEntry entries[] = {
    { "schemes", 0, 0, G_OPTION_ARG_STRING, &schemes, N_("Schemes to measure (ternary,int8,int4:g32)"), N_("LIST") },
    { "method", 0, 0, G_OPTION_ARG_STRING, &method, N_("How scales are found: minmax, percentile or p99.9, mse, mse2.4, kl, aciq, octav, auto (minmax, or the scheme's rule)"), N_("METHOD") },
    { "objective", 0, 0, G_OPTION_ARG_STRING, &objective, N_("What --method auto makes least: mse or kl (mse)"), N_("NAME") },
    { "tensor", 0, 0, G_OPTION_ARG_STRING, &tensor, N_("Only this tensor, with --details"), N_("NAME") },
    { "details", 0, 0, G_OPTION_ARG_NONE, &details, N_("Skewness, kurtosis, percentiles, IQR, MAD, sparsity, entropy and outliers of each tensor, too; one more pass"), NULL },
    { "bandwidth", 0, 0, G_OPTION_ARG_NONE, &bandwidth, N_("Measure the memory's read bandwidth too, to hold the rate against"), NULL },
    { NULL },
  };
  InspectWork work = { .command = &command };
  g_autoptr (TnModelFile) file = NULL;
  g_autoptr (GArray) scheme_list = NULL;
  g_autoptr (GPtrArray) inspections = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_tensor_inspection_free);
  g_autoptr (TnJob) job = NULL;
  TnExitStatus status;
  GError *error = NULL;
  gint64 start;
  double seconds;

  if (!tn_command_parse (&command, argc, argv, "inspect", "MODEL", _("what is in a model: shapes, ranges, error under rounding"), entries, 1, 1, &status))
    return status;
  scheme_list = tn_scheme_parse_list (schemes != NULL ? schemes : TN_INSPECT_DEFAULT_SCHEMES, &error);
  if (scheme_list == NULL)
    {
      status = tn_command_usage_error (&command, "--schemes: %s", error->message);
      g_error_free (error);
      return status;
    }
  if (!tn_method_choice_check_values_only (&(TnMethodChoice) { method, objective }, &error) ||
      !tn_method_choice_apply (&(TnMethodChoice) { method, objective }, scheme_list, &error))
    {
      status = tn_command_usage_error (&command, "%s", error->message);
      g_error_free (error);
      return status;
    }
  if ((file = tn_model_file_open (command.arguments[0], &error)) == NULL || !tn_command_open_workspace (&command, &error))
    return tn_command_fail (&command, error);
  work.file = file;
  work.schemes = scheme_list;
  work.tensor = tensor;
  work.details = details || tensor != NULL;
  work.inspections = inspections;
  base = g_path_get_basename (command.arguments[0]);
  title = g_strdup_printf (_("Inspect %s"), base);
  job = tn_job_new ("inspect", title, NULL, command.workspace, inspect, &work, NULL);
  start = g_get_monotonic_time ();
  if (!tn_command_run_job (&command, job, &error))
    return tn_command_fail (&command, error);
  seconds = (double) (g_get_monotonic_time () - start) * 1e-6;
  if (bandwidth)
    tn_compute_run (measure_bandwidth, &work.bandwidth);
  if (!command.json)
    print_table (&work, seconds);
  else if (!print_json (&work, seconds, &error))
    return tn_command_fail (&command, error);
  return tn_command_finish (&command);
}
