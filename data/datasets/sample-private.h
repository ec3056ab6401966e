/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/dataset-private.h"
#include "data/datasets/drawing.h"
#include "data/datasets/sample.h"

G_BEGIN_DECLS

struct _TnSample
{
  gatomicrefcount ref_count;
  TnDataset      *dataset;
  GArray         *items; /* TnSampleItem */
  TnSampleReport *report;
};

/* The longest record for a sequence. */
guint          tn_sample_record_limit (const TnDataset *dataset, guint seq_len);
/* Sequences of the sample, or of everything where it is NULL. */
TnBatchSource *tn_sample_source_new   (TnDataset *dataset, TnSample *sample, const TnSamplingOptions *options, GCancellable *cancellable);

G_END_DECLS
