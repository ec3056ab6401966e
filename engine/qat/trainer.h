/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/nn/network.h"
#include "engine/qat/gradient-norm.h"
#include "engine/qat/optimizer.h"
#include "engine/qat/schedule.h"
#include "engine/qat/training-loss.h"

G_BEGIN_DECLS

/* TnTrainer: a network, a loss, an optimizer and a schedule; takes steps. Everything is recorded, planned and allocated when it is made: a step
 * allocates nothing. All functions on the compute thread. */
typedef struct _TnTrainer TnTrainer;

typedef struct
{
  TnNetworkShape      shape;          /* of one batch */
  guint               accumulate;     /* batches a step, > 0 */
  TnTrainingLossOptions loss;
  TnOptimizerOptions  optimizer;
  TnSchedule          schedule;
  TnGradientClip      clip;
  double              gradient_limit; /* each element is kept within it; INFINITY: none */
  double              latent_limit;   /* latent weights are kept within so many times their scale; INFINITY: none */
  gboolean            releases;       /* a variable is changed as soon as its gradient is complete, and the gradient forgotten: no memory for
                                         gradients; accumulate is 1, and the norm that clips is that of the step before */
} TnTrainerOptions;

/* Bytes, known before the first step. */
typedef struct
{
  gsize variables, gradients, optimizer;
  gsize activations; /* of the training tape */
  gsize evaluation;  /* of the evaluation tape; allocated at its first use */
} TnTrainerMemory;

/* teacher may be NULL; it is only read. Takes references. TN_ERROR_ARGUMENT, TN_ERROR_SHAPE, TN_ERROR_MEMORY. */
TnTrainer *tn_trainer_new        (TnNetwork *network, TnNetwork *teacher, const TnTrainerOptions *options, GError **error);
void       tn_trainer_free       (TnTrainer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTrainer, tn_trainer_free)
void       tn_trainer_get_memory (TnTrainer *self, TnTrainerMemory *memory);

/* Fills one batch of the trainer's shape: inputs are gint32 tokens or float features; targets [n_sequences * length], -1: not scored. */
typedef gboolean (*TnFillFunc) (gpointer inputs, gint32 *targets, gpointer user_data, GError **error);

typedef struct
{
  guint64     step;             /* which this was, from 0 */
  double      loss;             /* that gradients are of; mean over the batches */
  TnTrainingLossParts parts;
  double      gradient_norm;    /* before clipping; NaN where it is not known */
  double      rate, lambda;
  guint64     n_targets;        /* that were scored */
  gboolean    skipped;          /* the loss or a gradient was not finite: nothing was changed */
  gboolean    spoiled;          /* the same, with gradient release: what was changed is to be restored from a checkpoint */
  const char *culprit;          /* the first variable whose gradient was not finite; NULL: the loss, or it is not known */
} TnStepReport;

/* One step. FALSE: fill failed, or it was cancelled; then variables are as they were (with release: they may be changed in part). */
gboolean   tn_trainer_step       (TnTrainer *self, TnFillFunc fill, gpointer user_data, TnStepReport *report, GCancellable *cancellable,
                                  GError **error);

typedef struct
{
  double  loss;      /* of the task alone (cross entropy), nats a target */
  double  accuracy;  /* share of targets that are the best guess */
  guint64 n_targets;
} TnTrainerEvaluation;

/* Batches 0 .. n - 1, which fill gives in turn, by the network as it is now: rounded in full (lambda 1), without dropout. */
gboolean   tn_trainer_evaluate   (TnTrainer *self, guint n, TnFillFunc fill, gpointer user_data, TnTrainerEvaluation *evaluation,
                                  GCancellable *cancellable, GError **error);

TnNetwork *tn_trainer_get_network (TnTrainer *self);
const TnTrainerOptions *tn_trainer_get_options (TnTrainer *self);

/* What a checkpoint needs to go on to the same bits: these arrays, and the counts. */
typedef struct
{
  const char *name;  /* "model/blk.0.attn_q.weight", "optimizer/blk.0.attn_q.weight.moment1" */
  TnDtype     dtype;
  TnShape     shape;
  void       *data;
} TnStateTensor;

typedef struct
{
  guint64 step;          /* the next one */
  guint64 n_skipped;
  double  previous_norm; /* of the gradients; NaN: none yet */
} TnTrainerCounts;

/* Owned by self; data is read and may be written between steps. */
const TnStateTensor *tn_trainer_get_state (TnTrainer *self, guint *n);
TnTrainerCounts      tn_trainer_get_counts (TnTrainer *self);
void                 tn_trainer_set_counts (TnTrainer *self, const TnTrainerCounts *counts);

G_END_DECLS
