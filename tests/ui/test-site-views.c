/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/random.h"
#include "tests/ui/ui-test.h"
#include "ui/channel-map.h"
#include "ui/channel-view.h"
#include "ui/range-view.h"
#include "ui/site-history.h"

#define WIDTH 40

/* Every value of a channel is ± its scale, so that all three measures are known. */
static void
fill (TnSiteStats *site, guint loud, double scale)
{
  TnRandom random = tn_random_stream (loud, "channels");

  site->tokens = 2;
  for (guint c = 0; c < site->width; c++)
    {
      double v = (c == loud ? scale : 1) * (1 + 0.1 * tn_random_uniform (&random));

      site->channels[c].count = 2;
      site->channels[c].min = (float) -v;
      site->channels[c].max = (float) v;
      site->channels[c].sum = 0;
      site->channels[c].sum2 = (TnChannelSum) (ldexp (2 * (double) (float) v * (double) (float) v, 40));
    }
}

static TnStats *
make_stats (void)
{
  TnStats *stats = tn_stats_new (1, "test");

  fill (tn_stats_add_site (stats, "blk.10.ffn_down.in", WIDTH), 3, 30);
  fill (tn_stats_add_site (stats, "blk.2.ffn_down.in", WIDTH), 5, 20);
  fill (tn_stats_add_site (stats, "blk.2.ffn_up.in", WIDTH), 7, 1);
  fill (tn_stats_add_site (stats, "blk.3.ffn_down.in", WIDTH / 2), 7, 1);
  tn_stats_add_site (stats, "output.in", WIDTH);
  return stats;
}

static void
test_channel_map (void)
{
  g_autoptr (TnStats) stats = make_stats ();
  g_autoptr (TnChannelMap) map = tn_channel_map_new (stats, "blk.10.ffn_down.in");
  g_autoptr (TnChannelMap) alone = tn_channel_map_new (stats, "output.in");
  const TnSiteStats *site = tn_stats_find (stats, "blk.10.ffn_down.in");

  g_assert_null (tn_channel_map_new (stats, "none"));
  /* The same place in blocks of the same width, by number and not by letter. */
  g_assert_cmpuint (map->n_rows, ==, 2);
  g_assert_cmpstr (map->names[0], ==, "blk.2.ffn_down.in");
  g_assert_cmpstr (map->names[1], ==, "blk.10.ffn_down.in");
  g_assert_cmpuint (map->chosen, ==, 1);
  for (guint c = 0; c < WIDTH; c++)
    {
      double v = (double) site->channels[c].max;

      g_assert_cmpfloat (map->values[TN_CHANNEL_ABSMAX][WIDTH + c], ==, v);
      g_assert_cmpfloat_with_epsilon (map->values[TN_CHANNEL_STD][WIDTH + c], v, 1e-6 * v);
      g_assert_cmpfloat_with_epsilon (map->values[TN_CHANNEL_MEAN_SQUARE][WIDTH + c], v * v, 1e-6 * v * v);
    }
  g_assert_cmpuint (alone->n_rows, ==, 1);
  g_assert_true (isnan (alone->values[TN_CHANNEL_STD][0]));
}

static void
test_outliers (void)
{
  g_autoptr (TnStats) stats = make_stats ();
  g_autoptr (TnChannelMap) map = tn_channel_map_new (stats, "blk.10.ffn_down.in");
  g_autoptr (TnChannelMap) calm = tn_channel_map_new (stats, "blk.2.ffn_up.in");
  g_autoptr (TnChannelMap) empty = tn_channel_map_new (stats, "output.in");

  {
    g_autoptr (GArray) own = tn_channel_map_find_outliers (map, 1, 2), all = tn_channel_map_find_outliers (map, 0, 2),
                       none = tn_channel_map_find_outliers (calm, 0, 1), nothing = tn_channel_map_find_outliers (empty, 0, 1);

    g_assert_cmpuint (own->len, ==, 1);
    g_assert_cmpuint (g_array_index (own, gsize, 0), ==, WIDTH + 3);
    g_assert_cmpuint (all->len, ==, 2);
    g_assert_cmpuint (g_array_index (all, gsize, 0), ==, 5);
    g_assert_cmpuint (none->len, ==, 0);
    g_assert_cmpuint (nothing->len, ==, 0);
  }
}

