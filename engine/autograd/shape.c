/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/shape.h"

gsize
tn_shape_count (const TnShape *self)
{
  return tn_shape_rows (self) * tn_shape_columns (self);
}

gsize
tn_shape_rows (const TnShape *self)
{
  gsize rows = 1;

  for (guint i = 0; i + 1 < self->n_dims; i++)
    rows *= self->dims[i];
  return rows;
}

gsize
tn_shape_columns (const TnShape *self)
{
  return self->n_dims > 0 ? self->dims[self->n_dims - 1] : 1;
}

gboolean
tn_shape_equal (const TnShape *a, const TnShape *b)
{
  if (a->n_dims != b->n_dims)
    return FALSE;
  for (guint i = 0; i < a->n_dims; i++)
    if (a->dims[i] != b->dims[i])
      return FALSE;
  return TRUE;
}

char *
tn_shape_to_string (const TnShape *self)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < self->n_dims; i++)
    g_string_append_printf (text, i > 0 ? ", %zu" : "%zu", self->dims[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

gboolean
tn_shape_is_valid (const TnShape *self)
{
  gsize bytes = sizeof (double);

  if (self->n_dims > TN_SHAPE_MAX_DIMS)
    return FALSE;
  for (guint i = 0; i < self->n_dims; i++)
    if (!g_size_checked_mul (&bytes, bytes, MAX (self->dims[i], 1)))
      return FALSE;
  return TRUE;
}
