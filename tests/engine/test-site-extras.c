/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/stats.h"

#include <omp.h>
#include <string.h>

#include "engine/error.h"
#include "engine/memory/pool.h"
#include "tests/activations.h"

enum
{
  N = 21
};

static void
observe (TnSiteStats *site, const TnTestActivations *data, const guint *which, guint n)
{
  g_autofree float *x = NULL;
  g_autoptr (TnBatch) batch = tn_test_activations_batch (data, which, n, &x);

  tn_site_stats_observe (site, batch, x);
}

/* Counts of every channel, value by value; then in batches of other sizes, merged in another order. */
static void
test_channel_histograms (void)
{
  static const guint widths[] = {1, 7, 33, 130};
  TnRandom random = tn_random_stream (2, "channel histograms");

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    {
      TnTestActivations data = tn_test_activations_new (30 + w, N, 40, widths[w], TRUE);
      g_autoptr (TnSiteStats) whole = tn_site_stats_new ("site", widths[w]);
      guint order[N];

      for (guint i = 0; i < N; i++)
        order[i] = i;
      tn_site_stats_keep_channel_histograms (whole, 0);
      observe (whole, &data, order, N);
      for (guint c = 0; c < widths[w]; c++)
        {
          g_autoptr (TnFloatHistogram) expected = tn_float_histogram_new ();
          g_autoptr (TnFloatHistogram) found = tn_channel_histograms_get (whole->channel_histograms, c);

          for (guint s = 0; s < N; s++)
            for (guint t = 0; t < data.sequences[s].length; t++)
              tn_float_histogram_add (expected, data.x[s] + (gsize) t * widths[w] + c, 1);
          g_assert_cmpmem (expected->bins, TN_FLOAT_HISTOGRAM_BINS * sizeof (guint64), found->bins, TN_FLOAT_HISTOGRAM_BINS * sizeof (guint64));
          g_assert_cmpuint (expected->zeros, ==, found->zeros);
        }
      for (guint round = 0; round < 4; round++)
        {
          g_autoptr (TnSiteStats) first = tn_site_stats_new ("site", widths[w]);
          g_autoptr (TnSiteStats) second = tn_site_stats_new ("site", widths[w]);
          TnSiteStats *parts[] = {first, second};
          g_autoptr (TnSiteStats) copy = NULL;
          g_autoptr (GError) error = NULL;

          tn_test_shuffle (&random, order, N);
          for (guint k = 0; k < 2; k++)
            tn_site_stats_keep_channel_histograms (parts[k], 0);
          for (guint done = 0; done < N;)
            {
              guint n = 1 + (guint) tn_random_below (&random, 6);

              n = MIN (n, N - done);
              omp_set_num_threads (1 + (int) tn_random_below (&random, 2));
              observe (parts[tn_random_below (&random, 2)], &data, order + done, n);
              done += n;
            }
          g_assert_true (tn_site_stats_merge (parts[0], parts[1], &error));
          g_assert_true (tn_site_stats_equal (parts[0], whole));
          copy = tn_site_stats_copy (parts[0]);
          g_assert_true (tn_site_stats_equal (copy, whole));
          tn_site_stats_clear (parts[0]);
          g_assert_true (tn_site_stats_merge (parts[0], copy, &error));
          g_assert_true (tn_site_stats_equal (parts[0], whole));
        }
      tn_test_activations_clear (&data);
    }
}

/* Memory is bounded, and what found none is said. */
static void
test_channel_histograms_bound (void)
{
  TnTestActivations data = tn_test_activations_new (8, 3, 40, 64, FALSE);
  const guint all[] = {0, 1, 2};
  g_autoptr (TnStats) stats = tn_stats_new (1, "");
  g_autoptr (GError) error = NULL;
  TnSiteStats *site = tn_stats_add_site (stats, "blk.0.attn_q.in", 64);
  gsize bytes, most;

  tn_stats_add_alias (stats, "blk.0.attn_k.in", "blk.0.attn_q.in");
  g_assert_false (tn_stats_keep_channel_histograms (stats, "blk.0.attn_q.in,nowhere", 0, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "nowhere"));
  g_clear_error (&error);
  g_assert_null (site->channel_histograms);
  g_assert_true (tn_stats_keep_channel_histograms (stats, "blk.0.attn_k.in", 300000, &error));
  observe (site, &data, all, 3);
  g_assert_true (tn_channel_histograms_exhausted (site->channel_histograms, &bytes, &most));
  g_assert_cmpuint (bytes, <=, most);
  g_assert_cmpuint (most, <=, 300000);
  g_assert_false (tn_stats_check_channel_histograms (stats, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "blk.0.attn_q.in"));
  g_clear_error (&error);

  tn_stats_clear (stats);
  g_assert_true (tn_stats_keep_channel_histograms (stats, "all", 0, &error));
  observe (site, &data, all, 3);
  g_assert_true (tn_stats_check_channel_histograms (stats, &error));
  g_assert_cmpuint (tn_channel_histograms_get_bytes (site->channel_histograms), >, 300000);
  tn_test_activations_clear (&data);
}

