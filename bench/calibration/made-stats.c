/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration/made-stats.h"

#include <math.h>

#include "bench/random-llama.h"
#include "engine/random.h"

#define WIDTH 768
#define HIDDEN 2048
#define LAYERS 12
#define BATCHES 64
#define SEQUENCES 2
#define LENGTH 512

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

TnStats *
tn_make_stats (guint *channels)
{
  TnStats *stats = tn_stats_new (1, "openblas");

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
