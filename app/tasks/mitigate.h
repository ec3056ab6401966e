/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/analyze.h"
#include "app/tasks/evaluate.h"
#include "engine/analysis/mitigation/mitigation.h"

G_BEGIN_DECLS

#define TN_MITIGATE_DEFAULT_SAMPLES 64

typedef struct
{
  TnAnalyzeOptions *source;  /* model, data, tokenizer, seed and length of a sample; owned */
  char             *scheme;
  char             *only;    /* kinds by name, or NULL: all */
  double            seconds; /* 0: as long as it takes */
  guint             fit_samples; /* that weights are fitted on; a quarter as many choose, half as many check */
  char            **held_out;  /* data whose every window checks, as ternion eval scores it; NULL: samples of the data that neither fitted nor chose */
  char             *write_path; /* folder for the mitigated model, its plan beside it as FOLDER.plan; or NULL */
} TnMitigateOptions;

/* Takes source over. */
TnMitigateOptions *tn_mitigate_options_new  (TnAnalyzeOptions *source);
void               tn_mitigate_options_free (TnMitigateOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnMitigateOptions, tn_mitigate_options_free)
/* TN_ERROR_ARGUMENT: found before any work. */
gboolean           tn_mitigate_check        (const TnMitigateOptions *options, GError **error);

/* On data that neither fitted nor chose: of the model as it is, rounded plainly, mitigated. */
typedef struct
{
  TnMitigation *mitigation;
  TnEstimate    loss, plain_change, mitigated_change; /* nats a token, paired */
  TnEvaluation  evaluations[3];                       /* of held-out data; tokens 0: there is none */
  guint         fit_samples, choose_samples, check_samples;
  char         *written;      /* folder; or NULL */
  char         *written_plan;
} TnMitigateResult;

void   tn_mitigate_result_clear (TnMitigateResult *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnMitigateResult, tn_mitigate_result_clear)

/* A job that mitigates, checks, writes, reads back what it wrote, rounds it by the plan and compares it with what was measured. Takes over options. result
 * is filled when it ends well and must outlive the job. */
TnJob *tn_mitigate_job_new      (TnMitigateOptions *options, TnWorkspace *workspace, TnMitigateResult *result);

G_END_DECLS