static void
test_channel_histograms_mismatch (void)
{
  TnTestActivations data = tn_test_activations_new (8, 2, 40, 5, FALSE);
  const guint which[] = {0, 1};
  g_autoptr (TnSiteStats) with = tn_site_stats_new ("site", 5);
  g_autoptr (TnSiteStats) without = tn_site_stats_new ("site", 5);
  g_autoptr (TnSiteStats) empty = tn_site_stats_new ("site", 5);
  g_autoptr (GError) error = NULL;

  tn_site_stats_keep_channel_histograms (with, 0);
  observe (with, &data, which, 1);
  observe (without, &data, which + 1, 1);
  g_assert_false (tn_site_stats_merge (with, without, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_clear_error (&error);
  g_assert_false (tn_site_stats_merge (without, with, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_clear_error (&error);
  g_assert_true (tn_site_stats_merge (empty, with, &error));
  g_assert_true (tn_site_stats_equal (empty, with));
  tn_test_activations_clear (&data);
}

/* By the order of the sequences and nothing else: any batches, appended or observed in place. */
static void
test_moving_range (void)
{
  static const double decay = 0.9;
  TnTestActivations data = tn_test_activations_new (40, N, 30, 19, TRUE);
  guint order[N];
  double min = 0.0, max = 0.0;
  guint64 entered = 0;

  /* One sequence that has nothing to say. */
  data.sequences[4].length = 0;
  for (guint s = 0; s < N; s++)
    {
      double low = INFINITY, high = -INFINITY;

      order[s] = s;
      for (gsize i = 0; i < (gsize) data.sequences[s].length * 19; i++)
        if (isfinite (data.x[s][i]))
          {
            low = MIN (low, (double) data.x[s][i]);
            high = MAX (high, (double) data.x[s][i]);
          }
      if (low > high)
        continue;
      min = entered == 0 ? low : decay * min + (1.0 - decay) * low;
      max = entered == 0 ? high : decay * max + (1.0 - decay) * high;
      entered++;
    }
  g_assert_cmpuint (entered, <, N);
  for (guint size = 1; size <= N; size++)
    {
      g_autoptr (TnSiteStats) in_place = tn_site_stats_new ("site", 19);
      g_autoptr (TnSiteStats) total = tn_site_stats_new ("site", 19);
      g_autoptr (TnSiteStats) batch = tn_site_stats_new ("site", 19);
      g_autoptr (GError) error = NULL;

      tn_site_stats_keep_moving_range (in_place, decay);
      tn_site_stats_keep_moving_range (total, decay);
      tn_site_stats_keep_moving_range (batch, decay);
      for (guint done = 0; done < N; done += size)
        {
          omp_set_num_threads (1 + (int) (done % 2));
          observe (in_place, &data, order + done, MIN (size, N - done));
          tn_site_stats_clear (batch);
          observe (batch, &data, order + done, MIN (size, N - done));
          g_assert_true (tn_site_stats_append (total, batch, &error));
        }
      g_assert_true (tn_site_stats_equal (in_place, total));
      g_assert_cmpfloat (total->moving.min, ==, min);
      g_assert_cmpfloat (total->moving.max, ==, max);
      g_assert_cmpuint (total->moving.sequences, ==, entered);
    }
  tn_test_activations_clear (&data);
}

/* It does not merge: dropped where both have seen something, kept where one is empty. */
static void
test_moving_range_merge (void)
{
  TnTestActivations data = tn_test_activations_new (41, 2, 30, 4, FALSE);
  const guint which[] = {0, 1};
  g_autoptr (TnSiteStats) a = tn_site_stats_new ("site", 4);
  g_autoptr (TnSiteStats) b = tn_site_stats_new ("site", 4);
  g_autoptr (TnSiteStats) empty = tn_site_stats_new ("site", 4);
  g_autoptr (TnSiteStats) copy = NULL;

  tn_site_stats_keep_moving_range (a, 0.5);
  tn_site_stats_keep_moving_range (b, 0.5);
  observe (a, &data, which, 1);
  observe (b, &data, which + 1, 1);
  copy = tn_site_stats_copy (a);
  g_assert_true (tn_site_stats_merge (empty, a, NULL));
  g_assert_true (tn_site_stats_equal (empty, copy));
  g_assert_true (tn_site_stats_merge (a, b, NULL));
  g_assert_cmpfloat (a->moving.decay, ==, 0.0);
  g_assert_cmpuint (a->moving.sequences, ==, 0);
  tn_test_activations_clear (&data);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/site-extras/channel-histograms", test_channel_histograms);
  g_test_add_func ("/site-extras/channel-histograms-bound", test_channel_histograms_bound);
  g_test_add_func ("/site-extras/channel-histograms-mismatch", test_channel_histograms_mismatch);
  g_test_add_func ("/site-extras/moving-range", test_moving_range);
  g_test_add_func ("/site-extras/moving-range-merge", test_moving_range_merge);
  return g_test_run ();
}
