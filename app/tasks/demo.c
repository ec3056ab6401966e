/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/demo.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/tasks/analyze.h"
#include "app/tasks/inspect.h"
#include "app/tasks/precision.h"
#include "app/tasks/report-analysis.h"
#include "app/tasks/sample.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "plots/reports/html-report.h"

#define DEMO_SAMPLES 64
#define DEMO_SEQ_LEN 256
#define DEMO_ANALYSIS_SEQ_LEN 128
#define DEMO_SCHEMES "ternary,int8,int4:g32"
#define DEMO_HISTOGRAM_BINS 240

typedef struct
{
  char         *report;
  TnWorkspace  *workspace;
  TnDemoResult *result;
} DemoData;

/* What is known while the demonstration goes on. */
typedef struct
{
  char        *model_path, *text_path;
  TnModelFile *file;
  TnModel     *model;
  GPtrArray   *inspections; /* TnTensorInspection, in the order of the file */
} Demo;

static void
demo_clear (Demo *self)
{
  g_clear_pointer (&self->inspections, g_ptr_array_unref);
  g_clear_pointer (&self->model, tn_model_unref);
  g_clear_pointer (&self->file, tn_model_file_unref);
  g_free (self->model_path);
  g_free (self->text_path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Demo, demo_clear)

void
tn_demo_result_clear (TnDemoResult *self)
{
  g_clear_pointer (&self->report, g_free);
  g_clear_pointer (&self->analysis, g_free);
  tn_calibrate_result_clear (&self->calibration);
}

static void
demo_data_free (gpointer pointer)
{
  DemoData *data = pointer;

  g_free (data->report);
  g_clear_pointer (&data->workspace, tn_workspace_unref);
  g_free (data);
}

static void
keep_inspection (TnTensorInspection *inspection, gpointer user_data)
{
  g_ptr_array_add (user_data, inspection);
}

static gboolean
inspect (Demo *demo, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) schemes = tn_scheme_parse_list (DEMO_SCHEMES, error);

  demo->inspections = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_tensor_inspection_free);
  tn_listener_event (listener, "info", _("inspecting the sample's layers"));
  return tn_inspect_model (demo->file, NULL, schemes, FALSE, keep_inspection, demo->inspections, listener, cancellable, error);
}

static void
pass_cancel_on (GCancellable *cancellable, gpointer job)
{
  tn_job_cancel (job);
}

static gboolean
calibrate (Demo *demo, DemoData *data, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autoptr (TnJob) job = NULL;
  g_autofree char *folder = g_path_get_dirname (data->report);
  gulong chain;
  gboolean ok;

  options->model_path = g_strdup (demo->model_path);
  options->data_paths = g_new0 (char *, 2);
  options->data_paths[0] = g_strdup (demo->text_path);
  options->sampling.n_samples = DEMO_SAMPLES;
  options->sampling.seq_len = DEMO_SEQ_LEN;
  options->out_path = g_build_filename (folder, "ternion-demo.stats.safetensors", NULL);
  tn_listener_event (listener, "info", _("calibrating on the sample's stories"));
  job = tn_calibrate_job_new (options, data->workspace, &data->result->calibration);
  chain = g_cancellable_connect (cancellable, G_CALLBACK (pass_cancel_on), job, NULL);
  ok = tn_job_run (job, error);
  g_cancellable_disconnect (cancellable, chain);
  return ok;
}

