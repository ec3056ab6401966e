/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/channel-histograms.h"

#include <string.h>

#include "engine/memory/pool.h"

#define OCTAVES TN_CHANNEL_HISTOGRAM_OCTAVES
#define OCTAVE_BINS TN_CHANNEL_HISTOGRAM_OCTAVE_BINS
#define OCTAVE_BYTES (OCTAVE_BINS * sizeof (guint32))
G_STATIC_ASSERT (OCTAVES *OCTAVE_BINS == TN_FLOAT_HISTOGRAM_BINS);
/* Channels that one thread goes through side by side, so that it reads whole lines of the cache. */
#define CHANNELS_AT_ONCE 16

struct _TnChannelHistograms
{
  guint width;
  gsize most_bytes;
  gsize bytes;      /* atomic */
  gint exhausted;   /* atomic */
  guint64 *zeros;   /* [width] */
  guint32 **octaves; /* [width][OCTAVES] */
};

TnChannelHistograms *
tn_channel_histograms_new (guint width, gsize most_bytes)
{
  TnChannelHistograms *self = g_new0 (TnChannelHistograms, 1);

  self->width = width;
  self->most_bytes = most_bytes;
  self->zeros = g_new0 (guint64, width);
  self->octaves = g_new0 (guint32 *, (gsize) width *OCTAVES);
  self->bytes = width * (sizeof *self->zeros + OCTAVES * sizeof *self->octaves);
  self->exhausted = most_bytes > 0 && self->bytes > most_bytes;
  return self;
}

static guint32 **
octave_at (const TnChannelHistograms *self, guint channel, guint octave)
{
  return &self->octaves[(gsize) channel * OCTAVES + octave];
}

/* The counts of an octave, made when there are none yet; NULL when memory is exhausted. Several threads may ask, each for channels of its
 * own. */
static guint32 *
get_octave (TnChannelHistograms *self, guint channel, guint octave)
{
  guint32 **place = octave_at (self, channel, octave);

  if (*place == NULL && !g_atomic_int_get (&self->exhausted))
    {
      gsize before = (gsize) __atomic_fetch_add (&self->bytes, OCTAVE_BYTES, __ATOMIC_RELAXED);

      if (self->most_bytes == 0 || before + OCTAVE_BYTES <= self->most_bytes)
        *place = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_STATISTICS, OCTAVE_BYTES, NULL);
      if (*place == NULL)
        {
          __atomic_fetch_sub (&self->bytes, OCTAVE_BYTES, __ATOMIC_RELAXED);
          g_atomic_int_set (&self->exhausted, TRUE);
        }
    }
  return *place;
}

TnChannelHistograms *
tn_channel_histograms_copy (const TnChannelHistograms *self)
{
  TnChannelHistograms *copy = tn_channel_histograms_new (self->width, self->most_bytes);

  tn_channel_histograms_merge (copy, self);
  return copy;
}

void
tn_channel_histograms_free (TnChannelHistograms *self)
{
  if (self == NULL)
    return;
  for (gsize i = 0; i < (gsize) self->width * OCTAVES; i++)
    tn_pool_release (tn_pool_default (), self->octaves[i]);
  g_free (self->octaves);
  g_free (self->zeros);
  g_free (self);
}

guint
tn_channel_histograms_get_width (const TnChannelHistograms *self)
{
  return self->width;
}

gboolean
tn_channel_histograms_exhausted (const TnChannelHistograms *self, gsize *bytes, gsize *most_bytes)
{
  *bytes = self->bytes;
  *most_bytes = self->most_bytes;
  return g_atomic_int_get (&self->exhausted);
}

gsize
tn_channel_histograms_get_bytes (const TnChannelHistograms *self)
{
  return self->bytes;
}

static void
observe_channels (TnChannelHistograms *self, const float *x, gsize rows, guint first, guint end)
{
  for (gsize r = 0; r < rows; r++)
    for (guint c = first; c < end; c++)
      {
        guint32 bits, magnitude, *counts;

        memcpy (&bits, x + r * self->width + c, sizeof bits);
        magnitude = bits & 0x7fffffffu;
        if (magnitude == 0)
          self->zeros[c]++;
        if (magnitude == 0 || magnitude >= 0x7f800000u)
          continue;
        counts = get_octave (self, c, (bits >> 16) / OCTAVE_BINS);
        if (counts != NULL)
          counts[(bits >> 16) % OCTAVE_BINS]++;
      }
}

