/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/function.h"

#include "engine/error.h"

gboolean
tn_inference_check_dims (const TnInference *self, guint i, const char *name, guint n_dims, GError **error)
{
  g_autofree char *text = NULL;

  if (self->inputs[i].shape.n_dims == n_dims)
    return TRUE;
  text = tn_shape_to_string (&self->inputs[i].shape);
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "%s is %s, expected %u dimensions", name, text, n_dims);
  return FALSE;
}

gboolean
tn_inference_check_shape (const TnInference *self, guint i, const char *name, const TnShape *expected, GError **error)
{
  g_autofree char *text = NULL, *wanted = NULL;

  if (tn_shape_equal (&self->inputs[i].shape, expected))
    return TRUE;
  text = tn_shape_to_string (&self->inputs[i].shape);
  wanted = tn_shape_to_string (expected);
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "%s is %s, expected %s", name, text, wanted);
  return FALSE;
}

gboolean
tn_inference_check_kind (const TnInference *self, guint i, const char *name, TnValueKind kind, GError **error)
{
  static const char *const names[] = {"numbers", "int32", "packed"};

  if (self->inputs[i].kind == kind)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "%s is %s, expected %s", name, names[self->inputs[i].kind], names[kind]);
  return FALSE;
}
