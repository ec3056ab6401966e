/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/row-quantize-private.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/lanes16.h"

/* What compilers make of the plain loops takes a third more instructions: they pack integers by masks instead of by saturation.
 */

#define TARGET TN_KERNEL_TARGET_AVX2
#define BLOCK 32
#define LINE_FLOATS 16

/* Four squares in double. */
TN_KERNEL_INLINE TARGET __m256d
get_squares (const float *x)
{
  __m256d wide = _mm256_cvtps_pd (_mm_loadu_ps (x));

  return _mm256_mul_pd (wide, wide);
}

TARGET static float
get_norm (const float *x, gsize width, double epsilon)
{
  __m256d a = _mm256_setzero_pd (), b = a, c = a, d = a;
  TnSums16 sums;
  gsize i = 0;

  for (; i + TN_LANES16 <= width; i += TN_LANES16)
    {
      a = _mm256_add_pd (a, get_squares (x + i));
      b = _mm256_add_pd (b, get_squares (x + i + 4));
      c = _mm256_add_pd (c, get_squares (x + i + 8));
      d = _mm256_add_pd (d, get_squares (x + i + 12));
    }
  if (i < width)
    {
      float tail[TN_LANES16] = {0};

      memcpy (tail, x + i, (width - i) * sizeof (float));
      a = _mm256_add_pd (a, get_squares (tail));
      b = _mm256_add_pd (b, get_squares (tail + 4));
      c = _mm256_add_pd (c, get_squares (tail + 8));
      d = _mm256_add_pd (d, get_squares (tail + 12));
    }
  sums = (TnSums16){{(TnDoubles) a, (TnDoubles) b, (TnDoubles) c, (TnDoubles) d}};
  return tn_rmsnorm_factor_of (&sums, width, epsilon);
}

TN_KERNEL_INLINE TARGET __m256
get_values (const float *x, const float *weight, __m256 norm)
{
  __m256 values = _mm256_loadu_ps (x);

  return weight != NULL ? _mm256_mul_ps (_mm256_mul_ps (values, norm), _mm256_loadu_ps (weight)) : values;
}

TN_KERNEL_INLINE TARGET __m256i
get_magnitudes (const float *x, const float *weight, __m256 norm)
{
  return _mm256_castps_si256 (_mm256_andnot_ps (_mm256_set1_ps (-0.0f), get_values (x, weight, norm)));
}

TN_KERNEL_INLINE TARGET gint32
find_largest_body (const float *x, const float *weight, float norm_factor, gsize width, const float *next)
{
  __m256 norm = _mm256_set1_ps (norm_factor);
  __m256i a = _mm256_setzero_si256 (), b = a;
  __m128i most;
  gsize i = 0;

  for (; i + LINE_FLOATS <= width; i += LINE_FLOATS)
    {
      if (next != NULL && i < width / 2)
        _mm_prefetch ((const char *) (next + i), _MM_HINT_T1);
      a = _mm256_max_epi32 (a, get_magnitudes (x + i, weight != NULL ? weight + i : NULL, norm));
      b = _mm256_max_epi32 (b, get_magnitudes (x + i + 8, weight != NULL ? weight + i + 8 : NULL, norm));
    }
  if (i < width)
    {
      float x_tail[LINE_FLOATS] = {0}, weight_tail[LINE_FLOATS] = {0};

      memcpy (x_tail, x + i, (width - i) * sizeof (float));
      if (weight != NULL)
        memcpy (weight_tail, weight + i, (width - i) * sizeof (float));
      a = _mm256_max_epi32 (a, get_magnitudes (x_tail, weight != NULL ? weight_tail : NULL, norm));
      b = _mm256_max_epi32 (b, get_magnitudes (x_tail + 8, weight != NULL ? weight_tail + 8 : NULL, norm));
    }
  a = _mm256_max_epi32 (a, b);
  most = _mm_max_epi32 (_mm256_castsi256_si128 (a), _mm256_extracti128_si256 (a, 1));
  most = _mm_max_epi32 (most, _mm_shuffle_epi32 (most, 0x4e));
  most = _mm_max_epi32 (most, _mm_shuffle_epi32 (most, 0xb1));
  return _mm_cvtsi128_si32 (most);
}

