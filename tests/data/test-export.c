/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "data/export/export.h"
#include "data/files/gguf-writer.h"
#include "data/files/safetensors-writer.h"
#include "data/models/gguf.h"
#include "data/models/packed-tensor.h"
#include "data/models/safetensors.h"
#include "data/tokenizers/byte-level.h"
#include "data/tokenizers/tokenizer.h"
#include "engine/crc32c.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/nn/quantized-model.h"
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
static const Size fitting = {256, 512, VOCAB};
static const Size narrow = {40, 52, VOCAB};
/* With room for the words of a tokenizer. */
static const Size wordy = {40, 52, WORDS};

typedef struct
{
  const char *source, *name; /* at Hugging Face and in GGUF */
  guint rows, columns;       /* rows 0: a vector */
} Entry;

#define N_ENTRIES 12
#define N_SUB_NORMS 2

static void
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

static gboolean
is_linear (const Entry *entry)
{
  return entry->rows > 0 && g_str_has_prefix (entry->name, "blk.");
}

/* Values of an entry; their scale changes from row to row. */
static float *
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
static TnDtype
dtype_of (const Entry *entry)
{
  return entry->rows == 0 ? TN_DTYPE_F16 : TN_DTYPE_F32;
}

static char *
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

static char *
make_model_of_words (const char *name)
{
  return make_model (name, &wordy, FALSE);
}

typedef gboolean (*ExportFunc) (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run,
                                TnExportResult *result, GError **error);

static gboolean
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

static char *
out_path (const char *name)
{
  return g_build_filename (test_folder, name, NULL);
}

/* What the scheme makes of an entry, in the order of its file. */
static float *
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
static guint
source_row (const Entry *entry, guint row)
{
  guint head_dim = entry->columns / HEADS, head = row / head_dim, k = row % head_dim;

  if (strstr (entry->name, "attn_q") == NULL && strstr (entry->name, "attn_k") == NULL)
    return row;
  return head * head_dim + k % 2 * (head_dim / 2) + k / 2;
}

static TnModelFile *
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  TnModelFile *file = tn_model_file_open (path, &error);

  g_assert_no_error (error);
  return file;
}

static void
assert_runs (TnModelFile *file)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) model = tn_model_file_load (file, &error);

  g_assert_no_error (error);
}

static float
through_f16 (float x)
{
  return tn_f16_to_f32 (tn_f32_to_f16 (x));
}

static void
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

/* TQ2_0 blocks by the letter of the format: element 128 h + 32 n + m in bits 2n of byte 32 h + m, the scale last. */
static void
assert_tq2_0 (const guint8 *data, const Entry *entry, const float *values)
{
  for (guint row = 0; row < entry->rows; row++)
    for (guint i = 0; i < entry->columns; i++)
      {
        const guint8 *block = data + (row * entry->columns + i) / 256 * 66;
        guint k = i % 256, code = block[k / 128 * 32 + k % 32] >> (2 * (k % 128 / 32)) & 3;
        float x = values[source_row (entry, row) * entry->columns + i];
        guint16 half;

        memcpy (&half, block + 64, sizeof half);
        g_assert_cmpuint (code, ==, x > 0 ? 2 : x < 0 ? 0 : 1);
        g_assert_true (tn_f16_to_f32 (half) == through_f16 (fabsf (x)) || x == 0);
      }
}

static void
test_gguf_ternary (void)
{
  g_autofree char *model = make_model ("hf", &fitting, FALSE);
  g_autofree char *path = out_path ("t.gguf");
  g_autoptr (TnMappedFile) mapped = NULL;
  g_autoptr (TnGguf) gguf = NULL;
  g_autoptr (TnModelFile) file = NULL;
  Entry entries[N_ENTRIES];
  guint32 number;
  double real;

  export(tn_export_gguf, model, path, "ternary", TN_DTYPE_INVALID);
  mapped = tn_mapped_file_open (path, NULL);
  gguf = tn_gguf_open (mapped, NULL);
  g_assert_nonnull (gguf);
  list_entries (&fitting, entries);
  g_assert_cmpuint (tn_gguf_n_entries (gguf), ==, N_ENTRIES);
  for (guint i = 0; i < N_ENTRIES; i++)
    {
      const TnGgufEntry *entry = tn_gguf_find_entry (gguf, entries[i].name);

      g_assert_nonnull (entry);
      g_assert_cmpstr (entry->type_name, ==, is_linear (&entries[i]) ? "TQ2_0" : "F32");
      if (is_linear (&entries[i]))
        {
          g_autofree float *values = rounded (&entries[i], "ternary");

          assert_tq2_0 (entry->data, &entries[i], values);
        }
    }
  g_assert_true (tn_gguf_get_u32 (gguf, "general.file_type", &number) && number == 37);
  g_assert_true (tn_gguf_get_u32 (gguf, "general.quantization_version", &number) && number == 2);
  g_assert_true (tn_gguf_get_u32 (gguf, "llama.attention.head_count_kv", &number) && number == HEADS_KV);
  g_assert_true (tn_gguf_get_u32 (gguf, "llama.feed_forward_length", &number) && number == fitting.ff);
  g_assert_true (tn_gguf_get_f64 (gguf, "llama.rope.freq_base", &real) && real == 5000.0);

  file = open_model (path);
  assert_runs (file);
  {
    g_autofree float *norm = values_of (&entries[1]);

    for (guint i = 0; i < fitting.width; i++)
      norm[i] = through_f16 (norm[i]);
    assert_values (file, entries[1].name, norm, 1, fitting.width);
  }
}

