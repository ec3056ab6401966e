/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/option-table.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/option-values.h"
#include "engine/error.h"
#include "engine/number-text.h"
#include "engine/nn/site.h"

#define MAX_CONFIG_BYTES ((gsize) 1 << 20)

static gpointer
field_of (gpointer options, const TnOptionEntry *entry)
{
  return G_STRUCT_MEMBER_P (options, entry->offset);
}

static const TnOptionEntry *
find_entry (const TnOptionTable *self, const char *name)
{
  for (guint i = 0; i < self->n; i++)
    if (strcmp (self->entries[i].option.name, name) == 0)
      return &self->entries[i];
  return NULL;
}

const TnOption *
tn_option_table_get (const TnOptionTable *self, guint index)
{
  return index < self->n ? &self->entries[index].option : NULL;
}

void
tn_option_table_own_fields (const TnOptionTable *self, gpointer options)
{
  for (guint i = 0; i < self->n; i++)
    {
      gpointer field = field_of (options, &self->entries[i]);
      TnOptionKind kind = self->entries[i].kind;

      if (kind == TN_OPTION_TEXT || kind == TN_OPTION_NAME)
        *(char **) field = g_strdup (*(char **) field);
      else if (kind == TN_OPTION_LIST)
        *(char ***) field = g_strdupv (*(char ***) field);
      else if (kind == TN_OPTION_PERCENTILES)
        *(GArray **) field = g_array_copy (*(GArray **) field);
    }
}

void
tn_option_table_free_fields (const TnOptionTable *self, gpointer options)
{
  for (guint i = 0; i < self->n; i++)
    {
      gpointer field = field_of (options, &self->entries[i]);
      TnOptionKind kind = self->entries[i].kind;

      if (kind == TN_OPTION_TEXT || kind == TN_OPTION_NAME)
        g_free (*(char **) field);
      else if (kind == TN_OPTION_LIST)
        g_strfreev (*(char ***) field);
      else if (kind == TN_OPTION_PERCENTILES)
        g_array_unref (*(GArray **) field);
    }
}

static gboolean
set_text (char **field, const char *origin, const char *text, GError **error)
{
  if (text[0] == '\0')
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: the value is empty"), origin);
      return FALSE;
    }
  g_free (*field);
  *field = g_strdup (text);
  return TRUE;
}

static gboolean
set_list (char ***field, const char *origin, const char *const *values, GError **error)
{
  gboolean empty = values[0] == NULL;

  for (guint i = 0; values[i] != NULL; i++)
    empty |= values[i][0] == '\0';
  if (empty)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: the value is empty"), origin);
      return FALSE;
    }
  g_strfreev (*field);
  *field = g_strdupv ((char **) values);
  return TRUE;
}

static gboolean
set_field (gpointer options, const TnOptionEntry *entry, const char *origin, const char *const *values, GError **error)
{
  gpointer field = field_of (options, entry);
  const char *text = values[0];
  guint64 number = 0;
  guint choice = 0;

  switch (entry->kind)
    {
    case TN_OPTION_TEXT:
      return set_text (field, origin, text, error);
    case TN_OPTION_LIST:
      return set_list (field, origin, values, error);
    case TN_OPTION_COUNT:
      if (!tn_option_parse_count (origin, text, (guint64) entry->least, (guint64) entry->most, &number, error))
        return FALSE;
      *(guint *) field = (guint) number;
      return TRUE;
    case TN_OPTION_COUNT64:
      return tn_option_parse_count (origin, text, (guint64) entry->least, (guint64) entry->most, field, error);
    case TN_OPTION_SWITCH:
      return tn_option_parse_switch (origin, text, field, error);
    case TN_OPTION_OWN:
      if (entry->set (options, entry->option.name, text, error))
        return TRUE;
      g_prefix_error (error, "%s: ", origin);
      return FALSE;
    case TN_OPTION_SEED:
      return tn_option_parse_seed (origin, text, field, error);
    case TN_OPTION_NUMBER:
      return tn_option_parse_number (origin, text, entry->least, entry->most, entry->open, field, error);
    case TN_OPTION_SIZE:
      return tn_option_parse_size (origin, text, field, error);
    case TN_OPTION_DURATION:
      return tn_option_parse_duration (origin, text, field, error);
    case TN_OPTION_CHOICE:
      if (!tn_option_parse_choice (origin, text, entry->choices, &choice, error))
        return FALSE;
      *(int *) field = (int) choice;
      return TRUE;
    case TN_OPTION_NAME:
      if (!tn_option_parse_choice (origin, text, entry->choices, &choice, error))
        return FALSE;
      g_clear_pointer ((char **) field, g_free);
      *(char **) field = strcmp (text, TN_OPTION_AUTOMATIC) != 0 ? g_strdup (text) : NULL;
      return TRUE;
    case TN_OPTION_SHARD:
      return tn_option_parse_shard (origin, text, (guint *) field, (guint *) field + 1, error);
    case TN_OPTION_SITES:
      if (tn_site_kinds_parse (text, field, error))
        return TRUE;
      g_prefix_error (error, "%s: ", origin);
      return FALSE;
    case TN_OPTION_PERCENTILES:
    default:
      return tn_option_parse_percentiles (origin, text, field, error);
    }
}

