/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-packing.h"

#include <string.h>

#define MORE 0x80

void
tn_pack_number (GByteArray *bytes, guint64 number)
{
  guint8 buffer[10];
  guint n = 0;

  for (; number >= MORE; number >>= 7)
    buffer[n++] = (guint8) (number | MORE);
  buffer[n++] = (guint8) number;
  g_byte_array_append (bytes, buffer, n);
}

gboolean
tn_unpack_number (TnUnpacker *self, guint64 max, guint64 *number)
{
  guint64 value = 0;

  for (guint shift = 0; self->at < self->end && shift < 64; shift += 7)
    {
      guint64 byte = *self->at++, part = byte & (MORE - 1);

      if (part << shift >> shift != part)
        return FALSE;
      value |= part << shift;
      if (byte & MORE)
        continue;
      *number = value;
      /* A last byte of zero would not have been needed. */
      return value <= max && (byte != 0 || shift == 0);
    }
  return FALSE;
}

static guint8
byte_of (const guint64 *limbs, guint index)
{
  return (guint8) (limbs[index / 8] >> index % 8 * 8);
}

guint
tn_packed_bytes (const guint64 *limbs, guint n_limbs)
{
  guint8 sign = limbs[n_limbs - 1] >> 63 ? 0xff : 0;
  guint n = 8 * n_limbs;

  while (n > 0 && byte_of (limbs, n - 1) == sign)
    n--;
  /* A byte more where the highest bit would say another sign, or nothing would say that it is negative. */
  if (n == 0 ? sign != 0 : (byte_of (limbs, n - 1) & 0x80) != (sign & 0x80))
    n++;
  return n;
}

void
tn_pack_integer (GByteArray *bytes, const guint64 *limbs, guint n_limbs)
{
  guint8 n = (guint8) tn_packed_bytes (limbs, n_limbs);

  g_byte_array_append (bytes, &n, 1);
  for (guint i = 0; i < n; i++)
    {
      guint8 byte = byte_of (limbs, i);

      g_byte_array_append (bytes, &byte, 1);
    }
}

gboolean
tn_unpack_integer (TnUnpacker *self, guint64 *limbs, guint n_limbs)
{
  guint n;
  guint64 fill;

  if (self->at == self->end || (n = *self->at++) > 8 * n_limbs || n > (gsize) (self->end - self->at))
    return FALSE;
  fill = n > 0 && self->at[n - 1] & 0x80 ? G_MAXUINT64 : 0;
  for (guint i = 0; i < n_limbs; i++)
    limbs[i] = fill;
  for (guint i = 0; i < n; i++)
    {
      guint shift = i % 8 * 8;

      limbs[i / 8] = (limbs[i / 8] & ~((guint64) 0xff << shift)) | (guint64) self->at[i] << shift;
    }
  self->at += n;
  return tn_packed_bytes (limbs, n_limbs) == n;
}

void
tn_pack_float (GByteArray *bytes, float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  bits = GUINT32_TO_LE (bits);
  g_byte_array_append (bytes, (const guint8 *) &bits, sizeof bits);
}

gboolean
tn_unpack_float (TnUnpacker *self, float *value)
{
  guint32 bits;

  if ((gsize) (self->end - self->at) < sizeof bits)
    return FALSE;
  memcpy (&bits, self->at, sizeof bits);
  self->at += sizeof bits;
  bits = GUINT32_FROM_LE (bits);
  memcpy (value, &bits, sizeof bits);
  return TRUE;
}

/* The end of the run that begins at bin, and its first bin: the next that is occupied. */
static guint
find_run (guint *bin, guint n_bins, TnBinCountFunc count, gconstpointer user_data)
{
  guint end;

  while (*bin < n_bins && count (user_data, *bin) == 0)
    (*bin)++;
  for (end = *bin; end < n_bins && count (user_data, end) > 0;)
    end++;
  return end;
}

/* A difference modulo 2^64 as a number that is small when its magnitude is: 0, -1, 1, -2, … are 0, 1, 2, 3, … */
static guint64
zigzag (guint64 difference)
{
  return difference << 1 ^ -(difference >> 63);
}

static guint64
unzigzag (guint64 number)
{
  return number >> 1 ^ -(number & 1);
}

void
tn_pack_bins (GByteArray *bytes, guint n_bins, TnBinCountFunc count, gconstpointer user_data)
{
  guint n_runs = 0, previous = 0;

  for (guint bin = 0, end; (end = find_run (&bin, n_bins, count, user_data)) > bin; bin = end)
    n_runs++;
  tn_pack_number (bytes, n_runs);
  for (guint bin = 0, end; (end = find_run (&bin, n_bins, count, user_data)) > bin; bin = previous = end)
    {
      tn_pack_number (bytes, bin - previous);
      tn_pack_number (bytes, end - bin);
      for (guint64 i = bin, last = 0; i < end; i++)
        {
          guint64 next = count (user_data, (guint) i);

          tn_pack_number (bytes, zigzag (next - last));
          last = next;
        }
    }
}

gboolean
tn_unpack_bins (TnUnpacker *self, guint n_bins, guint64 max_count, TnBinFunc func, gpointer user_data)
{
  guint64 n_runs, gap, length, difference;
  guint bin = 0;

  if (!tn_unpack_number (self, n_bins, &n_runs))
    return FALSE;
  for (guint64 run = 0; run < n_runs; run++)
    {
      if (!tn_unpack_number (self, n_bins - bin, &gap) || (run > 0 && gap == 0))
        return FALSE;
      bin += (guint) gap;
      if (!tn_unpack_number (self, n_bins - bin, &length) || length == 0)
        return FALSE;
      for (guint64 count = 0; length > 0; length--)
        {
          if (!tn_unpack_number (self, G_MAXUINT64, &difference))
            return FALSE;
          count += unzigzag (difference);
          if (count == 0 || count > max_count)
            return FALSE;
          func (bin++, count, user_data);
        }
    }
  return TRUE;
}
