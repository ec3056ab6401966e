/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/ggml-encode.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/tensor/lanes.h"

/* Layouts: ggml-blocks.c. The arithmetic is that of ggml's quantize_row_*_ref: codes come from the scale before it is rounded to
 * a half. Loops are plain, over whole blocks and in integers where order matters, so that compilers make vectors of them. */

#define INFINITY_BITS 0x7f800000
#define HALF_INFINITY 0x7c00

TN_LANES_INLINE gint32
bits_of (float x)
{
  gint32 bits;

  memcpy (&bits, &x, sizeof bits);
  return bits;
}

TN_LANES_INLINE void
write_half (guint8 *bytes, guint16 half)
{
  bytes[0] = (guint8) half;
  bytes[1] = (guint8) (half >> 8);
}

/* A finite number as a half that is finite too. */
TN_LANES_INLINE gboolean
write_finite_half (guint8 *bytes, float value)
{
  guint16 half = tn_f32_to_f16 (value);

  write_half (bytes, half);
  return (half & HALF_INFINITY) != HALF_INFINITY;
}

/* Bits of the largest magnitude; INFINITY_BITS and more when an element is not finite. */
TN_LANES_INLINE gint32
find_largest (const float *x, guint n)
{
  gint32 largest = 0;

  for (guint j = 0; j < n; j++)
    {
      gint32 magnitude = bits_of (x[j]) & G_MAXINT32;

      largest = MAX (largest, magnitude);
    }
  return largest;
}

/* The first element of the largest magnitude, with its sign. */
TN_LANES_INLINE float
get_first_of_magnitude (const float *x, guint n, gint32 magnitude)
{
  for (guint j = 0; j < n && magnitude > 0; j++)
    if ((bits_of (x[j]) & G_MAXINT32) == magnitude)
      return x[j];
  return 0.0f;
}

/* The first of the elements that equal value: the reference keeps its sign where that is zero. */
TN_LANES_INLINE float
get_first_equal (const float *x, guint n, float value)
{
  for (guint j = 0; j < n; j++)
    if (x[j] == value)
      return x[j];
  return value;
}

/* FALSE when an element is not finite. */
TN_LANES_INLINE gboolean
find_range (const float *x, guint n, float *min_out, float *max_out)
{
  gint32 min = G_MAXINT32, max = G_MININT32;

  /* Negative floats in the order of integers; NaN and infinities are at both ends of it. */
  for (guint j = 0; j < n; j++)
    {
      gint32 bits = bits_of (x[j]);
      gint32 ordered = bits ^ (bits >> 31 & G_MAXINT32);

      min = MIN (min, ordered);
      max = MAX (max, ordered);
    }
  if (max >= INFINITY_BITS || min <= ~INFINITY_BITS)
    return FALSE;
  min ^= min >> 31 & G_MAXINT32;
  max ^= max >> 31 & G_MAXINT32;
  memcpy (min_out, &min, sizeof min);
  memcpy (max_out, &max, sizeof max);
  if (*min_out == 0.0f)
    *min_out = get_first_equal (x, n, 0.0f);
  if (*max_out == 0.0f)
    *max_out = get_first_equal (x, n, 0.0f);
  return TRUE;
}

/* 0 where the reciprocal would be infinite: d is far below what a half can hold, and any code of it stands for 0. */
TN_LANES_INLINE float
get_reciprocal (float d)
{
  float reciprocal = 1.0f / d;

  return (bits_of (reciprocal) & G_MAXINT32) < INFINITY_BITS ? reciprocal : 0.0f;
}

