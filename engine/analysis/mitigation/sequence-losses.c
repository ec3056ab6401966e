/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/sequence-losses.h"

#include <glib/gi18n-lib.h>

#include "engine/device/device.h"
#include "engine/error.h"

typedef struct
{
  TnSequenceLosses *losses;
  TnModel *model;
  const TnBatch *batch;
  GCancellable *cancellable;
  gboolean ok;
  GError *error;
} BatchCall;

static void
measure_batch (gpointer user_data)
{
  BatchCall *call = user_data;
  const TnBatch *batch = call->batch;
  g_autofree double *row_nll = g_new0 (double, MAX (batch->n_tokens, 1));
  TnForwardOptions options = {.cancellable = call->cancellable};
  TnLoss loss = {0};
  gsize row = 0;

  call->ok = tn_model_forward (call->model, batch, &options, NULL, &loss, row_nll, &call->error);
  for (guint s = 0; call->ok && s < batch->n_sequences; s++)
    {
      const TnSequence *sequence = &batch->sequences[s];
      double nll = 0.0, count = 0.0;

      for (guint i = 0; i < sequence->length; i++, row++)
        if (sequence->targets != NULL && sequence->targets[i] >= 0)
          {
            nll += row_nll[row];
            count += 1.0;
          }
      if (count == 0.0)
        continue;
      g_array_append_val (call->losses->nll, nll);
      g_array_append_val (call->losses->counts, count);
    }
}

gboolean
tn_sequence_losses_measure (TnSequenceLosses *self, TnModel *model, GPtrArray *batches, GCancellable *cancellable, GError **error)
{
  tn_sequence_losses_clear (self);
  self->nll = g_array_new (FALSE, FALSE, sizeof (double));
  self->counts = g_array_new (FALSE, FALSE, sizeof (double));
  for (guint i = 0; i < batches->len; i++)
    {
      BatchCall call = {self, model, g_ptr_array_index (batches, i), cancellable, FALSE, NULL};

      tn_compute_run (measure_batch, &call);
      if (call.ok)
        continue;
      g_propagate_error (error, call.error);
      return FALSE;
    }
  if (self->nll->len > 0)
    return TRUE;
  g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                       _ ("the data hold no token to predict: a document of two tokens or more is needed"));
  return FALSE;
}

void
tn_sequence_losses_clear (TnSequenceLosses *self)
{
  g_clear_pointer (&self->nll, g_array_unref);
  g_clear_pointer (&self->counts, g_array_unref);
}

static const double *
get_values (const GArray *array)
{
  return (const double *) (const void *) array->data;
}

TnEstimate
tn_sequence_losses_get (const TnSequenceLosses *self)
{
  return tn_estimate_ratio (get_values (self->nll), get_values (self->counts), self->nll->len);
}

TnEstimate
tn_sequence_losses_compare (const TnSequenceLosses *self, const TnSequenceLosses *other)
{
  g_autofree double *differences = g_new (double, MAX (self->nll->len, 1));

  g_return_val_if_fail (self->nll->len == other->nll->len, TN_ESTIMATE_NONE);

  for (guint i = 0; i < self->nll->len; i++)
    differences[i] = g_array_index (self->nll, double, i) - g_array_index (other->nll, double, i);
  return tn_estimate_ratio (differences, get_values (self->counts), self->nll->len);
}
