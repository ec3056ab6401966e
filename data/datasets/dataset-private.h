/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset.h"
#include "data/datasets/record-file.h"

G_BEGIN_DECLS

typedef struct
{
  char                 *path;
  const TnRecordFormat *format;
  guint64               bytes;  /* 0 of standard input */
} TnDataFile;

struct _TnDataset
{
  gatomicrefcount ref_count;
  GArray         *files;     /* TnDataFile, in order */
  gboolean        tokens;    /* they hold tokens, not text */
  TnTokenizer    *tokenizer; /* NULL only for tokens */
  guint           n_vocab;
  guint64         bytes;     /* 0 where that is not known */
  char           *field, *label;
  TnByteStream   *standard_input; /* NULL, also once it was taken */
  gboolean        input_taken;    /* standard input is being read, or was */
  GHashTable     *label_indices;  /* label -> index + 1 */
  GPtrArray      *labels;         /* char *, owned by label_indices */
};

/* As TnSampleItem has it where there is none. */
#define TN_NO_LABEL 0

static inline const char *
tn_dataset_file (const TnDataset *self, guint index)
{
  return g_array_index (self->files, TnDataFile, index).path;
}

/* For messages: the path, or that it is standard input. */
const char   *tn_dataset_describe_file (const TnDataset *self, guint index);
/* The error of data that hold nothing to work on. */
void          tn_dataset_set_nothing   (TnDataset *self, GError **error);
/* limit: longest record, bytes or tokens. Standard input can be opened once. */
TnRecordFile *tn_dataset_open_file     (TnDataset *self, guint index, guint limit, GError **error);
/* Appends the ids of a passage; errors name the file and where the passage lies in it. */
gboolean      tn_dataset_encode        (TnDataset *self, guint file, const TnPassage *passage, GArray *ids, GError **error);
/* A number above 0 for the text of a label (TN_NO_LABEL for NULL), the same for the same text. TN_ERROR_DATA: more labels than labels would have. */
gboolean      tn_dataset_intern_label  (TnDataset *self, const char *label, guint32 *index, GError **error);
/* The text of a label; NULL for TN_NO_LABEL. */
const char   *tn_dataset_get_label     (TnDataset *self, guint32 index);

G_END_DECLS
