/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/folding.h"
#include "engine/analysis/mitigation/mitigation-private.h"
#include "engine/analysis/mitigation/rotation.h"
#include "engine/analysis/mitigation/wide-vector.h"
#include "engine/device/device.h"
#include "engine/error.h"

/* Products of the inputs of all layers, X^T X by site. */
typedef struct
{
  TnModel *model;
  GPtrArray *batches;
  GCancellable *cancellable;
  double **grams; /* [sites], NULL where it is no input of a layer in a block */
  gboolean ok;
  GError *error;
} Grams;

static void
add_site (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  const Grams *self = user_data;
  double *gram = self->grams[site->index];
  gsize width = site->width;
  g_autofree double *wide = NULL;

  if (gram == NULL)
    return;
  wide = g_new (double, batch->n_tokens *width);
  for (gsize i = 0; i < batch->n_tokens * width; i++)
    wide[i] = (double) x[i];
#pragma omp parallel for schedule(static)
  for (gsize i = 0; i < width; i++)
    for (gsize t = 0; t < batch->n_tokens; t++)
      tn_add_scaled (wide[t * width + i], wide + t * width, width, gram + i * width);
}

static void
collect_on_compute_thread (gpointer user_data)
{
  Grams *self = user_data;
  TnForwardOptions options = {.kinds = TN_SITE_INPUT, .observe = add_site, .user_data = self, .cancellable = self->cancellable};

  self->ok = TRUE;
  for (guint i = 0; i < self->batches->len && self->ok; i++)
    self->ok = tn_model_forward (self->model, g_ptr_array_index (self->batches, i), &options, NULL, NULL, NULL, &self->error);
}

