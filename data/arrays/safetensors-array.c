/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/arrays/array-private.h"
#include "data/files/quote.h"
#include "data/models/safetensors.h"
#include "engine/error.h"

static gboolean
safetensors_recognise (const char *name, const guint8 *head, gsize bytes)
{
  return tn_safetensors_recognise (head, bytes);
}

static gboolean
safetensors_list (TnArrayFile *self, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (self->path, error);
  g_autoptr (TnSafetensors) tensors = file != NULL ? tn_safetensors_open (file, error) : NULL;

  if (tensors == NULL)
    return FALSE;
  for (guint i = 0; i < tn_safetensors_n_entries (tensors); i++)
    {
      const TnSafetensorsEntry *entry = tn_safetensors_get_entry (tensors, i);
      TnArray array = {.dtype = entry->dtype, .n_dims = entry->n_dims, .count = entry->count, .storage = TN_ARRAY_STORED};

      if (!tn_dtype_can_decode (entry->dtype))
        {
          g_autofree char *name = tn_quote_string (entry->name);

          g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: tensor %s is of type %s, which cannot be decoded"),
                       self->path, name, entry->dtype_name);
          return FALSE;
        }
      memcpy (array.shape, entry->shape, entry->n_dims * sizeof *array.shape);
      array.offset = (guint64) (entry->data - tn_mapped_file_get_data (file));
      tn_array_file_add (self, &array, entry->name);
    }
  return TRUE;
}

const TnArrayFormat tn_safetensors_arrays = {.name = "safetensors", .recognise = safetensors_recognise, .list = safetensors_list};
