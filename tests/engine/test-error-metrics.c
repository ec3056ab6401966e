/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/kernels/variant.h"
#include "engine/metrics/error-metrics.h"
#include "engine/metrics/exact-sum.h"
#include "engine/metrics/metric-names.h"
#include "engine/random.h"

typedef long double Long;

typedef struct
{
  gsize rows, columns, stride;
  float *x, *y;
} Pair;

static void
pair_clear (Pair *self)
{
  g_free (self->x);
  g_free (self->y);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_clear)

/* Normal values, their approximation with some noise; now and then an exact pair, a zero, and where it is asked for what is not finite. */
static void
fill (Pair *pair, gsize rows, gsize columns, double noise, gboolean hostile, const char *stream)
{
  TnRandom random = tn_random_stream (7, stream);

  *pair = (Pair){.rows = rows, .columns = columns, .stride = columns + 3};
  pair->x = g_new0 (float, rows * pair->stride + 1);
  pair->y = g_new0 (float, rows * pair->stride + 1);
  for (gsize row = 0; row < rows; row++)
    for (gsize column = 0; column < columns; column++)
      {
        float *x = pair->x + row * pair->stride + column, *y = pair->y + row * pair->stride + column;
        guint64 kind = tn_random_below (&random, 50);

        *x = (float) tn_random_normal (&random);
        *y = *x + (float) (noise * tn_random_normal (&random));
        if (kind == 0)
          *y = *x;
        else if (kind == 1)
          *x = 0.0f;
        else if (hostile && kind == 2)
          *x = NAN;
        else if (hostile && kind == 3)
          *y = tn_random_below (&random, 2) ? INFINITY : -INFINITY;
        else if (hostile && kind == 4)
          *x = *y = INFINITY;
      }
  if (rows > 3)
    memset (pair->x + 1 * pair->stride, 0, columns * sizeof (float));
  if (rows > 3)
    memset (pair->y + 3 * pair->stride, 0, columns * sizeof (float));
}

static TnErrorMetrics *
measure (const Pair *pair, TnErrorMetricsFlags flags)
{
  TnErrorMetrics *self = tn_error_metrics_new (pair->columns, flags);

  tn_error_metrics_add (self, 0, pair->x, pair->stride, pair->y, pair->stride, pair->rows);
  return self;
}

static void
assert_close (double value, Long expected)
{
  if (isnan ((double) expected) || isinf ((double) expected))
    g_assert_true (memcmp (&value, &(double){(double) expected}, 0) == 0 && isnan (value) == isnan ((double) expected)
                   && (isnan (value) || value == (double) expected));
  else
    g_assert_cmpfloat (fabsl ((Long) value - expected), <=, 1e-9L * fabsl (expected) + 1e-300L);
}

static Long
decibels (Long signal, Long noise)
{
  if (noise == 0)
    return signal > 0 ? (Long) INFINITY : (Long) NAN;
  return signal > 0 ? 10.0L * log10l (signal / noise) : -(Long) INFINITY;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  return *(const double *) a < *(const double *) b ? -1 : *(const double *) a > *(const double *) b;
}

/* Sums of a part of the matrix, one by one. */
typedef struct
{
  Long n, e2, x2, y2, xy, e, abs_e, abs_x, abs_ex, relative, max;
} Sums;

static gboolean
add_pair (Sums *sums, double x, double y)
{
  Long e = (Long) y - (Long) x;

  if (!isfinite (x) || !isfinite (y))
    return FALSE;
  sums->n++;
  sums->e2 += e * e;
  sums->x2 += (Long) x * x;
  sums->y2 += (Long) y * y;
  sums->xy += (Long) x * y;
  sums->e += e;
  sums->abs_e += fabsl (e);
  sums->abs_x += fabsl ((Long) x);
  sums->abs_ex += fabsl (e) * fabsl ((Long) x);
  if (x != 0.0)
    sums->relative += fabsl (e) / fabsl ((Long) x);
  sums->max = fmaxl (sums->max, fabsl (e));
  return TRUE;
}

