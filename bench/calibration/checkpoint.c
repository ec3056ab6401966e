/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration/checkpoint.h"

#include <math.h>

#include "bench/calibration/made-files.h"
#include "bench/calibration/made-stats.h"
#include "bench/timing.h"
#include "data/statistics/stats-file.h"

/* Between two checkpoints, as app/tasks/calibrate-checkpoint.h has it. */
#define INTERVAL_SECONDS 20.0
#define TURNS 15

void
tn_bench_checkpoint (TnBench *bench)
{
  g_auto (TnMadeFiles) files = {NULL};
  g_autoptr (GError) error = NULL;
  g_autoptr (TnStats) stats = NULL;
  TnSamples writes = {.n = 0};
  guint channels;
  const char *path;

  if (!tn_made_files_init (&files, &error))
    {
      tn_bench_remark (bench, "no files: %s", error->message);
      return;
    }
  path = tn_made_files_name (&files, "checkpoint.safetensors");
  stats = tn_make_stats (&channels);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double start = tn_time_now ();

      if (!tn_stats_save (stats, path, NULL, &error))
        {
          tn_bench_remark (bench, "calibrate_checkpoint_overhead: %s", error->message);
          return;
        }
      tn_samples_add (&writes, tn_time_now () - start);
    }
  tn_bench_remark (bench, "a checkpoint of %u channels takes %.3g ms, written and synced", channels, 1e3 * tn_samples_median (&writes));
  tn_bench_add (bench, "calibrate_checkpoint_overhead", 100.0 * tn_samples_median (&writes) / INTERVAL_SECONDS,
                100.0 * tn_samples_min (&writes) / INTERVAL_SECONDS, "%", TN_GOAL_AT_MOST, 1.0, NAN);
}
