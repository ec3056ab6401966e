/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/quant/packing.h"
#include "engine/tensor/lanes.h"

/* So many codes are packed while they are in the cache: a multiple of every form's unit. */
#define CHUNK 7680
#define DIGITS 5
#define DIGIT_VALUES 243
/* Bytes of four codes side by side. */
#define ONES 0x01010101u
#define THREES 0x03030303u
#define TOPS 0x80808080u
/* What a pattern without a code is read as, until it is counted. */
#define NO_CODE 2

/* From here to the variants: loops that compilers make vectors of. Codes are -1, 0, +1. */

TN_LANES_INLINE gboolean
has_invalid (const gint8 *codes, gsize n)
{
  guint8 invalid = 0;

  for (gsize i = 0; i < n; i++)
    invalid |= (guint8) ((guint8) (codes[i] + 1) > 2);
  return invalid != 0;
}

TN_LANES_INLINE void
pack_plain (const gint8 *codes, gsize n_bytes, guint8 *out)
{
  for (gsize i = 0; i < n_bytes; i++)
    {
      guint32 word;

      memcpy (&word, codes + 4 * i, sizeof word);
      word = GUINT32_FROM_LE (word);
      word = ((word & ~TOPS) + ONES) ^ (word & TOPS);
      word |= word >> 6;
      out[i] = (guint8) (word | word >> 12);
    }
}

TN_LANES_INLINE void
unpack_plain (const guint8 *bytes, gsize n_bytes, gint8 *codes)
{
  for (gsize i = 0; i < n_bytes; i++)
    {
      guint32 byte = bytes[i];
      guint32 word = (byte | byte << 6 | byte << 12 | byte << 18) & THREES;

      word = GUINT32_TO_LE (((word | TOPS) - ONES) ^ TOPS);
      memcpy (codes + 4 * i, &word, sizeof word);
    }
}

/* Four rows of codes, the first in the bits at first_shift, each next one step higher. */
TN_LANES_INLINE void
pack_quarters (const gint8 *const codes[4], gint first_shift, gint step, gsize n, guint8 *out)
{
  const gint8 *a = codes[0], *b = codes[1], *c = codes[2], *d = codes[3];

  for (gsize i = 0; i < n; i++)
    out[i] = (guint8) ((a[i] + 1) << first_shift | (b[i] + 1) << (first_shift + step) | (c[i] + 1) << (first_shift + 2 * step) |
                       (d[i] + 1) << (first_shift + 3 * step));
}

TN_LANES_INLINE void
unpack_quarter (const guint8 *bytes, gint shift, gsize n, gint8 *codes)
{
  for (gsize i = 0; i < n; i++)
    codes[i] = (gint8) ((bytes[i] >> shift & 3) - 1);
}

typedef struct
{
  gboolean (*has_invalid) (const gint8 *codes, gsize n);
  void (*pack_plain) (const gint8 *codes, gsize n_bytes, guint8 *out);
  void (*unpack_plain) (const guint8 *bytes, gsize n_bytes, gint8 *codes);
  void (*pack_quarters) (const gint8 *const codes[4], gint first_shift, gint step, gsize n, guint8 *out);
  void (*unpack_quarter) (const guint8 *bytes, gint shift, gsize n, gint8 *codes);
} Variant;

#define DEFINE_VARIANT(name, target)                                                                                             \
  target static gboolean has_invalid_##name (const gint8 *codes, gsize n) { return has_invalid (codes, n); }                     \
  target static void pack_plain_##name (const gint8 *codes, gsize n, guint8 *out) { pack_plain (codes, n, out); }                \
  target static void unpack_plain_##name (const guint8 *bytes, gsize n, gint8 *codes) { unpack_plain (bytes, n, codes); }        \
  target static void pack_quarters_##name (const gint8 *const codes[4], gint first_shift, gint step, gsize n, guint8 *out)       \
  {                                                                                                                              \
    pack_quarters (codes, first_shift, step, n, out);                                                                            \
  }                                                                                                                              \
  target static void unpack_quarter_##name (const guint8 *bytes, gint shift, gsize n, gint8 *codes)                              \
  {                                                                                                                              \
    unpack_quarter (bytes, shift, n, codes);                                                                                     \
  }                                                                                                                              \
  static const Variant name##_variant = {has_invalid_##name, pack_plain_##name, unpack_plain_##name, pack_quarters_##name,       \
                                         unpack_quarter_##name};

DEFINE_VARIANT (portable, )
#if TN_LANES_X86
DEFINE_VARIANT (avx2, TN_LANES_AVX2)
#endif

static const Variant *
get_variant (void)
{
#if TN_LANES_X86
  if (tn_lanes_have_avx2 ())
    return &avx2_variant;
#endif
  return &portable_variant;
}

