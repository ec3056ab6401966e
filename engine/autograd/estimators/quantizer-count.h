/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a TnQuantizerState holds, of some elements: while they are in the first cache, in one go. The same bits in every variant. Private to
 * quantizers. */
typedef struct
{
  guint64 zeros, positives, saturated, flips;
  double  square, error_square; /* of finite elements; what is not finite makes them so */
} TnQuantizerCounts;

#define TN_QUANTIZER_COUNT_PIECE ((gsize) 512)

/* q: what x became; n <= TN_QUANTIZER_COUNT_PIECE. Saturated are those below low and above high. previous: codes round (2 (q code_step + code_zero))
 * of the step before, which are replaced; NULL: flips are not counted. Adds to counts. */
void tn_quantizer_count         (const float *x, const float *q, gsize n, float low, float high, float code_step, float code_zero,
                                 gint16 *previous, TnQuantizerCounts *counts);
/* Ternary weights, sign (w) scale where |w| > threshold: adds to saturated (|w| > 3/2 scale), square and error_square. Any n. */
void tn_quantizer_count_ternary (const float *w, gsize n, float threshold, float scale, TnQuantizerCounts *counts);

G_END_DECLS
