/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/quant/packing.h"
#include "engine/tensor/lanes.h"

/* Eight codes fill bits bytes. */
#define EIGHT 8
/* So many codes are packed while they are in the cache. */
#define CHUNK 4096

gboolean
tn_pack_bits_bytes (guint bits, guint64 rows, guint64 columns, guint64 *bytes)
{
  guint64 row_bits;

  g_return_val_if_fail (bits >= 1 && bits <= 8, FALSE);

  return g_uint64_checked_mul (&row_bits, columns, bits) &&
         g_uint64_checked_mul (bytes, rows, row_bits / 8 + (row_bits % 8 != 0));
}

gsize
tn_pack_bits_row_bytes (guint bits, gsize columns)
{
  return columns / EIGHT * bits + (columns % EIGHT * bits + 7) / 8;
}

/* What stands for a code; one bit has no 0. */
TN_LANES_INLINE guint
to_pattern (guint bits, gint code)
{
  return bits == 1 ? code > 0 : (guint) (code + (1 << (bits - 1))) & ((1u << bits) - 1);
}

TN_LANES_INLINE gint8
from_pattern (guint bits, guint pattern)
{
  return (gint8) (bits == 1 ? 2 * (gint) pattern - 1 : (gint) pattern - (1 << (bits - 1)));
}

/* n a multiple of eight. Whole words are moved where a row has room for them: much faster than a few bytes of them. */
TN_LANES_INLINE void
pack_eights (guint bits, const gint8 *codes, gsize n, guint8 *out)
{
  guint8 *end = out + n / EIGHT * bits;

  for (gsize i = 0; i < n; i += EIGHT, out += bits)
    {
      guint64 word = 0;

      for (guint j = 0; j < EIGHT; j++)
        word |= (guint64) to_pattern (bits, codes[i + j]) << bits * j;
      word = GUINT64_TO_LE (word);
      if (G_LIKELY (end - out >= (gssize) sizeof word))
        memcpy (out, &word, sizeof word);
      else
        memcpy (out, &word, bits);
    }
}

TN_LANES_INLINE void
unpack_eights (guint bits, const guint8 *bytes, gsize n, gint8 *codes)
{
  const guint8 *end = bytes + n / EIGHT * bits;

  for (gsize i = 0; i < n; i += EIGHT, bytes += bits)
    {
      guint64 word = 0;

      if (G_LIKELY (end - bytes >= (gssize) sizeof word))
        memcpy (&word, bytes, sizeof word);
      else
        memcpy (&word, bytes, bits);
      word = GUINT64_FROM_LE (word);
      for (guint j = 0; j < EIGHT; j++)
        codes[i + j] = from_pattern (bits, (guint) (word >> bits * j) & ((1u << bits) - 1));
    }
}

/* With the number of bits known to the compiler. */
#define FOR_BITS(bits, function, ...)                                                                                            \
  switch (bits)                                                                                                                  \
    {                                                                                                                            \
    case 1:                                                                                                                      \
      function (1, __VA_ARGS__);                                                                                                 \
      break;                                                                                                                     \
    case 2:                                                                                                                      \
      function (2, __VA_ARGS__);                                                                                                 \
      break;                                                                                                                     \
    case 3:                                                                                                                      \
      function (3, __VA_ARGS__);                                                                                                 \
      break;                                                                                                                     \
    case 4:                                                                                                                      \
      function (4, __VA_ARGS__);                                                                                                 \
      break;                                                                                                                     \
    case 5:                                                                                                                      \
      function (5, __VA_ARGS__);                                                                                                 \
      break;                                                                                                                     \
    case 6:                                                                                                                      \
      function (6, __VA_ARGS__);                                                                                                 \
      break;                                                                                                                     \
    case 7:                                                                                                                      \
      function (7, __VA_ARGS__);                                                                                                 \
      break;                                                                                                                     \
    default:                                                                                                                     \
      function (8, __VA_ARGS__);                                                                                                 \
    }

static void
pack_words (guint bits, const gint8 *codes, gsize n, guint8 *out)
{
  FOR_BITS (bits, pack_eights, codes, n, out)
}

