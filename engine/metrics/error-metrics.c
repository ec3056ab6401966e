/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/error-metrics.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/kernels/error-sums.h"
#include "engine/metrics/exact-sum.h"

/* A row is cut here, so that the magnitudes of a piece stay in the first-level cache. */
#define PIECE ((gsize) 4096)
/* Fewer pairs are not worth a team of threads. */
#define PARALLEL_PAIRS ((gsize) 1 << 16)
/* Rows of so many pairs are looked at again by columns before they leave the cache that threads share. */
#define TILE_PAIRS ((gsize) 1 << 19)
#define COLUMNS_A_TURN ((gsize) 16)
/* What fits into counts of 32 bits. */
#define MOST_COUNTED ((guint64) G_MAXUINT32)

enum
{
  ERROR_SQUARE,
  X_SQUARE,
  Y_SQUARE,
  PRODUCT,
  ERROR,
  ABS_ERROR,
  ABS_X,
  ABS_PRODUCT,
  RELATIVE,
  SEGMENT_DB,
  ROW_DISTANCE,
  N_SUMS
};

typedef struct
{
  guint64 index, count;
  double error_square, x_square, y_square, product, error, max_error;
} Part;

/* What one thread has seen. */
typedef struct
{
  TnExactSum sums[N_SUMS];
  guint64 rows, count, nonfinite_x, nonfinite_y, zeros;
  guint64 zero_rows_x, zero_rows_y, segments, directions;
  double min, max;
  double max_error;
  guint64 max_row, max_column;
  double max_distance;
  guint64 max_distance_row;
  TnMagnitudeCounts counts; /* magnitudes not yet in the histogram, */
  guint64 counted;          /* how many */
  TnFloatHistogram *magnitudes;
  TnFloatHistogram *distances; /* 1 - cosine of rows */
  GArray *parts;               /* Part of rows, or NULL */
  float *scratch;              /* [3 PIECE] */
} Totals;

struct _TnErrorMetrics
{
  gsize columns;
  TnErrorMetricsFlags flags;
  GPtrArray *totals; /* Totals: the first is that of everything, the others what threads have not handed over */
  TnErrorColumns channels;
  guint64 channel_rows;
};

static Totals *
totals_new (TnErrorMetricsFlags flags)
{
  Totals *self = g_new0 (Totals, 1);

  self->min = INFINITY;
  self->max = -INFINITY;
  self->max_error = self->max_distance = -1.0;
  self->magnitudes = tn_float_histogram_new ();
  self->distances = tn_float_histogram_new ();
  self->scratch = g_new (float, 3 * PIECE);
  self->counts.even = g_new0 (guint32, TN_MAGNITUDE_BINS);
  self->counts.odd = g_new0 (guint32, TN_MAGNITUDE_BINS);
  if (flags & TN_ERROR_METRICS_ROWS)
    self->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  return self;
}

static void
totals_free (gpointer data)
{
  Totals *self = data;

  tn_float_histogram_free (self->magnitudes);
  tn_float_histogram_free (self->distances);
  g_clear_pointer (&self->parts, g_array_unref);
  g_free (self->scratch);
  g_free (self->counts.even);
  g_free (self->counts.odd);
  g_free (self);
}

/* The tables' counts into the histogram. */
static void
flush_counts (Totals *self)
{
  guint64 counts[TN_FLOAT_HISTOGRAM_BLOCK];

  if (self->counted == 0)
    return;
  for (guint block = 0; block < TN_MAGNITUDE_BINS / TN_FLOAT_HISTOGRAM_BLOCK; block++)
    {
      guint first = block * TN_FLOAT_HISTOGRAM_BLOCK;
      guint32 any = 0;

      for (guint i = 0; i < TN_FLOAT_HISTOGRAM_BLOCK; i++)
        any |= self->counts.even[first + i] | self->counts.odd[first + i];
      if (any == 0)
        continue;
      for (guint i = 0; i < TN_FLOAT_HISTOGRAM_BLOCK; i++)
        counts[i] = self->counts.even[first + i] + self->counts.odd[first + i];
      if (block == 0)
        counts[0] -= self->counts.zeros;
      tn_float_histogram_add_counts (self->magnitudes, first, counts, TN_FLOAT_HISTOGRAM_BLOCK);
      memset (self->counts.even + first, 0, sizeof (guint32) * TN_FLOAT_HISTOGRAM_BLOCK);
      memset (self->counts.odd + first, 0, sizeof (guint32) * TN_FLOAT_HISTOGRAM_BLOCK);
    }
  self->magnitudes->zeros += self->counts.zeros;
  self->counts.zeros = 0;
  self->counted = 0;
}

