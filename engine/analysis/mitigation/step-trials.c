/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/error-feedback.h"
#include "engine/analysis/mitigation/mitigation-private.h"
#include "engine/analysis/mitigation/step-moments.h"
#include "engine/device/device.h"
#include "engine/error.h"

#define MOST_LAYERS 3
#define TARGET_DAMPING 0.01

/* Layers that read one input. */
static const struct
{
  const char *layers[MOST_LAYERS];
  guint n_layers;
  TnResidualPlace residual;
} places[] = {
    {{"attn_q", "attn_k", "attn_v"}, 3, TN_RESIDUAL_NONE},
    {{"attn_output"}, 1, TN_RESIDUAL_BEFORE},
    {{"ffn_gate", "ffn_up"}, 2, TN_RESIDUAL_NONE},
    {{"ffn_down"}, 1, TN_RESIDUAL_BEHIND},
};

typedef struct
{
  const TnMitigationRun *run;
  TnModel *base;
  TnModel *current; /* layers before are rounded */
  guint block, place;
  char *names[MOST_LAYERS];
  guint n_layers;
  TnResidualPlace residual;
  TnStepMoments moments;
} Step;

/* The layers of a step rounded in one way. */
typedef struct
{
  Step *step;
  TnMitigationKind kind;
  TnTensor *tensors[MOST_LAYERS];
  double error_sum; /* parts of the power of outputs */
  gboolean ok;
  GError *error;
} Candidate;

