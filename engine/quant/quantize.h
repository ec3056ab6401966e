/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/scheme.h"
#include "engine/tensor/moments.h"

G_BEGIN_DECLS

/* What rounding to a scheme does to a tensor. Non-finite elements are left out of every sum and counted by the summary. */
typedef struct
{
  double bits;          /* an element, scales counted */
  double mse;           /* mean squared error */
  double sqnr_db;       /* 10 log10 (sum x^2 / sum e^2); +inf when exact */
  double cosine;        /* between x and its rounding; NaN when either is zero */
  double zero_fraction; /* of codes that stand for 0 */
  double scale;         /* as stored, of a scheme with one for the tensor; NaN else */
  double zero_point;    /* likewise */
} TnQuantError;

/* Fake quantization of w [rows, columns] into out (may be w): each value replaced by the nearest level (round half to even) of its
 * scale. Elements that are not finite stay as they are and enter no scale. Sums in double, scales in float32.
 * ternary: gamma = max (mean |w|, 1e-5), out = gamma * clip (round (w / gamma), -1, 1) (BitNet b1.58, section 2);
 * ternary:absmedian: the same with the median of |w| (the lower of the two in the middle);
 * ternary:ls: the codes of ternary, but their level is sum w*q / sum q^2, which has the least error;
 * ternary:twn: codes sign (w) where |w| > 0.7 mean |w|, level mean |w| over those (Ternary Weight Networks);
 * ternary:lloyd: codes sign (w) where |w| > a / 2, the level a that has the least error of all (engine/quant/lloyd-max.h);
 * binary: sign (w) * mean |w|, sign (0) = 1;
 * intB symmetric: s = max |w| / (2^(B-1) - 1), out = s * clip (round (w / s), ±(2^(B-1) - 1)); scale 0 gives 0;
 * intB:asym: s = (max - min) / (2^B - 1) over the range widened to hold 0, z = round (-min / s) (at most 2^B - 1),
 * out = s * (clip (round (w / s) + z, 0, 2^B - 1) - z).
 * Scales are rounded to the scheme's type before codes and zero points are found with them.
 * TN_ERROR_DATA: a scale is too large for fp16. Runs parallel loops: call on the compute thread. */
gboolean tn_quantize_values  (const TnScheme *scheme, const float *w, guint64 rows, guint64 columns, float *out, GError **error);
/* Errors of several schemes on one tensor, streaming by rows (two passes over it, more for ternary:ls, :twn, :absmedian and :lloyd a
 * tensor; mapped pages released), n_schemes results. A scale too large for fp16 is measured as 65504, and what it clips with it. The same
 * bits for any number of threads. Runs parallel loops: call on the compute thread. */
gboolean tn_quantize_errors  (const TnTensor *tensor, const TnScheme *schemes, guint n_schemes, TnQuantError *errors,
                              GError **error);
/* The same in one pass less: moments of the whole tensor are known from tn_tensor_moments() or tn_tensor_summarize() (NULL: they are not). */
gboolean tn_quantize_errors_with (const TnTensor *tensor, const TnMoments *moments, const TnScheme *schemes, guint n_schemes,
                                  TnQuantError *errors, GCancellable *cancellable, GError **error);
/* An f32 tensor in pool memory holding the rounded values: the bits of tn_quantize_values(). Errors as there, TN_ERROR_MEMORY. Runs
 * parallel loops: call on the compute thread. */
TnTensor *tn_quantize_tensor (const TnTensor *tensor, const TnScheme *scheme, GError **error);

G_END_DECLS
