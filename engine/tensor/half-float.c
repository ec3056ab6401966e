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

/* 8 elements at a time; *lost: lanes in which a finite number became infinite. */
__attribute__ ((target ("avx2,f16c"))) static gsize
encode_f16_hardware (const float *x, gsize n, guint8 *out, gboolean *lost)
{
  const __m256 infinity = _mm256_set1_ps (INFINITY);
  const __m256 sign = _mm256_set1_ps (-0.0f);
  __m256 became = _mm256_setzero_ps ();
  gsize i = 0;

  for (; i + 8 <= n; i += 8)
    {
      __m256 value = _mm256_loadu_ps (x + i);
      __m128i halves = _mm256_cvtps_ph (value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      __m256 back = _mm256_andnot_ps (sign, _mm256_cvtph_ps (halves));

      became = _mm256_or_ps (became, _mm256_and_ps (_mm256_cmp_ps (back, infinity, _CMP_EQ_OQ),
                                                    _mm256_cmp_ps (_mm256_andnot_ps (sign, value), infinity, _CMP_NEQ_OQ)));
      _mm_storeu_si128 ((__m128i *) (void *) (out + 2 * i), halves);
    }
  *lost = _mm256_movemask_ps (became) != 0;
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

gboolean
tn_f16_encode (const float *x, gsize n, void *out)
{
  guint8 *bytes = out;
  gboolean lost = FALSE;
  gsize i = 0;

#if TN_LANES_X86
  if (tn_lanes_have_f16c () && tn_lanes_have_avx2 ())
    i = encode_f16_hardware (x, n, bytes, &lost);
#endif
  for (; i < n; i++)
    {
      guint16 bits = tn_f32_to_f16 (x[i]);

      lost |= (bits & 0x7fff) == 0x7c00 && !isinf (x[i]);
      memcpy (bytes + 2 * i, &bits, sizeof bits);
    }
  return !lost;
}

TN_LANES_INLINE gboolean
encode_bf16 (const float *x, gsize n, guint8 *bytes)
{
  guint32 lost = 0;

  for (gsize i = 0; i < n; i++)
    {
      guint32 wide, magnitude, rounded, is_nan;
      guint16 bits;

      memcpy (&wide, x + i, sizeof wide);
      magnitude = wide & 0x7fffffff;
      rounded = (wide + 0x7fff + (wide >> 16 & 1)) >> 16;
      is_nan = -(guint32) (magnitude > 0x7f800000);
      lost |= (guint32) (magnitude < 0x7f800000) & (guint32) ((rounded & 0x7fff) == 0x7f80);
      bits = (guint16) ((rounded & ~is_nan) | ((wide >> 16 | 0x40) & is_nan));
      memcpy (bytes + 2 * i, &bits, sizeof bits);
    }
  return lost == 0;
}

#if TN_LANES_X86
TN_LANES_AVX2 static gboolean
encode_bf16_avx2 (const float *x, gsize n, guint8 *bytes)
{
  return encode_bf16 (x, n, bytes);
}
#else
#define encode_bf16_avx2 encode_bf16
#endif

gboolean
tn_bf16_encode (const float *x, gsize n, void *out)
{
  return tn_lanes_have_avx2 () ? encode_bf16_avx2 (x, n, out) : encode_bf16 (x, n, out);
}
