/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/trained-model.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "data/export/bytes-json.h"
#include "data/export/config-json.h"
#include "data/files/atomic-folder.h"
#include "data/files/mapped-file.h"
#include "data/files/safetensors-writer.h"
#include "data/models/activation-scales.h"
#include "data/models/model-file-private.h"
#include "data/tokenizers/gguf-form.h"
#include "engine/error.h"

#define WEIGHTS_NAME "model.safetensors"

static const char *const names[] = {"config.json", WEIGHTS_NAME, "tokenizer.json", "tokenizer.bin", NULL};

/* Rows of query and key projections pair up for the rotary embedding as halves of a head at Hugging Face. */
static float *
halve_rows (const TnVariable *variable, const float *data, gsize head_dim)
{
  gsize columns = tn_shape_columns (&variable->shape), rows = variable->count / columns;
  float *out = g_new (float, variable->count);

  for (gsize row = 0; row < rows; row++)
    {
      gsize head = row / head_dim, i = row % head_dim;
      gsize from = head * head_dim + (i < head_dim / 2 ? 2 * i : 2 * (i - head_dim / 2) + 1);

      memcpy (out + row * columns, data + from * columns, columns * sizeof (float));
    }
  return out;
}

static gboolean
pairs_up (const TnVariable *variable, const TnLlamaConfig *config)
{
  return config != NULL && config->rope_layout == TN_ROPE_INTERLEAVED &&
         (g_str_has_suffix (variable->name, ".attn_q.weight") || g_str_has_suffix (variable->name, ".attn_k.weight"));
}

/* Learned scales, factors and rotations have no place in a model of this family: such a layer's weight is written as it multiplies by it.
 * *rounded stays NULL where the latent weight says all: who reads it rounds it anew to the same. */
static gboolean
round_weight (TnNetwork *network, const TnVariable *variable, float **rounded, GError **error)
{
  const TnTrainingLayer *layer = tn_network_find_layer (network, variable);

  if (layer == NULL || tn_training_layer_is_latent_enough (layer, network->precision))
    return TRUE;
  *rounded = g_new (float, variable->count);
  return tn_network_round_layer (network, layer, *rounded, error);
}

static gboolean
add_variable (TnSafetensorsWriter *writer, TnNetwork *network, const TnVariable *variable, const TnLlamaConfig *config,
              GError **error)
{
  g_autofree float *rounded = NULL;
  g_autofree char *name = config != NULL ? tn_huggingface_source_name (variable->name) : g_strdup (variable->name);
  guint64 shape[TN_SHAPE_MAX_DIMS];

  if (name == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: it has no name in a checkpoint of Hugging Face"),
                   variable->name);
      return FALSE;
    }
  for (guint i = 0; i < variable->shape.n_dims; i++)
    shape[i] = variable->shape.dims[i];
  if (config != NULL && !round_weight (network, variable, &rounded, error))
    return FALSE;
  if (pairs_up (variable, config))
    return tn_safetensors_writer_take_tensor (writer, name, TN_DTYPE_F32, variable->shape.n_dims, shape,
                                              halve_rows (variable, rounded != NULL ? rounded : variable->data, config->head_dim),
                                              error);
  if (rounded != NULL)
    return tn_safetensors_writer_take_tensor (writer, name, TN_DTYPE_F32, variable->shape.n_dims, shape,
                                              g_steal_pointer (&rounded), error);
  return tn_safetensors_writer_add_tensor (writer, name, TN_DTYPE_F32, variable->shape.n_dims, shape, variable->data, error);
}

/* The scales with which layers round their inputs; NULL where no layer has one that is its own. */
static char *
print_input_scales (TnNetwork *network, const TnListener *listener)
{
  const TnTrainingPrecision *precision = network->precision;
  g_autoptr (TnActivationScales) scales = tn_activation_scales_new ();
  guint n_own = 0, n_lost = 0;

  for (guint i = 0; i < network->layers->len; i++)
    {
      const TnTrainingLayer *layer = g_ptr_array_index (network->layers, i);
      g_autofree char *site = g_strconcat (layer->name, ".in", NULL);
      TnQuantParams params;
      gboolean own = tn_training_layer_get_input_params (layer, precision, &params);

      n_own += own;
      n_lost += !own && layer->rounds_input &&
                (layer->input_scale != NULL || precision->input_estimator == TN_ESTIMATOR_TRUST ||
                 precision->input_estimator == TN_ESTIMATOR_SOFT);
      if (own)
        tn_activation_scales_add (scales, site, &params, (double) NAN);
      else
        tn_activation_scales_add_kept (scales, site, &precision->inputs);
    }
  if (n_lost > 0)
    tn_listener_event (listener, "warning",
                       _ ("how inputs are rounded is not in the model, which has a place for levels of integer schemes alone: "
                         "what eval computes is not what was validated"));
  return n_own > 0 ? tn_activation_scales_print (scales) : NULL;
}

