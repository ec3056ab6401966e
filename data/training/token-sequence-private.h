/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/token-file.h"
#include "data/training/token-sequence.h"
#include "data/training/token-store.h"

G_BEGIN_DECLS

/* Tokens of a token file that stand behind each other in the sequence. */
typedef struct
{
  TnTokenFile *file;
  guint64      first; /* in the file */
  guint64      begin; /* in the sequence */
  guint64      count; /* > 0 */
} TnTokenRange;

struct _TnTokenSequence
{
  gatomicrefcount ref_count;
  guint           n_vocab;
  TnTokenStore   *store; /* of what was tokenized; NULL: files */
  GArray         *files; /* TnTokenRange */
  guint64         count, n_documents, fingerprint;
};

/* Empty. */
TnTokenSequence *tn_token_sequence_new      (guint n_vocab);
/* Takes the file. count > 0. */
void             tn_token_sequence_add_file (TnTokenSequence *self, TnTokenFile *file, guint64 first, guint64 count, guint64 identity);

G_END_DECLS
