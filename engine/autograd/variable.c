/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/variable.h"

#include <string.h>

#include "engine/error.h"

static gsize
count_bytes (const TnVariable *self)
{
  return self->count * (self->dtype == TN_DTYPE_F64 ? sizeof (double) : sizeof (float));
}

static gboolean
make_gradient (TnVariable *self, GError **error)
{
  if (self->gradient == NULL)
    self->gradient = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_GRADIENTS, count_bytes (self), error);
  return self->gradient != NULL;
}

TnVariable *
tn_variable_new (const char *name, TnRole role, TnDtype dtype, const TnShape *shape, GError **error)
{
  g_autoptr (TnVariable) self = NULL;

  g_return_val_if_fail (dtype == TN_DTYPE_F32 || dtype == TN_DTYPE_F64, NULL);
  if (!tn_shape_is_valid (shape))
    {
      g_autofree char *text = tn_shape_to_string (shape);

      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "%s: shape %s is too large", name, text);
      return NULL;
    }
  self = g_new0 (TnVariable, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->name = g_strdup (name);
  self->role = role;
  self->dtype = dtype;
  self->shape = *shape;
  self->count = tn_shape_count (shape);
  self->trained = TRUE;
  self->data = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_WEIGHTS, count_bytes (self), error);
  if (self->data == NULL || !make_gradient (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

TnVariable *
tn_variable_new_from_tensor (const char *name, TnRole role, const TnTensor *tensor, GError **error)
{
  TnShape shape = {.n_dims = tensor->n_dims};
  TnVariable *self;

  if (tensor->n_dims > TN_SHAPE_MAX_DIMS || !tn_dtype_can_decode (tensor->dtype))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, "%s: %s of %u dimensions cannot be trained", name,
                   tn_dtype_get_name (tensor->dtype), tensor->n_dims);
      return NULL;
    }
  for (guint i = 0; i < tensor->n_dims; i++)
    shape.dims[i] = (gsize) tensor->shape[i];
  self = tn_variable_new (name, role, TN_DTYPE_F32, &shape, error);
  if (self != NULL)
    tn_tensor_decode (tensor, 0, tensor->count, self->data);
  return self;
}

TnVariable *
tn_variable_ref (TnVariable *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_variable_unref (TnVariable *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  tn_pool_release (tn_pool_default (), self->data);
  tn_pool_release (tn_pool_default (), self->gradient);
  g_free (self->name);
  g_free (self);
}

gboolean
tn_variable_set_trained (TnVariable *self, gboolean trained, GError **error)
{
  if (trained && !make_gradient (self, error))
    return FALSE;
  self->trained = trained;
  if (!trained)
    tn_variable_drop_gradient (self);
  return TRUE;
}

void
tn_variable_drop_gradient (TnVariable *self)
{
  tn_pool_release (tn_pool_default (), self->gradient);
  self->gradient = NULL;
}

void
tn_variable_clear_gradient (TnVariable *self)
{
  if (self->gradient != NULL)
    memset (self->gradient, 0, count_bytes (self));
}

const char *
tn_role_get_name (TnRole role)
{
  static const char *const names[TN_N_ROLES] = {"matrix", "embedding", "head", "norm", "bias", "scale"};

  return names[role];
}
