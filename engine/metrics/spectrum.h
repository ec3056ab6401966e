/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Power of a reference x and of the error e = y - x by frequency, for signals that have an order: a channel of activations along its tokens, or
 * any 1-d signal. Welch's method (Welch 1967): segments of a power of two, half overlapping, under a Hann window, the squared magnitudes of their
 * Fourier transforms averaged over segments and signals. The mean is not taken off: it stands in the first bins, where a Hann window spreads
 * it over two. What is left at the end of a signal that no whole segment covers is not looked at; signals shorter than one are counted.
 *
 * Each segment's power is added exactly (exact-sum.h): the same bits for any order, number of threads and tree of merges; where a signal is cut
 * decides which segments there are, so signals are given whole. */
typedef struct _TnSpectrum TnSpectrum;

typedef struct
{
  double low, high; /* cycles a sample, 0 .. 0.5; low belongs to it, high does not but for the last */
  double reference, error; /* mean power of a segment in the band, of what sums to the mean square of a white signal */
  double sqnr_db;   /* 10 log10 (reference / error); +inf when exact, NaN when both are 0 */
} TnSpectrumBand;

/* length: of a segment, a power of two from 8 to 65536. */
TnSpectrum *tn_spectrum_new     (gsize length);
void        tn_spectrum_free    (TnSpectrum *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSpectrum, tn_spectrum_free)
/* One signal: x[i * x_step], y[i * y_step], i < n. FALSE, and nothing added but to a count, where one of them is not finite or n < length. */
gboolean    tn_spectrum_add     (TnSpectrum *self, const float *x, gsize x_step, const float *y, gsize y_step, gsize n);
/* Same length. */
void        tn_spectrum_merge   (TnSpectrum *self, const TnSpectrum *other);

guint64     tn_spectrum_get_segments (const TnSpectrum *self);
/* Signals left out: shorter than a segment, or with a value that is not finite. */
guint64     tn_spectrum_get_left_out (const TnSpectrum *self);
/* length / 2 + 1 bins, each a band of its own. */
gsize       tn_spectrum_get_n_bins (const TnSpectrum *self);
void        tn_spectrum_get_bin (const TnSpectrum *self, gsize bin, TnSpectrumBand *band);
/* Octaves: bin 0; 1; 2-3; 4-7; … up to half the rate of samples. */
guint       tn_spectrum_get_n_octaves (const TnSpectrum *self);
void        tn_spectrum_get_octave (const TnSpectrum *self, guint octave, TnSpectrumBand *band);

/* In-place transform of n = 2^k complex numbers (re, im interleaved): X_j = sum_i x_i exp (-2 pi i j / n). Cooley and Tukey 1965. */
void        tn_fourier_transform (double *values, gsize n);

G_END_DECLS