static void
candidate_clear (Candidate *self)
{
  for (guint i = 0; i < MOST_LAYERS; i++)
    g_clear_pointer (&self->tensors[i], tn_tensor_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Candidate, candidate_clear)

static TnTensor *
round_by_moments (Candidate *self, const TnTensor *weight)
{
  const TnMitigation *mitigation = self->step->run->result;
  const TnFeedbackOptions options = {.no_feedback = self->kind == TN_MITIGATION_SCALE,
                                     .no_descent = self->kind == TN_MITIGATION_SCALE,
                                     .n_refits = mitigation->options.n_refits};
  gsize rows = tn_tensor_rows (weight), columns = tn_tensor_columns (weight);
  g_autofree float *w = g_new (float, weight->count), *target = g_new (float, weight->count);
  TnFeedbackReport report;
  TnTensor *rounded;

  tn_tensor_decode (weight, 0, weight->count, w);
  if (self->kind == TN_MITIGATION_COMPENSATE &&
      !tn_step_moments_make_target (&self->step->moments, w, rows, self->step->residual, TARGET_DAMPING, target, &self->error))
    return NULL;
  rounded = tn_feedback_round (self->kind == TN_MITIGATION_COMPENSATE ? target : w, rows, columns, self->step->moments.gram,
                               &mitigation->options.scheme, &options, &report, self->step->run->cancellable, &self->error);
  if (rounded != NULL && report.power > 0.0)
    self->error_sum += report.best / report.power;
  return rounded;
}

static void
round_on_compute_thread (gpointer user_data)
{
  Candidate *self = user_data;
  const TnMitigation *mitigation = self->step->run->result;

  self->ok = TRUE;
  for (guint i = 0; i < self->step->n_layers && self->ok; i++)
    {
      const TnTensor *weight = tn_model_find_parameter (self->step->base, self->step->names[i])->tensor;

      self->tensors[i] =
          self->kind == 0 ? tn_mitigation_round_plainly (mitigation, weight, &self->error) : round_by_moments (self, weight);
      self->ok = self->tensors[i] != NULL;
    }
}

/* The current model with the step's layers so. */
static TnModel *
apply (Candidate *self, GError **error)
{
  g_autoptr (TnModel) model = tn_model_ref (self->step->current);

  tn_compute_run (round_on_compute_thread, self);
  if (!self->ok)
    {
      g_propagate_prefixed_error (error, self->error, "%s: ", self->step->names[0]);
      return NULL;
    }
  for (guint i = 0; i < self->step->n_layers; i++)
    {
      TnModel *changed = tn_model_with_parameter (model, self->step->names[i], self->tensors[i], error);

      if (changed == NULL)
        return NULL;
      tn_model_unref (model);
      model = changed;
    }
  return g_steal_pointer (&model);
}

/* Tries one way; *best and its losses are replaced where it loses less. */
static gboolean
try_kind (Step *self, TnMitigationKind kind, TnMitigationStep *report, const TnSequenceLosses *before, TnSequenceLosses *plain,
          TnSequenceLosses *best, TnModel **model, guint *kept, GError **error)
{
  gint64 start_us = g_get_monotonic_time ();
  g_auto (Candidate) candidate = {.step = self, .kind = kind};
  GError *local = NULL;
  g_autoptr (TnModel) tried = apply (&candidate, &local);
  g_auto (TnSequenceLosses) losses = {0};
  TnMitigationTrial trial = {.kind = kind};

  if (tried == NULL && kind != 0 && g_error_matches (local, TN_ERROR, TN_ERROR_DATA))
    {
      trial.error = (double) NAN;
      trial.change = TN_ESTIMATE_NONE;
      trial.reason = g_strdup (local->message);
      tn_mitigation_add_trial (report, &trial);
      g_error_free (local);
      return TRUE;
    }
  if (tried == NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (!tn_sequence_losses_measure (&losses, tried, self->run->choosing, self->run->cancellable, error))
    return FALSE;
  trial.error = kind == 0 ? (double) NAN : candidate.error_sum / self->n_layers;
  trial.change = tn_sequence_losses_compare (&losses, kind == 0 ? before : plain);
  trial.seconds = tn_mitigation_seconds_since (start_us);
  tn_mitigation_add_trial (report, &trial);
  if (kind == 0)
    *plain = (TnSequenceLosses){g_array_copy (losses.nll), g_array_copy (losses.counts)};
  if (*model == NULL || tn_sequence_losses_compare (&losses, best).value < 0.0)
    {
      TnSequenceLosses old = *best;

      *best = losses;
      losses = old;
      g_clear_pointer (model, tn_model_unref);
      *model = g_steal_pointer (&tried);
      *kept = report->trials->len - 1;
    }
  return TRUE;
}

static void
explain (TnMitigationStep *report, guint kept)
{
  for (guint i = 0; i < report->trials->len; i++)
    {
      TnMitigationTrial *trial = &g_array_index (report->trials, TnMitigationTrial, i);

      trial->kept = i == kept;
      if (!trial->kept && trial->reason == NULL)
        trial->reason =
            g_strdup_printf (_ ("%s loses less"),
                             tn_mitigation_kind_get_name (g_array_index (report->trials, TnMitigationTrial, kept).kind));
    }
}

static gboolean
collect (Step *self, GError **error)
{
  g_autofree char *site = g_strdup_printf ("blk.%u.%s.in", self->block, places[self->place].layers[0]);
  g_autofree char *residual_site = NULL;

  self->residual = places[self->place].residual;
  /* Nothing is rounded before the first block. */
  if (self->residual == TN_RESIDUAL_BEFORE && self->block == 0)
    self->residual = TN_RESIDUAL_NONE;
  if (self->residual != TN_RESIDUAL_NONE)
    residual_site = g_strdup_printf ("blk.%u.residual", self->block - (self->residual == TN_RESIDUAL_BEFORE ? 1 : 0));
  return tn_step_moments_collect (&self->moments, self->base, self->current, site, residual_site, self->run->fitting,
                                  self->run->cancellable, error);
}

/* One step after the other moves *current and the losses of it on. */
static gboolean
run_step (Step *self, TnSequenceLosses *losses, GError **error)
{
  static const TnMitigationKind kinds[] = {TN_MITIGATION_SCALE, TN_MITIGATION_FEEDBACK, TN_MITIGATION_COMPENSATE};
  TnMitigation *result = self->run->result;
  g_autofree char *title = g_strjoinv (", ", (char *[]){self->names[0], self->names[1], self->names[2], NULL});
  TnMitigationStep *report = tn_mitigation_add_step (result, g_steal_pointer (&title));
  g_auto (TnSequenceLosses) plain = {0}, best = {0};
  g_autoptr (TnModel) model = NULL;
  guint kept = 0;

  if (!try_kind (self, 0, report, losses, &plain, &best, &model, &kept, error))
    return FALSE;
  if (result->options.kinds & (TN_MITIGATION_SCALE | TN_MITIGATION_FEEDBACK | TN_MITIGATION_COMPENSATE))
    {
      if (tn_mitigation_run_is_late (self->run))
        result->out_of_time = TRUE;
      else if (!collect (self, error))
        return FALSE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (kinds) && self->moments.gram != NULL; i++)
    if ((result->options.kinds & kinds[i]) && (!tn_listener_boundary (self->run->listener, error) ||
                                               !try_kind (self, kinds[i], report, losses, &plain, &best, &model, &kept, error)))
      return FALSE;
  explain (report, kept);
  tn_model_unref (self->current);
  self->current = g_steal_pointer (&model);
  tn_sequence_losses_clear (losses);
  *losses = best;
  best = (TnSequenceLosses){0};
  return TRUE;
}

/* What is asked for that promises most. */
static TnMitigationKind
get_best_kind (const TnMitigationRun *run)
{
  static const TnMitigationKind kinds[] = {TN_MITIGATION_COMPENSATE, TN_MITIGATION_FEEDBACK, TN_MITIGATION_SCALE};

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (run->result->options.kinds & kinds[i])
      return kinds[i];
  return 0;
}

/* Rounds a step in one way; plainly where its inputs tell nothing. */
static gboolean
round_step (Step *self, TnMitigationKind kind, GError **error)
{
  g_auto (Candidate) candidate = {.step = self, .kind = kind}, plain = {.step = self};
  GError *local = NULL;
  TnModel *rounded;

  if (kind != 0 && !collect (self, error))
    return FALSE;
  rounded = apply (&candidate, &local);
  if (rounded == NULL && g_error_matches (local, TN_ERROR, TN_ERROR_DATA))
    {
      g_clear_error (&local);
      rounded = apply (&plain, &local);
    }
  if (rounded == NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  tn_model_unref (self->current);
  self->current = rounded;
  return TRUE;
}

/* All steps of a base: chosen with their losses, or, losses NULL, in the best way. */
static gboolean
run_all (TnMitigationRun *run, TnModel *base, TnModel **current, TnSequenceLosses *losses, GError **error)
{
  guint n_blocks = tn_model_get_config (base)->n_layer, n = n_blocks * G_N_ELEMENTS (places);

  for (guint i = 0; i < n; i++)
    {
      Step step = {.run = run,
                   .base = base,
                   .current = *current,
                   .block = i / G_N_ELEMENTS (places),
                   .place = i % G_N_ELEMENTS (places)};
      gboolean ok;

      if (g_cancellable_set_error_if_cancelled (run->cancellable, error) || !tn_listener_boundary (run->listener, error))
        return FALSE;
      step.n_layers = places[step.place].n_layers;
      for (guint k = 0; k < step.n_layers; k++)
        step.names[k] = g_strdup_printf ("blk.%u.%s.weight", step.block, places[step.place].layers[k]);
      ok = losses != NULL ? run_step (&step, losses, error) : round_step (&step, get_best_kind (run), error);
      *current = step.current;
      tn_step_moments_clear (&step.moments);
      for (guint k = 0; k < step.n_layers; k++)
        g_free (step.names[k]);
      if (!ok)
        return FALSE;
      if (losses != NULL)
        tn_listener_progress (run->listener, i + 1, n, "steps");
    }
  return TRUE;
}

TnModel *
tn_mitigation_round_all (TnMitigationRun *run, TnModel *base, GError **error)
{
  TnModel *current = tn_model_ref (base);

  if (run_all (run, base, &current, NULL, error))
    return current;
  tn_model_unref (current);
  return NULL;
}

gboolean
tn_mitigation_run_steps (TnMitigationRun *run, GError **error)
{
  TnModel *current = tn_model_ref (run->result->base);
  g_auto (TnSequenceLosses) losses = {0};

  if (!tn_sequence_losses_measure (&losses, current, run->choosing, run->cancellable, error) ||
      !run_all (run, run->result->base, &current, &losses, error))
    {
      tn_model_unref (current);
      return FALSE;
    }
  run->result->model = current;
  return TRUE;
}
