/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration/stats-size.h"

#include <glib/gstdio.h>
#include <math.h>

#include "bench/random-llama.h"
#include "data/statistics/stats-file.h"
#include "engine/random.h"

#define WIDTH 768
#define HIDDEN 2048
#define LAYERS 12
#define BATCHES 64
#define SEQUENCES 2
#define LENGTH 512
#define MOST_BYTES 1e7
#define MOST_BYTES_PER_CHANNEL 48.0

static float *
make_activations (guint width, gboolean gated)
{
  TnRandom random = tn_random_stream (width + gated, "stats size");
  g_autofree double *scales = g_new (double, width);
  gsize n = (gsize) SEQUENCES * LENGTH * width;
  float *x = g_new (float, n);

  for (guint c = 0; c < width; c++)
    scales[c] = exp (tn_random_normal (&random)) * (c % 256 == 17 ? 50.0 : 1.0);
  for (gsize i = 0; i < n; i++)
    {
      double value = tn_random_normal (&random) * scales[i % width];

      x[i] = (float) (gated ? value * tn_random_normal (&random) : value);
    }
  return x;
}

/* What calibration would keep of one site. The same numbers come in every batch under other names of sequences: counts as of so many tokens. */
static void
observe_site (TnSiteStats *site, gboolean gated)
{
  g_autofree float *x = make_activations (site->width, gated);
  TnRandom random = tn_random_stream (2, "stats size sequences");

  for (guint b = 0; b < BATCHES; b++)
    {
      g_autoptr (TnBatch) batch = tn_random_batch_new (SEQUENCES, LENGTH, 4096);

      for (guint s = 0; s < SEQUENCES; s++)
        batch->sequences[s].hash = tn_random_next (&random);
      tn_site_stats_observe (site, batch, x);
    }
}

static const struct
{
  const char *name;
  guint width;
  gboolean gated;
} sites[] = {
    {"attn_q.in", WIDTH, FALSE}, {"attn_output.in", WIDTH, FALSE}, {"ffn_gate.in", WIDTH, FALSE}, {"ffn_down.in", HIDDEN, TRUE}};

static TnStats *
make_stats (guint *channels)
{
  TnStats *stats = tn_stats_new (1, "openblas 0.3.21 SkylakeX");

  *channels = 0;
  for (guint k = 0; k < G_N_ELEMENTS (sites); k++)
    {
      g_autoptr (TnSiteStats) observed = tn_site_stats_new (sites[k].name, sites[k].width);

      observe_site (observed, sites[k].gated);
      for (guint layer = 0; layer < LAYERS + (k == 0); layer++)
        {
          g_autofree char *name =
              layer == LAYERS ? g_strdup ("output.in") : g_strdup_printf ("blk.%u.%s", layer, sites[k].name);

          tn_site_stats_merge (tn_stats_add_site (stats, name, sites[k].width), observed, NULL);
          *channels += sites[k].width;
        }
    }
  for (guint layer = 0; layer < LAYERS; layer++)
    {
      static const char *const aliases[][2] = {{"attn_k.in", "attn_q.in"}, {"attn_v.in", "attn_q.in"}, {"ffn_up.in", "ffn_gate.in"}};

      for (guint a = 0; a < G_N_ELEMENTS (aliases); a++)
        {
          g_autofree char *alias = g_strdup_printf ("blk.%u.%s", layer, aliases[a][0]);
          g_autofree char *target = g_strdup_printf ("blk.%u.%s", layer, aliases[a][1]);

          tn_stats_add_alias (stats, alias, target);
        }
    }
  return stats;
}

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
  stats = make_stats (&channels);
  if (tn_stats_save (stats, path, &bytes, &error))
    {
      double each = (double) bytes / channels;

      tn_bench_remark (bench, "statistics of %u sites, %u channels, %u tokens", stats->sites->len, channels,
                       BATCHES * SEQUENCES * LENGTH);
      tn_bench_add (bench, "stats_bytes", (double) bytes, (double) bytes, "bytes", TN_GOAL_AT_MOST, MOST_BYTES, NAN);
      tn_bench_add (bench, "stats_bytes_per_channel", each, each, "bytes", TN_GOAL_AT_MOST, MOST_BYTES_PER_CHANNEL, NAN);
    }
  else
    tn_bench_remark (bench, "stats_bytes: %s", error->message);
  g_remove (path);
  g_rmdir (folder);
}
