/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "data/datasets/dataset.h"
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

/* Scores every window of the data set. */
gboolean tn_evaluate (TnModel *model, TnDataset *dataset, guint seq_len, guint batch_size, TnEvaluation *evaluation,
                      const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
