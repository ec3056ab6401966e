/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/loss-gradient.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/qat/training-loss.h"

struct _TnLossGradient
{
  TnNetwork *network;
  TnLossGradientFuncs funcs;
  guint length;
  GHashTable *layers; /* TnVariable -> place + 1 */
  TnTape *tape;
  TnValue *input, *targets;
  TnTrainingLoss loss;
};

static void
show_weight (TnVariable *variable, void *gradient, gpointer user_data)
{
  TnLossGradient *self = user_data;
  guint place = GPOINTER_TO_UINT (g_hash_table_lookup (self->layers, variable));

  if (place > 0)
    self->funcs.weight (place - 1, gradient, self->funcs.user_data);
}

/* What a layer's input goes through, unchanged. */
typedef struct
{
  TnLossGradient *self;
  guint layer;
} Probe;

static gboolean
probe_infer (TnInference *inference, GError **error)
{
  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  inference->reads_outputs = 1;
  return TRUE;
}

static void
probe_forward (const TnCall *call)
{
  if (call->outputs[0] != call->inputs[0])
    memcpy (call->outputs[0], call->inputs[0], call->input_infos[0].bytes);
}

static void
probe_backward (const TnCall *call)
{
  const Probe *probe = call->attributes;
  const TnShape *shape = &call->input_infos[0].shape;
  gsize n = tn_shape_count (shape);
  const float *from = call->output_gradients[0];
  float *to = call->input_gradients[0];

  if (from == NULL)
    return;
  probe->self->funcs.input (probe->layer, call->outputs[0], from, shape->dims[0], probe->self->funcs.user_data);
  if (to == NULL || to == from)
    return;
  for (gsize i = 0; i < n; i++)
    to[i] = call->adds[0] ? to[i] + from[i] : from[i];
}

static TnValue *
record_probe (TnTape *tape, const TnTrainingLayer *layer, TnValue *x, gpointer user_data)
{
  static const TnFunction function = {.name = "probe",
                                      .attribute_bytes = sizeof (Probe),
                                      .infer = probe_infer,
                                      .forward = probe_forward,
                                      .backward = probe_backward};
  TnLossGradient *self = user_data;
  const Probe probe = {self, GPOINTER_TO_UINT (g_hash_table_lookup (self->layers, layer->weight)) - 1};

  return tn_tape_apply (tape, &function, &x, 1, &probe, NULL);
}

static gboolean
set_up_variables (TnLossGradient *self, GError **error)
{
  self->layers = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < self->network->layers->len; i++)
    {
      const TnTrainingLayer *layer = g_ptr_array_index (self->network->layers, i);

      g_hash_table_insert (self->layers, layer->weight, GUINT_TO_POINTER (i + 1));
    }
  for (guint i = 0; i < self->network->variables->len; i++)
    {
      TnVariable *variable = g_ptr_array_index (self->network->variables, i);

      /* What the first layers read depends on no weight; the gain of the norm in front brings a gradient there. */
      gboolean wanted =
          g_hash_table_contains (self->layers, variable) || (self->funcs.input != NULL && variable->role == TN_ROLE_NORM);

      if (!tn_variable_set_trained (variable, wanted, error))
        return FALSE;
      tn_variable_drop_gradient (variable);
    }
  return TRUE;
}

static gboolean
record (TnLossGradient *self, GError **error)
{
  const TnNetworkShape shape = {.n_sequences = 1, .length = self->length};
  const TnTrainingLossOptions options = {.temperature = 1.0, .keeps_logits = TRUE};

  self->tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_set_gradient_func (self->tape, show_weight, self);
  self->input = tn_tape_input (self->tape, TN_VALUE_INT32, &TN_SHAPE (self->length));
  self->targets = tn_tape_input (self->tape, TN_VALUE_INT32, &TN_SHAPE (self->length));
  tn_training_loss_record (&self->loss, self->tape, self->network, NULL, &options, self->input, self->targets, &shape);
  return tn_tape_plan (self->tape, self->loss.loss, error) && tn_tape_allocate (self->tape, error);
}