static void
totals_clear (Totals *self)
{
  Totals empty = {.min = INFINITY,
                  .max = -INFINITY,
                  .max_error = -1.0,
                  .max_distance = -1.0,
                  .magnitudes = self->magnitudes,
                  .distances = self->distances,
                  .parts = self->parts,
                  .scratch = self->scratch};

  flush_counts (self);
  tn_float_histogram_clear (self->magnitudes);
  tn_float_histogram_clear (self->distances);
  empty.counts = self->counts;
  if (self->parts != NULL)
    g_array_set_size (self->parts, 0);
  *self = empty;
}

static gboolean
is_first (double value, guint64 row, guint64 column, double other, guint64 other_row, guint64 other_column)
{
  return value > other || (value == other && (row < other_row || (row == other_row && column < other_column)));
}

/* other: its counts flushed. */
static void
totals_merge (Totals *self, const Totals *other)
{
  for (guint i = 0; i < N_SUMS; i++)
    tn_exact_sum_merge (&self->sums[i], &other->sums[i]);
  self->rows += other->rows;
  self->count += other->count;
  self->nonfinite_x += other->nonfinite_x;
  self->nonfinite_y += other->nonfinite_y;
  self->zeros += other->zeros;
  self->zero_rows_x += other->zero_rows_x;
  self->zero_rows_y += other->zero_rows_y;
  self->segments += other->segments;
  self->directions += other->directions;
  self->min = MIN (self->min, other->min);
  self->max = MAX (self->max, other->max);
  if (is_first (other->max_error, other->max_row, other->max_column, self->max_error, self->max_row, self->max_column))
    {
      self->max_error = other->max_error;
      self->max_row = other->max_row;
      self->max_column = other->max_column;
    }
  if (is_first (other->max_distance, other->max_distance_row, 0, self->max_distance, self->max_distance_row, 0))
    {
      self->max_distance = other->max_distance;
      self->max_distance_row = other->max_distance_row;
    }
  tn_float_histogram_merge (self->magnitudes, other->magnitudes);
  tn_float_histogram_merge (self->distances, other->distances);
  if (self->parts != NULL)
    g_array_append_vals (self->parts, other->parts->data, other->parts->len);
}

TnErrorMetrics *
tn_error_metrics_new (gsize columns, TnErrorMetricsFlags flags)
{
  TnErrorMetrics *self = g_new0 (TnErrorMetrics, 1);

  self->columns = columns;
  self->flags = flags;
  self->totals = g_ptr_array_new_with_free_func (totals_free);
  g_ptr_array_add (self->totals, totals_new (flags));
  if (flags & TN_ERROR_METRICS_CHANNELS)
    self->channels = (TnErrorColumns){
        .error_square = g_new0 (double, columns),
        .x_square = g_new0 (double, columns),
        .y_square = g_new0 (double, columns),
        .product = g_new0 (double, columns),
        .error = g_new0 (double, columns),
        .max_error = g_new0 (double, columns),
        .left_out = g_new0 (guint64, columns),
    };
  return self;
}

void
tn_error_metrics_free (TnErrorMetrics *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->totals);
  g_free (self->channels.error_square);
  g_free (self->channels.x_square);
  g_free (self->channels.y_square);
  g_free (self->channels.product);
  g_free (self->channels.error);
  g_free (self->channels.max_error);
  g_free (self->channels.left_out);
  g_free (self);
}

