/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/value-distribution.h"

#include <math.h>
#include <string.h>

static const TnBounded nothing = {(double) NAN, (double) NAN, (double) NAN};

static void
append_piece (double low, double high, guint64 count, gpointer user_data)
{
  const TnValuePiece piece = {low, high, count};

  g_array_append_val ((GArray *) user_data, piece);
}

TnValueDistribution *
tn_value_distribution_new (const TnFloatHistogram *histogram, double min, double max)
{
  TnValueDistribution *self = g_new0 (TnValueDistribution, 1);
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (TnValuePiece));

  tn_float_histogram_foreach (histogram, append_piece, pieces);
  self->n_pieces = pieces->len;
  self->pieces = (TnValuePiece *) (gpointer) g_array_free (pieces, FALSE);
  self->min = self->n_pieces > 0 ? min : (double) NAN;
  self->max = self->n_pieces > 0 ? max : (double) NAN;
  for (guint i = 0; i < self->n_pieces; i++)
    {
      TnValuePiece *piece = &self->pieces[i];

      piece->low = MAX (piece->low, min);
      piece->high = MIN (piece->high, max);
      self->count += piece->count;
    }
  return self;
}

TnValueDistribution *
tn_value_distribution_new_site (const TnSiteStats *site)
{
  return tn_value_distribution_new (site->histogram, (double) site->min.value, (double) site->max.value);
}

TnValueDistribution *
tn_value_distribution_new_channel (const TnSiteStats *site, guint channel)
{
  g_autoptr (TnFloatHistogram) histogram = NULL;

  if (site->channel_histograms == NULL)
    return NULL;
  histogram = tn_channel_histograms_get (site->channel_histograms, channel);
  return tn_value_distribution_new (histogram, (double) site->channels[channel].min, (double) site->channels[channel].max);
}

void
tn_value_distribution_free (TnValueDistribution *self)
{
  if (self == NULL)
    return;
  g_free (self->pieces);
  g_free (self);
}

/* The percentile of count values in pieces that come in order. */
static TnBounded
rank_pieces (const TnValuePiece *pieces, guint n_pieces, guint64 count, double percent)
{
  double target = CLAMP (percent / 100.0, 0.0, 1.0) * (double) count;
  guint64 rank = (guint64) CLAMP (ceil (target), 1.0, (double) count), below = 0;
  guint i = 0;

  while (i + 1 < n_pieces && below + pieces[i].count < rank)
    below += pieces[i++].count;
  return (TnBounded){
      .value = pieces[i].low + (pieces[i].high - pieces[i].low) * CLAMP ((target - (double) below) / (double) pieces[i].count, 0.0, 1.0),
      .low = pieces[i].low,
      .high = pieces[i].high,
  };
}

TnBounded
tn_value_distribution_percentile (const TnValueDistribution *self, double percent)
{
  if (self->count == 0)
    return nothing;
  if (percent <= 0.0)
    return (TnBounded){self->min, self->min, self->min};
  if (percent >= 100.0)
    return (TnBounded){self->max, self->max, self->max};
  return rank_pieces (self->pieces, self->n_pieces, self->count, percent);
}

TnBounded
tn_value_distribution_iqr (const TnValueDistribution *self)
{
  TnBounded first = tn_value_distribution_percentile (self, 25.0), third = tn_value_distribution_percentile (self, 75.0);

  if (self->count == 0)
    return nothing;
  return (TnBounded){third.value - first.value, MAX (third.low - first.high, 0.0), third.high - first.low};
}

static int
compare_low (gconstpointer a, gconstpointer b)
{
  const TnValuePiece *x = a, *y = b;

  return x->low < y->low ? -1 : x->low > y->low;
}

static int
compare_high (gconstpointer a, gconstpointer b)
{
  const TnValuePiece *x = a, *y = b;

  return x->high < y->high ? -1 : x->high > y->high;
}

static int
compare_middle (gconstpointer a, gconstpointer b)
{
  const TnValuePiece *x = a, *y = b;
  double difference = (x->low + x->high) - (y->low + y->high);

  return difference < 0.0 ? -1 : difference > 0.0;
}

/* What |x - center| can be for x in the piece and center in [low, high]. */
static TnValuePiece
distance_piece (const TnValuePiece *piece, double low, double high)
{
  return (TnValuePiece){
      .low = MAX (MAX (piece->low - high, low - piece->high), 0.0),
      .high = MAX (piece->high - low, high - piece->low),
      .count = piece->count,
  };
}