/* Every block form holds the numbers of its scheme, with its scales in 16 bits; what groups have anyway. */
static void
test_gguf_types (void)
{
  static const struct
  {
    const char *scheme;
    TnDtype type;
    const char *name;
    gboolean exact;
  } cases[] = {
      {"ternary:f16", TN_DTYPE_TQ1_0, "TQ1_0", TRUE},
      {"ternary:c:f16", TN_DTYPE_INVALID, "TQ2_0", TRUE},
      {"ternary:g256", TN_DTYPE_INVALID, "TQ2_0", TRUE},
      {"int8:g32", TN_DTYPE_INVALID, "Q8_0", TRUE},
      {"int8:c:f16", TN_DTYPE_INVALID, "Q8_0", TRUE},
      {"int4:g32", TN_DTYPE_INVALID, "Q4_0", TRUE},
      {"int4:g64", TN_DTYPE_Q8_0, "Q8_0", TRUE},
      {"int3:f16", TN_DTYPE_INVALID, "Q4_0", TRUE},
      {"binary:f16", TN_DTYPE_INVALID, "TQ2_0", TRUE},
      {"int4:asym:g32", TN_DTYPE_Q5_0, "Q5_0", TRUE},
      {"ternary", TN_DTYPE_F32, "F32", TRUE},
      {"int8:asym", TN_DTYPE_F32, "F32", TRUE},
      {"int8", TN_DTYPE_INVALID, "Q8_0", FALSE},
      {"ternary:ls", TN_DTYPE_Q4_0, "Q4_0", FALSE},
  };
  g_autofree char *model = make_model ("hf", &fitting, FALSE);
  g_autofree char *path = out_path ("types.gguf");
  Entry entries[N_ENTRIES];

  list_entries (&fitting, entries);
  for (guint k = 0; k < G_N_ELEMENTS (cases); k++)
    {
      g_autoptr (TnModelFile) file = NULL;

      export(tn_export_gguf, model, path, cases[k].scheme, cases[k].type);
      file = open_model (path);
      for (guint i = 0; i < N_ENTRIES; i++)
        if (is_linear (&entries[i]))
          {
            const Entry *entry = &entries[i];
            const TnModelTensor *tensor = tn_model_file_find_tensor (file, entry->name);
            g_autofree float *values = rounded (entry, cases[k].scheme);
            g_autofree float *moved = g_new (float, (gsize) entry->rows * entry->columns);
            g_autofree float *found = g_new (float, (gsize) entry->rows * entry->columns);

            g_assert_cmpstr (tensor->dtype_name, ==, cases[k].name);
            for (guint row = 0; row < entry->rows; row++)
              memcpy (moved + row * entry->columns, values + source_row (entry, row) * entry->columns,
                      entry->columns * sizeof (float));
            tn_tensor_decode (tensor->tensor, 0, tensor->tensor->count, found);
            for (guint j = 0; j < entry->rows * entry->columns; j++)
              if (cases[k].exact ? found[j] != moved[j] : fabsf (found[j] - moved[j]) > fabsf (moved[j]) * 0x1p-11f)
                g_error ("%s as %s: %s element %u is %.9g, expected %.9g", cases[k].scheme, cases[k].name, entry->name, j,
                         (double) found[j], (double) moved[j]);
          }
    }
}

static const guint8 raw_array[] = {3, 0, 0, 0, 0, 0, 0, 0, 'a', 0, 'b', 0, 0, 0, 0, 0, 0, 0, 0};

static void
add_raw_keys (TnGgufWriter *writer)
{
  static const guint8 odd[] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};
  static const guint8 quiet_nan[] = {1, 0, 0xc0, 0x7f};
  g_autoptr (GError) error = NULL;

  for (guint32 type = 0; type <= 12; type++)
    {
      static const gsize sizes[13] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
      g_autofree char *key = g_strdup_printf ("test.type.%u", type);

      if (sizes[type] > 0)
        tn_gguf_writer_copy_value (writer, key, type, type, 1, type == TN_GGUF_BOOL ? odd + 7 - 7 : odd, sizes[type], &error);
      if (error != NULL)
        g_error ("%s", error->message);
    }
  g_assert_true (tn_gguf_writer_copy_value (writer, "test.nan", TN_GGUF_F32, TN_GGUF_F32, 1, quiet_nan, 4, NULL));
  g_assert_true (tn_gguf_writer_copy_value (writer, "tokenizer.ggml.tokens", TN_GGUF_ARRAY, TN_GGUF_STRING, 2, raw_array,
                                            sizeof raw_array, NULL));
  g_assert_true (tn_gguf_writer_copy_value (writer, "test.empty", TN_GGUF_ARRAY, TN_GGUF_I32, 0, odd, 0, NULL));
  tn_gguf_writer_add_u32 (writer, "general.file_type", 0);
  tn_gguf_writer_add_string (writer, "test.last", "");
}

/* Keys of a GGUF file stay byte for byte and in their order, also those that mean nothing here; tensors of unknown types, too. */
static void
test_gguf_metadata (void)
{
  static const guint64 dims[2] = {256, 3}, opaque_dims[1] = {256};
  g_autofree float *x = g_new0 (float, 768);
  g_autofree guint8 *blocks = g_malloc0 (84);
  g_autoptr (TnGgufWriter) writer = tn_gguf_writer_new ();
  g_autofree char *source_path = out_path ("keys.gguf"), *path = out_path ("copied.gguf");
  g_autoptr (TnMappedFile) source_map = NULL, map = NULL;
  g_autoptr (TnGguf) source = NULL, copy = NULL;
  g_autoptr (GError) error = NULL;
  guint n;

  for (guint i = 0; i < 768; i++)
    x[i] = (float) ((int) (i * 37 % 101) - 50);
  tn_gguf_writer_add_string (writer, "general.architecture", "starcoder");
  tn_gguf_writer_add_u32 (writer, "general.alignment", 64);
  add_raw_keys (writer);
  for (guint i = 0; i < 84; i++)
    blocks[i] = (guint8) (i * 7);
  tn_gguf_writer_add_tensor (writer, "odd", 10, 1, opaque_dims, blocks, 84, &error);
  tn_gguf_writer_add_tensor (writer, "blk.0.ffn_up.weight", 0, 2, dims, x, 768 * sizeof (float), &error);
  tn_gguf_writer_write (writer, source_path, NULL, &error);
  g_assert_no_error (error);

  export(tn_export_gguf, source_path, path, "int8:g32", TN_DTYPE_INVALID);
  source_map = tn_mapped_file_open (source_path, NULL);
  source = tn_gguf_open (source_map, NULL);
  map = tn_mapped_file_open (path, NULL);
  copy = tn_gguf_open (map, NULL);
  n = tn_gguf_n_values (source);
  /* What was not quantized says from now on how it is. */
  g_assert_cmpuint (tn_gguf_n_values (copy), ==, n + 1);
  g_assert_cmpstr (tn_gguf_get_value (copy, n)->key, ==, "general.quantization_version");
  for (guint i = 0; i < n; i++)
    {
      const TnGgufValue *was = tn_gguf_get_value (source, i), *is = tn_gguf_get_value (copy, i);
      guint32 number;

      g_assert_cmpstr (was->key, ==, is->key);
      g_assert_cmpint (was->type, ==, is->type);
      if (strcmp (was->key, "general.file_type") == 0)
        g_assert_true (tn_gguf_get_u32 (copy, was->key, &number) && number == 7);
      else
        g_assert_cmpmem (was->data, was->bytes, is->data, is->bytes);
    }
  g_assert_cmpstr (tn_gguf_get_entry (copy, 0)->type_name, ==, "Q2_K");
  g_assert_cmpmem (tn_gguf_get_entry (copy, 0)->data, 84, blocks, 84);
  g_assert_cmpstr (tn_gguf_get_entry (copy, 1)->type_name, ==, "Q8_0");
  g_assert_cmpuint ((gsize) (tn_gguf_get_entry (copy, 1)->data - tn_mapped_file_get_data (map)) % 64, ==, 0);
}

