/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/quote.h"

#include <string.h>

#define LONGEST 64

char *
tn_quote_bytes (const void *data, gsize bytes)
{
  GString *quoted = g_string_new ("\"");
  const char *text = data;
  gsize i = 0;

  while (i < bytes && i < LONGEST)
    {
      gunichar character = g_utf8_get_char_validated (text + i, (gssize) MIN (bytes - i, 6));

      if (character == (gunichar) -1 || character == (gunichar) -2 || !g_unichar_isprint (character))
        {
          g_string_append_printf (quoted, "\\x%02x", (guint8) text[i]);
          i++;
        }
      else
        {
          g_string_append_unichar (quoted, character);
          i += (gsize) g_unichar_to_utf8 (character, NULL);
        }
    }
  g_string_append (quoted, i < bytes ? "…\"" : "\"");
  return g_string_free (quoted, FALSE);
}

char *
tn_quote_string (const char *text)
{
  return tn_quote_bytes (text, strlen (text));
}
