/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "app/tasks/token-counts.h"
#include "data/models/model-file.h"
#include "engine/calibration/site-distance.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* How well a sample stands for the data: its statistics beside those of a reference, site by site. */

typedef struct
{
  char          *name;
  TnSiteDistance distance;
} TnReferenceSite;

typedef struct
{
  char           *source;      /* the statistics file; NULL: drawn from the data */
  guint64         samples, tokens;
  GArray         *sites;       /* TnReferenceSite, farthest first: by ks over what is expected */
  gboolean        has_tokens;
  TnTokenDistance tokens_distance;
  guint           sample_distinct, reference_distinct;
} TnCalibrateReference;

void                  tn_calibrate_reference_free (TnCalibrateReference *self);
TnCalibrateReference *tn_calibrate_reference_copy (const TnCalibrateReference *self);

/* options->reference N: draws N sequences evenly and independently of the sample (another stream of the seed), runs them through the model, and
 * compares. STATS: compares with that file; TN_ERROR_MISMATCH when it is of another model. tokens: those of the sample; NULL: not known. */
TnCalibrateReference *tn_calibrate_compare (const TnCalibrateOptions *options, TnModel *model, TnModelFile *file, TnDataset *dataset, const TnStats *stats,
                                            const TnTokenCounts *tokens, const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
