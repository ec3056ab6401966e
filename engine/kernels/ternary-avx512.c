/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternary-private.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "engine/kernels/variant.h"

/* One register holds a step. With VNNI a product of four bytes goes straight into sums of 32 bits; without, as in ternary-avx2.c,
 * 64 steps go into sums of 16 bits. */
G_STATIC_ASSERT (TN_TERNARY_PANEL_STEPS <= 64);

#define TARGET TN_KERNEL_TARGET_AVX512
#define TARGET_VNNI __attribute__ ((target ("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,prefer-vector-width=512")))
/* 6 tokens by 4 groups: 24 of the 32 registers hold sums, 4 codes, 1 x, 1 products. */
G_STATIC_ASSERT (TN_TERNARY_TOKENS == 6 && TN_TERNARY_BLOCK_GROUPS == 4 && TN_TERNARY_DIRECT_TOKENS == 4);

TN_KERNEL_INLINE TARGET __m512i
broadcast (const gint8 *x)
{
  gint32 bytes;

  memcpy (&bytes, x, sizeof bytes);
  return _mm512_set1_epi32 (bytes);
}

TN_KERNEL_INLINE TARGET __m512i
unpack_step (__m512i packed, guint step)
{
  return _mm512_and_si512 (_mm512_srli_epi16 (packed, 2 * step), _mm512_set1_epi8 (3));
}

/* Left to itself the compiler mixes the tokens until registers run out, and copies sums where it could add in place. */
TN_KERNEL_INLINE TARGET void
add_products (const __m512i *codes, gsize n_groups, const gint8 *x, __m512i *sums16)
{
  __m512i values = broadcast (x);

#pragma GCC unroll 4
  for (gsize g = 0; g < n_groups; g++)
    {
      __m512i products = _mm512_maddubs_epi16 (codes[g], values);

      __asm__("vpaddw %1, %0, %0" : "+v"(sums16[g]) : "v"(products));
    }
}

TN_KERNEL_INLINE TARGET_VNNI void
add_products_vnni (const __m512i *codes, gsize n_groups, const gint8 *x, __m512i *sums32)
{
  __m512i values = broadcast (x);

#pragma GCC unroll 4
  for (gsize g = 0; g < n_groups; g++)
    {
      sums32[g] = _mm512_dpbusd_epi32 (sums32[g], codes[g], values);
      /* Keeps this order. */
      __asm__("" : "+v"(sums32[g]));
    }
}

TN_KERNEL_INLINE TARGET void
load_codes (const guint8 *panels, gsize n_groups, __m512i *codes)
{
#pragma GCC unroll 4
  for (gsize g = 0; g < n_groups; g++)
    codes[g] = _mm512_load_si512 (panels + g * TN_TERNARY_PANEL_BYTES);
}

/* Two 16-bit sums of each row make one of 32 bits, added to sums[16]. */
TN_KERNEL_INLINE TARGET void
add_sums (__m512i sums16, gint32 *sums)
{
  _mm512_storeu_si512 (sums, _mm512_add_epi32 (_mm512_loadu_si512 (sums), _mm512_madd_epi16 (sums16, _mm512_set1_epi16 (1))));
}

TARGET static void
unpack (const guint8 *tiles, gsize n_tiles, guint8 *panel)
{
  for (; n_tiles > 0; n_tiles--, tiles += TN_TERNARY_TILE_BYTES, panel += TN_TERNARY_STEPS * TN_TERNARY_STEP_BYTES)
    {
      __m512i packed = _mm512_load_si512 (tiles);

#pragma GCC unroll 4
      for (guint step = 0; step < TN_TERNARY_STEPS; step++)
        _mm512_store_si512 (panel + step * TN_TERNARY_STEP_BYTES, unpack_step (packed, step));
    }
}

/* Calls function with n_groups and n_tokens as constants. */
#define WITH_TOKENS(function, n_groups)                                                                                          \
  switch (n_tokens)                                                                                                              \
    {                                                                                                                            \
    case 6:                                                                                                                      \
      function (panels, n_groups, n_steps, x, 6, sums);                                                                          \
      break;                                                                                                                     \
    case 5:                                                                                                                      \
      function (panels, n_groups, n_steps, x, 5, sums);                                                                          \
      break;                                                                                                                     \
    case 4:                                                                                                                      \
      function (panels, n_groups, n_steps, x, 4, sums);                                                                          \
      break;                                                                                                                     \
    case 3:                                                                                                                      \
      function (panels, n_groups, n_steps, x, 3, sums);                                                                          \
      break;                                                                                                                     \
    case 2:                                                                                                                      \
      function (panels, n_groups, n_steps, x, 2, sums);                                                                          \
      break;                                                                                                                     \
    default:                                                                                                                     \
      function (panels, n_groups, n_steps, x, 1, sums);                                                                          \
    }

#define WITH_GROUPS_AND_TOKENS(function)                                                                                         \
  switch (n_groups)                                                                                                              \
    {                                                                                                                            \
    case 4:                                                                                                                      \
      WITH_TOKENS (function, 4)                                                                                                  \
      break;                                                                                                                     \
    case 3:                                                                                                                      \
      WITH_TOKENS (function, 3)                                                                                                  \
      break;                                                                                                                     \
    case 2:                                                                                                                      \
      WITH_TOKENS (function, 2)                                                                                                  \
      break;                                                                                                                     \
    default:                                                                                                                     \
      WITH_TOKENS (function, 1)                                                                                                  \
    }

