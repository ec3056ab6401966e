/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz-parsers.h"

#include <glib/gstdio.h>
#include <string.h>

#include "data/analysis/analysis-file.h"
#include "data/analysis/trend-file.h"
#include "data/arrays/array-file.h"
#include "app/tasks/calibrate-options.h"
#include "data/datasets/dataset.h"
#include "data/datasets/token-file.h"
#include "data/files/json-reader.h"
#include "data/models/model-file.h"
#include "data/plans/plan-file.h"
#include "data/models/activation-scales.h"
#include "data/statistics/stats-file.h"
#include "data/tokenizers/tokenizer.h"
#include "data/training/checkpoint.h"

/* Decoding more than this of a tensor teaches nothing new. */
#define MAX_ELEMENTS 4096

/* Everything an opened model is asked for. */
static gboolean
read_model (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnModelFile) file = tn_model_file_open (path, error);
  g_autoptr (TnModel) model = NULL;
  g_autoptr (GError) load_error = NULL;
  g_autofree float *values = g_new (float, MAX_ELEMENTS);

  if (file == NULL)
    return FALSE;
  for (guint i = 0; i < tn_model_file_n_tensors (file); i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (file, i);
      g_autofree char *shape = tn_tensor_shape_to_string (entry->tensor);

      g_assert_true (g_utf8_validate (entry->name, -1, NULL) && g_utf8_validate (entry->source_name, -1, NULL));
      if (tn_dtype_can_decode (entry->tensor->dtype))
        {
          guint64 n = MIN (entry->tensor->count, MAX_ELEMENTS);

          tn_tensor_decode (entry->tensor, 0, n, values);
          n -= n % MAX (tn_dtype_block_elements (entry->tensor->dtype), 1);
          tn_tensor_decode (entry->tensor, entry->tensor->count - n, n, values);
        }
    }
  tn_model_file_get_fingerprint (file);
  model = tn_model_file_load (file, &load_error);
  g_assert_true ((model == NULL) == (load_error != NULL));
  g_assert_true (model == NULL || tn_model_file_can_run (file));
  return TRUE;
}

static gboolean
read_json (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnJson) json = tn_json_parse ((const char *) data, bytes, "input", 0, error);
  g_autofree char *text = NULL;

  if (json == NULL)
    return FALSE;
  text = tn_json_node_to_text (tn_json_get_root (json), G_MAXUINT);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  return TRUE;
}

/* A vocabulary that opens encodes a text with all kinds of characters, and every id it gives decodes. */
static gboolean
read_tokenizer (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  static const char text[] = "Once upon a time, 3.14 über\n\t 漢字 🦜 <s> <|endoftext|>   ab abc";
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_open (path, error);
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GString) decoded = NULL;
  g_autoptr (GError) encode_error = NULL;

  if (tokenizer == NULL)
    return FALSE;
  ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  decoded = g_string_new (NULL);
  if (!tn_tokenizer_encode (tokenizer, text, strlen (text), TRUE, ids, &encode_error))
    {
      g_assert_nonnull (encode_error);
      return TRUE;
    }
  for (guint i = 0; i < ids->len; i++)
    g_assert_true (tn_tokenizer_decode (tokenizer, g_array_index (ids, gint32, i), decoded, NULL));
  g_assert_nonnull (tn_tokenizer_get_piece (tokenizer, 0));
  return TRUE;
}

static gboolean
read_token_file (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnTokenFile) file = tn_token_file_open (path, error);
  gint32 ids[64];
  guint64 n;

  if (file == NULL)
    return FALSE;
  n = MIN (tn_token_file_count (file), G_N_ELEMENTS (ids));
  return tn_token_file_read (file, tn_token_file_count (file) - n, (guint) n, 50257, ids, error);
}

static gboolean
read_text (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  const char *const paths[] = {path, NULL};
  TnSamplingOptions options = {.n_samples = 4, .seq_len = 16, .batch_size = 2, .seed = 1, .shard = 1, .n_shards = 1};
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (TnDataset) dataset = tn_dataset_open (paths, NULL, tokenizer, 257, NULL, error);
  g_autofree char *preview = NULL;
  TnBatchSource *source;

  if (dataset == NULL)
    return FALSE;
  preview = tn_dataset_preview (dataset, 100, NULL);
  source = tn_dataset_sample (dataset, &options, NULL, NULL, error);
  if (source == NULL)
    return FALSE;
  tn_batch_source_free (source);
  return TRUE;
}

