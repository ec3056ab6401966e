/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/network-arrays.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"

static gboolean
take (TnVariable *variable, TnSafetensors *arrays, const char *prefix, const char *path, GError **error)
{
  g_autofree char *name = g_strconcat (prefix, variable->name, NULL), *shape = tn_shape_to_string (&variable->shape);
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (arrays, name);
  gboolean fits = entry != NULL && entry->dtype == TN_DTYPE_F32 && entry->n_dims == variable->shape.n_dims;

  for (guint i = 0; fits && i < entry->n_dims; i++)
    fits = entry->shape[i] == variable->shape.dims[i];
  if (!fits)
    {
      g_set_error (error, TN_ERROR, entry != NULL ? TN_ERROR_SHAPE : TN_ERROR_FORMAT,
                   _ ("%s: %s does not fit: expected float32 %s"), path, name, shape);
      return FALSE;
    }
  memcpy (variable->data, entry->data, variable->count * sizeof (float));
  return TRUE;
}

gboolean
tn_network_take_arrays (TnNetwork *network, TnSafetensors *arrays, const char *prefix, const char *path, GError **error)
{
  for (guint i = 0; i < network->variables->len; i++)
    if (!take (g_ptr_array_index (network->variables, i), arrays, prefix, path, error))
      return FALSE;
  return TRUE;
}
