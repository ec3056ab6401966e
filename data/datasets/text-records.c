/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/record-file.h"

/* Plain text: documents separated by a line <|endoftext|>, in passages. */
typedef struct
{
  TnRecordFile base;
  TnByteStream *stream; /* owned by scanner */
  TnPassageScanner *scanner;
  TnPassage passage; /* the last that was scanned; text is NULL before */
  GString *text;     /* of another one */
} TextFile;

static TnRecordFile *
text_open (TnByteStream *stream, const TnRecordOptions *options, GError **error)
{
  TextFile *self = g_new0 (TextFile, 1);

  self->base.sequential = tn_byte_stream_is_sequential (stream);
  self->stream = stream;
  self->scanner = tn_passage_scanner_new (stream, options->limit);
  self->text = g_string_new (NULL);
  return &self->base;
}

static gboolean
text_next (TnRecordFile *base, TnRecord *record, GError **error)
{
  TextFile *self = (TextFile *) base;

  self->passage.text = NULL;
  if (!tn_passage_scanner_next (self->scanner, &self->passage, error))
    return FALSE;
  *record = (TnRecord){
      .offset = self->passage.offset,
      .length = (guint32) self->passage.bytes,
      .bytes = (guint32) self->passage.bytes,
      .begins_document = self->passage.begins_document,
  };
  return TRUE;
}

static gboolean
text_read (TnRecordFile *base, const TnRecord *record, TnPassage *passage, GError **error)
{
  TextFile *self = (TextFile *) base;

  if (self->passage.text != NULL && record->offset == self->passage.offset)
    {
      *passage = self->passage;
      return TRUE;
    }
  g_return_val_if_fail (!base->sequential, FALSE);
  g_string_set_size (self->text, record->length);
  if (!tn_byte_stream_read_at (self->stream, record->offset, self->text->str, record->length, error))
    return FALSE;
  *passage = (TnPassage){
      .text = self->text->str,
      .bytes = record->length,
      .offset = record->offset,
      .begins_document = record->begins_document,
  };
  return TRUE;
}

static guint64
text_tell (TnRecordFile *base)
{
  return tn_byte_stream_tell_file (((TextFile *) base)->stream);
}

static void
text_free (TnRecordFile *base)
{
  TextFile *self = (TextFile *) base;

  tn_passage_scanner_free (self->scanner);
  g_string_free (self->text, TRUE);
  g_free (self);
}

const TnRecordFormat tn_text_records = {
    .name = "text",
    .open = text_open,
    .next = text_next,
    .read_text = text_read,
    .tell = text_tell,
    .free = text_free,
};
