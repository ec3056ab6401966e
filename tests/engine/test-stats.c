/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/stats.h"

#include <omp.h>

#include "engine/error.h"
#include "tests/activations.h"

enum
{
  N = 17
};

static const struct
{
  const char *name;
  guint width;
} sites[] = {{"blk.1.attn_q.in", 3}, {"blk.0.attn_q.in", 64}, {"blk.0.ffn_down.in", 257}, {"blk.10.ffn_down.in", 1}};

static TnStats *
stats_new (void)
{
  TnStats *stats = tn_stats_new (0x1234, "openblas");

  for (guint i = 0; i < G_N_ELEMENTS (sites); i++)
    tn_stats_add_site (stats, sites[i].name, sites[i].width);
  tn_stats_add_alias (stats, "blk.0.attn_k.in", "blk.0.attn_q.in");
  return stats;
}

/* The same sequences at every site, each with activations of its own. */
static void
observe (TnStats *stats, const TnTestActivations *data, const guint *which, guint n)
{
  g_autoptr (TnBatch) batch = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (sites); i++)
    {
      g_autofree float *x = NULL;
      TnSite site = {.index = i, .name = (char *) sites[i].name, .width = sites[i].width, .shared_with = i};

      g_clear_pointer (&batch, tn_batch_unref);
      batch = tn_test_activations_batch (&data[i], which, n, &x);
      tn_stats_observe (&site, batch, x, stats);
    }
  tn_stats_count_batch (stats, batch);
}

/* All sites see the same sequences: hashes and lengths are those of the first. */
static void
data_init (TnTestActivations *data)
{
  for (guint i = 0; i < G_N_ELEMENTS (sites); i++)
    data[i] = tn_test_activations_new (5, N, 40, sites[i].width, TRUE);
  for (guint i = 1; i < G_N_ELEMENTS (sites); i++)
    for (guint s = 0; s < N; s++)
      {
        gsize n = (gsize) data[0].sequences[s].length * sites[i].width;
        TnRandom random = tn_random_stream (data[0].sequences[s].hash, sites[i].name);

        data[i].sequences[s] = data[0].sequences[s];
        g_free (data[i].x[s]);
        data[i].x[s] = g_new (float, n + 1);
        for (gsize k = 0; k < n; k++)
          data[i].x[s][k] = tn_test_activation (&random);
      }
}

static void
test_sites (void)
{
  g_autoptr (TnStats) stats = stats_new ();

  for (guint i = 1; i < stats->sites->len; i++)
    g_assert_cmpstr (((TnSiteStats *) g_ptr_array_index (stats->sites, i - 1))->name, <,
                     ((TnSiteStats *) g_ptr_array_index (stats->sites, i))->name);
  for (guint i = 0; i < G_N_ELEMENTS (sites); i++)
    g_assert_cmpuint (tn_stats_find (stats, sites[i].name)->width, ==, sites[i].width);
  g_assert_true (tn_stats_find (stats, "blk.0.attn_k.in") == tn_stats_find (stats, "blk.0.attn_q.in"));
  g_assert_null (tn_stats_find (stats, "blk.0.attn_v.in"));
  g_assert_null (tn_stats_find (stats, ""));
}

static void
test_exactness (void)
{
  TnRandom random = tn_random_stream (3, "shards");
  TnTestActivations data[G_N_ELEMENTS (sites)];
  g_autoptr (TnStats) whole = stats_new ();
  guint order[N];
  guint64 fingerprint = 0, tokens = 0;

  data_init (data);
  for (guint i = 0; i < N; i++)
    {
      order[i] = i;
      fingerprint += data[0].sequences[i].hash;
      tokens += data[0].sequences[i].length;
    }
  observe (whole, data, order, N);
  g_assert_cmpuint (whole->data_fingerprint, ==, fingerprint);
  g_assert_cmpuint (whole->samples, ==, N);
  g_assert_cmpuint (whole->tokens, ==, tokens);

  for (int round = 0; round < 10; round++)
    {
      g_autoptr (TnStats) a = stats_new ();
      g_autoptr (TnStats) b = stats_new ();
      g_autoptr (TnStats) copy = NULL;
      g_autoptr (GError) error = NULL;

      tn_test_shuffle (&random, order, N);
      for (guint done = 0; done < N;)
        {
          guint n = 1 + (guint) tn_random_below (&random, 5);

          n = MIN (n, N - done);
          omp_set_num_threads (1 + round % 2);
          observe (tn_random_below (&random, 2) ? a : b, data, order + done, n);
          done += n;
        }
      copy = tn_stats_copy (b);
      g_assert_true (tn_stats_merge (a, b, &error));
      g_assert_no_error (error);
      g_assert_true (tn_stats_equal (a, whole));
      g_assert_true (tn_stats_equal (b, copy));
      tn_stats_clear (b);
      g_assert_true (tn_stats_merge (a, b, &error));
      g_assert_true (tn_stats_equal (a, whole));
    }
  for (guint i = 0; i < G_N_ELEMENTS (sites); i++)
    tn_test_activations_clear (&data[i]);
}

static void
assert_mismatch (const TnStats *other, const char *named)
{
  g_autoptr (TnStats) stats = stats_new ();
  g_autoptr (TnStats) before = tn_stats_copy (stats);
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_stats_merge (stats, other, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, named));
  g_assert_true (tn_stats_equal (stats, before));
  g_assert_false (tn_stats_equal (stats, other));
}

static void
test_mismatch (void)
{
  g_autoptr (TnStats) model = stats_new ();
  g_autoptr (TnStats) backend = tn_stats_new (0x1234, "onednn");
  g_autoptr (TnStats) extra = stats_new ();
  g_autoptr (TnStats) alias = stats_new ();
  g_autoptr (TnStats) width = tn_stats_new (0x1234, "openblas");
  g_autoptr (TnStats) partial = stats_new ();
  g_autoptr (TnStats) complete = stats_new ();

  model->model_fingerprint = 0x99;
  assert_mismatch (model, "0000000000000099");
  assert_mismatch (backend, "onednn");
  tn_stats_add_site (extra, "blk.3.attn_q.in", 2);
  assert_mismatch (extra, "blk.3.attn_q.in");
  tn_stats_add_alias (alias, "blk.0.attn_v.in", "blk.0.attn_q.in");
  assert_mismatch (alias, "blk.0.attn_v.in");
  for (guint i = 0; i < G_N_ELEMENTS (sites); i++)
    tn_stats_add_site (width, sites[i].name, sites[i].width + (i == 2));
  tn_stats_add_alias (width, "blk.0.attn_k.in", "blk.0.attn_q.in");
  assert_mismatch (width, sites[2].name);

  /* What is partial stays so. */
  partial->partial = TRUE;
  g_assert_true (tn_stats_merge (complete, partial, NULL));
  g_assert_true (complete->partial);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stats/sites", test_sites);
  g_test_add_func ("/stats/exactness", test_exactness);
  g_test_add_func ("/stats/mismatch", test_mismatch);
  return g_test_run ();
}
