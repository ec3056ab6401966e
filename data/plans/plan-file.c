/* SPDX-License-Identifier: Apache-2.0 */
#include "data/plans/plan-file.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/files/mapped-file.h"
#include "data/files/quote.h"
#include "engine/error.h"

#define MAX_BYTES (16 * 1024 * 1024)
#define MAX_RULES 100000
#define FORMAT 1
#define HEADER "plan"

typedef struct
{
  const char *path;
  guint line;
  char *group;      /* NULL: before the first */
  GHashTable *seen; /* "group\nkey" */
  gboolean has_format;
  TnPlan *plan;
} Parser;

static void
parser_clear (Parser *self)
{
  g_free (self->group);
  g_hash_table_unref (self->seen);
  tn_plan_unref (self->plan);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parser, parser_clear)

/* group of the rules of that name, or -1 */
static int
find_group (const char *name)
{
  for (guint i = 0; i < TN_N_PLAN_GROUPS; i++)
    if (strcmp (name, tn_plan_group_get_name ((TnPlanGroup) i)) == 0)
      return (int) i;
  return -1;
}

static gboolean
read_group (Parser *self, char *text, GError **error)
{
  gsize length = strlen (text);

  if (length >= 2 && text[length - 1] == ']')
    {
      g_free (self->group);
      self->group = g_strndup (text + 1, length - 2);
      if (strcmp (self->group, HEADER) == 0 || find_group (self->group) >= 0)
        return TRUE;
    }
  {
    g_autofree char *quoted = tn_quote_string (text);

    g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                 _ ("%s: line %u: %s is not known; expected [plan], [weights] or [activations]"), self->path, self->line, quoted);
  }
  return FALSE;
}

static gboolean
read_header (Parser *self, const char *key, const char *value, GError **error)
{
  g_autofree char *quoted_key = tn_quote_string (key);
  g_autofree char *quoted = tn_quote_string (value);
  guint64 number;

  if (strcmp (key, "format") == 0)
    {
      if (!g_ascii_string_to_unsigned (value, 10, 1, G_MAXUINT, &number, NULL))
        g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: line %u: group [plan], key format: %s, expected %d"), self->path,
                     self->line, quoted, FORMAT);
      else if (number != FORMAT)
        g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                     _ ("%s: line %u: group [plan], key format: %s is a later form of plans, this program reads %d"), self->path,
                     self->line, quoted, FORMAT);
      else
        return self->has_format = TRUE;
      return FALSE;
    }
  if (strcmp (key, "fingerprint") == 0)
    {
      if (g_ascii_string_to_unsigned (value, 16, 0, G_MAXUINT64, &number, NULL))
        {
          tn_plan_set_fingerprint (self->plan, number);
          return TRUE;
        }
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: line %u: group [plan], key fingerprint: %s, expected a hexadecimal number of at most 16 digits"),
                   self->path, self->line, quoted);
      return FALSE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
               _ ("%s: line %u: group [plan], key %s is not known; expected format or fingerprint"), self->path, self->line,
               quoted_key);
  return FALSE;
}

static gboolean
read_rule (Parser *self, TnPlanGroup group, const char *key, const char *value, GError **error)
{
  TnScheme scheme;

  if (tn_plan_n_rules (self->plan, group) >= MAX_RULES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: line %u: group [%s] has more than %d keys"), self->path, self->line,
                   self->group, MAX_RULES);
      return FALSE;
    }
  if (strcmp (value, "keep") == 0)
    tn_plan_add (self->plan, group, key, NULL);
  else
    {
      g_autofree char *quoted = tn_quote_string (key);

      if (!g_str_is_ascii (value))
        {
          g_autofree char *quoted_value = tn_quote_string (value);

          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: line %u: group [%s], key %s: %s is neither a scheme nor keep"),
                       self->path, self->line, self->group, quoted, quoted_value);
          return FALSE;
        }
      if (!tn_scheme_parse (value, &scheme, error))
        {
          g_prefix_error (error, _ ("%s: line %u: group [%s], key %s: "), self->path, self->line, self->group, quoted);
          return FALSE;
        }
      tn_plan_add (self->plan, group, key, &scheme);
    }
  return TRUE;
}

/* Keys come back in messages. */
static gboolean
is_printable (const char *text)
{
  for (; *text != '\0'; text = g_utf8_next_char (text))
    if (!g_unichar_isprint (g_utf8_get_char (text)))
      return FALSE;
  return TRUE;
}

static gboolean
read_pair (Parser *self, char *text, GError **error)
{
  char *equals = strchr (text, '=');
  char *key, *value, *id;

  if (equals == NULL || equals == text || self->group == NULL || !is_printable (text))
    {
      g_autofree char *quoted = tn_quote_string (text);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   self->group == NULL ? _ ("%s: line %u: %s, expected [plan]") : _ ("%s: line %u: %s, expected KEY=SCHEME"),
                   self->path, self->line, quoted);
      return FALSE;
    }
  *equals = '\0';
  key = g_strchomp (text);
  value = g_strchug (equals + 1);
  id = g_strconcat (self->group, "\n", key, NULL);
  if (!g_hash_table_add (self->seen, id))
    {
      g_autofree char *quoted = tn_quote_string (key);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: line %u: group [%s], key %s stands there for the second time"),
                   self->path, self->line, self->group, quoted);
      return FALSE;
    }
  return find_group (self->group) < 0 ? read_header (self, key, value, error)
                                      : read_rule (self, (TnPlanGroup) find_group (self->group), key, value, error);
}

static gboolean
parse (Parser *self, const char *data, gsize bytes, GError **error)
{
  const char *end = data + bytes;

  while (data < end)
    {
      const char *newline = memchr (data, '\n', (gsize) (end - data));
      const char *stop = newline != NULL ? newline : end;
      g_autofree char *line = g_strndup (data, (gsize) (stop - data));
      char *text = g_strstrip (line);

      self->line++;
      data = newline != NULL ? newline + 1 : end;
      if (text[0] == '\0' || text[0] == '#')
        continue;
      if (text[0] == '[' ? !read_group (self, text, error) : !read_pair (self, text, error))
        return FALSE;
    }
  if (self->has_format)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: no plan: group [plan], key format is missing, expected format=%d"),
               self->path, FORMAT);
  return FALSE;
}

TnPlan *
tn_plan_load (const char *path, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, error);
  g_auto (Parser)
      parser = {.path = path, .seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL), .plan = tn_plan_new ()};
  const char *data;
  gsize bytes;

  if (file == NULL)
    return NULL;
  data = (const char *) tn_mapped_file_get_data (file);
  bytes = tn_mapped_file_get_size (file);
  if (bytes > MAX_BYTES || (bytes > 0 && memchr (data, '\0', bytes) != NULL) || !g_utf8_validate_len (data, bytes, NULL))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: not a plan: expected text in UTF-8 of at most %d MiB"), path,
                   MAX_BYTES >> 20);
      return NULL;
    }
  if (!parse (&parser, data, bytes, error))
    return NULL;
  tn_plan_set_name (parser.plan, path);
  return g_steal_pointer (&parser.plan);
}