static void
check (const Pair *pair)
{
  g_autoptr (TnErrorMetrics) metrics = measure (pair, TN_ERROR_METRICS_CHANNELS | TN_ERROR_METRICS_ROWS);
  TnErrorSummary summary;
  Sums all = {0};
  guint64 exact = 0, zeros = 0, bad_x = 0, bad_y = 0, zero_rows_x = 0, zero_rows_y = 0, max_row = 0, max_column = 0;
  Long segments = 0, n_segments = 0, cosines = 0, n_cosines = 0, least = 2, min = INFINITY, max = -INFINITY, found = -1;
  g_autofree double *magnitudes = g_new (double, pair->rows * pair->columns + 1);
  gsize n_magnitudes = 0;

  tn_error_metrics_summarize (metrics, &summary);
  g_assert_cmpuint (tn_error_metrics_get_n_rows (metrics), ==, pair->columns > 0 ? pair->rows : 0);
  for (gsize row = 0; row < pair->rows && pair->columns > 0; row++)
    {
      Sums sums = {0};
      TnErrorPart part;

      for (gsize column = 0; column < pair->columns; column++)
        {
          double x = pair->x[row * pair->stride + column], y = pair->y[row * pair->stride + column];

          if (!add_pair (&sums, x, y))
            {
              bad_x += !isfinite (x);
              bad_y += isfinite (x);
              continue;
            }
          add_pair (&all, x, y);
          exact += x == y;
          zeros += x == 0.0;
          min = fminl (min, (Long) x);
          max = fmaxl (max, (Long) x);
          magnitudes[n_magnitudes++] = fabs (y - x);
          if ((Long) fabs (y - x) > found)
            {
              found = fabs (y - x);
              max_row = row;
              max_column = column;
            }
        }
      tn_error_metrics_get_row (metrics, row, &part);
      g_assert_cmpuint (part.index, ==, row);
      g_assert_cmpuint (part.count, ==, (guint64) sums.n);
      assert_close (part.sqnr_db, decibels (sums.x2, sums.e2));
      if (sums.n > 0)
        assert_close (part.mse, sums.e2 / sums.n);
      if (sums.n == 0)
        continue;
      if (sums.x2 > 0)
        {
          segments += fminl (fmaxl (decibels (sums.x2, sums.e2), (Long) TN_SEGMENTAL_LEAST_DB), (Long) TN_SEGMENTAL_MOST_DB);
          n_segments++;
        }
      if (sums.x2 > 0 && sums.y2 > 0)
        {
          Long cosine = sums.xy / sqrtl (sums.x2 * sums.y2);

          assert_close (part.cosine, cosine);
          cosines += cosine;
          n_cosines++;
          least = fminl (least, cosine);
        }
      else if (sums.x2 == 0)
        zero_rows_x++;
      else
        zero_rows_y++;
    }
  g_assert_cmpuint (summary.count, ==, (guint64) all.n);
  g_assert_cmpuint (summary.nonfinite_reference, ==, bad_x);
  g_assert_cmpuint (summary.nonfinite_approximation, ==, bad_y);
  g_assert_cmpuint (summary.exact, ==, exact);
  g_assert_cmpuint (summary.zero_references, ==, zeros);
  g_assert_cmpuint (summary.zero_rows_reference, ==, zero_rows_x);
  g_assert_cmpuint (summary.zero_rows_approximation, ==, zero_rows_y);
  if (all.n == 0)
    {
      g_assert_true (isnan (summary.mse) && isnan (summary.max_abs) && isnan (summary.sqnr_db) && isnan (summary.cosine));
      return;
    }
  assert_close (summary.mse, all.e2 / all.n);
  assert_close (summary.rmse, sqrtl (all.e2 / all.n));
  if (all.x2 > 0)
    assert_close (summary.nmse, all.e2 / all.x2);
  assert_close (summary.peak, max - min);
  assert_close (summary.psnr_db, decibels ((max - min) * (max - min), all.e2 / all.n));
  assert_close (summary.mean_abs, all.abs_e / all.n);
  assert_close (summary.max_abs, all.max);
  g_assert_cmpuint (summary.max_row, ==, max_row);
  g_assert_cmpuint (summary.max_column, ==, max_column);
  if (all.n > zeros)
    assert_close (summary.mean_relative, all.relative / (all.n - zeros));
  g_assert_cmpfloat (fabsl ((Long) summary.bias - all.e / all.n), <=, 1e-9L * all.abs_e / all.n);
  assert_close (summary.sqnr_db, decibels (all.x2, all.e2));
  assert_close (summary.effective_bits, (decibels (all.x2, all.e2) - 1.76L) / 6.02L);
  if (n_segments > 0)
    assert_close (summary.segmental_sqnr_db, segments / n_segments);
  if (all.x2 > 0 && all.y2 > 0)
    {
      Long cosine = all.xy / sqrtl (all.x2 * all.y2);

      assert_close (summary.cosine, cosine);
      g_assert_cmpfloat (fabsl ((Long) summary.angle - acosl (fminl (cosine, 1)) / (Long) G_PI), <=, 1e-8L);
    }
  if (n_cosines > 0)
    {
      assert_close (summary.row_cosine_mean, cosines / n_cosines);
      assert_close (summary.row_cosine_min, least);
    }
  if (all.n > 4)
    {
      Long a = all.n * all.e2 - all.abs_e * all.abs_e, b = all.n * all.x2 - all.abs_x * all.abs_x;

      if (a > 1e-9L * all.n * all.e2 && b > 1e-9L * all.n * all.x2)
        g_assert_cmpfloat (fabsl ((Long) summary.magnitude_correlation - (all.n * all.abs_ex - all.abs_e * all.abs_x) / sqrtl (a * b)), <=, 1e-9L);
    }
  qsort (magnitudes, n_magnitudes, sizeof (double), compare_doubles);
  if (n_magnitudes > 1000)
    {
      g_assert_cmpfloat (fabs (summary.abs_p50 / magnitudes[n_magnitudes / 2] - 1.0), <, 0.02);
      g_assert_cmpfloat (fabs (summary.abs_p99 / magnitudes[n_magnitudes * 99 / 100] - 1.0), <, 0.1);
    }
  g_assert_cmpuint (tn_float_histogram_count (tn_error_metrics_get_histogram (metrics)), ==, n_magnitudes);

  for (gsize column = 0; column < pair->columns; column++)
    {
      Sums sums = {0};
      TnErrorPart part;

      for (gsize row = 0; row < pair->rows; row++)
        add_pair (&sums, pair->x[row * pair->stride + column], pair->y[row * pair->stride + column]);
      tn_error_metrics_get_channel (metrics, column, &part);
      g_assert_cmpuint (part.index, ==, column);
      g_assert_cmpuint (part.count, ==, (guint64) sums.n);
      if (sums.n == 0)
        continue;
      assert_close (part.mse, sums.e2 / sums.n);
      assert_close (part.sqnr_db, decibels (sums.x2, sums.e2));
      assert_close (part.max_abs, sums.max);
      if (sums.x2 > 0 && sums.y2 > 0)
        assert_close (part.cosine, sums.xy / sqrtl (sums.x2 * sums.y2));
    }
}

