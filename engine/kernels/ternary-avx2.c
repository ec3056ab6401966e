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

TN_KERNEL_INLINE TARGET void
add_products (const __m256i codes[LANES], const gint8 *x, __m256i sums16[LANES])
{
  __m256i values = broadcast (x);
  __m256i products[LANES] = {_mm256_maddubs_epi16 (codes[0], values), _mm256_maddubs_epi16 (codes[1], values)};

  /* Left to itself the compiler mixes the tokens until registers run out, and copies sums where it could add in place. */
  __asm__ ("vpaddw %2, %0, %0\n\tvpaddw %3, %1, %1" : "+x"(sums16[0]), "+x"(sums16[1]) : "x"(products[0]), "x"(products[1]));
}

/* Two 16-bit sums of each row make one of 32 bits, added to sums[16]. */
TN_KERNEL_INLINE TARGET void
add_sums (const __m256i sums16[LANES], gint32 *sums)
{
  for (gsize lane = 0; lane < LANES; lane++)
    {
      __m256i *at = (__m256i *) (sums + lane * 8);

      _mm256_storeu_si256 (at,
                           _mm256_add_epi32 (_mm256_loadu_si256 (at), _mm256_madd_epi16 (sums16[lane], _mm256_set1_epi16 (1))));
    }
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

#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        sums16[t][0] = sums16[t][1] = _mm256_setzero_si256 ();
      for (gsize step = 0; step < n_steps; step++)
        {
          const guint8 *panel = panels + step * TN_TERNARY_STEP_BYTES;
          __m256i codes[LANES] = {load (panel), load (panel + LANE_BYTES)};

#pragma GCC unroll 6
          for (gsize t = 0; t < n_tokens; t++)
            add_products (codes, x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS, sums16[t]);
        }
#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        add_sums (sums16[t], sums + t * TN_TERNARY_BLOCK_ROWS);
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

#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        sums16[t][0] = sums16[t][1] = _mm256_setzero_si256 ();
      for (gsize tile = first; tile < MIN (first + most, n_tiles); tile++)
        {
          __m256i packed[LANES] = {load (tiles + tile * TN_TERNARY_TILE_BYTES),
                                   load (tiles + tile * TN_TERNARY_TILE_BYTES + LANE_BYTES)};

#pragma GCC unroll 4
          for (int step = 0; step < TN_TERNARY_STEPS; step++)
            {
              __m256i codes[LANES] = {_mm256_and_si256 (_mm256_srli_epi16 (packed[0], 2 * step), mask),
                                      _mm256_and_si256 (_mm256_srli_epi16 (packed[1], 2 * step), mask)};

#pragma GCC unroll 4
              for (gsize t = 0; t < n_tokens; t++)
                add_products (codes, x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS,
                              sums16[t]);
            }
        }
#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        add_sums (sums16[t], sums + t * TN_TERNARY_BLOCK_ROWS);
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
