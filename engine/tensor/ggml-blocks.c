/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/ggml-blocks.h"

#include "engine/tensor/lanes.h"

/* Layouts: GGUF type table. In the 32-element blocks with 4 or 5 bits, byte j holds element j in its low and element j + 16 in
 * its high nibble. A scale d is an IEEE half. */

TN_LANES_INLINE float
read_half (const guint8 *bytes)
{
  guint32 half = bytes[0] | (guint32) bytes[1] << 8;
  guint32 bits = (half & 0x8000) << 16 | (half & 0x7fff) << 13;
  float value;

  /* No scale of a good file: the call stays out of the loops' way. */
  if (G_UNLIKELY ((half & 0x7c00) == 0x7c00))
    return tn_f16_to_f32 ((guint16) half);
  memcpy (&value, &bits, sizeof value);
  return value * 0x1p112f;
}

typedef guint8 Bytes16 __attribute__ ((vector_size (16)));
typedef guint8 Bytes32 __attribute__ ((vector_size (32)));

/* 16 bytes of nibbles. In vectors, because GCC unrolls loops of 16 rounds before it could make vectors of them. */
TN_LANES_INLINE void
read_nibbles (const guint8 *bytes, Bytes32 *codes)
{
  Bytes16 both, low, high;

  memcpy (&both, bytes, sizeof both);
  low = both & 15;
  high = both >> 4;
  *codes = __builtin_shufflevector (low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                    23, 24, 25, 26, 27, 28, 29, 30, 31);
}

/* The fifth bits, then 16 bytes of nibbles: codes 0..31. */
TN_LANES_INLINE void
read_five_bits (const guint8 *bytes, Bytes32 *codes)
{
  const Bytes32 bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                        1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  guint64 fifth[4];
  Bytes32 spread;

  read_nibbles (bytes + 4, codes);
  for (guint j = 0; j < 4; j++)
    fifth[j] = bytes[j] * G_GUINT64_CONSTANT (0x0101010101010101);
  memcpy (&spread, fifth, sizeof spread);
  *codes |= (Bytes32) ((spread & bits) != 0) & 16;
}

/* d, nibbles. */
TN_LANES_INLINE void
decode_q4_0 (const guint8 *block, float *out)
{
  float d = read_half (block);
  Bytes32 vector;
  guint8 codes[32];

  read_nibbles (block + 2, &vector);
  memcpy (codes, &vector, sizeof codes);
  for (guint j = 0; j < 32; j++)
    out[j] = (float) (codes[j] - 8) * d;
}

/* d, minimum, nibbles. */
TN_LANES_INLINE void
decode_q4_1 (const guint8 *block, float *out)
{
  float d = read_half (block);
  float minimum = read_half (block + 2);
  Bytes32 vector;
  guint8 codes[32];

  read_nibbles (block + 4, &vector);
  memcpy (codes, &vector, sizeof codes);
  for (guint j = 0; j < 32; j++)
    out[j] = (float) codes[j] * d + minimum;
}

/* d, fifth bits and nibbles. */
TN_LANES_INLINE void
decode_q5_0 (const guint8 *block, float *out)
{
  float d = read_half (block);
  Bytes32 vector;
  guint8 codes[32];

  read_five_bits (block + 2, &vector);
  memcpy (codes, &vector, sizeof codes);
  for (guint j = 0; j < 32; j++)
    out[j] = (float) (codes[j] - 16) * d;
}

/* d, minimum, fifth bits and nibbles. */
TN_LANES_INLINE void
decode_q5_1 (const guint8 *block, float *out)
{
  float d = read_half (block);
  float minimum = read_half (block + 2);
  Bytes32 vector;
  guint8 codes[32];

  read_five_bits (block + 4, &vector);
  memcpy (codes, &vector, sizeof codes);
  for (guint j = 0; j < 32; j++)
    out[j] = (float) codes[j] * d + minimum;
}

/* d, 32 signed bytes. */
TN_LANES_INLINE void
decode_q8_0 (const guint8 *block, float *out)
{
  float d = read_half (block);

  for (guint j = 0; j < 32; j++)
    out[j] = (float) (gint8) block[2 + j] * d;
}

/* d, d of the minima, 12 bytes with eight 6-bit pairs (scale, minimum), 128 bytes of nibbles. */
TN_LANES_INLINE void
decode_q4_k (const guint8 *block, float *out)
{
  float d = read_half (block);
  float d_minimum = read_half (block + 2);
  const guint8 *s = block + 4;
  const guint8 *nibbles = block + 16;

  for (guint j = 0; j < 8; j++)
    {
      gint scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
      gint minimum = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4;
      float d_j = d * (float) scale;
      float m_j = d_minimum * (float) minimum;
      guint shift = j % 2 == 0 ? 0 : 4;

      for (guint l = 0; l < 32; l++)
        out[32 * j + l] = d_j * (float) (nibbles[32 * (j / 2) + l] >> shift & 15) - m_j;
    }
}

