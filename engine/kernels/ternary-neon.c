/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternary-private.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "engine/kernels/variant.h"

/* Four registers hold a step, four rows each. The dot product of the later processors adds four products of a row to 32 bits;
 * without it a product goes to a sum of 16 bits of its own column, 64 of at most 2 * 128 each: 2^14. */
G_STATIC_ASSERT (TN_TERNARY_PANEL_STEPS <= 127);

#define TARGET_DOTPROD __attribute__ ((target ("arch=armv8.2-a+dotprod")))
#define QUARTERS 4
#define QUARTER_BYTES 16
#define QUARTER_ROWS 4
/* Without dot products a token takes 8 registers of sums. */
#define TOKENS 3

TN_KERNEL_INLINE int8x16_t
broadcast (const gint8 *x)
{
  gint32 bytes;

  memcpy (&bytes, x, sizeof bytes);
  return vreinterpretq_s8_s32 (vdupq_n_s32 (bytes));
}

static void
unpack (const guint8 *tiles, gsize n_tiles, guint8 *panel)
{
  for (; n_tiles > 0; n_tiles--, tiles += TN_TERNARY_TILE_BYTES, panel += TN_TERNARY_STEPS * TN_TERNARY_STEP_BYTES)
    for (gsize q = 0; q < QUARTERS; q++)
      {
        uint8x16_t packed = vld1q_u8 (tiles + q * QUARTER_BYTES);

        for (gsize step = 0; step < TN_TERNARY_STEPS; step++, packed = vshrq_n_u8 (packed, 2))
          vst1q_u8 (panel + step * TN_TERNARY_STEP_BYTES + q * QUARTER_BYTES, vandq_u8 (packed, vdupq_n_u8 (3)));
      }
}

TN_KERNEL_INLINE void
load_codes (const guint8 *panel, int8x16_t codes[QUARTERS])
{
#pragma GCC unroll 4
  for (gsize q = 0; q < QUARTERS; q++)
    codes[q] = vreinterpretq_s8_u8 (vld1q_u8 (panel + q * QUARTER_BYTES));
}

TN_KERNEL_INLINE void
load_packed (const guint8 *tile, uint8x16_t packed[QUARTERS])
{
#pragma GCC unroll 4
  for (gsize q = 0; q < QUARTERS; q++)
    packed[q] = vld1q_u8 (tile + q * QUARTER_BYTES);
}

/* Loops over this are not unrolled: the codes of all steps at once would need more registers than there are. */
TN_KERNEL_INLINE void
take_codes (uint8x16_t packed[QUARTERS], int8x16_t codes[QUARTERS])
{
#pragma GCC unroll 4
  for (gsize q = 0; q < QUARTERS; q++)
    {
      codes[q] = vreinterpretq_s8_u8 (vandq_u8 (packed[q], vdupq_n_u8 (3)));
      packed[q] = vshrq_n_u8 (packed[q], 2);
    }
}

/* The sums of two rows by four columns. The statement keeps the compiler from moving work of the next token before this one's:
 * that would need more registers than there are. */
TN_KERNEL_INLINE void
add_products (const int8x16_t codes[QUARTERS], const gint8 *x, int16x8_t sums16[QUARTERS][2])
{
  int8x16_t values = broadcast (x);

#pragma GCC unroll 4
  for (gsize q = 0; q < QUARTERS; q++)
    {
      sums16[q][0] = vmlal_s8 (sums16[q][0], vget_low_s8 (codes[q]), vget_low_s8 (values));
      sums16[q][1] = vmlal_high_s8 (sums16[q][1], codes[q], values);
      __asm__("" : "+w"(sums16[q][0]), "+w"(sums16[q][1]));
    }
}

TN_KERNEL_INLINE void
clear_sums (gsize n_tokens, int16x8_t sums16[][QUARTERS][2])
{
#pragma GCC unroll 3
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      sums16[t][q][0] = sums16[t][q][1] = vdupq_n_s16 (0);
}

