/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/tape-private.h"

#include <string.h>

#include "engine/autograd/functions/copy.h"
#include "engine/device/device.h"
#include "engine/error.h"

static void
free_node (gpointer data)
{
  TnNode *node = data;

  g_free (node->attributes);
  g_free (node);
}

static void
free_value (gpointer data)
{
  TnValue *value = data;

  g_clear_pointer (&value->variable, tn_variable_unref);
  g_free (value->constant);
  g_free (value);
}

TnTape *
tn_tape_new (TnDtype dtype, gboolean training)
{
  TnTape *self = g_new0 (TnTape, 1);

  g_return_val_if_fail (dtype == TN_DTYPE_F32 || dtype == TN_DTYPE_F64, NULL);
  self->dtype = dtype;
  self->training = training;
  self->threads = tn_device_get_threads ();
  self->values = g_ptr_array_new_with_free_func (free_value);
  self->nodes = g_ptr_array_new_with_free_func (free_node);
  self->variables = g_hash_table_new (NULL, NULL);
  self->segment = TN_NOWHERE;
  return self;
}

void
tn_tape_free (TnTape *self)
{
  tn_pool_release (tn_pool_default (), self->arena);
  g_clear_pointer (&self->steps, g_array_unref);
  g_clear_pointer (&self->buffers, g_array_unref);
  g_hash_table_unref (self->variables);
  g_ptr_array_unref (self->nodes);
  g_ptr_array_unref (self->values);
  g_clear_error (&self->error);
  g_free (self);
}

TnDtype
tn_tape_get_dtype (TnTape *self)
{
  return self->dtype;
}

void
tn_tape_fail (TnTape *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
}

static gsize
element_bytes (const TnTape *self, TnValueKind kind)
{
  if (kind == TN_VALUE_INT32)
    return sizeof (gint32);
  return self->dtype == TN_DTYPE_F64 ? sizeof (double) : sizeof (float);
}

static TnValue *
add_value (TnTape *self, const TnValueInfo *info)
{
  TnValue *value = g_new0 (TnValue, 1);

  value->tape = self;
  value->info = *info;
  if (info->kind != TN_VALUE_PACKED)
    value->info.bytes = tn_shape_count (&info->shape) * element_bytes (self, info->kind);
  value->base = value->gradient_base = value;
  value->buffer = value->buffer_again = value->gradient_buffer = TN_NOWHERE;
  g_ptr_array_add (self->values, value);
  return value;
}

/* FALSE, and the recording fails, when it is over. */
static gboolean
can_record (TnTape *self)
{
  if (self->steps != NULL)
    tn_tape_fail (self, g_error_new (TN_ERROR, TN_ERROR_ARGUMENT, "the tape is planned: nothing can be recorded any more"));
  return self->error == NULL;
}

static gboolean
check_shape (TnTape *self, const TnShape *shape, const char *what)
{
  if (tn_shape_is_valid (shape))
    return TRUE;
  tn_tape_fail (self, g_error_new (TN_ERROR, TN_ERROR_SHAPE, "%s: a shape is too large to count", what));
  return FALSE;
}

TnValue *
tn_tape_input (TnTape *self, TnValueKind kind, const TnShape *shape)
{
  g_return_val_if_fail (kind != TN_VALUE_PACKED, NULL);
  if (!can_record (self) || !check_shape (self, shape, "input"))
    return NULL;
  return add_value (self, &(const TnValueInfo){.kind = kind, .shape = *shape});
}

TnValue *
tn_tape_constant (TnTape *self, TnValueKind kind, const TnShape *shape, gconstpointer data)
{
  TnValue *value = tn_tape_input (self, kind, shape);

  if (value != NULL)
    value->constant = g_memdup2 (data, value->info.bytes);
  return value;
}

TnValue *
tn_tape_variable (TnTape *self, TnVariable *variable)
{
  TnValue *value;

  if (!can_record (self))
    return NULL;
  value = g_hash_table_lookup (self->variables, variable);
  if (value != NULL)
    return value;
  if (variable->dtype != self->dtype)
    {
      tn_tape_fail (self, g_error_new (TN_ERROR, TN_ERROR_ARGUMENT, "%s is of %s, the tape of %s", variable->name,
                                       tn_dtype_get_name (variable->dtype), tn_dtype_get_name (self->dtype)));
      return NULL;
    }
  value = add_value (self, &(const TnValueInfo){.kind = TN_VALUE_FLOAT, .shape = variable->shape});
  value->variable = tn_variable_ref (variable);
  value->needs_gradient = variable->trained;
  g_hash_table_insert (self->variables, variable, value);
  return value;
}

static gboolean
shares_gradient (TnValue *const *inputs, guint i)
{
  if (!inputs[i]->needs_gradient)
    return FALSE;
  for (guint k = 0; k < i; k++)
    if (inputs[k]->needs_gradient && inputs[k]->gradient_base == inputs[i]->gradient_base)
      return TRUE;
  return FALSE;
}

static gboolean
infer (TnNode *node, const TnTape *self)
{
  GError *error = NULL;
  TnInference *inference = &node->inference;

  if (!node->function->infer (inference, &error))
    {
      g_prefix_error (&error, "%s: ", node->function->name);
      tn_tape_fail ((TnTape *) self, error);
      return FALSE;
    }
  g_assert (inference->n_outputs > 0 && inference->n_outputs <= TN_FUNCTION_MAX_OUTPUTS);
  for (guint i = 0; i < inference->n_outputs; i++)
    if (!check_shape ((TnTape *) self, &inference->outputs[i].shape, node->function->name))
      return FALSE;
  return TRUE;
}

