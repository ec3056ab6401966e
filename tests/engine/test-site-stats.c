/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-stats.h"

#include <omp.h>
#include <string.h>

#include "engine/error.h"
#include "engine/kernels/variant.h"
#include "tests/activations.h"

static const guint widths[] = {1, 3, 64, 257, 600};

/* The power sums of a tile: 4 partial sums, groups of 8 channels, in each the rows, in each the channels. */
static void
add_tile_powers (TnGroupStats *group, const float *x, guint width, guint rows, guint n)
{
  double p[5][4] = {{0}};
  TnWideSum *sums[5] = {&group->sum_abs, &group->sum1, &group->sum2, &group->sum3, &group->sum4};

  for (guint first = 0; first < n; first += 8)
    for (guint r = 0; r < rows; r++)
      for (guint c = first; c < MIN (first + 8, n); c++)
        {
          double v = (double) x[(gsize) r * width + c], v2 = v * v;

          if (!(fabs (v) < 0x1p27))
            continue;
          p[0][c % 4] += fabs (v);
          p[1][c % 4] += v;
          p[2][c % 4] += v2;
          p[3][c % 4] = fma (v2, v, p[3][c % 4]);
          p[4][c % 4] = fma (v2, v2, p[4][c % 4]);
        }
  for (int k = 0; k < 5; k++)
    tn_wide_sum_add (sums[k], (p[k][0] + p[k][1]) + (p[k][2] + p[k][3]));
}

/* The statistics as the header words them, value by value. */
typedef struct
{
  TnExtreme extreme;
  gboolean any;
} Record;

static int
compare_records (gconstpointer a, gconstpointer b)
{
  const TnExtreme *x = &((const Record *) a)->extreme, *y = &((const Record *) b)->extreme;

  if (fabsf (x->value) != fabsf (y->value))
    return fabsf (x->value) > fabsf (y->value) ? -1 : 1;
  return x->sample < y->sample ? -1 : x->sample > y->sample;
}

/* Each different sequence's largest magnitude, sorted: the first of them. */
static void
list_largest (TnSiteStats *stats, const TnTestActivations *data)
{
  g_autofree Record *records = g_new0 (Record, data->n_sequences);
  guint n = 0;

  for (guint s = 0; s < data->n_sequences; s++)
    {
      Record *record = &records[n];
      gsize size = (gsize) data->sequences[s].length * data->width;

      for (guint i = 0; i < n; i++)
        if (records[i].extreme.sample == data->sequences[s].hash)
          record = &records[i];
      for (gsize i = 0; i < size; i++)
        if (isfinite (data->x[s][i]) && (!record->any || fabsf (data->x[s][i]) > fabsf (record->extreme.value)))
          *record = (Record){{data->x[s][i] == 0.0f ? 0.0f : data->x[s][i], data->sequences[s].hash, (guint32) (i / data->width),
                              (guint32) (i % data->width)},
                             TRUE};
      n += record == &records[n] && record->any;
    }
  qsort (records, n, sizeof *records, compare_records);
  stats->n_largest = MIN (n, TN_STATS_LARGEST);
  for (guint i = 0; i < stats->n_largest; i++)
    stats->largest[i] = records[i].extreme;
}

