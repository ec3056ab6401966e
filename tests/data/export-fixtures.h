/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>

#include "data/export/export.h"
#include "data/files/safetensors-writer.h"
#include "data/models/model-file.h"
#include "engine/error.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"
#include "tests/data/model-bytes.h"

/* A small model of LLaMA's shape, written as Hugging Face has it, exported to everything and read with slow code of this test's
 * own. */
#define VOCAB 11
#define WORDS 270
#define HEADS 4
#define HEADS_KV 2

typedef struct
{
  guint width, ff, vocab;
} Size;

/* Rows of whole blocks of every form; and of none. */
static const Size fitting G_GNUC_UNUSED = {256, 512, VOCAB};
static const Size narrow G_GNUC_UNUSED = {40, 52, VOCAB};
/* With room for the words of a tokenizer. */
static const Size wordy G_GNUC_UNUSED = {40, 52, WORDS};

typedef struct
{
  const char *source, *name; /* at Hugging Face and in GGUF */
  guint rows, columns;       /* rows 0: a vector */
} Entry;

#define N_ENTRIES 12
#define N_SUB_NORMS 2

static inline void
list_entries (const Size *size, Entry entries[N_ENTRIES])
{
  guint width = size->width, kv = width / HEADS * HEADS_KV, ff = size->ff;
  const Entry list[N_ENTRIES] = {
      {"model.embed_tokens.weight", "token_embd.weight", size->vocab, width},
      {"model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight", 0, width},
      {"model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight", width, width},
      {"model.layers.0.self_attn.k_proj.weight", "blk.0.attn_k.weight", kv, width},
      {"model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight", kv, width},
      {"model.layers.0.self_attn.o_proj.weight", "blk.0.attn_output.weight", width, width},
      {"model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight", 0, width},
      {"model.layers.0.mlp.gate_proj.weight", "blk.0.ffn_gate.weight", ff, width},
      {"model.layers.0.mlp.up_proj.weight", "blk.0.ffn_up.weight", ff, width},
      {"model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight", width, ff},
      {"model.norm.weight", "output_norm.weight", 0, width},
      {"lm_head.weight", "output.weight", size->vocab, width},
  };

  memcpy (entries, list, sizeof list);
}

static inline gboolean
is_linear (const Entry *entry)
{
  return entry->rows > 0 && g_str_has_prefix (entry->name, "blk.");
}

/* Values of an entry; their scale changes from row to row. */
static inline float *
values_of (const Entry *entry)
{
  TnRandom random = tn_random_stream (7, entry->name);
  guint rows = MAX (entry->rows, 1);
  float *x = g_new (float, (gsize) rows * entry->columns);

  for (guint i = 0; i < rows * entry->columns; i++)
    x[i] = (float) tn_random_normal (&random) * (entry->rows == 0 ? 0.1f : 0.02f * (float) (1 + i / entry->columns % 5)) +
           (entry->rows == 0 ? 1.0f : 0.0f);
  return x;
}

/* Norms are F16: other numbers than their F32 in a file, the same values. */
static inline TnDtype
dtype_of (const Entry *entry)
{
  return entry->rows == 0 ? TN_DTYPE_F16 : TN_DTYPE_F32;
}

static inline char *
make_model (const char *name, const Size *size, gboolean tied)
{
  g_autofree char *config = g_strdup_printf (
      "{\"model_type\":\"llama\",\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":1,\"num_attention_heads\":%d,"
      "\"num_key_value_heads\":%d,\"vocab_size\":%u,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,\"rope_theta\":5000.0,"
      "\"hidden_act\":\"silu\",\"bos_token_id\":1,\"tie_word_embeddings\":%s}",
      size->width, size->ff, HEADS, HEADS_KV, size->vocab, tied ? "true" : "false");
  g_autofree char *config_name = g_build_filename (name, "config.json", NULL);
  g_autofree char *weights_path = g_build_filename (test_folder, name, "model.safetensors", NULL);
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autoptr (GError) error = NULL;
  Entry entries[N_ENTRIES];

  g_free (test_write (config_name, config, strlen (config)));
  list_entries (size, entries);
  for (guint i = 0; i < N_ENTRIES; i++)
    {
      const Entry *entry = &entries[i];
      guint64 shape[2] = {entry->rows, entry->columns};
      gsize n = (gsize) MAX (entry->rows, 1) * entry->columns;
      g_autofree float *x = values_of (entry);
      void *data = g_malloc (n * sizeof (float));

      g_assert_true (tn_dtype_encode (dtype_of (entry), x, n, data, &error));
      tn_safetensors_writer_take_tensor (writer, entry->source, dtype_of (entry), entry->rows > 0 ? 2 : 1,
                                         entry->rows > 0 ? shape : shape + 1, data, &error);
      g_assert_no_error (error);
    }
  tn_safetensors_writer_write (writer, weights_path, NULL, &error);
  g_assert_no_error (error);
  return g_build_filename (test_folder, name, NULL);
}

