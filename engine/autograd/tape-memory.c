/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/tape-private.h"

/* Where everything lies: a buffer lives from the step that fills it to the last that reads it. */

static const TnPlace nowhere = {.buffer = TN_NOWHERE};

static TnInterval *
get_buffer (TnTape *self, gint buffer)
{
  return &g_array_index (self->buffers, TnInterval, buffer);
}

static gint
add_buffer (TnTape *self, gsize bytes, guint time)
{
  const TnInterval interval = {.bytes = bytes, .first = time, .last = time};

  g_array_append_val (self->buffers, interval);
  return (gint) self->buffers->len - 1;
}

static void
touch (TnTape *self, gint buffer, guint time)
{
  TnInterval *interval = get_buffer (self, buffer);

  interval->last = MAX (interval->last, time);
}

/* Whether a step reads what the segment made again, not what the forward pass left. */
static gboolean
reads_again (const TnStep *step, const TnValue *base)
{
  gboolean late = step->kind == TN_STEP_BACKWARD || step->again;

  return late && base->maker != NULL && base->maker->runs_again && base->maker->segment == step->node->segment;
}

static TnPlace
place_input (TnTape *self, const TnStep *step, TnValue *value, guint time)
{
  TnValue *base = value->base;
  gint buffer = reads_again (step, base) ? base->buffer_again : base->buffer;

  if (base->variable != NULL)
    return (TnPlace){.buffer = TN_NOWHERE, .external = base->variable->data};
  touch (self, buffer, time);
  return (TnPlace){.buffer = buffer};
}

static TnPlace
place_output (TnTape *self, const TnStep *step, TnValue *value, guint time)
{
  gint *buffer = step->again ? &value->buffer_again : &value->buffer;

  *buffer = add_buffer (self, value->info.bytes, time);
  if (value->kept && !step->again)
    touch (self, *buffer, self->steps->len);
  return (TnPlace){.buffer = *buffer};
}

static TnPlace
place_scratch (TnTape *self, gsize bytes, guint time)
{
  return bytes > 0 ? (TnPlace){.buffer = add_buffer (self, bytes, time)} : nowhere;
}

static void
place_forward (TnTape *self, TnStep *step, guint time)
{
  TnNode *node = step->node;
  gint *saved = step->again ? &node->saved_again : &node->saved;

  for (guint i = 0; i < node->inference.n_inputs; i++)
    step->inputs[i] = place_input (self, step, node->inputs[i], time);
  for (guint i = 0; i < node->inference.n_outputs; i++)
    step->outputs[i] = place_output (self, step, node->outputs[i], time);
  step->scratch = place_scratch (self, node->inference.forward_scratch_bytes, time);
  step->saved = nowhere;
  if (node->inference.saved_bytes == 0)
    return;
  *saved = add_buffer (self, node->inference.saved_bytes, time);
  step->saved = (TnPlace){.buffer = *saved};
}

static TnPlace
place_gradient (TnTape *self, TnValue *value, guint time)
{
  TnValue *head = tn_value_gradient_head (value);

  if (head->variable != NULL && head->variable->gradient != NULL)
    return (TnPlace){.buffer = TN_NOWHERE, .external = head->variable->gradient};
  if (head->gradient_buffer == TN_NOWHERE)
    head->gradient_buffer = add_buffer (self, tn_value_gradient_bytes (head), time);
  touch (self, head->gradient_buffer, time);
  return (TnPlace){.buffer = head->gradient_buffer};
}

static void
place_input_gradient (TnTape *self, TnStep *step, guint i, guint time)
{
  TnValue *value = step->node->inputs[i], *head;

  step->input_gradients[i] = nowhere;
  if (!value->needs_gradient)
    return;
  head = tn_value_gradient_head (value);
  step->input_gradients[i] = place_gradient (self, value, time);
  step->call.adds[i] = head->contributed;
  if (!head->contributed && head->variable != NULL && head->variable->gradient != NULL)
    step->accumulates |= 1u << i;
  head->contributed = TRUE;
}

static void
place_backward (TnTape *self, TnStep *step, guint time)
{
  TnNode *node = step->node;
  const TnInference *inference = &node->inference;

  for (guint i = 0; i < inference->n_outputs; i++)
    {
      gboolean reads = (inference->reads_outputs >> i & 1) != 0;
      gboolean reached = tn_value_gradient_head (node->outputs[i])->contributed && node->outputs[i]->gradient_base->reached;

      step->outputs[i] = reads ? place_input (self, step, node->outputs[i], time) : nowhere;
      step->output_gradients[i] = reached ? place_gradient (self, node->outputs[i], time) : nowhere;
    }
  for (guint i = 0; i < inference->n_inputs; i++)
    {
      step->inputs[i] = (inference->reads_inputs >> i & 1) != 0 ? place_input (self, step, node->inputs[i], time) : nowhere;
      place_input_gradient (self, step, i, time);
    }
  step->scratch = place_scratch (self, inference->backward_scratch_bytes, time);
  step->saved = nowhere;
  if (inference->saved_bytes == 0)
    return;
  step->saved = (TnPlace){.buffer = node->runs_again ? node->saved_again : node->saved};
  touch (self, step->saved.buffer, time);
}

