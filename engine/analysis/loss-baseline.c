/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/analysis/loss-changes.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/memory/pool.h"
#include "engine/nn/llama-forward.h"

/* Windows that go through the model at once. */
typedef struct
{
  TnBatch *batch;
  float *streams; /* [n_streams, tokens, n_embd] */
  guint first, n; /* windows */
} Group;

struct _TnLossBaseline
{
  TnModel *model;
  guint n_windows, n_groups, n_streams; /* streams: before each block, and behind the last */
  Group *groups;
  double *losses, *targets; /* [n_windows] sums */
};

typedef struct
{
  TnLossBaseline *baseline; /* or NULL: streams are not kept */
  TnModel *model;
  const Group *group;
  guint first_block;
  const float *start; /* or NULL: from the tokens */
  double *row_nll;
  GCancellable *cancellable;
  gboolean ok;
  GError *error;
} Pass;

static float *
get_stream (const TnLossBaseline *self, const Group *group, guint block)
{
  return group->streams + (gsize) block * group->batch->n_tokens * tn_model_get_config (self->model)->n_embd;
}

static void
keep_stream (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Pass *pass = user_data;

  memcpy (get_stream (pass->baseline, pass->group, site->layer == G_MAXUINT ? 0 : site->layer + 1), x,
          batch->n_tokens * site->width * sizeof *x);
}

static void
run_on_compute_thread (gpointer user_data)
{
  Pass *pass = user_data;
  const TnBatch *batch = pass->group->batch;
  TnForwardOptions options = {.cancellable = pass->cancellable};

  if (pass->baseline != NULL)
    {
      options.kinds = TN_SITE_RESIDUAL;
      options.observe = keep_stream;
      options.user_data = pass;
    }
  pass->ok = pass->start != NULL ? tn_model_forward_from (pass->model, batch, pass->first_block, pass->start, &options, NULL,
                                                          pass->row_nll, &pass->error)
                                 : tn_model_forward (pass->model, batch, &options, NULL, NULL, pass->row_nll, &pass->error);
}

/* losses: [group->n] summed. */
static gboolean
run (Pass *pass, double *losses, GError **error)
{
  const TnBatch *batch = pass->group->batch;
  g_autofree double *row_nll = g_new0 (double, MAX (batch->n_tokens, 1));
  gsize row = 0;

  pass->row_nll = row_nll;
  tn_compute_run (run_on_compute_thread, pass);
  if (!pass->ok)
    {
      g_propagate_error (error, pass->error);
      return FALSE;
    }
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      losses[s] = 0.0;
      for (guint i = 0; i < batch->sequences[s].length; i++, row++)
        losses[s] += row_nll[row];
    }
  return TRUE;
}

static guint
count_targets (const TnSequence *sequence)
{
  guint n = 0;

  for (guint i = 0; sequence->targets != NULL && i < sequence->length; i++)
    n += sequence->targets[i] >= 0;
  return n;
}

/* sequences: those of the group. */
static gboolean
add_group (TnLossBaseline *self, Group *group, const TnSequence *sequences, GCancellable *cancellable, GError **error)
{
  Pass pass = {.baseline = self, .model = self->model, .group = group, .cancellable = cancellable};
  gsize stream = (gsize) tn_model_get_config (self->model)->n_embd * sizeof (float);

  group->batch = tn_batch_new (sequences, group->n);
  group->streams = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_ACTIVATIONS,
                                        (gsize) self->n_streams * group->batch->n_tokens, stream, error);
  if (group->streams == NULL || !run (&pass, self->losses + group->first, error))
    return FALSE;
  for (guint i = 0; i < group->n; i++)
    {
      self->targets[group->first + i] = count_targets (&sequences[i]);
      if (isfinite (self->losses[group->first + i]))
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("window %u: the model's loss is not finite, so no change of it can be measured"), group->first + i);
      return FALSE;
    }
  return TRUE;
}

