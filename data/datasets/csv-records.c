/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/datasets/document-records.h"
#include "data/files/csv-row.h"
#include "data/files/quote.h"
#include "engine/error.h"

/* CSV whose first row names its columns; one of them holds the text. */
#define NO_COLUMN G_MAXUINT
#define MOST_NAMES 8

typedef struct
{
  guint n_columns, text, label;
} Columns;

static GPtrArray *
parse_fields (TnDocumentFile *self, const TnUnit *unit, GError **error)
{
  const char *expected;
  gsize place;
  GPtrArray *fields =
      memchr (unit->text, 0, unit->bytes) == NULL ? tn_csv_parse_row (unit->text, unit->bytes, &place, &expected) : NULL;

  if (fields != NULL)
    return fields;
  if (memchr (unit->text, 0, unit->bytes) != NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the row at byte %" PRIu64 " holds NUL: this is no text"),
                 tn_document_file_describe (self), unit->offset);
  else
    g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: CSV at byte %" PRIu64 ": expected %s"),
                 tn_document_file_describe (self), unit->offset + place, expected);
  return NULL;
}

static gboolean
is_blank (const TnUnit *unit)
{
  return unit->bytes == 1 || (unit->bytes == 2 && unit->text[0] == '\r');
}

static gboolean
parse_row (TnDocumentFile *self, const TnUnit *unit, GString *text, GString *label, gboolean *has_label, GError **error)
{
  const Columns *columns = self->parser_data;
  g_autoptr (GPtrArray) fields = NULL;

  /* Of one column only, an empty line would be a row; an empty text gives no document either way. */
  if (is_blank (unit))
    return TRUE;
  if ((fields = parse_fields (self, unit, error)) == NULL)
    return FALSE;
  if (fields->len != columns->n_columns)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: the row at byte %" PRIu64 " has %u fields, expected %u as the first row has"),
                   tn_document_file_describe (self), unit->offset, fields->len, columns->n_columns);
      return FALSE;
    }
  g_string_append (text, g_ptr_array_index (fields, columns->text));
  *has_label = columns->label != NO_COLUMN;
  if (*has_label)
    g_string_append (label, g_ptr_array_index (fields, columns->label));
  return TRUE;
}

static const TnDocumentParser parser = {.find_end = tn_csv_find_row_end, .parse = parse_row};

static gboolean
find_column (TnDocumentFile *self, GPtrArray *names, const char *name, const char *option, guint *column, GError **error)
{
  g_autoptr (GString) all = g_string_new (NULL);

  for (*column = 0; *column < names->len; (*column)++)
    if (strcmp (g_ptr_array_index (names, *column), name) == 0)
      return TRUE;
  for (guint i = 0; i < MIN (names->len, MOST_NAMES); i++)
    {
      g_autofree char *quoted = tn_quote_string (g_ptr_array_index (names, i));

      g_string_append_printf (all, "%s%s", i > 0 ? ", " : "", quoted);
    }
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: there is no column “%s” in the first row (there are %s); %s names it"),
               tn_document_file_describe (self), name, all->str, option);
  return FALSE;
}

static gboolean
read_header (TnDocumentFile *self, GError **error)
{
  Columns *columns = self->parser_data;
  g_autoptr (GPtrArray) names = NULL;
  GError *local = NULL;
  TnUnit unit;

  if (!tn_document_file_next_unit (self, &unit, &local))
    {
      if (local == NULL)
        g_set_error (&local, TN_ERROR, TN_ERROR_DATA, _ ("%s: is empty, expected a row that names the columns"),
                     tn_document_file_describe (self));
      g_propagate_error (error, local);
      return FALSE;
    }
  if ((names = parse_fields (self, &unit, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    if (!g_utf8_validate (g_ptr_array_index (names, i), -1, NULL))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the name of column %u is not UTF-8"),
                     tn_document_file_describe (self), i + 1);
        return FALSE;
      }
  columns->n_columns = names->len;
  columns->label = NO_COLUMN;
  return find_column (self, names, self->field, "--field", &columns->text, error) &&
         (self->label_field == NULL || find_column (self, names, self->label_field, "--label", &columns->label, error));
}

static void
csv_free (TnRecordFile *base)
{
  g_free (((TnDocumentFile *) base)->parser_data);
  tn_document_file_free (base);
}

static TnRecordFile *
csv_open (TnByteStream *stream, const TnRecordOptions *options, GError **error)
{
  TnDocumentFile *self = g_new0 (TnDocumentFile, 1);

  self->base.format = &tn_csv_records;
  self->parser_data = g_new0 (Columns, 1);
  tn_document_file_init (self, &parser, stream, options);
  if (read_header (self, error))
    return &self->base;
  csv_free (&self->base);
  return NULL;
}

const TnRecordFormat tn_csv_records = {
    .name = "csv",
    .open = csv_open,
    .next = tn_document_file_next,
    .read_text = tn_document_file_read,
    .tell = tn_document_file_tell,
    .free = csv_free,
};
