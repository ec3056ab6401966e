/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

G_BEGIN_DECLS

/* Keys and values of a block, rotated: [n_tokens, n_head_kv * head_dim], valid during the call only. */
typedef void (*TnKeysFunc) (guint block, const float *keys, const float *values, gpointer user_data);

/* The blocks of a model without its head, showing their keys and values. last: [n_embd] takes the last row, normed for the head.
 * Errors and threads of tn_model_forward(), and the same bits. */
gboolean tn_model_forward_keys (TnModel *self, const TnBatch *batch, TnKeysFunc func, gpointer user_data, float *last,
                                GError **error);
/* The model from block first on: residual [n_tokens, n_embd] is the stream that comes into it, as a site "blk.N.residual" or "embd.residual" shows
 * it (it is not changed); the blocks before it are not run. first n_layer: the head alone. The bits of tn_model_forward() with these options where the
 * blocks before are the same. Errors and threads as there. */
gboolean tn_model_forward_from (TnModel *self, const TnBatch *batch, guint first, const float *residual,
                                const TnForwardOptions *options, TnLoss *loss, double *row_nll, GError **error);

G_END_DECLS
