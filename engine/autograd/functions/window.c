/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/window.h"

#include "engine/error.h"

static gboolean
check_axis (const TnWindow *self, const TnShape *x, guint axis, GError **error)
{
  static const char *const names[] = {"height", "width"};
  gsize size = self->size[axis], padding = self->padding[axis], in = x->dims[2 + axis];

  if (size == 0 || self->stride[axis] == 0 || padding >= size)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   "%s: window %zu, stride %zu, padding %zu, expected 1 or more, and padding less than the window", names[axis],
                   size, self->stride[axis], padding);
      return FALSE;
    }
  if (in > G_MAXSIZE / 4 || size > G_MAXSIZE / 4 || in + 2 * padding < size || in == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "%s: %zu with padding %zu, expected at least the window's %zu", names[axis],
                   in, padding, size);
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_window_check (const TnWindow *self, const TnInference *inference, GError **error)
{
  const TnShape *x = &inference->inputs[0].shape;

  return tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error) &&
         tn_inference_check_dims (inference, 0, "x", 4, error) && check_axis (self, x, 0, error) &&
         check_axis (self, x, 1, error);
}

TnWindowSizes
tn_window_get_sizes (const TnWindow *self, const TnShape *x)
{
  TnWindowSizes sizes = {.n = x->dims[0], .channels = x->dims[1]};

  for (guint axis = 0; axis < 2; axis++)
    {
      sizes.in[axis] = x->dims[2 + axis];
      sizes.out[axis] = (sizes.in[axis] + 2 * self->padding[axis] - self->size[axis]) / self->stride[axis] + 1;
    }
  return sizes;
}
