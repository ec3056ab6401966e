/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/analyze.h"
#include "data/analysis/trend-file.h"

G_BEGIN_DECLS

/* The same analysis over the checkpoints of a training run. */
typedef struct
{
  TnAnalyzeOptions *analyze;     /* model_path is not used; data NULL: what the run validates on, else trains on; out_path: for the trend */
  char             *run;         /* number in the workspace, or folder; NULL: checkpoints are given */
  char            **checkpoints; /* paths, in any order; NULL with run */
} TnAnalyzeRunOptions;

/* Takes analyze over. */
TnAnalyzeRunOptions *tn_analyze_run_options_new  (TnAnalyzeOptions *analyze);
void                 tn_analyze_run_options_free (TnAnalyzeRunOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnAnalyzeRunOptions, tn_analyze_run_options_free)

/* A job that analyzes them one by one, by ascending steps. Takes over options. *result takes the trend when it ends well, and must outlive the job.
 *
 * Series of the job, by the steps of the run: LAYER/SCHEME/sqnr_db, score and loss_change. Of the run itself, where the workspace has it, for its page:
 * analysis/SCHEME/sqnr_db (mean over layers) and loss_change (sum over layers), at steps that they do not have yet. */
TnJob *tn_analyze_run_job_new (TnAnalyzeRunOptions *options, TnWorkspace *workspace, TnTrend **result);

G_END_DECLS