static gboolean
read_statistics (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnStats) stats = tn_stats_load (path, error);
  g_autofree char *json = NULL;
  g_autofree char *csv = NULL;

  if (stats == NULL)
    return FALSE;
  json = tn_stats_to_json (stats);
  csv = tn_stats_to_csv (stats);
  return TRUE;
}

/* What is read prints the same again. */
static gboolean
read_activation_scales (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autofree char *text = g_strndup ((const char *) data, bytes), *printed = NULL, *again = NULL;
  g_autoptr (TnActivationScales) scales = tn_activation_scales_parse (text, "input", error), second = NULL;

  if (scales == NULL)
    return FALSE;
  printed = tn_activation_scales_print (scales);
  second = tn_activation_scales_parse (printed, "printed", NULL);
  g_assert_nonnull (second);
  again = tn_activation_scales_print (second);
  g_assert_cmpstr (printed, ==, again);
  return TRUE;
}

/* A plan that opens is asked for every name it has. */
static gboolean
read_plan (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnPlan) plan = tn_plan_load (path, error);
  g_autoptr (GError) check_error = NULL;
  static const char *const names[] = {"blk.0.attn_q.weight", "token_embd.weight"};

  if (plan == NULL)
    return FALSE;
  for (guint group = 0; group < TN_N_PLAN_GROUPS; group++)
    for (guint i = 0; i < tn_plan_n_rules (plan, (TnPlanGroup) group); i++)
      {
        const TnPlanRule *rule = tn_plan_get_rule (plan, (TnPlanGroup) group, i);
        g_autofree char *scheme = rule->keep ? NULL : tn_scheme_to_string (&rule->scheme);

        g_assert_true (g_utf8_validate (rule->key, -1, NULL));
        g_assert_nonnull (tn_plan_find (plan, (TnPlanGroup) group, rule->key, FALSE));
      }
  if (!tn_plan_check_names (plan, TN_PLAN_WEIGHTS, names, 2, 1, &check_error))
    g_assert_null (strchr (check_error->message, '\n'));
  return TRUE;
}

/* What opens is written, and read as the same again. */
static gboolean
read_analysis (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnAnalysis) analysis = tn_analysis_load (path, error), again = NULL;
  g_autofree char *first = g_strconcat (path, ".1", NULL), *second = g_strconcat (path, ".2", NULL), *text = NULL, *second_text = NULL;

  if (analysis == NULL)
    return FALSE;
  g_assert_true (tn_analysis_save (analysis, first, NULL));
  again = tn_analysis_load (first, NULL);
  g_assert_nonnull (again);
  g_assert_true (tn_analysis_save (again, second, NULL));
  g_assert_true (g_file_get_contents (first, &text, NULL, NULL) && g_file_get_contents (second, &second_text, NULL, NULL));
  g_assert_cmpstr (text, ==, second_text);
  g_unlink (first);
  g_unlink (second);
  return TRUE;
}

static gboolean
read_trend (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnTrend) trend = tn_trend_load (path, error), again = NULL;
  g_autofree char *written = g_strconcat (path, ".1", NULL), *text = NULL, *second_text = NULL;

  if (trend == NULL)
    return FALSE;
  g_assert_true (tn_trend_save (trend, written, NULL));
  g_assert_true (tn_trend_file_peek (written));
  again = tn_trend_load (written, NULL);
  g_assert_nonnull (again);
  text = tn_trend_print (trend);
  second_text = tn_trend_print (again);
  g_assert_cmpstr (text, ==, second_text);
  g_unlink (written);
  return TRUE;
}

/* An array that is listed can be read from end to end, or says why not. */
static gboolean
read_arrays (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnArrayFile) file = tn_array_file_open (path, error);
  g_autofree float *values = g_new (float, MAX_ELEMENTS);
  g_autofree gint64 *integers = g_new (gint64, MAX_ELEMENTS);

  if (file == NULL)
    return FALSE;
  for (guint i = 0; i < tn_array_file_n_arrays (file); i++)
    {
      const TnArray *array = tn_array_file_get (file, i);
      g_autoptr (TnArrayStream) stream = tn_array_stream_new (file, i, error);
      gsize n = (gsize) MIN (array->count, MAX_ELEMENTS);

      if (stream == NULL || !tn_array_stream_read (stream, values, n, error) || !tn_array_stream_seek (stream, n / 2, error))
        return FALSE;
      if (tn_dtype_is_integer (array->dtype) && !tn_array_stream_read_integers (stream, integers, n - n / 2, error))
        return FALSE;
    }
  return TRUE;
}

