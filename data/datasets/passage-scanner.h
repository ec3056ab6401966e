/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/byte-stream.h"

G_BEGIN_DECLS

/* Streams the documents of one text file, never holding more than a buffer and one passage. Documents are separated by a line <|endoftext|>;
 * white space around each is removed, empty ones are skipped. A document longer than limit bytes comes in pieces, cut behind the last white space
 * within the limit, or at a character's boundary where there is none. One thread at a time. */
typedef struct _TnPassageScanner TnPassageScanner;

typedef struct
{
  const char *text;            /* valid until the next call */
  gsize       bytes;
  guint64     offset;          /* of text in the file */
  gboolean    begins_document; /* FALSE: goes on with the document of the passage before */
} TnPassage;

/* Takes the stream. */
TnPassageScanner *tn_passage_scanner_new  (TnByteStream *stream, gsize limit);
void              tn_passage_scanner_free (TnPassageScanner *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnPassageScanner, tn_passage_scanner_free)
/* FALSE at the end, without error, or on failure: TN_ERROR_DATA names file and offset where the text is not UTF-8 or holds a NUL byte. */
gboolean          tn_passage_scanner_next (TnPassageScanner *self, TnPassage *passage, GError **error);
/* The next piece of at most limit bytes of a document that lies in memory whole, cut and trimmed as the scanner would: place is where to
 * begin (0 first), and is moved on. FALSE when nothing but white space is left. */
gboolean          tn_passage_cut          (const char *text, gsize bytes, gsize limit, gsize *place, gsize *first, gsize *length);

G_END_DECLS
