/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset.h"
#include "data/datasets/passage-scanner.h"

G_BEGIN_DECLS

struct _TnDataset
{
  gatomicrefcount ref_count;
  GPtrArray      *files;     /* char *, in order */
  gboolean        tokens;    /* token files, not text */
  TnTokenizer    *tokenizer; /* NULL only for token files */
  guint           n_vocab;
  guint64         bytes;
};

static inline const char *
tn_dataset_file (const TnDataset *self, guint index)
{
  return g_ptr_array_index (self->files, index);
}

/* The error of data that hold nothing to work on. */
void     tn_dataset_set_nothing (TnDataset *self, GError **error);
/* Appends the ids of a passage; errors name the file and where the passage lies in it. */
gboolean tn_dataset_encode (TnDataset *self, guint file, const TnPassage *passage, GArray *ids, GError **error);

G_END_DECLS
