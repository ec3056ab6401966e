/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/token-product-private.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "engine/kernels/variant.h"

#define TARGET TN_KERNEL_TARGET_AVX2

TARGET static void
pack (const gint8 *codes, gsize stride, gsize n_tokens, gint16 *panel)
{
  for (gsize t = 0; t < n_tokens; t += 2, codes += 2 * stride, panel += 2 * TN_TOKEN_COLUMNS)
    {
      __m256i one = _mm256_cvtepi8_epi16 (_mm_loadu_si128 ((const __m128i *) (const void *) codes)),
              two = _mm256_setzero_si256 ();
      __m256i low, high;

      if (t + 1 < n_tokens)
        two = _mm256_cvtepi8_epi16 (_mm_loadu_si128 ((const __m128i *) (const void *) (codes + stride)));
      low = _mm256_unpacklo_epi16 (one, two);
      high = _mm256_unpackhi_epi16 (one, two);
      _mm256_store_si256 ((__m256i *) (void *) panel, _mm256_permute2x128_si256 (low, high, 0x20));
      _mm256_store_si256 ((__m256i *) (void *) (panel + TN_TOKEN_COLUMNS), _mm256_permute2x128_si256 (low, high, 0x31));
    }
}

TARGET static void
multiply (const gint16 *a, gsize stride, const gint16 *panel, gsize n_pairs, gint32 sums[TN_TOKEN_ROWS][TN_TOKEN_COLUMNS])
{
  __m256i left[TN_TOKEN_ROWS], right[TN_TOKEN_ROWS];

#pragma GCC unroll 6
  for (gsize r = 0; r < TN_TOKEN_ROWS; r++)
    left[r] = right[r] = _mm256_setzero_si256 ();
  for (gsize pair = 0; pair < n_pairs; pair++, panel += 2 * TN_TOKEN_COLUMNS, a += 2)
    {
      __m256i x0 = _mm256_load_si256 ((const __m256i *) (const void *) panel);
      __m256i x1 = _mm256_load_si256 ((const __m256i *) (const void *) (panel + TN_TOKEN_COLUMNS));

#pragma GCC unroll 6
      for (gsize r = 0; r < TN_TOKEN_ROWS; r++)
        {
          __m256i values = _mm256_broadcastd_epi32 (_mm_loadu_si32 (a + r * stride));
          __m256i p0 = _mm256_madd_epi16 (values, x0), p1 = _mm256_madd_epi16 (values, x1);

          /* Left to itself the compiler mixes the rows until registers run out. */
          __asm__("vpaddd %2, %0, %0\n\tvpaddd %3, %1, %1" : "+x"(left[r]), "+x"(right[r]) : "x"(p0), "x"(p1));
        }
    }
#pragma GCC unroll 6
  for (gsize r = 0; r < TN_TOKEN_ROWS; r++)
    {
      _mm256_storeu_si256 ((__m256i *) (void *) sums[r], left[r]);
      _mm256_storeu_si256 ((__m256i *) (void *) (sums[r] + 8), right[r]);
    }
}

const TnTokenKernels tn_token_avx2 = {pack, multiply};

#endif
