/* SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>

#include "engine/calibration/site-stats.h"
#include "engine/random.h"

/* Values a second that full statistics take in, by width, threads and kind of data; a line a figure. */

#define TOKENS 2048
#define SEQUENCES 8

static const char *const kinds[] = {"normal", "relu", "outliers"};

static float *
make_values (const char *kind, guint width)
{
  TnRandom random = tn_random_stream (1, kind);
  float *x = g_new (float, (gsize) TOKENS *width);

  for (gsize i = 0; i < (gsize) TOKENS * width; i++)
    {
      x[i] = (float) tn_random_normal (&random);
      if (kind == kinds[1] && x[i] < 0.0f)
        x[i] = 0.0f;
      /* One channel in 512 carries a large value in every row. */
      if (kind == kinds[2] && i % width % 512 == 17)
        x[i] *= 1e4f;
    }
  return x;
}

static double
measure (guint width, int threads, const char *kind)
{
  g_autoptr (TnSiteStats) stats = tn_site_stats_new ("site", width);
  g_autofree float *x = make_values (kind, width);
  g_autofree gint32 *tokens = g_new0 (gint32, TOKENS / SEQUENCES);
  TnSequence sequences[SEQUENCES];
  g_autoptr (TnBatch) batch = NULL;
  double best = 0.0;

  for (guint s = 0; s < SEQUENCES; s++)
    sequences[s] = (TnSequence){.hash = s * 7919, .length = TOKENS / SEQUENCES, .tokens = tokens};
  batch = tn_batch_new (sequences, SEQUENCES);
  omp_set_num_threads (threads);
  for (int repeat = 0; repeat < 7; repeat++)
    {
      gint64 start = g_get_monotonic_time (), elapsed;
      guint calls = 0;

      do
        {
          tn_site_stats_observe (stats, batch, x);
          calls++;
          elapsed = g_get_monotonic_time () - start;
        }
      while (elapsed < 100000);
      best = MAX (best, (double) calls * TOKENS * width / ((double) elapsed * 1e-6));
    }
  return best;
}

int
main (void)
{
  static const guint widths[] = {64, 512, 2048};

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
      for (int threads = 1; threads <= 2; threads++)
        g_print ("observer_%s_w%u_%dt %.0f Mvalue/s_per_core\n", kinds[k], widths[w], threads,
                 measure (widths[w], threads, kinds[k]) / 1e6 / threads);
  return 0;
}