/* Encoders of the reference, without a scheme: the golden block of Q4_0. */
static void
test_gguf_reference_rounding (void)
{
  static const char golden[] = "c1ee4701bc191f09c215f8ae3ab4b4c6a446ea481871d07ade0524937c4e3982";
  static const guint64 dims[2] = {256, 1};
  float a[256];
  g_autoptr (TnGgufWriter) writer = tn_gguf_writer_new ();
  g_autofree char *source_path = out_path ("a.gguf"), *path = out_path ("a-q4.gguf"), *sum = NULL;
  g_autoptr (TnMappedFile) map = NULL;
  g_autoptr (TnGguf) gguf = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 256; i++)
    a[i] = (float) ((int) ((i * 37 + 11) % 101) - 50) / 32.0f;
  tn_gguf_writer_add_string (writer, "general.architecture", "llama");
  tn_gguf_writer_add_tensor (writer, "blk.0.ffn_up.weight", 0, 2, dims, a, sizeof a, &error);
  tn_gguf_writer_write (writer, source_path, NULL, &error);
  g_assert_no_error (error);
  export(tn_export_gguf, source_path, path, NULL, TN_DTYPE_Q4_0);
  map = tn_mapped_file_open (path, NULL);
  gguf = tn_gguf_open (map, NULL);
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, tn_gguf_get_entry (gguf, 0)->data, 144);
  g_assert_cmpstr (sum, ==, golden);
}

/* A head that the model does not use must not come back as one that it does. */
static void
test_tied_head (void)
{
  g_autofree char *model = make_model ("tied", &fitting, TRUE);
  g_autofree char *path = out_path ("tied.gguf");
  g_autoptr (TnModelFile) file = NULL;

  export(tn_export_gguf, model, path, "ternary", TN_DTYPE_INVALID);
  file = open_model (path);
  g_assert_null (tn_model_file_find_tensor (file, "output.weight"));
  assert_runs (file);
}

static void
test_packed (void)
{
  static const char *const schemes[] = {"ternary",     "ternary:c", "ternary:lloyd:g4", "binary:c",    "int2",
                                        "int3:c:asym", "int4:g4",   "int4:asym",        "int5:c:asym", "int6:g4:asym",
                                        "int7",        "int8",      "int8:c:asym",      "int8:g4:f32", "ternary:twn:f16"};
  const Size *const sizes[] = {&narrow, &fitting};
  g_autofree char *path = out_path ("packed.safetensors");

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      g_autofree char *model = make_model (s == 0 ? "narrow" : "hf", sizes[s], FALSE);
      Entry entries[N_ENTRIES];

      list_entries (sizes[s], entries);
      for (guint k = 0; k < G_N_ELEMENTS (schemes); k++)
        {
          g_autoptr (TnModelFile) file = NULL;

          export(tn_export_safetensors, model, path, schemes[k], TN_DTYPE_INVALID);
          file = open_model (path);
          g_assert_cmpuint (tn_model_file_n_tensors (file), ==, N_ENTRIES);
          g_assert_cmpstr (tn_model_file_get_architecture (file), ==, "llama");
          for (guint i = 0; i < N_ENTRIES; i++)
            if (is_linear (&entries[i]))
              {
                g_autofree float *values = rounded (&entries[i], schemes[k]);

                assert_values (file, entries[i].name, values, entries[i].rows, entries[i].columns);
                g_assert_cmpstr (tn_model_file_find_tensor (file, entries[i].name)->dtype_name, ==, schemes[k]);
              }
          assert_runs (file);
        }
    }
}

