/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/observe-kernel-private.h"

#if defined(__aarch64__)
#include <arm_neon.h>

/* All that a group's rows are added to: 26 of the 32 registers. */
typedef struct
{
  float64x2_t abs[2], sum1[2], sum2[2], sum3[2], sum4[2]; /* partials 0 and 1, 2 and 3 */
  uint64x2_t sum[4], square[4];
  float32x4_t min[2], max[2];
} Group;

TN_KERNEL_INLINE void
add_pair (Group *self, float64x2_t value, guint pair)
{
  const float64x2_t rounder = vdupq_n_f64 (TN_FINE_ROUNDER);
  float64x2_t square = vmulq_f64 (value, value);
  guint part = pair % 2;

  self->sum[pair] = vaddq_u64 (self->sum[pair], vreinterpretq_u64_f64 (vaddq_f64 (value, rounder)));
  self->square[pair] = vaddq_u64 (self->square[pair], vreinterpretq_u64_f64 (vaddq_f64 (square, rounder)));
  self->abs[part] = vaddq_f64 (self->abs[part], vabsq_f64 (value));
  self->sum1[part] = vaddq_f64 (self->sum1[part], value);
  self->sum2[part] = vaddq_f64 (self->sum2[part], square);
  self->sum3[part] = vfmaq_f64 (self->sum3[part], square, value);
  self->sum4[part] = vfmaq_f64 (self->sum4[part], square, square);
}

TN_KERNEL_INLINE void
add_row (Group *self, const float *x, const float *counted, guint32 *bins)
{
  float32x4_t low = vld1q_f32 (x), high = vld1q_f32 (x + 4);

  for (guint l = 0; l < TN_TILE_LANES; l++)
    tn_count_value (counted + l, bins);
  self->min[0] = vminq_f32 (self->min[0], low);
  self->max[0] = vmaxq_f32 (self->max[0], low);
  self->min[1] = vminq_f32 (self->min[1], high);
  self->max[1] = vmaxq_f32 (self->max[1], high);
  add_pair (self, vcvt_f64_f32 (vget_low_f32 (low)), 0);
  add_pair (self, vcvt_high_f64_f32 (low), 1);
  add_pair (self, vcvt_f64_f32 (vget_low_f32 (high)), 2);
  add_pair (self, vcvt_high_f64_f32 (high), 3);
}

TN_KERNEL_INLINE void
load_group (Group *self, const TnTilePowers *powers, const TnTileChannels *channels, guint first_channel, guint rows)
{
  const uint64x2_t biases = vdupq_n_u64 (rows * TN_FINE_BITS);

  for (guint part = 0; part < 2; part++)
    {
      self->abs[part] = vld1q_f64 (powers->partial[TN_POWER_ABS] + 2 * part);
      self->sum1[part] = vld1q_f64 (powers->partial[TN_POWER_1] + 2 * part);
      self->sum2[part] = vld1q_f64 (powers->partial[TN_POWER_2] + 2 * part);
      self->sum3[part] = vld1q_f64 (powers->partial[TN_POWER_3] + 2 * part);
      self->sum4[part] = vld1q_f64 (powers->partial[TN_POWER_4] + 2 * part);
      self->min[part] = vdupq_n_f32 (INFINITY);
      self->max[part] = vdupq_n_f32 (-INFINITY);
    }
  for (guint pair = 0; pair < 4; pair++)
    {
      self->sum[pair] = vsubq_u64 (vld1q_u64 ((const guint64 *) channels->sum + first_channel + 2 * pair), biases);
      self->square[pair] = vsubq_u64 (vld1q_u64 ((const guint64 *) channels->square + first_channel + 2 * pair), biases);
    }
}

/* These instructions keep NaN. */
TN_KERNEL_INLINE gboolean
group_fits (const Group *self)
{
  return vminvq_f32 (vminq_f32 (self->min[0], self->min[1])) > -TN_TILE_SMALL_LIMIT &&
         vmaxvq_f32 (vmaxq_f32 (self->max[0], self->max[1])) < TN_TILE_SMALL_LIMIT;
}

TN_KERNEL_INLINE void
store_group (const Group *self, TnTilePowers *powers, TnTileChannels *channels, TnTileRange *range, guint first_channel)
{
  for (guint part = 0; part < 2; part++)
    {
      float *min = channels->min + first_channel + 4 * part, *max = channels->max + first_channel + 4 * part;

      vst1q_f64 (powers->partial[TN_POWER_ABS] + 2 * part, self->abs[part]);
      vst1q_f64 (powers->partial[TN_POWER_1] + 2 * part, self->sum1[part]);
      vst1q_f64 (powers->partial[TN_POWER_2] + 2 * part, self->sum2[part]);
      vst1q_f64 (powers->partial[TN_POWER_3] + 2 * part, self->sum3[part]);
      vst1q_f64 (powers->partial[TN_POWER_4] + 2 * part, self->sum4[part]);
      vst1q_f32 (min, vminq_f32 (self->min[part], vld1q_f32 (min)));
      vst1q_f32 (max, vmaxq_f32 (self->max[part], vld1q_f32 (max)));
      vst1q_f32 (range->min + 4 * part, vminq_f32 (self->min[part], vld1q_f32 (range->min + 4 * part)));
      vst1q_f32 (range->max + 4 * part, vmaxq_f32 (self->max[part], vld1q_f32 (range->max + 4 * part)));
    }
  for (guint pair = 0; pair < 4; pair++)
    {
      vst1q_u64 ((guint64 *) channels->sum + first_channel + 2 * pair, self->sum[pair]);
      vst1q_u64 ((guint64 *) channels->square + first_channel + 2 * pair, self->square[pair]);
    }
}

gboolean
tn_observe_accumulate_neon (const float *x, const float *counted, const TnTileAhead *ahead, guint rows, guint first_channel,
                            TnTilePowers *powers, TnTileChannels *channels, TnTileRange *range, guint32 *bins)
{
  Group group;

  if (ahead != NULL)
    tn_pack_ahead (ahead);
  load_group (&group, powers, channels, first_channel, rows);
  for (guint r = 0; r < rows; r++, x += TN_TILE_LANES, counted += TN_TILE_LANES)
    add_row (&group, x, counted, bins);
  if (!group_fits (&group))
    return FALSE;
  store_group (&group, powers, channels, range, first_channel);
  return TRUE;
}
#endif
