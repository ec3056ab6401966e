/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/observe-kernel.h"

#include <string.h>

#include "engine/device/device.h"

typedef float Float8 __attribute__ ((vector_size (32)));
typedef double Double8 __attribute__ ((vector_size (64)));
typedef guint64 Word8 __attribute__ ((vector_size (64)));

static const double sum_rounder = 0x1.8p12;    /* a unit in its last place is 2^-40 */
static const double square_rounder = 0x1.8p44; /* … 2^-8 */

static inline __attribute__ ((always_inline)) void
scan_body (const float *x, guint n, TnSegmentScan *scan)
{
  guint32 largest = 0;
  gint32 min_key = G_MAXINT32, max_key = G_MININT32;
  guint positive_zeros = 0, negative_zeros = 0;

  for (guint i = 0; i < n; i++)
    {
      guint32 bits, magnitude;
      gint32 key;

      memcpy (&bits, x + i, sizeof bits);
      magnitude = bits & 0x7fffffffU;
      key = tn_float_bits_to_key (bits);
      largest = magnitude > largest ? magnitude : largest;
      min_key = key < min_key ? key : min_key;
      max_key = key > max_key ? key : max_key;
      positive_zeros += bits == 0;
      negative_zeros += bits == 0x80000000U;
    }
  *scan = (TnSegmentScan){largest, min_key, max_key, positive_zeros, negative_zeros};
}

static inline __attribute__ ((always_inline)) void
accumulate_body (const float *x, guint first, guint n, TnRowSums *row, TnSegmentChannels *channels)
{
  Double8 sum_abs, sum1, sum2, sum3, sum4;
  guint end = first + n, c;

  memcpy (&sum_abs, row->partial[TN_POWER_ABS], sizeof sum_abs);
  memcpy (&sum1, row->partial[TN_POWER_1], sizeof sum1);
  memcpy (&sum2, row->partial[TN_POWER_2], sizeof sum2);
  memcpy (&sum3, row->partial[TN_POWER_3], sizeof sum3);
  memcpy (&sum4, row->partial[TN_POWER_4], sizeof sum4);
  for (c = first; c + 8 <= end; c += 8)
    {
      Float8 narrow;
      Double8 value, square, rounded, rest;
      Word8 words;

      memcpy (&narrow, x + c, sizeof narrow);
      value = __builtin_convertvector(narrow, Double8);
      square = value * value;
      sum_abs += (Double8) ((Word8) value & G_GUINT64_CONSTANT (0x7fffffffffffffff));
      sum1 += value;
      sum2 += square;
      sum3 += square * value;
      sum4 += square * square;

      memcpy (&words, channels->sum + c, sizeof words);
      words += (Word8) (value + sum_rounder);
      memcpy (channels->sum + c, &words, sizeof words);
      rounded = square + square_rounder;
      memcpy (&words, channels->high + c, sizeof words);
      words += (Word8) rounded;
      memcpy (channels->high + c, &words, sizeof words);
      rest = square - (rounded - square_rounder);
      memcpy (&words, channels->low + c, sizeof words);
      words += (Word8) (rest + sum_rounder);
      memcpy (channels->low + c, &words, sizeof words);
    }
  memcpy (row->partial[TN_POWER_ABS], &sum_abs, sizeof sum_abs);
  memcpy (row->partial[TN_POWER_1], &sum1, sizeof sum1);
  memcpy (row->partial[TN_POWER_2], &sum2, sizeof sum2);
  memcpy (row->partial[TN_POWER_3], &sum3, sizeof sum3);
  memcpy (row->partial[TN_POWER_4], &sum4, sizeof sum4);
  for (; c < end; c++)
    {
      double value = (double) x[c], square = value * value;
      double parts[3] = {value + sum_rounder, square + square_rounder, 0.0};
      guint64 words[3];

      row->partial[TN_POWER_ABS][c % 8] += value < 0.0 ? -value : value;
      row->partial[TN_POWER_1][c % 8] += value;
      row->partial[TN_POWER_2][c % 8] += square;
      row->partial[TN_POWER_3][c % 8] += square * value;
      row->partial[TN_POWER_4][c % 8] += square * square;
      parts[2] = square - (parts[1] - square_rounder) + sum_rounder;
      memcpy (words, parts, sizeof words);
      channels->sum[c] += words[0];
      channels->high[c] += words[1];
      channels->low[c] += words[2];
    }
  for (c = first; c < end; c++)
    {
      guint32 bits;
      gint32 key;

      memcpy (&bits, x + c, sizeof bits);
      key = tn_float_bits_to_key (bits);
      channels->min_key[c] = key < channels->min_key[c] ? key : channels->min_key[c];
      channels->max_key[c] = key > channels->max_key[c] ? key : channels->max_key[c];
    }
}

#define DEFINE_VARIANT(name, attributes)                                                                                         \
  attributes static void scan_##name (const float *x, guint n, TnSegmentScan *scan) { scan_body (x, n, scan); }                  \
  attributes static void accumulate_##name (const float *x, guint first, guint n, TnRowSums *row, TnSegmentChannels *channels)   \
  {                                                                                                                              \
    accumulate_body (x, first, n, row, channels);                                                                                \
  }                                                                                                                              \
  static const TnObserveKernel kernel_##name = {scan_##name, accumulate_##name};

DEFINE_VARIANT (portable, )
#if defined(__x86_64__)
DEFINE_VARIANT (avx2, __attribute__ ((target ("avx2"))))
DEFINE_VARIANT (avx512, __attribute__ ((target ("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))))
#endif

const TnObserveKernel *
tn_observe_kernel (void)
{
#if defined(__x86_64__)
  TnCpuFeatures features = tn_device_auto_select ()->features;

  if (features & TN_CPU_AVX512)
    return &kernel_avx512;
  if (features & TN_CPU_AVX2)
    return &kernel_avx2;
#endif
  return &kernel_portable;
}