/* The bytes as the guide describes them, read without the reader. */
static void
test_packed_layout (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE);
  g_autofree char *path = out_path ("layout.safetensors");
  g_autoptr (TnMappedFile) map = NULL;
  g_autoptr (TnSafetensors) file = NULL;
  const TnSafetensorsEntry *codes, *scales, *zero_points;
  Entry entries[N_ENTRIES];
  g_autofree float *ternary = NULL, *int4 = NULL;

  list_entries (&narrow, entries);
  export(tn_export_safetensors, model, path, "ternary", TN_DTYPE_INVALID);
  map = tn_mapped_file_open (path, NULL);
  file = tn_safetensors_open (map, NULL);
  codes = tn_safetensors_find_entry (file, entries[9].source);
  ternary = rounded (&entries[9], "ternary");
  g_assert_cmpstr (codes->dtype_name, ==, "U8");
  g_assert_cmpuint (codes->bytes, ==, (narrow.width * narrow.ff + 3) / 4);
  for (guint i = 0; i < narrow.width * narrow.ff; i++)
    g_assert_cmpuint (codes->data[i / 4] >> (2 * (i % 4)) & 3, ==, ternary[i] > 0 ? 2 : ternary[i] < 0 ? 0 : 1);
  g_assert_cmpstr (tn_safetensors_get_metadata (file, TN_PACKED_KEY_FORMAT), ==, TN_PACKED_FORMAT);
  {
    g_autofree char *sum = g_strdup_printf ("\"crc32c\":\"%08x\"", tn_crc32c (0, codes->data, (gsize) codes->bytes));

    g_assert_nonnull (strstr (tn_safetensors_get_metadata (file, TN_PACKED_KEY_TENSORS), sum));
  }
  g_clear_pointer (&file, tn_safetensors_unref);
  g_clear_pointer (&map, tn_mapped_file_unref);

  export(tn_export_safetensors, model, path, "int4:c:asym", TN_DTYPE_INVALID);
  map = tn_mapped_file_open (path, NULL);
  file = tn_safetensors_open (map, NULL);
  int4 = rounded (&entries[9], "int4:c:asym");
  codes = tn_safetensors_find_entry (file, entries[9].source);
  scales = tn_safetensors_find_entry (file, "model.layers.0.mlp.down_proj.weight_scale");
  zero_points = tn_safetensors_find_entry (file, "model.layers.0.mlp.down_proj.weight_zero_point");
  g_assert_cmpuint (codes->shape[0], ==, narrow.width);
  g_assert_cmpuint (codes->shape[1], ==, (narrow.ff + 1) / 2);
  g_assert_cmpuint (scales->count, ==, narrow.width);
  g_assert_cmpuint (zero_points->count, ==, narrow.width);
  for (guint row = 0; row < narrow.width; row++)
    for (guint i = 0; i < narrow.ff; i++)
      {
        int code = (codes->data[row * codes->shape[1] + i / 2] >> (4 * (i % 2)) & 15) - 8;
        float scale;

        memcpy (&scale, scales->data + row * sizeof scale, sizeof scale);
        g_assert_true ((float) (code - (gint8) zero_points->data[row]) * scale == int4[row * narrow.ff + i]);
      }
}

static void
flip (const char *path, gsize place)
{
  char *data;
  gsize bytes;

  g_assert_true (g_file_get_contents (path, &data, &bytes, NULL));
  g_assert_cmpuint (place, <, bytes);
  data[place] ^= 1;
  g_assert_true (g_file_set_contents (path, data, (gssize) bytes, NULL));
  g_free (data);
}

static void
test_damage_is_seen (void)
{
  static const char *const parts[] = {"model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight_scale"};
  g_autofree char *model = make_model ("narrow", &narrow, FALSE);
  g_autofree char *path = out_path ("damaged.safetensors");

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autoptr (TnMappedFile) map = NULL;
      g_autoptr (TnSafetensors) file = NULL;
      g_autoptr (TnModelFile) damaged = NULL;
      g_autoptr (TnModel) loaded = NULL;
      g_autoptr (GError) error = NULL;
      gsize place;

      export(tn_export_safetensors, model, path, "int4:c", TN_DTYPE_INVALID);
      map = tn_mapped_file_open (path, NULL);
      file = tn_safetensors_open (map, NULL);
      place = (gsize) (tn_safetensors_find_entry (file, parts[i])->data - tn_mapped_file_get_data (map)) + 1;
      flip (path, place);
      damaged = open_model (path);
      loaded = tn_model_file_load (damaged, &error);
      g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
      assert_message (error, "damaged.safetensors", parts[i]);
    }
}

static void
test_values (void)
{
  static const TnDtype types[] = {TN_DTYPE_F32, TN_DTYPE_F16, TN_DTYPE_BF16};
  g_autofree char *model = make_model ("narrow", &narrow, FALSE);
  g_autofree char *path = out_path ("values.safetensors");
  Entry entries[N_ENTRIES];

  list_entries (&narrow, entries);
  for (guint k = 0; k < G_N_ELEMENTS (types); k++)
    {
      g_autofree float *values = rounded (&entries[7], "int4:c");
      g_autoptr (TnModelFile) file = NULL;

      export(tn_export_safetensors, model, path, "int4:c", types[k]);
      for (guint i = 0; i < narrow.width * narrow.ff; i++)
        if (types[k] == TN_DTYPE_F16)
          values[i] = through_f16 (values[i]);
        else if (types[k] == TN_DTYPE_BF16)
          values[i] = tn_bf16_to_f32 (tn_f32_to_bf16 (values[i]));
      file = open_model (path);
      assert_values (file, entries[7].name, values, entries[7].rows, entries[7].columns);
      assert_runs (file);
    }
}

/* From GGUF's layout back to Hugging Face's, packed and scaled as transformers reads it. */
static void
test_bitnet (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE);
  g_autofree char *gguf = out_path ("plain.gguf"), *path = out_path ("bitnet"), *config_path = NULL, *config = NULL,
                  *weights_path = NULL;
  g_autoptr (TnMappedFile) map = NULL;
  g_autoptr (TnSafetensors) weights = NULL;
  g_autoptr (TnModelFile) file = NULL;
  g_autoptr (TnModel) loaded = NULL;
  Entry entries[N_ENTRIES];

  list_entries (&narrow, entries);
  export(tn_export_gguf, model, gguf, NULL, TN_DTYPE_F32);
  /* Twice: the folder is replaced. */
  export(tn_export_bitnet, model, path, "ternary", TN_DTYPE_INVALID);
  export(tn_export_bitnet, gguf, path, "ternary:ls", TN_DTYPE_INVALID);
  config_path = g_build_filename (path, "config.json", NULL);
  g_assert_true (g_file_get_contents (config_path, &config, NULL, NULL));
  g_assert_nonnull (strstr (config, "\"autobitlinear\""));
  g_assert_nonnull (strstr (config, "\"offline\""));
  weights_path = g_build_filename (path, "model.safetensors", NULL);
  map = tn_mapped_file_open (weights_path, NULL);
  weights = tn_safetensors_open (map, NULL);
  for (guint i = 0; i < N_ENTRIES; i++)
    if (is_linear (&entries[i]))
      {
        const Entry *entry = &entries[i];
        g_autofree char *scale_name = g_strconcat (entry->source, "_scale", NULL);
        const TnSafetensorsEntry *packed = tn_safetensors_find_entry (weights, entry->source),
                                 *scale_entry = tn_safetensors_find_entry (weights, scale_name);
        g_autofree float *values = rounded (entry, "ternary:ls");
        guint stride = (entry->rows + 3) / 4;
        float scale;

        g_assert_cmpuint (packed->shape[0], ==, stride);
        memcpy (&scale, scale_entry->data, sizeof scale);
        for (guint row = 0; row < entry->rows; row++)
          for (guint k = 0; k < entry->columns; k++)
            {
              int code = (packed->data[row % stride * entry->columns + k] >> (2 * (row / stride)) & 3) - 1;
              float x = values[row * entry->columns + k];

              g_assert_cmpint (code, ==, (x > 0) - (x < 0));
              /* The scale was found over rows in another order. */
              g_assert_true (code == 0 || fabsf (scale - fabsf (x)) <= 1e-6f * scale);
            }
      }
  file = open_model (path);
  loaded = tn_model_file_load (file, NULL);
  g_assert_cmpuint (tn_model_count_layer_paths (loaded, TN_LAYER_PATH_BIT_LINEAR), ==, 7);
}