static TnSiteStats *
reference (const TnTestActivations *data)
{
  TnSiteStats *stats = tn_site_stats_new ("site", data->width);

  for (guint s = 0; s < data->n_sequences; s++)
    {
      TnGroupStats *group = &stats->groups[data->sequences[s].hash % TN_STATS_GROUPS];

      group->sequences++;
      stats->tokens += data->sequences[s].length;
      for (guint t = 0; t < data->sequences[s].length; t++)
        {
          const float *x = data->x[s] + (gsize) t * data->width;

          tn_float_histogram_add (stats->histogram, x, data->width);
          for (guint c = 0; c < data->width; c++)
            {
              TnChannelStats *channel = &stats->channels[c];
              TnExtreme here = {x[c] == 0.0f ? 0.0f : x[c], data->sequences[s].hash, t, c};
              double v = (double) x[c], v2 = v * v;

              if (!isfinite (x[c]))
                continue;
              if (here.value == 0.0f)
                group->zeros++;
              else
                {
                  guint32 bits;

                  memcpy (&bits, &here.value, sizeof bits);
                  stats->group_bins[(data->sequences[s].hash % TN_STATS_GROUPS) * TN_GROUP_BINS + (bits >> 21)]++;
                }
              group->min = MIN (group->min, here.value);
              group->max = MAX (group->max, here.value);
              for (int want_largest = 0; want_largest < 2; want_largest++)
                {
                  TnExtreme *best = want_largest ? &stats->max : &stats->min;
                  gboolean wins = want_largest ? here.value > best->value : here.value < best->value;

                  if (here.value == best->value)
                    wins = here.sample < best->sample ||
                           (here.sample == best->sample &&
                            (here.token < best->token || (here.token == best->token && here.channel < best->channel)));
                  if (!stats->has_extremes || wins)
                    *best = here;
                }
              stats->has_extremes = TRUE;
              channel->min = MIN (channel->min, here.value);
              channel->max = MAX (channel->max, here.value);
              if (fabs (v) >= 0x1p27)
                {
                  stats->oversize++;
                  continue;
                }
              group->count++;
              channel->count++;
              channel->sum += (TnChannelSum) rint (v * 0x1p40);
              channel->sum2 += (TnChannelSum) rint (v2 * 0x1p40);
            }
        }
      for (guint t = 0; t < data->sequences[s].length; t += 32)
        for (guint c = 0; c < data->width; c += 128)
          add_tile_powers (group, data->x[s] + (gsize) t * data->width + c, data->width, MIN (32, data->sequences[s].length - t),
                           MIN (128, data->width - c));
    }
  list_largest (stats, data);
  return stats;
}

static void
observe (TnSiteStats *stats, const TnTestActivations *data, const guint *which, guint n)
{
  g_autofree float *x = NULL;
  g_autoptr (TnBatch) batch = tn_test_activations_batch (data, which, n, &x);

  tn_site_stats_observe (stats, batch, x);
}

static void
assert_no_negative_zero (const TnSiteStats *stats)
{
  g_assert_false (stats->has_extremes && ((stats->min.value == 0.0f && signbit (stats->min.value)) ||
                                          (stats->max.value == 0.0f && signbit (stats->max.value))));
  for (guint c = 0; c < stats->width; c++)
    g_assert_false ((stats->channels[c].min == 0.0f && signbit (stats->channels[c].min)) ||
                    (stats->channels[c].max == 0.0f && signbit (stats->channels[c].max)));
}

static void
test_against_reference (void)
{
  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    for (int special = 0; special < 2; special++)
      for (int threads = 1; threads <= 2; threads++)
        {
          TnTestActivations data = tn_test_activations_new (w, 23, 150, widths[w], special);
          g_autoptr (TnSiteStats) expected = reference (&data);
          g_autoptr (TnSiteStats) stats = tn_site_stats_new ("site", widths[w]);
          guint all[23];

          for (guint i = 0; i < 23; i++)
            all[i] = i;
          omp_set_num_threads (threads);
          observe (stats, &data, all, 23);
          g_assert_true (tn_site_stats_equal (stats, expected));
          assert_no_negative_zero (stats);
          tn_test_activations_clear (&data);
        }
}

/* Values by where they stand: small ones, and among them what makes a tile, a group of channels or a channel another matter. */
static float
mixed_value (TnRandom *random, guint row, guint channel)
{
  static const float edges[] = {16.0f, -45.249996f, 45.25f, 2048.0f, -2047.9999f, 134217720.0f, -134217728.0f, NAN, INFINITY, -INFINITY};
  float value = (float) tn_random_normal (random);

  /* Two channels of large values, one of zeros, one of ties, one of denormals. */
  switch (channel % 97)
    {
    case 5:
      return value * 1e4f;
    case 17:
      return value * 1e7f;
    case 30:
      return row % 2 ? 0.0f : -0.0f;
    case 31:
      return MAX (value, 0.0f);
    case 64:
      return ldexpf ((float) (2 * (int) tn_random_below (random, 1000) + 1), -41);
    case 65:
      return value * 1e-38f;
    default:
      return tn_random_below (random, 2000) == 0 ? edges[tn_random_below (random, G_N_ELEMENTS (edges))] : value;
    }
}

