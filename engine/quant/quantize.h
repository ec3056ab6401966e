/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/scheme.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* What rounding to a scheme does to a tensor. Non-finite elements are left out of every sum and counted by the summary. */
typedef struct
{
  double bits;          /* an element, scales counted */
  double mse;           /* mean squared error */
  double sqnr_db;       /* 10 log10 (sum x^2 / sum e^2); +inf when exact */
  double cosine;        /* between x and its rounding; NaN when either is zero */
  double zero_fraction; /* of codes */
} TnQuantError;

/* Fake quantization of w [rows, columns] into out (may be w): each value replaced by the nearest level (round half to even) of its scale.
 * ternary: gamma = max (mean |w|, 1e-5), out = gamma * clip (round (w / gamma), -1, 1) (BitNet b1.58, section 2);
 * intB symmetric: s = max |w| / (2^(B-1) - 1), out = s * clip (round (w / s), ±(2^(B-1) - 1)); scale 0 gives 0. Sums in double. */
gboolean tn_quantize_values  (const TnScheme *scheme, const float *w, guint64 rows, guint64 columns, float *out, GError **error);
/* Errors of several schemes on one tensor, streaming by rows (two passes over it, mapped pages released), n_schemes results.
 * Runs parallel loops: call on the compute thread. */
gboolean tn_quantize_errors  (const TnTensor *tensor, const TnScheme *schemes, guint n_schemes, TnQuantError *errors,
                              GError **error);
/* An f32 tensor in pool memory holding the rounded values. */
TnTensor *tn_quantize_tensor (const TnTensor *tensor, const TnScheme *scheme, GError **error);

G_END_DECLS