void
tn_error_metrics_clear (TnErrorMetrics *self)
{
  for (guint i = 0; i < self->totals->len; i++)
    totals_clear (self->totals->pdata[i]);
  if (self->flags & TN_ERROR_METRICS_CHANNELS)
    {
      double *sums[] = {self->channels.error_square, self->channels.x_square, self->channels.y_square,
                        self->channels.product,      self->channels.error,    self->channels.max_error};

      for (guint i = 0; i < G_N_ELEMENTS (sums); i++)
        memset (sums[i], 0, self->columns * sizeof (double));
      memset (self->channels.left_out, 0, self->columns * sizeof (guint64));
    }
  self->channel_rows = 0;
}

gsize
tn_error_metrics_get_columns (const TnErrorMetrics *self)
{
  return self->columns;
}

/* 1 - xy / (|x| |y|). Of |x - y|^2 = (|x| - |y|)^2 + 2 (|x| |y| - xy) where the vectors are close, so that no digits cancel. */
static double
cosine_distance (double x_square, double y_square, double product, double error_square)
{
  double x = sqrt (x_square), y = sqrt (y_square), lengths = x * y, difference = x - y;

  if (!(lengths > 0.0))
    return (double) NAN;
  if (error_square < lengths)
    return MAX ((error_square - difference * difference) / (2.0 * lengths), 0.0);
  return CLAMP (1.0 - product / lengths, 0.0, 2.0);
}

static double
sqnr (double reference_square, double error_square)
{
  if (error_square == 0.0)
    return reference_square > 0.0 ? HUGE_VAL : (double) NAN;
  return reference_square > 0.0 ? 10.0 * log10 (reference_square / error_square) : -HUGE_VAL;
}

/* Pairs of a piece without those that are not finite. */
static void
add_finite_pairs (Totals *totals, const float *x, const float *y, gsize n, gsize *kept, TnErrorSums *sums)
{
  float *finite_x = totals->scratch + PIECE, *finite_y = finite_x + PIECE;

  tn_magnitude_counts_take_back (totals->scratch, n, &totals->counts);
  *kept = 0;
  for (gsize i = 0; i < n; i++)
    if (!isfinite (x[i]))
      totals->nonfinite_x++;
    else if (!isfinite (y[i]))
      totals->nonfinite_y++;
    else
      {
        finite_x[*kept] = x[i];
        finite_y[(*kept)++] = y[i];
      }
  tn_error_sums (finite_x, finite_y, *kept, totals->scratch, &totals->counts, sums);
}

static guint64
find_error (const float *x, const float *y, gsize n, double error)
{
  gsize i = 0;

  while (i + 1 < n && fabs ((double) y[i] - (double) x[i]) != error)
    i++;
  return i;
}