static guint64 *
given_word (const TnOptionTable *self, gpointer options, const TnOptionEntry *entry, guint64 *bit)
{
  gsize index = (gsize) (entry - self->entries);

  *bit = G_GUINT64_CONSTANT (1) << index % 64;
  return (guint64 *) G_STRUCT_MEMBER_P (options, self->given_offset) + index / 64;
}

gboolean
tn_option_table_is_given (const TnOptionTable *self, gconstpointer options, const char *name)
{
  guint64 bit;

  return (*given_word (self, (gpointer) options, find_entry (self, name), &bit) & bit) != 0;
}

gboolean
tn_option_table_set (const TnOptionTable *self, gpointer options, const char *origin, const char *name, const char *const *values,
                     GError **error)
{
  const TnOptionEntry *entry = find_entry (self, name);
  guint64 bit, *word;

  g_return_val_if_fail (entry != NULL && self->n <= 64 * TN_OPTION_GIVEN_WORDS, FALSE);
  if (!set_field (options, entry, origin, values, error))
    return FALSE;
  word = given_word (self, options, entry, &bit);
  *word |= bit;
  if (self->was_set != NULL)
    self->was_set (options, name);
  return TRUE;
}

static void
set_unknown_group (const TnOptionTable *self, const char *place, const char *group, GError **error)
{
  g_autoptr (GString) groups = g_string_new (NULL);

  for (guint i = 0; i < self->n; i++)
    if (i == 0 || strcmp (self->entries[i].option.group, self->entries[i - 1].option.group) != 0)
      g_string_append_printf (groups, i == 0 ? "[%s]" : ", [%s]", self->entries[i].option.group);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: there is no group [%s]; expected one of %s"), place, group,
               groups->str);
}

/* Changes of one letter each that make b of a. Source: Wagner, Fischer, The String-to-String Correction Problem, 1974. */
static guint
edit_distance (const char *a, const char *b)
{
  gsize n = strlen (b);
  g_autofree guint *row = g_new (guint, n + 1);

  for (gsize k = 0; k <= n; k++)
    row[k] = (guint) k;
  for (gsize i = 0; a[i] != '\0'; i++)
    {
      guint diagonal = row[0];

      row[0] = (guint) i + 1;
      for (gsize k = 1; k <= n; k++)
        {
          guint changed = diagonal + (a[i] != b[k - 1]), shorter = MIN (row[k], row[k - 1]) + 1;

          diagonal = row[k];
          row[k] = MIN (changed, shorter);
        }
    }
  return row[n];
}