typedef struct
{
  TnModel *model;
  TnLossGradient *self;
  gboolean ok;
  GError *error;
} Making;

static void
make_on_compute_thread (gpointer user_data)
{
  Making *making = user_data;
  TnLossGradient *self = making->self;
  g_autoptr (TnTrainingPrecision) precision = tn_training_precision_new (&making->error);

  if (precision == NULL)
    return;
  precision->probe = self->funcs.input != NULL ? record_probe : NULL;
  precision->probe_data = self;
  self->network = tn_network_new_from_model (making->model, precision, &making->error);
  making->ok = self->network != NULL && set_up_variables (self, &making->error) && record (self, &making->error);
}

TnLossGradient *
tn_loss_gradient_new (TnModel *model, guint length, const TnLossGradientFuncs *funcs, GError **error)
{
  g_autoptr (TnLossGradient) self = g_new0 (TnLossGradient, 1);
  Making making = {.model = model, .self = self};

  self->funcs = *funcs;
  self->length = length;
  tn_compute_run (make_on_compute_thread, &making);
  if (making.ok)
    return g_steal_pointer (&self);
  g_propagate_error (error, making.error);
  return NULL;
}

void
tn_loss_gradient_free (TnLossGradient *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->tape, tn_tape_free);
  g_clear_pointer (&self->layers, g_hash_table_unref);
  g_clear_pointer (&self->network, tn_network_unref);
  g_free (self);
}

guint
tn_loss_gradient_n_layers (const TnLossGradient *self)
{
  return self->network->layers->len;
}

TnVariable *
tn_loss_gradient_get_weight (const TnLossGradient *self, guint layer)
{
  g_return_val_if_fail (layer < self->network->layers->len, NULL);

  return ((const TnTrainingLayer *) g_ptr_array_index (self->network->layers, layer))->weight;
}

/* A causal model does not see what stands behind the sequence, and nothing is scored there. */
static gboolean
fill (TnLossGradient *self, const TnSequence *sequence, guint *n_targets, GError **error)
{
  gint32 *input = tn_value_get_data (self->input), *targets = tn_value_get_data (self->targets);

  if (sequence->length > self->length)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("a sequence has %u tokens, expected at most %u"), sequence->length,
                   self->length);
      return FALSE;
    }
  *n_targets = 0;
  for (guint i = 0; i < self->length; i++)
    {
      input[i] = i < sequence->length ? sequence->tokens[i] : 0;
      targets[i] = i < sequence->length && sequence->targets != NULL ? sequence->targets[i] : -1;
      *n_targets += targets[i] >= 0;
      if (input[i] >= 0 && (gsize) input[i] < self->network->n_classes && targets[i] < (gint32) self->network->n_classes)
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("token %d is outside the model's vocabulary of %zu: the tokenizer is of another model"), input[i],
                   self->network->n_classes);
      return FALSE;
    }
  return TRUE;
}

typedef struct
{
  TnLossGradient *self;
  GCancellable *cancellable;
  gboolean ok;
  GError *error;
} Run;

static void
run_on_compute_thread (gpointer user_data)
{
  Run *run = user_data;

  run->ok = tn_tape_forward (run->self->tape, run->cancellable, &run->error) &&
            tn_tape_backward (run->self->tape, 1.0, FALSE, run->cancellable, &run->error);
}

gboolean
tn_loss_gradient_run (TnLossGradient *self, const TnSequence *sequence, double *loss, guint *n_targets, GCancellable *cancellable,
                      GError **error)
{
  Run run = {.self = self, .cancellable = cancellable};
  TnTrainingLossParts parts = {0};

  *loss = NAN;
  if (!fill (self, sequence, n_targets, error))
    return FALSE;
  if (*n_targets == 0)
    return TRUE;
  tn_compute_run (run_on_compute_thread, &run);
  if (!run.ok)
    {
      g_propagate_error (error, run.error);
      return FALSE;
    }
  tn_training_loss_add (&self->loss, &parts);
  tn_training_loss_finish (&parts);
  *loss = parts.cross_entropy;
  return TRUE;
}