static void
test_bitnet_keeps_what_a_plan_keeps (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE);
  g_autofree char *path = out_path ("mixed");
  g_autoptr (TnModelFile) source = open_model (model), file = NULL;
  g_autoptr (TnModel) loaded = NULL;
  g_autoptr (TnPlan) plan = tn_plan_new ();
  g_autoptr (GError) error = NULL;
  TnScheme ternary = {.kind = TN_SCHEME_TERNARY};
  TnExportOptions options = {.plan = plan};
  TnExportRun run = {NULL};
  TnExportResult result = {0};

  tn_plan_add (plan, TN_PLAN_WEIGHTS, "blk.*.ffn_down.weight", NULL);
  tn_plan_add (plan, TN_PLAN_WEIGHTS, "blk.*", &ternary);
  g_assert_true (tn_export_bitnet (source, path, &options, &run, &result, &error));
  tn_export_result_clear (&result);
  file = open_model (path);
  loaded = tn_model_file_load (file, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_count_layer_paths (loaded, TN_LAYER_PATH_BIT_LINEAR), ==, 6);
  g_assert_cmpint (tn_model_get_layer_path (loaded, "blk.0.ffn_down.weight"), ==, TN_LAYER_PATH_FLOAT);
}

/* More than a chunk, rows that do not divide it, and heads that move inside of chunks. */
static void
test_many_chunks (void)
{
  const Size wide = {1024, 1552, VOCAB};
  g_autofree char *model = make_model ("wide", &wide, FALSE);
  g_autofree char *path = out_path ("wide.gguf"), *packed = out_path ("wide.safetensors");
  Entry entries[N_ENTRIES];
  g_autoptr (TnModelFile) file = NULL, packed_file = NULL;

  list_entries (&wide, entries);
  export(tn_export_gguf, model, path, "int5:c", TN_DTYPE_F32);
  export(tn_export_safetensors, model, packed, "int5:c", TN_DTYPE_INVALID);
  file = open_model (path);
  packed_file = open_model (packed);
  for (guint i = 2; i < 10; i += 7)
    {
      const Entry *entry = &entries[i];
      g_autofree float *values = rounded (entry, "int5:c");
      g_autofree float *moved = g_new (float, (gsize) entry->rows * entry->columns);

      for (guint row = 0; row < entry->rows; row++)
        memcpy (moved + (gsize) row * entry->columns, values + (gsize) source_row (entry, row) * entry->columns,
                entry->columns * sizeof (float));
      assert_values (file, entry->name, moved, entry->rows, entry->columns);
      assert_values (packed_file, entry->name, values, entry->rows, entry->columns);
    }
}

static void
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

static guint
count_files (void)
{
  g_autoptr (GDir) folder = g_dir_open (test_folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}

static void
test_refused (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE), *wide = make_model ("hf", &fitting, FALSE);
  guint before = count_files ();

  assert_refused (tn_export_gguf, model, "no.gguf", "ternary", TN_DTYPE_INVALID, TN_ERROR_SHAPE,
                  "rows of 52 elements do not fit TQ2_0");
  assert_refused (tn_export_gguf, model, "no.gguf", "ternary", TN_DTYPE_INVALID, TN_ERROR_SHAPE, "F16, BF16, F32");
  assert_refused (tn_export_gguf, wide, "no.gguf", "int8", TN_DTYPE_Q4_0, TN_ERROR_SHAPE, "Q8_0");
  assert_refused (tn_export_gguf, wide, "no.gguf", "int8:asym", TN_DTYPE_INVALID, TN_ERROR_SHAPE, "int8:asym");
  assert_refused (tn_export_gguf, wide, "no.gguf", "ternary:g32", TN_DTYPE_INVALID, TN_ERROR_SHAPE, "Q4_0");
  assert_refused (tn_export_safetensors, model, "no.safetensors", "int4:g32", TN_DTYPE_INVALID, TN_ERROR_ARGUMENT, "blk.0.");
  assert_refused (tn_export_bitnet, model, "no", "int8", TN_DTYPE_INVALID, TN_ERROR_UNSUPPORTED, "int8");
  assert_refused (tn_export_bitnet, model, "no", "ternary:c", TN_DTYPE_INVALID, TN_ERROR_UNSUPPORTED, "ternary:c");
  assert_refused (tn_export_gguf, model, "no-such-folder/no.gguf", NULL, TN_DTYPE_F16, TN_ERROR_IO, "no-such-folder");
  g_assert_cmpuint (count_files (), ==, before);
}

