/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Exact, mergeable histogram of float32 values: a bin is a bit pattern (sign, 8 bits of exponent, 7 of mantissa: the upper half of the float,
 * truncated), so bins are the same everywhere, hold at most 1/128 relative width, and merging is addition.
 * Zeros (of either sign) and NaN, +inf, -inf are counted apart and stand in no bin. */
#define TN_FLOAT_HISTOGRAM_BINS 65536

/* Most bins are empty: they are told by blocks of so many, 64 in all. */
#define TN_FLOAT_HISTOGRAM_BLOCK 1024

typedef struct
{
  const guint64 *bins;     /* [65536], index = bits >> 16; written by the functions below alone */
  guint64        occupied; /* a bit each block of bins; where it is not set they are empty */
  guint64        zeros;
  guint64        nans;
  guint64        positive_infinities;
  guint64        negative_infinities;
} TnFloatHistogram;

TnFloatHistogram *tn_float_histogram_new     (void);
TnFloatHistogram *tn_float_histogram_copy    (const TnFloatHistogram *self);
void              tn_float_histogram_free    (TnFloatHistogram *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnFloatHistogram, tn_float_histogram_free)
void              tn_float_histogram_add     (TnFloatHistogram *self, const float *x, gsize n);
/* Adds counts to bins first .. first + n of one block. */
void              tn_float_histogram_add_counts (TnFloatHistogram *self, guint first, const guint64 *counts, guint n);
/* Back to an empty one. */
void              tn_float_histogram_clear   (TnFloatHistogram *self);
void              tn_float_histogram_merge   (TnFloatHistogram *self, const TnFloatHistogram *other);
/* Finite values, zeros included. */
guint64           tn_float_histogram_count   (const TnFloatHistogram *self);
/* Edges of a bin, low < high as numbers; the edge nearer to zero belongs to it, the other does not. */
void              tn_float_histogram_bin_range (guint bin, double *low, double *high);
/* Quantile q in [0, 1] of the finite values, interpolated in its bin: relative error at most 1/128. NaN when empty. */
double            tn_float_histogram_quantile  (const TnFloatHistogram *self, double q);
/* Occupied bins in ascending order of value; zeros are reported between the signs with low = high = 0. */
typedef void    (*TnFloatHistogramFunc) (double low, double high, guint64 count, gpointer user_data);
void              tn_float_histogram_foreach   (const TnFloatHistogram *self, TnFloatHistogramFunc func, gpointer user_data);
/* n equal bins over [low, high] for drawing: counts spread evenly inside each source bin, then rounded to whole values without losing any. out: [n] doubles. Values outside are left out. */
void              tn_float_histogram_rebin     (const TnFloatHistogram *self, double low, double high, guint n, double *out);

G_END_DECLS