static void
add_row (TnErrorMetrics *self, Totals *totals, guint64 row, const float *x, const float *y)
{
  TnErrorSums sums = {.min = INFINITY, .max = -INFINITY};
  gsize count = 0;
  double distance;

  for (gsize first = 0; first < self->columns; first += PIECE)
    {
      gsize n = MIN (PIECE, self->columns - first), kept = n;
      TnErrorSums piece;

      if (totals->counted + n > MOST_COUNTED)
        flush_counts (totals);
      tn_error_sums (x + first, y + first, n, totals->scratch, &totals->counts, &piece);
      if (G_UNLIKELY (!isfinite (piece.x_square) || !isfinite (piece.y_square)))
        add_finite_pairs (totals, x + first, y + first, n, &kept, &piece);
      totals->counted += kept;
      count += kept;
      sums.error_square += piece.error_square;
      sums.x_square += piece.x_square;
      sums.y_square += piece.y_square;
      sums.product += piece.product;
      sums.error += piece.error;
      sums.abs_error += piece.abs_error;
      sums.abs_x += piece.abs_x;
      sums.abs_product += piece.abs_product;
      sums.relative += piece.relative;
      sums.max_error = MAX (sums.max_error, piece.max_error);
      sums.min = MIN (sums.min, piece.min);
      sums.max = MAX (sums.max, piece.max);
      sums.zeros += piece.zeros;
    }

  totals->rows++;
  totals->count += count;
  totals->zeros += sums.zeros;
  totals->min = MIN (totals->min, sums.min);
  totals->max = MAX (totals->max, sums.max);
  if (self->flags & TN_ERROR_METRICS_ROWS)
    {
      Part part = {row, count, sums.error_square, sums.x_square, sums.y_square, sums.product, sums.error, sums.max_error};

      g_array_append_val (totals->parts, part);
    }
  if (count == 0)
    return;
  tn_exact_sum_add (&totals->sums[ERROR_SQUARE], sums.error_square);
  tn_exact_sum_add (&totals->sums[X_SQUARE], sums.x_square);
  tn_exact_sum_add (&totals->sums[Y_SQUARE], sums.y_square);
  tn_exact_sum_add (&totals->sums[PRODUCT], sums.product);
  tn_exact_sum_add (&totals->sums[ERROR], sums.error);
  tn_exact_sum_add (&totals->sums[ABS_ERROR], sums.abs_error);
  tn_exact_sum_add (&totals->sums[ABS_X], sums.abs_x);
  tn_exact_sum_add (&totals->sums[ABS_PRODUCT], sums.abs_product);
  tn_exact_sum_add (&totals->sums[RELATIVE], sums.relative);
  if (sums.max_error >= totals->max_error)
    {
      guint64 column = find_error (x, y, self->columns, sums.max_error);

      if (is_first (sums.max_error, row, column, totals->max_error, totals->max_row, totals->max_column))
        {
          totals->max_error = sums.max_error;
          totals->max_row = row;
          totals->max_column = column;
        }
    }
  if (sums.x_square > 0.0)
    {
      totals->segments++;
      tn_exact_sum_add (&totals->sums[SEGMENT_DB],
                        CLAMP (sqnr (sums.x_square, sums.error_square), TN_SEGMENTAL_LEAST_DB, TN_SEGMENTAL_MOST_DB));
    }
  distance = cosine_distance (sums.x_square, sums.y_square, sums.product, sums.error_square);
  if (isnan (distance))
    {
      if (sums.x_square == 0.0)
        totals->zero_rows_x++;
      else
        totals->zero_rows_y++;
      return;
    }
  totals->directions++;
  tn_exact_sum_add (&totals->sums[ROW_DISTANCE], distance);
  tn_float_histogram_add (totals->distances, &(float){(float) distance}, 1);
  if (is_first (distance, row, 0, totals->max_distance, totals->max_distance_row, 0))
    {
      totals->max_distance = distance;
      totals->max_distance_row = row;
    }
}

static void
add_channels (TnErrorMetrics *self, const float *x, gsize x_stride, const float *y, gsize y_stride, gsize rows, gsize first)
{
  gsize n = MIN (COLUMNS_A_TURN, self->columns - first);
  TnErrorColumns columns = {
      .error_square = self->channels.error_square + first,
      .x_square = self->channels.x_square + first,
      .y_square = self->channels.y_square + first,
      .product = self->channels.product + first,
      .error = self->channels.error + first,
      .max_error = self->channels.max_error + first,
      .left_out = self->channels.left_out + first,
  };

  tn_error_columns (x + first, x_stride, y + first, y_stride, rows, n, &columns);
}

void
tn_error_metrics_add (TnErrorMetrics *self, guint64 first_row, const float *x, gsize x_stride, const float *y, gsize y_stride,
                      gsize rows)
{
  guint threads = 1;
  gsize tile;

  if (self->columns == 0 || rows == 0)
    return;
  if (rows * self->columns >= PARALLEL_PAIRS)
    threads = (guint) omp_get_max_threads ();
  while (self->totals->len < threads)
    g_ptr_array_add (self->totals, totals_new (self->flags));
  tile = self->flags & TN_ERROR_METRICS_CHANNELS ? MAX (TILE_PAIRS / self->columns, 1) : rows;

#pragma omp parallel num_threads((int) threads) if (threads > 1)
  {
    Totals *totals = self->totals->pdata[omp_get_thread_num ()];

    for (gsize start = 0; start < rows; start += tile)
      {
        gsize end = MIN (rows, start + tile);

#pragma omp for schedule(static)
        for (gsize row = start; row < end; row++)
          add_row (self, totals, first_row + row, x + row * x_stride, y + row * y_stride);
        if (self->flags & TN_ERROR_METRICS_CHANNELS)
#pragma omp for schedule(static)
          for (gsize first = 0; first < self->columns; first += COLUMNS_A_TURN)
            add_channels (self, x + start * x_stride, x_stride, y + start * y_stride, y_stride, end - start, first);
      }
  }
  self->channel_rows += rows;
}

