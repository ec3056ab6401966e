/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-stop.h"

#include <math.h>
#include <string.h>

#include "app/tasks/token-counts.h"
#include "engine/random.h"

#define SEQUENCES 500
#define WIDTH 4
#define LENGTH 8

/* Sequences 0, 1, 2, … whose hash is their number, in batches of one size. */
typedef struct
{
  guint next, end, batch_size;
} Numbers;

static TnBatch *
numbers_next (gpointer user_data, GError **error)
{
  Numbers *self = user_data;
  guint n = MIN (self->batch_size, self->end - self->next);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, MAX (n, 1));
  gint32 tokens[LENGTH] = {0};

  for (guint i = 0; i < n; i++)
    sequences[i] = (TnSequence){.hash = self->next + i, .length = LENGTH, .tokens = tokens};
  self->next += n;
  return n > 0 ? tn_batch_new (sequences, n) : NULL;
}

static gint64
numbers_count (gpointer user_data)
{
  return ((Numbers *) user_data)->end;
}

static TnBatchSource *
numbers_new (guint first, guint batch_size)
{
  TnBatchSource *source = g_new0 (TnBatchSource, 1);
  Numbers *numbers = g_new0 (Numbers, 1);

  *numbers = (Numbers){.next = first, .end = SEQUENCES, .batch_size = batch_size};
  *source = (TnBatchSource){.next = numbers_next, .count = numbers_count, .free_func = g_free, .user_data = numbers};
  return source;
}

typedef struct
{
  GString *text;
} Log;

static void
log_metric (gpointer user_data, const char *series, gint64 step, double value)
{
  Log *log = user_data;

  if (strcmp (series, "unsettled_sites") == 0)
    g_string_append_printf (log->text, "%d:%g ", (int) step, value);
}

/* What the sequence of this number shows at a site: a function of the number alone. */
static void
observe (TnStats *stats, const TnBatch *batch, double spread)
{
  g_autofree float *x = g_new (float, batch->n_tokens * WIDTH);
  gsize at = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    {
      TnRandom random = tn_random_stream (batch->sequences[s].hash, "values");
      double scale = exp (spread * tn_random_normal (&random));

      for (guint i = 0; i < LENGTH * WIDTH; i++)
        x[at++] = (float) (scale * tn_random_normal (&random));
    }
  tn_site_stats_observe (tn_stats_find (stats, "site"), batch, x);
  tn_stats_count_batch (stats, batch);
}

/* Runs from first on; returns how many sequences were seen in all. */
static guint64
run (guint batch_size, double tolerance, double spread, TnStats *before, GString *looks, TnCalibrateEnd *end)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autoptr (TnCalibrateStop) stop = NULL;
  g_autoptr (TnBatchSource) source = NULL;
  g_autoptr (TnStats) stats = before != NULL ? tn_stats_ref (before) : tn_stats_new (1, "b");
  Log log = {.text = looks};
  const TnListener listener = {.metric = log_metric, .user_data = &log};
  guint64 expected = stats->samples;
  TnBatch *batch;

  if (before == NULL)
    tn_stats_add_site (stats, "site", WIDTH);
  g_array_set_size (options->percentiles, 0);
  g_array_append_vals (options->percentiles, (const double[]){5.0, 95.0}, 2);
  options->tolerance = tolerance;
  stop = tn_calibrate_stop_new (options);
  source = tn_calibrate_stop_cut (stop, numbers_new ((guint) stats->samples, batch_size), stats->samples, SEQUENCES);
  while ((batch = tn_batch_source_next (source, NULL)) != NULL)
    {
      gboolean enough;

      g_assert_cmpuint (batch->n_sequences, <=, batch_size);
      for (guint i = 0; i < batch->n_sequences; i++)
        g_assert_cmpuint (batch->sequences[i].hash, ==, expected++);
      observe (stats, batch, spread);
      tn_batch_unref (batch);
      enough = tn_calibrate_stop_offer (stop, stats, &listener);
      if (enough)
        break;
    }
  *end = tn_calibrate_stop_get_end (stop);
  return stats->samples;
}

