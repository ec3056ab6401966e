/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/batch-loss.h"

#include "engine/device/device.h"

typedef struct
{
  TnModel       *model;
  const TnBatch *batch;
  TnLoss        *loss;
  double        *row_nll;
  float         *logits;
  GCancellable  *cancellable;
  gboolean       ok;
  GError        *error;
} LossCall;

static void
loss_on_compute_thread (gpointer user_data)
{
  LossCall *call = user_data;
  TnForwardOptions options = { .cancellable = call->cancellable };

  call->ok = tn_model_forward (call->model, call->batch, &options, call->logits, call->loss, call->row_nll, &call->error);
}

gboolean
tn_batch_loss (TnModel *model, const TnBatch *batch, TnLoss *loss, double *row_nll, float *logits, GCancellable *cancellable, GError **error)
{
  LossCall call = { .model = model, .batch = batch, .loss = loss, .row_nll = row_nll, .logits = logits, .cancellable = cancellable };

  tn_compute_run (loss_on_compute_thread, &call);
  if (!call.ok)
    g_propagate_error (error, call.error);
  return call.ok;
}