TnBounded
tn_value_distribution_distance (const TnValueDistribution *self, const TnBounded *center, double percent)
{
  g_autofree TnValuePiece *distances = g_new (TnValuePiece, self->n_pieces + 1);
  TnBounded distance;

  if (self->count == 0)
    return nothing;
  for (guint i = 0; i < self->n_pieces; i++)
    distances[i] = distance_piece (&self->pieces[i], center->value, center->value);
  qsort (distances, self->n_pieces, sizeof *distances, compare_middle);
  distance.value = rank_pieces (distances, self->n_pieces, self->count, percent).value;
  for (guint i = 0; i < self->n_pieces; i++)
    distances[i] = distance_piece (&self->pieces[i], center->low, center->high);
  /* A rank of values each at least (at most) so large is at least (at most) that rank of these. */
  qsort (distances, self->n_pieces, sizeof *distances, compare_low);
  distance.low = rank_pieces (distances, self->n_pieces, self->count, percent).low;
  qsort (distances, self->n_pieces, sizeof *distances, compare_high);
  distance.high = rank_pieces (distances, self->n_pieces, self->count, percent).high;
  distance.value = CLAMP (distance.value, distance.low, distance.high);
  return distance;
}

TnBounded
tn_value_distribution_mad (const TnValueDistribution *self)
{
  TnBounded median = tn_value_distribution_percentile (self, 50.0);

  return tn_value_distribution_distance (self, &median, 50.0);
}

/* The part of a piece's values below a limit. */
static double
share_below (const TnValuePiece *piece, double limit)
{
  if (limit <= piece->low)
    return 0.0;
  if (limit >= piece->high)
    return 1.0;
  return (limit - piece->low) / (piece->high - piece->low);
}

TnBoundedCount
tn_value_distribution_count_outside (const TnValueDistribution *self, const TnBounded *low, const TnBounded *high)
{
  TnBoundedCount count = {0};

  for (guint i = 0; i < self->n_pieces; i++)
    {
      const TnValuePiece *piece = &self->pieces[i];

      count.count += (double) piece->count * (share_below (piece, low->value) + 1.0 - share_below (piece, high->value));
      if (piece->high < low->low || piece->low > high->high)
        count.least += piece->count;
      if (piece->low < low->high || piece->high > high->low)
        count.most += piece->count;
    }
  count.count = CLAMP (count.count, (double) count.least, (double) count.most);
  return count;
}

static double
plogp (double count, double total)
{
  return count > 0.0 ? -count / total * log2 (count / total) : 0.0;
}

/* The bin of x where each octave of each sign has so many; they are told apart by sign. */
static gint64
bin_of (double x, guint bins_per_octave)
{
  float value = (float) fabs (x);
  guint32 bits;
  gint64 bin;

  memcpy (&bits, &value, sizeof bits);
  bin = (gint64) (bits >> 16) / (TN_CHANNEL_HISTOGRAM_OCTAVE_BINS / bins_per_octave) + 1;
  return x > 0.0 ? bin : x < 0.0 ? -bin : 0;
}

double
tn_value_distribution_entropy (const TnValueDistribution *self, guint bins_per_octave)
{
  double entropy = 0.0, total = (double) self->count, joined = 0.0;
  gint64 last = 0;

  g_return_val_if_fail (bins_per_octave >= 1 && bins_per_octave <= TN_CHANNEL_HISTOGRAM_OCTAVE_BINS, 0.0);

  if (self->count == 0)
    return (double) NAN;
  for (guint i = 0; i < self->n_pieces; i++)
    {
      const TnValuePiece *piece = &self->pieces[i];
      /* The end nearer to zero belongs to a bin; that end of the piece of an extreme is its bin's, too. */
      gint64 bin = piece->low == 0.0 && piece->high == 0.0 ? 0
                   : piece->high <= 0.0                     ? -bin_of (MAX (-piece->high, 0x1p-149), bins_per_octave)
                                                            : bin_of (MAX (piece->low, 0x1p-149), bins_per_octave);

      if (bin != last)
        {
          entropy += plogp (joined, total);
          joined = 0.0;
        }
      joined += (double) piece->count;
      last = bin;
    }
  return entropy + plogp (joined, total);
}

double
tn_value_distribution_code_entropy (const TnValueDistribution *self, double scale, gint32 zero_point, gint32 first, gint32 last)
{
  g_autofree double *counts = NULL;
  double entropy = 0.0;

  if (self->count == 0)
    return (double) NAN;
  if (!(scale > 0.0))
    return 0.0;
  g_return_val_if_fail (first <= last && last - first < 1 << 16, 0.0);

  counts = g_new0 (double, last - first + 1);
  for (guint i = 0; i < self->n_pieces; i++)
    {
      const TnValuePiece *piece = &self->pieces[i];
      double low = CLAMP (rint (piece->low / scale) + zero_point, first, last);
      double high = CLAMP (rint (piece->high / scale) + zero_point, first, last);
      double left = 1.0;

      for (double code = low; code < high; code++)
        {
          double below = share_below (piece, (code - zero_point + 0.5) * scale), above = 1.0 - below;

          counts[(gint32) code - first] += (double) piece->count * MAX (left - above, 0.0);
          left = MIN (left, above);
        }
      counts[(gint32) high - first] += (double) piece->count * left;
    }
  for (gint32 k = 0; k <= last - first; k++)
    entropy += plogp (counts[k], (double) self->count);
  return entropy;
}
