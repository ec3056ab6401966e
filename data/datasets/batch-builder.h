/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/nn/batch.h"

G_BEGIN_DECLS

/* Collects sequences for one batch. */
typedef struct _TnBatchBuilder TnBatchBuilder;

TnBatchBuilder *tn_batch_builder_new    (void);
void            tn_batch_builder_free   (TnBatchBuilder *self);
/* inputs tokens[0 .. length); targets are the tokens behind them, and -1 where length is all there is (n_available <= length). weight: TnSequence.
 * Copies. */
void            tn_batch_builder_add    (TnBatchBuilder *self, guint64 hash, const gint32 *tokens, guint length, guint n_available,
                                         double weight);
guint           tn_batch_builder_count  (TnBatchBuilder *self);
/* The batch, or NULL when nothing was added; the builder is empty afterwards. */
TnBatch        *tn_batch_builder_finish (TnBatchBuilder *self);

G_END_DECLS
