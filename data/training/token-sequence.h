/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset.h"

G_BEGIN_DECLS

/* A data set as one long sequence of token ids, to be read at any place.
 *
 * Text: of each document BOS (where the tokenizer has one) and its tokens, one behind another, in the order of the files: what llama2.c's
 * tinystories.py pretokenize writes. No token stands at a document's end: the BOS that follows is what is to be predicted there. Arrays (npy,
 * npz): rows as they are. They are gone through once, and are kept as 16-bit numbers, or 32-bit ones for a vocabulary of more than 65,536:
 * in pool memory (STATISTICS) up to a limit or up to what the budget has left, all of it in a temporary file without a name beyond.
 * Token files (.bin) stay where they are, and are read there; nanoGPT's and llm.c's are such sequences already.
 *
 * Held out for validation is, of a document of fewer than TN_TOKEN_LONG_DOCUMENT tokens, all or nothing, by a hash of its tokens that no
 * seed changes: the same document, and every copy of it, is on the same side in every run. Of a longer one (a book), and of a token file
 * however long, it is the last share of its tokens, as nanoGPT's prepare.py has it. */
typedef struct _TnTokenSequence TnTokenSequence;

#define TN_TOKEN_LONG_DOCUMENT 65536

typedef struct
{
  double      validation_share; /* 0 (none) .. 0.5 */
  gsize       memory_bytes;     /* of tokens that are kept in memory; 0: 256 MiB */
  const char *folder;           /* of the temporary file; NULL: /var/tmp */
} TnTokenSequenceOptions;

/* *training gets what is trained on, *validation what is held out (NULL where the share is 0). listener sees progress in bytes and is asked
 * at boundaries; it and cancellable may be NULL. TN_ERROR_DATA: nothing to read, or one of both is empty; TN_ERROR_IO: the temporary file cannot
 * be written, names it; else as the data set fails. */
gboolean         tn_token_sequence_read_dataset (TnDataset *dataset, const TnTokenSequenceOptions *options, const TnListener *listener,
                                                 GCancellable *cancellable, TnTokenSequence **training, TnTokenSequence **validation,
                                                 GError **error);
TnTokenSequence *tn_token_sequence_ref       (TnTokenSequence *self);
void             tn_token_sequence_unref     (TnTokenSequence *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTokenSequence, tn_token_sequence_unref)
guint64          tn_token_sequence_count     (TnTokenSequence *self);
/* Documents of text, rows of arrays, token files; those held out in part count on both sides. */
guint64          tn_token_sequence_documents (TnTokenSequence *self);
/* Of the tokens and their order; token files count by tn_file_identify() and the range that is read. */
guint64          tn_token_sequence_fingerprint (TnTokenSequence *self);
/* TRUE: in memory; FALSE: in files. */
gboolean         tn_token_sequence_in_memory (TnTokenSequence *self);
/* n tokens from first < count on to out; first + n <= count. One thread at a time. TN_ERROR_DATA names file and place of an id that is not
 * below the vocabulary, TN_ERROR_IO a file that cannot be read. */
gboolean         tn_token_sequence_read      (TnTokenSequence *self, guint64 first, guint n, gint32 *out, GError **error);

G_END_DECLS
