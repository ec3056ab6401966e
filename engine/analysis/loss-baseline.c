/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/analysis/loss-changes.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/memory/pool.h"
#include "engine/nn/llama-forward.h"

struct _TnLossBaseline
{
  TnModel *model;
  guint n_windows, n_streams; /* streams: before each block, and behind the last */
  TnBatch **windows;          /* [n_windows] */
  float **streams;            /* [n_windows]: [n_streams, tokens, n_embd] */
  double *losses, *targets;   /* [n_windows] sums */
};

typedef struct
{
  TnLossBaseline *baseline; /* or NULL: streams are not kept */
  TnModel *model;
  const TnBatch *batch;
  guint window, first_block;
  const float *start; /* or NULL: from the tokens */
  TnLoss loss;
  GCancellable *cancellable;
  gboolean ok;
  GError *error;
} Pass;

static float *
get_stream (const TnLossBaseline *self, guint window, guint block)
{
  return self->streams[window] + (gsize) block * self->windows[window]->n_tokens * tn_model_get_config (self->model)->n_embd;
}

static void
keep_stream (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Pass *pass = user_data;

  memcpy (get_stream (pass->baseline, pass->window, site->layer == G_MAXUINT ? 0 : site->layer + 1), x,
          batch->n_tokens * site->width * sizeof *x);
}

static void
run_on_compute_thread (gpointer user_data)
{
  Pass *pass = user_data;
  TnForwardOptions options = {.cancellable = pass->cancellable};

  if (pass->baseline != NULL)
    {
      options.kinds = TN_SITE_RESIDUAL;
      options.observe = keep_stream;
      options.user_data = pass;
    }
  pass->ok = pass->start != NULL ? tn_model_forward_from (pass->model, pass->batch, pass->first_block, pass->start, &options,
                                                          &pass->loss, NULL, &pass->error)
                                 : tn_model_forward (pass->model, pass->batch, &options, NULL, &pass->loss, NULL, &pass->error);
}

static gboolean
run (Pass *pass, GError **error)
{
  tn_compute_run (run_on_compute_thread, pass);
  if (!pass->ok)
    g_propagate_error (error, pass->error);
  return pass->ok;
}

static gboolean
add_window (TnLossBaseline *self, guint w, const TnSequence *sequence, GCancellable *cancellable, GError **error)
{
  Pass pass = {.baseline = self, .model = self->model, .window = w, .cancellable = cancellable};
  gsize stream = (gsize) tn_model_get_config (self->model)->n_embd * sizeof (float);

  self->windows[w] = tn_batch_new (sequence, 1);
  pass.batch = self->windows[w];
  self->streams[w] = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_ACTIVATIONS,
                                          (gsize) self->n_streams * MAX (self->windows[w]->n_tokens, 1), stream, error);
  if (self->streams[w] == NULL)
    return FALSE;
  if (sequence->length == 0 || sequence->targets == NULL)
    return TRUE;
  if (!run (&pass, error))
    return FALSE;
  self->losses[w] = pass.loss.nll_sum;
  self->targets[w] = (double) pass.loss.n_scored;
  if (isfinite (pass.loss.nll_sum))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("window %u: the model's loss is not finite, so no change of it can be measured"), w);
  return FALSE;
}

TnLossBaseline *
tn_loss_baseline_new (TnModel *model, const TnBatch *windows, const TnListener *listener, GCancellable *cancellable,
                      GError **error)
{
  g_autoptr (TnLossBaseline) self = g_new0 (TnLossBaseline, 1);
  guint n = windows->n_sequences;
  double targets = 0.0;

  self->model = tn_model_ref (model);
  self->n_windows = n;
  self->n_streams = tn_model_get_config (model)->n_layer + 1;
  self->windows = g_new0 (TnBatch *, MAX (n, 1));
  self->streams = g_new0 (float *, MAX (n, 1));
  self->losses = g_new0 (double, MAX (n, 1));
  self->targets = g_new0 (double, MAX (n, 1));
  for (guint w = 0; w < n; w++)
    {
      if (!tn_listener_boundary (listener, error) || !add_window (self, w, &windows->sequences[w], cancellable, error))
        return NULL;
      targets += self->targets[w];
      tn_listener_progress (listener, w + 1, n, "windows");
    }
  if (targets > 0.0)
    return g_steal_pointer (&self);
  g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                       _ ("the data hold no token to predict: a document of two tokens or more is needed"));
  return NULL;
}

void
tn_loss_baseline_free (TnLossBaseline *self)
{
  if (self == NULL)
    return;
  for (guint w = 0; w < self->n_windows; w++)
    {
      g_clear_pointer (&self->windows[w], tn_batch_unref);
      tn_pool_release (tn_pool_default (), self->streams[w]);
    }
  g_free (self->windows);
  g_free (self->streams);
  g_free (self->losses);
  g_free (self->targets);
  tn_model_unref (self->model);
  g_free (self);
}

guint
tn_loss_baseline_n_windows (const TnLossBaseline *self)
{
  return self->n_windows;
}

TnEstimate
tn_loss_baseline_get_loss (const TnLossBaseline *self)
{
  return tn_estimate_ratio (self->losses, self->targets, self->n_windows);
}

gboolean
tn_loss_baseline_measure (TnLossBaseline *self, TnModel *changed, guint first_block, guint w, double *difference,
                          double *n_targets, GCancellable *cancellable, GError **error)
{
  Pass pass = {.model = changed, .window = w, .first_block = first_block, .cancellable = cancellable};

  g_return_val_if_fail (w < self->n_windows && first_block < self->n_streams, FALSE);

  *difference = 0.0;
  *n_targets = self->targets[w];
  if (self->targets[w] == 0.0)
    return TRUE;
  pass.batch = self->windows[w];
  pass.start = get_stream (self, w, first_block);
  if (!run (&pass, error))
    return FALSE;
  *difference = pass.loss.nll_sum - self->losses[w];
  return TRUE;
}

gboolean
tn_loss_baseline_compare (TnLossBaseline *self, TnModel *changed, guint first_block, TnEstimate *change,
                          GCancellable *cancellable, GError **error)
{
  g_autofree double *differences = g_new (double, self->n_windows), *targets = g_new (double, self->n_windows);
  guint n = 0;

  for (guint w = 0; w < self->n_windows; w++)
    {
      if (!tn_loss_baseline_measure (self, changed, first_block, w, &differences[n], &targets[n], cancellable, error))
        return FALSE;
      n += targets[n] > 0.0;
    }
  *change = tn_estimate_ratio (differences, targets, n);
  return TRUE;
}
