/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/metrics/spectrum.h"
#include "engine/random.h"

static void
test_transform (void)
{
  TnRandom random = tn_random_stream (1, "transform");

  for (gsize n = 1; n <= 256; n *= 2)
    {
      g_autofree double *values = g_new (double, 2 * n), *expected = g_new0 (double, 2 * n);

      for (gsize i = 0; i < 2 * n; i++)
        values[i] = tn_random_normal (&random);
      for (gsize k = 0; k < n; k++)
        for (gsize i = 0; i < n; i++)
          {
            double angle = -2.0 * G_PI * (double) (i * k % n) / (double) n;

            expected[2 * k] += values[2 * i] * cos (angle) - values[2 * i + 1] * sin (angle);
            expected[2 * k + 1] += values[2 * i] * sin (angle) + values[2 * i + 1] * cos (angle);
          }
      tn_fourier_transform (values, n);
      for (gsize i = 0; i < 2 * n; i++)
        g_assert_cmpfloat_with_epsilon (values[i], expected[i], 1e-11);
    }
}

/* A tone as the signal, white noise as the error. */
static void
test_tone (void)
{
  const gsize n = 1 << 16, length = 64, bin = 11;
  TnRandom random = tn_random_stream (2, "tone");
  g_autofree float *x = g_new (float, n), *y = g_new (float, n);
  g_autoptr (TnSpectrum) spectrum = tn_spectrum_new (length);
  TnSpectrumBand band;
  double reference = 0.0, error = 0.0, noise = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      x[i] = (float) cos (2.0 * G_PI * (double) (i * bin % length) / (double) length);
      y[i] = x[i] + (float) (0.01 * tn_random_normal (&random));
      noise += ((double) y[i] - (double) x[i]) * ((double) y[i] - (double) x[i]) / (double) n;
    }
  g_assert_true (tn_spectrum_add (spectrum, x, 1, y, 1, n));
  g_assert_cmpuint (tn_spectrum_get_segments (spectrum), ==, 2 * n / length - 1);
  g_assert_cmpuint (tn_spectrum_get_n_bins (spectrum), ==, length / 2 + 1);
  for (gsize i = 0; i <= length / 2; i++)
    {
      tn_spectrum_get_bin (spectrum, i, &band);
      reference += band.reference;
      error += band.error;
      /* A Hann window leaves two thirds of a tone in its bin and a sixth in each neighbour. */
      g_assert_cmpfloat_with_epsilon (band.reference, i == bin ? 0.5 * 2.0 / 3.0 : i == bin - 1 || i == bin + 1 ? 0.5 / 6.0 : 0.0, 1e-6);
      if (i > 0 && i < length / 2)
        g_assert_cmpfloat_with_epsilon (band.error / (noise * 2.0 / (double) length), 1.0, 0.15);
    }
  g_assert_cmpfloat_with_epsilon (reference, 0.5, 1e-6);
  g_assert_cmpfloat_with_epsilon (error / noise, 1.0, 0.01);
  tn_spectrum_get_bin (spectrum, bin, &band);
  g_assert_cmpfloat_with_epsilon (band.sqnr_db, 10.0 * log10 (band.reference / band.error), 1e-12);
  g_assert_cmpfloat (band.low, ==, 10.5 / 64.0);
  g_assert_cmpfloat (band.high, ==, 11.5 / 64.0);
}

static void
test_octaves (void)
{
  g_autoptr (TnSpectrum) spectrum = tn_spectrum_new (16);
  float x[40], y[40];
  double bins = 0.0, octaves = 0.0;
  TnSpectrumBand band;

  for (guint i = 0; i < 40; i++)
    {
      x[i] = sinf ((float) (i * i));
      y[i] = x[i] + 0.1f * cosf ((float) (3 * i));
    }
  tn_spectrum_add (spectrum, x, 1, y, 1, 40);
  g_assert_cmpuint (tn_spectrum_get_n_octaves (spectrum), ==, 5);
  for (guint i = 0; i < 5; i++)
    {
      tn_spectrum_get_octave (spectrum, i, &band);
      octaves += band.reference;
      g_assert_cmpfloat (band.low, <, band.high);
    }
  g_assert_cmpfloat (band.high, ==, 0.5);
  for (guint i = 0; i < 9; i++)
    {
      tn_spectrum_get_bin (spectrum, i, &band);
      bins += band.reference;
    }
  g_assert_cmpfloat_with_epsilon (bins, octaves, 1e-14);
}

/* Columns of a matrix in any order, and merged, give the same bits. */
static void
test_order (void)
{
  enum { ROWS = 100, COLUMNS = 7 };
  TnRandom random = tn_random_stream (3, "order");
  float x[ROWS * COLUMNS], y[ROWS * COLUMNS];
  g_autoptr (TnSpectrum) forward = tn_spectrum_new (32), backward = tn_spectrum_new (32), other = tn_spectrum_new (32);

  for (guint i = 0; i < ROWS * COLUMNS; i++)
    {
      x[i] = (float) tn_random_normal (&random);
      y[i] = x[i] + (float) (0.1 * tn_random_normal (&random));
    }
  for (guint i = 0; i < COLUMNS; i++)
    tn_spectrum_add (forward, x + i, COLUMNS, y + i, COLUMNS, ROWS);
  for (guint i = COLUMNS; i-- > 0;)
    tn_spectrum_add (i % 2 ? backward : other, x + i, COLUMNS, y + i, COLUMNS, ROWS);
  tn_spectrum_merge (backward, other);
  g_assert_cmpuint (tn_spectrum_get_segments (forward), ==, tn_spectrum_get_segments (backward));
  for (gsize i = 0; i < tn_spectrum_get_n_bins (forward); i++)
    {
      TnSpectrumBand a, b;

      tn_spectrum_get_bin (forward, i, &a);
      tn_spectrum_get_bin (backward, i, &b);
      g_assert_cmpmem (&a, sizeof a, &b, sizeof b);
    }
}

static void
test_left_out (void)
{
  g_autoptr (TnSpectrum) spectrum = tn_spectrum_new (8);
  float x[9] = {0}, y[9] = {0};
  TnSpectrumBand band;

  g_assert_false (tn_spectrum_add (spectrum, x, 1, y, 1, 7));
  y[8] = NAN;
  g_assert_false (tn_spectrum_add (spectrum, x, 1, y, 1, 9));
  g_assert_cmpuint (tn_spectrum_get_left_out (spectrum), ==, 2);
  g_assert_cmpuint (tn_spectrum_get_segments (spectrum), ==, 0);
  g_assert_true (tn_spectrum_add (spectrum, x, 1, y, 1, 8));
  tn_spectrum_get_bin (spectrum, 0, &band);
  g_assert_true (isnan (band.sqnr_db));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spectrum/transform", test_transform);
  g_test_add_func ("/spectrum/tone", test_tone);
  g_test_add_func ("/spectrum/octaves", test_octaves);
  g_test_add_func ("/spectrum/order", test_order);
  g_test_add_func ("/spectrum/left-out", test_left_out);
  return g_test_run ();
}
