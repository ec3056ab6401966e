/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/quantized-model.h"

#include <glib/gi18n-lib.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/nn/bit-linear.h"
#include "engine/nn/model-private.h"
#include "engine/quant/quantize.h"

/* A layer on its way. */
typedef struct
{
  const TnLayerPrecision *precision;
  const TnTensor *weight;
  gboolean reads_int8;
  GCancellable *cancellable;
  TnTensor *made; /* NULL: the weight stays */
  gboolean ok;
  GError *error;
} Conversion;

static gboolean
is_stored_ternary (const TnTensor *weight)
{
  switch (weight->dtype)
    {
    case TN_DTYPE_TERNARY:
    case TN_DTYPE_TQ1_0:
    case TN_DTYPE_TQ2_0:
    case TN_DTYPE_PACKED:
      return TRUE;
    default:
      return FALSE;
    }
}

/* FALSE where the weight is not ternary, with error only where that matters. */
static gboolean
take_ternary (Conversion *self, gboolean required)
{
  g_autoptr (GError) error = NULL;

  self->made = tn_bit_linear_from_ternary (self->weight, self->cancellable, &error);
  if (self->made != NULL)
    return TRUE;
  if (required || !g_error_matches (error, TN_ERROR, TN_ERROR_UNSUPPORTED))
    self->error = g_steal_pointer (&error);
  return FALSE;
}

static void
convert_on_compute_thread (gpointer user_data)
{
  Conversion *self = user_data;
  const TnLayerPrecision *precision = self->precision;
  const TnScheme *scheme = precision->weights;

  if (tn_bit_linear_is (self->weight) && (scheme == NULL || precision->keep_ternary))
    return;
  if (precision->keep_ternary ||
      (scheme == NULL && self->reads_int8 && (precision->bit_linear || is_stored_ternary (self->weight))))
    {
      if (take_ternary (self, precision->bit_linear && scheme == NULL) || self->error != NULL)
        return;
    }
  if (scheme != NULL && tn_bit_linear_takes (scheme))
    {
      self->made = tn_bit_linear_from_float (self->weight, scheme, self->cancellable, &self->error);
      /* Products in fp32 show what is not finite. */
      if (self->reads_int8 || !g_error_matches (self->error, TN_ERROR, TN_ERROR_DATA))
        return;
      g_clear_error (&self->error);
    }
  if (scheme != NULL)
    self->made = tn_quantize_tensor (self->weight, scheme, &self->error);
}

/* What the layer called name becomes; *made stays NULL where its weight is not changed. */
static gboolean
convert_layer (const TnLayerPrecision *precision, const TnTensor *weight, TnInputRounding *input, TnTensor **made,
               GCancellable *cancellable, GError **error)
{
  Conversion conversion = {.precision = precision, .weight = weight, .cancellable = cancellable};

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (precision->activations != NULL &&
      !tn_input_rounding_init (input, precision->activations, precision->static_params, tn_tensor_columns (weight), error))
    return FALSE;
  if (precision->weights != NULL &&
      !tn_scheme_check (precision->weights, tn_tensor_rows (weight), tn_tensor_columns (weight), error))
    return FALSE;
  conversion.reads_int8 = tn_input_rounding_is_int8 (input);
  tn_compute_run (convert_on_compute_thread, &conversion);
  *made = conversion.made;
  if (conversion.error == NULL)
    return TRUE;
  g_propagate_error (error, conversion.error);
  return FALSE;
}

/* name -> TnLayerPrecision of those that have one; the other in common. */
static GHashTable *
index_precisions (TnModel *self, const TnLayerPrecision *layers, guint n_layers, const TnLayerPrecision **common, GError **error)
{
  g_autoptr (GHashTable) by_name = g_hash_table_new (g_str_hash, g_str_equal);
  TnLayerKind kind;
  guint block;

  for (guint i = 0; i < n_layers; i++)
    if (layers[i].name == NULL)
      *common = &layers[i];
    else if (tn_model_find_layer (self, layers[i].name, &block, &kind))
      g_hash_table_insert (by_name, (gpointer) layers[i].name, (gpointer) &layers[i]);
    else
      {
        g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s is no linear layer of the model"), layers[i].name);
        return NULL;
      }
  return g_steal_pointer (&by_name);
}

static void
clear_tensor (gpointer data)
{
  if (data != NULL)
    tn_tensor_unref (data);
}

TnModel *
tn_model_quantize (TnModel *self, const TnLayerPrecision *layers, guint n_layers, GCancellable *cancellable, GError **error)
{
  guint n = self->config.n_layer * TN_N_LAYERS;
  g_autoptr (GPtrArray) tensors = g_ptr_array_new_full (n, clear_tensor);
  g_autofree TnInputRounding *inputs = g_new (TnInputRounding, n);
  const TnLayerPrecision *common = NULL;
  g_autoptr (GHashTable) by_name = index_precisions (self, layers, n_layers, &common, error);

  if (by_name == NULL)
    return NULL;
  g_ptr_array_set_size (tensors, (gint) n);
  for (guint i = 0; i < n; i++)
    inputs[i] = self->blocks[i / TN_N_LAYERS].inputs[i % TN_N_LAYERS];
  for (guint i = 0; i < self->parameters->len; i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (self, i);
      const TnLayerPrecision *precision;
      TnLayerKind kind;
      guint block, layer;

      if (!tn_model_find_layer (self, parameter->name, &block, &kind))
        continue;
      precision = g_hash_table_lookup (by_name, parameter->name);
      if (precision == NULL && (precision = common) == NULL)
        continue;
      layer = block * TN_N_LAYERS + kind;
      if (!convert_layer (precision, parameter->tensor, &inputs[layer], (TnTensor **) &tensors->pdata[layer], cancellable, error))
        {
          g_prefix_error (error, "%s: ", parameter->name);
          return NULL;
        }
    }
  return tn_model_with_layers (self, (TnTensor *const *) tensors->pdata, inputs, error);
}

static TnLayerPath
get_path (const TnBlockLayers *block, TnLayerKind kind)
{
  if (block->ternary[kind] != NULL)
    return TN_LAYER_PATH_BIT_LINEAR;
  return block->inputs[kind].rounds ? TN_LAYER_PATH_ROUNDED_INPUT : TN_LAYER_PATH_FLOAT;
}

TnLayerPath
tn_model_get_layer_path (TnModel *self, const char *name)
{
  TnLayerKind kind;
  guint block;

  g_return_val_if_fail (tn_model_find_layer (self, name, &block, &kind), TN_LAYER_PATH_FLOAT);

  return get_path (&self->blocks[block], kind);
}

const TnInputRounding *
tn_model_get_input_rounding (TnModel *self, const char *name)
{
  TnLayerKind kind;
  guint block;

  g_return_val_if_fail (tn_model_find_layer (self, name, &block, &kind), NULL);

  return &self->blocks[block].inputs[kind];
}

guint
tn_model_count_layer_paths (TnModel *self, TnLayerPath path)
{
  guint n = 0;

  for (guint i = 0; i < self->config.n_layer; i++)
    for (guint k = 0; k < TN_N_LAYERS; k++)
      n += get_path (&self->blocks[i], k) == path;
  return n;
}