static void
unpack_words (guint bits, const guint8 *bytes, gsize n, gint8 *codes)
{
  FOR_BITS (bits, unpack_eights, bytes, n, codes)
}

typedef struct
{
  gint low, high;
} Range;

static Range
get_range (guint bits)
{
  return bits == 1 ? (Range){-1, 1} : (Range){-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
}

static gboolean
is_valid (guint bits, Range range, gint code)
{
  return code >= range.low && code <= range.high && (bits > 1 || code != 0);
}

static gsize
count_invalid (guint bits, const gint8 *codes, gsize n)
{
  Range range = get_range (bits);
  gint8 low = (gint8) range.low, high = (gint8) range.high;
  guint8 outside = 0;
  gsize invalid = 0;

  for (gsize i = 0; i < n; i++)
    outside |= (guint8) ((codes[i] < low) | (codes[i] > high) | ((codes[i] == 0) & (bits == 1)));
  if (outside != 0)
    for (gsize i = 0; i < n; i++)
      invalid += !is_valid (bits, range, codes[i]);
  return invalid;
}

gsize
tn_pack_bits (guint bits, const gint8 *codes, gsize columns, guint8 *out)
{
  gsize invalid = 0;

  g_return_val_if_fail (bits >= 1 && bits <= 8, columns);

  for (gsize start = 0; start < columns; start += CHUNK)
    {
      gsize length = MIN (columns - start, CHUNK), whole = length / EIGHT * EIGHT;
      gsize found = count_invalid (bits, codes + start, length);
      const gint8 *chunk = codes + start;
      gint8 copy[CHUNK];

      if (found > 0)
        {
          for (gsize i = 0; i < length; i++)
            copy[i] = (gint8) (is_valid (bits, get_range (bits), chunk[i]) ? chunk[i] : 0);
          chunk = copy;
          invalid += found;
        }
      pack_words (bits, chunk, whole, out);
      out += whole / EIGHT * bits;
      if (whole < length)
        {
          gsize rest = length - whole;
          guint64 word = 0;

          for (gsize j = 0; j < rest; j++)
            word |= (guint64) to_pattern (bits, chunk[whole + j]) << bits * j;
          word = GUINT64_TO_LE (word);
          memcpy (out, &word, (rest * bits + 7) / 8);
        }
    }
  return invalid;
}

void
tn_unpack_bits (guint bits, const guint8 *bytes, gsize first, gsize n, gint8 *codes)
{
  g_return_if_fail (bits >= 1 && bits <= 8);

  while (n > 0)
    {
      gsize skipped = first % EIGHT, length = skipped != 0 || n < EIGHT ? MIN (n, EIGHT - skipped) : n / EIGHT * EIGHT;
      const guint8 *source = bytes + first / EIGHT * bits;

      if (length % EIGHT == 0)
        unpack_words (bits, source, length, codes);
      else
        {
          /* The row may end in the middle of eight. */
          gsize end = skipped + length;
          guint64 word = 0;

          memcpy (&word, source, (end * bits + 7) / 8);
          word = GUINT64_FROM_LE (word);
          for (gsize j = skipped; j < end; j++)
            codes[j - skipped] = from_pattern (bits, (guint) (word >> bits * j) & ((1u << bits) - 1));
        }
      codes += length;
      first += length;
      n -= length;
    }
}

TN_LANES_INLINE gsize
narrow (const gint16 *codes, gsize n, gint offset, gint8 *out)
{
  gsize outside = 0;

  for (gsize i = 0; i < n; i++)
    {
      gint code = codes[i] + offset;

      outside += code < G_MININT8 || code > G_MAXINT8;
      out[i] = (gint8) code;
    }
  return outside;
}

#if TN_LANES_X86
TN_LANES_AVX2 static gsize
narrow_avx2 (const gint16 *codes, gsize n, gint offset, gint8 *out)
{
  return narrow (codes, n, offset, out);
}
#else
#define narrow_avx2 narrow
#endif

gsize
tn_codes_narrow (const gint16 *codes, gsize n, gint offset, gint8 *out)
{
  return tn_lanes_have_avx2 () ? narrow_avx2 (codes, n, offset, out) : narrow (codes, n, offset, out);
}
