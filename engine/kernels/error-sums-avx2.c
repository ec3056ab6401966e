/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/error-sums-private.h"

#if defined(__x86_64__)

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 4 /* of sums */
#define WIDTH 8 /* floats in a register: two steps of the lanes */

typedef struct
{
  __m256d error_square, x_square, y_square, product, error, abs_error, abs_x, abs_product, relative, max_error;
} Lanes;

TN_KERNEL_TARGET_AVX2 TN_KERNEL_INLINE double
fold (__m256d v)
{
  double lanes[LANES];

  _mm256_storeu_pd (lanes, v);
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/* 4 of the 8 pairs; what is done with floats is done with all of them at once. */
TN_KERNEL_TARGET_AVX2 TN_KERNEL_INLINE void
add_half (__m128 fx, __m128 fy, __m128 inverse, Lanes *lanes)
{
  const __m256d sign = _mm256_set1_pd (-0.0);
  __m256d x = _mm256_cvtps_pd (fx), y = _mm256_cvtps_pd (fy), e = _mm256_sub_pd (y, x);
  __m256d abs_e = _mm256_andnot_pd (sign, e), abs_x = _mm256_andnot_pd (sign, x), reciprocal = _mm256_cvtps_pd (inverse);

  lanes->error_square = _mm256_add_pd (lanes->error_square, _mm256_mul_pd (e, e));
  lanes->x_square = _mm256_add_pd (lanes->x_square, _mm256_mul_pd (x, x));
  lanes->y_square = _mm256_add_pd (lanes->y_square, _mm256_mul_pd (y, y));
  lanes->product = _mm256_add_pd (lanes->product, _mm256_mul_pd (x, y));
  lanes->error = _mm256_add_pd (lanes->error, e);
  lanes->abs_error = _mm256_add_pd (lanes->abs_error, abs_e);
  lanes->abs_x = _mm256_add_pd (lanes->abs_x, abs_x);
  lanes->abs_product = _mm256_add_pd (lanes->abs_product, _mm256_mul_pd (abs_e, abs_x));
  reciprocal = _mm256_mul_pd (reciprocal, _mm256_sub_pd (_mm256_set1_pd (2.0), _mm256_mul_pd (abs_x, reciprocal)));
  lanes->relative = _mm256_add_pd (lanes->relative, _mm256_mul_pd (abs_e, reciprocal));
  lanes->max_error = _mm256_max_pd (abs_e, lanes->max_error);
}

/* Zeros of x have the inverse 0, which makes their relative error 0; gives how many there are. */
TN_KERNEL_TARGET_AVX2 TN_KERNEL_INLINE guint
add_lanes (__m256 fx, __m256 fy, Lanes *lanes, float *magnitudes, guint *exact)
{
  const __m256 sign = _mm256_set1_ps (-0.0f);
  __m256 magnitude = _mm256_min_ps (_mm256_andnot_ps (sign, _mm256_sub_ps (fy, fx)), _mm256_set1_ps (FLT_MAX));
  __m256 zero = _mm256_cmp_ps (fx, _mm256_setzero_ps (), _CMP_EQ_OQ);
  __m256 inverse = _mm256_andnot_ps (zero, _mm256_andnot_ps (sign, _mm256_div_ps (_mm256_set1_ps (1.0f), fx)));

  add_half (_mm256_castps256_ps128 (fx), _mm256_castps256_ps128 (fy), _mm256_castps256_ps128 (inverse), lanes);
  add_half (_mm256_extractf128_ps (fx, 1), _mm256_extractf128_ps (fy, 1), _mm256_extractf128_ps (inverse, 1), lanes);
  _mm256_storeu_ps (magnitudes, magnitude);
  *exact += (guint) __builtin_popcount ((guint) _mm256_movemask_ps (_mm256_cmp_ps (magnitude, _mm256_setzero_ps (), _CMP_EQ_OQ)));
  return (guint) __builtin_popcount ((guint) _mm256_movemask_ps (zero));
}

TN_KERNEL_INLINE guint
upper_half (const float *magnitude)
{
  guint16 half;

  memcpy (&half, (const char *) magnitude + 2, sizeof half);
  return half;
}

TN_KERNEL_TARGET_AVX2 void
tn_error_sums_avx2 (const float *x, const float *y, gsize n, float *magnitudes, TnMagnitudeCounts *counts, TnErrorSums *sums)
{
  const __m256d none = _mm256_setzero_pd ();
  Lanes lanes = {none, none, none, none, none, none, none, none, none, none};
  __m256 low = _mm256_set1_ps (INFINITY), high = _mm256_set1_ps (-INFINITY);
  float lows[WIDTH], highs[WIDTH], min = INFINITY, max = -INFINITY;
  guint32 *even = counts->even, *odd = counts->odd;
  double max_error = 0.0, errors[LANES];
  guint64 zeros = 0, exact = 0;
  gsize i = 0;

  for (; i + WIDTH <= n; i += WIDTH)
    {
      __m256 fx = _mm256_loadu_ps (x + i);
      guint equal = 0;

      zeros += add_lanes (fx, _mm256_loadu_ps (y + i), &lanes, magnitudes + i, &equal);
      exact += equal;
      low = _mm256_min_ps (fx, low);
      high = _mm256_max_ps (fx, high);
      /* Here, where the processor does them beside the arithmetic. */
      for (guint k = 0; k < WIDTH; k += 2)
        {
          even[upper_half (magnitudes + i + k)]++;
          odd[upper_half (magnitudes + i + k + 1)]++;
        }
    }
  _mm256_storeu_ps (lows, low);
  _mm256_storeu_ps (highs, high);
  for (guint lane = 0; lane < WIDTH; lane++)
    {
      min = lows[lane] < min ? lows[lane] : min;
      max = highs[lane] > max ? highs[lane] : max;
    }
  if (i < n)
    {
      float tail_x[WIDTH] = {0}, tail_y[WIDTH] = {0}, tail_magnitudes[WIDTH];
      guint rest = (guint) (n - i), equal = 0;

      for (guint k = 0; k < rest; k++)
        {
          tail_x[k] = x[i + k];
          tail_y[k] = y[i + k];
          min = tail_x[k] < min ? tail_x[k] : min;
          max = tail_x[k] > max ? tail_x[k] : max;
        }
      zeros += add_lanes (_mm256_loadu_ps (tail_x), _mm256_loadu_ps (tail_y), &lanes, tail_magnitudes, &equal);
      zeros -= WIDTH - rest;
      exact += equal;
      exact -= WIDTH - rest;
      for (guint k = 0; k < rest; k++)
        {
          magnitudes[i + k] = tail_magnitudes[k];
          even[upper_half (tail_magnitudes + k)]++;
        }
    }
  counts->zeros += exact;
  _mm256_storeu_pd (errors, lanes.max_error);
  for (guint lane = 0; lane < LANES; lane++)
    max_error = errors[lane] > max_error ? errors[lane] : max_error;
  *sums = (TnErrorSums){
      .error_square = fold (lanes.error_square),
      .x_square = fold (lanes.x_square),
      .y_square = fold (lanes.y_square),
      .product = fold (lanes.product),
      .error = fold (lanes.error),
      .abs_error = fold (lanes.abs_error),
      .abs_x = fold (lanes.abs_x),
      .abs_product = fold (lanes.abs_product),
      .relative = fold (lanes.relative),
      .max_error = max_error,
      .min = (double) min,
      .max = (double) max,
      .zeros = zeros,
  };
}

#endif