static void
test_reference (void)
{
  const gsize sizes[][2] = {{0, 5}, {1, 1}, {1, 4}, {2, 3}, {5, 7}, {17, 13}, {31, 64}, {4, 4097}, {3, 8191}, {131, 521}, {1025, 65}};

  for (guint hostile = 0; hostile < 2; hostile++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        g_auto (Pair) pair;

        fill (&pair, sizes[i][0], sizes[i][1], 0.1, hostile != 0, "reference");
        check (&pair);
      }
}

/* Errors far below the values: what would cancel if 1 - cosine were found as such. */
static void
test_small_errors (void)
{
  g_auto (Pair) pair;
  g_autoptr (TnErrorMetrics) metrics = NULL;
  TnErrorSummary summary;
  Long x2 = 0, y2 = 0, xy = 0, parallel, rest = 0;

  fill (&pair, 37, 101, 1e-6, FALSE, "small");
  memcpy (pair.y + 3 * pair.stride, pair.x + 3 * pair.stride, pair.columns * sizeof (float));
  memcpy (pair.y + 1 * pair.stride, pair.x + 1 * pair.stride, pair.columns * sizeof (float));
  check (&pair);
  for (gsize i = 0; i < pair.rows * pair.stride; i++)
    {
      /* A zero against a value of size 1 would be no small error. */
      if (pair.x[i] == 0.0f)
        pair.y[i] = 0.0f;
      x2 += (Long) pair.x[i] * pair.x[i];
      y2 += (Long) pair.y[i] * pair.y[i];
      xy += (Long) pair.x[i] * pair.y[i];
    }
  /* sin of the angle from the part of y that stands across x. */
  parallel = xy / x2;
  for (gsize i = 0; i < pair.rows * pair.stride; i++)
    rest += ((Long) pair.y[i] - parallel * pair.x[i]) * ((Long) pair.y[i] - parallel * pair.x[i]);
  metrics = measure (&pair, TN_ERROR_METRICS_WHOLE);
  tn_error_metrics_summarize (metrics, &summary);
  g_assert_cmpfloat (summary.cosine_distance, <, 1e-11);
  g_assert_cmpfloat (fabsl ((Long) summary.angle * (Long) G_PI / asinl (sqrtl (rest / y2)) - 1.0L), <, 1e-7L);
}

