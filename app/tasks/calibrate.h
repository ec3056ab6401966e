/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "data/datasets/dataset.h"
#include "data/models/model-file.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

typedef struct
{
  char             *model_path;
  char            **data_paths;     /* NULL-terminated */
  char             *tokenizer_path; /* or NULL */
  TnSamplingOptions sampling;
  TnSiteKind        kinds;
  char             *out_path;       /* statistics file; NULL: beside the workspace */
  gboolean          resume;         /* goes on from the checkpoint beside the output, where there is one */
  gboolean          no_cache;       /* computes what earlier statistics in the workspace hold already */
  double            checkpoint_seconds; /* between checkpoints; 0: none; negative: 20, fewer where they take long */
  gsize             memory_limit;   /* bytes, 0 none; whoever starts the job sets the pool's budget, the job keeps to that */
} TnCalibrateOptions;

TnCalibrateOptions *tn_calibrate_options_new  (void); /* defaults: 128 samples of 512 tokens (or the context), batch 8, random, seed 0, inputs of linear layers */
TnCalibrateOptions *tn_calibrate_options_copy (const TnCalibrateOptions *self);
void                tn_calibrate_options_free (TnCalibrateOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCalibrateOptions, tn_calibrate_options_free)

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
} TnCalibrateResult;

void tn_calibrate_result_clear (TnCalibrateResult *self);

/* A job that calibrates; when cancelled, the statistics so far are kept and marked partial. result (may be NULL) is filled when it ends and must outlive the job. */
TnJob   *tn_calibrate_job_new      (const TnCalibrateOptions *options, TnWorkspace *workspace, TnCalibrateResult *result);
/* A copy of the statistics as they are now, NULL before the first batch; any thread; free with tn_stats_unref(). */
TnStats *tn_calibrate_job_snapshot (TnJob *job);
/* Increases whenever the statistics changed. */
guint    tn_calibrate_job_version  (TnJob *job);

G_END_DECLS
