/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/metrics/output-metrics.h"
#include "engine/random.h"

typedef long double Long;

static Long
slow_log_sum_exp (const float *x, gsize n)
{
  Long maximum = -(Long) INFINITY, sum = 0;

  for (gsize i = 0; i < n; i++)
    maximum = fmaxl (maximum, (Long) x[i]);
  for (gsize i = 0; i < n; i++)
    sum += expl ((Long) x[i] - maximum);
  return maximum + logl (sum);
}

static Long
slow_divergence (const float *p, const float *q, gsize n)
{
  Long p_sum = slow_log_sum_exp (p, n), q_sum = slow_log_sum_exp (q, n), sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += expl ((Long) p[i] - p_sum) * (((Long) p[i] - p_sum) - ((Long) q[i] - q_sum));
  return sum;
}

static void
fill_logits (float *p, float *q, gsize n, double spread, double noise, TnRandom *random)
{
  for (gsize i = 0; i < n; i++)
    {
      p[i] = (float) (spread * tn_random_normal (random));
      q[i] = p[i] + (float) (noise * tn_random_normal (random));
    }
}

static void
test_divergence (void)
{
  const gsize sizes[] = {1, 2, 7, 257, 1009};
  const double noises[] = {10.0, 1.0, 0.1, 1e-3};
  TnRandom random = tn_random_stream (4, "divergence");

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint k = 0; k < G_N_ELEMENTS (noises); k++)
      {
        g_autofree float *p = g_new (float, sizes[s]), *q = g_new (float, sizes[s]);
        Long expected;

        fill_logits (p, q, sizes[s], 3.0, noises[k], &random);
        expected = slow_divergence (p, q, sizes[s]);
        g_assert_cmpfloat (fabsl ((Long) tn_output_divergence (p, q, sizes[s]) - expected), <=, 1e-9L * expected + 1e-18L);
      }
}

/* Where all that the definition leaves of long doubles is noise: half the variance of the difference under p. */
static void
test_tiny_divergence (void)
{
  const float p[] = {1.0f, 2.0f, 0.5f}, q[] = {1.0f, 2.0f + 0x1p-21f, 0.5f};
  Long sum = expl (1.0L) + expl (2.0L) + expl (0.5L), share = expl (2.0L) / sum, d = 0x1p-21L;
  Long expected = d * d / 2 * share * (1 - share) + d * d * d / 6 * share * (1 - share) * (1 - 2 * share);

  g_assert_cmpfloat (fabsl ((Long) tn_output_divergence (p, q, 3) / expected - 1.0L), <, 1e-9L);
  g_assert_cmpfloat (tn_output_divergence (p, p, 3), ==, 0.0);
}

static void
test_far_logits (void)
{
  const float p[] = {0.0f, -2000.0f, 50.0f}, q[] = {-30.0f, 1500.0f, 2.0f}, bad[] = {0.0f, INFINITY, 1.0f};

  g_assert_cmpfloat (fabsl ((Long) tn_output_divergence (p, q, 3) / slow_divergence (p, q, 3) - 1.0L), <, 1e-12L);
  g_assert_true (isnan (tn_output_divergence (p, bad, 3)));
  g_assert_true (isnan (tn_output_divergence (bad, p, 3)));
}

enum { WINDOWS = 9, MOST_ROWS = 600, CLASSES = 31 };

typedef struct
{
  gsize rows[WINDOWS];
  float *p[WINDOWS], *q[WINDOWS];
  gint32 *targets[WINDOWS];
} Data;

static void
make_data (Data *data)
{
  TnRandom random = tn_random_stream (5, "windows");

  for (guint w = 0; w < WINDOWS; w++)
    {
      data->rows[w] = w == 4 ? MOST_ROWS : w * 13;
      data->p[w] = g_new (float, data->rows[w] * CLASSES + 1);
      data->q[w] = g_new (float, data->rows[w] * CLASSES + 1);
      data->targets[w] = g_new (gint32, data->rows[w] + 1);
      fill_logits (data->p[w], data->q[w], data->rows[w] * CLASSES, 2.0, 0.2, &random);
      for (gsize i = 0; i < data->rows[w]; i++)
        data->targets[w][i] = (gint32) tn_random_below (&random, CLASSES + 3) - 3;
    }
  data->q[5][3 * CLASSES + 1] = NAN;
  data->targets[5][3] = 0;
}

