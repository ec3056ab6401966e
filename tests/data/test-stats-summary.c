/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "data/statistics/stats-file.h"
#include "engine/calibration/stats-diff.h"
#include "engine/error.h"
#include "engine/random.h"
#include "tests/data/model-bytes.h"

/* tokens rows of the numbers at each site. */
static void
observe (TnStats *stats, const char *name, guint width, const float *x, guint tokens)
{
  const TnSequence sequence = {.hash = 3, .length = tokens, .tokens = g_new0 (gint32, tokens)};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);

  tn_site_stats_observe (tn_stats_add_site (stats, name, width), batch, x);
  g_free ((gpointer) sequence.tokens);
}

static float *
make_numbers (gsize n)
{
  TnRandom random = tn_random_stream (9, "summary");
  float *x = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    x[i] = (float) (0.1 + tn_random_normal (&random));
  return x;
}

/* All that a summary keeps is what it was; what it rounds is the same to a float. */
static void
test_round_trip (void)
{
  g_autofree float *x = make_numbers (300 * 131);
  g_autofree char *path = g_build_filename (test_folder, "summary", NULL), *again = g_build_filename (test_folder, "again", NULL);
  g_autoptr (TnStats) stats = tn_stats_new (7, "own"), summary = NULL, second = NULL;
  g_autoptr (GPtrArray) differences = NULL;
  g_autoptr (GError) error = NULL;

  x[1000] = NAN;
  x[2000] = INFINITY;
  x[3000] = 0x1p30f;
  observe (stats, "blk.0.attn_q.in", 131, x, 300);
  observe (stats, "blk.0.ffn_down.in", 1, x, 41);
  tn_stats_add_site (stats, "empty", 5);
  tn_stats_add_alias (stats, "blk.0.attn_k.in", "blk.0.attn_q.in");
  g_assert_true (tn_stats_save_summary (stats, path, NULL, &error));
  g_assert_no_error (error);
  summary = tn_stats_load (path, &error);
  g_assert_no_error (error);
  g_assert_true (summary->summary);
  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *whole = g_ptr_array_index (stats->sites, i), *part = g_ptr_array_index (summary->sites, i);
      TnSiteSummary a, b;

      tn_site_stats_summarize (whole, &a);
      tn_site_stats_summarize (part, &b);
      g_assert_cmpmem (&a, sizeof a, &b, sizeof b);
      for (guint c = 0; c < whole->width; c++)
        {
          const TnChannelStats *p = &whole->channels[c], *q = &part->channels[c];
          double n = (double) MAX (p->count, 1);

          g_assert_cmpuint (p->count, ==, q->count);
          g_assert_true (p->min == q->min && p->max == q->max);
          g_assert_cmpfloat (fabs (tn_channel_sum_to_double (p->sum) - tn_channel_sum_to_double (q->sum)) / n, <=,
                             0x1p-24 * fabs (tn_channel_sum_to_double (p->sum)) / n + 0x1p-40);
          g_assert_cmpfloat (fabs (tn_channel_sum_to_double (p->sum2) - tn_channel_sum_to_double (q->sum2)) / n, <=,
                             0x1p-24 * tn_channel_sum_to_double (p->sum2) / n + 0x1p-40);
        }
    }
  differences = tn_stats_diff (stats, summary);
  for (guint i = 0; i < differences->len; i++)
    g_assert_cmpint (((TnSiteDifference *) differences->pdata[i])->kind, ==, TN_CHANGE_NONE);
  /* A summary of a summary is the same file. */
  g_assert_true (tn_stats_save_summary (summary, again, NULL, NULL));
  second = tn_stats_load (again, NULL);
  g_assert_true (tn_stats_equal (summary, second));
}

static void
test_refused (void)
{
  g_autofree float *x = make_numbers (30);
  g_autofree char *path = g_build_filename (test_folder, "summary", NULL), *bytes = NULL;
  g_autoptr (TnStats) stats = tn_stats_new (7, "own"), summary = NULL;
  g_autoptr (GError) error = NULL;
  char *found;
  gsize size;

  observe (stats, "a", 3, x, 10);
  g_assert_true (tn_stats_save_summary (stats, path, NULL, NULL));
  summary = tn_stats_load (path, NULL);
  g_assert_false (tn_stats_merge (stats, summary, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "a summary found"));
  g_clear_error (&error);
  g_assert_false (tn_stats_merge (summary, stats, NULL));
  g_assert_false (tn_stats_save (summary, path, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  /* The same file taken for statistics lacks the sums. */
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  found = memchr (bytes, '{', size);
  g_assert_nonnull (found);
  for (; memcmp (found, "-summary\"", 9) != 0; found++)
    ;
  memcpy (found, "_summary\"", 9);
  g_assert_true (g_file_set_contents (path, bytes, (gssize) size, NULL));
  g_assert_null (tn_stats_load (path, &error));
  g_assert_nonnull (strstr (error->message, "ternion-statistics"));
}

/* A LLaMA of 1.1 billion parameters: 22 layers of width 2048, hidden 5632. */
static void
test_size (void)
{
  enum { LAYERS = 22, WIDTH = 2048, HIDDEN = 5632, TOKENS = 512 };
  static const char *const inputs[] = {"attn_q", "attn_output", "ffn_gate", "ffn_down"};
  g_autofree float *x = make_numbers ((gsize) TOKENS * HIDDEN);
  g_autofree char *path = g_build_filename (test_folder, "summary", NULL);
  g_autoptr (TnStats) stats = tn_stats_new (7, "own"), summary = NULL;
  g_autoptr (GError) error = NULL;
  guint64 bytes = 0;

  for (guint layer = 0; layer < LAYERS; layer++)
    for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
      {
        g_autofree char *name = g_strdup_printf ("blk.%u.%s.in", layer, inputs[i]);

        observe (stats, name, i == 3 ? HIDDEN : WIDTH, x, TOKENS);
      }
  observe (stats, "output.in", WIDTH, x, TOKENS);
  g_assert_true (tn_stats_save_summary (stats, path, &bytes, &error));
  g_assert_no_error (error);
  g_test_message ("%.2f MB", (double) bytes * 1e-6);
  g_assert_cmpuint (bytes, <, 10000000);
  summary = tn_stats_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (summary->sites->len, ==, 89);
}

/* Statistics are told from other files by what they say they are, whatever their name. */
static void
test_recognised (void)
{
  static const char model[] = "\x3d\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}        x";
  g_autofree float *x = make_numbers (30);
  g_autofree char *path = g_build_filename (test_folder, "any.name", NULL);
  g_autoptr (TnStats) stats = tn_stats_new (7, "own");

  observe (stats, "a.in", 10, x, 3);
  g_assert_true (tn_stats_save (stats, path, NULL, NULL));
  g_assert_true (tn_stats_recognise (path));
  g_assert_true (tn_stats_save_summary (stats, path, NULL, NULL));
  g_assert_true (tn_stats_recognise (path));
  g_assert_true (g_file_set_contents (path, model, sizeof model - 1, NULL));
  g_assert_false (tn_stats_recognise (path));
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  g_assert_false (tn_stats_recognise (path));
  g_assert_false (tn_stats_recognise (test_folder));
  g_assert_false (tn_stats_recognise ("/nowhere/at/all"));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/stats-summary/round-trip", test_round_trip);
  g_test_add_func ("/stats-summary/refused", test_refused);
  g_test_add_func ("/stats-summary/recognised", test_recognised);
  g_test_add_func ("/stats-summary/size", test_size);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