#define WITH_DIRECT_TOKENS(function)                                                                                             \
  switch (n_tokens)                                                                                                              \
    {                                                                                                                            \
    case 4:                                                                                                                      \
      function (tiles, n_tiles, x, x_stride, 4, sums);                                                                           \
      break;                                                                                                                     \
    case 3:                                                                                                                      \
      function (tiles, n_tiles, x, x_stride, 3, sums);                                                                           \
      break;                                                                                                                     \
    case 2:                                                                                                                      \
      function (tiles, n_tiles, x, x_stride, 2, sums);                                                                           \
      break;                                                                                                                     \
    default:                                                                                                                     \
      function (tiles, n_tiles, x, x_stride, 1, sums);                                                                           \
    }

TN_KERNEL_INLINE TARGET void
multiply_block (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  __m512i sums16[TN_TERNARY_TOKENS][TN_TERNARY_BLOCK_GROUPS], codes[TN_TERNARY_BLOCK_GROUPS];

#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize g = 0; g < n_groups; g++)
      sums16[t][g] = _mm512_setzero_si512 ();
  for (gsize step = 0; step < n_steps; step++)
    {
      load_codes (panels + step * TN_TERNARY_STEP_BYTES, n_groups, codes);
#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        add_products (codes, n_groups, x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS, sums16[t]);
    }
#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize g = 0; g < n_groups; g++)
      add_sums (sums16[t][g], sums + t * TN_TERNARY_BLOCK_ROWS + g * TN_TERNARY_TILE_ROWS);
}

TARGET static void
multiply (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens,
          gint32 *sums){WITH_GROUPS_AND_TOKENS (multiply_block)}

TN_KERNEL_INLINE TARGET
    void direct_tokens (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  const gsize most = TN_TERNARY_PANEL_STEPS / TN_TERNARY_STEPS;

  for (gsize first = 0; first < n_tiles; first += most)
    {
      gsize end = MIN (first + most, n_tiles);
      __m512i sums16[TN_TERNARY_DIRECT_TOKENS];

#pragma GCC unroll 4
      for (gsize t = 0; t < n_tokens; t++)
        sums16[t] = _mm512_setzero_si512 ();
      for (gsize tile = first; tile < end; tile++)
        {
          __m512i packed = _mm512_load_si512 (tiles + tile * TN_TERNARY_TILE_BYTES);

#pragma GCC unroll 4
          for (guint step = 0; step < TN_TERNARY_STEPS; step++)
            {
              __m512i codes = unpack_step (packed, step);

#pragma GCC unroll 4
              for (gsize t = 0; t < n_tokens; t++)
                add_products (&codes, 1, x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS,
                              &sums16[t]);
            }
        }
#pragma GCC unroll 4
      for (gsize t = 0; t < n_tokens; t++)
        add_sums (sums16[t], sums + t * TN_TERNARY_BLOCK_ROWS);
    }
}

TARGET static void
direct (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  WITH_DIRECT_TOKENS (direct_tokens)
}

const TnTernaryKernels tn_ternary_avx512 = {unpack, multiply, direct};

TN_KERNEL_INLINE TARGET_VNNI void
multiply_block_vnni (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  __m512i sums32[TN_TERNARY_TOKENS][TN_TERNARY_BLOCK_GROUPS], codes[TN_TERNARY_BLOCK_GROUPS];

#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize g = 0; g < n_groups; g++)
      sums32[t][g] = _mm512_loadu_si512 (sums + t * TN_TERNARY_BLOCK_ROWS + g * TN_TERNARY_TILE_ROWS);
  for (gsize step = 0; step < n_steps; step++)
    {
      load_codes (panels + step * TN_TERNARY_STEP_BYTES, n_groups, codes);
#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        add_products_vnni (codes, n_groups, x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS, sums32[t]);
    }
#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize g = 0; g < n_groups; g++)
      _mm512_storeu_si512 (sums + t * TN_TERNARY_BLOCK_ROWS + g * TN_TERNARY_TILE_ROWS, sums32[t][g]);
}

TARGET_VNNI static void
multiply_vnni (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens,
               gint32 *sums){WITH_GROUPS_AND_TOKENS (multiply_block_vnni)}

/* Sums of their own for each step of a tile: with one token a single chain would wait for its last product each time. */
TN_KERNEL_INLINE TARGET_VNNI
    void direct_tokens_vnni (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  __m512i sums32[TN_TERNARY_DIRECT_TOKENS][TN_TERNARY_STEPS];

#pragma GCC unroll 4
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize step = 0; step < TN_TERNARY_STEPS; step++)
      sums32[t][step] = _mm512_setzero_si512 ();
  for (gsize tile = 0; tile < n_tiles; tile++)
    {
      __m512i packed = _mm512_load_si512 (tiles + tile * TN_TERNARY_TILE_BYTES);

#pragma GCC unroll 4
      for (guint step = 0; step < TN_TERNARY_STEPS; step++)
        {
          __m512i codes = unpack_step (packed, step);

#pragma GCC unroll 4
          for (gsize t = 0; t < n_tokens; t++)
            add_products_vnni (&codes, 1, x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS,
                               &sums32[t][step]);
        }
    }
#pragma GCC unroll 4
  for (gsize t = 0; t < n_tokens; t++, sums += TN_TERNARY_BLOCK_ROWS)
    {
      __m512i sum =
          _mm512_add_epi32 (_mm512_add_epi32 (sums32[t][0], sums32[t][1]), _mm512_add_epi32 (sums32[t][2], sums32[t][3]));

      _mm512_storeu_si512 (sums, _mm512_add_epi32 (_mm512_loadu_si512 (sums), sum));
    }
}

TARGET_VNNI static void
direct_vnni (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  WITH_DIRECT_TOKENS (direct_tokens_vnni)
}

const TnTernaryKernels tn_ternary_avx512_vnni = {unpack, multiply_vnni, direct_vnni};

#endif
