/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternarize-private.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "engine/kernels/variant.h"

#define TARGET TN_KERNEL_TARGET_AVX2
/* Floats of a page. */
#define NARROW 1024
#define COLUMNS TN_TERNARY_TILE_COLUMNS

/* The signs -1, 0, 1 of 8 columns, each where its tile has its code: four columns a step of 2 bits. */
TN_KERNEL_INLINE TARGET __m256i
get_signs (const float *w, __m256 threshold, __m256i shifts, __m256i *largest)
{
  const __m256 sign_bit = _mm256_set1_ps (-0.0f);
  __m256 values = _mm256_loadu_ps (w);
  __m256i above = _mm256_castps_si256 (_mm256_cmp_ps (values, threshold, _CMP_GT_OQ));
  __m256i below = _mm256_castps_si256 (_mm256_cmp_ps (values, _mm256_xor_ps (threshold, sign_bit), _CMP_LT_OQ));

  *largest = _mm256_max_epi32 (*largest, _mm256_castps_si256 (_mm256_andnot_ps (sign_bit, values)));
  return _mm256_sllv_epi32 (_mm256_sub_epi32 (below, above), shifts);
}

/* A row's 16 columns of a tile: the low half has the steps 0 and 2, the high one 1 and 3. */
TN_KERNEL_INLINE TARGET __m256i
get_row (const float *w, __m256 threshold, __m256i *largest)
{
  __m256i left = get_signs (w, threshold, _mm256_setr_epi32 (0, 0, 0, 0, 2, 2, 2, 2), largest);
  __m256i right = get_signs (w + 8, threshold, _mm256_setr_epi32 (4, 4, 4, 4, 6, 6, 6, 6), largest);

  return _mm256_add_epi32 (left, right);
}

TARGET static gboolean
pack_quad (const float *w, gsize w_stride, gsize n_tiles, const float thresholds[TN_QUAD_ROWS], guint8 *tiles)
{
  const float *w1 = w + w_stride, *w2 = w1 + w_stride, *w3 = w2 + w_stride;
  __m256 t0 = _mm256_set1_ps (thresholds[0]), t1 = _mm256_set1_ps (thresholds[1]);
  __m256 t2 = _mm256_set1_ps (thresholds[2]), t3 = _mm256_set1_ps (thresholds[3]);
  __m256i largest = _mm256_setzero_si256 ();
  /* The processor itself fetches ahead within a page only: too little for rows that end there. */
  gsize ahead = w_stride <= NARROW ? 2 * TN_QUAD_ROWS * w_stride : 0;

  for (gsize i = 0; i < n_tiles * COLUMNS; i += COLUMNS, tiles += TN_TERNARY_TILE_BYTES)
    {
      __m256i a, b, steps;
      __m128i codes;

      if (ahead > 0)
        {
          _mm_prefetch ((const char *) (w + i + ahead), _MM_HINT_T1);
          _mm_prefetch ((const char *) (w1 + i + ahead), _MM_HINT_T1);
          _mm_prefetch ((const char *) (w2 + i + ahead), _MM_HINT_T1);
          _mm_prefetch ((const char *) (w3 + i + ahead), _MM_HINT_T1);
        }
      a = _mm256_packs_epi32 (get_row (w + i, t0, &largest), get_row (w1 + i, t1, &largest));
      b = _mm256_packs_epi32 (get_row (w2 + i, t2, &largest), get_row (w3 + i, t3, &largest));
      steps = _mm256_packs_epi16 (a, b);
      /* Sums of signs at 2 bits a step, plus one in each step: the codes. */
      codes =
          _mm_add_epi8 (_mm_add_epi8 (_mm256_castsi256_si128 (steps), _mm256_extracti128_si256 (steps, 1)), _mm_set1_epi8 (0x55));

      _mm_storeu_si128 ((__m128i *) (void *) tiles, codes);
    }
  /* Magnitudes that are not finite are the largest as integers, too. */
  return _mm256_testz_si256 (_mm256_cmpgt_epi32 (largest, _mm256_set1_epi32 (0x7f7fffff)), _mm256_set1_epi32 (-1));
}

TARGET static void
unpack_row (const guint8 *tiles, gsize n_tiles, const float levels[4], float *out)
{
  const __m256i left = _mm256_setr_epi32 (0, 8, 16, 24, 2, 10, 18, 26);
  const __m256i right = _mm256_setr_epi32 (4, 12, 20, 28, 6, 14, 22, 30);
  __m256 table = _mm256_broadcast_ps ((const __m128 *) (const void *) levels);

  for (gsize tile = 0; tile < n_tiles; tile++, tiles += TN_TERNARY_TILE_BYTES, out += COLUMNS)
    {
      __m256i bits = _mm256_set1_epi32 (_mm_cvtsi128_si32 (_mm_loadu_si32 (tiles)));

      /* The lowest two bits of each lane choose. */
      _mm256_storeu_ps (out, _mm256_permutevar_ps (table, _mm256_srlv_epi32 (bits, left)));
      _mm256_storeu_ps (out + 8, _mm256_permutevar_ps (table, _mm256_srlv_epi32 (bits, right)));
    }
}

const TnTernarizeKernels tn_ternarize_avx2 = {pack_quad, unpack_row};

#endif
