/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/calibration/stats-diff.h"
#include "engine/random.h"

#define WIDTH 19
#define TOKENS 301

/* A site of normal numbers. */
static void
add (TnStats *stats, const char *name, double mean, double std, float outlier)
{
  TnRandom random = tn_random_stream (7, "site");
  g_autofree float *x = g_new (float, TOKENS *WIDTH);
  g_autofree gint32 *tokens = g_new0 (gint32, TOKENS);
  const TnSequence sequence = {.hash = 3, .length = TOKENS, .tokens = tokens};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);

  for (guint i = 0; i < TOKENS * WIDTH; i++)
    x[i] = (float) (mean + std * tn_random_normal (&random));
  if (outlier != 0.0f)
    x[1000] = outlier;
  tn_site_stats_observe (tn_stats_add_site (stats, name, WIDTH), batch, x);
}

static const TnSiteDifference *
find (GPtrArray *differences, const char *name, guint *place)
{
  for (guint i = 0; i < differences->len; i++)
    {
      const TnSiteDifference *difference = g_ptr_array_index (differences, i);

      if (g_strcmp0 (difference->name, name) == 0)
        {
          *place = i;
          return difference;
        }
    }
  g_assert_not_reached ();
}

static void
test_kinds (void)
{
  g_autoptr (TnStats) a = tn_stats_new (1, "own"), b = tn_stats_new (2, "own");
  g_autoptr (GPtrArray) differences = NULL;
  const TnSiteDifference *difference;
  guint place, before;

  add (a, "same", 0.0, 1.0, 0.0f);
  add (b, "same", 0.0, 1.0, 0.0f);
  add (a, "range", 0.0, 1.0, 0.0f);
  add (b, "range", 0.0, 1.0, 90.0f);
  add (a, "mean", 0.0, 1.0, 30.0f);
  add (b, "mean", 1.5, 1.0, 30.0f);
  add (a, "std", 0.0, 1.0, 100.0f);
  add (b, "std", 0.0, 20.0, 100.0f);
  add (a, "gone", 0.0, 1.0, 0.0f);
  add (b, "new", 0.0, 1.0, 0.0f);
  differences = tn_stats_diff (a, b);
  g_assert_cmpuint (differences->len, ==, 6);
  for (guint i = 1; i < differences->len; i++)
    g_assert_cmpfloat (((TnSiteDifference *) differences->pdata[i - 1])->change, >=, ((TnSiteDifference *) differences->pdata[i])->change);

  difference = find (differences, "same", &place);
  g_assert_cmpuint (place, ==, 5);
  g_assert_cmpint (difference->kind, ==, TN_CHANGE_NONE);
  g_assert_cmpfloat (difference->change, ==, 0.0);
  g_assert_cmpfloat (difference->distance.js, ==, 0.0);
  g_assert_cmpfloat (difference->a.int8_sqnr_db, ==, difference->b.int8_sqnr_db);

  difference = find (differences, "range", &before);
  g_assert_cmpint (difference->kind, ==, TN_CHANGE_RANGE);
  g_assert_cmpfloat_with_epsilon (difference->change, log (90.0 / MAX (-difference->a.summary.min, difference->a.summary.max)), 1e-12);
  /* Which 4 bits feel. */
  g_assert_cmpfloat (difference->b.int4_sqnr_db, <, difference->a.int4_sqnr_db);

  difference = find (differences, "mean", &place);
  g_assert_cmpint (difference->kind, ==, TN_CHANGE_MEAN);
  g_assert_cmpfloat (fabs (difference->change - 1.5), <, 0.15);

  difference = find (differences, "std", &place);
  g_assert_cmpint (difference->kind, ==, TN_CHANGE_STD);
  g_assert_cmpfloat_with_epsilon (difference->change, log (difference->b.summary.std / difference->a.summary.std), 1e-12);

  difference = find (differences, "gone", &place);
  g_assert_cmpuint (place, ==, 0);
  g_assert_cmpint (difference->kind, ==, TN_CHANGE_SITE);
  g_assert_cmpuint (difference->width_a, ==, WIDTH);
  g_assert_cmpuint (difference->width_b, ==, 0);
  g_assert_true (isnan (difference->distance.ks));
  difference = find (differences, "new", &place);
  g_assert_cmpuint (place, ==, 1);
  g_assert_cmpuint (difference->width_a, ==, 0);
}

/* Sites that saw nothing compare without trouble. */
static void
test_empty (void)
{
  g_autoptr (TnStats) a = tn_stats_new (1, "own"), b = tn_stats_new (1, "own");
  g_autoptr (GPtrArray) none = tn_stats_diff (a, b), differences = NULL;

  g_assert_cmpuint (none->len, ==, 0);
  tn_stats_add_site (a, "x", 3);
  tn_stats_add_site (b, "x", 3);
  tn_stats_add_site (a, "y", 3);
  add (b, "y", 0.0, 1.0, 0.0f);
  differences = tn_stats_diff (a, b);
  g_assert_cmpuint (differences->len, ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (((TnSiteDifference *) differences->pdata[i])->kind, ==, i == 0 ? TN_CHANGE_SITE : TN_CHANGE_NONE);
      g_assert_cmpstr (((TnSiteDifference *) differences->pdata[i])->name, ==, i == 0 ? "y" : "x");
      g_assert_true (isnan (((TnSiteDifference *) differences->pdata[i])->distance.ks));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stats-diff/kinds", test_kinds);
  g_test_add_func ("/stats-diff/empty", test_empty);
  return g_test_run ();
}