static int
compare_parts (gconstpointer a, gconstpointer b)
{
  const Part *first = a, *second = b;

  return first->index < second->index ? -1 : first->index > second->index;
}

/* What all threads have seen, in one place. */
static Totals *
settle (const TnErrorMetrics *self)
{
  Totals *all = self->totals->pdata[0];

  flush_counts (all);
  for (guint i = 1; i < self->totals->len; i++)
    {
      Totals *totals = self->totals->pdata[i];

      if (totals->rows == 0)
        continue;
      flush_counts (totals);
      totals_merge (all, totals);
      totals_clear (totals);
    }
  return all;
}

void
tn_error_metrics_merge (TnErrorMetrics *self, const TnErrorMetrics *other)
{
  g_return_if_fail (self->columns == other->columns && self->flags == other->flags);

  totals_merge (settle (self), settle (other));
  self->channel_rows += other->channel_rows;
  if (!(self->flags & TN_ERROR_METRICS_CHANNELS))
    return;
  for (gsize i = 0; i < self->columns; i++)
    {
      self->channels.error_square[i] += other->channels.error_square[i];
      self->channels.x_square[i] += other->channels.x_square[i];
      self->channels.y_square[i] += other->channels.y_square[i];
      self->channels.product[i] += other->channels.product[i];
      self->channels.error[i] += other->channels.error[i];
      self->channels.max_error[i] = MAX (self->channels.max_error[i], other->channels.max_error[i]);
      self->channels.left_out[i] += other->channels.left_out[i];
    }
}

/* Pearson's, of sums over n pairs. */
static double
correlation (double n, double a, double b, double a_square, double b_square, double product)
{
  double a_spread = n * a_square - a * a, b_spread = n * b_square - b * b;

  /* What is left of a spread below the rounding of its terms is none. */
  if (!(a_spread > 1e-13 * n * a_square) || !(b_spread > 1e-13 * n * b_square))
    return (double) NAN;
  return CLAMP ((n * product - a * b) / (sqrt (a_spread) * sqrt (b_spread)), -1.0, 1.0);
}