/* "weights ternary by identity, inputs int8:t by identity"; NULL: nothing is rounded. */
static char *
describe_rounding (const TnTrainingPrecision *precision)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const struct
  {
    gboolean rounds;
    const char *what;
    const TnScheme *scheme;
    TnEstimator estimator;
  } parts[] = {{precision->rounds_weights, "weights", &precision->weights, precision->weight_estimator},
               {precision->rounds_inputs, "inputs", &precision->inputs, precision->input_estimator}};

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (parts[i].rounds)
      {
        g_autofree char *name = tn_scheme_to_string (parts[i].scheme);

        g_string_append_printf (text, "%s%s %s by %s", text->len > 0 ? ", " : "", parts[i].what, name,
                                tn_estimator_get_name (parts[i].estimator));
      }
  return text->len > 0 ? g_strdup (text->str) : NULL;
}

static gboolean
write_weights (TnNetwork *network, const char *architecture, const char *folder, const TnListener *listener, GError **error)
{
  g_autofree char *scales = NULL, *rounding = NULL;
  const TnLlamaConfig *config = tn_network_get_llama_config (network);
  g_autofree char *path = g_build_filename (folder, WEIGHTS_NAME, NULL);
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();

  for (guint i = 0; i < network->variables->len; i++)
    {
      const TnVariable *variable = g_ptr_array_index (network->variables, i);

      if ((config == NULL || variable->role != TN_ROLE_SCALE) && !add_variable (writer, network, variable, config, error))
        return FALSE;
    }
  tn_safetensors_writer_add_metadata (writer, "format", "pt");
  if (config == NULL)
    {
      tn_safetensors_writer_add_metadata (writer, TN_TRAINED_ARCHITECTURE_KEY, architecture);
      if ((rounding = describe_rounding (network->precision)) != NULL)
        tn_safetensors_writer_add_metadata (writer, TN_TRAINED_ROUNDING_KEY, rounding);
    }
  else if ((scales = print_input_scales (network, listener)) != NULL)
    tn_safetensors_writer_add_metadata (writer, TN_ACTIVATION_SCALES_KEY, scales);
  return tn_safetensors_writer_write (writer, path, NULL, error);
}

static gboolean
write_config (TnNetwork *network, const char *folder, GError **error)
{
  const TnLlamaConfig *config = tn_network_get_llama_config (network);
  gboolean sub_norms = tn_network_find_variable (network, "blk.0.attn_sub_norm.weight") != NULL;
  g_autofree char *path = g_build_filename (folder, names[0], NULL), *text = NULL;
  g_autoptr (JsonNode) json = tn_config_json_from_llama (config, sub_norms, "float32", folder, error);

  if (json == NULL)
    return FALSE;
  text = tn_config_json_to_text (json, TRUE);
  return tn_atomic_file_set_contents (path, text, strlen (text), error);
}

static gboolean
copy_tokenizer (TnTokenizer *tokenizer, const char *folder, const TnListener *listener, GError **error)
{
  const char *from = tokenizer != NULL ? tn_tokenizer_get_path (tokenizer) : NULL;
  g_autofree char *to = NULL;
  g_autoptr (TnMappedFile) file = NULL;

  if (tokenizer == NULL)
    return TRUE;
  if (strcmp (tn_tokenizer_get_kind (tokenizer), "bytes") == 0)
    {
      g_autofree char *text = tn_bytes_tokenizer_to_json (tokenizer);

      to = g_build_filename (folder, "tokenizer.json", NULL);
      return tn_atomic_file_set_contents (to, text, strlen (text), error);
    }
  if (from == NULL || tn_tokenizer_get_gguf_path (tokenizer) != NULL)
    {
      tn_listener_event (listener, "warning",
                         _ ("the model's folder has no tokenizer: that of the data is no file that could lie there"));
      return TRUE;
    }
  to = g_build_filename (folder, tn_tokenizer_get_json_path (tokenizer) != NULL ? "tokenizer.json" : "tokenizer.bin", NULL);
  file = tn_mapped_file_open (from, error);
  return file != NULL &&
         tn_atomic_file_set_contents (to, tn_mapped_file_get_data (file), tn_mapped_file_get_size (file), error) &&
         tn_mapped_file_check (tn_mapped_file_get_data (file), error);
}

gboolean
tn_trained_model_write (TnNetwork *network, const char *architecture, TnTokenizer *tokenizer, const char *folder,
                        const TnListener *listener, GError **error)
{
  g_autoptr (TnAtomicFolder) made = tn_atomic_folder_create (folder, names, error);
  const char *path = made != NULL ? tn_atomic_folder_get_path (made) : NULL;

  return made != NULL && write_weights (network, architecture, path, listener, error) &&
         (tn_network_get_llama_config (network) == NULL || write_config (network, path, error)) &&
         copy_tokenizer (tokenizer, path, listener, error) && tn_atomic_folder_commit (made, error);
}
