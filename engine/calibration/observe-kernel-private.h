/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "engine/calibration/observe-kernel.h"
#include "engine/kernels/variant.h"

G_BEGIN_DECLS

/* What the variants of observe-kernel share. Added to a number of less than a third of it, a rounder leaves an integer of quanta
 * in the low bits, above its own: their sum over all rows is taken off as an integer. */
#define TN_FINE_ROUNDER 0x1.8p12         /* quanta of 2^-40 */
#define TN_LARGE_SUM_ROUNDER 0x1.8p28    /* … 2^-24 */
#define TN_LARGE_SQUARE_ROUNDER 0x1.8p55 /* … 2^3 */
#define TN_FINE_BITS G_GUINT64_CONSTANT (0x40b8000000000000)
#define TN_LARGE_SUM_BITS G_GUINT64_CONSTANT (0x41b8000000000000)
#define TN_LARGE_SQUARE_BITS G_GUINT64_CONSTANT (0x4368000000000000)

/* Bits of NaNs, a bin each, that stand for zeros in spread_zeros(): so many rows of them, one after the other. */
#define TN_SPREAD_BITS 0x7f810000U
#define TN_SPREAD_ROWS 4

TN_KERNEL_INLINE void
tn_count_value (const float *x, guint32 *bins)
{
  guint16 bin;

  memcpy (&bin, (const guint8 *) x + (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 2 : 0), sizeof bin);
  bins[bin]++;
}

TN_KERNEL_INLINE void
tn_pack_ahead (const TnTileAhead *ahead)
{
  for (guint r = 0; r < TN_TILE_AHEAD_ROWS; r++)
    for (guint g = 0; g < TN_TILE_GROUPS; g++)
      memcpy (ahead->to + (g * TN_TILE_ROWS + r) * TN_TILE_LANES, ahead->from + r * ahead->stride + g * TN_TILE_LANES,
              TN_TILE_LANES * sizeof (float));
}

#if defined(__x86_64__)
extern const TnObserveKernel tn_observe_kernel_avx2;
#elif defined(__aarch64__)
gboolean tn_observe_accumulate_neon (const float *x, const float *counted, const TnTileAhead *ahead, guint rows,
                                     guint first_channel, TnTilePowers *powers, TnTileChannels *channels, TnTileRange *range,
                                     guint32 *bins);
#endif

G_END_DECLS