static void
test_history (void)
{
  g_autofree TnSiteHistory *history = g_new0 (TnSiteHistory, 1);

  for (guint i = 1; i <= 5000; i++)
    {
      TnSitePoint points[TN_N_SITE_MEASURES] = {{NAN, -(double) i, i}, {i, i, i}, {i, i, i}, {i, i, i}};

      tn_site_history_add (history, i, points);
      if (i % 100 == 0) /* a look at what was seen before */
        tn_site_history_add (history, i, points);
      g_assert_cmpuint (history->n, <=, TN_SITE_HISTORY_POINTS);
      g_assert_cmpfloat (history->sequences[0], ==, 1);
      g_assert_cmpfloat (history->sequences[history->n - 1], ==, i);
    }
  for (guint i = 0; i < history->n; i++)
    {
      g_assert_true (i == 0 || history->sequences[i - 1] < history->sequences[i]);
      g_assert_cmpfloat (history->points[i][TN_SITE_DEVIATION].value, ==, history->sequences[i]);
    }
  g_assert_cmpuint (history->n, >=, TN_SITE_HISTORY_POINTS / 2);
}

static void
test_settled (void)
{
  TnSiteFindings findings = {.name = (char *) "site", .tokens = 9, .tolerance = 0.05, .points[TN_SITE_DEVIATION] = {2, 1.9, 2.08}};
  TnSiteRow *row = tn_site_row_new (&findings, 0);
  g_autofree char *strict = NULL;
  g_autofree char *sure = NULL, *unsure = NULL, *unknown = NULL;

  g_assert_cmpfloat_with_epsilon (tn_site_findings_uncertainty (&findings), 0.05, 1e-12);
  findings.points[TN_SITE_DEVIATION].low = 1.95;
  tn_site_row_update (row, &findings);
  sure = tn_table_row_dup_text (TN_TABLE_ROW (row), TN_SITE_SETTLED);
  g_assert_cmpstr (sure, ==, "✓ ±4.0 %");
  /* The run's own rule asks for more. */
  findings.tolerance = 0.03;
  tn_site_row_update (row, &findings);
  strict = tn_table_row_dup_text (TN_TABLE_ROW (row), TN_SITE_SETTLED);
  g_assert_cmpstr (strict, ==, "±4.0 %");
  findings.points[TN_SITE_DEVIATION].low = 1;
  tn_site_row_update (row, &findings);
  unsure = tn_table_row_dup_text (TN_TABLE_ROW (row), TN_SITE_SETTLED);
  g_assert_cmpstr (unsure, ==, "±50.0 %");
  findings.points[TN_SITE_DEVIATION].low = NAN;
  findings.points[TN_SITE_DEVIATION].high = NAN;
  tn_site_row_update (row, &findings);
  unknown = tn_table_row_dup_text (TN_TABLE_ROW (row), TN_SITE_SETTLED);
  g_assert_cmpstr (unknown, ==, "—");
  g_object_unref (row);
}

/* Both views with nothing, something and nothing again. */
static void
test_views (void)
{
  g_autoptr (TnStats) stats = make_stats ();
  g_autoptr (TnChannelMap) map = tn_channel_map_new (stats, "blk.2.ffn_down.in");
  GtkWidget *window = gtk_window_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  TnChannelView *channels = g_object_new (TN_TYPE_CHANNEL_VIEW, NULL);
  TnRangeView *range = g_object_new (TN_TYPE_RANGE_VIEW, NULL);
  TnSiteFindings findings = {.name = (char *) "site", .tokens = 9, .points[TN_SITE_DEVIATION] = {2, 1.9, 2.08}};
  g_autofree TnSiteHistory *history = g_new0 (TnSiteHistory, 1);

  gtk_box_append (GTK_BOX (box), GTK_WIDGET (channels));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (range));
  gtk_window_set_child (GTK_WINDOW (window), box);
  gtk_window_present (GTK_WINDOW (window));
  tn_site_history_add (history, 4, findings.points);
  tn_site_history_add (history, 8, findings.points);
  for (guint i = 0; i < 2; i++)
    {
      tn_channel_view_show (channels, i == 0 ? map : NULL);
      tn_range_view_show (range, i == 0 ? &findings : NULL, i == 0 ? history : NULL);
      tn_ui_test_spin ();
    }
  tn_range_view_show (range, &findings, NULL);
  tn_ui_test_spin ();
  gtk_window_destroy (GTK_WINDOW (window));
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add_func ("/ui/site-views/channel-map", test_channel_map);
  g_test_add_func ("/ui/site-views/outliers", test_outliers);
  g_test_add_func ("/ui/site-views/history", test_history);
  g_test_add_func ("/ui/site-views/settled", test_settled);
  g_test_add_func ("/ui/site-views/views", test_views);
  return g_test_run ();
}
