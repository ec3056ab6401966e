/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-forward.h"

#include "engine/device/device.h"

typedef struct
{
  TnModel       *model;
  const TnBatch *batch;
  TnStats       *batch_stats;
  TnSiteKind     kinds;
  GCancellable  *cancellable;
  gboolean       ok;
  GError        *error;
} ForwardCall;

static void
forward_on_compute_thread (gpointer user_data)
{
  ForwardCall *call = user_data;
  TnForwardOptions options = {
    .kinds = call->kinds, .observe = tn_stats_observe, .user_data = call->batch_stats, .cancellable = call->cancellable,
  };

  call->ok = tn_model_forward (call->model, call->batch, &options, NULL, NULL, NULL, &call->error);
}

gboolean
tn_calibrate_forward (TnModel *model, TnModelFile *file, const TnBatch *batch, TnSiteKind kinds, TnStats *batch_stats, GCancellable *cancellable,
                      GError **error)
{
  ForwardCall call = { .model = model, .batch = batch, .batch_stats = batch_stats, .kinds = kinds, .cancellable = cancellable };

  tn_stats_clear (batch_stats);
  tn_compute_run (forward_on_compute_thread, &call);
  if (!call.ok)
    {
      g_propagate_error (error, call.error);
      return FALSE;
    }
  if (!tn_model_file_check (file, error))
    return FALSE;
  tn_stats_count_batch (batch_stats, batch);
  return TRUE;
}
