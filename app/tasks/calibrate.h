/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "app/tasks/calibrate-reference.h"
#include "app/tasks/calibrate-stop.h"
#include "app/tasks/job.h"
#include "data/datasets/sample-report.h"
#include "data/models/model-file.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

typedef struct
{
  char    *out;
  guint64  samples, tokens;
  guint64  samples_before, tokens_before; /* of these an earlier run had observed already */
  char    *cached;                        /* the earlier statistics that were used again, or NULL */
  double   seconds;
  gsize    peak_rss_bytes;
  guint    sites;
  guint64  stats_bytes;
  TnStats *stats;
  TnSampler       sampler;
  TnSampleReport *sample; /* NULL: nothing was drawn, all was taken or used again */
  TnCalibrateEnd  end;
  TnStopReport   *stop;   /* NULL: no stop rule */
  TnCalibrateReference *reference; /* NULL: not asked for */
} TnCalibrateResult;

void tn_calibrate_result_clear (TnCalibrateResult *self);

/* A job that calibrates; when cancelled, the statistics so far are kept and marked partial. result (may be NULL) is filled when it ends and must outlive the job. */
TnJob   *tn_calibrate_job_new      (const TnCalibrateOptions *options, TnWorkspace *workspace, TnCalibrateResult *result);
/* A copy of the statistics as they are now, NULL before the first batch; any thread; free with tn_stats_unref(). */
TnStats *tn_calibrate_job_snapshot (TnJob *job);
/* Increases whenever the statistics changed. */
guint    tn_calibrate_job_version  (TnJob *job);

G_END_DECLS
