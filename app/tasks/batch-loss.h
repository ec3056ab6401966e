/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

G_BEGIN_DECLS

/* Loss of the model on a batch, on the compute thread. row_nll: [batch->n_tokens] negative log likelihoods in nats, 0 where nothing is to be predicted;
 * logits: [n_tokens, n_vocab], or NULL. */
gboolean tn_batch_loss (TnModel *model, const TnBatch *batch, TnLoss *loss, double *row_nll, float *logits, GCancellable *cancellable, GError **error);

G_END_DECLS
