/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "data/datasets/dataset.h"
#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

#define TN_ANALYZE_DEFAULT_SCHEMES "ternary,int3:g32,int4:g32,int8:c"
#define TN_ANALYZE_ALL G_MAXUINT
/* Of plans: TN_ANALYZE_DEFAULT_CHECKS where the losses of most cells were measured, else none. */
#define TN_ANALYZE_AUTOMATIC G_MAXUINT
#define TN_ANALYZE_DEFAULT_CHECKS 3

typedef struct
{
  char            *model_path;
  char           **data;            /* paths */
  TnDatasetOptions format;
  char            *tokenizer_path;  /* or NULL */
  char            *schemes;         /* names, NULL: TN_ANALYZE_DEFAULT_SCHEMES */
  char            *activations;     /* scheme of the inputs of every layer; NULL: as the model has them */
  char            *stats_path;      /* statistics: fixed scales of activations, and what findings tell of inputs; or NULL */
  char            *method;          /* of fixed scales, or NULL */
  guint            seq_len;         /* tokens a sample */
  guint            score_samples;   /* 0: no scores */
  guint            measure_samples;
  guint            measure;         /* cells whose loss is measured: those with the highest scores; TN_ANALYZE_ALL */
  guint            check_plans;     /* whole plans of the front that are measured, beside each scheme in all layers; 0: none at all;
                                     * TN_ANALYZE_AUTOMATIC */
  guint            error_samples;   /* of outputs' errors; 0: none */
  guint            hessian_probes;  /* 0: no traces */
  gboolean         exhaustive;      /* measuring does not stop early */
  char            *layer;           /* that is to be looked at: it has to be one of the model; or NULL */
  char            *carriers;        /* scheme whose errors are traced to channels and tokens; NULL: the first */
  guint64          seed;
  char            *out_path;        /* or NULL */
} TnAnalyzeOptions;

/* Defaults; free with tn_analyze_options_free(). */
TnAnalyzeOptions *tn_analyze_options_new  (void);
void              tn_analyze_options_free (TnAnalyzeOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnAnalyzeOptions, tn_analyze_options_free)
/* TN_ERROR_ARGUMENT: found before any work. */
gboolean          tn_analyze_check        (const TnAnalyzeOptions *options, GError **error);

/* The samples of an analysis: those of `options` with targets, as one batch; drawn at random by its seed, in random order, so that the first of them are
 * a draw themselves. TN_ERROR_DATA: fewer tokens than are needed for one. */
TnBatch          *tn_analyze_draw         (const TnAnalyzeOptions *options, TnDataset *dataset, guint n, const TnListener *listener,
                                           GCancellable *cancellable, GError **error);
/* The first n sequences of it. */
TnBatch          *tn_analyze_take         (const TnBatch *samples, guint first, guint n);

/* The analysis itself. Models are recorded in workspace, if not NULL. What is written is options->out_path, if not NULL. */
TnAnalysis       *tn_analyze_model        (const TnAnalyzeOptions *options, TnWorkspace *workspace, const TnListener *listener,
                                           GCancellable *cancellable, GError **error);
/* For the row of a run: what it is asked to do. Free with g_free(). */
char             *tn_analyze_describe     (const TnAnalyzeOptions *options);

/* A job that analyzes. Takes over options. *result takes the analysis when it ends well, and must outlive the job. */
TnJob            *tn_analyze_job_new      (TnAnalyzeOptions *options, TnWorkspace *workspace, TnAnalysis **result);

G_END_DECLS
