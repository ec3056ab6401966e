/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternary-private.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "engine/kernels/variant.h"

/* _mm256_maddubs_epi16 adds two products of a code 0 .. 2 and a number -128 .. 127: -512 .. 508, never saturated. 64 of them fit
 * 16 bits: 64 * -512 = -2^15, 64 * 508 < 2^15. */
G_STATIC_ASSERT (TN_TERNARY_PANEL_STEPS <= 64);

#define TARGET TN_KERNEL_TARGET_AVX2
/* 6 tokens by 16 rows: 12 registers of sums, 2 of codes, 1 of x, 1 of products. */
G_STATIC_ASSERT (TN_TERNARY_TOKENS == 6);
#define LANES 2
#define LANE_BYTES 32

TN_KERNEL_INLINE TARGET __m256i
load (const void *p)
{
  return _mm256_load_si256 (p);
}

TN_KERNEL_INLINE TARGET __m256i
broadcast (const gint8 *x)
{
  return _mm256_broadcastd_epi32 (_mm_loadu_si32 (x));
}

/* Four 16-bit sums of a row to one of 32 bits, added to sums[8]. */
TN_KERNEL_INLINE TARGET void
add_sums (__m256i sums16, gint32 *sums)
{
  __m256i sums32 = _mm256_madd_epi16 (sums16, _mm256_set1_epi16 (1));

  _mm256_storeu_si256 ((__m256i *) sums, _mm256_add_epi32 (_mm256_loadu_si256 ((const __m256i *) sums), sums32));
}

TARGET static void
unpack (const guint8 *tiles, gsize n_tiles, guint8 *panel)
{
  const __m256i mask = _mm256_set1_epi8 (3);

  for (; n_tiles > 0; n_tiles--, tiles += TN_TERNARY_TILE_BYTES, panel += TN_TERNARY_STEPS * TN_TERNARY_STEP_BYTES)
    for (gsize lane = 0; lane < LANES; lane++)
      {
        __m256i codes = load (tiles + lane * LANE_BYTES);
        __m256i *out = (__m256i *) (panel + lane * LANE_BYTES);

        _mm256_store_si256 (out, _mm256_and_si256 (codes, mask));
        _mm256_store_si256 (out + LANES, _mm256_and_si256 (_mm256_srli_epi16 (codes, 2), mask));
        _mm256_store_si256 (out + 2 * LANES, _mm256_and_si256 (_mm256_srli_epi16 (codes, 4), mask));
        _mm256_store_si256 (out + 3 * LANES, _mm256_and_si256 (_mm256_srli_epi16 (codes, 6), mask));
      }
}

TN_KERNEL_INLINE TARGET void
multiply_tokens (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  for (gsize g = 0; g < n_groups; g++, panels += TN_TERNARY_PANEL_BYTES, sums += TN_TERNARY_TILE_ROWS)
    {
      __m256i sums16[TN_TERNARY_TOKENS][LANES];

      for (gsize t = 0; t < n_tokens; t++)
        for (gsize lane = 0; lane < LANES; lane++)
          sums16[t][lane] = _mm256_setzero_si256 ();
      for (gsize step = 0; step < n_steps; step++)
        {
          const guint8 *panel = panels + step * TN_TERNARY_STEP_BYTES;
          __m256i codes[LANES] = {load (panel), load (panel + LANE_BYTES)};

#pragma GCC unroll 6
          for (gsize t = 0; t < n_tokens; t++)
            {
              __m256i values = broadcast (x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS);

              for (gsize lane = 0; lane < LANES; lane++)
                sums16[t][lane] = _mm256_add_epi16 (sums16[t][lane], _mm256_maddubs_epi16 (codes[lane], values));
              /* Keeps the tokens in this order: all broadcasts first would need more registers than there are. */
              __asm__("" : "+x"(sums16[t][0]), "+x"(sums16[t][1]));
            }
        }
      for (gsize t = 0; t < n_tokens; t++)
        for (gsize lane = 0; lane < LANES; lane++)
          add_sums (sums16[t][lane], sums + t * TN_TERNARY_BLOCK_ROWS + lane * 8);
    }
}

TARGET static void
multiply (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  switch (n_tokens)
    {
    case 6:
      multiply_tokens (panels, n_groups, n_steps, x, 6, sums);
      break;
    case 5:
      multiply_tokens (panels, n_groups, n_steps, x, 5, sums);
      break;
    case 4:
      multiply_tokens (panels, n_groups, n_steps, x, 4, sums);
      break;
    case 3:
      multiply_tokens (panels, n_groups, n_steps, x, 3, sums);
      break;
    case 2:
      multiply_tokens (panels, n_groups, n_steps, x, 2, sums);
      break;
    default:
      multiply_tokens (panels, n_groups, n_steps, x, 1, sums);
    }
}

TN_KERNEL_INLINE TARGET void
direct_tokens (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  const gsize most = TN_TERNARY_PANEL_STEPS / TN_TERNARY_STEPS;
  const __m256i mask = _mm256_set1_epi8 (3);

  for (gsize first = 0; first < n_tiles; first += most)
    {
      __m256i sums16[TN_TERNARY_DIRECT_TOKENS][LANES];

      for (gsize t = 0; t < n_tokens; t++)
        for (gsize lane = 0; lane < LANES; lane++)
          sums16[t][lane] = _mm256_setzero_si256 ();
      for (gsize tile = first; tile < MIN (first + most, n_tiles); tile++)
        {
          __m256i packed[LANES] = {load (tiles + tile * TN_TERNARY_TILE_BYTES),
                                   load (tiles + tile * TN_TERNARY_TILE_BYTES + LANE_BYTES)};

#pragma GCC unroll 4
          for (int step = 0; step < TN_TERNARY_STEPS; step++)
            for (gsize t = 0; t < n_tokens; t++)
              {
                __m256i values = broadcast (x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS);

                for (gsize lane = 0; lane < LANES; lane++)
                  {
                    __m256i codes = _mm256_and_si256 (_mm256_srli_epi16 (packed[lane], 2 * step), mask);

                    sums16[t][lane] = _mm256_add_epi16 (sums16[t][lane], _mm256_maddubs_epi16 (codes, values));
                  }
              }
        }
      for (gsize t = 0; t < n_tokens; t++)
        for (gsize lane = 0; lane < LANES; lane++)
          add_sums (sums16[t][lane], sums + t * TN_TERNARY_BLOCK_ROWS + lane * 8);
    }
}

TARGET static void
direct (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  switch (n_tokens)
    {
    case 4:
      direct_tokens (tiles, n_tiles, x, x_stride, 4, sums);
      break;
    case 3:
      direct_tokens (tiles, n_tiles, x, x_stride, 3, sums);
      break;
    case 2:
      direct_tokens (tiles, n_tiles, x, x_stride, 2, sums);
      break;
    default:
      direct_tokens (tiles, n_tiles, x, x_stride, 1, sums);
    }
}

const TnTernaryKernels tn_ternary_avx2 = {unpack, multiply, direct};

#endif