void
tn_channel_histograms_observe (TnChannelHistograms *self, const float *x, gsize rows)
{
  gint n = (gint) ((self->width + CHANNELS_AT_ONCE - 1) / CHANNELS_AT_ONCE);

#pragma omp parallel for schedule(static)
  for (gint i = 0; i < n; i++)
    observe_channels (self, x, rows, (guint) i * CHANNELS_AT_ONCE, MIN (((guint) i + 1) * CHANNELS_AT_ONCE, self->width));
}

void
tn_channel_histograms_merge (TnChannelHistograms *self, const TnChannelHistograms *other)
{
  g_return_if_fail (self->width == other->width);

  for (guint c = 0; c < self->width; c++)
    {
      self->zeros[c] += other->zeros[c];
      for (guint octave = 0; octave < OCTAVES; octave++)
        {
          const guint32 *theirs = *octave_at (other, c, octave);
          guint32 *mine = theirs != NULL ? get_octave (self, c, octave) : NULL;

          for (guint i = 0; mine != NULL && i < OCTAVE_BINS; i++)
            mine[i] += theirs[i];
        }
    }
  if (g_atomic_int_get (&other->exhausted))
    g_atomic_int_set (&self->exhausted, TRUE);
}

void
tn_channel_histograms_clear (TnChannelHistograms *self)
{
  memset (self->zeros, 0, self->width * sizeof *self->zeros);
  for (gsize i = 0; i < (gsize) self->width * OCTAVES; i++)
    if (self->octaves[i] != NULL)
      memset (self->octaves[i], 0, OCTAVE_BYTES);
}

static gboolean
is_empty (const guint32 *counts)
{
  guint32 any = 0;

  for (guint i = 0; counts != NULL && i < OCTAVE_BINS; i++)
    any |= counts[i];
  return any == 0;
}

gboolean
tn_channel_histograms_equal (const TnChannelHistograms *a, const TnChannelHistograms *b)
{
  if (a->width != b->width || memcmp (a->zeros, b->zeros, a->width * sizeof *a->zeros) != 0)
    return FALSE;
  for (gsize i = 0; i < (gsize) a->width * OCTAVES; i++)
    {
      const guint32 *x = a->octaves[i], *y = b->octaves[i];

      if (x != NULL && y != NULL ? memcmp (x, y, OCTAVE_BYTES) != 0 : !is_empty (x) || !is_empty (y))
        return FALSE;
    }
  return TRUE;
}

void
tn_channel_histograms_add_count (TnChannelHistograms *self, guint channel, guint bin, guint32 count)
{
  guint32 *counts = get_octave (self, channel, bin / OCTAVE_BINS);

  if (counts != NULL)
    counts[bin % OCTAVE_BINS] += count;
}

guint64
tn_channel_histograms_get_zeros (const TnChannelHistograms *self, guint channel)
{
  return self->zeros[channel];
}

void
tn_channel_histograms_add_zeros (TnChannelHistograms *self, guint channel, guint64 zeros)
{
  self->zeros[channel] += zeros;
}

const guint32 *
tn_channel_histograms_octave (const TnChannelHistograms *self, guint channel, guint octave)
{
  const guint32 *counts = *octave_at (self, channel, octave);

  return is_empty (counts) ? NULL : counts;
}

TnFloatHistogram *
tn_channel_histograms_get (const TnChannelHistograms *self, guint channel)
{
  TnFloatHistogram *histogram = tn_float_histogram_new ();

  histogram->zeros = self->zeros[channel];
  for (guint octave = 0; octave < OCTAVES; octave++)
    {
      const guint32 *counts = *octave_at (self, channel, octave);
      guint64 wide[OCTAVE_BINS];

      if (is_empty (counts))
        continue;
      for (guint i = 0; i < OCTAVE_BINS; i++)
        wide[i] = counts[i];
      tn_float_histogram_add_counts (histogram, octave * OCTAVE_BINS, wide, OCTAVE_BINS);
    }
  return histogram;
}
