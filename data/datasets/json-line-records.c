/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/datasets/document-records.h"
#include "data/files/json-reader.h"
#include "data/files/quote.h"
#include "engine/error.h"

/* JSON lines: an object a line, whose field holds the text. */
#define MOST_NAMES 8

static gsize
find_line_end (const char *text, gsize from, gsize bytes, guint *state)
{
  const char *end = memchr (text + from, '\n', bytes - from);

  return end != NULL ? (gsize) (end - text) + 1 : 0;
}

static void
set_no_field (TnDocumentFile *self, const TnUnit *unit, const TnJsonNode *object, const TnJsonNode *found, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  guint n = 0;

  if (found != NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: line at byte %" PRIu64 ": field “%s” is %s, expected a string"),
                   tn_document_file_describe (self), unit->offset, self->field, tn_json_type_describe (found->type));
      return;
    }
  for (const TnJsonNode *member = object->value.list.first; member != NULL && n < MOST_NAMES; member = member->next, n++)
    {
      g_autofree char *name = tn_quote_bytes (member->name, member->name_length);

      g_string_append_printf (names, "%s%s", n > 0 ? ", " : "", name);
    }
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("%s: line at byte %" PRIu64 ": there is no field “%s” (there are %s); --field names the text"),
               tn_document_file_describe (self), unit->offset, self->field, n > 0 ? names->str : _ ("none"));
}

static gboolean
is_blank (const TnUnit *unit)
{
  for (gsize i = 0; i < unit->bytes; i++)
    if (strchr (" \t\r\n", unit->text[i]) == NULL || unit->text[i] == '\0')
      return FALSE;
  return TRUE;
}

static gboolean
parse_line (TnDocumentFile *self, const TnUnit *unit, GString *text, GString *label, gboolean *has_label, GError **error)
{
  g_autoptr (TnJson) json = NULL;
  const TnJsonNode *root, *node;

  if (is_blank (unit))
    return TRUE;
  if ((json = tn_json_parse (unit->text, unit->bytes, tn_document_file_describe (self), unit->offset, error)) == NULL)
    return FALSE;
  root = tn_json_get_root (json);
  if (root->type != TN_JSON_OBJECT)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: line at byte %" PRIu64 " is %s, expected an object a line (JSON lines)"),
                   tn_document_file_describe (self), unit->offset, tn_json_type_describe (root->type));
      return FALSE;
    }
  node = tn_json_find (root, self->field);
  if (node == NULL || (node->type != TN_JSON_STRING && node->type != TN_JSON_NULL))
    {
      set_no_field (self, unit, root, node, error);
      return FALSE;
    }
  if (node->type == TN_JSON_STRING)
    g_string_append_len (text, node->value.string.text, (gssize) node->value.string.length);
  node = self->label_field != NULL ? tn_json_find (root, self->label_field) : NULL;
  if (node != NULL && node->type != TN_JSON_NULL)
    {
      g_autofree char *value = tn_json_node_to_text (node, MOST_NAMES);

      g_string_append (label, value);
      *has_label = TRUE;
    }
  return TRUE;
}

static const TnDocumentParser parser = {.find_end = find_line_end, .parse = parse_line};

static TnRecordFile *
json_lines_open (TnByteStream *stream, const TnRecordOptions *options, GError **error)
{
  TnDocumentFile *self = g_new0 (TnDocumentFile, 1);

  tn_document_file_init (self, &parser, stream, options);
  return &self->base;
}

const TnRecordFormat tn_json_line_records = {
    .name = "jsonl",
    .open = json_lines_open,
    .next = tn_document_file_next,
    .read_text = tn_document_file_read,
    .tell = tn_document_file_tell,
    .free = tn_document_file_free,
};
