/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/spectrum.h"

#include <math.h>

#include "engine/metrics/exact-sum.h"

#define LEAST_LENGTH 8
#define MOST_LENGTH 65536

struct _TnSpectrum
{
  gsize length;
  double *window;                /* [length], its squares sum to 1 */
  double *roots;                 /* [length / 2] complex: exp (-2 pi i k / length) */
  double *work;                  /* [length] complex */
  TnExactSum *reference, *error; /* [length / 2 + 1] */
  guint64 segments, left_out;
};

static double *
make_roots (gsize n)
{
  double *roots = g_new (double, MAX (n, 1));

  for (gsize k = 0; k < n / 2; k++)
    {
      double angle = -2.0 * G_PI * (double) k / (double) n;

      roots[2 * k] = cos (angle);
      roots[2 * k + 1] = sin (angle);
    }
  return roots;
}

static void
transform (double *values, gsize n, const double *roots)
{
  for (gsize i = 1, reversed = 0; i < n; i++)
    {
      gsize bit = n >> 1;

      for (; reversed & bit; bit >>= 1)
        reversed ^= bit;
      reversed |= bit;
      if (i < reversed)
        for (guint part = 0; part < 2; part++)
          {
            double swapped = values[2 * i + part];

            values[2 * i + part] = values[2 * reversed + part];
            values[2 * reversed + part] = swapped;
          }
    }
  for (gsize half = 1; half < n; half *= 2)
    for (gsize block = 0; block < n; block += 2 * half)
      for (gsize k = 0; k < half; k++)
        {
          const double *root = roots + 2 * k * (n / (2 * half));
          double *upper = values + 2 * (block + k), *lower = upper + 2 * half;
          double re = lower[0] * root[0] - lower[1] * root[1], im = lower[0] * root[1] + lower[1] * root[0];

          lower[0] = upper[0] - re;
          lower[1] = upper[1] - im;
          upper[0] += re;
          upper[1] += im;
        }
}

void
tn_fourier_transform (double *values, gsize n)
{
  g_autofree double *roots = NULL;

  g_return_if_fail (n > 0 && (n & (n - 1)) == 0);

  roots = make_roots (n);
  transform (values, n, roots);
}

TnSpectrum *
tn_spectrum_new (gsize length)
{
  TnSpectrum *self;
  double squares = 0.0;

  g_return_val_if_fail (length >= LEAST_LENGTH && length <= MOST_LENGTH && (length & (length - 1)) == 0, NULL);

  self = g_new0 (TnSpectrum, 1);
  self->length = length;
  self->window = g_new (double, length);
  self->roots = make_roots (length);
  self->work = g_new (double, 2 * length);
  self->reference = g_new0 (TnExactSum, length / 2 + 1);
  self->error = g_new0 (TnExactSum, length / 2 + 1);
  for (gsize i = 0; i < length; i++)
    {
      self->window[i] = 0.5 - 0.5 * cos (2.0 * G_PI * (double) i / (double) length);
      squares += self->window[i] * self->window[i];
    }
  for (gsize i = 0; i < length; i++)
    self->window[i] /= sqrt (squares);
  return self;
}

void
tn_spectrum_free (TnSpectrum *self)
{
  if (self == NULL)
    return;
  g_free (self->window);
  g_free (self->roots);
  g_free (self->work);
  g_free (self->reference);
  g_free (self->error);
  g_free (self);
}

/* The power of what stands in the work array at each frequency, of both signs together. */
static void
add_powers (TnSpectrum *self, TnExactSum *sums)
{
  transform (self->work, self->length, self->roots);
  for (gsize bin = 0; bin <= self->length / 2; bin++)
    {
      double re = self->work[2 * bin], im = self->work[2 * bin + 1], power = (re * re + im * im) / (double) self->length;

      tn_exact_sum_add (&sums[bin], bin == 0 || bin == self->length / 2 ? power : 2.0 * power);
    }
}

gboolean
tn_spectrum_add (TnSpectrum *self, const float *x, gsize x_step, const float *y, gsize y_step, gsize n)
{
  gboolean whole = n >= self->length;

  for (gsize i = 0; whole && i < n; i++)
    whole = isfinite (x[i * x_step]) && isfinite (y[i * y_step]);
  if (!whole)
    {
      self->left_out++;
      return FALSE;
    }
  for (gsize first = 0; first + self->length <= n; first += self->length / 2)
    {
      for (gsize i = 0; i < self->length; i++)
        {
          self->work[2 * i] = self->window[i] * (double) x[(first + i) * x_step];
          self->work[2 * i + 1] = 0.0;
        }
      add_powers (self, self->reference);
      for (gsize i = 0; i < self->length; i++)
        {
          self->work[2 * i] = self->window[i] * ((double) y[(first + i) * y_step] - (double) x[(first + i) * x_step]);
          self->work[2 * i + 1] = 0.0;
        }
      add_powers (self, self->error);
      self->segments++;
    }
  return TRUE;
}

void
tn_spectrum_merge (TnSpectrum *self, const TnSpectrum *other)
{
  g_return_if_fail (self->length == other->length);

  for (gsize bin = 0; bin <= self->length / 2; bin++)
    {
      tn_exact_sum_merge (&self->reference[bin], &other->reference[bin]);
      tn_exact_sum_merge (&self->error[bin], &other->error[bin]);
    }
  self->segments += other->segments;
  self->left_out += other->left_out;
}

guint64
tn_spectrum_get_segments (const TnSpectrum *self)
{
  return self->segments;
}

guint64
tn_spectrum_get_left_out (const TnSpectrum *self)
{
  return self->left_out;
}

gsize
tn_spectrum_get_n_bins (const TnSpectrum *self)
{
  return self->length / 2 + 1;
}

static void
get_band (const TnSpectrum *self, gsize first, gsize end, TnSpectrumBand *band)
{
  TnExactSum reference = {0}, error = {0};
  double segments = (double) self->segments;

  for (gsize bin = first; bin < end; bin++)
    {
      tn_exact_sum_merge (&reference, &self->reference[bin]);
      tn_exact_sum_merge (&error, &self->error[bin]);
    }
  *band = (TnSpectrumBand){
      .low = MAX ((double) first - 0.5, 0.0) / (double) self->length,
      .high = MIN (((double) end - 0.5) / (double) self->length, 0.5),
      .reference = tn_exact_sum_to_double (&reference) / segments,
      .error = tn_exact_sum_to_double (&error) / segments,
  };
  band->sqnr_db = 10.0 * log10 (band->reference / band->error);
}

void
tn_spectrum_get_bin (const TnSpectrum *self, gsize bin, TnSpectrumBand *band)
{
  g_return_if_fail (bin <= self->length / 2);

  get_band (self, bin, bin + 1, band);
}

guint
tn_spectrum_get_n_octaves (const TnSpectrum *self)
{
  guint octaves = 1;

  for (gsize first = 1; first <= self->length / 2; first *= 2)
    octaves++;
  return octaves;
}

void
tn_spectrum_get_octave (const TnSpectrum *self, guint octave, TnSpectrumBand *band)
{
  gsize first = octave > 0 ? (gsize) 1 << (octave - 1) : 0;

  g_return_if_fail (octave < tn_spectrum_get_n_octaves (self));

  get_band (self, first, octave > 0 ? MIN (2 * first, self->length / 2 + 1) : 1, band);
}