static void
set_unknown_key (const TnOptionTable *self, const char *place, const char *group, const char *key, GError **error)
{
  const TnOptionEntry *nearest = NULL;
  guint least = 4;

  for (guint i = 0; i < self->n && strlen (key) < 64; i++)
    {
      guint distance = edit_distance (key, self->entries[i].option.name);

      if (distance < least && distance < strlen (key))
        {
          least = distance;
          nearest = &self->entries[i];
        }
    }
  if (nearest != NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: group [%s] has no key “%s”; is “%s” of [%s] meant?"), place, group,
                 key, nearest->option.name, nearest->option.group);
  else
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: group [%s] has no key “%s”"), place, group, key);
}

/* A line of a key file as GKeyFile understands it, which does not tell where it found what. */
static gboolean
read_line (const TnOptionTable *self, gpointer options, GKeyFile *file, const char *place, char *line, char **group,
           GHashTable *seen, GError **error)
{
  g_auto (GStrv) values = NULL;
  g_autofree char *origin = NULL;
  char *equals = strchr (line, '=');
  const TnOptionEntry *entry = NULL;
  gboolean known = FALSE;
  GError *local = NULL;
  gsize length = strlen (line);

  if (line[0] == '[' && line[length - 1] == ']')
    {
      g_free (*group);
      *group = g_strndup (line + 1, length - 2);
      for (guint i = 0; i < self->n; i++)
        known |= strcmp (self->entries[i].option.group, *group) == 0;
      if (!known)
        set_unknown_group (self, place, *group, error);
      return known;
    }
  if (equals == NULL || *group == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   equals == NULL ? _ ("%s: “%s” is neither a [group], a key = value nor a # comment")
                                  : _ ("%s: “%s” stands in front of the first [group]"),
                   place, line);
      return FALSE;
    }
  *equals = '\0';
  g_strchomp (line);
  entry = find_entry (self, line);
  if (entry == NULL || strcmp (entry->option.group, *group) != 0)
    {
      if (entry == NULL)
        set_unknown_key (self, place, *group, line, error);
      else
        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: key “%s” stands in group [%s]; it belongs into [%s]"), place,
                     line, *group, entry->option.group);
      return FALSE;
    }
  if (!g_hash_table_add (seen, (gpointer) entry))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: key “%s” is there twice"), place, line);
      return FALSE;
    }
  origin = g_strdup_printf ("%s: %s", place, line);
  if (entry->option.list)
    values = g_key_file_get_string_list (file, *group, line, NULL, &local);
  else
    {
      values = g_new0 (char *, 2);
      values[0] = g_key_file_get_string (file, *group, line, &local);
    }
  if (local != NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "%s: %s", origin, local->message);
      g_error_free (local);
      return FALSE;
    }
  return tn_option_table_set (self, options, origin, line, (const char *const *) values, error);
}

gboolean
tn_option_table_load_text (const TnOptionTable *self, gpointer options, const char *origin, const char *text, gsize bytes,
                           GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autofree char *group = NULL;
  g_auto (GStrv) lines = NULL;
  GError *local = NULL;

  if (bytes > MAX_CONFIG_BYTES || memchr (text, '\0', bytes) != NULL || !g_utf8_validate (text, (gssize) bytes, NULL))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("%s: is no configuration: expected a key file in UTF-8 of at most 1 MiB"), origin);
      return FALSE;
    }
  /* The lines are looked at first: they can say where something is wrong. What they let through, such as a group's name with a
   * control character, is refused by GKeyFile. */
  g_key_file_load_from_data (file, text, bytes, G_KEY_FILE_NONE, &local);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *place = g_strdup_printf ("%s:%u", origin, i + 1);

      g_strstrip (lines[i]);
      if (lines[i][0] != '\0' && lines[i][0] != '#' && !read_line (self, options, file, place, lines[i], &group, seen, error))
        {
          g_clear_error (&local);
          return FALSE;
        }
    }
  if (local == NULL)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "%s: %s", origin, local->message);
  g_error_free (local);
  return FALSE;
}

gboolean
tn_option_table_load (const TnOptionTable *self, gpointer options, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize bytes;

  return g_file_get_contents (path, &text, &bytes, error) && tn_option_table_load_text (self, options, path, text, bytes, error);
}

static void
print_number (GString *text, double value)
{
  g_autofree char *number = tn_number_to_text (value);

  g_string_append (text, number);
}