typedef gboolean (*ExportFunc) (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run,
                                TnExportResult *result, GError **error);

static inline gboolean
try_export (ExportFunc func, const char *model, const char *out, const char *scheme, TnDtype type, GError **error)
{
  g_autoptr (TnModelFile) source = tn_model_file_open (model, error);
  TnExportRun run = {NULL};
  TnExportResult result = {0};
  TnExportOptions options = {.type = type};
  TnScheme parsed;
  gboolean done;

  g_assert_nonnull (source);
  if (scheme != NULL)
    {
      g_assert_true (tn_scheme_parse (scheme, &parsed, NULL));
      options.scheme = &parsed;
    }
  done = func (source, out, &options, &run, &result, error);
  g_assert_true (!done || result.bytes > 0);
  tn_export_result_clear (&result);
  return done;
}

static void export(ExportFunc func, const char *model, const char *out, const char *scheme, TnDtype type)
{
  g_autoptr (GError) error = NULL;

  try_export (func, model, out, scheme, type, &error);
  g_assert_no_error (error);
}

static inline char *
out_path (const char *name)
{
  return g_build_filename (test_folder, name, NULL);
}

/* What the scheme makes of an entry, in the order of its file. */
static inline float *
rounded (const Entry *entry, const char *scheme_name)
{
  g_autofree float *x = values_of (entry);
  float *out = g_new (float, (gsize) entry->rows * entry->columns);
  TnScheme scheme;

  g_assert_true (tn_scheme_parse (scheme_name, &scheme, NULL));
  g_assert_true (tn_quantize_values (&scheme, x, entry->rows, entry->columns, out, NULL));
  return out;
}

/* Row of Hugging Face's order that stands at a place of GGUF's: W.reshape (heads, 2, half, in).swapaxes (1, 2). */
static inline guint
source_row (const Entry *entry, guint row)
{
  guint head_dim = entry->columns / HEADS, head = row / head_dim, k = row % head_dim;

  if (strstr (entry->name, "attn_q") == NULL && strstr (entry->name, "attn_k") == NULL)
    return row;
  return head * head_dim + k % 2 * (head_dim / 2) + k / 2;
}

static inline TnModelFile *
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  TnModelFile *file = tn_model_file_open (path, &error);

  g_assert_no_error (error);
  return file;
}

static inline void
assert_runs (TnModelFile *file)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) model = tn_model_file_load (file, &error);

  g_assert_no_error (error);
}

static inline float
through_f16 (float x)
{
  return tn_f16_to_f32 (tn_f32_to_f16 (x));
}

static inline void
assert_values (TnModelFile *file, const char *name, const float *expected, guint rows, guint columns)
{
  const TnModelTensor *tensor = tn_model_file_find_tensor (file, name);
  g_autofree float *found = g_new (float, (gsize) rows *columns);

  g_assert_nonnull (tensor);
  g_assert_cmpuint (tensor->tensor->count, ==, (guint64) rows * columns);
  tn_tensor_decode (tensor->tensor, 0, tensor->tensor->count, found);
  for (guint i = 0; i < rows * columns; i++)
    if (found[i] != expected[i])
      g_error ("%s: element %u is %.9g, expected %.9g", name, i, (double) found[i], (double) expected[i]);
}

static inline void
assert_refused (ExportFunc func, const char *model, const char *out, const char *scheme, TnDtype type, TnErrorCode code,
                const char *piece)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = out_path (out);

  g_assert_false (try_export (func, model, path, scheme, type, &error));
  g_assert_error (error, TN_ERROR, (int) code);
  assert_message (error, "", piece);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static inline guint
count_files (void)
{
  g_autoptr (GDir) folder = g_dir_open (test_folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}
