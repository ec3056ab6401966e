/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/lanes16.h"
#include "engine/kernels/row-quantize-private.h"

/* Plain loops that compilers make vectors of, for every instruction set but AVX2. */

/* 1.5 * 2^23: the sum with it holds the rounded number, half to even, in its lowest bits. */
#define ROUNDER 0x1.8p23f
#define ROUNDER_BITS 0x4b400000u
#define CHUNK ((gsize) 256)
#define LINE_FLOATS 16

TN_KERNEL_INLINE guint32
get_bits (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

TN_KERNEL_INLINE float
get_value (const float *x, const float *weight, float norm, gsize i)
{
  return weight != NULL ? x[i] * norm * weight[i] : x[i];
}

TN_KERNEL_INLINE void
fetch (const float *x, gsize n)
{
  for (gsize i = 0; i < n; i += LINE_FLOATS)
    __builtin_prefetch (x + i, 0, 2);
}

TN_KERNEL_INLINE gint32
find_in_chunk (const float *restrict x, const float *restrict weight, float norm, gsize n)
{
  gint32 largest = 0;

  for (gsize i = 0; i < n; i++)
    {
      gint32 magnitude = (gint32) (get_bits (get_value (x, weight, norm, i)) & G_MAXINT32);

      largest = magnitude > largest ? magnitude : largest;
    }
  return largest;
}

TN_KERNEL_INLINE gint32
find_largest (const float *x, const float *weight, float norm, gsize width, const float *next)
{
  gint32 largest = 0;

  for (gsize i = 0; i < width; i += CHUNK)
    {
      gsize n = MIN (CHUNK, width - i);
      gint32 found;

      if (next != NULL && i < width / 2)
        fetch (next + i, n);
      found = find_in_chunk (x + i, weight != NULL ? weight + i : NULL, norm, n);
      largest = MAX (largest, found);
    }
  return largest;
}

TN_KERNEL_INLINE guint32
write_chunk (const float *restrict x, const float *restrict weight, float norm, float factor, gsize n, gint8 *restrict codes)
{
  guint32 sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      guint32 code = get_bits (get_value (x, weight, norm, i) * factor + ROUNDER);

      sum += code;
      codes[i] = (gint8) code;
    }
  return sum - (guint32) n * ROUNDER_BITS;
}

TN_KERNEL_INLINE gint32
write_codes (const float *x, const float *weight, float norm, float factor, gsize width, const float *next, gint8 *codes)
{
  guint32 sum = 0;

  for (gsize i = 0; i < width; i += CHUNK)
    {
      gsize n = MIN (CHUNK, width - i);

      if (next != NULL && i >= width / 2)
        fetch (next + i, n);
      sum += write_chunk (x + i, weight != NULL ? weight + i : NULL, norm, factor, n, codes + i);
    }
  return (gint32) sum;
}

/* The branches inside the bodies are on a constant. */
#define DEFINE_KERNELS(name, target)                                                                                             \
  target static float name##_get_norm (const float *x, gsize width, double epsilon)                                              \
  {                                                                                                                              \
    return tn_rmsnorm_factor (x, width, epsilon);                                                                                \
  }                                                                                                                              \
  target static gint32 name##_find_largest (const float *x, const float *weight, float norm, gsize width, const float *next)     \
  {                                                                                                                              \
    return weight != NULL ? find_largest (x, weight, norm, width, next) : find_largest (x, NULL, norm, width, next);             \
  }                                                                                                                              \
  target static gint32 name##_write_codes (const float *x, const float *weight, float norm, float factor, gsize width,           \
                                           const float *next, gint8 *codes)                                                      \
  {                                                                                                                              \
    return weight != NULL ? write_codes (x, weight, norm, factor, width, next, codes)                                            \
                          : write_codes (x, NULL, norm, factor, width, next, codes);                                             \
  }                                                                                                                              \
  const TnRowKernels tn_row_##name = {name##_get_norm, name##_find_largest, name##_write_codes};

DEFINE_KERNELS (scalar, )
#if defined(__x86_64__)
DEFINE_KERNELS (avx512, TN_KERNEL_TARGET_AVX512)
#endif