void
tn_error_metrics_summarize (const TnErrorMetrics *self, TnErrorSummary *summary)
{
  const Totals *all = settle (self);
  double sums[N_SUMS], n = (double) all->count, distance, mean_row_distance;

  for (guint i = 0; i < N_SUMS; i++)
    sums[i] = tn_exact_sum_to_double (&all->sums[i]);
  distance = cosine_distance (sums[X_SQUARE], sums[Y_SQUARE], sums[PRODUCT], sums[ERROR_SQUARE]);
  mean_row_distance = all->directions > 0 ? sums[ROW_DISTANCE] / (double) all->directions : (double) NAN;
  *summary = (TnErrorSummary){
      .rows = all->rows,
      .count = all->count,
      .nonfinite_reference = all->nonfinite_x,
      .nonfinite_approximation = all->nonfinite_y,
      .exact = all->magnitudes->zeros,
      .zero_references = all->zeros,
      .zero_rows_reference = all->zero_rows_x,
      .zero_rows_approximation = all->zero_rows_y,
      .mse = sums[ERROR_SQUARE] / n,
      .rmse = sqrt (sums[ERROR_SQUARE] / n),
      .nmse = sums[ERROR_SQUARE] / sums[X_SQUARE],
      .peak = all->count > 0 ? all->max - all->min : (double) NAN,
      .mean_abs = sums[ABS_ERROR] / n,
      .max_abs = all->count > 0 ? all->max_error : (double) NAN,
      .max_row = all->max_row,
      .max_column = all->max_column,
      .mean_relative = all->count > all->zeros ? sums[RELATIVE] / (double) (all->count - all->zeros) : (double) NAN,
      .bias = sums[ERROR] / n,
      .sqnr_db = sqnr (sums[X_SQUARE], sums[ERROR_SQUARE]),
      .segmental_sqnr_db = all->segments > 0 ? sums[SEGMENT_DB] / (double) all->segments : (double) NAN,
      .cosine = 1.0 - distance,
      .cosine_distance = distance,
      .angle = 2.0 * asin (MIN (sqrt (distance / 2.0), 1.0)) / G_PI,
      .row_cosine_mean = 1.0 - mean_row_distance,
      .row_cosine_min = all->directions > 0 ? 1.0 - all->max_distance : (double) NAN,
      .row_cosine_min_row = all->max_distance_row,
      .row_cosine_p1 = 1.0 - tn_float_histogram_quantile (all->distances, 0.99),
      .row_cosine_p5 = 1.0 - tn_float_histogram_quantile (all->distances, 0.95),
      .row_cosine_p50 = 1.0 - tn_float_histogram_quantile (all->distances, 0.5),
      .magnitude_correlation =
          correlation (n, sums[ABS_ERROR], sums[ABS_X], sums[ERROR_SQUARE], sums[X_SQUARE], sums[ABS_PRODUCT]),
      .abs_p50 = tn_float_histogram_quantile (all->magnitudes, 0.5),
      .abs_p90 = tn_float_histogram_quantile (all->magnitudes, 0.9),
      .abs_p99 = tn_float_histogram_quantile (all->magnitudes, 0.99),
      .abs_p999 = tn_float_histogram_quantile (all->magnitudes, 0.999),
  };
  summary->psnr_db = sqnr (summary->peak * summary->peak, summary->mse);
  summary->effective_bits = (summary->sqnr_db - 1.76) / 6.02;
}

const TnFloatHistogram *
tn_error_metrics_get_histogram (const TnErrorMetrics *self)
{
  return settle (self)->magnitudes;
}

static void
finish_part (const Part *sums, TnErrorPart *part)
{
  double n = (double) sums->count;

  *part = (TnErrorPart){
      .index = sums->index,
      .count = sums->count,
      .mse = sums->error_square / n,
      .sqnr_db = sqnr (sums->x_square, sums->error_square),
      .cosine = 1.0 - cosine_distance (sums->x_square, sums->y_square, sums->product, sums->error_square),
      .bias = sums->error / n,
      .max_abs = sums->count > 0 ? sums->max_error : (double) NAN,
      .error_square = sums->error_square,
      .reference_square = sums->x_square,
  };
}

void
tn_error_metrics_get_channel (const TnErrorMetrics *self, gsize column, TnErrorPart *channel)
{
  const TnErrorColumns *sums = &self->channels;

  g_return_if_fail (self->flags & TN_ERROR_METRICS_CHANNELS && column < self->columns);

  finish_part (&(Part){column, self->channel_rows - sums->left_out[column], sums->error_square[column], sums->x_square[column],
                       sums->y_square[column], sums->product[column], sums->error[column], sums->max_error[column]},
               channel);
}

gsize
tn_error_metrics_get_n_rows (const TnErrorMetrics *self)
{
  const Totals *all = settle (self);

  g_return_val_if_fail (self->flags & TN_ERROR_METRICS_ROWS, 0);

  for (guint i = 1; i < all->parts->len; i++)
    if (g_array_index (all->parts, Part, i).index < g_array_index (all->parts, Part, i - 1).index)
      {
        g_array_sort (all->parts, compare_parts);
        break;
      }
  return all->parts->len;
}

void
tn_error_metrics_get_row (const TnErrorMetrics *self, gsize at, TnErrorPart *row)
{
  const Totals *all = settle (self);

  g_return_if_fail (self->flags & TN_ERROR_METRICS_ROWS && at < all->parts->len);

  finish_part (&g_array_index (all->parts, Part, at), row);
}
