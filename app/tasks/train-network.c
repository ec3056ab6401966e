/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/train-network.h"

#include "app/tasks/image-teacher.h"

/* Where nothing else is said: heads of an even width, the hidden layer 8/3 as wide. */
static TnLlamaConfig
make_llama_config (const TnRecipe *recipe, gsize n_vocab, TnTokenizer *tokenizer)
{
  guint hidden = recipe->hidden > 0 ? recipe->hidden : (recipe->width * 8 / 3 + 31) / 32 * 32;

  return (TnLlamaConfig){
      .n_vocab = (guint) n_vocab,
      .n_embd = recipe->width,
      .n_layer = recipe->layers,
      .n_head = recipe->heads,
      .n_head_kv = recipe->kv_heads > 0 ? recipe->kv_heads : recipe->heads,
      .head_dim = recipe->width / recipe->heads,
      .n_ff = hidden,
      .n_context = MAX (recipe->context, recipe->seq_len),
      .rope_dim = recipe->width / recipe->heads,
      .rope_base = recipe->rope_base,
      .rope_scale = 1.0,
      .norm_epsilon = recipe->norm_epsilon,
      .rope_layout = TN_ROPE_HALF_SPLIT,
      .activation = recipe->activation,
      .tied = recipe->tied,
      .bos = tokenizer != NULL ? tn_tokenizer_get_bos (tokenizer) : -1,
      .eos = tokenizer != NULL ? tn_tokenizer_get_eos (tokenizer) : -1,
  };
}

static TnNetwork *
load_network (TnModelFile *file, const TnTrainingPrecision *precision, GError **error)
{
  g_autoptr (TnModel) model = tn_model_file_load (file, error);

  return model != NULL ? tn_network_new_from_model (model, precision, error) : NULL;
}

static TnNetwork *
make_mlp (const TnRecipe *recipe, TnTrainingData *data, const TnTrainingPrecision *precision, GError **error)
{
  g_autoptr (GArray) sizes = tn_recipe_parse_sizes (recipe, error);
  gsize channels, height, width, ends[2];

  if (sizes == NULL)
    return NULL;
  ends[0] = tn_training_data_n_features (data, &channels, &height, &width);
  ends[1] = tn_training_data_n_classes (data);
  g_array_prepend_val (sizes, ends[0]);
  g_array_append_val (sizes, ends[1]);
  return tn_network_new_mlp ((const gsize *) sizes->data, sizes->len, recipe->seed, precision, error);
}

static TnNetwork *
make_cnn (const TnRecipe *recipe, TnTrainingData *data, const TnTrainingPrecision *precision, GError **error)
{
  g_autoptr (GArray) filters = tn_recipe_parse_sizes (recipe, error);
  TnCnnConfig config = {.n_classes = tn_training_data_n_classes (data)};

  if (filters == NULL)
    return NULL;
  config.n_layers = filters->len;
  config.filters = (const gsize *) filters->data;
  tn_training_data_n_features (data, &config.channels, &config.height, &config.width);
  return tn_network_new_cnn (&config, recipe->seed, precision, error);
}

TnNetwork *
tn_train_make_network (const TnRecipe *recipe, TnModelFile *model, TnTrainingData *data, const TnTrainingPrecision *precision,
                       GError **error)
{
  TnLlamaConfig config;

  if (model != NULL)
    return load_network (model, precision, error);
  if (recipe->architecture == TN_ARCHITECTURE_MLP)
    return make_mlp (recipe, data, precision, error);
  if (recipe->architecture == TN_ARCHITECTURE_CNN)
    return make_cnn (recipe, data, precision, error);
  config = make_llama_config (recipe, tn_training_data_n_classes (data), tn_training_data_get_tokenizer (data));
  return tn_network_new_llama (&config, recipe->sub_norms, recipe->deviation, recipe->seed, precision, error);
}

gboolean
tn_train_is_on_images (const TnTrainOptions *options)
{
  return options->model_path == NULL && options->recipe->architecture != TN_ARCHITECTURE_LLAMA;
}

TnNetwork *
tn_train_make_teacher (const TnTrainOptions *options, TnModelFile *model, TnTrainingData *data, GError **error)
{
  g_autoptr (TnTrainingPrecision) precision = NULL;
  TnNetwork *teacher;

  if (tn_train_is_on_images (options))
    return tn_image_teacher_load (options->teacher_path, data, error);
  precision = tn_training_precision_new (error);
  teacher = precision != NULL ? load_network (model, precision, error) : NULL;
  if (teacher != NULL)
    tn_network_freeze (teacher);
  return teacher;
}