/* Every variant, any shape: one sequence, or two whose tiles end elsewhere. */
static void
test_shapes (void)
{
  static const guint shape_widths[] = {1, 7, 8, 9, 16, 31, 32, 33, 64, 255, 256, 257, 1000};
  static const guint row_counts[] = {1, 2, 3, 31, 32, 33, 64, 2047, 2048, 2049};
  TnRandom random = tn_random_stream (5, "shapes");
  g_autofree gint32 *tokens = g_new0 (gint32, 2049);

  for (guint w = 0; w < G_N_ELEMENTS (shape_widths); w++)
    for (guint r = 0; r < G_N_ELEMENTS (row_counts); r++)
      {
        guint width = shape_widths[w], rows = row_counts[r], cut = rows > 5 ? rows / 3 : rows;
        g_autofree float *x = g_new (float, (gsize) rows *width);
        TnSequence sequences[] = {{.hash = 18, .length = cut, .tokens = tokens},
                                  {.hash = 3, .length = rows - cut, .tokens = tokens}};
        float *parts[] = {x, x + (gsize) cut * width};
        TnTestActivations data = {2, width, sequences, parts, tokens};
        g_autoptr (TnSiteStats) expected = NULL;
        g_autoptr (TnBatch) batch = tn_batch_new (sequences, 2);

        /* The tall ones not at every width: they take time. */
        if (rows > 1000 && w % 3 != r % 3)
          continue;
        for (gsize i = 0; i < (gsize) rows * width; i++)
          x[i] = mixed_value (&random, (guint) (i / width), (guint) (i % width));
        expected = reference (&data);
        for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
          for (int threads = 1; threads <= 3; threads += 2)
            {
              g_autoptr (TnSiteStats) stats = tn_site_stats_new ("site", width);

              if (!tn_variant_use (variant))
                continue;
              omp_set_num_threads (threads);
              tn_site_stats_observe (stats, batch, x);
              g_assert_true (tn_site_stats_equal (stats, expected));
              assert_no_negative_zero (stats);
            }
      }
}

/* Random splits into shards and batches, random orders and merge trees: always the same bits. */
static void
test_exactness (void)
{
  enum
  {
    N = 29
  };
  TnRandom random = tn_random_stream (7, "splits");

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    {
      TnTestActivations data = tn_test_activations_new (100 + w, N, 60, widths[w], TRUE);
      g_autoptr (TnSiteStats) whole = reference (&data);

      for (int round = 0; round < 12; round++)
        {
          guint order[N], n_shards = 1 + (guint) tn_random_below (&random, 5);
          g_autoptr (GPtrArray) shards = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_site_stats_free);

          for (guint i = 0; i < N; i++)
            order[i] = i;
          tn_test_shuffle (&random, order, N);
          for (guint k = 0; k < n_shards; k++)
            g_ptr_array_add (shards, tn_site_stats_new ("site", widths[w]));
          for (guint done = 0; done < N;)
            {
              guint n = 1 + (guint) tn_random_below (&random, 9);

              n = MIN (n, N - done);
              omp_set_num_threads (1 + (int) tn_random_below (&random, 2));
              observe (g_ptr_array_index (shards, tn_random_below (&random, n_shards)), &data, order + done, n);
              done += n;
            }
          while (shards->len > 1)
            {
              g_autoptr (GError) error = NULL;
              guint taken = (guint) tn_random_below (&random, shards->len - 1) + 1;

              g_assert_true (tn_site_stats_merge (g_ptr_array_index (shards, 0), g_ptr_array_index (shards, taken), &error));
              g_assert_no_error (error);
              g_ptr_array_remove_index_fast (shards, taken);
            }
          g_assert_true (tn_site_stats_equal (g_ptr_array_index (shards, 0), whole));
        }
      tn_test_activations_clear (&data);
    }
}

