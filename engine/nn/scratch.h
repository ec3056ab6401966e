/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/batch.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* What the layers of one forward pass share besides activations, taken from the pool once: a layer allocates nothing. */
typedef struct
{
  guint    longest;      /* sequence */
  guint    threads;
  gsize    weight_count; /* floats of a thread's block of weights */
  gsize    tile_count;   /* floats of a thread's own tile */
  gsize    piece_count;  /* partial results of the head */
  gsize    rope_count;   /* floats of the cosines, and of the sines */
  /* Filled by tn_forward_scratch_init(). */
  const TnBatch *batch;
  gsize         *first_rows; /* [n_sequences + 1]: of each sequence in the batch's matrices */
  float         *weights;
  float         *tiles;
  void          *pieces;
  float         *cosines, *sines;     /* [longest, rope_dim / 2] */
  gboolean       release_in_place;    /* drop mapped pages of fp32 weights after use, too */
} TnForwardScratch;

/* The sizes for a batch of n_tokens in sequences of at most longest tokens. with_head: the head will be computed. */
void     tn_forward_scratch_plan  (TnModel *model, gsize n_tokens, guint longest, gboolean with_head, TnForwardScratch *plan);
/* Pool bytes of a plan. */
gsize    tn_forward_scratch_bytes (const TnForwardScratch *plan);
/* Plans and allocates; TN_ERROR_MEMORY. */
gboolean tn_forward_scratch_init  (TnForwardScratch *self, TnModel *model, const TnBatch *batch, gboolean with_head, GError **error);
void     tn_forward_scratch_clear (TnForwardScratch *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnForwardScratch, tn_forward_scratch_clear)

/* The tile, and the block of weights, of the calling thread inside a parallel region of at most self->threads. Aligned to 64. */
float   *tn_forward_scratch_tile    (const TnForwardScratch *self);
float   *tn_forward_scratch_weights (const TnForwardScratch *self);

G_END_DECLS