static void
add_outputs (TnTape *self, TnNode *node)
{
  for (guint i = 0; i < node->inference.n_outputs; i++)
    {
      TnValue *output = add_value (self, &node->inference.outputs[i]);

      node->inference.outputs[i] = output->info;
      node->outputs[i] = output;
      output->maker = node;
      output->needs_gradient = node->needs_gradient && output->info.kind != TN_VALUE_INT32;
    }
}

TnValue *
tn_tape_apply (TnTape *self, const TnFunction *function, TnValue *const *inputs, guint n_inputs, gconstpointer attributes,
               TnValue **outputs)
{
  g_autofree TnNode *node = NULL;

  g_return_val_if_fail (n_inputs <= TN_FUNCTION_MAX_INPUTS, NULL);
  for (guint i = 0; outputs != NULL && i < TN_FUNCTION_MAX_OUTPUTS; i++)
    outputs[i] = NULL;
  if (!can_record (self))
    return NULL;
  node = g_new0 (TnNode, 1);
  node->function = function;
  node->segment = self->segment;
  node->saved = node->saved_again = TN_NOWHERE;
  node->inference =
      (TnInference){.dtype = self->dtype, .training = self->training, .threads = self->threads, .n_inputs = n_inputs};
  for (guint i = 0; i < n_inputs; i++)
    {
      g_return_val_if_fail (inputs[i] != NULL && inputs[i]->tape == self, NULL);
      node->inputs[i] = shares_gradient (inputs, i) && self->no_grad == 0 ? tn_tape_copy (self, inputs[i]) : inputs[i];
      node->inference.inputs[i] = inputs[i]->info;
      node->needs_gradient |= inputs[i]->needs_gradient;
    }
  node->needs_gradient &= self->no_grad == 0 && function->backward != NULL;
  node->attributes = function->attribute_bytes > 0 ? g_memdup2 (attributes, function->attribute_bytes) : NULL;
  node->inference.attributes = node->attributes;
  if (!infer (node, self))
    {
      g_free (node->attributes);
      return NULL;
    }
  add_outputs (self, node);
  for (guint i = 0; outputs != NULL && i < node->inference.n_outputs; i++)
    outputs[i] = node->outputs[i];
  g_ptr_array_add (self->nodes, node);
  return ((TnNode *) g_steal_pointer (&node))->outputs[0];
}

static TnValue *
add_view (TnTape *self, TnValue *value, const TnShape *shape)
{
  TnValue *view = add_value (self, &value->info);

  view->info.shape = *shape;
  view->base = value->base;
  view->maker = value->maker;
  return view;
}

TnValue *
tn_tape_reshape (TnTape *self, TnValue *value, const TnShape *shape)
{
  TnValue *view;

  if (!can_record (self) || !check_shape (self, shape, "reshape"))
    return NULL;
  if (value->info.kind == TN_VALUE_PACKED || tn_shape_count (shape) != tn_shape_count (&value->info.shape))
    {
      g_autofree char *from = tn_shape_to_string (&value->info.shape), *to = tn_shape_to_string (shape);

      tn_tape_fail (self, g_error_new (TN_ERROR, TN_ERROR_SHAPE, "reshape: %s cannot become %s", from, to));
      return NULL;
    }
  view = add_view (self, value, shape);
  view->gradient_base = value->gradient_base;
  view->needs_gradient = value->needs_gradient;
  return view;
}

TnValue *
tn_tape_detach (TnTape *self, TnValue *value)
{
  return can_record (self) ? add_view (self, value, &value->info.shape) : NULL;
}

void
tn_tape_begin_no_grad (TnTape *self)
{
  self->no_grad++;
}

void
tn_tape_end_no_grad (TnTape *self)
{
  g_return_if_fail (self->no_grad > 0);
  self->no_grad--;
}

void
tn_tape_begin_recompute (TnTape *self)
{
  g_return_if_fail (self->segment == TN_NOWHERE);
  self->segment = self->n_segments++;
}

void
tn_tape_end_recompute (TnTape *self)
{
  g_return_if_fail (self->segment != TN_NOWHERE);
  self->segment = TN_NOWHERE;
}

void
tn_tape_keep (TnTape *self, TnValue *value)
{
  if (can_record (self))
    value->base->kept = TRUE;
}

const TnValueInfo *
tn_value_get_info (TnValue *value)
{
  return &value->info;
}

gboolean
tn_value_needs_gradient (TnValue *value)
{
  return value->needs_gradient;
}

void
tn_tape_set_gradient_func (TnTape *self, TnGradientFunc func, gpointer user_data)
{
  g_return_if_fail (self->steps == NULL);
  self->gradient_func = func;
  self->gradient_data = user_data;
}

gboolean
tn_tape_plan (TnTape *self, TnValue *loss, GError **error)
{
  if (can_record (self) && loss != NULL && (loss->info.kind != TN_VALUE_FLOAT || tn_shape_count (&loss->info.shape) != 1))
    tn_tape_fail (self, g_error_new (TN_ERROR, TN_ERROR_ARGUMENT, "the loss is no single number"));
  if (self->error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->error));
      return FALSE;
    }
  self->loss = loss;
  if (loss != NULL)
    loss->base->kept = TRUE;
  tn_tape_plan_steps (self);
  tn_tape_plan_memory (self);
  return TRUE;
}

void
tn_tape_get_memory (TnTape *self, TnTapeMemory *memory)
{
  *memory = self->memory;
}