/* More rows than the narrow accumulators hold at once, all at the largest magnitude they take, and beyond. */
static void
test_no_overflow (void)
{
  static const float magnitudes[] = {45.249996f, -45.249996f, 2047.9999f, -2047.9999f, 134217720.0f, -134217720.0f};
  enum
  {
    ROWS = 9001,
    WIDTH = 9
  };
  g_autofree gint32 *tokens = g_new0 (gint32, ROWS);
  TnSequence sequence = {.hash = 5, .length = ROWS, .tokens = tokens};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
  g_autofree float *x = g_new (float, ROWS *WIDTH);

  for (guint m = 0; m < G_N_ELEMENTS (magnitudes); m++)
    {
      g_autoptr (TnSiteStats) stats = tn_site_stats_new ("site", WIDTH);
      double value = (double) magnitudes[m];

      for (guint i = 0; i < ROWS * WIDTH; i++)
        x[i] = magnitudes[m];
      tn_site_stats_observe (stats, batch, x);
      for (guint c = 0; c < WIDTH; c++)
        {
          g_assert_true (stats->channels[c].sum == (TnChannelSum) (value * 0x1p40) * ROWS);
          g_assert_true (stats->channels[c].sum2 == (TnChannelSum) (value * value * 0x1p40) * ROWS);
        }
      g_assert_cmpfloat (tn_wide_sum_to_double (&stats->groups[5].sum1), ==, value * ROWS * WIDTH);
      g_assert_cmpuint (stats->oversize, ==, 0);
    }
}

static void
test_summary (void)
{
  enum
  {
    WIDTH = 64
  };
  TnTestActivations data = tn_test_activations_new (3, 40, 200, WIDTH, FALSE);
  g_autoptr (TnSiteStats) stats = reference (&data);
  g_autoptr (TnSiteStats) empty = tn_site_stats_new ("site", WIDTH);
  TnSiteSummary summary;
  long double n = 0, mean = 0, m2 = 0, m3 = 0, m4 = 0, absolute = 0;

  for (guint s = 0; s < data.n_sequences; s++)
    for (gsize i = 0; i < (gsize) data.sequences[s].length * WIDTH; i++)
      {
        n++;
        mean += (long double) data.x[s][i];
        absolute += fabsl ((long double) data.x[s][i]);
      }
  mean /= n;
  for (guint s = 0; s < data.n_sequences; s++)
    for (gsize i = 0; i < (gsize) data.sequences[s].length * WIDTH; i++)
      {
        long double d = (long double) data.x[s][i] - mean;

        m2 += d * d;
        m3 += d * d * d;
        m4 += d * d * d * d;
      }
  m2 /= n;
  tn_site_stats_summarize (stats, &summary);
  g_assert_cmpuint (summary.count, ==, (guint64) n);
  g_assert_cmpuint (summary.nonfinite, ==, 0);
  g_assert_cmpfloat_with_epsilon (summary.mean, (double) mean, 1e-14);
  g_assert_cmpfloat_with_epsilon (summary.std, (double) sqrtl (m2), 1e-13);
  g_assert_cmpfloat_with_epsilon (summary.absmean, (double) (absolute / n), 1e-13);
  g_assert_cmpfloat_with_epsilon (summary.skewness, (double) (m3 / n / (m2 * sqrtl (m2))), 1e-12);
  g_assert_cmpfloat_with_epsilon (summary.kurtosis, (double) (m4 / n / (m2 * m2)), 1e-12);
  g_assert_cmpfloat (summary.max, ==, (double) stats->max.value);
  g_assert_cmpfloat (summary.zeros, ==, 0.0);

  tn_site_stats_summarize (empty, &summary);
  g_assert_cmpuint (summary.count, ==, 0);
  g_assert_true (isnan (summary.mean) && isnan (summary.min) && isnan (summary.kurtosis) && isnan (summary.zeros));
  tn_test_activations_clear (&data);
}

static void
test_mismatch (void)
{
  g_autoptr (TnSiteStats) a = tn_site_stats_new ("site", 3);
  g_autoptr (TnSiteStats) b = tn_site_stats_new ("site", 4);
  g_autoptr (TnSiteStats) c = tn_site_stats_copy (a);
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_site_stats_merge (a, b, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_clear_error (&error);
  a->tokens = TN_STATS_MAX_TOKENS - 1;
  c->tokens = 2;
  g_assert_false (tn_site_stats_merge (a, c, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_cmpuint (a->tokens, ==, TN_STATS_MAX_TOKENS - 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/site-stats/reference", test_against_reference);
  g_test_add_func ("/site-stats/shapes", test_shapes);
  g_test_add_func ("/site-stats/exactness", test_exactness);
  g_test_add_func ("/site-stats/no-overflow", test_no_overflow);
  g_test_add_func ("/site-stats/summary", test_summary);
  g_test_add_func ("/site-stats/mismatch", test_mismatch);
  return g_test_run ();
}