/* Makes 0 of what is no code; returns how many there were. */
static gsize
clean (const Variant *variant, gint8 *codes, gsize n)
{
  gsize invalid = 0;

  if (!variant->has_invalid (codes, n))
    return 0;
  for (gsize i = 0; i < n; i++)
    if (codes[i] < -1 || codes[i] > 1)
      {
        codes[i] = 0;
        invalid++;
      }
  return invalid;
}

/* The codes, or a clean copy of them. */
static const gint8 *
get_clean (const Variant *variant, const gint8 *codes, gsize n, gint8 *copy, gsize *invalid)
{
  if (!variant->has_invalid (codes, n))
    return codes;
  memcpy (copy, codes, n);
  *invalid += clean (variant, copy, n);
  return copy;
}

guint64
tn_pack_ternary2_bytes (guint64 n)
{
  return n / 4 + (n % 4 != 0);
}

gsize
tn_pack_ternary2 (const gint8 *codes, gsize n, guint8 *out)
{
  const Variant *variant = get_variant ();
  gsize invalid = 0;

  for (gsize start = 0; start < n; start += CHUNK)
    {
      gsize length = MIN (n - start, CHUNK);
      gint8 copy[CHUNK], last[4] = {0};
      const gint8 *chunk = get_clean (variant, codes + start, length, copy, &invalid);

      variant->pack_plain (chunk, length / 4, out + start / 4);
      if (length % 4 != 0)
        {
          memcpy (last, chunk + length / 4 * 4, length % 4);
          variant->pack_plain (last, 1, out + (start + length) / 4);
        }
    }
  return invalid;
}

gsize
tn_unpack_ternary2 (const guint8 *bytes, gsize first, gsize n, gint8 *codes)
{
  const Variant *variant = get_variant ();
  gsize invalid = 0;

  while (n > 0)
    {
      gsize length = first % 4 != 0 || n < 4 ? MIN (n, 4 - first % 4) : MIN (n / 4 * 4, CHUNK);
      gint8 four[4];

      if (length % 4 == 0)
        variant->unpack_plain (bytes + first / 4, length / 4, codes);
      else
        {
          variant->unpack_plain (bytes + first / 4, 1, four);
          memcpy (codes, four + first % 4, length);
        }
      invalid += clean (variant, codes, length);
      codes += length;
      first += length;
      n -= length;
    }
  return invalid;
}

guint64
tn_pack_ternary5_bytes (guint64 n)
{
  return n / DIGITS + (n % DIGITS != 0);
}

static inline guint8
pack_digits (const gint8 *codes)
{
  gint digits = (((codes[0] * 3 + codes[1]) * 3 + codes[2]) * 3 + codes[3]) * 3 + codes[4] + DIGIT_VALUES / 2;

  return (guint8) ((digits * 256 + DIGIT_VALUES - 1) / DIGIT_VALUES);
}

gsize
tn_pack_ternary5 (const gint8 *codes, gsize n, guint8 *out)
{
  const Variant *variant = get_variant ();
  gsize invalid = 0;

  for (gsize start = 0; start < n; start += CHUNK)
    {
      gsize length = MIN (n - start, CHUNK), whole = length / DIGITS * DIGITS;
      gint8 copy[CHUNK], last[DIGITS] = {0};
      const gint8 *chunk = get_clean (variant, codes + start, length, copy, &invalid);

      for (gsize i = 0; i < whole; i += DIGITS)
        *out++ = pack_digits (chunk + i);
      if (whole < length)
        {
          memcpy (last, chunk + whole, length - whole);
          *out = pack_digits (last);
        }
    }
  return invalid;
}

typedef struct
{
  gint8 codes[8]; /* five, and room to copy a word */
} Digits;

/* Digits of every byte. */
static gpointer
make_digits (gpointer user_data)
{
  Digits *table = g_new0 (Digits, 256);

  for (gint byte = 0; byte < 256; byte++)
    {
      gint8 *codes = table[byte].codes;
      guint fraction = (guint) byte;

      for (guint i = 0; i < DIGITS; i++)
        {
          codes[i] = (gint8) ((gint) (fraction * 3 >> 8) - 1);
          fraction = fraction * 3 & 255;
        }
      if (pack_digits (codes) != byte)
        memset (codes, NO_CODE, DIGITS);
    }
  return table;
}

