/* SPDX-License-Identifier: Apache-2.0 */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "bench/core/core.h"
#include "bench/peer.h"
#include "bench/random-llama.h"
#include "engine/calibration/stats.h"
#include "engine/device/device.h"
#include "engine/random.h"

/* What exact statistics of activations cost. */

#define TOKENS 1024
#define SEQUENCES 4
#define RATE_TURNS 25
#define SITE_WIDTH 1024
/* At least so many turns of a comparison, and more while they take less than so many seconds. */
#define LEAST_TURNS 7
#define MOST_TURNS 41
#define TURNS_SECONDS 4.0

static const guint widths[] = {64, 128, 256, 512, 1024, 2048};

/* One site's activations, [TOKENS, width]. */
typedef struct
{
  float *x;
  TnBatch *batch;
  TnSiteStats *stats;
} Site;

static void
site_clear (Site *self)
{
  g_clear_pointer (&self->x, g_free);
  g_clear_pointer (&self->batch, tn_batch_unref);
  g_clear_pointer (&self->stats, tn_site_stats_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Site, site_clear)

typedef enum
{
  KIND_NORMAL,
  KIND_RELU,     /* half of them zero */
  KIND_OUTLIERS, /* one channel in 512 is large in every row */
  KIND_LARGE,    /* all hundreds */
} Kind;

static void
site_init (Site *self, guint width, Kind kind)
{
  TnRandom random = tn_random_stream (1, "activations");

  self->x = g_new (float, (gsize) TOKENS *width);
  self->batch = tn_random_batch_new (SEQUENCES, TOKENS / SEQUENCES, 4096);
  self->stats = tn_site_stats_new ("site", width);
  for (gsize i = 0; i < (gsize) TOKENS * width; i++)
    {
      float value = (float) tn_random_normal (&random);

      if (kind == KIND_RELU)
        value = fmaxf (value, 0.0f);
      else if (kind == KIND_LARGE || (kind == KIND_OUTLIERS && i % width % 512 == 17))
        value *= kind == KIND_LARGE ? 300.0f : 1e4f;
      self->x[i] = value;
    }
}

static void
observe_site (gpointer site)
{
  Site *self = site;

  tn_site_stats_observe (self->stats, self->batch, self->x);
}

/* Counting alone, of values that lie in the nearest cache: an increment of one bin a value is what no histogram goes below. */
typedef struct
{
  const float *x;
  guint32 *bins;
} Counting;

#define COUNTED 4096

static void
count_values (gpointer counting)
{
  Counting *self = counting;
  const guint8 *upper = (const guint8 *) self->x + (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 2 : 0);
  guint32 *bins = self->bins;

  for (guint turn = 0; turn < 64; turn++)
    for (guint i = 0; i < COUNTED; i += 8)
      for (guint k = 0; k < 8; k++)
        {
          guint16 bin;

          memcpy (&bin, upper + (i + k) * sizeof (float), sizeof bin);
          bins[bin]++;
        }
}

/* Values a second that one core counts at best. */
static double
measure_counting (const float *x)
{
  g_autofree guint32 *bins = g_new0 (guint32, TN_FLOAT_HISTOGRAM_BINS);
  Counting counting = {x, bins};

  return 64.0 * COUNTED / tn_time_calls (count_values, &counting, 1e-3);
}

static void
measure_rates (TnBench *bench)
{
  static const struct
  {
    const char *name;
    Kind kind;
    double target;
  } figures[] = {
      {"histogram_gelems_per_core", KIND_NORMAL, 1.0},
      {"histogram_relu_gelems_per_core", KIND_RELU, NAN},
      {"histogram_outliers_gelems_per_core", KIND_OUTLIERS, NAN},
      {"histogram_large_gelems_per_core", KIND_LARGE, NAN},
  };

  for (guint f = 0; f < G_N_ELEMENTS (figures) && !tn_bench_cancelled (bench); f++)
    {
      TnSamples rates = {0}, limits = {0};
      g_auto (Site) site = {0};
      g_auto (Site) plain = {0};

      if (!tn_bench_wants (bench, figures[f].name))
        continue;
      omp_set_num_threads (1);
      site_init (&site, SITE_WIDTH, figures[f].kind);
      site_init (&plain, 64, KIND_NORMAL);
      for (guint turn = 0; turn < RATE_TURNS; turn++)
        {
          tn_samples_add (&rates, 1e-9 * TOKENS * SITE_WIDTH / tn_time_calls (observe_site, &site, 1e-3));
          tn_samples_add (&limits, 1e-9 * measure_counting (plain.x));
        }
      omp_set_num_threads ((int) tn_device_get_threads ());
      tn_bench_add (bench, figures[f].name, tn_samples_median (&rates), tn_samples_max (&rates), "Gelem/s",
                    isnan (figures[f].target) ? TN_GOAL_NONE : TN_GOAL_AT_LEAST, figures[f].target, tn_samples_max (&limits));
    }
}

static void
measure_scaling (TnBench *bench)
{
  TnSamples ratios = {0};
  double best[2] = {INFINITY, INFINITY};
  g_auto (Site) site = {0};

  if (!tn_bench_wants (bench, "observer_scaling_2t") || tn_device_get_threads () < 2)
    return;
  site_init (&site, 2048, KIND_NORMAL);
  for (guint turn = 0; turn < RATE_TURNS; turn++)
    {
      double seconds[2];

      for (int threads = 1; threads <= 2; threads++)
        {
          omp_set_num_threads (threads);
          seconds[threads - 1] = tn_time_calls (observe_site, &site, 2e-3);
          best[threads - 1] = fmin (best[threads - 1], seconds[threads - 1]);
        }
      tn_samples_add (&ratios, seconds[0] / seconds[1]);
    }
  omp_set_num_threads ((int) tn_device_get_threads ());
  tn_bench_add (bench, "observer_scaling_2t", tn_samples_median (&ratios), best[0] / best[1], "ratio", TN_GOAL_NONE, NAN, 2.0);
}

/* A model's forward pass, and the statistics of the inputs of all its linear layers as calibration takes them: of a batch, then
 * added to those of all batches. */
typedef struct
{
  TnModel *model;
  TnBatch *batch;
  TnStats *batch_stats, *stats;
  double observing; /* seconds in the last pass */
  gsize values;     /* in one pass */
} Pass;

static void
pass_clear (Pass *self)
{
  g_clear_pointer (&self->model, tn_model_unref);
  g_clear_pointer (&self->batch, tn_batch_unref);
  g_clear_pointer (&self->batch_stats, tn_stats_unref);
  g_clear_pointer (&self->stats, tn_stats_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pass, pass_clear)

static gboolean
pass_init (Pass *self, guint width, GError **error)
{
  /* The fewer layers, the more the statistics of the head's input weigh. */
  TnLlamaConfig config = tn_random_llama_config (width, width <= 512 ? 4 : 2, TOKENS / SEQUENCES);

  self->model = tn_random_llama_new (&config, TN_DTYPE_F32, error);
  if (self->model == NULL)
    return FALSE;
  self->batch = tn_random_batch_new (SEQUENCES, TOKENS / SEQUENCES, config.n_vocab);
  self->batch_stats = tn_stats_new (1, "");
  self->stats = tn_stats_new (1, "");
  tn_stats_add_sites (self->batch_stats, self->model, TN_SITE_INPUT);
  tn_stats_add_sites (self->stats, self->model, TN_SITE_INPUT);
  for (guint i = 0; i < self->stats->sites->len; i++)
    self->values += (gsize) ((TnSiteStats *) g_ptr_array_index (self->stats->sites, i))->width * TOKENS;
  return TRUE;
}

static void
observe (const TnSite *site, const TnBatch *batch, const float *x, gpointer pass)
{
  Pass *self = pass;
  double start = tn_time_now ();

  tn_stats_observe (site, batch, x, self->batch_stats);
  self->observing += tn_time_now () - start;
}

/* Seconds; NAN on failure. */
static double
run_pass (Pass *self, gboolean observed, GError **error)
{
  TnForwardOptions options = {.kinds = TN_SITE_INPUT, .observe = observe, .user_data = self};
  double start = tn_time_now (), end;

  self->observing = 0.0;
  if (observed)
    tn_stats_clear (self->batch_stats);
  if (!tn_model_forward (self->model, self->batch, observed ? &options : NULL, NULL, NULL, NULL, error))
    return NAN;
  if (observed)
    {
      end = tn_time_now ();
      tn_stats_count_batch (self->batch_stats, self->batch);
      if (!tn_stats_merge (self->stats, self->batch_stats, error))
        return NAN;
      self->observing += tn_time_now () - end;
    }
  return tn_time_now () - start;
}

static void
measure_overhead (TnBench *bench, guint width)
{
  g_autofree char *name = g_strdup_printf ("observer_overhead_w%u", width);
  g_autofree char *share_name = g_strdup_printf ("observer_share_w%u", width);
  gboolean has_target = width >= 1024;
  double target = width >= 2048 ? 1.0 : 2.5, started = tn_time_now (), limit;
  TnSamples plain = {0}, with = {0}, ratios = {0}, shares = {0}, counting = {0};
  g_autoptr (GError) error = NULL;
  g_auto (Pass) pass = {0};
  g_auto (Site) site = {0};

  if (!(tn_bench_wants (bench, name) || tn_bench_wants (bench, share_name)) || tn_bench_cancelled (bench))
    return;
  if (!pass_init (&pass, width, &error) || isnan (run_pass (&pass, TRUE, &error)))
    {
      tn_bench_remark (bench, "%s: %s", name, error->message);
      return;
    }
  site_init (&site, 64, KIND_NORMAL);
  while (plain.n < LEAST_TURNS || (plain.n < MOST_TURNS && tn_time_now () - started < TURNS_SECONDS))
    {
      gboolean first = plain.n % 2;
      double seconds[2];

      for (guint i = 0; i < 2; i++)
        {
          gboolean observed = i == 0 ? first : !first;

          seconds[observed] = run_pass (&pass, observed, &error);
          if (observed)
            tn_samples_add (&shares, 100.0 * pass.observing / (seconds[1] - pass.observing));
        }
      tn_samples_add (&plain, seconds[0]);
      tn_samples_add (&with, seconds[1]);
      tn_samples_add (&ratios, 100.0 * (seconds[1] / seconds[0] - 1.0));
      tn_samples_add (&counting, measure_counting (site.x));
    }
  /* All threads counting bins and doing nothing else. */
  limit = 100.0 * (double) pass.values / (tn_samples_max (&counting) * tn_device_get_threads ()) / tn_samples_min (&plain);
  tn_bench_add (bench, name, tn_samples_median (&ratios), 100.0 * (tn_samples_min (&with) / tn_samples_min (&plain) - 1.0), "%",
                has_target ? TN_GOAL_AT_MOST : TN_GOAL_NONE, target, limit);
  /* What passed inside the observers, in the same pass: steadier, but blind to what it does to the caches. */
  tn_bench_remark (bench, "w%u: forward pass %.1f ms, %.0f values, %.3f ns a value and core", width, 1e3 * tn_samples_min (&plain),
                   (double) pass.values, 1e7 * tn_samples_median (&shares) * tn_samples_median (&plain) * tn_device_get_threads () / (double) pass.values);
  tn_bench_add (bench, share_name, tn_samples_median (&shares), tn_samples_min (&shares), "%", TN_GOAL_NONE, NAN, limit);
}

/* One square linear layer and its input's statistics, beside the same of PyTorch. */
static void
measure_one_linear (TnBench *bench, guint width, TnPeer *peer)
{
  g_autofree char *name = g_strdup_printf ("observer_one_linear_w%u", width);
  g_autofree char *peer_name = g_strdup_printf ("observer_one_linear_torch_w%u", width);
  g_autofree char *plain_run = g_strdup_printf ("linear%u", width), *observed_run = g_strdup_printf ("observed%u", width);
  g_autofree float *weight = NULL, *y = NULL;
  TnSamples ratios = {0}, peer_ratios = {0}, linear = {0}, both = {0}, peer_linear = {0}, peer_both = {0};
  g_auto (Site) site = {0};

  if (!tn_bench_wants (bench, name) && !tn_bench_wants (bench, peer_name))
    return;
  site_init (&site, width, KIND_NORMAL);
  weight = g_new (float, (gsize) width *width);
  y = g_new (float, (gsize) TOKENS *width);
  for (gsize i = 0; i < (gsize) width * width; i++)
    weight[i] = (float) (i % 7) - 3.0f;
  for (guint turn = 0; turn < RATE_TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double start = tn_time_now (), middle;

      cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, TOKENS, (blasint) width, (blasint) width, 1.0f, site.x,
                   (blasint) width, weight, (blasint) width, 0.0f, y, (blasint) width);
      middle = tn_time_now ();
      observe_site (&site);
      tn_samples_add (&linear, middle - start);
      tn_samples_add (&both, tn_time_now () - start);
      tn_samples_add (&ratios, 100.0 * ((tn_time_now () - start) / (middle - start) - 1.0));
      if (peer != NULL)
        {
          double alone = tn_peer_run (peer, plain_run), observed = tn_peer_run (peer, observed_run);

          tn_samples_add (&peer_linear, alone);
          tn_samples_add (&peer_both, observed);
          tn_samples_add (&peer_ratios, 100.0 * (observed / alone - 1.0));
        }
    }
  tn_bench_add (bench, name, tn_samples_median (&ratios), 100.0 * (tn_samples_min (&both) / tn_samples_min (&linear) - 1.0), "%",
                TN_GOAL_NONE, NAN, NAN);
  if (peer != NULL)
    tn_bench_add (bench, peer_name, tn_samples_median (&peer_ratios),
                  100.0 * (tn_samples_min (&peer_both) / tn_samples_min (&peer_linear) - 1.0), "%", TN_GOAL_NONE, NAN, NAN);
}

void
tn_bench_observer (TnBench *bench)
{
  measure_rates (bench);
  measure_scaling (bench);
  for (guint i = 0; i < G_N_ELEMENTS (widths); i++)
    measure_overhead (bench, widths[i]);
  if (tn_bench_wants (bench, "observer_one_linear"))
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TnPeer) peer = tn_peer_start ("observer_torch.py", NULL, &error);

      if (peer != NULL)
        tn_bench_remark (bench, "%s", tn_peer_describe (peer));
      else
        tn_bench_remark (bench, "%s", error->message);
      for (guint width = 512; width <= 2048; width *= 2)
        measure_one_linear (bench, width, peer);
    }
}
