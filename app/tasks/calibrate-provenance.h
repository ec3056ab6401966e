/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate.h"
#include "app/tasks/provenance.h"

G_BEGIN_DECLS

/* What the statistics of a calibration follow from (app/tasks/provenance.h): content of the files of model and data, vocabulary of the
 * tokenizer, sites, how sequences are drawn, and what computes the products. Batch size, threads and device change no statistics and are
 * not in it. tokenizer may be NULL. NULL without error: the data cannot be read twice, so that nothing can be said of them. Free with
 * g_free(). */
char *tn_calibrate_provenance         (const TnCalibrateOptions *options, TnModelFile *model, TnDataset *dataset, TnTokenizer *tokenizer, GError **error);

/* The same of recorded activations. */
char *tn_calibrate_tensors_provenance (const TnCalibrateOptions *options, GError **error);

G_END_DECLS
