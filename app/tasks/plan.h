/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/evaluate.h"
#include "app/tasks/job.h"
#include "data/datasets/dataset.h"
#include "engine/analysis/allocation.h"

G_BEGIN_DECLS

typedef struct
{
  char   *analysis_path;
  double  bits, loss;     /* budget: at most one of these is not NaN */
  guint64 bytes;          /* or this not 0; none: the front alone */
  char   *schemes;        /* names of those of the analysis that may be used; NULL: all */
  char  **keep;           /* patterns of layers that stay as they are; or NULL */
  gboolean front;         /* with measure: several plans of the front are measured too */
  char   *out_path;       /* where the plan is written, or NULL */
  gboolean measure;
  char   *model_path;     /* what is measured, and on what */
  char  **data;
  TnDatasetOptions format;
  char   *tokenizer_path; /* or NULL */
  guint   seq_len;        /* 0: that of the analysis */
} TnPlanOptions;

TnPlanOptions *tn_plan_options_new  (void);
void           tn_plan_options_free (TnPlanOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnPlanOptions, tn_plan_options_free)
/* TN_ERROR_ARGUMENT: options that contradict each other; found before any work. */
gboolean       tn_plan_check_options (const TnPlanOptions *options, GError **error);

/* A whole plan, rounded and evaluated: the same tokens under the model as it is. */
typedef struct
{
  char            *title;
  TnPlanPrediction prediction;
  double           loss, loss_stderr;
  TnLossDifference change; /* paired */
} TnMeasuredPlan;

typedef struct
{
  TnAnalysis      *analysis;
  TnAllocation    *allocation;
  gboolean         has_plan;
  guint            point;     /* of the front */
  gint            *schemes;   /* [layers] */
  TnEstimate      *losses;    /* [layers * schemes]: tn_analysis_combine_losses() */
  TnPlanPrediction prediction;
  GPtrArray       *measured;  /* TnMeasuredPlan: the plan, every scheme in all layers, and plans of the front; NULL: nothing was measured */
  TnEvaluation     original;  /* the model as it is */
} TnPlanResult;

void           tn_plan_result_clear (TnPlanResult *self);

/* Writes schemes ([layers], -1: as it is) as a plan, with a comment that says its size and predicted loss. */
gboolean       tn_plan_write        (const TnAnalysis *analysis, const gint *schemes, const char *path, GError **error);
/* A job that finds a plan within a budget, writes and measures it. Takes over options. result is filled when it ends and must outlive the job. Errors: those of
 * tn_analysis_load() and tn_allocation_new(); TN_ERROR_ARGUMENT: a budget that no plan meets, the nearest is named; TN_ERROR_MISMATCH: the model is
 * not that of the analysis. */
TnJob         *tn_plan_job_new      (TnPlanOptions *options, TnWorkspace *workspace, TnPlanResult *result);

G_END_DECLS
