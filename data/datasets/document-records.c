/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/document-records.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/tokenizers/utf8.h"
#include "engine/error.h"

#define CHUNK_BYTES ((gsize) 1 << 20)
/* A longer line or row is taken for a file of another kind. */
#define MOST_UNIT_BYTES ((gsize) 64 << 20)

void
tn_document_file_init (TnDocumentFile *self, const TnDocumentParser *parser, TnByteStream *stream, const TnRecordOptions *options)
{
  self->base.sequential = tn_byte_stream_is_sequential (stream);
  self->parser = parser;
  self->stream = stream;
  self->limit = options->limit;
  self->field = g_strdup (options->field != NULL ? options->field : "text");
  self->label_field = g_strdup (options->label);
  self->text = g_string_new (NULL);
  self->label = g_string_new (NULL);
  self->other = g_string_new (NULL);
  self->unit = g_string_new (NULL);
}

const char *
tn_document_file_describe (TnDocumentFile *self)
{
  return tn_byte_stream_describe (tn_byte_stream_get_path (self->stream));
}

static gboolean
read_more (TnDocumentFile *self, GError **error)
{
  gsize got;

  if (self->filled - self->start > MOST_UNIT_BYTES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: what begins at byte %" PRIu64 " goes on for more than %zu bytes, expected %s of less"),
                   tn_document_file_describe (self), self->buffer_offset + self->start, MOST_UNIT_BYTES, self->base.format->name);
      return FALSE;
    }
  if (self->start > 0)
    {
      memmove (self->buffer, self->buffer + self->start, self->filled - self->start);
      self->buffer_offset += self->start;
      self->searched -= self->start;
      self->filled -= self->start;
      self->start = 0;
    }
  if (self->capacity < self->filled + CHUNK_BYTES)
    {
      self->capacity = self->filled + CHUNK_BYTES;
      self->buffer = g_realloc (self->buffer, self->capacity);
    }
  if (!tn_byte_stream_read_full (self->stream, self->buffer + self->filled, CHUNK_BYTES, &got, error))
    return FALSE;
  self->ended = got < CHUNK_BYTES;
  if (self->buffer_offset == 0 && self->filled == 0 && got >= 3 && memcmp (self->buffer, "\xef\xbb\xbf", 3) == 0)
    self->start = self->searched = 3;
  self->filled += got;
  return TRUE;
}

gboolean
tn_document_file_next_unit (TnDocumentFile *self, TnUnit *unit, GError **error)
{
  while (TRUE)
    {
      gsize end = 0;

      if (self->filled > self->searched)
        end = self->parser->find_end (self->buffer + self->start, self->searched - self->start, self->filled - self->start,
                                      &self->state);
      self->searched = end > 0 ? self->start + end : self->filled;
      if (end == 0 && self->ended)
        {
          if (self->filled == self->start)
            return FALSE;
          end = self->filled - self->start;
        }
      if (end > 0)
        {
          *unit = (TnUnit){.text = self->buffer + self->start, .bytes = end, .offset = self->buffer_offset + self->start};
          self->start = self->searched = self->start + end;
          self->state = 0;
          return TRUE;
        }
      if (!read_more (self, error))
        return FALSE;
    }
}

static gboolean
check_text (TnDocumentFile *self, const GString *text, guint64 offset, GError **error)
{
  if (memchr (text->str, 0, text->len) != NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the %s at byte %" PRIu64 " holds NUL in “%s”: this is no text"),
                   tn_document_file_describe (self), self->base.format->name, offset, self->field);
      return FALSE;
    }
  if (tn_utf8_valid_prefix (text->str, text->len) < text->len)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the %s at byte %" PRIu64 " holds bytes in “%s” that are not UTF-8"),
                   tn_document_file_describe (self), self->base.format->name, offset, self->field);
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse_unit (TnDocumentFile *self, const TnUnit *unit, GString *text, GString *label, gboolean *has_label, GError **error)
{
  g_string_truncate (text, 0);
  g_string_truncate (label, 0);
  *has_label = FALSE;
  return self->parser->parse (self, unit, text, label, has_label, error) && check_text (self, text, unit->offset, error);
}

gboolean
tn_document_file_next (TnRecordFile *base, TnRecord *record, GError **error)
{
  TnDocumentFile *self = (TnDocumentFile *) base;

  while (TRUE)
    {
      gboolean has_label;
      gsize first, length;
      TnUnit unit;

      if (tn_passage_cut (self->text->str, self->text->len, self->limit, &self->place, &first, &length))
        {
          *record = (TnRecord){
              .offset = self->unit_offset,
              .length = (guint32) self->unit_bytes,
              .first = (guint32) first,
              .bytes = (guint32) length,
              .begins_document = !self->begun,
          };
          self->begun = TRUE;
          return TRUE;
        }
      if (!tn_document_file_next_unit (self, &unit, error) ||
          !parse_unit (self, &unit, self->text, self->label, &has_label, error))
        {
          g_string_truncate (self->text, 0);
          return FALSE;
        }
      self->unit_offset = unit.offset;
      self->unit_bytes = unit.bytes;
      self->place = 0;
      self->begun = FALSE;
      base->label = has_label ? self->label->str : NULL;
    }
}

static gboolean
read_other (TnDocumentFile *self, const TnRecord *record, GError **error)
{
  g_autoptr (GString) label = g_string_new (NULL);
  gboolean has_label;
  TnUnit unit;

  if (self->has_other && self->other_offset == record->offset)
    return TRUE;
  self->has_other = FALSE;
  g_string_set_size (self->unit, record->length);
  if (!tn_byte_stream_read_at (self->stream, record->offset, self->unit->str, record->length, error))
    return FALSE;
  unit = (TnUnit){.text = self->unit->str, .bytes = record->length, .offset = record->offset};
  if (!parse_unit (self, &unit, self->other, label, &has_label, error))
    return FALSE;
  self->other_offset = record->offset;
  self->has_other = TRUE;
  return TRUE;
}

gboolean
tn_document_file_read (TnRecordFile *base, const TnRecord *record, TnPassage *passage, GError **error)
{
  TnDocumentFile *self = (TnDocumentFile *) base;
  gboolean current = self->text->len > 0 && record->offset == self->unit_offset;
  const GString *text = current ? self->text : self->other;

  g_return_val_if_fail (current || !base->sequential, FALSE);
  if (!current && !read_other (self, record, error))
    return FALSE;
  if (text->len < (gsize) record->first + record->bytes)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the file has changed at byte %" PRIu64),
                   tn_document_file_describe (self), record->offset);
      return FALSE;
    }
  *passage = (TnPassage){
      .text = text->str + record->first,
      .bytes = record->bytes,
      .offset = record->offset,
      .begins_document = record->begins_document,
  };
  return TRUE;
}

guint64
tn_document_file_tell (TnRecordFile *base)
{
  return tn_byte_stream_tell_file (((TnDocumentFile *) base)->stream);
}

void
tn_document_file_free (TnRecordFile *base)
{
  TnDocumentFile *self = (TnDocumentFile *) base;

  tn_byte_stream_free (self->stream);
  g_free (self->buffer);
  g_free (self->field);
  g_free (self->label_field);
  g_string_free (self->text, TRUE);
  g_string_free (self->label, TRUE);
  g_string_free (self->other, TRUE);
  g_string_free (self->unit, TRUE);
  g_free (self);
}
