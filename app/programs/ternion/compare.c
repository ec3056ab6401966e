/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/compare.h"
#include "engine/error.h"
#include "engine/metrics/metric-names.h"

#define DEFAULT_METRICS "sqnr_db,cosine,mse,max_abs,mean_relative,bias"
/* Channels and rows that are shown of one tensor. */
#define PARTS_SHOWN 10
#define COLUMN_WIDTH 14

typedef struct
{
  TnCompareOptions options;
  GPtrArray       *metrics; /* const TnMetric * */
  const char      *rank;
  TnComparison    *comparison;
} CompareWork;

static gboolean
compare (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  CompareWork *work = data;

  work->comparison = tn_compare_files (&work->options, listener, cancellable, error);
  return work->comparison != NULL;
}

static gboolean
parse_metrics (const char *text, GPtrArray *metrics, GError **error)
{
  g_auto (GStrv) names = g_strsplit (text, ",", -1);

  for (guint i = 0; names[i] != NULL; i++)
    {
      const TnMetric *metric = tn_metric_find (g_strstrip (names[i]));

      if (metric == NULL)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--metrics: “%s” is no metric; --metrics help lists them"), names[i]);
          return FALSE;
        }
      g_ptr_array_add (metrics, (gpointer) metric);
    }
  return TRUE;
}

static void
print_metrics (void)
{
  guint n;
  const TnMetric *metrics = tn_metrics_list (&n);

  for (guint i = 0; i < n; i++)
    g_print ("%-22s %-4s %s\n", metrics[i].name, metrics[i].unit, metrics[i].formula);
}

/* The worst parts of a tensor: most squared error first. */
static int
compare_parts (gconstpointer a, gconstpointer b)
{
  const TnErrorPart *x = a, *y = b;

  if (x->error_square != y->error_square)
    return x->error_square > y->error_square ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static GArray *
list_worst (const TnTensorComparison *tensor, gboolean channels)
{
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (TnErrorPart));
  gsize n = channels ? tensor->columns : tn_error_metrics_get_n_rows (tensor->metrics);

  for (gsize i = 0; i < n; i++)
    {
      TnErrorPart part;

      if (channels)
        tn_error_metrics_get_channel (tensor->metrics, i, &part);
      else
        tn_error_metrics_get_row (tensor->metrics, i, &part);
      g_array_append_val (parts, part);
    }
  g_array_sort (parts, compare_parts);
  if (parts->len > PARTS_SHOWN)
    g_array_set_size (parts, PARTS_SHOWN);
  return parts;
}

static double
share_of_error (const TnTensorComparison *tensor, const TnErrorPart *part)
{
  return part->error_square / (tensor->summary.mse * (double) tensor->summary.count);
}

