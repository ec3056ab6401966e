/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/estimate.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* What a model loses on each sequence of some batches, so that two models can be compared sequence by sequence: what is hard and easy in the data then falls
 * out of their difference. */
typedef struct
{
  GArray *nll;    /* of double: nats, a sequence with targets each */
  GArray *counts; /* of double: its predicted tokens */
} TnSequenceLosses;

/* batches: TnBatch. Any thread; works on the compute thread. TN_ERROR_DATA: no sequence has a target. */
gboolean   tn_sequence_losses_measure (TnSequenceLosses *self, TnModel *model, GPtrArray *batches, GCancellable *cancellable,
                                       GError **error);
void       tn_sequence_losses_clear   (TnSequenceLosses *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnSequenceLosses, tn_sequence_losses_clear)
/* Nats a token. */
TnEstimate tn_sequence_losses_get     (const TnSequenceLosses *self);
/* Of the difference self - other, of the same batches. */
TnEstimate tn_sequence_losses_compare (const TnSequenceLosses *self, const TnSequenceLosses *other);

G_END_DECLS