/* The same end and the same looks for any batch size, also of a run that goes on. */
static void
test_batches (void)
{
  static const guint batch_sizes[] = {1, 3, 16, 64, 65, 499};
  g_autoptr (GString) first = g_string_new (NULL);
  TnCalibrateEnd end;
  guint64 samples = run (7, 0.08, 0.05, NULL, first, &end);

  g_test_message ("stopped after %" G_GUINT64_FORMAT ": %s", samples, first->str);
  g_assert_cmpint (end, ==, TN_CALIBRATE_END_STABLE);
  g_assert_cmpuint (samples, <, SEQUENCES);
  g_assert_true (g_str_has_prefix (first->str, "64:"));
  for (guint i = 0; i < G_N_ELEMENTS (batch_sizes); i++)
    {
      g_autoptr (GString) looks = g_string_new (NULL);
      g_autoptr (GString) rest = g_string_new (NULL);
      g_autoptr (TnStats) before = tn_stats_new (1, "b");
      g_autoptr (TnBatchSource) numbers = numbers_new (0, 70);
      g_autoptr (TnBatch) batch = tn_batch_source_next (numbers, NULL);

      g_assert_cmpuint (run (batch_sizes[i], 0.08, 0.05, NULL, looks, &end), ==, samples);
      g_assert_cmpstr (looks->str, ==, first->str);
      tn_stats_add_site (before, "site", WIDTH);
      observe (before, batch, 0.05);
      g_assert_cmpuint (run (batch_sizes[i], 0.08, 0.05, before, rest, &end), ==, samples);
      g_assert_true (g_str_has_suffix (first->str, rest->str));
    }
}

/* What varies more between sequences takes more of them; what varies without end is never settled. */
static void
test_spread (void)
{
  g_autoptr (GString) looks = g_string_new (NULL);
  TnCalibrateEnd end;
  guint64 narrow = run (16, 0.08, 0.05, NULL, looks, &end), wide = run (16, 0.08, 0.5, NULL, looks, &end);

  g_assert_cmpuint (narrow, <, SEQUENCES);
  g_assert_cmpuint (narrow, <, wide);
  g_assert_cmpuint (run (16, 0.08, 2.0, NULL, looks, &end), ==, SEQUENCES);
  g_assert_cmpint (end, ==, TN_CALIBRATE_END_ALL);
}

static void
test_time (void)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autoptr (TnCalibrateStop) stop = NULL;
  g_autoptr (TnStats) stats = tn_stats_new (1, "b");

  options->time_limit = 1e-9;
  stop = tn_calibrate_stop_new (options);
  g_usleep (10);
  g_assert_true (tn_calibrate_stop_offer (stop, stats, NULL));
  g_assert_cmpint (tn_calibrate_stop_get_end (stop), ==, TN_CALIBRATE_END_TIME);
  g_assert_null (tn_calibrate_stop_get_report (stop));
}

/* Documents of one kind: the same words, some of them favoured by each. */
static void
add_documents (TnTokenCounts *counts, TnRandom *random, guint n, guint shift)
{
  for (guint d = 0; d < n; d++)
    {
      gint32 tokens[64];
      const TnSequence sequence = {.hash = tn_random_next (random), .length = 64, .tokens = tokens};
      g_autoptr (TnBatch) batch = NULL;
      guint favourite = (guint) tn_random_below (random, 20);

      for (guint i = 0; i < 64; i++)
        tokens[i] = (gint32) ((tn_random_below (random, 3) == 0 ? favourite : (guint) tn_random_below (random, 100)) + shift);
      batch = tn_batch_new (&sequence, 1);
      tn_token_counts_add (counts, batch);
    }
}

static void
test_tokens (void)
{
  TnRandom random = tn_random_stream (5, "tokens");
  const guint pairs = 40;
  double ratio = 0.0;
  TnTokenDistance distance;

  for (guint i = 0; i < pairs; i++)
    {
      g_autoptr (TnTokenCounts) sample = tn_token_counts_new (130);
      g_autoptr (TnTokenCounts) reference = tn_token_counts_new (130);
      g_autoptr (TnTokenCounts) other = tn_token_counts_new (130);

      add_documents (sample, &random, 60, 0);
      add_documents (reference, &random, 200, 0);
      add_documents (other, &random, 200, 30);
      tn_token_counts_distance (sample, reference, &distance);
      ratio += distance.js / distance.js_expected / pairs;
      g_assert_cmpfloat (distance.seen, >, 0.99);
      g_assert_cmpuint (tn_token_counts_distinct (reference), ==, 100);
      tn_token_counts_distance (sample, other, &distance);
      g_assert_cmpfloat (distance.js, >, 5.0 * distance.js_expected);
      g_assert_cmpfloat (distance.seen, <, 0.9);
    }
  g_test_message ("divergence of one population over what is expected: %g", ratio);
  g_assert_cmpfloat (ratio, >, 0.7);
  g_assert_cmpfloat (ratio, <, 1.4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/calibrate-stop/batches", test_batches);
  g_test_add_func ("/calibrate-stop/spread", test_spread);
  g_test_add_func ("/calibrate-stop/time", test_time);
  g_test_add_func ("/calibrate-stop/tokens", test_tokens);
  return g_test_run ();
}