static void
grams_clear (Grams *self)
{
  for (guint i = 0; self->grams != NULL && i < tn_model_n_sites (self->model); i++)
    g_free (self->grams[i]);
  g_clear_pointer (&self->grams, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Grams, grams_clear)

static gboolean
collect_grams (Grams *self, GError **error)
{
  self->grams = g_new0 (double *, tn_model_n_sites (self->model));
  for (guint i = 0; i < tn_model_n_sites (self->model); i++)
    {
      const TnSite *site = tn_model_get_site (self->model, i);

      if (site->kind == TN_SITE_INPUT && site->layer != G_MAXUINT && site->shared_with == i)
        self->grams[i] = g_new0 (double, (gsize) site->width * site->width);
    }
  tn_compute_run (collect_on_compute_thread, self);
  if (!self->ok)
    g_propagate_error (error, self->error);
  return self->ok;
}

/* A change of the whole model on its way. */
typedef struct
{
  const TnMitigationRun *run;
  TnModelEdit *edit;
  Grams *grams;
  TnRotationReport rotation;
  guint n_folds, n_changed;
  gboolean ok;
  GError *error;
} Change;

static void
rotate (gpointer user_data)
{
  Change *self = user_data;

  self->ok = tn_rotate_values (self->edit, &self->rotation, &self->error) &&
             tn_rotate_residual (self->edit, self->run->result->options.seed, &self->rotation, &self->error);
}

/* The gram of the input of that layer. */
static double *
find_gram (const Change *self, guint block, const char *layer, gsize *width)
{
  g_autofree char *name = g_strdup_printf ("blk.%u.%s.in", block, layer);
  const TnSite *site = tn_model_get_site (self->grams->model, (guint) tn_model_find_site (self->grams->model, name));

  *width = site->width;
  return self->grams->grams[site->shared_with];
}

/* One fold of a block; the gram of the readers' input follows. */
static gboolean
fold (Change *self, guint block, TnFold which, const char *reader, const char *writer)
{
  gsize width, writer_width = 0;
  double *gram = find_gram (self, block, reader, &width);
  const double *writer_gram = writer != NULL ? find_gram (self, block, writer, &writer_width) : NULL;
  g_autofree double *s = NULL;
  TnFoldChoice choice;

  s = tn_fold_find (self->edit, block, which, &self->run->result->written, gram, writer_gram, &choice, &self->error);
  if (s == NULL || !tn_fold_apply (self->edit, block, which, s, &self->error))
    return FALSE;
  self->n_folds++;
  self->n_changed += choice.after < choice.before;
  /* Where channels are those of the input. Nothing else reads the others. */
  if (which == TN_FOLD_VALUES || which == TN_FOLD_UP)
    return TRUE;
  for (gsize i = 0; i < width; i++)
    for (gsize j = 0; j < width; j++)
      gram[i * width + j] /= s[i] * s[j];
  return TRUE;
}

static void
fold_all (gpointer user_data)
{
  Change *self = user_data;
  guint n = tn_model_edit_get_config (self->edit)->n_layer;

  self->ok = TRUE;
  for (guint block = 0; block < n && self->ok; block++)
    self->ok = !g_cancellable_set_error_if_cancelled (self->run->cancellable, &self->error) &&
               fold (self, block, TN_FOLD_ATTENTION_NORM, "attn_q", NULL) &&
               fold (self, block, TN_FOLD_VALUES, "attn_output", "attn_v") &&
               fold (self, block, TN_FOLD_FFN_NORM, "ffn_gate", NULL) && fold (self, block, TN_FOLD_UP, "ffn_down", "ffn_up");
}

/* Keeps the changed model where it loses less when all of it is rounded. */
static gboolean
judge (TnMitigationRun *run, TnMitigationStep *step, TnMitigationKind kind, Change *change, char *detail, gint64 start_us,
       GError **error)
{
  TnMitigation *self = run->result;
  g_autoptr (TnModel) changed = tn_model_edit_finish (change->edit, error), rounded = NULL;
  g_auto (TnSequenceLosses) losses = {0};
  TnMitigationTrial trial = {.kind = kind, .detail = detail, .error = (double) NAN};

  if (changed != NULL)
    rounded = tn_mitigation_round_all (run, changed, error);
  if (rounded == NULL || !tn_sequence_losses_measure (&losses, rounded, run->choosing, run->cancellable, error))
    {
      g_free (detail);
      return FALSE;
    }
  trial.change = tn_sequence_losses_compare (&losses, &run->reference);
  trial.kept = trial.change.value < 0.0 && !(trial.change.high >= 0.0);
  trial.seconds = tn_mitigation_seconds_since (start_us);
  if (trial.kept)
    {
      TnSequenceLosses old = run->reference;

      run->reference = losses;
      losses = old;
      tn_model_unref (self->base);
      self->base = g_steal_pointer (&changed);
      self->added_bytes += change->rotation.added_bytes;
    }
  else
    trial.reason =
        g_strdup (trial.change.value < 0.0 ? _ ("it loses less by no more than chance") : _ ("the model loses less without it"));
  tn_mitigation_add_trial (step, &trial);
  return TRUE;
}

static gboolean
try_change (TnMitigationRun *run, TnMitigationStep *step, TnMitigationKind kind, GError **error)
{
  gint64 start_us = g_get_monotonic_time ();
  g_autoptr (TnModelEdit) edit = tn_model_edit_new (run->result->base, error);
  g_auto (Grams) grams = {.model = run->result->base, .batches = run->fitting, .cancellable = run->cancellable};
  Change change = {.run = run, .edit = edit, .grams = &grams};
  char *detail;

  if (edit == NULL || (kind == TN_MITIGATION_SMOOTH && !collect_grams (&grams, error)))
    return FALSE;
  tn_compute_run (kind == TN_MITIGATION_ROTATE ? rotate : fold_all, &change);
  if (!change.ok)
    {
      g_propagate_error (error, change.error);
      return FALSE;
    }
  if (kind == TN_MITIGATION_ROTATE)
    detail = g_strdup_printf (_ ("residual stream in blocks of %zu, values in blocks of %zu"), change.rotation.residual_block,
                              change.rotation.value_block);
  else
    detail = g_strdup_printf (_ ("scales in %u of %u places"), change.n_changed, change.n_folds);
  return judge (run, step, kind, &change, detail, start_us, error);
}

/* Of its time the layers are to have the most. */
static gboolean
is_late (const TnMitigationRun *run)
{
  double limit = run->result->options.seconds;

  return limit > 0.0 && tn_mitigation_seconds_since (run->start_us) > limit / 3.0;
}

static gboolean
measure_reference (TnMitigationRun *run, GError **error)
{
  g_autoptr (TnModel) rounded = tn_mitigation_round_all (run, run->result->base, error);

  return rounded != NULL && tn_sequence_losses_measure (&run->reference, rounded, run->choosing, run->cancellable, error);
}

gboolean
tn_mitigation_transform (TnMitigationRun *run, GError **error)
{
  static const TnMitigationKind kinds[] = {TN_MITIGATION_ROTATE, TN_MITIGATION_SMOOTH};
  TnMitigationStep *step = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      if (!(run->result->options.kinds & kinds[i]))
        continue;
      if (!tn_listener_boundary (run->listener, error))
        return FALSE;
      if (step == NULL)
        step = tn_mitigation_add_step (run->result, g_strdup (_ ("the whole model")));
      if (!is_late (run) && run->reference.nll == NULL && !measure_reference (run, error))
        return FALSE;
      if (is_late (run))
        tn_mitigation_add_trial (step,
                                 &(TnMitigationTrial){.kind = kinds[i],
                                                      .error = (double) NAN,
                                                      .change = TN_ESTIMATE_NONE,
                                                      .reason = g_strdup (_ ("not tried: a third of the time was used up"))});
      else if (!try_change (run, step, kinds[i], error))
        return FALSE;
    }
  return TRUE;
}
