/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/passage-scanner.h"

G_BEGIN_DECLS

/* One file of data, as records: passages of text, or windows of token ids. What kind of file it is, only the file's own TnRecordFormat
 * knows; samplers and sources see records. One thread at a time. */
typedef struct _TnRecordFile   TnRecordFile;
typedef struct _TnRecordFormat TnRecordFormat;

/* Where a record is, without its content. */
typedef struct
{
  guint64  offset;          /* in the file: bytes, or tokens of a stream of tokens */
  guint32  length;          /* in the same unit: of the passage, of the line or row it stands in, of the window */
  guint32  first, bytes;    /* of text: the passage in the document that stands there; 0 of tokens */
  gboolean begins_document; /* FALSE: goes on with the document of the record before */
} TnRecord;

typedef struct
{
  guint       limit;   /* longest record: bytes of text, or tokens */
  const char *field;   /* JSON lines, CSV: what holds the text; NULL: "text" */
  const char *label;   /* JSON lines, CSV: what holds the label; NULL: none */
  guint       n_vocab; /* token ids must be below it */
} TnRecordOptions;

struct _TnRecordFormat
{
  const char *name; /* as --data-format has it */
  /* stream is taken, also on failure. */
  TnRecordFile *(*open) (TnByteStream *stream, const TnRecordOptions *options, GError **error);
  /* The next record; FALSE at the end, without error, or on failure. */
  gboolean (*next) (TnRecordFile *self, TnRecord *record, GError **error);
  /* One of the two: what a record holds. A passage is valid until the next call. Ids are appended, and one more where the document goes on
   * behind the record: a target to predict. */
  gboolean (*read_text) (TnRecordFile *self, const TnRecord *record, TnPassage *passage, GError **error);
  gboolean (*read_tokens) (TnRecordFile *self, const TnRecord *record, GArray *ids, GError **error);
  /* Bytes of the file that next() has gone through. */
  guint64 (*tell) (TnRecordFile *self);
  void (*free) (TnRecordFile *self);
};

/* What every kind of file begins with. */
struct _TnRecordFile
{
  const TnRecordFormat *format;
  gboolean              sequential; /* only the record that next() gave last can be read */
  const char           *label;      /* of the record that next() gave last; NULL: none. Valid until the next call */
};

extern const TnRecordFormat tn_text_records;
extern const TnRecordFormat tn_json_line_records;
extern const TnRecordFormat tn_csv_records;
extern const TnRecordFormat tn_token_records;
extern const TnRecordFormat tn_npy_records;

/* NULL-terminated. */
extern const TnRecordFormat *const tn_record_formats[];

static inline gboolean
tn_record_format_is_tokens (const TnRecordFormat *format)
{
  return format->read_tokens != NULL;
}

/* "text", "tokens", …; TN_ERROR_ARGUMENT lists them. */
const TnRecordFormat *tn_record_format_parse (const char *name, GError **error);
/* By the ending of the name (without .gz); else by the first bytes; text where neither tells. */
const TnRecordFormat *tn_record_format_find  (const char *path, const char *head, gsize bytes);
/* The same by the name alone; NULL when that does not tell. */
const TnRecordFormat *tn_record_format_of_name (const char *path);

TnRecordFile *tn_record_file_open        (const TnRecordFormat *format, TnByteStream *stream, const TnRecordOptions *options, GError **error);
void          tn_record_file_free        (TnRecordFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnRecordFile, tn_record_file_free)
gboolean      tn_record_file_next        (TnRecordFile *self, TnRecord *record, GError **error);
gboolean      tn_record_file_read_text   (TnRecordFile *self, const TnRecord *record, TnPassage *passage, GError **error);
gboolean      tn_record_file_read_tokens (TnRecordFile *self, const TnRecord *record, GArray *ids, GError **error);
guint64       tn_record_file_tell        (TnRecordFile *self);

G_END_DECLS