static void
free_data (Data *data)
{
  for (guint w = 0; w < WINDOWS; w++)
    {
      g_free (data->p[w]);
      g_free (data->q[w]);
      g_free (data->targets[w]);
    }
}

static void
add_window (TnOutputMetrics *metrics, const Data *data, guint w)
{
  tn_output_metrics_add (metrics, w, 0, data->p[w], CLASSES, data->q[w], CLASSES, data->rows[w], CLASSES, data->targets[w]);
}

static guint
best_of (const float *x)
{
  guint best = 0;

  for (guint i = 1; i < CLASSES; i++)
    if (x[i] > x[best])
      best = i;
  return best;
}

static void
test_windows (void)
{
  Data data;
  g_autoptr (TnOutputMetrics) metrics = tn_output_metrics_new ();
  TnOutputSummary summary;
  Long kl = 0, p_loss = 0, q_loss = 0, kl_max = -1, d[WINDOWS] = {0}, n[WINDOWS] = {0}, squares = 0, mean;
  guint64 rows = 0, agreed = 0, p_correct = 0, q_correct = 0, max_window = 0, max_row = 0, windows = 0;

  make_data (&data);
  for (guint w = WINDOWS; w-- > 0;)
    add_window (metrics, &data, w);
  for (guint w = 0; w < WINDOWS; w++)
    {
      for (gsize i = 0; i < data.rows[w]; i++)
        {
          const float *p = data.p[w] + i * CLASSES, *q = data.q[w] + i * CLASSES;
          Long divergence, p_nll, q_nll;

          if (data.targets[w][i] < 0 || (w == 5 && i == 3))
            continue;
          divergence = slow_divergence (p, q, CLASSES);
          p_nll = slow_log_sum_exp (p, CLASSES) - (Long) p[data.targets[w][i]];
          q_nll = slow_log_sum_exp (q, CLASSES) - (Long) q[data.targets[w][i]];
          rows++;
          kl += divergence;
          if (divergence > kl_max)
            {
              kl_max = divergence;
              max_window = w;
              max_row = i;
            }
          p_loss += p_nll;
          q_loss += q_nll;
          d[w] += q_nll - p_nll;
          n[w]++;
          agreed += best_of (p) == best_of (q);
          p_correct += best_of (p) == (guint) data.targets[w][i];
          q_correct += best_of (q) == (guint) data.targets[w][i];
        }
      windows += n[w] > 0;
    }
  mean = (q_loss - p_loss) / rows;
  for (guint w = 0; w < WINDOWS; w++)
    squares += (d[w] - mean * n[w]) * (d[w] - mean * n[w]);
  tn_output_metrics_summarize (metrics, 0.05, &summary);
  g_assert_cmpuint (summary.windows, ==, windows);
  g_assert_cmpuint (summary.rows, ==, rows);
  g_assert_cmpuint (summary.targets, ==, rows);
  g_assert_cmpuint (summary.nonfinite, ==, 1);
  g_assert_cmpfloat (fabsl ((Long) summary.kl.mean / (kl / rows) - 1), <, 1e-9L);
  g_assert_cmpfloat (fabsl ((Long) summary.kl_max / kl_max - 1), <, 1e-9L);
  g_assert_cmpuint (summary.kl_max_window, ==, max_window);
  g_assert_cmpuint (summary.kl_max_row, ==, max_row);
  g_assert_cmpfloat (summary.agreement.mean, ==, (double) agreed / (double) rows);
  g_assert_cmpfloat (fabsl ((Long) summary.reference_loss / (p_loss / rows) - 1), <, 1e-9L);
  g_assert_cmpfloat (fabsl ((Long) summary.approximation_loss / (q_loss / rows) - 1), <, 1e-9L);
  g_assert_cmpfloat (fabsl ((Long) summary.loss_difference.mean / mean - 1), <, 1e-9L);
  g_assert_cmpfloat (fabsl ((Long) summary.loss_difference.standard_error / (sqrtl (squares * windows / (windows - 1)) / rows) - 1), <, 1e-9L);
  g_assert_cmpfloat (summary.reference_accuracy, ==, (double) p_correct / (double) rows);
  g_assert_cmpfloat (summary.approximation_accuracy, ==, (double) q_correct / (double) rows);
  g_assert_cmpfloat (fabsl ((Long) summary.perplexity_ratio.mean / expl (mean) - 1), <, 1e-9L);
  g_assert_cmpfloat (summary.perplexity_ratio.low, <, summary.perplexity_ratio.mean);
  g_assert_cmpfloat (log (summary.perplexity_ratio.high), <, summary.loss_difference.high + 1e-12);
  free_data (&data);
}

