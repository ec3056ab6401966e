/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The inner loops of observing: a segment is a run of values of one row that starts at a channel divisible by 8. Every variant
 * gives the same bits: all arithmetic is elementwise IEEE double or integer. */

/* Channels a segment has at most. */
#define TN_SEGMENT_CHANNELS 256
/* Where a segment holds large values, runs of so many channels are told apart. */
#define TN_RUN_CHANNELS 32
#define TN_SEGMENT_RUNS (TN_SEGMENT_CHANNELS / TN_RUN_CHANNELS)
/* Values whose largest magnitude (as bits) is below this take TnObserveKernel.accumulate. */
#define TN_SEGMENT_FAST_LIMIT 0x45000000U /* 2048.0f */
/* Rows after which the accumulators of a channel must be taken out: 2048 * 2^11 * 2^40 < 2^63. */
#define TN_SEGMENT_MAX_ROWS 2048

/* What each row adds to the accumulators of a channel beside its value (bit patterns of the rounding constants). */
#define TN_SUM_BIAS G_GUINT64_CONSTANT (0x40b8000000000000)    /* 1.5 * 2^12 */
#define TN_SQUARE_BIAS G_GUINT64_CONSTANT (0x42b8000000000000) /* 1.5 * 2^44 */

/* Ordered like the values, for comparison as integers; NaN beyond the infinities. */
static inline gint32
tn_float_bits_to_key (guint32 bits)
{
  return (gint32) bits ^ ((gint32) bits >> 31 & 0x7fffffff);
}

typedef struct
{
  guint32 largest; /* magnitude, as bits: tells whether all values are finite and small */
  gint32 min_key, max_key;
  guint positive_zeros, negative_zeros;
} TnSegmentScan;

enum
{
  TN_POWER_ABS,
  TN_POWER_1,
  TN_POWER_2,
  TN_POWER_3,
  TN_POWER_4,
  TN_N_POWERS
};

/* Eight interleaved partial sums a power. */
typedef struct
{
  double partial[TN_N_POWERS][8];
} TnRowSums;

/* Accumulators of the channels of a segment. sum2 = high * 2^-8 + low * 2^-40 once the biases are taken off. */
typedef struct
{
  guint64 sum[TN_SEGMENT_CHANNELS]; /* quanta of 2^-40 */
  guint64 high[TN_SEGMENT_CHANNELS];
  guint64 low[TN_SEGMENT_CHANNELS];
  gint32 min_key[TN_SEGMENT_CHANNELS];
  gint32 max_key[TN_SEGMENT_CHANNELS];
} TnSegmentChannels;

typedef struct
{
  void (*scan) (const float *x, guint n, TnSegmentScan *scan);
  /* Channels first .. first + n of the segment that starts at x, all |x| < 2048; first is a multiple of 8. */
  void (*accumulate) (const float *x, guint first, guint n, TnRowSums *row, TnSegmentChannels *channels);
} TnObserveKernel;

const TnObserveKernel *tn_observe_kernel (void);

G_END_DECLS