/* Lists of records and of sizes: ascending and without doubles, or not negative. */
static gboolean
read_list (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (GArray) sizes = tn_size_list_load (path, NULL);
  g_autoptr (GArray) ordinals = NULL;

  for (guint i = 0; sizes != NULL && i < sizes->len; i++)
    g_assert_true (g_array_index (sizes, double, i) >= 0.0);
  ordinals = tn_ordinal_list_load (path, sizes != NULL ? NULL : error);
  for (guint i = 1; ordinals != NULL && i < ordinals->len; i++)
    g_assert_true (g_array_index (ordinals, TnListedOrdinal, i).ordinal > g_array_index (ordinals, TnListedOrdinal, i - 1).ordinal);
  return ordinals != NULL || sizes != NULL;
}

/* What is read can be printed. */
static gboolean
read_config (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autofree char *text = NULL;

  if (!tn_calibrate_options_load (options, path, error))
    return FALSE;
  tn_calibrate_options_check (options, NULL);
  text = tn_calibrate_options_print (options);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  return TRUE;
}

/* Fields of every kind are asked for whether the sum is right or not; what opens in full is restored or says why not. */
static gboolean
read_checkpoint (const char *path, const guint8 *data, gsize bytes, GError **error)
{
  static const char *const names[] = {"count", "large", "loss", "nan", "recipe", "absent"};
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_peek (path, error), whole = NULL;
  g_autoptr (TnCheckpoint) checkpoint = tn_checkpoint_new (G_GUINT64_CONSTANT (0xfedcba9876543210));
  g_autoptr (GError) local = NULL;
  float weights[6];
  guint64 count;
  double number;

  if (file == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *text = tn_checkpoint_file_get_text (file, names[i], NULL);

      g_assert_true (text == NULL || g_utf8_validate (text, -1, NULL));
      tn_checkpoint_file_get_count (file, names[i], &count, NULL);
      tn_checkpoint_file_get_number (file, names[i], &number, NULL);
    }
  if (!tn_checkpoint_add_array (checkpoint, "model/w", TN_DTYPE_F32, 2, (const guint64[]){2, 3}, weights, error))
    return FALSE;
  if (!tn_checkpoint_restore (checkpoint, file, &local))
    g_assert_true (g_utf8_validate (local->message, -1, NULL) && strchr (local->message, '\n') == NULL);
  whole = tn_checkpoint_file_open (path, error);
  return whole != NULL;
}

const FuzzParser fuzz_parsers[] = {
    {"safetensors", "input.safetensors", NULL, read_model},
    {"gguf", "input.gguf", NULL, read_model},
    {"llama2c", "input.bin", NULL, read_model},
    {"hf-config", "config.json", "safetensors/llama.safetensors=model.safetensors", read_model},
    {"hf-bitnet", "model.safetensors", "hf-config/bitnet.json=config.json", read_model},
    {"index", "model.safetensors.index.json", "safetensors/llama.safetensors=shard.safetensors", read_model},
    {"json", NULL, NULL, read_json},
    {"gguf-tokenizer", "input.gguf", NULL, read_tokenizer},
    {"tokenizer-json", "tokenizer.json", NULL, read_tokenizer},
    {"tokenizer-bin", "tokenizer.bin", NULL, read_tokenizer},
    {"token-file", "tokens.bin", NULL, read_token_file},
    {"text", "text.txt", NULL, read_text},
    {"text", "text.gz", NULL, read_text},
    {"jsonl", "text.jsonl", NULL, read_text},
    {"csv", "text.csv", NULL, read_text},
    {"npy", "tokens.npy", NULL, read_text},
    {"npz", "tokens.npz", NULL, read_text},
    {"array-npy", "array.npy", NULL, read_arrays},
    {"npz", "array.npz", NULL, read_arrays},
    {"idx", "array", NULL, read_arrays},
    {"csv-numbers", "array.csv", NULL, read_arrays},
    {"gzip", "array.gz", NULL, read_arrays},
    {"statistics", "input.safetensors", NULL, read_statistics},
    {"plan", "input.plan", NULL, read_plan},
    {"analysis", "input.json", NULL, read_analysis},
    {"trend", "input.json", NULL, read_trend},
    {"activation-scales", NULL, NULL, read_activation_scales},
    {"list", "records", NULL, read_list},
    {"calibrate-config", "calibrate.conf", NULL, read_config},
    {"checkpoint", "step-00000001.checkpoint.safetensors", NULL, read_checkpoint},
    {NULL},
};
