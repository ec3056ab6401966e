/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/model-edit.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/nn/quantized-model.h"

#define EMBEDDING "token_embd.weight"
#define HEAD "output.weight"

struct _TnModelEdit
{
  TnModel *model;
  TnLlamaConfig config;
  GHashTable *taken; /* name -> TnTensor in f32, pool memory */
};

static void
tensor_unref (gpointer data)
{
  tn_tensor_unref (data);
}

TnModelEdit *
tn_model_edit_new (TnModel *model, GError **error)
{
  guint rounded = tn_model_count_layer_paths (model, TN_LAYER_PATH_ROUNDED_INPUT) +
                  tn_model_count_layer_paths (model, TN_LAYER_PATH_BIT_LINEAR);
  TnModelEdit *self;

  if (rounded > 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%u linear layers are of low precision already, or round their inputs: mitigation starts from a model in "
                      "full precision"),
                   rounded);
      return NULL;
    }
  self = g_new0 (TnModelEdit, 1);
  self->model = tn_model_ref (model);
  self->config = *tn_model_get_config (model);
  self->taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, tensor_unref);
  return self;
}

void
tn_model_edit_free (TnModelEdit *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->taken);
  tn_model_unref (self->model);
  g_free (self);
}

const TnLlamaConfig *
tn_model_edit_get_config (TnModelEdit *self)
{
  return &self->config;
}

static TnTensor *
copy_tensor (const TnTensor *tensor, GError **error)
{
  TnTensor *copy = tn_tensor_new (TN_DTYPE_F32, tensor->n_dims, tensor->shape, TN_PURPOSE_WEIGHTS, error);

  if (copy != NULL)
    tn_tensor_decode (tensor, 0, tensor->count, tn_tensor_get_writable (copy));
  return copy;
}

float *
tn_model_edit_take (TnModelEdit *self, const char *name, GError **error)
{
  TnTensor *tensor = g_hash_table_lookup (self->taken, name);

  if (tensor == NULL)
    {
      const TnParameter *parameter = tn_model_find_parameter (self->model, name);

      if (parameter == NULL || (tensor = copy_tensor (parameter->tensor, error)) == NULL)
        return NULL;
      g_hash_table_insert (self->taken, g_strdup (name), tensor);
    }
  return tn_tensor_get_writable (tensor);
}

float *
tn_model_edit_take_block (TnModelEdit *self, guint block, const char *part, GError **error)
{
  g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", block, part);

  return tn_model_edit_take (self, name, error);
}

gboolean
tn_model_edit_untie (TnModelEdit *self, guint64 *added, GError **error)
{
  TnTensor *head;

  if (added != NULL)
    *added = 0;
  if (!self->config.tied)
    return TRUE;
  if (tn_model_edit_take (self, EMBEDDING, error) == NULL ||
      (head = copy_tensor (g_hash_table_lookup (self->taken, EMBEDDING), error)) == NULL)
    return FALSE;
  if (added != NULL)
    *added = head->bytes;
  g_hash_table_insert (self->taken, g_strdup (HEAD), head);
  self->config.tied = FALSE;
  return TRUE;
}

static void
add_parameter (GPtrArray *parameters, const char *name, const char *source_name, TnTensor *tensor)
{
  TnParameter *parameter = g_new (TnParameter, 1);

  parameter->name = g_strdup (name);
  parameter->source_name = g_strdup (source_name);
  parameter->tensor = tn_tensor_ref (tensor);
  g_ptr_array_add (parameters, parameter);
}

TnModel *
tn_model_edit_finish (TnModelEdit *self, GError **error)
{
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  TnTensor *head = g_hash_table_lookup (self->taken, HEAD);

  for (guint i = 0; i < tn_model_n_parameters (self->model); i++)
    {
      const TnParameter *old = tn_model_get_parameter (self->model, i);
      TnTensor *taken = g_hash_table_lookup (self->taken, old->name);
      g_autoptr (TnTensor) copy = NULL;

      /* What was given away may change again. */
      if (taken != NULL && (copy = copy_tensor (taken, error)) == NULL)
        return NULL;
      add_parameter (parameters, old->name, old->source_name, copy != NULL ? copy : old->tensor);
    }
  if (head != NULL && tn_model_find_parameter (self->model, HEAD) == NULL)
    {
      g_autoptr (TnTensor) copy = copy_tensor (head, error);

      if (copy == NULL)
        return NULL;
      add_parameter (parameters, HEAD, HEAD, copy);
    }
  return tn_model_new_llama (&self->config, parameters, tn_model_get_fingerprint (self->model), error);
}
