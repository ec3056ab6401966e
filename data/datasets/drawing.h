/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset.h"
#include "data/datasets/sample-report.h"
#include "data/datasets/sample-set.h"

G_BEGIN_DECLS

/* Draws n of the records that pass by, by one of the samplers, in memory that depends on n (and on the number of strata) alone:
 *
 * random, reservoir: the n smallest of hash(seed, ordinal) (sample-set.h): uniform without replacement.
 * systematic: record k where a multiple of N/n falls into [k, k + 1). It has to know N: records are kept aside as long as they are few, above that
 *   (and where they can be read once only) the data are passed through a second time.
 * stratified: the n_h smallest hashes of stratum h, with n_h in proportion to N_h by the largest remainder, one at least where n >= strata
 *   (tn_strata_allocate()). A record stands for N_h / n_h records.
 * importance: priority sampling (Duffield, Lund, Thorup 2007): with u = hash in (0, 1], the n largest of size/u. With t the (n + 1)-th of them, a
 *   record stands for max (1, t / size) records; sums over the sample with these weights are unbiased for sums over the records of size > 0.
 * indices: the records listed. */
typedef struct _TnDrawing TnDrawing;

TnDrawing *tn_drawing_new       (const TnSamplingOptions *options);
void       tn_drawing_free      (TnDrawing *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnDrawing, tn_drawing_free)
/* The next record; its priority is its ordinal. once: its content has to be kept now or never. TRUE: *candidate, with its content where once, is to
 * be given to tn_drawing_take(). */
gboolean   tn_drawing_consider  (TnDrawing *self, const TnSampleItem *record, gboolean once, TnSampleItem *candidate);
/* Takes the content. */
void       tn_drawing_take      (TnDrawing *self, const TnSampleItem *candidate);
/* At the end of the data: TRUE when they have to be passed through once more. */
gboolean   tn_drawing_next_pass (TnDrawing *self);
guint64    tn_drawing_count     (const TnDrawing *self); /* records of the pass */
/* What was drawn, in the order of the records; element-type TnSampleItem. TN_ERROR_DATA: a listed record that is not there (names file and line), or
 * another number of sizes than of records. *report is counted in the first pass; free with tn_sample_report_free(). Weights: how many
 * records of all the item stands for. */
GArray    *tn_drawing_finish    (TnDrawing *self, TnSampleReport **report, GError **error);

/* Keeps n of the items by priority sampling with these sizes; what they stood for before is multiplied. The report is counted anew. */
void       tn_drawing_thin      (GArray *items, const double *sizes, guint n, guint64 seed, TnSampleReport *report);
/* How many to draw of strata with these sizes, n in all or as many as there are: out[n_strata]. Ties go to the first. */
void       tn_strata_allocate   (const guint64 *sizes, guint n_strata, guint64 n, guint64 *out);

G_END_DECLS
