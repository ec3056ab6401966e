/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

G_BEGIN_DECLS

/* Token by token with a key/value cache. One thread at a time. */
typedef struct _TnGenerator TnGenerator;

TnGenerator *tn_generator_new  (TnModel *model, GError **error);
void         tn_generator_free (TnGenerator *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnGenerator, tn_generator_free)

/* Appends one token and gives the logits [n_vocab] of the next, owned by the generator, valid until the next call.
 * NULL with TN_ERROR_ARGUMENT when the context is full. */
const float *tn_generator_step (TnGenerator *self, gint32 token, GError **error);

/* The same for several tokens, at once when they are the first: the logits after the last of them, with our own products the same
 * bits. A whole prompt takes about the memory of a forward pass over it; where that is not there, it goes token by token. n > 0. */
const float *tn_generator_prompt (TnGenerator *self, const gint32 *tokens, guint n, GError **error);

/* temperature 0: the most likely token (smallest id wins ties); else a draw from softmax(logits / temperature)
 * cut to the smallest set with mass top_p (1: all). uniform in [0, 1). NaN is never taken; where there is nothing else, token 0. */
gint32       tn_sample_token   (const float *logits, guint n_vocab, double temperature, double top_p, double uniform);

G_END_DECLS
