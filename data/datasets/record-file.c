/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/record-file.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/files/json-reader.h"
#include "engine/error.h"

#define NPY_MAGIC "\x93NUMPY"
#define ZIP_MAGIC "PK\x03\x04"

const TnRecordFormat *const tn_record_formats[] = {&tn_text_records,  &tn_json_line_records, &tn_csv_records,
                                                   &tn_token_records, &tn_npy_records,       NULL};

static const struct
{
  const char *suffix;
  const TnRecordFormat *format;
} suffixes[] = {
    {".txt", &tn_text_records},        {".text", &tn_text_records},        {".md", &tn_text_records},
    {".jsonl", &tn_json_line_records}, {".ndjson", &tn_json_line_records}, {".json", &tn_json_line_records},
    {".csv", &tn_csv_records},         {".bin", &tn_token_records},        {".npy", &tn_npy_records},
    {".npz", &tn_npy_records},
};

const TnRecordFormat *
tn_record_format_parse (const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; tn_record_formats[i] != NULL; i++)
    {
      if (strcmp (tn_record_formats[i]->name, name) == 0)
        return tn_record_formats[i];
      g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", tn_record_formats[i]->name);
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--data-format: “%s” is none of %s"), name, names->str);
  return NULL;
}

const TnRecordFormat *
tn_record_format_of_name (const char *path)
{
  g_autofree char *name = g_ascii_strdown (path, -1);

  if (g_str_has_suffix (name, ".gz"))
    name[strlen (name) - strlen (".gz")] = '\0';
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (name, suffixes[i].suffix))
      return suffixes[i].format;
  return NULL;
}

/* Text whose first line is a whole JSON object is JSON lines. */
static gboolean
begins_with_object (const char *head, gsize bytes)
{
  const char *end = memchr (head, '\n', bytes);
  g_autoptr (TnJson) json = NULL;

  if (bytes == 0 || head[0] != '{' || (end == NULL && bytes == TN_BYTE_STREAM_MOST_PEEKED))
    return bytes > 2 && head[0] == '{' && head[1] == '"';
  json = tn_json_parse (head, end != NULL ? (gsize) (end - head) : bytes, "", 0, NULL);
  return json != NULL && tn_json_get_root (json)->type == TN_JSON_OBJECT;
}

const TnRecordFormat *
tn_record_format_find (const char *path, const char *head, gsize bytes)
{
  const TnRecordFormat *format = tn_record_format_of_name (path);

  if (format != NULL)
    return format;
  if ((bytes >= 6 && memcmp (head, NPY_MAGIC, 6) == 0) || (bytes >= 4 && memcmp (head, ZIP_MAGIC, 4) == 0))
    return &tn_npy_records;
  return begins_with_object (head, bytes) ? &tn_json_line_records : &tn_text_records;
}

TnRecordFile *
tn_record_file_open (const TnRecordFormat *format, TnByteStream *stream, const TnRecordOptions *options, GError **error)
{
  TnRecordFile *self = format->open (stream, options, error);

  if (self != NULL)
    self->format = format;
  return self;
}

void
tn_record_file_free (TnRecordFile *self)
{
  if (self != NULL)
    self->format->free (self);
}

gboolean
tn_record_file_next (TnRecordFile *self, TnRecord *record, GError **error)
{
  return self->format->next (self, record, error);
}

gboolean
tn_record_file_read_text (TnRecordFile *self, const TnRecord *record, TnPassage *passage, GError **error)
{
  return self->format->read_text (self, record, passage, error);
}

gboolean
tn_record_file_read_tokens (TnRecordFile *self, const TnRecord *record, GArray *ids, GError **error)
{
  return self->format->read_tokens (self, record, ids, error);
}

guint64
tn_record_file_tell (TnRecordFile *self)
{
  return self->format->tell (self);
}
