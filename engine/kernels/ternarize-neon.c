/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternarize-private.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#include "engine/kernels/variant.h"

#define COLUMNS TN_TERNARY_TILE_COLUMNS

/* The signs -1, 0, 1 of four columns. */
TN_KERNEL_INLINE int32x4_t
get_signs (const float *w, float32x4_t threshold, int32x4_t *largest)
{
  float32x4_t values = vld1q_f32 (w);
  int32x4_t above = vreinterpretq_s32_u32 (vcgtq_f32 (values, threshold));
  int32x4_t below = vreinterpretq_s32_u32 (vcltq_f32 (values, vnegq_f32 (threshold)));

  *largest = vmaxq_s32 (*largest, vreinterpretq_s32_f32 (vabsq_f32 (values)));
  return vsubq_s32 (below, above);
}

/* A row's 16 columns of a tile: four columns a step of 2 bits. */
TN_KERNEL_INLINE int16x8_t
get_row (const float *w, float32x4_t threshold, int32x4_t *largest)
{
  int32x4_t sum = get_signs (w, threshold, largest);

  sum = vaddq_s32 (sum, vshlq_n_s32 (get_signs (w + 4, threshold, largest), 2));
  sum = vaddq_s32 (sum, vshlq_n_s32 (get_signs (w + 8, threshold, largest), 4));
  sum = vaddq_s32 (sum, vshlq_n_s32 (get_signs (w + 12, threshold, largest), 6));
  return vreinterpretq_s16_s32 (sum);
}

static gboolean
pack_quad (const float *w, gsize w_stride, gsize n_tiles, const float thresholds[TN_QUAD_ROWS], guint8 *tiles)
{
  const float *w1 = w + w_stride, *w2 = w1 + w_stride, *w3 = w2 + w_stride;
  float32x4_t t0 = vdupq_n_f32 (thresholds[0]), t1 = vdupq_n_f32 (thresholds[1]);
  float32x4_t t2 = vdupq_n_f32 (thresholds[2]), t3 = vdupq_n_f32 (thresholds[3]);
  int32x4_t largest = vdupq_n_s32 (0);

  for (gsize i = 0; i < n_tiles * COLUMNS; i += COLUMNS, tiles += TN_TERNARY_TILE_BYTES)
    {
      /* The lowest bytes hold it all; plus one in each step, signs are codes. */
      int16x8_t a = vuzp1q_s16 (get_row (w + i, t0, &largest), get_row (w1 + i, t1, &largest));
      int16x8_t b = vuzp1q_s16 (get_row (w2 + i, t2, &largest), get_row (w3 + i, t3, &largest));
      uint8x16_t sums = vuzp1q_u8 (vreinterpretq_u8_s16 (a), vreinterpretq_u8_s16 (b));

      vst1q_u8 (tiles, vaddq_u8 (sums, vdupq_n_u8 (0x55)));
    }
  /* Magnitudes that are not finite are the largest as integers, too. */
  return vmaxvq_s32 (largest) < 0x7f800000;
}

static void
unpack_row (const guint8 *tiles, gsize n_tiles, const float levels[4], float *out)
{
  static const gint32 shifts[TN_TERNARY_TILE_COLUMNS] = {0,  -8,  -16, -24, -2, -10, -18, -26,
                                                         -4, -12, -20, -28, -6, -14, -22, -30};
  uint8x16_t table = vreinterpretq_u8_f32 (vld1q_f32 (levels));

  for (gsize tile = 0; tile < n_tiles; tile++, tiles += TN_TERNARY_TILE_BYTES, out += COLUMNS)
    {
      guint32 bits;

      memcpy (&bits, tiles, sizeof bits);
      for (guint n = 0; n < COLUMNS; n += 4)
        {
          uint32x4_t codes = vandq_u32 (vshlq_u32 (vdupq_n_u32 (bits), vld1q_s32 (shifts + n)), vdupq_n_u32 (3));
          /* Four bytes of the table a code. */
          uint32x4_t bytes = vmlaq_n_u32 (vdupq_n_u32 (0x03020100), codes, 0x04040404);

          vst1q_f32 (out + n, vreinterpretq_f32_u8 (vqtbl1q_u8 (table, vreinterpretq_u8_u32 (bytes))));
        }
    }
}

const TnTernarizeKernels tn_ternarize_neon = {pack_quad, unpack_row};

#endif
