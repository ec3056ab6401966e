/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "tests/realdata.h"
#include "tests/ui/ui-test.h"
#include "ui/advanced-options.h"
#include "ui/calibration-estimate.h"
#include "ui/extreme-view.h"
#include "ui/sample-window.h"

static TnCalibrateOptions *
make_options (void)
{
  g_autofree char *model = tn_test_realdata ("stories260k/stories260K.bin");
  g_autofree char *text = model != NULL ? tn_test_realdata ("text/tinystories_2MB.txt") : NULL;
  TnCalibrateOptions *options;

  if (text == NULL)
    return NULL;
  options = tn_calibrate_options_new ();
  options->model_path = g_steal_pointer (&model);
  options->data_paths = g_new0 (char *, 2);
  options->data_paths[0] = g_steal_pointer (&text);
  options->sampling.n_samples = 50;
  options->sampling.seq_len = 64;
  return options;
}

static gboolean
has_memory (gpointer estimate)
{
  return tn_calibration_estimate_get_memory (estimate) > 0;
}

static gboolean
has_measured (gpointer estimate)
{
  return !tn_calibration_estimate_is_measuring (estimate);
}

/* Numbers come when they are known, and go when they hold no longer. */
static void
test_estimate (void)
{
  g_autoptr (TnCalibrateOptions) options = make_options ();
  g_autoptr (TnCalibrationEstimate) estimate = tn_calibration_estimate_new ();
  double seconds;
  guint64 memory;

  if (options == NULL)
    return;
  g_assert_cmpuint (tn_calibration_estimate_get_memory (estimate), ==, 0);
  tn_calibration_estimate_set_options (estimate, options);
  g_assert_true (tn_ui_test_wait (has_memory, estimate, 20));
  memory = tn_calibration_estimate_get_memory (estimate);
  g_assert_cmpuint (memory, >, 1 << 20);
  g_assert_true (isnan (tn_calibration_estimate_get_seconds (estimate)));
  g_assert_cmpuint (tn_calibration_estimate_get_disk (estimate), ==, 0);

  tn_calibration_estimate_measure (estimate);
  g_assert_true (tn_calibration_estimate_is_measuring (estimate));
  g_assert_true (tn_ui_test_wait (has_measured, estimate, 60));
  g_assert_cmpstr (tn_calibration_estimate_get_error (estimate), ==, NULL);
  g_assert_cmpfloat (tn_calibration_estimate_get_rate (estimate), >, 0);
  g_assert_cmpuint (tn_calibration_estimate_get_disk (estimate), >, 10000);
  seconds = tn_calibration_estimate_get_seconds (estimate);
  g_assert_cmpfloat_with_epsilon (seconds, 50 * 64 / tn_calibration_estimate_get_rate (estimate), 1e-9);

  options->sampling.n_samples = 100;
  tn_calibration_estimate_set_options (estimate, options);
  g_assert_cmpfloat_with_epsilon (tn_calibration_estimate_get_seconds (estimate), 2 * seconds, 1e-9);
  options->sampling.n_samples = 0;
  tn_calibration_estimate_set_options (estimate, options);
  g_assert_true (isnan (tn_calibration_estimate_get_seconds (estimate)));
  options->sampling.n_samples = 100;
  options->sampling.seq_len = 128;
  tn_calibration_estimate_set_options (estimate, options);
  g_assert_cmpfloat (tn_calibration_estimate_get_rate (estimate), ==, 0);
  g_assert_cmpuint (tn_calibration_estimate_get_disk (estimate), ==, 0);
}

static gboolean
is_drawn (gpointer window)
{
  return strcmp (tn_sample_window_get_state (window), "drawing") != 0;
}

static void
assert_sample (const TnCalibrateOptions *options, const char *state)
{
  TnSampleWindow *window = tn_sample_window_present (NULL, options);

  g_object_ref (window);
  g_assert_true (tn_ui_test_wait (is_drawn, window, 60));
  g_assert_cmpstr (tn_sample_window_get_state (window), ==, state);
  tn_ui_test_spin ();
  gtk_window_destroy (GTK_WINDOW (window));
  g_object_unref (window);
}

static void
test_sample (void)
{
  g_autoptr (TnCalibrateOptions) options = make_options ();

  if (options == NULL)
    return;
  for (TnSampler sampler = TN_SAMPLER_RANDOM; sampler <= TN_SAMPLER_RESERVOIR; sampler++)
    {
      options->sampling.sampler = sampler;
      options->candidates = sampler == TN_SAMPLER_IMPORTANCE ? 60 : 0;
      assert_sample (options, "drawn");
    }
  options->sampling.sampler = TN_SAMPLER_RANDOM;
  options->sampling.n_samples = 0;
  assert_sample (options, "all");
  g_free (options->data_paths[0]);
  options->data_paths[0] = g_strdup ("/nowhere/at/all.txt");
  assert_sample (options, "failed");
}

