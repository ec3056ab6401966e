/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset.h"

G_BEGIN_DECLS

/* Finds the sequences behind hashes that statistics name (TnExtreme's sample): where they stand and what they hold. */
typedef struct
{
  guint64  hash;
  char    *path;
  guint64  offset;  /* of the record the sequence was cut from: bytes of a text file, tokens of a token file */
  guint    window;  /* which piece of seq_len tokens of that record */
  GArray  *tokens;  /* of gint32: the inputs */
} TnFoundSequence;

void             tn_found_sequence_free (TnFoundSequence *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnFoundSequence, tn_found_sequence_free)

/* Goes through the data once, until all are found; seq_len: the longest sequence, as the statistics were made with: records are cut by it.
 * Element-type TnFoundSequence, in no order; what is not in the data is missing. listener (may be NULL) hears of bytes. */
GPtrArray       *tn_dataset_find_sequences (TnDataset *self, guint seq_len, const guint64 *hashes, guint n, const TnListener *listener,
                                            GCancellable *cancellable, GError **error);

G_END_DECLS