static void
test_known (void)
{
  const float x[] = {1.0f, -2.0f, 0.0f, 4.0f, NAN, 1.0f}, y[] = {1.5f, -2.0f, 0.25f, 3.0f, 1.0f, INFINITY};
  g_autoptr (TnErrorMetrics) metrics = tn_error_metrics_new (3, TN_ERROR_METRICS_WHOLE);
  TnErrorSummary summary;

  tn_error_metrics_add (metrics, 10, x, 3, y, 3, 2);
  tn_error_metrics_summarize (metrics, &summary);
  g_assert_cmpuint (summary.rows, ==, 2);
  g_assert_cmpuint (summary.count, ==, 4);
  g_assert_cmpuint (summary.nonfinite_reference, ==, 1);
  g_assert_cmpuint (summary.nonfinite_approximation, ==, 1);
  g_assert_cmpfloat (summary.mse, ==, (0.25 + 0.0625 + 1.0) / 4.0);
  g_assert_cmpfloat (summary.bias, ==, -0.25 / 4.0);
  g_assert_cmpfloat (summary.peak, ==, 6.0);
  g_assert_cmpfloat (summary.mean_relative, ==, (0.5 + 0.0 + 0.25) / 3.0);
  g_assert_cmpfloat (summary.max_abs, ==, 1.0);
  g_assert_cmpuint (summary.max_row, ==, 11);
  g_assert_cmpuint (summary.max_column, ==, 0);
  g_assert_cmpuint (summary.exact, ==, 1);
  g_assert_cmpuint (summary.zero_references, ==, 1);

  tn_error_metrics_clear (metrics);
  tn_error_metrics_add (metrics, 0, x, 3, x, 3, 1);
  tn_error_metrics_summarize (metrics, &summary);
  g_assert_true (isinf (summary.sqnr_db) && isinf (summary.psnr_db));
  g_assert_cmpfloat (summary.cosine, ==, 1.0);
  g_assert_cmpfloat (summary.angle, ==, 0.0);
  g_assert_cmpfloat (summary.segmental_sqnr_db, ==, TN_SEGMENTAL_MOST_DB);
  g_assert_true (isnan (summary.magnitude_correlation));
}

/* The largest and smallest float32 there are: nothing overflows, nothing is lost. */
static void
test_extremes (void)
{
  const float x[] = {FLT_MAX, 0x1p-149f, 0x1p-149f, -FLT_MAX}, y[] = {-FLT_MAX, 0x1p-148f, 0x1p-149f, -FLT_MAX};
  g_autoptr (TnErrorMetrics) metrics = tn_error_metrics_new (1, TN_ERROR_METRICS_ROWS);
  g_autoptr (TnErrorMetrics) small = tn_error_metrics_new (1, TN_ERROR_METRICS_WHOLE);
  TnErrorSummary summary;

  tn_error_metrics_add (metrics, 0, x, 1, y, 1, 4);
  tn_error_metrics_summarize (metrics, &summary);
  assert_close (summary.mse, 4.0L * FLT_MAX * (Long) FLT_MAX / 4.0L);
  g_assert_cmpfloat (summary.max_abs, ==, 2.0 * (double) FLT_MAX);
  g_assert_true (isfinite (summary.abs_p999));
  tn_error_metrics_add (small, 0, x + 1, 1, y + 1, 1, 1);
  tn_error_metrics_summarize (small, &summary);
  g_assert_cmpfloat (summary.mse, ==, 0x1p-298);
  g_assert_cmpfloat (summary.sqnr_db, ==, 0.0);
}

static void
assert_same_summary (const TnErrorMetrics *a, const TnErrorMetrics *b)
{
  TnErrorSummary first, second;

  tn_error_metrics_summarize (a, &first);
  tn_error_metrics_summarize (b, &second);
  g_assert_cmpmem (&first, sizeof first, &second, sizeof second);
  g_assert_cmpuint (tn_error_metrics_get_n_rows (a), ==, tn_error_metrics_get_n_rows (b));
  for (gsize i = 0; i < tn_error_metrics_get_n_rows (a); i++)
    {
      TnErrorPart part_a, part_b;

      tn_error_metrics_get_row (a, i, &part_a);
      tn_error_metrics_get_row (b, i, &part_b);
      g_assert_cmpmem (&part_a, sizeof part_a, &part_b, sizeof part_b);
    }
}