/* 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, d. */
TN_LANES_INLINE void
decode_q6_k (const guint8 *block, float *out)
{
  const guint8 *low = block;
  const guint8 *high = block + 128;
  const guint8 *scales = block + 192;
  float d = read_half (block + 208);

  for (guint half = 0; half < 2; half++)
    for (guint k = 0; k < 4; k++)
      for (guint part = 0; part < 2; part++, out += 16)
        {
          const guint8 *low_bits = low + 64 * half + 32 * (k & 1) + 16 * part;
          const guint8 *high_bits = high + 32 * half + 16 * part;
          float scale = d * (float) (gint8) scales[8 * half + part + 2 * k];

          for (guint l = 0; l < 16; l++)
            {
              gint code = (low_bits[l] >> 4 * (k >> 1) & 15) | (high_bits[l] >> 2 * k & 3) << 4;

              out[l] = scale * (float) (code - 32);
            }
        }
}

/* n_bytes bytes of five (or, the last four, n_trits) base-3 digits, the first digit in the highest place. */
TN_LANES_INLINE float *
decode_trits (const guint8 *bytes, guint n_bytes, guint n_trits, float d, float *out)
{
  static const guint8 powers[5] = {1, 3, 9, 27, 81};

  for (guint n = 0; n < n_trits; n++)
    for (guint m = 0; m < n_bytes; m++)
      {
        guint8 fraction = (guint8) (bytes[m] * powers[n]);

        *out++ = (float) ((fraction * 3 >> 8) - 1) * d;
      }
  return out;
}

/* 48 bytes of 5 digits (32, then 16 bytes interleaved), 4 of 4 digits, d. */
TN_LANES_INLINE void
decode_tq1_0 (const guint8 *block, float *out)
{
  float d = read_half (block + 52);

  out = decode_trits (block, 32, 5, d, out);
  out = decode_trits (block + 32, 16, 5, d, out);
  decode_trits (block + 48, 4, 4, d, out);
}

/* 64 bytes of four 2-bit codes, d. */
TN_LANES_INLINE void
decode_tq2_0 (const guint8 *block, float *out)
{
  float d = read_half (block + 64);

  for (guint half = 0; half < 2; half++)
    for (guint n = 0; n < 4; n++)
      for (guint m = 0; m < 32; m++)
        out[128 * half + 32 * n + m] = (float) ((block[32 * half + m] >> 2 * n & 3) - 1) * d;
}

/* Each form once as it is and once for AVX2, over all blocks. */
typedef void (*Decode) (const guint8 *source, gsize n_blocks, float *out);

#define DEFINE_LOOP(form, bytes, elements)                                                                                       \
  static void form##_portable (const guint8 *restrict source, gsize n_blocks, float *restrict out)                               \
  {                                                                                                                              \
    for (gsize i = 0; i < n_blocks; i++)                                                                                         \
      decode_##form (source + i * bytes, out + i * elements);                                                                    \
  }                                                                                                                              \
  TN_LANES_AVX2 static void form##_avx2 (const guint8 *restrict source, gsize n_blocks, float *restrict out)                     \
  {                                                                                                                              \
    for (gsize i = 0; i < n_blocks; i++)                                                                                         \
      decode_##form (source + i * bytes, out + i * elements);                                                                    \
  }

DEFINE_LOOP (q4_0, 18, 32)
DEFINE_LOOP (q4_1, 20, 32)
DEFINE_LOOP (q5_0, 22, 32)
DEFINE_LOOP (q5_1, 24, 32)
DEFINE_LOOP (q8_0, 34, 32)
DEFINE_LOOP (q4_k, 144, 256)
DEFINE_LOOP (q6_k, 210, 256)
DEFINE_LOOP (tq1_0, 54, 256)
DEFINE_LOOP (tq2_0, 66, 256)

void
tn_ggml_decode_blocks (TnDtype dtype, const void *source, gsize n_blocks, float *out)
{
  static const struct
  {
    Decode portable, avx2;
  } forms[TN_N_DTYPES] = {
      [TN_DTYPE_Q4_0] = {q4_0_portable, q4_0_avx2},    [TN_DTYPE_Q4_1] = {q4_1_portable, q4_1_avx2},
      [TN_DTYPE_Q5_0] = {q5_0_portable, q5_0_avx2},    [TN_DTYPE_Q5_1] = {q5_1_portable, q5_1_avx2},
      [TN_DTYPE_Q8_0] = {q8_0_portable, q8_0_avx2},    [TN_DTYPE_Q4_K] = {q4_k_portable, q4_k_avx2},
      [TN_DTYPE_Q6_K] = {q6_k_portable, q6_k_avx2},    [TN_DTYPE_TQ1_0] = {tq1_0_portable, tq1_0_avx2},
      [TN_DTYPE_TQ2_0] = {tq2_0_portable, tq2_0_avx2},
  };

  g_return_if_fail (dtype < TN_N_DTYPES && forms[dtype].portable != NULL);

  if (tn_lanes_have_avx2 ())
    forms[dtype].avx2 (source, n_blocks, out);
  else
    forms[dtype].portable (source, n_blocks, out);
}