static void
on_drawn (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnSamplePreview **preview = user_data;
  GError *error = NULL;

  *preview = tn_sample_preview_draw_finish (result, &error);
  g_assert_no_error (error);
}

static gboolean
is_there (gpointer preview)
{
  return *(TnSamplePreview **) preview != NULL;
}

/* The parts of all files together hold what was drawn, and systematic draws lie evenly. */
static void
test_parts (void)
{
  g_autoptr (TnCalibrateOptions) options = make_options ();
  TnSamplePreview *preview = NULL;
  double sum = 0, most = 0;

  if (options == NULL)
    return;
  options->sampling.sampler = TN_SAMPLER_SYSTEMATIC;
  tn_sample_preview_draw_async (options, NULL, on_drawn, &preview);
  g_assert_true (tn_ui_test_wait (is_there, &preview, 60));
  g_assert_cmpuint (preview->n_rows, ==, 1);
  for (guint i = 0; i < TN_SAMPLE_PARTS; i++)
    {
      sum += preview->drawn[i];
      most = fmax (most, preview->drawn[i]);
    }
  g_assert_cmpfloat (sum, ==, 50);
  g_assert_cmpfloat (most, ==, 1);
  tn_sample_preview_free (preview);
}

static void
test_advanced (void)
{
  TnAdvancedOptions *advanced = g_object_ref_sink (g_object_new (TN_TYPE_ADVANCED_OPTIONS, NULL));
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_advanced_options_apply (advanced, options, &error));
  g_assert_cmpuint (options->sampling.batch_size, ==, 8);
  tn_advanced_options_set (advanced, "batch-size", "3");
  tn_advanced_options_set (advanced, "data-format", "jsonl");
  tn_advanced_options_set (advanced, "ema-decay", "0.9");
  g_assert_true (tn_advanced_options_apply (advanced, options, &error));
  g_assert_cmpuint (options->sampling.batch_size, ==, 3);
  g_assert_cmpstr (options->data.format, ==, "jsonl");
  g_assert_cmpfloat (options->ema_decay, ==, 0.9);
  tn_advanced_options_set (advanced, "shard", "5/4");
  g_assert_false (tn_advanced_options_apply (advanced, options, &error));
  g_assert_nonnull (strstr (error->message, "5/4"));
  g_object_unref (advanced);
}

static gboolean
has_found (gpointer view)
{
  return tn_extreme_view_n_found (view) > 0;
}

/* An extreme made up for a sequence that is there. */
static void
test_extremes (void)
{
  g_autoptr (TnCalibrateOptions) options = make_options ();
  TnExtremeView *view = g_object_ref_sink (g_object_new (TN_TYPE_EXTREME_VIEW, NULL));
  g_autoptr (TnSiteStats) site = tn_site_stats_new ("blk.0.ffn_down.in", 4);
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnModelFile) file = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (TnBatchSource) source = NULL;
  g_autoptr (TnBatch) batch = NULL;

  tn_extreme_view_show (view, NULL, NULL, "");
  tn_extreme_view_show (view, site, NULL, "");
  if (options != NULL)
    {
      file = tn_model_file_open (options->model_path, NULL);
      tokenizer = tn_tokenizer_find (NULL, file, NULL);
      dataset = tn_dataset_open ((const char *const *) options->data_paths, NULL, tokenizer, 512, NULL, NULL);
      source = tn_dataset_sample (dataset, &options->sampling, NULL, NULL, NULL);
      batch = tn_batch_source_next (source, NULL);
      site->has_extremes = TRUE;
      site->max = (TnExtreme){.value = 3, .sample = batch->sequences[0].hash, .token = 5, .channel = 2};
      site->min = (TnExtreme){.value = -3, .sample = 1, .token = 5, .channel = 2};
      tn_extreme_view_show (view, site, options, NULL);
      tn_extreme_view_find (view);
      g_assert_true (tn_ui_test_wait (has_found, view, 30));
      g_assert_cmpuint (tn_extreme_view_n_found (view), ==, 1);
      /* The same again keeps the texts; another site does not. */
      tn_extreme_view_show (view, site, options, NULL);
      g_assert_cmpuint (tn_extreme_view_n_found (view), ==, 1);
      site->max.value = 4;
      tn_extreme_view_show (view, site, options, NULL);
      g_assert_cmpuint (tn_extreme_view_n_found (view), ==, 0);
    }
  g_object_unref (view);
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add_func ("/ui/preparation/estimate", test_estimate);
  g_test_add_func ("/ui/preparation/sample", test_sample);
  g_test_add_func ("/ui/preparation/parts", test_parts);
  g_test_add_func ("/ui/preparation/advanced", test_advanced);
  g_test_add_func ("/ui/preparation/extremes", test_extremes);
  return g_test_run ();
}
