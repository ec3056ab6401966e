/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/batch.h"

G_BEGIN_DECLS

/* A thread that reads while somebody computes. It goes ahead by so many items, or so many bytes if that is less (one item at least), and waits
 * when nobody takes them: pausing the taker pauses it. Items and the error behind them come in the order of reading. */
typedef struct _TnReadAhead TnReadAhead;

/* The next item and what it takes of memory; NULL at the end, without error, or on failure. On the reading thread alone. */
typedef gpointer (*TnReadAheadFunc) (gpointer user_data, gsize *bytes, GError **error);

/* depth >= 1. user_data must outlive self. */
TnReadAhead   *tn_read_ahead_new    (TnReadAheadFunc func, gpointer user_data, GDestroyNotify item_free, guint depth, gsize most_bytes);
/* Waits for the item that is being read, if any, and frees what was not taken. */
void           tn_read_ahead_free   (TnReadAhead *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnReadAhead, tn_read_ahead_free)
/* As func gave it; NULL again after the end or an error. */
gpointer       tn_read_ahead_next   (TnReadAhead *self, GError **error);

/* The same batches as source, which it takes, read ahead; depth 0: source itself. most_bytes 0: no bound but depth. */
TnBatchSource *tn_batch_source_read_ahead (TnBatchSource *source, guint depth, gsize most_bytes);

G_END_DECLS