static void
assert_same_channels (const TnErrorMetrics *a, const TnErrorMetrics *b)
{
  for (gsize i = 0; i < tn_error_metrics_get_columns (a); i++)
    {
      TnErrorPart part_a, part_b;

      tn_error_metrics_get_channel (a, i, &part_a);
      tn_error_metrics_get_channel (b, i, &part_b);
      g_assert_cmpmem (&part_a, sizeof part_a, &part_b, sizeof part_b);
    }
}

static void
test_threads (void)
{
  const TnErrorMetricsFlags flags = TN_ERROR_METRICS_CHANNELS | TN_ERROR_METRICS_ROWS;
  int threads = omp_get_max_threads ();
  g_auto (Pair) pair;
  g_autoptr (TnErrorMetrics) one = NULL, two = NULL, three = NULL, pieces = NULL;
  gsize row = 0;

  fill (&pair, 1511, 409, 0.3, TRUE, "threads");
  omp_set_num_threads (1);
  one = measure (&pair, flags);
  omp_set_num_threads (2);
  two = measure (&pair, flags);
  omp_set_num_threads (3);
  three = measure (&pair, flags);
  pieces = tn_error_metrics_new (pair.columns, flags);
  for (gsize n = 1; row < pair.rows; row += n, n = MIN (n * 3 + 1, pair.rows - row))
    tn_error_metrics_add (pieces, row, pair.x + row * pair.stride, pair.stride, pair.y + row * pair.stride, pair.stride, MIN (n, pair.rows - row));
  omp_set_num_threads (threads);
  assert_same_summary (one, two);
  assert_same_summary (one, three);
  assert_same_summary (one, pieces);
  assert_same_channels (one, two);
  assert_same_channels (one, three);
  assert_same_channels (one, pieces);
}

static void
test_merge_trees (void)
{
  TnRandom random = tn_random_stream (3, "trees");
  g_auto (Pair) pair;
  g_autoptr (TnErrorMetrics) whole = NULL;

  fill (&pair, 211, 67, 0.2, TRUE, "merge");
  whole = measure (&pair, TN_ERROR_METRICS_ROWS);
  for (guint round = 0; round < 10; round++)
    {
      g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_error_metrics_free);

      for (gsize row = 0; row < pair.rows;)
        {
          gsize drawn = 1 + tn_random_below (&random, 40), n = MIN (drawn, pair.rows - row);
          TnErrorMetrics *part = tn_error_metrics_new (pair.columns, TN_ERROR_METRICS_ROWS);

          tn_error_metrics_add (part, row, pair.x + row * pair.stride, pair.stride, pair.y + row * pair.stride, pair.stride, n);
          g_ptr_array_add (parts, part);
          row += n;
        }
      while (parts->len > 1)
        {
          guint into = (guint) tn_random_below (&random, parts->len), from = (guint) tn_random_below (&random, parts->len);

          if (into == from)
            continue;
          tn_error_metrics_merge (parts->pdata[into], parts->pdata[from]);
          g_ptr_array_remove_index_fast (parts, from);
        }
      assert_same_summary (whole, parts->pdata[0]);
    }
}

static void
test_merge_channels (void)
{
  g_auto (Pair) pair;
  g_autoptr (TnErrorMetrics) whole = NULL, a = NULL, b = NULL;

  fill (&pair, 101, 29, 0.2, TRUE, "channels");
  whole = measure (&pair, TN_ERROR_METRICS_CHANNELS);
  a = tn_error_metrics_new (pair.columns, TN_ERROR_METRICS_CHANNELS);
  b = tn_error_metrics_new (pair.columns, TN_ERROR_METRICS_CHANNELS);
  tn_error_metrics_add (a, 0, pair.x, pair.stride, pair.y, pair.stride, 40);
  tn_error_metrics_add (b, 40, pair.x + 40 * pair.stride, pair.stride, pair.y + 40 * pair.stride, pair.stride, 61);
  tn_error_metrics_merge (b, a);
  for (gsize i = 0; i < pair.columns; i++)
    {
      TnErrorPart first, second;

      tn_error_metrics_get_channel (whole, i, &first);
      tn_error_metrics_get_channel (b, i, &second);
      g_assert_cmpuint (first.count, ==, second.count);
      g_assert_cmpfloat (first.max_abs, ==, second.max_abs);
      g_assert_cmpfloat_with_epsilon (first.mse, second.mse, 1e-14 * first.mse);
      g_assert_cmpfloat_with_epsilon (first.cosine, second.cosine, 1e-14);
    }
}

