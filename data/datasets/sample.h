/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset.h"
#include "data/datasets/sample-report.h"

G_BEGIN_DECLS

/* A drawn sample: which records of the data, before they are read. Reference counted; one thread at a time. */
typedef struct _TnSample TnSample;

/* One of its records, in the order of the data. */
typedef struct
{
  guint64     ordinal; /* among all records, from 0 */
  const char *path;
  guint64     offset;  /* bytes of text, tokens; owned by the data set */
  guint       length;
  const char *label;   /* or NULL */
  double      weight;  /* how many records it stands for */
} TnSampledRecord;

/* Draws by options (n_samples > 0), see TnSampler; only what cannot be read again is kept in memory. */
TnSample             *tn_sample_draw       (TnDataset *dataset, const TnSamplingOptions *options, const TnListener *listener,
                                            GCancellable *cancellable, GError **error);
TnSample             *tn_sample_ref        (TnSample *self);
void                  tn_sample_unref      (TnSample *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSample, tn_sample_unref)
const TnSampleReport *tn_sample_get_report (const TnSample *self);
guint                 tn_sample_count      (const TnSample *self);
void                  tn_sample_get        (const TnSample *self, guint index, TnSampledRecord *record);
/* Keeps n of the records, drawn with chances that grow with sizes[tn_sample_count()] (drawing.h): the second phase of a draw in two phases. Not
 * while a source reads the sample. */
void                  tn_sample_thin       (TnSample *self, const double *sizes, guint n, guint64 seed);
/* The sequences: options of the draw, of which the shard, the batch size and the order may differ. */
TnBatchSource        *tn_sample_read       (TnSample *self, const TnSamplingOptions *options, GCancellable *cancellable);

G_END_DECLS