/* Folders that hold what is not ours stay. */
static void
test_folder_with_other_files (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE), *path = out_path ("mine");
  g_autofree char *note = test_write ("mine/notes.txt", "x", 1);
  g_autoptr (GError) error = NULL;

  g_assert_false (try_export (tn_export_bitnet, model, path, "ternary", TN_DTYPE_INVALID, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  assert_message (error, "mine", "notes.txt");
  g_assert_true (g_file_test (note, G_FILE_TEST_EXISTS));
}

static void
test_not_finite (void)
{
  static const guint64 shape[2] = {2, 256};
  float x[512] = {0};
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autofree char *source = out_path ("nan.safetensors");
  g_autoptr (GError) error = NULL;

  x[300] = NAN;
  x[301] = INFINITY;
  x[2] = 1.0f;
  tn_safetensors_writer_add_tensor (writer, "blk.0.ffn_up.weight", TN_DTYPE_F32, 2, shape, x, &error);
  tn_safetensors_writer_write (writer, source, NULL, &error);
  g_assert_no_error (error);
  assert_refused (tn_export_safetensors, source, "no.safetensors", "int8", TN_DTYPE_INVALID, TN_ERROR_DATA, "2 of its first 512");
}

static gboolean
stop_at_the_third (gpointer user_data, GError **error)
{
  guint *n = user_data;

  if (++*n < 3)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stop");
  return FALSE;
}

static void
test_cancelled (void)
{
  const ExportFunc funcs[] = {tn_export_gguf, tn_export_safetensors, tn_export_bitnet};
  g_autofree char *model = make_model ("hf", &fitting, FALSE), *path = out_path ("cancelled");
  guint before = count_files ();

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      guint n = 0;
      const TnListener listener = {.boundary = stop_at_the_third, .user_data = &n};
      g_autoptr (TnModelFile) source = open_model (model);
      TnScheme scheme = {.kind = TN_SCHEME_TERNARY};
      TnExportOptions options = {.scheme = &scheme};
      TnExportRun run = {.listener = &listener};
      TnExportResult result = {0};
      g_autoptr (GError) error = NULL;

      g_assert_false (funcs[i](source, path, &options, &run, &result, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpuint (count_files (), ==, before);
    }
}

/* Files of unknown architecture: a plan names what is quantized. */
static void
test_unknown_architecture (void)
{
  static const guint64 shape[2] = {4, 8}, vector[1] = {8};
  float x[32];
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autofree char *source_path = out_path ("mlp.safetensors"), *path = out_path ("mlp-4.safetensors");
  g_autoptr (TnModelFile) source = NULL, file = NULL;
  g_autoptr (TnPlan) plan = tn_plan_new (), wrong = tn_plan_new ();
  g_autoptr (GError) error = NULL;
  TnScheme int4 = {.kind = TN_SCHEME_INTEGER, .bits = 4};
  TnExportOptions options = {.plan = plan};
  TnExportRun run = {NULL};
  TnExportResult result = {0};

  for (guint i = 0; i < 32; i++)
    x[i] = (float) i - 11.0f;
  tn_safetensors_writer_add_tensor (writer, "fc.weight", TN_DTYPE_F32, 2, shape, x, &error);
  tn_safetensors_writer_add_tensor (writer, "fc.bias", TN_DTYPE_F32, 1, vector, x, &error);
  tn_safetensors_writer_write (writer, source_path, NULL, &error);
  g_assert_no_error (error);
  assert_refused (tn_export_safetensors, source_path, "no.safetensors", "int4", TN_DTYPE_INVALID, TN_ERROR_NOT_FOUND, "--plan");

  source = open_model (source_path);
  tn_plan_add (plan, TN_PLAN_WEIGHTS, "*", &int4);
  g_assert_true (tn_export_safetensors (source, path, &options, &run, &result, &error));
  tn_export_result_clear (&result);
  file = open_model (path);
  g_assert_cmpstr (tn_model_file_find_tensor (file, "fc.weight")->dtype_name, ==, "int4");
  g_assert_cmpstr (tn_model_file_find_tensor (file, "fc.bias")->dtype_name, ==, "F32");

  tn_plan_add (wrong, TN_PLAN_WEIGHTS, "fc.bias", &int4);
  options.plan = wrong;
  g_assert_false (tn_export_safetensors (source, path, &options, &run, &result, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  assert_message (error, "fc.bias", "only matrices");
}

/* The tokenizer of a file and that of the model it was made from cut text into the same tokens. */
static void
assert_same_tokens (const char *model, const char *tokenizer_path, const char *gguf)
{
  static const char text[] = "abc aab  cab abcabc ba\xc3\xa4 c";
  g_autoptr (TnModelFile) source = open_model (model), file = open_model (gguf);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTokenizer) was = tn_tokenizer_find (tokenizer_path, source, &error), is = NULL;
  g_autoptr (GArray) expected = g_array_new (FALSE, FALSE, sizeof (gint32)), found = g_array_new (FALSE, FALSE, sizeof (gint32));

  g_assert_no_error (error);
  is = tn_tokenizer_find (NULL, file, &error);
  g_assert_no_error (error);
  g_assert_true (tn_tokenizer_encode (was, text, strlen (text), TRUE, expected, &error));
  g_assert_true (tn_tokenizer_encode (is, text, strlen (text), TRUE, found, &error));
  g_assert_cmpmem (found->data, found->len * 4, expected->data, expected->len * 4);
  g_assert_cmpint (tn_tokenizer_get_eos (is), ==, tn_tokenizer_get_eos (was));
}

/* Byte-level pairs over all bytes, with a and b, ab and c, and space and a merging; EOS is added. */
static char *
make_tokenizer_json (const char *prefix_space)
{
  GString *out = g_string_new ("{\"version\":\"1.0\",\"added_tokens\":[{\"id\":259,\"content\":\"<eos>\",\"special\":true}],");

  g_string_append_printf (out, "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":%s,\"use_regex\":true},",
                          prefix_space);
  g_string_append (out, "\"model\":{\"type\":\"BPE\",\"merges\":[\"a b\",[\"ab\",\"c\"],\"\xc4\xa0 a\"],\"vocab\":{");
  for (guint byte = 0; byte < 256; byte++)
    {
      char piece[8] = "";

      g_unichar_to_utf8 (tn_byte_level_character ((guint8) byte), piece);
      g_string_append_printf (out, "\"%s%s\":%u,", piece[0] == '"' || piece[0] == '\\' ? "\\" : "", piece, byte);
    }
  g_string_append (out, "\"ab\":256,\"abc\":257,\"\xc4\xa0"
                        "a\":258}}}");
  return g_string_free (out, FALSE);
}

static void
test_tokenizer (void)
{
  static const char *const prefixes[] = {"false", "true"};
  g_autofree char *path = out_path ("tokens.gguf");
  const char *folder = "words";

  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      g_autofree char *model = make_model_of_words (folder);
      g_autofree char *json = make_tokenizer_json (prefixes[i]);
      g_autofree char *json_path = test_write ("words/tokenizer.json", json, strlen (json));
      g_autoptr (TnMappedFile) map = NULL;
      g_autoptr (TnGguf) gguf = NULL;

      export(tn_export_gguf, model, path, "int8", TN_DTYPE_F32);
      assert_same_tokens (model, NULL, path);
      map = tn_mapped_file_open (path, NULL);
      gguf = tn_gguf_open (map, NULL);
      /* A space in front is nothing that GGUF has a key for. */
      g_assert_true ((tn_gguf_find_value (gguf, "tokenizer.ggml.tokens") != NULL) == (i == 0));
      g_assert_true ((tn_gguf_find_value (gguf, "tokenizer.huggingface.json") != NULL) == (i == 1));
      if (i == 0)
        /* As many as the embedding has rows: what is missing is filled up. */
        g_assert_cmpuint (tn_gguf_find_value (gguf, "tokenizer.ggml.tokens")->count, ==, WORDS);
    }
}

/* As a SentencePiece model becomes a tokenizer.json: merges of all ways to a piece together, by its score. */
static char *
make_piece_json (const char *merges, const char *prefix)
{
  GString *out = g_string_new ("{\"version\":\"1.0\",\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true},"
                               "{\"id\":1,\"content\":\"<s>\",\"special\":true}],");

  g_string_append_printf (
      out,
      "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
      "\"content\":\"\xe2\x96\x81\"}]},",
      prefix);
  g_string_append (out, "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,\"vocab\":{"
                        "\"<unk>\":0,\"<s>\":1,");
  for (guint byte = 0; byte < 256; byte++)
    g_string_append_printf (out, "\"<0x%02X>\":%u,", byte, byte + 2);
  g_string_append_printf (out,
                          "\"\xe2\x96\x81\":258,\"a\":259,\"b\":260,\"c\":261,\"ab\":262,\"bc\":263,\"abc\":264,\"\xe2\x96\x81"
                          "a\":265},"
                          "\"merges\":[%s]}}",
                          merges);
  return g_string_free (out, FALSE);
}

static void
test_piece_tokenizer (void)
{
  static const char prepend[] = "{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},";
  static const struct
  {
    const char *merges, *prefix;
    gboolean expressed;
  } cases[] = {
      {"\"\xe2\x96\x81 a\",\"b c\",\"a b\",\"ab c\",\"a bc\"", prepend, TRUE},
      {"[\"a\",\"b\"],[\"b\",\"c\"],[\"a\",\"bc\"],[\"ab\",\"c\"],[\"\xe2\x96\x81\",\"a\"]", "", TRUE},
      /* A way to a piece is missing; ways to a piece apart from each other. */
      {"\"a b\",\"b c\",\"ab c\",\"\xe2\x96\x81 a\"", prepend, FALSE},
      {"\"a b\",\"b c\",\"a bc\",\"\xe2\x96\x81 a\",\"ab c\"", prepend, FALSE},
  };
  g_autofree char *path = out_path ("pieces.gguf");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *model = make_model_of_words ("words");
      g_autofree char *json = make_piece_json (cases[i].merges, cases[i].prefix);
      g_autofree char *json_path = test_write ("words/tokenizer.json", json, strlen (json));
      g_autoptr (TnMappedFile) map = NULL;
      g_autoptr (TnGguf) gguf = NULL;

      export(tn_export_gguf, model, path, "int8", TN_DTYPE_F32);
      assert_same_tokens (model, NULL, path);
      map = tn_mapped_file_open (path, NULL);
      gguf = tn_gguf_open (map, NULL);
      g_assert_true ((tn_gguf_find_value (gguf, "tokenizer.ggml.scores") != NULL) == cases[i].expressed);
    }
}

static void
put_piece (GByteArray *out, float score, const char *piece)
{
  put_f32 (out, score);
  put_u32 (out, (guint32) strlen (piece));
  put_bytes (out, piece, strlen (piece));
}

static void
test_llama2c_tokenizer (void)
{
  static const char *const pieces[] = {" ", "a", "b", "c", "ab", " a", "abc", " c"};
  g_autofree char *model = make_model_of_words ("words"), *path = out_path ("scores.gguf"), *tokenizer = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (TnModelFile) source = NULL;
  TnScheme scheme = {.kind = TN_SCHEME_TERNARY};
  TnExportOptions options = {.scheme = &scheme, .type = TN_DTYPE_F32};
  TnExportRun run = {NULL};
  TnExportResult result = {0};
  g_autoptr (GError) error = NULL;

  put_u32 (bytes, 6);
  put_piece (bytes, 0, "<unk>");
  put_piece (bytes, 0, "\n<s>\n");
  put_piece (bytes, 0, "\n</s>\n");
  for (guint byte = 0; byte < 256; byte++)
    {
      g_autofree char *piece = g_strdup_printf ("<0x%02X>", byte);

      put_piece (bytes, 0, piece);
    }
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    put_piece (bytes, -(float) i, pieces[i]);
  tokenizer = test_write_array ("scores.bin", bytes);
  options.tokenizer_path = tokenizer;
  source = open_model (model);
  g_assert_true (tn_export_gguf (source, path, &options, &run, &result, &error));
  tn_export_result_clear (&result);
  assert_same_tokens (model, tokenizer, path);
  /* Another file's tokenizer is taken over key by key. */
  g_free (tokenizer);
  tokenizer = g_steal_pointer (&path);
  path = out_path ("again.gguf");
  options.tokenizer_path = tokenizer;
  g_assert_true (tn_export_gguf (source, path, &options, &run, &result, &error));
  tn_export_result_clear (&result);
  assert_same_tokens (model, tokenizer, path);
}

/* The model that trains in rounded weights: BitNet's own architecture, its weights still full. */
static char *
make_masters (const char *name)
{
  static const char config[] =
      "{\"model_type\":\"bitnet\",\"hidden_size\":40,\"intermediate_size\":52,\"num_hidden_layers\":1,\"num_attention_heads\":4,"
      "\"num_key_value_heads\":2,\"vocab_size\":11,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,\"rope_theta\":5000.0,"
      "\"hidden_act\":\"relu2\",\"tie_word_embeddings\":true,"
      "\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"autobitlinear\",\"quantization_mode\":\"online\"}"
      "}";
  static const Entry sub_norms[N_SUB_NORMS] = {
      {"model.layers.0.self_attn.attn_sub_norm.weight", "blk.0.attn_sub_norm.weight", 0, 40},
      {"model.layers.0.mlp.ffn_sub_norm.weight", "blk.0.ffn_sub_norm.weight", 0, 52},
  };
  g_autofree char *config_name = g_build_filename (name, "config.json", NULL);
  g_autofree char *weights_path = g_build_filename (test_folder, name, "model.safetensors", NULL);
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autoptr (GError) error = NULL;
  Entry entries[N_ENTRIES + N_SUB_NORMS];

  g_free (test_write (config_name, config, strlen (config)));
  list_entries (&narrow, entries);
  /* In place of the head. */
  memcpy (entries + N_ENTRIES - 1, sub_norms, sizeof sub_norms);
  for (guint i = 0; i < N_ENTRIES - 1 + N_SUB_NORMS; i++)
    {
      guint64 shape[2] = {entries[i].rows, entries[i].columns};

      tn_safetensors_writer_take_tensor (writer, entries[i].source, TN_DTYPE_F32, entries[i].rows > 0 ? 2 : 1,
                                         entries[i].rows > 0 ? shape : shape + 1, values_of (&entries[i]), &error);
      g_assert_no_error (error);
    }
  tn_safetensors_writer_write (writer, weights_path, NULL, &error);
  g_assert_no_error (error);
  return g_build_filename (test_folder, name, NULL);
}

typedef struct
{
  TnModel *model;
  float logits[6 * VOCAB];
  GError *error;
} Run;

static void
run_on_compute_thread (gpointer user_data)
{
  static const gint32 tokens[6] = {1, 4, 9, 10, 0, 3};
  Run *self = user_data;
  const TnSequence sequence = {.hash = 1, .length = 6, .tokens = tokens};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
  const TnForwardOptions options = {0};

  tn_model_forward (self->model, batch, &options, self->logits, NULL, NULL, &self->error);
}

static void
get_logits (const char *path, Run *run)
{
  g_autoptr (TnModelFile) file = open_model (path);

  *run = (Run){.model = tn_model_file_load (file, &run->error)};
  g_assert_nonnull (run->model);
  g_assert_cmpuint (tn_model_count_layer_paths (run->model, TN_LAYER_PATH_BIT_LINEAR), ==, 7);
  tn_compute_run (run_on_compute_thread, run);
  g_assert_no_error (run->error);
  tn_model_unref (run->model);
}

/* What was trained is what is exported: the same logits, to the bit. GGUF keeps the epsilon of norms in 32 bits, so that the last
 * may differ. */
static void
test_bitnet_masters (void)
{
  g_autofree char *model = make_masters ("masters"), *folder = out_path ("trained"), *packed = out_path ("trained.safetensors"),
                  *gguf = out_path ("trained.gguf"), *again = out_path ("trained-again");
  g_autoptr (TnMappedFile) map = NULL;
  g_autoptr (TnGguf) file = NULL;
  g_autofree char *architecture = NULL;
  Run wanted, found;

  get_logits (model, &wanted);
  export(tn_export_bitnet, model, folder, "ternary", TN_DTYPE_INVALID);
  export(tn_export_safetensors, model, packed, "ternary", TN_DTYPE_INVALID);
  export(tn_export_gguf, model, gguf, "ternary", TN_DTYPE_F32);
  /* A checkpoint that is packed already stays what it is under the level of least squares. */
  export(tn_export_bitnet, folder, again, "ternary:ls", TN_DTYPE_INVALID);
  get_logits (folder, &found);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  get_logits (packed, &found);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  get_logits (again, &found);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  get_logits (gguf, &found);
  for (guint i = 0; i < G_N_ELEMENTS (found.logits); i++)
    g_assert_cmpfloat_with_epsilon ((double) found.logits[i], (double) wanted.logits[i], 0.05);
  export(tn_export_bitnet, gguf, again, "ternary:ls", TN_DTYPE_INVALID);
  get_logits (again, &wanted);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  map = tn_mapped_file_open (gguf, NULL);
  file = tn_gguf_open (map, NULL);
  architecture = tn_gguf_dup_string (file, "general.architecture");
  g_assert_cmpstr (architecture, ==, "bitnet-b1.58");
  assert_refused (tn_export_safetensors, folder, "no.safetensors", "ternary:ls", TN_DTYPE_INVALID, TN_ERROR_UNSUPPORTED, "GGUF");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/export/gguf-ternary", test_gguf_ternary);
  g_test_add_func ("/export/gguf-types", test_gguf_types);
  g_test_add_func ("/export/gguf-metadata", test_gguf_metadata);
  g_test_add_func ("/export/gguf-reference-rounding", test_gguf_reference_rounding);
  g_test_add_func ("/export/tied-head", test_tied_head);
  g_test_add_func ("/export/packed", test_packed);
  g_test_add_func ("/export/packed-layout", test_packed_layout);
  g_test_add_func ("/export/damage-is-seen", test_damage_is_seen);
  g_test_add_func ("/export/values", test_values);
  g_test_add_func ("/export/bitnet", test_bitnet);
  g_test_add_func ("/export/bitnet-keeps", test_bitnet_keeps_what_a_plan_keeps);
  g_test_add_func ("/export/many-chunks", test_many_chunks);
  g_test_add_func ("/export/refused", test_refused);
  g_test_add_func ("/export/folder-with-other-files", test_folder_with_other_files);
  g_test_add_func ("/export/not-finite", test_not_finite);
  g_test_add_func ("/export/cancelled", test_cancelled);
  g_test_add_func ("/export/bitnet-masters", test_bitnet_masters);
  g_test_add_func ("/export/tokenizer", test_tokenizer);
  g_test_add_func ("/export/piece-tokenizer", test_piece_tokenizer);
  g_test_add_func ("/export/llama2c-tokenizer", test_llama2c_tokenizer);
  g_test_add_func ("/export/unknown-architecture", test_unknown_architecture);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