/* Four sums of a row make one. */
TN_KERNEL_INLINE void
add_sums (gsize n_tokens, int16x8_t sums16[][QUARTERS][2], gint32 *sums)
{
#pragma GCC unroll 3
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      {
        gint32 *to = sums + t * TN_TERNARY_BLOCK_ROWS + q * QUARTER_ROWS;
        int32x4_t rows = vpaddq_s32 (vpaddlq_s16 (sums16[t][q][0]), vpaddlq_s16 (sums16[t][q][1]));

        vst1q_s32 (to, vaddq_s32 (vld1q_s32 (to), rows));
      }
}

TN_KERNEL_INLINE void
multiply_tokens (const guint8 *panel, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  int16x8_t sums16[TOKENS][QUARTERS][2];

  clear_sums (n_tokens, sums16);
  for (gsize step = 0; step < n_steps; step++)
    {
      int8x16_t codes[QUARTERS];

      load_codes (panel + step * TN_TERNARY_STEP_BYTES, codes);
#pragma GCC unroll 3
      for (gsize t = 0; t < n_tokens; t++)
        add_products (codes, x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS, sums16[t]);
    }
  add_sums (n_tokens, sums16, sums);
}

static void
multiply (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  for (gsize g = 0; g < n_groups; g++)
    for (gsize t = 0; t < n_tokens; t += TOKENS)
      {
        const guint8 *panel = panels + g * TN_TERNARY_PANEL_BYTES;
        const gint8 *from = x + t * TN_TERNARY_PANEL_COLUMNS;
        gint32 *to = sums + t * TN_TERNARY_BLOCK_ROWS + g * TN_TERNARY_TILE_ROWS;

        switch (MIN (n_tokens - t, TOKENS))
          {
          case 3:
            multiply_tokens (panel, n_steps, from, 3, to);
            break;
          case 2:
            multiply_tokens (panel, n_steps, from, 2, to);
            break;
          default:
            multiply_tokens (panel, n_steps, from, 1, to);
          }
      }
}

TN_KERNEL_INLINE void
direct_tokens (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  const gsize most = TN_TERNARY_PANEL_STEPS / TN_TERNARY_STEPS;

  for (gsize first = 0; first < n_tiles; first += most)
    {
      gsize end = MIN (first + most, n_tiles);
      int16x8_t sums16[TOKENS][QUARTERS][2];

      clear_sums (n_tokens, sums16);
      for (gsize tile = first; tile < end; tile++)
        {
          uint8x16_t packed[QUARTERS];

          load_packed (tiles + tile * TN_TERNARY_TILE_BYTES, packed);
#pragma GCC unroll 1
          for (gsize step = 0; step < TN_TERNARY_STEPS; step++)
            {
              int8x16_t codes[QUARTERS];

              take_codes (packed, codes);
#pragma GCC unroll 2
              for (gsize t = 0; t < n_tokens; t++)
                add_products (codes, x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS,
                              sums16[t]);
            }
        }
      add_sums (n_tokens, sums16, sums);
    }
}

static void
direct (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  gsize t = 0;

  for (; t + 2 <= n_tokens; t += 2)
    direct_tokens (tiles, n_tiles, x + t * x_stride, x_stride, 2, sums + t * TN_TERNARY_BLOCK_ROWS);
  if (t < n_tokens)
    direct_tokens (tiles, n_tiles, x + t * x_stride, x_stride, 1, sums + t * TN_TERNARY_BLOCK_ROWS);
}

const TnTernaryKernels tn_ternary_neon = {unpack, multiply, direct};

/* 6 tokens by 16 rows: 24 of the 32 registers hold sums. */
G_STATIC_ASSERT (TN_TERNARY_TOKENS == 6 && TN_TERNARY_DIRECT_TOKENS == 4);

