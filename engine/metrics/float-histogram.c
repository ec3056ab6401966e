/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/float-histogram.h"

#include <math.h>
#include <string.h>

G_STATIC_ASSERT (TN_FLOAT_HISTOGRAM_BINS == 64 * TN_FLOAT_HISTOGRAM_BLOCK);

#define SIGN_BIN 0x8000u
#define INFINITY_BIN 0x7f80u

TnFloatHistogram *
tn_float_histogram_new (void)
{
  TnFloatHistogram *self = g_new0 (TnFloatHistogram, 1);

  self->bins = g_new0 (guint64, TN_FLOAT_HISTOGRAM_BINS);
  return self;
}

TnFloatHistogram *
tn_float_histogram_copy (const TnFloatHistogram *self)
{
  TnFloatHistogram *copy = g_new (TnFloatHistogram, 1);

  *copy = *self;
  copy->bins = g_memdup2 (self->bins, TN_FLOAT_HISTOGRAM_BINS * sizeof (guint64));
  return copy;
}

void
tn_float_histogram_free (TnFloatHistogram *self)
{
  if (self == NULL)
    return;
  g_free ((guint64 *) self->bins);
  g_free (self);
}

void
tn_float_histogram_add (TnFloatHistogram *self, const float *x, gsize n)
{
  guint64 *bins = (guint64 *) self->bins, occupied = 0;

  for (gsize i = 0; i < n; i++)
    {
      guint32 bits;

      memcpy (&bits, &x[i], sizeof bits);
      /* Zeros and what is not finite are rare: one branch tells both. */
      if (G_UNLIKELY ((bits & 0x7fffffffu) - 1 >= 0x7f7fffffu))
        {
          if ((bits & 0x7fffffffu) == 0)
            self->zeros++;
          else if ((bits & 0x7fffffffu) > 0x7f800000u)
            self->nans++;
          else if (bits >> 31)
            self->negative_infinities++;
          else
            self->positive_infinities++;
          continue;
        }
      bins[bits >> 16]++;
      occupied |= G_GUINT64_CONSTANT (1) << (bits >> 16) / TN_FLOAT_HISTOGRAM_BLOCK;
    }
  self->occupied |= occupied;
}

void
tn_float_histogram_add_counts (TnFloatHistogram *self, guint first, const guint64 *counts, guint n)
{
  guint block = first / TN_FLOAT_HISTOGRAM_BLOCK;
  guint64 *bins = (guint64 *) self->bins + first;

  g_return_if_fail (n <= TN_FLOAT_HISTOGRAM_BLOCK && first + n <= (block + 1) * TN_FLOAT_HISTOGRAM_BLOCK);

  self->occupied |= G_GUINT64_CONSTANT (1) << block;
  for (guint i = 0; i < n; i++)
    bins[i] += counts[i];
}

void
tn_float_histogram_clear (TnFloatHistogram *self)
{
  guint64 *bins = (guint64 *) self->bins;

  for (guint block = 0; block < 64; block++)
    if (self->occupied >> block & 1)
      memset (bins + block * TN_FLOAT_HISTOGRAM_BLOCK, 0, TN_FLOAT_HISTOGRAM_BLOCK * sizeof *bins);
  *self = (TnFloatHistogram){ .bins = bins };
}

void
tn_float_histogram_merge (TnFloatHistogram *self, const TnFloatHistogram *other)
{
  for (guint block = 0; block < 64; block++)
    if (other->occupied >> block & 1)
      tn_float_histogram_add_counts (self, block * TN_FLOAT_HISTOGRAM_BLOCK, other->bins + block * TN_FLOAT_HISTOGRAM_BLOCK,
                                     TN_FLOAT_HISTOGRAM_BLOCK);
  self->zeros += other->zeros;
  self->nans += other->nans;
  self->positive_infinities += other->positive_infinities;
  self->negative_infinities += other->negative_infinities;
}

