/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration/arrays.h"

#include <math.h>
#include <string.h>

#include "bench/random-llama.h"
#include "data/datasets/dataset.h"
#include "data/models/model-file.h"
#include "data/tokenizers/tokenizer.h"
#include "engine/random.h"

#define SEQUENCE 256
#define SEQUENCES 32

static const char *const distributions[] = {"gauss",      "laplace",    "student3", "gauss+0.1%x20",
                                            "lognormal1", "relu-gauss", "uniform"};

static const char *const models[] = {
    "stories260k/hf-f32",
    "stories260k/hf-f16",
    "stories260k/hf-bf16",
    "gguf/llama-2-tiny-random.gguf",
    "hf/tiny-random-gpt2",
    "hf/gpt-nano-sort",
    "hf/silero_vad_16k.safetensors",
    "vision/burn_mnist_cnn.safetensors",
    "mnist/mnist-mlp-784-500-10.safetensors",
};

/* Those that run, and what they read; NULL: random tokens. */
static const struct
{
  const char *model, *tokenizer, *text;
} runs[] = {
    {"stories260k/hf-f32", "stories260k/tok512.bin", "text/tinystories_2MB.txt"},
    {"gguf/llama-2-tiny-random.gguf", NULL, NULL},
};

void
tn_bench_array_free (TnBenchArray *self)
{
  g_free (self->name);
  g_array_unref (self->values);
  g_free (self);
}

static TnBenchArray *
add_array (GPtrArray *arrays, const char *group, const char *name, gboolean is_site, gsize n)
{
  TnBenchArray *array = g_new0 (TnBenchArray, 1);

  array->name = g_strconcat (group, " ", name, NULL);
  array->is_site = is_site;
  array->values = g_array_sized_new (FALSE, FALSE, sizeof (float), (guint) n);
  g_ptr_array_add (arrays, array);
  return array;
}

static double
draw (TnRandom *random, guint distribution)
{
  double x = tn_random_normal (random);

  switch (distribution)
    {
    case 1:
      return (tn_random_below (random, 2) ? 1.0 : -1.0) * -log (1.0 - tn_random_uniform (random));
    case 2:
      {
        double a = tn_random_normal (random), b = tn_random_normal (random), c = tn_random_normal (random);

        return x / sqrt ((a * a + b * b + c * c) / 3.0);
      }
    case 3:
      return tn_random_below (random, 1000) == 0 ? 20.0 * x : x;
    case 4:
      return (tn_random_below (random, 2) ? 1.0 : -1.0) * exp (x);
    case 5:
      return MAX (x, 0.0);
    case 6:
      return 2.0 * tn_random_uniform (random) - 1.0;
    case 0:
    default:
      return x;
    }
}

void
tn_bench_arrays_add_distributions (GPtrArray *arrays, gsize n)
{
  for (guint d = 0; d < G_N_ELEMENTS (distributions); d++)
    {
      TnRandom random = tn_random_stream (d + 1, "parameter search");
      TnBenchArray *tensor = add_array (arrays, "tensor", distributions[d], FALSE, n), *site;

      for (gsize i = 0; i < n; i++)
        {
          float x = (float) draw (&random, d);

          g_array_append_val (tensor->values, x);
        }
      site = add_array (arrays, "site", distributions[d], TRUE, n);
      g_array_append_vals (site->values, tensor->values->data, tensor->values->len);
    }
}

static void
add_tensors (GPtrArray *arrays, TnModelFile *file, const char *model)
{
  for (guint i = 0; i < tn_model_file_n_tensors (file); i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (file, i);
      TnBenchArray *array;

      if (!tn_dtype_can_decode (entry->tensor->dtype) || entry->tensor->count < 2)
        continue;
      array = add_array (arrays, model, entry->name, FALSE, entry->tensor->count);
      g_array_set_size (array->values, (guint) entry->tensor->count);
      tn_tensor_decode (entry->tensor, 0, entry->tensor->count, (float *) (void *) array->values->data);
    }
}

typedef struct
{
  GPtrArray *arrays;
  GHashTable *by_site; /* name -> TnBenchArray */
  const char *model;
} Recording;

static void
record (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Recording *self = user_data;
  TnBenchArray *array = g_hash_table_lookup (self->by_site, site->name);

  if (array == NULL)
    {
      array = add_array (self->arrays, self->model, site->name, TRUE, batch->n_tokens * site->width);
      g_hash_table_insert (self->by_site, site->name, array);
    }
  g_array_append_vals (array->values, x, (guint) (batch->n_tokens * site->width));
}

static TnBatch *
next_batch (TnBatchSource *source, TnModel *model)
{
  if (source != NULL)
    return tn_batch_source_next (source, NULL);
  return tn_random_batch_new (8, SEQUENCE / 2, tn_model_get_config (model)->n_vocab);
}

static void
record_sites (GPtrArray *arrays, const char *folder, guint run, gsize least_values)
{
  g_autofree char *model_path = g_build_filename (folder, runs[run].model, NULL);
  g_autoptr (TnModelFile) file = tn_model_file_open (model_path, NULL);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, NULL) : NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (TnBatchSource) source = NULL;
  g_autoptr (GHashTable) by_site = g_hash_table_new (g_str_hash, g_str_equal);
  Recording recording = {.arrays = arrays, .by_site = by_site, .model = runs[run].model};
  TnForwardOptions options = {.kinds = TN_SITE_INPUT, .observe = record, .user_data = &recording};
  gsize n_sequences = 0;

  if (model == NULL)
    return;
  if (runs[run].text != NULL)
    {
      g_autofree char *tokenizer_path = g_build_filename (folder, runs[run].tokenizer, NULL);
      g_autofree char *text_path = g_build_filename (folder, runs[run].text, NULL);
      const char *paths[] = {text_path, NULL};

      tokenizer = tn_tokenizer_find (tokenizer_path, file, NULL);
      dataset =
          tokenizer != NULL ? tn_dataset_open (paths, NULL, tokenizer, tn_model_get_config (model)->n_vocab, NULL, NULL) : NULL;
      source = dataset != NULL ? tn_dataset_windows (dataset, SEQUENCE, 8, NULL, NULL) : NULL;
      if (source == NULL)
        return;
    }
  while (n_sequences < SEQUENCES)
    {
      g_autoptr (TnBatch) batch = next_batch (source, model);

      if (batch == NULL || !tn_model_forward (model, batch, &options, NULL, NULL, NULL, NULL))
        break;
      n_sequences += batch->n_sequences;
    }
  for (guint i = arrays->len; i-- > 0;)
    {
      const TnBenchArray *array = g_ptr_array_index (arrays, i);

      if (array->is_site && g_str_has_prefix (array->name, runs[run].model) && array->values->len < least_values)
        g_ptr_array_remove_index (arrays, i);
    }
}

void
tn_bench_arrays_add_models (GPtrArray *arrays, const char *folder, gsize least_values)
{
  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autofree char *path = g_build_filename (folder, models[i], NULL);
      g_autoptr (TnModelFile) file = tn_model_file_open (path, NULL);

      if (file != NULL)
        add_tensors (arrays, file, models[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    record_sites (arrays, folder, i, least_values);
}
