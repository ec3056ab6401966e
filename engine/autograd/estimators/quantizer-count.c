/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/estimators/quantizer-count.h"

#include "engine/kernels/variant.h"

/* Sums of a piece are kept in so many lanes, and folded in their order. */
#define LANES 16
#define ROUNDER 0x1.8p23f

typedef struct
{
  float square[LANES], error_square[LANES];
  gint32 zeros[LANES], positives[LANES], saturated[LANES];
} Lanes;

TN_KERNEL_INLINE void
count_lane (Lanes *lanes, gsize lane, float x, float q, float low, float high)
{
  float error = x - q;

  lanes->square[lane] += x * x;
  lanes->error_square[lane] += error * error;
  lanes->zeros[lane] += q == 0.0f;
  lanes->positives[lane] += q > 0.0f;
  lanes->saturated[lane] += (x < low) | (x > high);
}

TN_KERNEL_INLINE void
fold (const Lanes *lanes, TnQuantizerCounts *counts)
{
  for (gsize lane = 0; lane < LANES; lane++)
    {
      counts->square += (double) lanes->square[lane];
      counts->error_square += (double) lanes->error_square[lane];
      counts->zeros += (guint32) lanes->zeros[lane];
      counts->positives += (guint32) lanes->positives[lane];
      counts->saturated += (guint32) lanes->saturated[lane];
    }
}

/* Codes of 16 bits, in place; those that changed. */
TN_KERNEL_INLINE guint32
replace_codes (const float *q, gsize n, float code_step, float code_zero, gint16 *previous)
{
  gint32 flips = 0;

  for (gsize i = 0; i < n; i++)
    {
      gint32 code = (gint32) ((2.0f * (q[i] * code_step + code_zero) + ROUNDER) - ROUNDER);

      flips += code != previous[i];
      previous[i] = (gint16) code;
    }
  return (guint32) flips;
}

TN_KERNEL_INLINE void
tn_quantizer_count_body (const float *x, const float *q, gsize n, float low, float high, float code_step, float code_zero,
                         gint16 *previous, TnQuantizerCounts *counts)
{
  Lanes lanes = {0};
  gsize i = 0;

  for (; i + LANES <= n; i += LANES)
    for (gsize lane = 0; lane < LANES; lane++)
      count_lane (&lanes, lane, x[i + lane], q[i + lane], low, high);
  for (gsize lane = 0; i + lane < n; lane++)
    count_lane (&lanes, lane, x[i + lane], q[i + lane], low, high);
  fold (&lanes, counts);
  if (previous != NULL)
    counts->flips += replace_codes (q, n, code_step, code_zero, previous);
}

TN_KERNEL_DEFINE (tn_quantizer_count,
                  (const float *x, const float *q, gsize n, float low, float high, float code_step, float code_zero,
                   gint16 *previous, TnQuantizerCounts *counts),
                  (x, q, n, low, high, code_step, code_zero, previous, counts))

/* The sign of an element and of its code are the same. */
TN_KERNEL_INLINE void
count_ternary_lane (Lanes *lanes, gsize lane, float w, float threshold, float scale, float end)
{
  float magnitude = w < 0.0f ? -w : w, error = magnitude - (magnitude > threshold ? scale : 0.0f);

  lanes->square[lane] += w * w;
  lanes->error_square[lane] += error * error;
  lanes->saturated[lane] += magnitude > end;
}

TN_KERNEL_INLINE void
tn_quantizer_count_ternary_body (const float *w, gsize n, float threshold, float scale, TnQuantizerCounts *counts)
{
  float end = 1.5f * scale;

  for (gsize first = 0; first < n; first += TN_QUANTIZER_COUNT_PIECE)
    {
      gsize last = MIN (first + TN_QUANTIZER_COUNT_PIECE, n), i = first;
      Lanes lanes = {0};

      for (; i + LANES <= last; i += LANES)
        for (gsize lane = 0; lane < LANES; lane++)
          count_ternary_lane (&lanes, lane, w[i + lane], threshold, scale, end);
      for (gsize lane = 0; i + lane < last; lane++)
        count_ternary_lane (&lanes, lane, w[i + lane], threshold, scale, end);
      fold (&lanes, counts);
    }
}

TN_KERNEL_DEFINE (tn_quantizer_count_ternary, (const float *w, gsize n, float threshold, float scale, TnQuantizerCounts *counts),
                  (w, n, threshold, scale, counts))