guint64
tn_float_histogram_count (const TnFloatHistogram *self)
{
  guint64 count = self->zeros;

  for (guint i = 0; i < TN_FLOAT_HISTOGRAM_BINS; i++)
    count += self->bins[i];
  return count;
}

static double
edge (guint magnitude)
{
  guint32 bits = (guint32) magnitude << 16;
  float value;

  if (magnitude == INFINITY_BIN)
    return 0x1p128;
  memcpy (&value, &bits, sizeof value);
  return (double) value;
}

void
tn_float_histogram_bin_range (guint bin, double *low, double *high)
{
  guint magnitude = bin & (SIGN_BIN - 1);

  if (bin & SIGN_BIN)
    {
      *low = -edge (magnitude + 1);
      *high = -edge (magnitude);
    }
  else
    {
      *low = edge (magnitude);
      *high = edge (magnitude + 1);
    }
}

void
tn_float_histogram_foreach (const TnFloatHistogram *self, TnFloatHistogramFunc func, gpointer user_data)
{
  double low, high;

  for (guint magnitude = INFINITY_BIN; magnitude-- > 0;)
    if (self->bins[SIGN_BIN | magnitude] > 0)
      {
        tn_float_histogram_bin_range (SIGN_BIN | magnitude, &low, &high);
        func (low, high, self->bins[SIGN_BIN | magnitude], user_data);
      }
  if (self->zeros > 0)
    func (0.0, 0.0, self->zeros, user_data);
  for (guint magnitude = 0; magnitude < INFINITY_BIN; magnitude++)
    if (self->bins[magnitude] > 0)
      {
        tn_float_histogram_bin_range (magnitude, &low, &high);
        func (low, high, self->bins[magnitude], user_data);
      }
}

typedef struct
{
  double target; /* how many values lie below */
  double below;
  double value;
} Quantile;

static void
seek_quantile (double low, double high, guint64 count, gpointer user_data)
{
  Quantile *quantile = user_data;

  if (quantile->below <= quantile->target)
    quantile->value = low + (high - low) * MIN ((quantile->target - quantile->below) / (double) count, 1.0);
  quantile->below += (double) count;
}

double
tn_float_histogram_quantile (const TnFloatHistogram *self, double q)
{
  Quantile quantile = { .target = CLAMP (q, 0.0, 1.0) * (double) tn_float_histogram_count (self), .value = (double) NAN };

  tn_float_histogram_foreach (self, seek_quantile, &quantile);
  return quantile.value;
}

typedef struct
{
  double  low, width;
  guint   n;
  double *out;
} Rebin;

static void
spread (double low, double high, guint64 count, gpointer user_data)
{
  Rebin *rebin = user_data;
  double first = (low - rebin->low) / rebin->width;
  double last = (high - rebin->low) / rebin->width;
  double density;

  if (last < 0.0 || first >= rebin->n)
    return;
  if (high <= low || floor (first) == floor (last))
    {
      if (first >= 0.0)
        rebin->out[(guint) first] += (double) count;
      return;
    }
  density = (double) count / (last - first);
  for (guint i = first > 0.0 ? (guint) first : 0; i < rebin->n && i < last; i++)
    rebin->out[i] += density * (MIN (last, i + 1.0) - MAX (first, (double) i));
}

void
tn_float_histogram_rebin (const TnFloatHistogram *self, double low, double high, guint n, double *out)
{
  Rebin rebin = { .low = low, .width = (high - low) / n, .n = n, .out = out };
  double sum = 0.0, given = 0.0;

  memset (out, 0, n * sizeof *out);
  if (n == 0 || !(high > low))
    return;
  tn_float_histogram_foreach (self, spread, &rebin);
  /* There are no parts of values: what is rounded off one bin goes to the next. */
  for (guint i = 0; i < n; i++)
    {
      sum += out[i];
      out[i] = rint (sum) - given;
      given += out[i];
    }
}
