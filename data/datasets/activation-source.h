/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset.h"

G_BEGIN_DECLS

/* Recorded activations in files of arrays (data/arrays), a tensor a site, streamed in tiles. The last dimension of a tensor is its channels, all others
 * together are its rows, the tokens. What counts as a sequence depends on the shape alone, so that groups, shards and samples do not depend on how
 * the numbers are read:
 * - of a tensor of three dimensions and more, each slice of the first dimension;
 * - of one of two dimensions, each TN_ACTIVATION_ROWS rows and what is left; of one dimension, its one row;
 * - one whose numbers take more than TN_ACTIVATION_BYTES in float32 is cut into pieces of as many rows as fit, a multiple of 32, at least 32.
 * Its identity is the hash of its numbers in float32. Tensors of the same name and width, in several files, are one site: their sequences follow each
 * other. One thread at a time. */
typedef struct _TnActivationSource TnActivationSource;

#define TN_ACTIVATION_ROWS 512
#define TN_ACTIVATION_BYTES ((gsize) 64 << 20)

typedef struct
{
  char   *name;
  guint   width;
  guint64 rows, sequences; /* in all files */
} TnActivationSite;

/* Whole sequences of one site. */
typedef struct
{
  guint    site;
  TnBatch *batch;  /* their hashes and lengths, no tokens */
  float   *values; /* [batch->n_tokens, width], of the pool */
} TnActivationTile;

/* paths as of tn_dataset_open(), without standard input. options: samplers draw from the sequences of each site on its own (n_samples 0: all); shards are
 * of what was drawn; batch_size 0: tiles of tile_bytes at most, or of one sequence; else so many sequences; seq_len is not looked at.
 * TN_ERROR_MISMATCH: two tensors of one name and different widths. */
TnActivationSource     *tn_activation_source_open     (const char *const *paths, const TnSamplingOptions *options, gsize tile_bytes,
                                                       const TnListener *listener, GError **error);
void                    tn_activation_source_free     (TnActivationSource *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnActivationSource, tn_activation_source_free)
guint                   tn_activation_source_n_sites  (TnActivationSource *self);
const TnActivationSite *tn_activation_source_get_site (TnActivationSource *self, guint index);
/* Sequences that the tiles will hold. */
guint64                 tn_activation_source_count    (TnActivationSource *self);
/* Whether its sequences stand for different numbers of sequences (TnSequence.weight). */
gboolean                tn_activation_source_is_weighted (TnActivationSource *self);
/* What the largest tile takes. */
gsize                   tn_activation_source_tile_bytes (TnActivationSource *self);
/* NULL at the end, without error, or on failure. */
TnActivationTile       *tn_activation_source_next     (TnActivationSource *self, GError **error);
void                    tn_activation_tile_free       (TnActivationTile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnActivationTile, tn_activation_tile_free)

G_END_DECLS
