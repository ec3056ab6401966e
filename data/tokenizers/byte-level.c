/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/byte-level.h"

#include "data/tokenizers/utf8.h"

/* The bytes that are not printable: 0-32, 127-160 and 173. */
#define N_LOW 33
#define N_MIDDLE 34
#define N_SPELLED 68

gunichar
tn_byte_level_character (guint8 byte)
{
  if (byte < N_LOW)
    return 0x100u + byte;
  if (byte >= 127 && byte <= 160)
    return 0x100u + N_LOW + byte - 127u;
  return byte == 173 ? 0x100u + N_LOW + N_MIDDLE : byte;
}

gint
tn_byte_level_byte (gunichar c)
{
  if (c < 0x100)
    return tn_byte_level_character ((guint8) c) == c ? (gint) c : -1;
  if (c >= 0x100u + N_SPELLED)
    return -1;
  c -= 0x100u;
  return c < N_LOW ? (gint) c : c < N_LOW + N_MIDDLE ? (gint) c - N_LOW + 127 : 173;
}

gboolean
tn_byte_level_decode (const char *piece, gsize bytes, GString *out)
{
  gsize before = out->len;

  if (tn_utf8_valid_prefix (piece, bytes) != bytes)
    return FALSE;
  for (gsize i = 0; i < bytes; i += tn_utf8_length ((guint8) piece[i]))
    {
      gint byte = tn_byte_level_byte (g_utf8_get_char (piece + i));

      if (byte < 0)
        {
          g_string_truncate (out, before);
          return FALSE;
        }
      g_string_append_c (out, (char) byte);
    }
  return TRUE;
}