gsize
tn_unpack_ternary5 (const guint8 *bytes, gsize first, gsize n, gint8 *codes)
{
  static GOnce once = G_ONCE_INIT;
  const Digits *table = g_once (&once, make_digits, NULL);
  const Variant *variant = get_variant ();
  gsize invalid = 0;

  while (n > 0)
    {
      gsize skipped = first % DIGITS;
      gsize length = skipped != 0 || n < DIGITS ? MIN (n, DIGITS - skipped) : MIN (n / DIGITS * DIGITS, CHUNK);
      const guint8 *source = bytes + first / DIGITS;

      if (length < DIGITS)
        memcpy (codes, table[*source].codes + skipped, length);
      else
        for (gsize i = 0; i < length; i += DIGITS, source++)
          /* A whole word is faster than five bytes, where there is room for it. */
          memcpy (codes + i, table[*source].codes, i + sizeof (Digits) <= length ? sizeof (Digits) : DIGITS);
      invalid += clean (variant, codes, length);
      codes += length;
      first += length;
      n -= length;
    }
  return invalid;
}

guint64
tn_pack_bitnet_rows (guint64 rows)
{
  return rows / 4 + (rows % 4 != 0);
}

gboolean
tn_pack_bitnet_bytes (guint64 rows, guint64 columns, guint64 *bytes)
{
  return g_uint64_checked_mul (bytes, tn_pack_bitnet_rows (rows), columns);
}

gsize
tn_pack_bitnet (const gint8 *const codes[4], gsize n, guint8 *out)
{
  const Variant *variant = get_variant ();
  gsize invalid = 0;

  for (gsize start = 0; start < n; start += CHUNK / 4)
    {
      gsize length = MIN (n - start, CHUNK / 4);
      gint8 copies[4][CHUNK / 4];
      const gint8 *rows[4];

      for (guint k = 0; k < 4; k++)
        if (codes[k] != NULL)
          rows[k] = get_clean (variant, codes[k] + start, length, copies[k], &invalid);
        else
          rows[k] = memset (copies[k], -1, length);
      variant->pack_quarters (rows, 0, 2, length, out + start);
    }
  return invalid;
}

gsize
tn_unpack_bitnet (const guint8 *bytes, guint64 rows, guint64 columns, guint64 first, guint64 n, gint8 *codes)
{
  const Variant *variant = get_variant ();
  guint64 packed_rows = tn_pack_bitnet_rows (rows);
  gsize invalid = 0;

  while (n > 0)
    {
      guint64 row = first / columns, column = first % columns;
      gsize length = (gsize) MIN (MIN (n, columns - column), CHUNK);

      variant->unpack_quarter (bytes + row % packed_rows * columns + column, (gint) (2 * (row / packed_rows)), length, codes);
      invalid += clean (variant, codes, length);
      codes += length;
      first += length;
      n -= length;
    }
  return invalid;
}

gboolean
tn_pack_i2_s_bytes (guint64 n, guint block, guint64 *bytes)
{
  g_return_val_if_fail (block == TN_I2_S_BLOCK || block == TN_I2_S_BLOCK_ARM, FALSE);

  if (n % block != 0)
    return FALSE;
  *bytes = n / 4 + TN_I2_S_TAIL_BYTES;
  return TRUE;
}

gsize
tn_pack_i2_s (const gint8 *codes, gsize n, guint block, guint8 *out)
{
  const Variant *variant = get_variant ();
  gsize quarter = block / 4, invalid = 0;

  g_return_val_if_fail ((block == TN_I2_S_BLOCK || block == TN_I2_S_BLOCK_ARM) && n % block == 0, n);

  for (gsize start = 0; start < n; start += CHUNK)
    {
      gsize length = MIN (n - start, CHUNK);
      gint8 copy[CHUNK];
      const gint8 *chunk = get_clean (variant, codes + start, length, copy, &invalid);

      for (gsize i = 0; i < length; i += block)
        {
          const gint8 *const rows[] = {chunk + i, chunk + i + quarter, chunk + i + 2 * quarter, chunk + i + 3 * quarter};

          variant->pack_quarters (rows, 6, -2, quarter, out + (start + i) / 4);
        }
    }
  return invalid;
}

gsize
tn_unpack_i2_s (const guint8 *bytes, guint block, gsize first, gsize n, gint8 *codes)
{
  const Variant *variant = get_variant ();
  gsize quarter = block / 4, invalid = 0;

  while (n > 0)
    {
      gsize inside = first % block, length = MIN (n, quarter - inside % quarter);

      variant->unpack_quarter (bytes + (first - inside) / 4 + inside % quarter, (gint) (6 - 2 * (inside / quarter)), length,
                               codes);
      invalid += clean (variant, codes, length);
      codes += length;
      first += length;
      n -= length;
    }
  return invalid;
}

void
tn_pack_i2_s_tail (float scale, guint8 tail[TN_I2_S_TAIL_BYTES])
{
  memset (tail, 0, TN_I2_S_TAIL_BYTES);
  memcpy (tail, &scale, sizeof scale);
}

float
tn_unpack_i2_s_scale (const guint8 tail[TN_I2_S_TAIL_BYTES])
{
  float scale;

  memcpy (&scale, tail, sizeof scale);
  return scale;
}
