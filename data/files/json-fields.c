/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/json-fields.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/files/quote.h"
#include "engine/error.h"

#define MAX_FOUND 8 /* elements of a list in a message */

void
tn_json_fields_enter (TnJsonFields *self, const char *name, guint index)
{
  g_return_if_fail (self->depth < TN_JSON_FIELDS_MAX_DEPTH);

  self->steps[self->depth].name = name;
  self->steps[self->depth++].index = index;
}

gboolean
tn_json_fields_leave (TnJsonFields *self, gboolean result)
{
  self->depth--;
  return result;
}

/* What was found instead, in a few words. */
static char *
describe (const TnJsonNode *node)
{
  g_autofree char *text = NULL;

  if (node == NULL)
    return g_strdup (_ ("missing"));
  text = tn_json_node_to_text (node, MAX_FOUND);
  {
    g_autofree char *quoted = tn_quote_string (text);

    return g_strdup_printf (_ ("%s found"), quoted);
  }
}

gboolean
tn_json_fields_fail (const TnJsonFields *self, const char *field, const TnJsonNode *node, const char *expected, GError **error)
{
  g_autoptr (GString) where = g_string_new (NULL);
  g_autofree char *found = describe (node);

  for (guint i = 0; i < self->depth; i++)
    {
      g_string_append_printf (where, "%s%s", i > 0 ? "." : "", self->steps[i].name);
      if (self->steps[i].index != G_MAXUINT)
        g_string_append_printf (where, "[%u]", self->steps[i].index);
    }
  if (field != NULL)
    g_string_append_printf (where, "%s%s", where->len > 0 ? "." : "", field);
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s: %s, %s expected"), self->path, where->str, found, expected);
  return FALSE;
}

const TnJsonNode *
tn_json_fields_find (const TnJsonNode *object, const char *name)
{
  const TnJsonNode *node = tn_json_find (object, name);

  return node != NULL && node->type != TN_JSON_NULL ? node : NULL;
}

gboolean
tn_json_fields_parse_number (const TnJsonFields *self, const char *name, const TnJsonNode *node, double *value, GError **error)
{
  *value = (double) NAN;
  if (node == NULL || node->type == TN_JSON_NULL)
    return TRUE;
  if (node->type == TN_JSON_NUMBER)
    {
      *value = node->value.number.real;
      return TRUE;
    }
  if (node->type == TN_JSON_STRING &&
      (strcmp (node->value.string.text, "inf") == 0 || strcmp (node->value.string.text, "-inf") == 0))
    {
      *value = node->value.string.text[0] == '-' ? (double) -INFINITY : (double) INFINITY;
      return TRUE;
    }
  return tn_json_fields_fail (self, name, node, _ ("a number, null, \"inf\" or \"-inf\""), error);
}

gboolean
tn_json_fields_read_number (const TnJsonFields *self, const TnJsonNode *object, const char *name, double *value, GError **error)
{
  return tn_json_fields_parse_number (self, name, tn_json_find (object, name), value, error);
}

gboolean
tn_json_fields_read_count (const TnJsonFields *self, const TnJsonNode *object, const char *name, guint64 least, guint64 most,
                           guint64 *value, GError **error)
{
  const TnJsonNode *node = tn_json_find (object, name);
  g_autofree char *expected = NULL;

  if (node != NULL && node->type == TN_JSON_NUMBER && node->is_integer && node->value.number.integer >= 0 &&
      (guint64) node->value.number.integer >= least && (guint64) node->value.number.integer <= most)
    {
      *value = (guint64) node->value.number.integer;
      return TRUE;
    }
  expected = g_strdup_printf (_ ("an integer from %" PRIu64 " to %" PRIu64), least, most);
  return tn_json_fields_fail (self, name, node, expected, error);
}

gboolean
tn_json_fields_read_uint (const TnJsonFields *self, const TnJsonNode *object, const char *name, guint most, guint *value,
                          GError **error)
{
  guint64 count;

  if (!tn_json_fields_read_count (self, object, name, 0, most, &count, error))
    return FALSE;
  *value = (guint) count;
  return TRUE;
}

gboolean
tn_json_node_is_text (const TnJsonNode *node)
{
  return node != NULL && node->type == TN_JSON_STRING && strlen (node->value.string.text) == node->value.string.length;
}

gboolean
tn_json_fields_read_name (const TnJsonFields *self, const TnJsonNode *object, const char *name, const char **text, GError **error)
{
  const TnJsonNode *node = tn_json_find (object, name);

  if (!tn_json_node_is_text (node) || node->value.string.length == 0)
    return tn_json_fields_fail (self, name, node, _ ("a string"), error);
  *text = node->value.string.text;
  return TRUE;
}

gboolean
tn_json_fields_read_text (const TnJsonFields *self, const TnJsonNode *object, const char *name, char **text, GError **error)
{
  const TnJsonNode *node = tn_json_fields_find (object, name);

  if (node != NULL && !tn_json_node_is_text (node))
    return tn_json_fields_fail (self, name, node, _ ("a string or null"), error);
  *text = node != NULL ? g_strdup (node->value.string.text) : NULL;
  return TRUE;
}

const TnJsonNode *
tn_json_fields_read_list (const TnJsonFields *self, const TnJsonNode *object, const char *name, TnJsonType type, GError **error)
{
  const TnJsonNode *node = tn_json_find_typed (object, name, type);

  if (node == NULL)
    tn_json_fields_fail (self, name, tn_json_find (object, name), tn_json_type_describe (type), error);
  return node;
}

gboolean
tn_json_fields_find_object (const TnJsonFields *self, const TnJsonNode *object, const char *name, const TnJsonNode **node,
                            GError **error)
{
  *node = tn_json_fields_find (object, name);
  return *node == NULL || (*node)->type == TN_JSON_OBJECT ||
         tn_json_fields_fail (self, name, *node, _ ("an object or null"), error);
}

gboolean
tn_json_fields_read_numbers (TnJsonFields *self, const TnJsonNode *object, const char *name, const TnJsonNumber *numbers, guint n,
                             GError **error)
{
  const TnJsonNode *node;
  gboolean ok = TRUE;

  if (!tn_json_fields_find_object (self, object, name, &node, error))
    return FALSE;
  tn_json_fields_enter (self, name, G_MAXUINT);
  for (guint i = 0; ok && i < n; i++)
    ok = tn_json_fields_read_number (self, node, numbers[i].name, numbers[i].value, error);
  return tn_json_fields_leave (self, ok);
}

gboolean
tn_json_fields_read_flag (const TnJsonFields *self, const TnJsonNode *object, const char *name, gboolean *value, GError **error)
{
  const TnJsonNode *node = tn_json_fields_find (object, name);

  if (node != NULL && node->type != TN_JSON_BOOLEAN)
    return tn_json_fields_fail (self, name, node, tn_json_type_describe (TN_JSON_BOOLEAN), error);
  *value = node != NULL && node->value.boolean;
  return TRUE;
}
