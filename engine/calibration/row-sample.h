/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/nn/batch.h"

G_BEGIN_DECLS

/* TnRowSample: the rows of a site's input at up to so many places (sequence, token), for errors that need values together. A place is taken
 * by the hash of itself: the rows are those with the smallest hashes of all that were seen, a uniform sample without replacement, the same for
 * any order, batches and shards, and at every site of a model the same places. Merging keeps the smallest of both. */
typedef struct _TnRowSample TnRowSample;

/* most: 1 .. TN_ROW_SAMPLE_MOST. Memory is taken as rows come. */
#define TN_ROW_SAMPLE_MOST 65536
TnRowSample *tn_row_sample_new      (guint width, guint most);
TnRowSample *tn_row_sample_copy     (const TnRowSample *self);
void         tn_row_sample_free     (TnRowSample *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnRowSample, tn_row_sample_free)
guint        tn_row_sample_get_most (const TnRowSample *self);
guint        tn_row_sample_n_rows   (const TnRowSample *self);
guint        tn_row_sample_get_width (const TnRowSample *self);
/* By the hash of its place. */
const float *tn_row_sample_get      (const TnRowSample *self, guint index, guint64 *sample, guint32 *token);
/* A row that was seen; FALSE when it is not among the smallest, or there already. */
gboolean     tn_row_sample_offer    (TnRowSample *self, guint64 sample, guint32 token, const float *row);
void         tn_row_sample_clear    (TnRowSample *self);
void         tn_row_sample_observe  (TnRowSample *self, const TnBatch *batch, const float *x);
/* Widths must be equal; keeps as many rows as the smaller of both may. */
void         tn_row_sample_merge    (TnRowSample *self, const TnRowSample *other);
gboolean     tn_row_sample_equal    (const TnRowSample *a, const TnRowSample *b);

G_END_DECLS