static void
print_sites (GString *text, TnSiteKind kinds)
{
  static const char *const names[] = {"in", "out", "residual", "logits"};
  gsize first = text->len;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (kinds & (TnSiteKind) (1U << i))
      g_string_append_printf (text, "%s%s", text->len > first ? "," : "", names[i]);
}

/* The value as set_field() reads it; nothing for what is not set. */
static void
print_field (GString *text, gconstpointer options, const TnOptionEntry *entry)
{
  gconstpointer field = field_of ((gpointer) options, entry);

  switch (entry->kind)
    {
    case TN_OPTION_TEXT:
    case TN_OPTION_NAME:
      g_string_append (text, *(char *const *) field != NULL ? *(char *const *) field : "");
      break;
    case TN_OPTION_COUNT:
      g_string_append_printf (text, "%u", *(const guint *) field);
      break;
    case TN_OPTION_SWITCH:
      g_string_append (text, *(const gboolean *) field ? "true" : "false");
      break;
    case TN_OPTION_OWN:
      {
        g_autofree char *own = entry->print (options, entry->option.name);

        g_string_append (text, own != NULL ? own : "");
        break;
      }
    case TN_OPTION_COUNT64:
    case TN_OPTION_SEED:
      g_string_append_printf (text, "%" PRIu64, *(const guint64 *) field);
      break;
    case TN_OPTION_SIZE:
      if (*(const guint64 *) field > 0)
        g_string_append_printf (text, "%" PRIu64, *(const guint64 *) field);
      break;
    case TN_OPTION_NUMBER:
    case TN_OPTION_DURATION:
      print_number (text, *(const double *) field);
      break;
    case TN_OPTION_CHOICE:
      g_string_append (text, entry->choices[*(const int *) field]);
      break;
    case TN_OPTION_SHARD:
      g_string_append_printf (text, "%u/%u", ((const guint *) field)[0], ((const guint *) field)[1]);
      break;
    case TN_OPTION_SITES:
      print_sites (text, *(const TnSiteKind *) field);
      break;
    case TN_OPTION_PERCENTILES:
      {
        const GArray *percentiles = *(GArray *const *) field;

        for (guint i = 0; i < percentiles->len; i++)
          {
            g_string_append (text, i > 0 ? "," : "");
            print_number (text, g_array_index (percentiles, double, i));
          }
        break;
      }
    case TN_OPTION_LIST:
    default:
      break;
    }
}

static char *
print_value (gconstpointer options, const TnOptionEntry *entry)
{
  g_autoptr (GString) text = g_string_new (NULL);

  print_field (text, options, entry);
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

char *
tn_option_table_print_value (const TnOptionTable *self, gconstpointer options, const char *name)
{
  const TnOptionEntry *entry = find_entry (self, name);
  char **list;

  g_return_val_if_fail (entry != NULL, NULL);
  if (entry->kind != TN_OPTION_LIST)
    return print_value (options, entry);
  list = *(char ***) field_of ((gpointer) options, entry);
  return list != NULL ? g_strjoinv (";", list) : NULL;
}

char *
tn_option_table_print (const TnOptionTable *self, gconstpointer options,
                       gboolean (*filter) (const TnOptionEntry *entry, gconstpointer options))
{
  g_autoptr (GKeyFile) file = g_key_file_new ();

  for (guint i = 0; i < self->n; i++)
    {
      const TnOptionEntry *entry = &self->entries[i];
      g_autofree char *value = NULL;

      if (filter != NULL && !filter (entry, options))
        continue;
      if (entry->kind == TN_OPTION_LIST)
        {
          char **list = *(char ***) field_of ((gpointer) options, entry);

          if (list != NULL)
            g_key_file_set_string_list (file, entry->option.group, entry->option.name, (const char *const *) list,
                                        g_strv_length (list));
        }
      else if ((value = print_value (options, entry)) != NULL)
        g_key_file_set_string (file, entry->option.group, entry->option.name, value);
    }
  return g_key_file_to_data (file, NULL, NULL);
}
