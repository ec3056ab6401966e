/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/tape-private.h"

#include <string.h>

static void *
resolve (const TnTape *self, TnPlace place)
{
  return place.buffer != TN_NOWHERE ? self->arena + g_array_index (self->buffers, TnInterval, place.buffer).offset
                                    : place.external;
}

static void
make_call (const TnTape *self, TnStep *step)
{
  const TnNode *node = step->node;
  TnCall *call = &step->call;

  call->dtype = self->dtype;
  call->training = self->training;
  call->threads = self->threads;
  call->again = step->again;
  call->attributes = node->attributes;
  call->n_inputs = node->inference.n_inputs;
  call->n_outputs = node->inference.n_outputs;
  call->input_infos = node->inference.inputs;
  call->output_infos = node->inference.outputs;
  for (guint i = 0; i < call->n_inputs; i++)
    {
      call->inputs[i] = resolve (self, step->inputs[i]);
      call->input_gradients[i] = step->kind == TN_STEP_BACKWARD ? resolve (self, step->input_gradients[i]) : NULL;
    }
  for (guint i = 0; i < call->n_outputs; i++)
    {
      call->outputs[i] = resolve (self, step->outputs[i]);
      call->output_gradients[i] = step->kind == TN_STEP_BACKWARD ? resolve (self, step->output_gradients[i]) : NULL;
    }
  call->saved = resolve (self, step->saved);
  call->scratch = resolve (self, step->scratch);
}

static void
fill_constants (const TnTape *self)
{
  for (guint i = 0; i < self->values->len; i++)
    {
      const TnValue *value = g_ptr_array_index (self->values, i);

      if (value->constant != NULL)
        memcpy (resolve (self, (TnPlace){.buffer = value->buffer}), value->constant, value->info.bytes);
    }
}

gboolean
tn_tape_allocate (TnTape *self, GError **error)
{
  g_return_val_if_fail (self->steps != NULL && self->arena == NULL, FALSE);
  self->arena = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_ACTIVATIONS, self->memory.arena_bytes, error);
  if (self->arena == NULL)
    return FALSE;
  for (guint i = 0; i < self->steps->len; i++)
    if (g_array_index (self->steps, TnStep, i).node != NULL)
      make_call (self, &g_array_index (self->steps, TnStep, i));
  fill_constants (self);
  return TRUE;
}

void *
tn_value_get_data (TnValue *value)
{
  TnValue *base = value->base;

  if (base->variable != NULL)
    return base->variable->data;
  g_return_val_if_fail (base->maker == NULL || base->kept, NULL);
  if (value->tape->arena == NULL)
    return NULL;
  return resolve (value->tape, (TnPlace){.buffer = base->buffer});
}

void
tn_tape_set_step (TnTape *self, guint64 step)
{
  for (guint i = 0; i < self->steps->len; i++)
    g_array_index (self->steps, TnStep, i).call.step = step;
}

gboolean
tn_tape_forward (TnTape *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (self->arena != NULL, FALSE);
  for (guint i = 0; i < self->n_forward; i++)
    {
      const TnStep *step = &g_array_index (self->steps, TnStep, i);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      step->node->function->forward (&step->call);
    }
  return TRUE;
}

static void
run_backward (TnStep *step, gboolean accumulate)
{
  for (guint i = 0; i < step->call.n_inputs; i++)
    if ((step->accumulates >> i & 1) != 0)
      step->call.adds[i] = accumulate;
  step->node->function->backward (&step->call);
}

static void
seed_loss (const TnTape *self, const TnStep *step, double seed)
{
  void *gradient = resolve (self, step->output_gradients[0]);

  if (!self->loss->needs_gradient)
    return;
  if (self->dtype == TN_DTYPE_F64)
    *(double *) gradient = seed;
  else
    *(float *) gradient = (float) seed;
}

gboolean
tn_tape_backward (TnTape *self, double seed, gboolean accumulate, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (self->arena != NULL && self->loss != NULL, FALSE);
  for (guint i = self->n_forward; i < self->steps->len; i++)
    {
      TnStep *step = &g_array_index (self->steps, TnStep, i);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      switch (step->kind)
        {
        case TN_STEP_SEED:
          seed_loss (self, step, seed);
          break;
        case TN_STEP_FORWARD:
          step->node->function->forward (&step->call);
          break;
        case TN_STEP_BACKWARD:
          run_backward (step, accumulate);
          break;
        case TN_STEP_GRADIENT:
          if (self->gradient_func != NULL)
            self->gradient_func (step->variable, resolve (self, step->input_gradients[0]), self->gradient_data);
          break;
        }
    }
  return TRUE;
}