static void
add_parts (JsonBuilder *builder, const char *name, const TnTensorComparison *tensor, gboolean channels)
{
  g_autoptr (GArray) parts = list_worst (tensor, channels);

  tn_json_open_array (builder, name);
  for (guint i = 0; i < parts->len; i++)
    {
      const TnErrorPart *part = &g_array_index (parts, TnErrorPart, i);

      json_builder_begin_object (builder);
      tn_json_add_count (builder, "index", part->index);
      tn_json_add_count (builder, "count", part->count);
      tn_json_add_double (builder, "share", share_of_error (tensor, part));
      tn_json_add_double (builder, "mse", part->mse);
      tn_json_add_double (builder, "sqnr_db", part->sqnr_db);
      tn_json_add_double (builder, "cosine", part->cosine);
      tn_json_add_double (builder, "bias", part->bias);
      tn_json_add_double (builder, "max_abs", part->max_abs);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_spectrum (JsonBuilder *builder, const TnSpectrum *spectrum)
{
  tn_json_open_object (builder, "spectrum");
  tn_json_add_count (builder, "segments", tn_spectrum_get_segments (spectrum));
  tn_json_add_count (builder, "left_out", tn_spectrum_get_left_out (spectrum));
  tn_json_open_array (builder, "octaves");
  for (guint i = 0; i < tn_spectrum_get_n_octaves (spectrum); i++)
    {
      TnSpectrumBand band;

      tn_spectrum_get_octave (spectrum, i, &band);
      json_builder_begin_object (builder);
      tn_json_add_double (builder, "low", band.low);
      tn_json_add_double (builder, "high", band.high);
      tn_json_add_double (builder, "reference", band.reference);
      tn_json_add_double (builder, "error", band.error);
      tn_json_add_double (builder, "sqnr_db", band.sqnr_db);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_tensor (JsonBuilder *builder, const TnTensorComparison *tensor, const CompareWork *work)
{
  const TnErrorSummary *summary = &tensor->summary;
  guint n;
  const TnMetric *metrics = tn_metrics_list (&n);

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "name", tensor->name);
  tn_json_open_array (builder, "shape");
  for (guint i = 0; i < tensor->n_dims; i++)
    json_builder_add_int_value (builder, (gint64) tensor->shape[i]);
  json_builder_end_array (builder);
  tn_json_add_count (builder, "count", summary->count);
  tn_json_add_count (builder, "exact", summary->exact);
  tn_json_add_count (builder, "nonfinite_reference", summary->nonfinite_reference);
  tn_json_add_count (builder, "nonfinite_approximation", summary->nonfinite_approximation);
  tn_json_add_count (builder, "zero_references", summary->zero_references);
  tn_json_add_count (builder, "zero_rows_reference", summary->zero_rows_reference);
  tn_json_add_count (builder, "zero_rows_approximation", summary->zero_rows_approximation);
  tn_json_add_count (builder, "max_row", summary->max_row);
  tn_json_add_count (builder, "max_column", summary->max_column);
  for (guint i = 0; i < n; i++)
    tn_json_add_double (builder, metrics[i].name, tn_metric_get (&metrics[i], summary));
  if (work->options.scheme != NULL)
    {
      tn_json_add_string (builder, "grade", tn_grade_to_string (tensor->grade.grade));
      tn_json_add_double (builder, "gaussian_db", tensor->grade.gaussian_db);
      tn_json_add_double (builder, "laplace_db", tensor->grade.laplace_db);
    }
  if (tensor->metrics != NULL)
    {
      add_parts (builder, "channels", tensor, TRUE);
      add_parts (builder, "rows", tensor, FALSE);
    }
  if (tensor->spectrum != NULL)
    add_spectrum (builder, tensor->spectrum);
  json_builder_end_object (builder);
}

static void
add_names (JsonBuilder *builder, const char *name, const GPtrArray *names)
{
  tn_json_open_array (builder, name);
  for (guint i = 0; i < names->len; i++)
    tn_json_add_string (builder, NULL, names->pdata[i]);
  json_builder_end_array (builder);
}

static gboolean
print_json (const CompareWork *work, const GArray *order, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "reference", work->options.reference);
  tn_json_add_string (builder, "approximation", work->options.approximation);
  tn_json_add_string (builder, "ranked_by", work->rank);
  tn_json_open_array (builder, "tensors");
  for (guint i = 0; i < order->len; i++)
    add_tensor (builder, work->comparison->tensors->pdata[g_array_index (order, guint, i)], work);
  json_builder_end_array (builder);
  add_names (builder, "only_reference", work->comparison->only_reference);
  add_names (builder, "only_approximation", work->comparison->only_approximation);
  add_names (builder, "unlike", work->comparison->unlike);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_table (const CompareWork *work, const GArray *order)
{
  int width = 6;

  for (guint i = 0; i < work->comparison->tensors->len; i++)
    width = MAX (width, (int) g_utf8_strlen (((TnTensorComparison *) work->comparison->tensors->pdata[i])->name, -1));
  g_print ("%-*s", width, _("tensor"));
  for (guint i = 0; i < work->metrics->len; i++)
    g_print (" %*s", MAX (COLUMN_WIDTH, (int) strlen (((const TnMetric *) work->metrics->pdata[i])->name)), ((const TnMetric *) work->metrics->pdata[i])->name);
  g_print ("%s%s\n", work->options.scheme != NULL ? "  " : "", work->options.scheme != NULL ? _("grade") : "");
  for (guint i = 0; i < order->len; i++)
    {
      const TnTensorComparison *tensor = work->comparison->tensors->pdata[g_array_index (order, guint, i)];

      g_print ("%-*s", width, tensor->name);
      for (guint k = 0; k < work->metrics->len; k++)
        {
          const TnMetric *metric = work->metrics->pdata[k];

          g_print (" %*.*g", MAX (COLUMN_WIDTH, (int) strlen (metric->name)), 7, tn_metric_get (metric, &tensor->summary));
        }
      if (work->options.scheme != NULL)
        g_print ("  %s", tensor->grade.grade != TN_GRADE_UNKNOWN ? tn_grade_to_string (tensor->grade.grade) : "-");
      g_print ("\n");
    }
}

static void
print_parts (const TnTensorComparison *tensor, gboolean channels)
{
  g_autoptr (GArray) parts = list_worst (tensor, channels);

  g_print ("\n%10s %10s %10s %12s %12s %12s\n", channels ? _("channel") : _("row"), _("of error"), _("SQNR dB"), _("cosine"), _("bias"), _("max |e|"));
  for (guint i = 0; i < parts->len; i++)
    {
      const TnErrorPart *part = &g_array_index (parts, TnErrorPart, i);

      g_print ("%10" PRIu64 " %8.2f %% %10.2f %12.6f %12.4g %12.4g\n", part->index, 100.0 * share_of_error (tensor, part), part->sqnr_db, part->cosine,
               part->bias, part->max_abs);
    }
}

static void
print_spectrum (const TnSpectrum *spectrum)
{
  if (tn_spectrum_get_segments (spectrum) == 0)
    {
      g_print (_("\nno spectrum: columns are shorter than a segment, or not finite\n"));
      return;
    }
  g_print ("\n%20s %12s %12s %10s\n", _("cycles a row"), _("reference"), _("error"), _("SQNR dB"));
  for (guint i = 0; i < tn_spectrum_get_n_octaves (spectrum); i++)
    {
      TnSpectrumBand band;

      tn_spectrum_get_octave (spectrum, i, &band);
      g_print ("%9.4f – %8.4f %12.4g %12.4g %10.2f\n", band.low, band.high, band.reference, band.error, band.sqnr_db);
    }
}

/* Everything there is of one tensor. */
static void
print_tensor (const CompareWork *work, const TnTensorComparison *tensor)
{
  const TnErrorSummary *summary = &tensor->summary;
  guint n;
  const TnMetric *metrics = tn_metrics_list (&n);

  g_print (_("%s: %" PRIu64 " rows of %" PRIu64 ", %" PRIu64 " pairs compared, %" PRIu64 " exact\n"), tensor->name, tensor->rows, tensor->columns,
           summary->count, summary->exact);
  if (summary->nonfinite_reference + summary->nonfinite_approximation > 0)
    g_print (_("left out: %" PRIu64 " not finite in the reference, %" PRIu64 " in the approximation alone\n"), summary->nonfinite_reference,
             summary->nonfinite_approximation);
  if (summary->zero_rows_reference + summary->zero_rows_approximation > 0)
    g_print (_("rows without a cosine: %" PRIu64 " of zeros in the reference, %" PRIu64 " in the approximation alone\n"), summary->zero_rows_reference,
             summary->zero_rows_approximation);
  if (work->options.scheme != NULL)
    {
      g_autofree char *text = tn_grade_describe (&tensor->grade, work->options.scheme);

      g_print ("%s\n", text);
    }
  g_print ("\n");
  for (guint i = 0; i < n; i++)
    g_print ("%-22s %14.8g %-4s %s\n", metrics[i].name, tn_metric_get (&metrics[i], summary), metrics[i].unit, metrics[i].formula);
  g_print (_("max |e| at row %" PRIu64 ", column %" PRIu64 "\n"), summary->max_row, summary->max_column);
  print_parts (tensor, TRUE);
  print_parts (tensor, FALSE);
  if (tensor->spectrum != NULL)
    print_spectrum (tensor->spectrum);
}

static void
print_names (const char *format, const GPtrArray *names)
{
  g_autofree char *list = NULL;

  if (names->len == 0)
    return;
  {
    g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
    g_auto (GStrv) all = NULL;

    for (guint i = 0; i < names->len; i++)
      g_strv_builder_add (builder, names->pdata[i]);
    all = g_strv_builder_end (builder);
    list = g_strjoinv (", ", all);
  }
  g_print ("%s %s\n", format, list);
}

TnExitStatus
tn_verb_compare (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_autofree char *tensor = NULL, *metrics = NULL, *rank = NULL, *scheme_name = NULL;
  int segment = 0;
  const GOptionEntry entries[] = {
    { "tensor", 0, 0, G_OPTION_ARG_STRING, &tensor, N_("One tensor alone, with every metric, its worst channels and rows"), N_("NAME") },
    { "metrics", 0, 0, G_OPTION_ARG_STRING, &metrics, N_("Columns of the table (sqnr_db,cosine,mse,max_abs,mean_relative,bias); help: lists all"), N_("LIST") },
    { "rank", 0, 0, G_OPTION_ARG_STRING, &rank, N_("Metric by which the worst tensor comes first (the first column)"), N_("METRIC") },
    { "scheme", 0, 0, G_OPTION_ARG_STRING, &scheme_name, N_("Grade each tensor by what is normal for this scheme"), N_("SCHEME") },
    { "spectrum", 0, 0, G_OPTION_ARG_INT, &segment, N_("With --tensor: SQNR by frequency along the rows, in segments of N rows (a power of two from 8)"), "N" },
    { NULL },
  };
  TnScheme scheme;
  CompareWork work = { .metrics = g_ptr_array_new () };
  g_autoptr (GPtrArray) chosen = work.metrics;
  g_autoptr (TnComparison) comparison = NULL;
  g_autoptr (GArray) order = NULL;
  g_autoptr (TnJob) job = NULL;
  g_autofree char *title = NULL, *base = NULL;
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "compare", _("REFERENCE APPROXIMATION"),
                         _("how far the tensors of one model or array file lie from those of another, worst first"), entries, 0, 2, &status))
    return status;
  if (metrics != NULL && strcmp (metrics, "help") == 0)
    {
      print_metrics ();
      return tn_command_finish (&command);
    }
  if (command.n_arguments != 2)
    return tn_command_usage_error (&command, _("two files are needed: the reference and its approximation"));
  if (segment != 0 && (tensor == NULL || segment < 8 || segment > 65536 || (segment & (segment - 1)) != 0))
    return tn_command_usage_error (&command, _("--spectrum needs --tensor and a power of two between 8 and 65536"));
  if (!parse_metrics (metrics != NULL ? metrics : DEFAULT_METRICS, work.metrics, &error) ||
      (scheme_name != NULL && !tn_scheme_parse (scheme_name, &scheme, &error)))
    {
      status = tn_command_usage_error (&command, "%s", error->message);
      g_error_free (error);
      return status;
    }
  work.rank = rank != NULL ? rank : ((const TnMetric *) work.metrics->pdata[0])->name;
  if (tn_metric_find (work.rank) == NULL)
    return tn_command_usage_error (&command, _("--rank: “%s” is no metric; --metrics help lists them"), work.rank);
  work.options = (TnCompareOptions) {
    .reference = command.arguments[0], .approximation = command.arguments[1], .tensor = tensor, .scheme = scheme_name != NULL ? &scheme : NULL,
    .parts = tensor != NULL, .segment = (guint) segment,
  };
  base = g_path_get_basename (command.arguments[1]);
  title = g_strdup_printf (_("Compare %s"), base);
  job = tn_job_new ("compare", title, NULL, NULL, compare, &work, NULL);
  if (!tn_command_run_job (&command, job, &error))
    return tn_command_fail (&command, error);
  comparison = work.comparison;
  order = tn_comparison_rank (comparison, work.rank);
  if (command.json)
    return print_json (&work, order, &error) ? tn_command_finish (&command) : tn_command_fail (&command, error);
  if (tensor != NULL)
    print_tensor (&work, comparison->tensors->pdata[0]);
  else
    print_table (&work, order);
  print_names (_("only in the reference:"), comparison->only_reference);
  print_names (_("only in the approximation:"), comparison->only_approximation);
  print_names (_("of another shape, or not to be decoded:"), comparison->unlike);
  return tn_command_finish (&command);
}
