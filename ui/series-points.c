/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/series-points.h"

#include <math.h>

typedef struct
{
  double sum, decayed; /* decayed: d^k after k steps */
} Average;

static double
average (Average *self, const TnPyramidEntry *entry, double smoothing)
{
  double weight = pow (smoothing, (double) entry->count);

  if (isfinite (entry->minimum) && isfinite (entry->maximum))
    {
      self->sum = weight * self->sum + (1.0 - weight) * (entry->minimum + entry->maximum) / 2.0;
      self->decayed *= weight;
    }
  return self->decayed < 1.0 ? self->sum / (1.0 - self->decayed) : (double) NAN;
}

TnSeriesPoints *
tn_series_points_new (const GArray *entries, double smoothing, guint most)
{
  TnSeriesPoints *self = g_new0 (TnSeriesPoints, 1);
  Average smoothed = {.decayed = 1.0};

  self->n = MIN (entries->len, most);
  self->steps = g_new (double, self->n);
  self->low = g_new (double, self->n);
  self->high = g_new (double, self->n);
  self->smooth = g_new (double, self->n);
  for (gsize i = 0; i < self->n; i++)
    {
      gsize first = entries->len * i / self->n, end = entries->len * (i + 1) / self->n;

      self->low[i] = self->high[i] = NAN;
      for (gsize k = first; k < end; k++)
        {
          const TnPyramidEntry *entry = &g_array_index (entries, TnPyramidEntry, k);

          self->low[i] = fmin (self->low[i], entry->minimum);
          self->high[i] = fmax (self->high[i], entry->maximum);
          self->smooth[i] = average (&smoothed, entry, smoothing);
          self->steps[i] = (double) entry->last_step;
          self->spread |= entry->count > 1 || end - first > 1;
        }
    }
  return self;
}

void
tn_series_points_free (TnSeriesPoints *self)
{
  g_free (self->steps);
  g_free (self->low);
  g_free (self->high);
  g_free (self->smooth);
  g_free (self);
}
