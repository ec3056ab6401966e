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

TN_KERNEL_INLINE int8x16_t
unpack_step (uint8x16_t packed, int step)
{
  return vreinterpretq_s8_u8 (vandq_u8 (vshlq_u8 (packed, vdupq_n_s8 ((gint8) (-2 * step))), vdupq_n_u8 (3)));
}

static void
unpack (const guint8 *tiles, gsize n_tiles, guint8 *panel)
{
  for (; n_tiles > 0; n_tiles--, tiles += TN_TERNARY_TILE_BYTES, panel += TN_TERNARY_STEPS * TN_TERNARY_STEP_BYTES)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      {
        uint8x16_t packed = vld1q_u8 (tiles + q * QUARTER_BYTES);

#pragma GCC unroll 4
        for (int step = 0; step < TN_TERNARY_STEPS; step++)
          vst1q_u8 (panel + step * TN_TERNARY_STEP_BYTES + q * QUARTER_BYTES, vreinterpretq_u8_s8 (unpack_step (packed, step)));
      }
}

/* sums16 [QUARTERS][2]: of two rows by four columns each, added to sums[16]. */
TN_KERNEL_INLINE void
add_sums (const int16x8_t sums16[QUARTERS][2], gint32 *sums)
{
#pragma GCC unroll 4
  for (gsize q = 0; q < QUARTERS; q++)
    {
      int32x4_t rows = vpaddq_s32 (vpaddlq_s16 (sums16[q][0]), vpaddlq_s16 (sums16[q][1]));

      vst1q_s32 (sums + q * QUARTER_ROWS, vaddq_s32 (vld1q_s32 (sums + q * QUARTER_ROWS), rows));
    }
}

TN_KERNEL_INLINE void
multiply_tokens (const guint8 *panel, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  int16x8_t sums16[TOKENS][QUARTERS][2];

#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      sums16[t][q][0] = sums16[t][q][1] = vdupq_n_s16 (0);
  for (gsize step = 0; step < n_steps; step++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      {
        int8x16_t codes = vreinterpretq_s8_u8 (vld1q_u8 (panel + step * TN_TERNARY_STEP_BYTES + q * QUARTER_BYTES));

#pragma GCC unroll 6
        for (gsize t = 0; t < n_tokens; t++)
          {
            int8x16_t values = broadcast (x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS);

            sums16[t][q][0] = vmlal_s8 (sums16[t][q][0], vget_low_s8 (codes), vget_low_s8 (values));
            sums16[t][q][1] = vmlal_high_s8 (sums16[t][q][1], codes, values);
          }
      }
#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
    add_sums (sums16[t], sums + t * TN_TERNARY_BLOCK_ROWS);
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

#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
        for (gsize q = 0; q < QUARTERS; q++)
          sums16[t][q][0] = sums16[t][q][1] = vdupq_n_s16 (0);
      for (gsize tile = first; tile < end; tile++)
#pragma GCC unroll 4
        for (gsize q = 0; q < QUARTERS; q++)
          {
            uint8x16_t packed = vld1q_u8 (tiles + tile * TN_TERNARY_TILE_BYTES + q * QUARTER_BYTES);

#pragma GCC unroll 4
            for (int step = 0; step < TN_TERNARY_STEPS; step++)
#pragma GCC unroll 6
              for (gsize t = 0; t < n_tokens; t++)
                {
                  int8x16_t codes = unpack_step (packed, step);
                  int8x16_t values =
                      broadcast (x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS);

                  sums16[t][q][0] = vmlal_s8 (sums16[t][q][0], vget_low_s8 (codes), vget_low_s8 (values));
                  sums16[t][q][1] = vmlal_high_s8 (sums16[t][q][1], codes, values);
                }
          }
#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        add_sums (sums16[t], sums + t * TN_TERNARY_BLOCK_ROWS);
    }
}

static void
direct (const guint8 *tiles, gsize n_tiles, const gint8 *x, gsize x_stride, gsize n_tokens, gint32 *sums)
{
  for (gsize t = 0; t < n_tokens; t += 2)
    if (n_tokens - t >= 2)
      direct_tokens (tiles, n_tiles, x + t * x_stride, x_stride, 2, sums + t * TN_TERNARY_BLOCK_ROWS);
    else
      direct_tokens (tiles, n_tiles, x + t * x_stride, x_stride, 1, sums + t * TN_TERNARY_BLOCK_ROWS);
}

const TnTernaryKernels tn_ternary_neon = {unpack, multiply, direct};

/* 6 tokens by 16 rows: 24 of the 32 registers hold sums. */
TN_KERNEL_INLINE TARGET_DOTPROD void
multiply_tokens_dotprod (const guint8 *panel, gsize n_steps, const gint8 *x, gsize n_tokens, gint32 *sums)
{
  int32x4_t sums32[TN_TERNARY_TOKENS][QUARTERS];

#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      sums32[t][q] = vld1q_s32 (sums + t * TN_TERNARY_BLOCK_ROWS + q * QUARTER_ROWS);
  for (gsize step = 0; step < n_steps; step++)
    {
      int8x16_t codes[QUARTERS];

#pragma GCC unroll 4
      for (gsize q = 0; q < QUARTERS; q++)
        codes[q] = vreinterpretq_s8_u8 (vld1q_u8 (panel + step * TN_TERNARY_STEP_BYTES + q * QUARTER_BYTES));
#pragma GCC unroll 6
      for (gsize t = 0; t < n_tokens; t++)
        {
          int8x16_t values = broadcast (x + t * TN_TERNARY_PANEL_COLUMNS + step * TN_TERNARY_STEP_COLUMNS);

#pragma GCC unroll 4
          for (gsize q = 0; q < QUARTERS; q++)
            sums32[t][q] = vdotq_s32 (sums32[t][q], codes[q], values);
        }
    }
#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      vst1q_s32 (sums + t * TN_TERNARY_BLOCK_ROWS + q * QUARTER_ROWS, sums32[t][q]);
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

#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      sums32[t][q] = vld1q_s32 (sums + t * TN_TERNARY_BLOCK_ROWS + q * QUARTER_ROWS);
  for (gsize tile = 0; tile < n_tiles; tile++)
    {
      uint8x16_t packed[QUARTERS];

#pragma GCC unroll 4
      for (gsize q = 0; q < QUARTERS; q++)
        packed[q] = vld1q_u8 (tiles + tile * TN_TERNARY_TILE_BYTES + q * QUARTER_BYTES);
#pragma GCC unroll 4
      for (int step = 0; step < TN_TERNARY_STEPS; step++)
#pragma GCC unroll 6
        for (gsize t = 0; t < n_tokens; t++)
          {
            int8x16_t values = broadcast (x + t * x_stride + tile * TN_TERNARY_TILE_COLUMNS + step * TN_TERNARY_STEP_COLUMNS);

#pragma GCC unroll 4
            for (gsize q = 0; q < QUARTERS; q++)
              sums32[t][q] = vdotq_s32 (sums32[t][q], unpack_step (packed[q], step), values);
          }
    }
#pragma GCC unroll 6
  for (gsize t = 0; t < n_tokens; t++)
#pragma GCC unroll 4
    for (gsize q = 0; q < QUARTERS; q++)
      vst1q_s32 (sums + t * TN_TERNARY_BLOCK_ROWS + q * QUARTER_ROWS, sums32[t][q]);
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