static void
test_variants (void)
{
  const TnErrorMetricsFlags flags = TN_ERROR_METRICS_CHANNELS | TN_ERROR_METRICS_ROWS;
  TnVariant used = tn_variant_get ();
  g_auto (Pair) pair;
  g_autoptr (TnErrorMetrics) expected = NULL;

  fill (&pair, 43, 139, 0.2, TRUE, "variants");
  g_assert_true (tn_variant_use (TN_VARIANT_SCALAR));
  expected = measure (&pair, flags);
  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use (variant))
      {
        g_autoptr (TnErrorMetrics) metrics = measure (&pair, flags);

        assert_same_summary (expected, metrics);
        assert_same_channels (expected, metrics);
      }
  tn_variant_use (used);
}

static void
test_exact_sum (void)
{
  TnRandom random = tn_random_stream (5, "exact");
  TnExactSum sum = {0}, part = {0};
  const double extremes[] = {0x1p256, -0x1p-298, 0x1.fffffffffffffp-300, 1.0, -0x1p256, 0x1p-298, -1.0};

  for (guint i = 0; i < G_N_ELEMENTS (extremes); i++)
    tn_exact_sum_add (i % 2 ? &part : &sum, extremes[i]);
  tn_exact_sum_merge (&sum, &part);
  g_assert_cmpfloat (tn_exact_sum_to_double (&sum), ==, 0x1.fffffffffffffp-300);
  /* Ties go to the even neighbour, what lies above them up. */
  sum = (TnExactSum){0};
  tn_exact_sum_add (&sum, 1.0);
  tn_exact_sum_add (&sum, 0x1p-53);
  g_assert_cmpfloat (tn_exact_sum_to_double (&sum), ==, 1.0);
  tn_exact_sum_add (&sum, 0x1p-340);
  g_assert_cmpfloat (tn_exact_sum_to_double (&sum), ==, 1.0 + 0x1p-52);
  tn_exact_sum_add (&sum, -2.0);
  g_assert_cmpfloat (tn_exact_sum_to_double (&sum), ==, -1.0 + 0x1p-53);
  /* Against integers that doubles hold. */
  sum = (TnExactSum){0};
  {
    gint64 expected = 0;

    for (guint i = 0; i < 10000; i++)
      {
        gint64 value = (gint64) tn_random_below (&random, G_GUINT64_CONSTANT (1) << 40) - (G_GINT64_CONSTANT (1) << 39);

        expected += value;
        tn_exact_sum_add (&sum, (double) value);
      }
    g_assert_cmpfloat (tn_exact_sum_to_double (&sum), ==, (double) expected);
  }
}

static void
test_names (void)
{
  guint n;
  const TnMetric *metrics = tn_metrics_list (&n);
  TnErrorSummary summary = {.sqnr_db = 3.0, .mse = 0.5, .abs_p999 = 7.0};

  for (guint i = 0; i < n; i++)
    g_assert_true (tn_metric_find (metrics[i].name) == &metrics[i]);
  g_assert_null (tn_metric_find ("loudness"));
  g_assert_cmpfloat (tn_metric_get (tn_metric_find ("sqnr_db"), &summary), ==, 3.0);
  g_assert_cmpfloat (tn_metric_get (tn_metric_find ("abs_p999"), &summary), ==, 7.0);
  g_assert_cmpint (tn_metric_compare_worst (tn_metric_find ("sqnr_db"), 1.0, 2.0), <, 0);
  g_assert_cmpint (tn_metric_compare_worst (tn_metric_find ("mse"), 1.0, 2.0), >, 0);
  g_assert_cmpint (tn_metric_compare_worst (tn_metric_find ("bias"), -2.0, 1.0), <, 0);
  g_assert_cmpint (tn_metric_compare_worst (tn_metric_find ("mse"), NAN, 2.0), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error-metrics/reference", test_reference);
  g_test_add_func ("/error-metrics/small-errors", test_small_errors);
  g_test_add_func ("/error-metrics/known", test_known);
  g_test_add_func ("/error-metrics/extremes", test_extremes);
  g_test_add_func ("/error-metrics/threads", test_threads);
  g_test_add_func ("/error-metrics/merge-trees", test_merge_trees);
  g_test_add_func ("/error-metrics/merge-channels", test_merge_channels);
  g_test_add_func ("/error-metrics/variants", test_variants);
  g_test_add_func ("/error-metrics/exact-sum", test_exact_sum);
  g_test_add_func ("/error-metrics/names", test_names);
  return g_test_run ();
}
