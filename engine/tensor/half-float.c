/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/half-float.h"

#include <string.h>

#include "engine/tensor/dtype.h"
#include "engine/tensor/lanes.h"

static inline float
float_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

static inline guint32
float_to_bits (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

float
tn_f16_to_f32 (guint16 bits)
{
  guint32 sign = (guint32) (bits & 0x8000) << 16;
  guint32 exponent = (bits >> 10) & 31;
  guint32 mantissa = bits & 1023;

  if (exponent == 0)
    return float_from_bits (sign | float_to_bits ((float) mantissa * 0x1p-24f));
  if (exponent == 31)
    /* A signalling NaN becomes quiet, as the hardware conversion has it. */
    return float_from_bits (sign | 0x7f800000 | mantissa << 13 | (mantissa != 0 ? 0x400000 : 0));
  return float_from_bits (sign | (exponent + 112) << 23 | mantissa << 13);
}

guint16
tn_f32_to_f16 (float value)
{
  guint32 bits = float_to_bits (value);
  guint32 sign = bits >> 16 & 0x8000;
  guint32 magnitude = bits & 0x7fffffff;

  if (magnitude > 0x7f800000)
    return (guint16) (sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x47800000)
    return (guint16) (sign | 0x7c00);
  if (magnitude < 0x38800000)
    /* The last bit of 0.5 is the quantum of subnormal halves, so the addition rounds as wanted. */
    return (guint16) (sign | (float_to_bits (float_from_bits (magnitude) + 0.5f) - 0x3f000000));
  return (guint16) (sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

float
tn_bf16_to_f32 (guint16 bits)
{
  return float_from_bits ((guint32) bits << 16);
}

guint16
tn_f32_to_bf16 (float value)
{
  guint32 bits = float_to_bits (value);

  if ((bits & 0x7fffffff) > 0x7f800000)
    return (guint16) (bits >> 16 | 0x40);
  return (guint16) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float
tn_f8_e4m3_to_f32 (guint8 bits)
{
  guint32 sign = (guint32) (bits & 0x80) << 24;
  guint32 exponent = (bits >> 3) & 15;
  guint32 mantissa = bits & 7;

  if (exponent == 0)
    return float_from_bits (sign | float_to_bits ((float) mantissa * 0x1p-9f));
  if (exponent == 15 && mantissa == 7)
    return float_from_bits (sign | 0x7fc00000);
  return float_from_bits (sign | (exponent + 120) << 23 | mantissa << 20);
}

float
tn_f8_e5m2_to_f32 (guint8 bits)
{
  return tn_f16_to_f32 ((guint16) (bits << 8));
}

#if TN_LANES_X86
#include <immintrin.h>

/* Returns how many elements were converted: a multiple of 8. */
__attribute__ ((target ("avx,f16c"))) static gsize
decode_f16_hardware (const guint8 *source, gsize n, float *out)
{
  gsize i = 0;

  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps (out + i, _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) (const void *) (source + 2 * i))));
  return i;
}
#endif

void
tn_f16_decode (const void *source, gsize n, float *out)
{
  const guint8 *bytes = source;
  gsize i = 0;

#if TN_LANES_X86
  if (tn_lanes_have_f16c ())
    i = decode_f16_hardware (bytes, n, out);
#endif
  for (; i < n; i++)
    {
      guint16 bits;

      memcpy (&bits, bytes + 2 * i, sizeof bits);
      out[i] = tn_f16_to_f32 (bits);
    }
}

void
tn_bf16_decode (const void *source, gsize n, float *out)
{
  const guint8 *bytes = source;

  for (gsize i = 0; i < n; i++)
    {
      guint16 bits;
      guint32 wide;

      memcpy (&bits, bytes + 2 * i, sizeof bits);
      wide = (guint32) bits << 16;
      memcpy (out + i, &wide, sizeof wide);
    }
}
