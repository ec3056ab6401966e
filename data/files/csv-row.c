/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/csv-row.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define INSIDE_QUOTES 1U

gsize
tn_csv_find_row_end (const char *text, gsize from, gsize bytes, guint *state)
{
  /* A doubled quote closes and opens again. */
  while (from < bytes)
    {
      const char *quote = memchr (text + from, '"', bytes - from);
      gsize end = quote != NULL ? (gsize) (quote - text) : bytes;

      if (!(*state & INSIDE_QUOTES))
        {
          const char *line = memchr (text + from, '\n', end - from);

          if (line != NULL)
            return (gsize) (line - text) + 1;
        }
      if (quote != NULL)
        *state ^= INSIDE_QUOTES;
      from = end + 1;
    }
  return 0;
}

static gboolean
parse_quoted (const char *text, gsize bytes, gsize *place, GString *field)
{
  for (gsize i = *place + 1; i < bytes;)
    {
      const char *quote = memchr (text + i, '"', bytes - i);
      gsize end;

      if (quote == NULL)
        return FALSE;
      end = (gsize) (quote - text);
      g_string_append_len (field, text + i, (gssize) (end - i));
      i = end + 1;
      if (i == bytes || text[i] != '"')
        {
          *place = i;
          return TRUE;
        }
      g_string_append_c (field, '"');
      i++;
    }
  return FALSE;
}

GPtrArray *
tn_csv_parse_row (const char *text, gsize bytes, gsize *place, const char **expected)
{
  g_autoptr (GPtrArray) fields = g_ptr_array_new_with_free_func (g_free);

  if (bytes > 0 && text[bytes - 1] == '\n')
    bytes--;
  if (bytes > 0 && text[bytes - 1] == '\r')
    bytes--;
  for (gsize i = 0;; i++)
    {
      g_autoptr (GString) field = g_string_new (NULL);

      *place = i;
      if (i < bytes && text[i] == '"')
        {
          if (!parse_quoted (text, bytes, &i, field))
            {
              *expected = _ ("a closing quote");
              return NULL;
            }
        }
      else
        for (; i < bytes && text[i] != ','; i++)
          {
            if (text[i] == '"')
              {
                *place = i;
                *expected = _ ("a field that is quoted as a whole");
                return NULL;
              }
            g_string_append_c (field, text[i]);
          }
      g_ptr_array_add (fields, g_string_free (g_steal_pointer (&field), FALSE));
      if (i == bytes)
        return g_steal_pointer (&fields);
      if (text[i] != ',')
        {
          *place = i;
          *expected = _ ("a comma or the end of the row");
          return NULL;
        }
    }
}

void
tn_csv_append_field (GString *row, const char *field)
{
  if (strpbrk (field, ",\"\r\n") == NULL)
    {
      g_string_append (row, field);
      return;
    }
  g_string_append_c (row, '"');
  for (; *field != '\0'; field++)
    {
      if (*field == '"')
        g_string_append_c (row, '"');
      g_string_append_c (row, *field);
    }
  g_string_append_c (row, '"');
}
