/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/ggml-blocks.h"

/* Layouts: GGUF type table. In the 32-element blocks with 4 or 5 bits, byte j holds element j in its low and element j + 16 in
 * its high nibble. A scale d is an IEEE half. */

static inline float
read_half (const guint8 *bytes)
{
  return tn_f16_to_f32 ((guint16) (bytes[0] | bytes[1] << 8));
}

static inline guint32
read_u32 (const guint8 *bytes)
{
  return bytes[0] | (guint32) bytes[1] << 8 | (guint32) bytes[2] << 16 | (guint32) bytes[3] << 24;
}

/* d, 16 bytes of nibbles. */
static void
decode_q4_0 (const guint8 *block, float *out)
{
  float d = read_half (block);

  for (guint j = 0; j < 16; j++)
    {
      out[j] = (float) ((block[2 + j] & 15) - 8) * d;
      out[j + 16] = (float) ((block[2 + j] >> 4) - 8) * d;
    }
}

/* d, minimum, 16 bytes of nibbles. */
static void
decode_q4_1 (const guint8 *block, float *out)
{
  float d = read_half (block);
  float minimum = read_half (block + 2);

  for (guint j = 0; j < 16; j++)
    {
      out[j] = (float) (block[4 + j] & 15) * d + minimum;
      out[j + 16] = (float) (block[4 + j] >> 4) * d + minimum;
    }
}

/* The fifth bits, then 16 bytes of nibbles: codes 0..31. */
static inline void
read_five_bits (const guint8 *bytes, gint codes[32])
{
  guint32 fifth = read_u32 (bytes);

  for (guint j = 0; j < 16; j++)
    {
      codes[j] = (gint) ((bytes[4 + j] & 15u) | (fifth >> j & 1) << 4);
      codes[j + 16] = (gint) ((guint) (bytes[4 + j] >> 4) | (fifth >> (j + 16) & 1) << 4);
    }
}

/* d, fifth bits and nibbles. */
static void
decode_q5_0 (const guint8 *block, float *out)
{
  float d = read_half (block);
  gint codes[32];

  read_five_bits (block + 2, codes);
  for (guint j = 0; j < 32; j++)
    out[j] = (float) (codes[j] - 16) * d;
}

/* d, minimum, fifth bits and nibbles. */
static void
decode_q5_1 (const guint8 *block, float *out)
{
  float d = read_half (block);
  float minimum = read_half (block + 2);
  gint codes[32];

  read_five_bits (block + 4, codes);
  for (guint j = 0; j < 32; j++)
    out[j] = (float) codes[j] * d + minimum;
}

/* d, 32 signed bytes. */
static void
decode_q8_0 (const guint8 *block, float *out)
{
  float d = read_half (block);

  for (guint j = 0; j < 32; j++)
    out[j] = (float) (gint8) block[2 + j] * d;
}

/* d, d of the minima, 12 bytes with eight 6-bit pairs (scale, minimum), 128 bytes of nibbles. */
static void
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
static void
decode_q6_k (const guint8 *block, float *out)
{
  const guint8 *low = block;
  const guint8 *high = block + 128;
  const guint8 *scales = block + 192;
  float d = read_half (block + 208);

  for (guint half = 0; half < 2; half++)
    for (guint k = 0; k < 4; k++)
      for (guint l = 0; l < 32; l++)
        {
          gint code = (low[64 * half + l + 32 * (k & 1)] >> 4 * (k >> 1) & 15) | (high[32 * half + l] >> 2 * k & 3) << 4;
          float scale = d * (float) (gint8) scales[8 * half + l / 16 + 2 * k];

          out[128 * half + 32 * k + l] = scale * (float) (code - 32);
        }
}

/* n_bytes bytes of five (or, the last four, n_trits) base-3 digits, the first digit in the highest place. */
static inline float *
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
static void
decode_tq1_0 (const guint8 *block, float *out)
{
  float d = read_half (block + 52);

  out = decode_trits (block, 32, 5, d, out);
  out = decode_trits (block + 32, 16, 5, d, out);
  decode_trits (block + 48, 4, 4, d, out);
}

/* 64 bytes of four 2-bit codes, d. */
static void
decode_tq2_0 (const guint8 *block, float *out)
{
  float d = read_half (block + 64);

  for (guint half = 0; half < 2; half++)
    for (guint n = 0; n < 4; n++)
      for (guint m = 0; m < 32; m++)
        out[128 * half + 32 * n + m] = (float) ((block[32 * half + m] >> 2 * n & 3) - 1) * d;
}

void
tn_ggml_decode_blocks (TnDtype dtype, const void *source, gsize n_blocks, float *out)
{
  static void (*const decoders[TN_N_DTYPES]) (const guint8 *, float *) = {
      [TN_DTYPE_Q4_0] = decode_q4_0, [TN_DTYPE_Q4_1] = decode_q4_1,   [TN_DTYPE_Q5_0] = decode_q5_0,
      [TN_DTYPE_Q5_1] = decode_q5_1, [TN_DTYPE_Q8_0] = decode_q8_0,   [TN_DTYPE_Q4_K] = decode_q4_k,
      [TN_DTYPE_Q6_K] = decode_q6_k, [TN_DTYPE_TQ1_0] = decode_tq1_0, [TN_DTYPE_TQ2_0] = decode_tq2_0,
  };
  const guint8 *bytes = source;
  gsize block_bytes = tn_dtype_block_bytes (dtype);
  gsize block_elements = tn_dtype_block_elements (dtype);

  g_return_if_fail (dtype < TN_N_DTYPES && decoders[dtype] != NULL);
  for (gsize i = 0; i < n_blocks; i++)
    decoders[dtype](bytes + i * block_bytes, out + i * block_elements);
}
