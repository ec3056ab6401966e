/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/record-file.h"

G_BEGIN_DECLS

/* Files in which every line or row is a document: what JSON lines and CSV have in common. Never holds more than a buffer and one document. */
typedef struct _TnDocumentFile TnDocumentFile;

/* A line or row. */
typedef struct
{
  const char *text;
  gsize       bytes;
  guint64     offset; /* in the file */
} TnUnit;

typedef struct
{
  /* Where the unit that begins at text ends, behind its line break; 0: not within bytes. *state: 0 at first, then as the call before left it,
   * which has seen the bytes before from. */
  gsize (*find_end) (const char *text, gsize from, gsize bytes, guint *state);
  /* Gets the document that stands in the unit, and its label; neither is touched for a unit without one. */
  gboolean (*parse) (TnDocumentFile *self, const TnUnit *unit, GString *text, GString *label, gboolean *has_label, GError **error);
} TnDocumentParser;

struct _TnDocumentFile
{
  TnRecordFile            base;
  const TnDocumentParser *parser;
  TnByteStream           *stream;
  char                   *field, *label_field; /* label_field may be NULL */
  gpointer                parser_data;         /* of the parser */
  /*< private >*/
  gsize                   limit;
  char                   *buffer;
  gsize                   capacity, start, searched, filled;
  guint64                 buffer_offset; /* of buffer[0] in the file */
  guint                   state;
  gboolean                ended;
  GString                *text, *label;  /* of the unit in progress */
  guint64                 unit_offset;
  gsize                   unit_bytes;
  gsize                   place;         /* in text */
  gboolean                begun;         /* a record of it was given */
  GString                *other, *unit;  /* a unit that was read at its place */
  guint64                 other_offset;
  gboolean                has_other;
};

/* For the open functions of formats. Takes the stream. */
void     tn_document_file_init      (TnDocumentFile *self, const TnDocumentParser *parser, TnByteStream *stream, const TnRecordOptions *options);
/* The next line or row, valid until the next call; FALSE at the end, without error, or on failure. */
gboolean tn_document_file_next_unit (TnDocumentFile *self, TnUnit *unit, GError **error);
const char *tn_document_file_describe (TnDocumentFile *self);

/* For their TnRecordFormat. The free function leaves parser_data. */
gboolean tn_document_file_next      (TnRecordFile *base, TnRecord *record, GError **error);
gboolean tn_document_file_read      (TnRecordFile *base, const TnRecord *record, TnPassage *passage, GError **error);
guint64  tn_document_file_tell      (TnRecordFile *base);
void     tn_document_file_free      (TnRecordFile *base);

G_END_DECLS
