/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/calibration/wide-sum.h"
#include "engine/nn/batch.h"

G_BEGIN_DECLS

/* TnGram: XᵀX of a site's inputs X [tokens, width], for the error that rounded weights make in a layer's output: ‖X E‖² = sum over rows e of
 * Eᵀ of eᵀ XᵀX e. Exact and mergeable: of every sequence the products (exact in double) are summed in double in the order of its tokens, the
 * sum is rounded to 2^-40 (half to even), and those are added as 128-bit integers. So the order, the batches, the shards and the threads
 * change nothing; the stated precision is 2^-53 of a sequence's largest partial sum a token, and 2^-41 a sequence.
 * Values that are not finite, or of magnitude 2^27 and more, enter as 0; the site counts them. Memory: 8 width (width + 1) bytes. */
typedef struct _TnGram TnGram;

/* TN_ERROR_MEMORY. */
TnGram       *tn_gram_new        (guint width, GError **error);
/* NULL when there is no memory for it. */
TnGram       *tn_gram_copy       (const TnGram *self);
void          tn_gram_free       (TnGram *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnGram, tn_gram_free)
guint         tn_gram_get_width  (const TnGram *self);
guint64       tn_gram_get_bytes  (guint width);
void          tn_gram_clear      (TnGram *self);
/* x: [batch->n_tokens, width]. Runs parallel loops: call on the compute thread. FALSE: no memory for a copy of the longest sequence, and self is
 * not to be used any more. */
gboolean      tn_gram_observe    (TnGram *self, const TnBatch *batch, const float *x);
/* Widths must be equal. */
void          tn_gram_merge      (TnGram *self, const TnGram *other);
gboolean      tn_gram_equal      (const TnGram *a, const TnGram *b);
/* Row after row of the upper triangle, [width (width + 1) / 2]. */
TnChannelSum *tn_gram_get_sums   (TnGram *self);
gsize         tn_gram_n_sums     (const TnGram *self);
/* The whole symmetric matrix, [width, width]. */
void          tn_gram_get_matrix (const TnGram *self, float *out);

G_END_DECLS
