/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration/stats-size.h"

#include <glib/gstdio.h>
#include <math.h>

#include "bench/calibration/made-stats.h"
#include "data/statistics/stats-file.h"

#define MOST_BYTES 1e7
#define MOST_BYTES_PER_CHANNEL 48.0

void
tn_bench_stats_size (TnBench *bench)
{
  g_autofree char *folder = g_dir_make_tmp ("ternion-bench-XXXXXX", NULL);
  g_autofree char *path = folder != NULL ? g_build_filename (folder, "stats.safetensors", NULL) : NULL;
  g_autoptr (TnStats) stats = NULL;
  g_autoptr (GError) error = NULL;
  guint channels;
  guint64 bytes;

  if (folder == NULL || !(tn_bench_wants (bench, "stats_bytes") || tn_bench_wants (bench, "stats_bytes_per_channel")))
    return;
  stats = tn_make_stats (&channels);
  if (tn_stats_save (stats, path, &bytes, &error))
    {
      double each = (double) bytes / channels;

      tn_bench_remark (bench, "statistics of %u sites, %u channels, %d tokens", stats->sites->len, channels, TN_MADE_STATS_TOKENS);
      tn_bench_add (bench, "stats_bytes", (double) bytes, (double) bytes, "bytes", TN_GOAL_AT_MOST, MOST_BYTES, NAN);
      tn_bench_add (bench, "stats_bytes_per_channel", each, each, "bytes", TN_GOAL_AT_MOST, MOST_BYTES_PER_CHANNEL, NAN);
    }
  else
    tn_bench_remark (bench, "stats_bytes: %s", error->message);
  g_remove (path);
  g_rmdir (folder);
}
