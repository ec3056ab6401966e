/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One sequence of tokens: a whole document, or a window of it. */
typedef struct
{
  guint64       hash;     /* identity: hash of the document's content and of the window's place in it; the same for any path, order or batch */
  guint         length;   /* inputs */
  const gint32 *tokens;   /* [length]; NULL in recorded activations, which came from no model here */
  const gint32 *targets;  /* [length], -1: not scored; NULL when there is nothing to predict */
  double        weight;   /* how many sequences of the data it stands for, where the sample was not drawn evenly; 0: evenly */
} TnSequence;

/* Sequences that go through the model together. Reference counted, read-only. */
typedef struct
{
  guint           n_sequences;
  TnSequence     *sequences;
  gsize           n_tokens;  /* sum of lengths: rows of every activation matrix, sequences in order */
  gatomicrefcount ref_count;
  gint32         *storage;   /* what tokens and targets point into */
} TnBatch;

/* Copies the sequences (tokens and targets too). */
TnBatch *tn_batch_new   (const TnSequence *sequences, guint n_sequences);
TnBatch *tn_batch_ref   (TnBatch *self);
void     tn_batch_unref (TnBatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnBatch, tn_batch_unref)

/* Where batches come from; data/ fills it in. One thread at a time. */
typedef struct
{
  /* The next batch, or NULL at the end (no error) or on failure (error set). */
  TnBatch *(*next)      (gpointer user_data, GError **error);
  /* Sequences in all, or -1 when not known before the end. */
  gint64   (*count)     (gpointer user_data);
  void     (*free_func) (gpointer user_data);
  gpointer user_data;
} TnBatchSource;

TnBatch *tn_batch_source_next  (TnBatchSource *self, GError **error);
gint64   tn_batch_source_count (TnBatchSource *self);
void     tn_batch_source_free  (TnBatchSource *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnBatchSource, tn_batch_source_free)

G_END_DECLS
