/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "data/datasets/dataset.h"
#include "engine/metrics/output-metrics.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

typedef struct
{
  double  loss;        /* nats a predicted token */
  double  loss_stderr; /* over windows */
  double  perplexity;
  double  accuracy;    /* share of tokens whose best guess is right */
  guint64 tokens;      /* predicted */
  double  seconds;
} TnEvaluation;

/* Of two models on the same windows, a - b. The windows' differences have an error of their own, far below those of the two losses, which share
 * what is hard and easy in the text. */
typedef struct
{
  double loss;        /* nats a predicted token */
  double loss_stderr; /* over windows; NaN: one window */
} TnLossDifference;

/* Scores every window of the data set under both models, batch by batch. outputs: how the predictions of a differ from those of b, its reference
 * (intervals of 95 %), or NULL; it takes the logits of a batch twice, so that batches are made smaller where they are large, which changes no
 * number. TN_ERROR_SHAPE: outputs of models with different vocabularies. */
gboolean tn_evaluate_pair (TnModel *a, TnModel *b, TnDataset *dataset, guint seq_len, guint batch_size, TnEvaluation *evaluation_a,
                           TnEvaluation *evaluation_b, TnLossDifference *difference, TnOutputSummary *outputs, const TnListener *listener,
                           GCancellable *cancellable, GError **error);
/* Scores every window of the data set. */
gboolean tn_evaluate (TnModel *model, TnDataset *dataset, guint seq_len, guint batch_size, TnEvaluation *evaluation,
                      const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