/* roundf(): halves go away from zero. |x| < 2^23. */
TN_LANES_INLINE gint
round_away (float x)
{
  gint whole = (gint) x;
  float rest = x - (float) whole;

  return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

TN_LANES_INLINE void
pack_nibbles (const guint8 *codes, guint8 *out)
{
  for (guint j = 0; j < 16; j++)
    out[j] = (guint8) ((codes[j] & 15) | codes[j + 16] << 4);
}

TN_LANES_INLINE void
pack_fifth_bits (const guint8 *codes, guint8 *out)
{
  for (guint i = 0; i < 4; i++)
    {
      guint byte = 0;

      for (guint j = 0; j < 8; j++)
        byte |= (guint) (codes[8 * i + j] >> 4) << j;
      out[i] = (guint8) byte;
    }
}

/* n_bytes bytes of n_trits digits, the first in the highest place of five: ceil (digits * 256 / 243). */
TN_LANES_INLINE void
pack_trits (const guint8 *trits, guint n_bytes, guint n_trits, guint8 *out)
{
  for (guint m = 0; m < n_bytes; m++)
    {
      guint digits = 0;

      for (guint n = 0; n < 5; n++)
        digits = digits * 3 + (n < n_trits ? trits[m + n * n_bytes] : 0);
      out[m] = (guint8) ((digits * 256 + 242) / 243);
    }
}

TN_LANES_INLINE void
pack_tq1_0 (const guint8 *trits, guint8 *block)
{
  pack_trits (trits, 32, 5, block);
  pack_trits (trits + 160, 16, 5, block + 32);
  pack_trits (trits + 240, 4, 4, block + 48);
}

TN_LANES_INLINE void
pack_tq2_0 (const guint8 *trits, guint8 *block)
{
  for (guint half = 0; half < 2; half++)
    for (guint m = 0; m < 32; m++)
      {
        const guint8 *t = trits + 128 * half + m;

        block[32 * half + m] = (guint8) (t[0] | t[32] << 2 | t[64] << 4 | t[96] << 6);
      }
}

/* Every encoder gives FALSE when an element, or a scale as a half, is not finite. */

TN_LANES_INLINE gboolean
encode_q4_0 (const float *x, guint8 *block)
{
  gint32 largest = find_largest (x, 32);
  float d = get_first_of_magnitude (x, 32, largest) / -8.0f;
  float reciprocal = get_reciprocal (d);
  guint8 codes[32];

  if (largest >= INFINITY_BITS || !write_finite_half (block, d))
    return FALSE;
  for (guint j = 0; j < 32; j++)
    {
      gint code = (gint) (x[j] * reciprocal + 8.5f);

      codes[j] = (guint8) MIN (code, 15);
    }
  pack_nibbles (codes, block + 2);
  return TRUE;
}

TN_LANES_INLINE gboolean
encode_q4_1 (const float *x, guint8 *block)
{
  float min, max, d, reciprocal;
  guint8 codes[32];

  if (!find_range (x, 32, &min, &max))
    return FALSE;
  d = (max - min) / 15.0f;
  if (!write_finite_half (block, d) || !write_finite_half (block + 2, min))
    return FALSE;
  reciprocal = get_reciprocal (d);
  for (guint j = 0; j < 32; j++)
    {
      gint code = (gint) ((x[j] - min) * reciprocal + 0.5f);

      codes[j] = (guint8) MIN (code, 15);
    }
  pack_nibbles (codes, block + 4);
  return TRUE;
}

TN_LANES_INLINE gboolean
encode_q5_0 (const float *x, guint8 *block)
{
  gint32 largest = find_largest (x, 32);
  float d = get_first_of_magnitude (x, 32, largest) / -16.0f;
  float reciprocal = get_reciprocal (d);
  guint8 codes[32];

  if (largest >= INFINITY_BITS || !write_finite_half (block, d))
    return FALSE;
  for (guint j = 0; j < 32; j++)
    {
      gint code = (gint) (x[j] * reciprocal + 16.5f);

      codes[j] = (guint8) MIN (code, 31);
    }
  pack_fifth_bits (codes, block + 2);
  pack_nibbles (codes, block + 6);
  return TRUE;
}

TN_LANES_INLINE gboolean
encode_q5_1 (const float *x, guint8 *block)
{
  float min, max, d, reciprocal;
  guint8 codes[32];

  if (!find_range (x, 32, &min, &max))
    return FALSE;
  d = (max - min) / 31.0f;
  if (!write_finite_half (block, d) || !write_finite_half (block + 2, min))
    return FALSE;
  reciprocal = get_reciprocal (d);
  for (guint j = 0; j < 32; j++)
    codes[j] = (guint8) (gint) ((x[j] - min) * reciprocal + 0.5f);
  pack_fifth_bits (codes, block + 4);
  pack_nibbles (codes, block + 8);
  return TRUE;
}

TN_LANES_INLINE gboolean
encode_q8_0 (const float *x, guint8 *block)
{
  gint32 largest = find_largest (x, 32);
  float magnitude, d, reciprocal;

  if (largest >= INFINITY_BITS)
    return FALSE;
  memcpy (&magnitude, &largest, sizeof magnitude);
  d = magnitude / 127.0f;
  if (!write_finite_half (block, d))
    return FALSE;
  reciprocal = get_reciprocal (d);
  for (guint j = 0; j < 32; j++)
    block[2 + j] = (guint8) round_away (x[j] * reciprocal);
  return TRUE;
}

/* The largest magnitude is the level. */
TN_LANES_INLINE gboolean
find_trits (const float *x, guint8 *trits, guint8 *d_bytes)
{
  gint32 largest = find_largest (x, 256);
  float d, reciprocal;

  if (largest >= INFINITY_BITS)
    return FALSE;
  memcpy (&d, &largest, sizeof d);
  if (!write_finite_half (d_bytes, d))
    return FALSE;
  reciprocal = get_reciprocal (d);
  for (guint j = 0; j < 256; j++)
    trits[j] = (guint8) (round_away (x[j] * reciprocal) + 1);
  return TRUE;
}

TN_LANES_INLINE gboolean
encode_tq1_0 (const float *x, guint8 *block)
{
  guint8 trits[256];

  if (!find_trits (x, trits, block + 52))
    return FALSE;
  pack_tq1_0 (trits, block);
  return TRUE;
}

TN_LANES_INLINE gboolean
encode_tq2_0 (const float *x, guint8 *block)
{
  guint8 trits[256];

  if (!find_trits (x, trits, block + 64))
    return FALSE;
  pack_tq2_0 (trits, block);
  return TRUE;
}

/* How a form holds codes: offset + code is what stands in its bits, low .. high are the codes it has. */
typedef struct
{
  gint low, high, offset;
  guint scale_at; /* byte of the half */
} CodeForm;

static const CodeForm forms[TN_N_DTYPES] = {
    [TN_DTYPE_Q4_0] = {-8, 7, 8, 0},   [TN_DTYPE_Q5_0] = {-16, 15, 16, 0}, [TN_DTYPE_Q8_0] = {-128, 127, 0, 0},
    [TN_DTYPE_TQ1_0] = {-1, 1, 1, 52}, [TN_DTYPE_TQ2_0] = {-1, 1, 1, 64},
};

/* FALSE when a code is out of range. */
TN_LANES_INLINE gboolean
encode_code_block (TnDtype dtype, guint n, const gint8 *codes, guint16 scale, guint8 *block)
{
  const CodeForm *form = &forms[dtype];
  gint8 low = (gint8) form->low, high = (gint8) form->high;
  guint8 offset = (guint8) form->offset, outside = 0, any = 0;
  guint8 raw[TN_DTYPE_MOST_BLOCK_ELEMENTS];

  for (guint j = 0; j < n; j++)
    {
      outside |= (guint8) ((codes[j] < low) | (codes[j] > high));
      any |= (guint8) codes[j];
      raw[j] = (guint8) ((guint8) codes[j] + offset);
    }
  if (outside != 0)
    return FALSE;
  switch (dtype)
    {
    case TN_DTYPE_Q4_0:
      pack_nibbles (raw, block + 2);
      break;
    case TN_DTYPE_Q5_0:
      pack_fifth_bits (raw, block + 2);
      pack_nibbles (raw, block + 6);
      break;
    case TN_DTYPE_Q8_0:
      memcpy (block + 2, raw, 32);
      break;
    case TN_DTYPE_TQ1_0:
      pack_tq1_0 (raw, block);
      break;
    case TN_DTYPE_TQ2_0:
    default:
      pack_tq2_0 (raw, block);
      break;
    }
  write_half (block + form->scale_at, n == TN_DTYPE_MOST_BLOCK_ELEMENTS && any == 0 ? 0 : scale);
  return TRUE;
}

/* Both give the number of blocks that were written before one was refused. */
TN_LANES_INLINE gsize
encode_blocks (TnDtype dtype, const float *x, gsize n_blocks, guint8 *out)
{
  gsize i = 0;

#define ENCODE(encoder, elements, bytes)                                                                                         \
  while (i < n_blocks && encoder (x + i * (elements), out + i * (bytes)))                                                        \
  i++

  switch (dtype)
    {
    case TN_DTYPE_Q4_0:
      ENCODE (encode_q4_0, 32, 18);
      break;
    case TN_DTYPE_Q4_1:
      ENCODE (encode_q4_1, 32, 20);
      break;
    case TN_DTYPE_Q5_0:
      ENCODE (encode_q5_0, 32, 22);
      break;
    case TN_DTYPE_Q5_1:
      ENCODE (encode_q5_1, 32, 24);
      break;
    case TN_DTYPE_Q8_0:
      ENCODE (encode_q8_0, 32, 34);
      break;
    case TN_DTYPE_TQ1_0:
      ENCODE (encode_tq1_0, 256, 54);
      break;
    case TN_DTYPE_TQ2_0:
    default:
      ENCODE (encode_tq2_0, 256, 66);
      break;
    }
#undef ENCODE
  return i;
}

TN_LANES_INLINE gsize
encode_code_blocks (TnDtype dtype, const gint8 *codes, gsize n_blocks, guint16 scale, guint8 *out)
{
  gsize i = 0;

#define ENCODE(dtype, elements, bytes)                                                                                           \
  while (i < n_blocks && encode_code_block (dtype, elements, codes + i * (elements), scale, out + i * (bytes)))                  \
  i++

  switch (dtype)
    {
    case TN_DTYPE_Q4_0:
      ENCODE (TN_DTYPE_Q4_0, 32, 18);
      break;
    case TN_DTYPE_Q5_0:
      ENCODE (TN_DTYPE_Q5_0, 32, 22);
      break;
    case TN_DTYPE_Q8_0:
      ENCODE (TN_DTYPE_Q8_0, 32, 34);
      break;
    case TN_DTYPE_TQ1_0:
      ENCODE (TN_DTYPE_TQ1_0, 256, 54);
      break;
    case TN_DTYPE_TQ2_0:
    default:
      ENCODE (TN_DTYPE_TQ2_0, 256, 66);
      break;
    }
#undef ENCODE
  return i;
}

#if TN_LANES_X86
TN_LANES_AVX2 static gsize
encode_blocks_avx2 (TnDtype dtype, const float *x, gsize n_blocks, guint8 *out)
{
  return encode_blocks (dtype, x, n_blocks, out);
}

TN_LANES_AVX2 static gsize
encode_code_blocks_avx2 (TnDtype dtype, const gint8 *codes, gsize n_blocks, guint16 scale, guint8 *out)
{
  return encode_code_blocks (dtype, codes, n_blocks, scale, out);
}
#else
#define encode_blocks_avx2 encode_blocks
#define encode_code_blocks_avx2 encode_code_blocks
#endif

static gsize
encode_blocks_portable (TnDtype dtype, const float *x, gsize n_blocks, guint8 *out)
{
  return encode_blocks (dtype, x, n_blocks, out);
}

static gsize
encode_code_blocks_portable (TnDtype dtype, const gint8 *codes, gsize n_blocks, guint16 scale, guint8 *out)
{
  return encode_code_blocks (dtype, codes, n_blocks, scale, out);
}

/* Says why this block was refused. */
static void
set_block_error (TnDtype dtype, const float *x, gsize first, gsize n, GError **error)
{
  float largest = 0.0f;

  for (gsize i = first; i < first + n; i++)
    if (!isfinite (x[i]))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("Element %zu is %g; %s holds finite numbers only"), i,
                     (double) x[i], tn_dtype_get_name (dtype));
        return;
      }
    else
      largest = MAX (largest, fabsf (x[i]));
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("Elements from %zu on reach %g, which %s with its 16-bit scale cannot hold"), first,
               (double) largest, tn_dtype_get_name (dtype));
}