TN_KERNEL_INLINE TARGET_DOTPROD void
add_products_dotprod (const int8x16_t codes[QUARTERS], const gint8 *x, int32x4_t sums32[QUARTERS])
{
  int8x16_t values = broadcast (x);

#pragma GCC unroll 4
  for (gsize q = 0; q < QUARTERS; q++)
    {
      sums32[q] = vdotq_s32 (sums32[q], codes[q], values);
      __asm__("" : "+w"(sums32[q]));
    }
}

TN_KERNEL_INLINE void
load_sums (const gint32 *sums, gsize n_tokens, int32x4_t sums32[][QUARTERS])
{
#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      sums32[t][q] = vld1q_s32 (sums + t * TN_TERNARY_BLOCK_ROWS + q * QUARTER_ROWS);
}

TN_KERNEL_INLINE void
store_sums (gint32 *sums, gsize n_tokens, int32x4_t sums32[][QUARTERS])
{
#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      vst1q_s32 (sums + t * TN_TERNARY_BLOCK_ROWS + q * QUARTER_ROWS, sums32[t][q]);
}

TN_KERNEL_INLINE TARGET_DOTPROD void
multiply_tokens_dotprod (const guint8 *panel, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  int32x4_t sums32[TN_TERNARY_TOKENS][QUARTERS];

  load_sums (sums, n_tokens, sums32);
  for (gsize step = 0; step < n_steps; step++)
    {
      int8x16_t codes[QUARTERS];

      load_codes (panel + step * TN_TERNARY_STEP_BYTES, codes);
#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        add_products_dotprod (codes, x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS, sums32[t]);
    }
  store_sums (sums, n_tokens, sums32);
}

TARGET_DOTPROD static void
multiply_dotprod (const guint8 *panels, gsize n_groups, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  for (gsize g = 0; g < n_groups; g++, panels += TN_TERNARY_PANEL_BYTES, sums += TN_TERNARY_TILE_ROWS)
    switch (n_tokens)
      {
      case 6:
        multiply_tokens_dotprod (panels, n_steps, x, 6, sums);
        break;
      case 5:
        multiply_tokens_dotprod (panels, n_steps, x, 5, sums);
        break;
      case 4:
        multiply_tokens_dotprod (panels, n_steps, x, 4, sums);
        break;
      case 3:
        multiply_tokens_dotprod (panels, n_steps, x, 3, sums);
        break;
      case 2:
        multiply_tokens_dotprod (panels, n_steps, x, 2, sums);
        break;
      default:
        multiply_tokens_dotprod (panels, n_steps, x, 1, sums);
      }
}

TN_KERNEL_INLINE TARGET_DOTPROD void
direct_tokens_dotprod (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  int32x4_t sums32[TN_TERNARY_DIRECT_TOKENS][QUARTERS];

  load_sums (sums, n_tokens, sums32);
  for (gsize tile = 0; tile < n_tiles; tile++)
    {
      uint8x16_t packed[QUARTERS];

      load_packed (tiles + tile * TN_TERNARY_TILE_BYTES, packed);
#pragma GCC unroll 1
      for (gsize step = 0; step < TN_TERNARY_STEPS; step++)
        {
          int8x16_t codes[QUARTERS];

          take_codes (packed, codes);
#pragma GCC unroll 4
          for (gsize t = 0; t < n_tokens; t++)
            add_products_dotprod (codes, x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS,
                                  sums32[t]);
        }
    }
  store_sums (sums, n_tokens, sums32);
}

TARGET_DOTPROD static void
direct_dotprod (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  switch (n_tokens)
    {
    case 4:
      direct_tokens_dotprod (tiles, n_tiles, x, x_stride, 4, sums);
      break;
    case 3:
      direct_tokens_dotprod (tiles, n_tiles, x, x_stride, 3, sums);
      break;
    case 2:
      direct_tokens_dotprod (tiles, n_tiles, x, x_stride, 2, sums);
      break;
    default:
      direct_tokens_dotprod (tiles, n_tiles, x, x_stride, 1, sums);
    }
}

const TnTernaryKernels tn_ternary_neon_dotprod = {unpack, multiply_dotprod, direct_dotprod};

#endif