static GArray *
take_scored (const TnBatch *windows)
{
  GArray *sequences = g_array_new (FALSE, FALSE, sizeof (TnSequence));

  for (guint i = 0; i < windows->n_sequences; i++)
    if (count_targets (&windows->sequences[i]) > 0)
      g_array_append_val (sequences, windows->sequences[i]);
  return sequences;
}

TnLossBaseline *
tn_loss_baseline_new (TnModel *model, const TnBatch *windows, guint together, const TnListener *listener,
                      GCancellable *cancellable, GError **error)
{
  g_autoptr (TnLossBaseline) self = g_new0 (TnLossBaseline, 1);
  g_autoptr (GArray) sequences = take_scored (windows);
  guint n = sequences->len;

  g_return_val_if_fail (together > 0, NULL);

  self->model = tn_model_ref (model);
  self->n_windows = n;
  self->n_groups = (n + together - 1) / together;
  self->n_streams = tn_model_get_config (model)->n_layer + 1;
  self->groups = g_new0 (Group, MAX (self->n_groups, 1));
  self->losses = g_new0 (double, MAX (n, 1));
  self->targets = g_new0 (double, MAX (n, 1));
  if (n == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                           _ ("the data hold no token to predict: a document of two tokens or more is needed"));
      return NULL;
    }
  for (guint g = 0; g < self->n_groups; g++)
    {
      Group *group = &self->groups[g];

      group->first = g * together;
      group->n = MIN (together, n - group->first);
      if (!tn_listener_boundary (listener, error) ||
          !add_group (self, group, &g_array_index (sequences, TnSequence, group->first), cancellable, error))
        return NULL;
      tn_listener_progress (listener, group->first + group->n, n, "windows");
    }
  return g_steal_pointer (&self);
}

void
tn_loss_baseline_free (TnLossBaseline *self)
{
  if (self == NULL)
    return;
  for (guint g = 0; g < self->n_groups; g++)
    {
      g_clear_pointer (&self->groups[g].batch, tn_batch_unref);
      tn_pool_release (tn_pool_default (), self->groups[g].streams);
    }
  g_free (self->groups);
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

guint
tn_loss_baseline_n_groups (const TnLossBaseline *self)
{
  return self->n_groups;
}

TnEstimate
tn_loss_baseline_get_loss (const TnLossBaseline *self)
{
  return tn_estimate_ratio (self->losses, self->targets, self->n_windows);
}

gboolean
tn_loss_baseline_measure (TnLossBaseline *self, TnModel *changed, guint first_block, guint group, GArray *differences,
                          GArray *targets, GCancellable *cancellable, GError **error)
{
  const Group *windows = &self->groups[group];
  Pass pass = {.model = changed, .group = windows, .first_block = first_block, .cancellable = cancellable};
  g_autofree double *losses = NULL;

  g_return_val_if_fail (group < self->n_groups && first_block < self->n_streams, FALSE);

  losses = g_new (double, windows->n);
  pass.start = get_stream (self, windows, first_block);
  if (!run (&pass, losses, error))
    return FALSE;
  for (guint i = 0; i < windows->n; i++)
    {
      double difference = losses[i] - self->losses[windows->first + i];

      g_array_append_val (differences, difference);
      g_array_append_val (targets, self->targets[windows->first + i]);
    }
  return TRUE;
}

gboolean
tn_loss_baseline_compare (TnLossBaseline *self, TnModel *changed, guint first_block, TnEstimate *change,
                          GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) differences = g_array_new (FALSE, FALSE, sizeof (double)),
                     targets = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint g = 0; g < self->n_groups; g++)
    if (!tn_loss_baseline_measure (self, changed, first_block, g, differences, targets, cancellable, error))
      return FALSE;
  *change = tn_estimate_ratio ((const double *) (gpointer) differences->data, (const double *) (gpointer) targets->data,
                               differences->len);
  return TRUE;
}