static gboolean
score (Demo *demo, DemoData *data, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  static const char *const schemes[TN_DEMO_N_SCORES] = { NULL, "int8", "ternary" };
  const char *const paths[] = { demo->text_path, NULL };
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_find (NULL, demo->file, error);
  g_autoptr (TnDataset) dataset = NULL;

  if (tokenizer == NULL)
    return FALSE;
  dataset = tn_dataset_open (paths, NULL, tokenizer, tn_model_get_config (demo->model)->n_vocab, NULL, error);
  if (dataset == NULL)
    return FALSE;
  for (guint i = 0; i < TN_DEMO_N_SCORES; i++)
    {
      const TnPrecision precision = { .scheme = schemes[i] };
      g_autoptr (TnModel) model = tn_precision_apply (&precision, demo->model, cancellable, error);

      if (model == NULL)
        return FALSE;
      tn_listener_event (listener, "info", schemes[i] == NULL ? _("scoring at full precision") : _("scoring with rounded weights"));
      data->result->scores[i].scheme = schemes[i];
      if (!tn_evaluate (model, dataset, DEMO_SEQ_LEN, 8, &data->result->scores[i].evaluation, listener, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_linear (Demo *demo, guint tensor)
{
  const TnParameter *parameter = tn_model_find_parameter (demo->model, tn_model_file_get_tensor (demo->file, tensor)->name);

  return parameter != NULL && tn_parameter_is_linear (parameter);
}

static TnFigure *
draw_layers (Demo *demo, guint *worst)
{
  g_autoptr (TnFigure) figure = tn_figure_new (_("Signal to quantization noise of each layer under ternary rounding"));
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (double));
  double lowest = INFINITY;

  for (guint i = 0; i < demo->inspections->len; i++)
    {
      const TnTensorInspection *inspection = g_ptr_array_index (demo->inspections, i);

      if (!is_linear (demo, inspection->tensor))
        continue;
      g_ptr_array_add (names, tn_model_file_get_tensor (demo->file, inspection->tensor)->name);
      g_array_append_val (values, inspection->errors[0].sqnr_db);
      if (inspection->errors[0].sqnr_db < lowest)
        {
          lowest = inspection->errors[0].sqnr_db;
          *worst = inspection->tensor;
        }
    }
  tn_figure_set_x_axis (figure, _("SQNR (dB)"), TN_AXIS_LINEAR);
  tn_figure_add_bars (figure, _("ternary"), 0, names->len, (const char *const *) names->pdata, (const double *) (gpointer) values->data);
  return g_steal_pointer (&figure);
}

static TnFigure *
draw_worst (Demo *demo, guint tensor, GError **error)
{
  const char *name = tn_model_file_get_tensor (demo->file, tensor)->name;
  g_autofree char *title = g_strdup_printf (_("Weights of %s and the ternary levels"), name);
  g_autoptr (GArray) schemes = tn_scheme_parse_list ("ternary", error);
  TnTensorInspection *inspection = tn_inspect_tensor (demo->file, tensor, schemes, TRUE, NULL, error);
  g_autoptr (TnFigure) figure = NULL;
  double edges[DEMO_HISTOGRAM_BINS + 1], counts[DEMO_HISTOGRAM_BINS];
  double low, high;

  if (inspection == NULL)
    return NULL;
  low = inspection->summary.min;
  high = nextafter (inspection->summary.max, INFINITY);
  for (guint i = 0; i <= DEMO_HISTOGRAM_BINS; i++)
    edges[i] = low + (high - low) * i / DEMO_HISTOGRAM_BINS;
  tn_float_histogram_rebin (inspection->histogram, low, high, DEMO_HISTOGRAM_BINS, counts);
  figure = tn_figure_new (title);
  tn_figure_set_x_axis (figure, _("weight"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, _("count"), TN_AXIS_LOG);
  tn_figure_add_histogram (figure, _("weights"), 0, DEMO_HISTOGRAM_BINS, edges, counts);
  {
    const double levels[] = { -inspection->summary.absmean, 0.0, inspection->summary.absmean };
    const char *const labels[] = { "−1", "0", "+1" };

    tn_figure_add_markers (figure, _("ternary levels"), 1, G_N_ELEMENTS (levels), levels, labels);
  }
  tn_tensor_inspection_free (inspection);
  return g_steal_pointer (&figure);
}

static void
add_scores (TnHtmlReport *report, const DemoData *data)
{
  const char *const headers[] = { _("Weights"), _("Loss (nats)"), _("± standard error"), _("Perplexity"), _("Accuracy") };
  const gboolean numeric[] = { FALSE, TRUE, TRUE, TRUE, TRUE };
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < TN_DEMO_N_SCORES; i++)
    {
      const TnDemoScore *row = &data->result->scores[i];

      g_ptr_array_add (cells, g_strdup (row->scheme != NULL ? row->scheme : _("as stored (f16)")));
      g_ptr_array_add (cells, g_strdup_printf ("%.4f", row->evaluation.loss));
      g_ptr_array_add (cells, g_strdup_printf ("%.4f", row->evaluation.loss_stderr));
      g_ptr_array_add (cells, g_strdup_printf ("%.3f", row->evaluation.perplexity));
      g_ptr_array_add (cells, g_strdup_printf ("%.1f %%", 100.0 * row->evaluation.accuracy));
    }
  tn_html_report_table (report, G_N_ELEMENTS (headers), headers, numeric, TN_DEMO_N_SCORES, (const char *const *) cells->pdata);
}

/* "+3.0695", "−0.0001"; a change too small to show is "0.0000", without a sign. */
static char *
format_change (double change)
{
  if (fabs (change) < 0.00005)
    return g_strdup ("0.0000");
  return g_strdup_printf ("%s%.4f", change < 0.0 ? "−" : "+", fabs (change));
}

static gboolean
write_report (Demo *demo, DemoData *data, GError **error)
{
  g_autoptr (TnHtmlReport) report = tn_html_report_new (_("Ternion on its sample model"), "en");
  guint worst = 0;
  g_autoptr (TnFigure) layers = draw_layers (demo, &worst);
  g_autoptr (TnFigure) weights = draw_worst (demo, worst, error);
  const TnDemoScore *scores = data->result->scores;
  g_autofree char *int8_change = format_change (scores[1].evaluation.loss - scores[0].evaluation.loss);
  g_autofree char *ternary_change = format_change (scores[2].evaluation.loss - scores[0].evaluation.loss);
  g_autofree char *summary = NULL, *calibration = NULL;

  if (weights == NULL)
    return FALSE;
  summary = g_strdup_printf (
      _("The sample has %.2f million parameters. Rounding every linear layer's weights to int8 changes its loss by %s nats a token, to ternary "
        "by %s: a model that was not trained for ternary weights does not survive plain rounding, which is what quantization-aware training is for."),
      (double) tn_model_file_get_n_elements (demo->file) * 1e-6, int8_change, ternary_change);
  calibration = g_strdup_printf (_("Calibrated on %" PRIu64 " sequences (%" PRIu64 " tokens) at %u places."),
                                 data->result->calibration.samples, data->result->calibration.tokens, data->result->calibration.sites);
  tn_html_report_paragraph (report, summary);
  tn_html_report_heading (report, _("Loss on held-out stories"));
  add_scores (report, data);
  tn_html_report_heading (report, _("Layers"));
  if (!tn_html_report_figure (report, layers, 860, 60 + 18.0 * demo->inspections->len, _("Higher is better; a unit Gaussian reaches 5.8 dB."), error) ||
      !tn_html_report_figure (report, weights, 860, 420, _("The layer that loses most. Every weight moves to the nearest of the three levels."), error))
    return FALSE;
  tn_html_report_heading (report, _("Calibration"));
  tn_html_report_paragraph (report, calibration);
  return tn_html_report_save (report, data->report, error);
}

/* "ternion-demo.html" -> "ternion-demo-analysis.html". */
static char *
name_analysis (const char *report, const char *ending)
{
  const char *dot = strrchr (report, '.');

  return g_strdup_printf ("%.*s-analysis%s", (int) (dot != NULL && strchr (dot, '/') == NULL ? dot - report : (gssize) strlen (report)), report, ending);
}

/* Which layers cost most, as a page and a file of their own. */
static gboolean
analyze (Demo *demo, DemoData *data, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnAnalyzeOptions) options = tn_analyze_options_new ();
  g_autoptr (TnAnalysis) analysis = NULL;
  g_autoptr (TnReport) report = NULL;
  g_autofree char *page = name_analysis (data->report, ".html");

  options->model_path = g_strdup (demo->model_path);
  options->data = g_new0 (char *, 2);
  options->data[0] = g_strdup (demo->text_path);
  options->stats_path = g_strdup (data->result->calibration.out);
  options->seq_len = DEMO_ANALYSIS_SEQ_LEN;
  options->out_path = name_analysis (data->report, ".json");
  analysis = tn_analyze_model (options, data->workspace, listener, cancellable, error);
  if (analysis == NULL)
    return FALSE;
  report = tn_report_analysis (analysis, g_get_language_names ()[0]);
  if (!tn_report_save (report, page, error))
    return FALSE;
  data->result->analysis = g_steal_pointer (&page);
  return TRUE;
}

static gboolean
demonstrate (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  DemoData *data = user_data;
  g_auto (Demo) demo = { NULL };

  demo.model_path = tn_sample_find (error);
  if (demo.model_path == NULL || (demo.text_path = tn_sample_find_text (error)) == NULL ||
      (demo.file = tn_model_file_open (demo.model_path, error)) == NULL || (demo.model = tn_model_file_load (demo.file, error)) == NULL)
    return FALSE;
  if (!inspect (&demo, listener, cancellable, error) || !calibrate (&demo, data, listener, cancellable, error) ||
      !score (&demo, data, listener, cancellable, error) || !write_report (&demo, data, error) ||
      !analyze (&demo, data, listener, cancellable, error))
    return FALSE;
  data->result->report = g_strdup (data->report);
  tn_job_set_output (job, data->report);
  return TRUE;
}

TnJob *
tn_demo_job_new (const char *report, TnWorkspace *workspace, TnDemoResult *result)
{
  DemoData *data = g_new0 (DemoData, 1);

  data->report = g_strdup (report);
  data->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  data->result = result;
  return tn_job_new ("demo", _("Demonstration on the sample"), NULL, workspace, demonstrate, data, demo_data_free);
}