gboolean
tn_ggml_encode_blocks (TnDtype dtype, const float *x, gsize n_blocks, void *out, GError **error)
{
  gsize elements = tn_dtype_block_elements (dtype);
  gsize done;

  g_return_val_if_fail (tn_dtype_can_encode (dtype) && elements > 1, FALSE);
  done = tn_lanes_have_avx2 () ? encode_blocks_avx2 (dtype, x, n_blocks, out) : encode_blocks_portable (dtype, x, n_blocks, out);
  if (done == n_blocks)
    return TRUE;
  set_block_error (dtype, x, done * elements, elements, error);
  return FALSE;
}

static gboolean
get_half_scale (TnDtype dtype, float scale, guint16 *half, GError **error)
{
  *half = tn_f32_to_f16 (scale);
  if ((*half & HALF_INFINITY) != HALF_INFINITY && ((*half & 0x7fff) != 0 || scale == 0.0f))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("A scale of %g cannot be stored in 16 bits, as %s stores it"), (double) scale,
               tn_dtype_get_name (dtype));
  return FALSE;
}

gboolean
tn_ggml_encode_codes (TnDtype dtype, const gint8 *codes, gsize n_blocks, const float *scales, gsize blocks_per_scale, void *out,
                      GError **error)
{
  gsize elements = tn_dtype_block_elements (dtype);
  gsize bytes = tn_dtype_block_bytes (dtype);

  g_return_val_if_fail (dtype < TN_N_DTYPES && forms[dtype].high > 0 && blocks_per_scale > 0, FALSE);
  for (gsize first = 0; first < n_blocks; first += blocks_per_scale)
    {
      gsize n = MIN (blocks_per_scale, n_blocks - first);
      const gint8 *source = codes + first * elements;
      guint8 *target = (guint8 *) out + first * bytes;
      guint16 half;
      gsize done;

      if (!get_half_scale (dtype, scales[first / blocks_per_scale], &half, error))
        return FALSE;
      done = tn_lanes_have_avx2 () ? encode_code_blocks_avx2 (dtype, source, n, half, target)
                                   : encode_code_blocks_portable (dtype, source, n, half, target);
      for (gsize i = done * elements; i < n * elements; i++)
        if (source[i] < forms[dtype].low || source[i] > forms[dtype].high)
          {
            g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("Code %zu is %d; %s holds codes from %d to %d"),
                         first * elements + i, source[i], tn_dtype_get_name (dtype), forms[dtype].low, forms[dtype].high);
            return FALSE;
          }
    }
  return TRUE;
}