static void
test_same_bits (void)
{
  int threads = omp_get_max_threads ();
  Data data;
  g_autoptr (TnOutputMetrics) expected = tn_output_metrics_new ();
  TnOutputSummary first, second;

  make_data (&data);
  omp_set_num_threads (1);
  for (guint w = 0; w < WINDOWS; w++)
    add_window (expected, &data, w);
  tn_output_metrics_summarize (expected, 0.05, &first);
  omp_set_num_threads (2);
  for (guint split = 0; split < 3; split++)
    {
      TnOutputMetrics *parts[3] = {tn_output_metrics_new (), tn_output_metrics_new (), tn_output_metrics_new ()};

      for (guint w = 0; w < WINDOWS; w++)
        add_window (parts[(w * 7 + split) % 3], &data, w);
      tn_output_metrics_merge (parts[split], parts[(split + 1) % 3]);
      tn_output_metrics_merge (parts[(split + 2) % 3], parts[split]);
      tn_output_metrics_summarize (parts[(split + 2) % 3], 0.05, &second);
      g_assert_cmpmem (&first, sizeof first, &second, sizeof second);
      for (guint i = 0; i < 3; i++)
        tn_output_metrics_free (parts[i]);
    }
  {
    g_autoptr (TnOutputMetrics) pieces = tn_output_metrics_new ();

    for (guint w = 0; w < WINDOWS; w++)
      for (gsize row = 0; row < data.rows[w]; row += 17)
        tn_output_metrics_add (pieces, w, row, data.p[w] + row * CLASSES, CLASSES, data.q[w] + row * CLASSES, CLASSES,
                               MIN (17, data.rows[w] - row), CLASSES, data.targets[w] + row);
    tn_output_metrics_summarize (pieces, 0.05, &second);
    g_assert_cmpmem (&first, sizeof first, &second, sizeof second);
  }
  omp_set_num_threads (threads);
  free_data (&data);
}

static void
test_nothing (void)
{
  g_autoptr (TnOutputMetrics) metrics = tn_output_metrics_new ();
  const float p[] = {1.0f, 2.0f};
  TnOutputSummary summary;

  tn_output_metrics_summarize (metrics, 0.05, &summary);
  g_assert_true (isnan (summary.kl.mean) && isnan (summary.kl_max) && isnan (summary.loss_difference.mean));
  tn_output_metrics_add (metrics, 3, 5, p, 2, p, 2, 1, 2, NULL);
  tn_output_metrics_summarize (metrics, 0.05, &summary);
  g_assert_cmpfloat (summary.kl.mean, ==, 0.0);
  g_assert_true (isnan (summary.kl.standard_error) && isnan (summary.kl.low));
  g_assert_cmpfloat (summary.agreement.mean, ==, 1.0);
  g_assert_cmpuint (summary.kl_max_row, ==, 5);
  g_assert_true (isnan (summary.reference_loss));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/output-metrics/divergence", test_divergence);
  g_test_add_func ("/output-metrics/tiny-divergence", test_tiny_divergence);
  g_test_add_func ("/output-metrics/far-logits", test_far_logits);
  g_test_add_func ("/output-metrics/windows", test_windows);
  g_test_add_func ("/output-metrics/same-bits", test_same_bits);
  g_test_add_func ("/output-metrics/nothing", test_nothing);
  return g_test_run ();
}
