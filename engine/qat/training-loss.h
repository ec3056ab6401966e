/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/network.h"
#include "engine/qat/weight-penalties.h"

G_BEGIN_DECLS

/* What is minimized: (1 - distill) cross entropy + distill temperature^2 KL (teacher || network) + z_loss mean (log-sum-exp^2) + penalties of
 * the weights (engine/autograd/functions/head-loss.h, cross-entropy.h). */
typedef struct
{
  double distill;         /* 0 .. 1; more than 0 needs a teacher */
  double temperature;     /* > 0 */
  double z_loss;
  double label_smoothing; /* of networks that give logits */
  TnWeightPenalties penalties;
  gboolean keeps_logits;  /* of a fused head, from forward to backward: more memory, fewer products, the same bits */
} TnTrainingLossOptions;

/* Means over the targets, nats. */
typedef struct
{
  double  cross_entropy;
  double  distillation; /* KL, without the square of the temperature; NaN without a teacher */
  double  penalties[TN_N_PENALTIES]; /* as they are in the loss; 0 where they are not */
  guint64 n_targets, n_correct;
} TnTrainingLossParts;

/* Recorded: to be read after a forward pass. */
typedef struct
{
  TnValue *loss;
  TnValue *sums; /* PACKED: TnHeadLossSums */
  TnValue *distillation;              /* of logits: the temperature's square times the mean KL; NULL: sums have it, or there is no teacher */
  double   temperature;
  TnValue *penalty_part;              /* scalar input that penalties are multiplied by, to be filled; NULL: there are none */
  TnValue *penalties[TN_N_PENALTIES]; /* or NULL */
} TnTrainingLoss;

/* options NULL: cross entropy alone, for evaluation. teacher may be NULL. */
void tn_training_loss_record (TnTrainingLoss *self, TnTape *tape, TnNetwork *network, TnNetwork *teacher,
                              const TnTrainingLossOptions *options, TnValue *input, TnValue *targets, const TnNetworkShape *shape);
/* Adds the sums of this batch to those of parts: divide by n_targets at the end, tn_training_loss_finish(). */
void tn_training_loss_add    (const TnTrainingLoss *self, TnTrainingLossParts *parts);
void tn_training_loss_finish (TnTrainingLossParts *parts);

G_END_DECLS
