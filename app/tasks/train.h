/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "app/tasks/recipe.h"

G_BEGIN_DECLS

/* A training run: recipe, model or none, data; series and events into the workspace, checkpoints into OUT/checkpoints, the model into OUT/model.
 * One that is resumed is the same run: its row and its series go on, and what came after the checkpoint is replaced.
 *
 * Series: loss (what is minimized), cross_entropy, distillation, penalty/NAME, validation_loss (nats a target), validation_accuracy, rate, lambda,
 * test_loss and test_accuracy once at the end, gradient_norm, tokens_per_second (or images), memory_bytes; and each metrics-every steps, of each
 * rounded layer, layer/NAME/sqnr_db, zeros, flips, saturated, scale. */
typedef struct
{
  TnRecipe *recipe;
  char     *model_path;   /* starts from it; NULL: from scratch */
  char     *teacher_path; /* or NULL */
  char     *out_path;     /* folder */
  char     *branch_path;  /* a checkpoint that a new run starts from, with this recipe; NULL: none */
  char     *events_path;  /* folder for an event file of TensorBoard; NULL: none */
  gboolean  resume;       /* goes on from the newest checkpoint of out_path that can be read; branch_path says then only how it began */
} TnTrainOptions;

/* What a run came to. */
typedef struct
{
  guint64 step, steps, n_skipped;
  guint64 targets;               /* trained on, by this process */
  double  seconds;               /* of steps, without validation and data */
  double  loss;                  /* smoothed, at the end */
  double  validation_loss, validation_accuracy; /* at the end; NaN without */
  double  best_validation;       /* NaN: none */
  double  test_loss, test_accuracy; /* NaN without */
  guint64 parameters;
  gsize   peak_bytes;            /* of the pool */
  double  checkpoint_seconds;    /* that the training thread waited for checkpoints */
  guint   n_checkpoints;
  char   *checkpoint;            /* the last one; or NULL */
  char   *model;                 /* folder of the model; or NULL */
} TnTrainResult;

void   tn_train_result_clear (TnTrainResult *self);

TnTrainOptions *tn_train_options_copy (const TnTrainOptions *self);
void            tn_train_options_free (TnTrainOptions *self);

/* A job that trains; result is filled when it is done or cancelled, and must stay until then. workspace may be NULL. Cancelled: a checkpoint of where it was is
 * written first. */
TnJob *tn_train_job_new (const TnTrainOptions *options, TnWorkspace *workspace, TnTrainResult *result);

G_END_DECLS
