/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/training/stream-position.h"
#include "data/training/token-sequence.h"

G_BEGIN_DECLS

/* Training batches of one shape, without end, from a token sequence of count tokens.
 *
 * An epoch is count / seq_len windows of seq_len inputs that do not overlap, in an order that is a permutation by seed and epoch; each is
 * drawn once. Targets are the tokens that follow. Windows of epoch 0 begin at multiples of seq_len (llama2.c's PretokDataset); those of later
 * ones are shifted by a number below seq_len, by seed and epoch, around the end to the beginning, so that not the same tokens stand at
 * the beginning of a window, with little context, each time. Behind the last token nothing follows: its target is -1. Attention sees across documents
 * in a window, as in nanoGPT and llama2.c. A batch at the end of an epoch is filled from the next.
 *
 * One thread at a time. Which batch comes next is a function of sequence, shape, seed and position alone. */
typedef struct _TnTokenStream TnTokenStream;

typedef struct
{
  guint    seq_len;            /* > 0; at most count of tokens */
  guint    batch_size;         /* > 0 */
  guint64  seed;
  gint32   masked_token;       /* a target of this id (BOS: a document ends) becomes -1: not trained on; -1: none is masked */
  guint    validation_windows; /* at most so many, spread evenly; 0: all */
} TnTokenStreamOptions;

/* Takes references; validation may be NULL. TN_ERROR_DATA: fewer tokens than a window. */
TnTokenStream   *tn_token_stream_new           (TnTokenSequence *training, TnTokenSequence *validation, const TnTokenStreamOptions *options,
                                                GError **error);
void             tn_token_stream_free          (TnTokenStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTokenStream, tn_token_stream_free)
/* The next batch: tokens and targets [batch_size, seq_len]. On failure the position stays. */
gboolean         tn_token_stream_fill          (TnTokenStream *self, gint32 *tokens, gint32 *targets, GError **error);
/* Before the next batch. */
TnStreamPosition tn_token_stream_get_position  (TnTokenStream *self);
/* TN_ERROR_MISMATCH: an index that no epoch has. */
gboolean         tn_token_stream_set_position  (TnTokenStream *self, TnStreamPosition position, GError **error);
/* Windows of an epoch, and inputs drawn since epoch 0 began. */
guint64          tn_token_stream_epoch_windows (TnTokenStream *self);
guint64          tn_token_stream_tokens_seen   (TnTokenStream *self);
/* Of the training sequence; a checkpoint keeps it to tell whether the data are the same. */
guint64          tn_token_stream_fingerprint   (TnTokenStream *self);

/* Validation: the same batches each time. Windows begin at multiples of seq_len and do not overlap; all tokens but the first are targets once where
 * validation_windows is 0. Behind the last window, and the last token, inputs are 0 and targets -1. 0 batches without validation. */
guint            tn_token_stream_n_validation_batches (TnTokenStream *self);
gboolean         tn_token_stream_fill_validation      (TnTokenStream *self, guint batch, gint32 *tokens, gint32 *targets, GError **error);

G_END_DECLS