/* Joined values keep it in their head alone, so that planning knows in the order of steps what was added before. */
static void
forget_contributions (TnTape *self)
{
  for (guint i = 0; i < self->values->len; i++)
    ((TnValue *) g_ptr_array_index (self->values, i))->contributed = FALSE;
}

static void
place_steps (TnTape *self)
{
  for (guint time = 0; time < self->steps->len; time++)
    {
      TnStep *step = &g_array_index (self->steps, TnStep, time);

      switch (step->kind)
        {
        case TN_STEP_FORWARD:
          place_forward (self, step, time);
          break;
        case TN_STEP_SEED:
          if (self->loss->needs_gradient)
            step->output_gradients[0] = place_gradient (self, self->loss, time);
          tn_value_gradient_head (self->loss)->contributed = TRUE;
          break;
        case TN_STEP_BACKWARD:
          place_backward (self, step, time);
          break;
        case TN_STEP_GRADIENT:
          step->input_gradients[0] = place_gradient (self, g_hash_table_lookup (self->variables, step->variable), time);
          break;
        }
    }
}

static void
place_leaves (TnTape *self)
{
  for (guint i = 0; i < self->values->len; i++)
    {
      TnValue *value = g_ptr_array_index (self->values, i);

      if (value->base != value || value->maker != NULL || value->variable != NULL)
        continue;
      value->buffer = add_buffer (self, value->info.bytes, 0);
      touch (self, value->buffer, self->steps->len);
    }
}

static void
follow (TnPlace *place, const gint *moved)
{
  if (place->buffer != TN_NOWHERE)
    place->buffer = moved[place->buffer];
}

/* Places of a step in buffers that were moved by steps before it. */
static void
follow_moves (TnStep *step, const gint *moved)
{
  for (guint i = 0; i < TN_FUNCTION_MAX_INPUTS; i++)
    {
      follow (&step->inputs[i], moved);
      follow (&step->input_gradients[i], moved);
    }
  for (guint i = 0; i < TN_FUNCTION_MAX_OUTPUTS; i++)
    {
      follow (&step->outputs[i], moved);
      follow (&step->output_gradients[i], moved);
    }
}

/* What a step fills goes where something lies that nobody reads after this step. FALSE: it does not fit there. */
static gboolean
write_over (TnTape *self, TnPlace *filled, const TnPlace *read, guint time, gint *moved)
{
  TnInterval *from, *to;

  if (filled->buffer == TN_NOWHERE || read->buffer == TN_NOWHERE || filled->buffer == read->buffer)
    return FALSE;
  from = get_buffer (self, filled->buffer);
  to = get_buffer (self, read->buffer);
  if (from->first != time || to->last != time || to->bytes != from->bytes)
    return FALSE;
  to->last = from->last;
  from->bytes = 0;
  moved[filled->buffer] = read->buffer;
  filled->buffer = read->buffer;
  return TRUE;
}

static void
share_backward (TnTape *self, TnStep *step, guint time, gint *moved)
{
  for (guint i = 0; i < step->node->inference.n_inputs; i++)
    {
      gboolean found;

      /* Two inputs may have one gradient. */
      follow (&step->input_gradients[i], moved);
      found = write_over (self, &step->input_gradients[i], &step->output_gradients[0], time, moved);
      for (guint k = 0; !found && k < step->node->inference.n_inputs; k++)
        found = write_over (self, &step->input_gradients[i], &step->inputs[k], time, moved);
    }
}

/* Functions that may write over what they read do so where that is not read later. */
static void
share_in_place (TnTape *self)
{
  g_autofree gint *moved = g_new (gint, self->buffers->len);

  for (guint i = 0; i < self->buffers->len; i++)
    moved[i] = (gint) i;
  for (guint time = 0; time < self->steps->len; time++)
    {
      TnStep *step = &g_array_index (self->steps, TnStep, time);
      TnFunctionFlags flags = step->node != NULL ? step->node->function->flags : TN_FUNCTION_PLAIN;

      follow_moves (step, moved);
      if (step->kind == TN_STEP_FORWARD && (flags & TN_FUNCTION_IN_PLACE) != 0)
        write_over (self, &step->outputs[0], &step->inputs[0], time, moved);
      else if (step->kind == TN_STEP_BACKWARD && (flags & TN_FUNCTION_BACKWARD_IN_PLACE) != 0)
        share_backward (self, step, time, moved);
    }
  for (guint i = 0; i < self->values->len; i++)
    {
      TnValue *value = g_ptr_array_index (self->values, i);

      if (value->buffer != TN_NOWHERE)
        value->buffer = moved[value->buffer];
    }
}

void
tn_tape_plan_memory (TnTape *self)
{
  self->buffers = g_array_new (FALSE, TRUE, sizeof (TnInterval));
  forget_contributions (self);
  place_leaves (self);
  place_steps (self);
  share_in_place (self);
  for (guint i = 0; i < self->buffers->len; i++)
    {
      const TnInterval *buffer = get_buffer (self, (gint) i);

      self->memory.sum_bytes += buffer->bytes;
      if (buffer->first < self->n_forward && buffer->last >= self->n_forward)
        self->memory.forward_bytes += buffer->bytes;
    }
  self->memory.arena_bytes = tn_interval_packing ((TnInterval *) self->buffers->data, self->buffers->len);
}
