/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

G_BEGIN_DECLS

/* TnModelEdit: a model's parameters as they are being changed, in float32: what transformations of a whole model work on. Only those that are asked
 * for are copied; the model stays as it is. One thread at a time. */
typedef struct _TnModelEdit TnModelEdit;

/* TN_ERROR_UNSUPPORTED: a model whose layers are of low precision already, or round their inputs, which no transformation leaves exact. */
TnModelEdit         *tn_model_edit_new          (TnModel *model, GError **error);
void                 tn_model_edit_free         (TnModelEdit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnModelEdit, tn_model_edit_free)
const TnLlamaConfig *tn_model_edit_get_config   (TnModelEdit *self);
/* The values of a parameter, to be changed in place: [rows, columns]. name: canonical. NULL without an error: there is none of that name. */
float               *tn_model_edit_take         (TnModelEdit *self, const char *name, GError **error);
/* The same of a layer or norm of a block: part "attn_q", "ffn_norm". */
float               *tn_model_edit_take_block   (TnModelEdit *self, guint block, const char *part, GError **error);
/* A head of its own for a model whose head is the embedding: "output.weight" is a copy from here on. *added, if not NULL: bytes it is larger by. */
gboolean             tn_model_edit_untie        (TnModelEdit *self, guint64 *added, GError **error);
/* The model as it is now; the edit may go on. */
TnModel             *tn_model_edit_finish       (TnModelEdit *self, GError **error);

G_END_DECLS
