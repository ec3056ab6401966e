/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/provenance.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/files/file-identity.h"

#define MAX_TOLD 3

void
tn_provenance_add (GString *self, const char *name, const char *format, ...)
{
  g_autofree char *value = NULL, *escaped = NULL;
  va_list arguments;

  va_start (arguments, format);
  value = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  escaped = g_strescape (value, NULL);
  g_string_append_printf (self, "%s=%s\n", name, escaped);
}

gboolean
tn_provenance_add_files (GString *self, const char *name, GPtrArray *files, GError **error)
{
  for (guint i = 0; i < files->len; i++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s %u", name, i + 1);
      TnFileIdentity identity;

      if (!tn_file_identify (g_ptr_array_index (files, i), &identity, error))
        return FALSE;
      tn_provenance_add (self, numbered, "%016" PRIx64 " of %" PRIu64 " bytes", identity.hash, identity.bytes);
    }
  return TRUE;
}

/* name -> value; lines without one are passed over. */
static GHashTable *
parse (const char *text, GPtrArray *names)
{
  GHashTable *values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    {
      const char *sign = strchr (*line, '=');
      char *name;

      if (sign == NULL)
        continue;
      name = g_strndup (*line, (gsize) (sign - *line));
      g_ptr_array_add (names, g_strdup (name));
      g_hash_table_replace (values, name, g_strdup (sign + 1));
    }
  return values;
}

static void
tell (GString *text, guint n, const char *name, const char *was, const char *is)
{
  if (n >= MAX_TOLD)
    return;
  if (n > 0)
    g_string_append (text, ", ");
  if (is == NULL)
    g_string_append_printf (text, _ ("%s was %s and is not there"), name, was);
  else if (was == NULL)
    g_string_append_printf (text, _ ("%s was not there and is %s"), name, is);
  else
    g_string_append_printf (text, _ ("%s was %s and is %s"), name, was, is);
}

char *
tn_provenance_compare (const char *earlier, const char *now, guint *n)
{
  g_autoptr (GPtrArray) old_names = g_ptr_array_new_with_free_func (g_free), names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) old_values = parse (earlier, old_names), values = parse (now, names);
  GString *text;
  guint found = 0;

  if (n != NULL)
    *n = 0;
  if (strcmp (earlier, now) == 0)
    return NULL;
  text = g_string_new (NULL);
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i), *was = g_hash_table_lookup (old_values, name);
      const char *is = g_hash_table_lookup (values, name);

      if (g_strcmp0 (was, is) != 0)
        tell (text, found++, name, was, is);
    }
  for (guint i = 0; i < old_names->len; i++)
    {
      const char *name = g_ptr_array_index (old_names, i);

      if (!g_hash_table_contains (values, name))
        tell (text, found++, name, g_hash_table_lookup (old_values, name), NULL);
    }
  if (found > MAX_TOLD)
    g_string_append_printf (text, ngettext (", and %u more", ", and %u more", found - MAX_TOLD), found - MAX_TOLD);
  if (n != NULL)
    *n = MAX (found, 1);
  return g_string_free (text, FALSE);
}
