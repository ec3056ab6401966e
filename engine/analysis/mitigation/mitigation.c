/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/mitigation.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/analysis/mitigation/error-feedback.h"
#include "engine/analysis/mitigation/mitigation-private.h"
#include "engine/error.h"
#include "engine/nn/quantized-model.h"
#include "engine/quant/quantize.h"

#define REFITS 4

static const struct
{
  TnMitigationKind kind;
  const char *name;
} kinds[] = {
    {0, "plain"},
    {TN_MITIGATION_ROTATE, "rotate"},
    {TN_MITIGATION_SMOOTH, "smooth"},
    {TN_MITIGATION_SCALE, "scale"},
    {TN_MITIGATION_FEEDBACK, "gptq"},
    {TN_MITIGATION_COMPENSATE, "compensate"},
};

const char *
tn_mitigation_kind_get_name (TnMitigationKind kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].kind == kind)
      return kinds[i].name;
  g_return_val_if_reached ("plain");
}

gboolean
tn_mitigation_kinds_parse (const char *text, TnMitigationKind *out, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  guint found = 0;

  for (guint i = 0; words[i] != NULL; i++)
    {
      guint k = 1;

      if (strcmp (words[i], "bias") == 0)
        {
          g_set_error_literal (
              error, TN_ERROR, TN_ERROR_UNSUPPORTED,
              _ ("bias: the LLaMA family has no biases that could be corrected; “compensate” makes up for shifted means"));
          return FALSE;
        }
      while (k < G_N_ELEMENTS (kinds) && strcmp (words[i], kinds[k].name) != 0)
        k++;
      if (k == G_N_ELEMENTS (kinds))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("“%s” is none of %s"), words[i],
                       "rotate, smooth, scale, gptq, compensate");
          return FALSE;
        }
      found |= kinds[k].kind;
    }
  *out = (TnMitigationKind) found;
  return TRUE;
}

double
tn_mitigation_seconds_since (gint64 start_us)
{
  return (double) (g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
}

gboolean
tn_mitigation_run_is_late (const TnMitigationRun *self)
{
  double limit = self->result->options.seconds;

  return limit > 0.0 && tn_mitigation_seconds_since (self->start_us) > limit;
}

static void
trial_clear (gpointer data)
{
  TnMitigationTrial *self = data;

  g_free (self->detail);
  g_free (self->reason);
}

static void
step_free (gpointer data)
{
  TnMitigationStep *self = data;

  g_free (self->name);
  g_array_unref (self->trials);
  g_free (self);
}

TnMitigationStep *
tn_mitigation_add_step (TnMitigation *self, char *name)
{
  TnMitigationStep *step = g_new (TnMitigationStep, 1);

  *step = (TnMitigationStep){name, g_array_new (FALSE, FALSE, sizeof (TnMitigationTrial))};
  g_array_set_clear_func (step->trials, trial_clear);
  g_ptr_array_add (self->steps, step);
  return step;
}

void
tn_mitigation_add_trial (TnMitigationStep *step, const TnMitigationTrial *trial)
{
  g_array_append_vals (step->trials, trial, 1);
}

TnTensor *
tn_mitigation_round_plainly (const TnMitigation *self, const TnTensor *weight, GError **error)
{
  TnTensor *rounded = tn_quantize_tensor (weight, &self->options.scheme, error);

  if (rounded == NULL || tn_scheme_repeats (&self->written, rounded->data, tn_tensor_rows (rounded), tn_tensor_columns (rounded)))
    return rounded;
  tn_tensor_unref (rounded);
  return tn_quantize_tensor (weight, &self->written, error);
}

void
tn_mitigation_free (TnMitigation *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->steps);
  g_clear_pointer (&self->base, tn_model_unref);
  g_clear_pointer (&self->model, tn_model_unref);
  g_clear_pointer (&self->plan, tn_plan_unref);
  g_free (self);
}

/* Bits a weight, and the plan that the model is written under. */
static void
plan_layers (TnMitigation *self, TnModel *model)
{
  double bits = 0.0, count = 0.0;

  self->plan = tn_plan_new ();
  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (model, i);

      if (!tn_parameter_is_linear (parameter))
        continue;
      tn_plan_add (self->plan, TN_PLAN_WEIGHTS, parameter->name, &self->written);
      bits += (double) parameter->tensor->count *
              tn_scheme_bits (&self->written, tn_tensor_rows (parameter->tensor), tn_tensor_columns (parameter->tensor));
      count += (double) parameter->tensor->count;
    }
  self->bits = bits / MAX (count, 1.0);
}

/* The losses that everything is measured by. */
static gboolean
measure_plain (TnMitigationRun *run, TnModel *model, GError **error)
{
  TnMitigation *self = run->result;
  const TnLayerPrecision precision = {.weights = &self->options.scheme};
  g_autoptr (TnModel) rounded = NULL;
  g_auto (TnSequenceLosses) plain = {0};

  if (!tn_sequence_losses_measure (&run->original, model, run->choosing, run->cancellable, error) ||
      (rounded = tn_model_quantize (model, &precision, 1, run->cancellable, error)) == NULL ||
      !tn_sequence_losses_measure (&plain, rounded, run->choosing, run->cancellable, error))
    return FALSE;
  self->loss = tn_sequence_losses_get (&run->original);
  self->plain_loss = tn_sequence_losses_get (&plain);
  self->plain_change = tn_sequence_losses_compare (&plain, &run->original);
  return TRUE;
}

static gboolean
measure_mitigated (const TnMitigationRun *run, GError **error)
{
  TnMitigation *self = run->result;
  g_auto (TnSequenceLosses) losses = {0};

  if (!tn_sequence_losses_measure (&losses, self->model, run->choosing, run->cancellable, error))
    return FALSE;
  self->mitigated_loss = tn_sequence_losses_get (&losses);
  self->mitigated_change = tn_sequence_losses_compare (&losses, &run->original);
  self->seconds = tn_mitigation_seconds_since (run->start_us);
  return TRUE;
}

TnMitigation *
tn_mitigate (TnModel *model, GPtrArray *fitting, GPtrArray *choosing, const TnMitigationOptions *options,
             const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnMitigation) self = g_new0 (TnMitigation, 1);
  TnMitigationRun run = {.result = self,
                         .fitting = fitting,
                         .choosing = choosing,
                         .listener = listener,
                         .cancellable = cancellable,
                         .start_us = g_get_monotonic_time ()};
  gboolean ok;

  self->options = *options;
  if (self->options.n_refits == 0)
    self->options.n_refits = REFITS;
  self->steps = g_ptr_array_new_with_free_func (step_free);
  self->base = tn_model_ref (model);
  tn_scheme_make_repeatable (&options->scheme, &self->written);
  plan_layers (self, model);
  ok = measure_plain (&run, model, error) && tn_mitigation_transform (&run, error) && tn_mitigation_run_steps (&run, error) &&
       measure_mitigated (&run, error);
  tn_sequence_losses_clear (&run.original);
  tn_sequence_losses_clear (&run.reference);
  return ok ? g_steal_pointer (&self) : NULL;
}
