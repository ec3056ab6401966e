/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/utf8.h"

#include <string.h>

#define HIGH_BITS G_GUINT64_CONSTANT (0x8080808080808080)

static gsize
skip_ascii (const guint8 *text, gsize i, gsize bytes)
{
  for (; i + 64 <= bytes; i += 64)
    {
      guint64 words[8], any = 0;

      memcpy (words, text + i, 64);
      for (guint k = 0; k < 8; k++)
        any |= words[k];
      if (any & HIGH_BITS)
        break;
    }
  while (i < bytes && text[i] < 0x80)
    i++;
  return i;
}

gsize
tn_utf8_valid_prefix (const char *text, gsize bytes)
{
  const guint8 *s = (const guint8 *) text;
  gsize i = 0;

  for (;;)
    {
      guint8 lowest = 0x80, highest = 0xbf;
      guint length;

      if (i < bytes && s[i] < 0x80)
        i = skip_ascii (s, i, bytes);
      if (i >= bytes)
        return i;
      if (s[i] < 0xc2 || s[i] > 0xf4)
        return i;
      length = tn_utf8_length (s[i]);
      if (bytes - i < length)
        return i;
      if (s[i] == 0xe0)
        lowest = 0xa0; /* below: overlong */
      else if (s[i] == 0xed)
        highest = 0x9f; /* above: surrogates */
      else if (s[i] == 0xf0)
        lowest = 0x90;
      else if (s[i] == 0xf4)
        highest = 0x8f;
      if (s[i + 1] < lowest || s[i + 1] > highest)
        return i;
      for (guint k = 2; k < length; k++)
        if (!tn_utf8_is_tail (s[i + k]))
          return i;
      i += length;
    }
}
