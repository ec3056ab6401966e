/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate.h"
#include "app/tasks/evaluate.h"

G_BEGIN_DECLS

/* The main job on the bundled sample: inspect, calibrate, score at full precision and with rounded weights, one page of HTML with two figures;
 * then an error analysis with a report of its own. */

typedef struct
{
  const char  *scheme; /* NULL: weights as they are */
  TnEvaluation evaluation;
} TnDemoScore;

#define TN_DEMO_N_SCORES 3

typedef struct
{
  char              *report;
  char              *analysis; /* the report of the analysis; its file lies beside it */
  TnCalibrateResult  calibration;
  TnDemoScore        scores[TN_DEMO_N_SCORES];
} TnDemoResult;

void   tn_demo_result_clear (TnDemoResult *self);
/* report: the page to write; the statistics file lies beside it. result is filled when it ends and must outlive the job. */
TnJob *tn_demo_job_new      (const char *report, TnWorkspace *workspace, TnDemoResult *result);

G_END_DECLS