TARGET static gint32
find_largest (const float *x, const float *weight, float norm, gsize width, const float *next)
{
  return weight != NULL ? find_largest_body (x, weight, norm, width, next) : find_largest_body (x, NULL, norm, width, next);
}

TN_KERNEL_INLINE TARGET __m256i
get_codes (const float *x, const float *weight, __m256 norm, __m256 factor)
{
  /* Rounds half to even: nothing of ours changes that mode. */
  return _mm256_cvtps_epi32 (_mm256_mul_ps (get_values (x, weight, norm), factor));
}

/* 32 codes in order; their sums by twos are added to sums. */
TN_KERNEL_INLINE TARGET __m256i
get_block (const float *x, const float *weight, __m256 norm, __m256 factor, __m256i *sums)
{
  __m256i a = get_codes (x, weight, norm, factor);
  __m256i b = get_codes (x + 8, weight != NULL ? weight + 8 : NULL, norm, factor);
  __m256i c = get_codes (x + 16, weight != NULL ? weight + 16 : NULL, norm, factor);
  __m256i d = get_codes (x + 24, weight != NULL ? weight + 24 : NULL, norm, factor);
  __m256i low = _mm256_packs_epi32 (a, b), high = _mm256_packs_epi32 (c, d);

  *sums = _mm256_add_epi32 (*sums, _mm256_madd_epi16 (_mm256_add_epi16 (low, high), _mm256_set1_epi16 (1)));
  return _mm256_permutevar8x32_epi32 (_mm256_packs_epi16 (low, high), _mm256_setr_epi32 (0, 4, 1, 5, 2, 6, 3, 7));
}

TN_KERNEL_INLINE TARGET gint32
write_codes_body (const float *x, const float *weight, float norm_factor, float code_factor, gsize width, const float *next,
                  gint8 *codes)
{
  __m256 norm = _mm256_set1_ps (norm_factor), factor = _mm256_set1_ps (code_factor);
  __m256i sums = _mm256_setzero_si256 ();
  __m128i sum;
  gsize i = 0;

  for (; i + BLOCK <= width; i += BLOCK)
    {
      if (next != NULL && i >= width / 2)
        {
          _mm_prefetch ((const char *) (next + i), _MM_HINT_T1);
          _mm_prefetch ((const char *) (next + i + LINE_FLOATS), _MM_HINT_T1);
        }
      _mm256_storeu_si256 ((__m256i *) (void *) (codes + i),
                           get_block (x + i, weight != NULL ? weight + i : NULL, norm, factor, &sums));
    }
  if (i < width)
    {
      float x_tail[BLOCK] = {0}, weight_tail[BLOCK] = {0};
      gint8 codes_tail[BLOCK];

      memcpy (x_tail, x + i, (width - i) * sizeof (float));
      if (weight != NULL)
        memcpy (weight_tail, weight + i, (width - i) * sizeof (float));
      _mm256_storeu_si256 ((__m256i *) (void *) codes_tail,
                           get_block (x_tail, weight != NULL ? weight_tail : NULL, norm, factor, &sums));
      memcpy (codes + i, codes_tail, width - i);
    }
  sum = _mm_add_epi32 (_mm256_castsi256_si128 (sums), _mm256_extracti128_si256 (sums, 1));
  sum = _mm_add_epi32 (sum, _mm_shuffle_epi32 (sum, 0x4e));
  sum = _mm_add_epi32 (sum, _mm_shuffle_epi32 (sum, 0xb1));
  return _mm_cvtsi128_si32 (sum);
}

TARGET static gint32
write_codes (const float *x, const float *weight, float norm, float factor, gsize width, const float *next, gint8 *codes)
{
  return weight != NULL ? write_codes_body (x, weight, norm, factor, width, next, codes)
                        : write_codes_body (x, NULL, norm, factor, width, next, codes);
}

const TnRowKernels tn_row_avx2 = {get_norm, find_largest, write_codes};

#endif
