/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/float-histogram.h"

G_BEGIN_DECLS

/* How far an approximation y lies from a reference x: matrices [rows, columns] of float32, given in any pieces of whole rows. A row is a token of
 * activations or an output channel of a weight, a column is a channel. One pass over x and y finds everything.
 *
 * e = y - x, in double. A pair with a value that is not finite on either side is counted and enters nothing else.
 *
 * Exactness: the sums of a row are formed in double in a fixed order of 4 lanes; sums over rows are exact integers (exact-sum.h), and so are counts,
 * extremes and histograms. So everything but channels has the same bits for any split into rows, any order, any number of threads and any tree of
 * merges. Sums of channels are plain doubles over the rows in the order they came: the same bits for any number of threads and any split of
 * the rows into calls, but merging rounds, so that they depend in the last bits on where shards were cut. */
typedef struct _TnErrorMetrics TnErrorMetrics;

typedef enum
{
  TN_ERROR_METRICS_WHOLE    = 0,
  TN_ERROR_METRICS_CHANNELS = 1 << 0, /* keep sums of every column, too */
  TN_ERROR_METRICS_ROWS     = 1 << 1, /* keep sums of every row, too: 64 bytes a row */
} TnErrorMetricsFlags;

/* Segmental SQNR takes the mean of the rows' dB, each clamped to this range, so that one silent or one exact row does not decide. Speech coding,
 * where it comes from, clamps to -10 .. 35 dB (Hansen and Pellom 1998); int8 alone would lie above that. */
#define TN_SEGMENTAL_LEAST_DB (-10.0)
#define TN_SEGMENTAL_MOST_DB 100.0

/* NaN: there is nothing to tell it from. */
typedef struct
{
  guint64 rows, count;          /* rows; pairs, those left out not among them */
  guint64 nonfinite_reference;  /* pairs left out: x is not finite, */
  guint64 nonfinite_approximation; /* y is not, x is */
  guint64 exact;                /* pairs with e = 0 */
  guint64 zero_references;      /* pairs with x = 0 */
  guint64 zero_rows_reference;  /* rows whose x are all 0 (what is left out not looked at) */
  guint64 zero_rows_approximation; /* whose y are all 0, and x are not */

  double  mse, rmse;            /* mean e^2, its root */
  double  nmse;                 /* sum e^2 / sum x^2: the noise-to-signal ratio; +inf of a zero reference with an error */
  double  peak;                 /* max x - min x */
  double  psnr_db;              /* 10 log10 (peak^2 / mse); +inf when exact */
  double  mean_abs;             /* mean |e| */
  double  max_abs;              /* max |e|, first found at: the smallest row, then column */
  guint64 max_row, max_column;
  double  mean_relative;        /* mean |e| / |x| over pairs with x != 0 */
  double  bias;                 /* mean e */
  double  sqnr_db;              /* 10 log10 (sum x^2 / sum e^2); +inf when exact, -inf of a zero reference */
  double  segmental_sqnr_db;    /* mean over rows with x != 0 of their sqnr, clamped as said above */
  double  effective_bits;       /* (sqnr - 1.76) / 6.02: what an ideal quantizer of a full-scale sine has (IEEE 1241, ENOB) */
  double  cosine;               /* sum xy / sqrt (sum x^2 sum y^2); 1 - cosine is found without cancellation */
  double  cosine_distance;      /* 1 - cosine */
  double  angle;                /* arccos (cosine) / pi: 0 same direction, 0.5 orthogonal, 1 opposite */
  double  row_cosine_mean;      /* over rows where neither x nor y is zero */
  double  row_cosine_min;       /* the smallest, and the smallest row where it is */
  guint64 row_cosine_min_row;
  double  row_cosine_p1, row_cosine_p5, row_cosine_p50; /* percentiles over rows: 1 - cosine to 1/128 of itself */
  double  magnitude_correlation; /* Pearson's, of |e| with |x|: 0 for rounding to an even grid, above it where large values suffer more */
  double  abs_p50, abs_p90, abs_p99, abs_p999; /* percentiles of |e|, to 1/128 of themselves */
} TnErrorSummary;

/* A row or a channel. */
typedef struct
{
  guint64 index;     /* row or column */
  guint64 count;     /* pairs that entered */
  double  mse, sqnr_db, cosine, bias, max_abs;
  double  error_square, reference_square; /* sums */
} TnErrorPart;

/* columns > 0 where anything is to be added. Threads: one at a time. */
TnErrorMetrics *tn_error_metrics_new       (gsize columns, TnErrorMetricsFlags flags);
void            tn_error_metrics_free      (TnErrorMetrics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnErrorMetrics, tn_error_metrics_free)
void            tn_error_metrics_clear     (TnErrorMetrics *self);
gsize           tn_error_metrics_get_columns (const TnErrorMetrics *self);

/* Rows first_row .. first_row + rows of the whole (only the where of extremes and the index of rows depend on it); strides in elements, at least
 * columns. Runs parallel loops where there is enough to do: call on the compute thread. */
void            tn_error_metrics_add       (TnErrorMetrics *self, guint64 first_row, const float *x, gsize x_stride, const float *y,
                                            gsize y_stride, gsize rows);
/* Adds what other has seen. Columns and flags are the same. */
void            tn_error_metrics_merge     (TnErrorMetrics *self, const TnErrorMetrics *other);

void            tn_error_metrics_summarize (const TnErrorMetrics *self, TnErrorSummary *summary);
/* Log histogram of |e|, rounded to float32; belongs to self. */
const TnFloatHistogram *tn_error_metrics_get_histogram (const TnErrorMetrics *self);
/* A column: needs TN_ERROR_METRICS_CHANNELS. */
void            tn_error_metrics_get_channel (const TnErrorMetrics *self, gsize column, TnErrorPart *channel);
/* Rows kept, in ascending order of their index: needs TN_ERROR_METRICS_ROWS. at < tn_error_metrics_get_n_rows(). */
gsize           tn_error_metrics_get_n_rows (const TnErrorMetrics *self);
void            tn_error_metrics_get_row   (const TnErrorMetrics *self, gsize at, TnErrorPart *row);

G_END_DECLS
