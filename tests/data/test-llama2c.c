/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/model-file.h"
#include "engine/error.h"
#include "tests/data/model-bytes.h"
#include "tests/realdata.h"

/* dim 4, hidden 6, 2 layers, 2 heads of which 1 is kept for keys and values, 3 words, context 5. */
static const gint32 tiny[7] = {4, 6, 2, 2, 1, 3, 5};

static void
put_header (GByteArray *out, guint version, const gint32 fields[7], gboolean shared, gint32 group_size)
{
  if (version > 0)
    {
      put_u32 (out, 0x616b3432);
      put_u32 (out, version);
    }
  for (guint i = 0; i < 7; i++)
    put_u32 (out, (guint32) (i == 5 && version == 0 && !shared ? -fields[i] : fields[i]));
  if (version == 0)
    return;
  put_bytes (out, shared ? "\1" : "\0", 1);
  if (version == 2)
    put_u32 (out, (guint32) group_size);
  put_zeros (out, 256 - out->len);
}

static void
put_floats (GByteArray *out, guint n, float *next)
{
  for (guint i = 0; i < n; i++)
    put_f32 (out, (*next)++);
}

/* Weights count up in the order of the file. */
static GByteArray *
build_v0 (gboolean shared)
{
  GByteArray *out = g_byte_array_new ();
  float next = 0;

  put_header (out, 0, tiny, shared, 0);
  /* embedding, norms, wq, wk, wv, wo, norms, w1, w2, w3, norm, rotary tables, head */
  put_floats (out, 12 + 8 + 32 + 16 + 16 + 32 + 8 + 48 + 48 + 48 + 4 + 10, &next);
  if (!shared)
    put_floats (out, 12, &next);
  return out;
}

static GByteArray *
build_v1 (gboolean shared)
{
  GByteArray *out = g_byte_array_new ();
  float next = 0;

  put_header (out, 1, tiny, shared, 0);
  put_floats (out, 8 + 8 + 4 + 12 + 32 + 16 + 16 + 32 + 48 + 48 + 48 + (shared ? 0 : 12), &next);
  return out;
}

static TnModelFile *
open_bytes (GByteArray *bytes, GError **error)
{
  g_autofree char *path = test_write_array ("model.bin", bytes);

  return tn_model_file_open (path, error);
}

static void
assert_first (TnModelFile *file, const char *name, const char *source_name, guint64 count, float first)
{
  const TnModelTensor *entry = tn_model_file_find_tensor (file, name);
  g_autofree float *values = NULL;

  g_assert_nonnull (entry);
  g_assert_cmpstr (entry->source_name, ==, source_name);
  g_assert_true (tn_model_file_find_tensor (file, source_name) == entry);
  g_assert_cmpuint (entry->tensor->count, ==, count);
  values = g_new (float, count);
  tn_tensor_decode (entry->tensor, 0, count, values);
  for (guint64 i = 0; i < count; i++)
    g_assert_cmpfloat (values[i], ==, first + (float) i);
}

static void
test_v0 (void)
{
  for (guint shared = 0; shared < 2; shared++)
    {
      g_autoptr (GByteArray) bytes = build_v0 (shared);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModelFile) file = open_bytes (bytes, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (tn_model_file_get_format (file), ==, "llama2c");
      g_assert_cmpstr (tn_model_file_get_architecture (file), ==, "llama");
      g_assert_cmpuint (tn_model_file_n_tensors (file), ==, shared ? 20 : 21);
      g_assert_cmpuint (tn_model_file_get_bytes (file), ==, bytes->len);
      g_assert_true (tn_model_file_can_run (file));
      g_assert_cmpstr (tn_model_file_get_metadata (file, "n_kv_heads"), ==, "1");
      assert_first (file, "token_embd.weight", "token_embedding_table", 12, 0);
      assert_first (file, "blk.1.attn_norm.weight", "rms_att_weight.1", 4, 16);
      assert_first (file, "blk.0.attn_q.weight", "wq.0", 16, 20);
      assert_first (file, "blk.1.attn_k.weight", "wk.1", 8, 60);
      assert_first (file, "blk.0.attn_v.weight", "wv.0", 8, 68);
      assert_first (file, "blk.1.attn_output.weight", "wo.1", 16, 100);
      assert_first (file, "blk.0.ffn_norm.weight", "rms_ffn_weight.0", 4, 116);
      assert_first (file, "blk.1.ffn_gate.weight", "w1.1", 24, 148);
      assert_first (file, "blk.0.ffn_down.weight", "w2.0", 24, 172);
      assert_first (file, "blk.1.ffn_up.weight", "w3.1", 24, 244);
      assert_first (file, "output_norm.weight", "rms_final_weight", 4, 268);
      if (!shared)
        assert_first (file, "output.weight", "wcls", 12, 282);
    }
}

static void
test_v1 (void)
{
  for (guint shared = 0; shared < 2; shared++)
    {
      g_autoptr (GByteArray) bytes = build_v1 (shared);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModelFile) file = open_bytes (bytes, &error);

      g_assert_no_error (error);
      assert_first (file, "blk.1.attn_norm.weight", "rms_att_weight.1", 4, 4);
      assert_first (file, "blk.1.ffn_norm.weight", "rms_ffn_weight.1", 4, 12);
      assert_first (file, "output_norm.weight", "rms_final_weight", 4, 16);
      assert_first (file, "token_embd.weight", "token_embedding_table", 12, 20);
      assert_first (file, "blk.0.attn_q.weight", "wq.0", 16, 32);
      assert_first (file, "blk.1.ffn_up.weight", "w3.1", 24, 32 + 32 + 16 + 16 + 32 + 48 + 48 + 24);
      if (!shared)
        assert_first (file, "output.weight", "wcls", 12, 272);
    }
}

/* Groups of 1 after matrices of 3 x 3 put the scales on addresses that are no multiple of 4. */
static void
test_v2 (void)
{
  static const gint32 odd[7] = {3, 3, 1, 1, 1, 3, 2};
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = NULL;
  float next = 0;

  put_header (bytes, 2, odd, TRUE, 1);
  put_floats (bytes, 9, &next);
  for (guint tensor = 0; tensor < 8; tensor++)
    {
      for (guint i = 0; i < 9; i++)
        {
          gint8 code = (gint8) (i % 2 == 0 ? (gint) i : -(gint) i);

          put_bytes (bytes, &code, 1);
        }
      for (guint i = 0; i < 9; i++)
        put_f32 (bytes, (float) (tensor + 1) * 0.5f);
    }
  file = open_bytes (bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_file_n_tensors (file), ==, 11);
  for (guint i = 0; i < 11; i++)
    {
      const TnTensor *tensor = tn_model_file_get_tensor (file, i)->tensor;
      float values[9];

      if (tensor->n_dims == 1)
        continue;
      g_assert_cmpint (tensor->dtype, ==, TN_DTYPE_Q8_GROUP);
      tn_tensor_decode (tensor, 0, 9, values);
      for (guint j = 0; j < 9; j++)
        g_assert_cmpfloat (values[j], ==, (float) (i - 2) * 0.5f * (float) (j % 2 == 0 ? (gint) j : -(gint) j));
    }
}

static void
test_hostile (void)
{
  static const struct
  {
    guint version;
    gint32 fields[7];
    gint32 group_size;
    const char *message;
  } cases[] = {
      {1, {0, 6, 2, 2, 1, 3, 5}, 0, "byte 8: dim is 0"},
      {1, {4, -6, 2, 2, 1, 3, 5}, 0, "byte 12: hidden_dim is -6"},
      {1, {4, 6, 5000, 2, 1, 3, 5}, 0, "byte 16: n_layers is 5000"},
      {1, {4, 6, 2, 3, 1, 3, 5}, 0, "byte 20: n_heads is 3, expected a divisor of dim"},
      {1, {4, 6, 2, 2, 3, 3, 5}, 0, "byte 24: n_kv_heads is 3, expected a divisor"},
      {1, {4, 6, 2, 2, 1, -3, 5}, 0, "byte 28: vocab_size is -3"},
      {1, {4, 6, 2, 2, 1, 3, 0}, 0, "byte 32: seq_len is 0"},
      {1, {4, 6, 2, 2, 1, 4, 5}, 0, "expected 1360"},
      {1, {1 << 24, 1 << 24, 4096, 1, 1, 1 << 24, 5}, 0, "overflow"},
      {2, {4, 6, 2, 2, 1, 3, 5}, 0, "byte 37: group_size is 0"},
      {2, {4, 6, 2, 2, 1, 3, 5}, 3, "byte 37: group_size is 3"},
      {2, {4, 6, 2, 2, 1, 3, 5}, -2, "byte 37: group_size is -2"},
      {3, {4, 6, 2, 2, 1, 3, 5}, 0, "version 3, expected 1 or 2"},
      {0, {4, 6, 2, 2, 1, 3, 5}, 0, "asks for 1156 bytes, the file has 1068"},
      {0, {4, 6, 2, 2, 0, 3, 5}, 0, "expected safetensors, GGUF or a llama2.c checkpoint"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) error = NULL;

      put_header (bytes, cases[i].version, cases[i].fields, TRUE, cases[i].group_size);
      put_zeros (bytes, 1040);
      g_assert_null (open_bytes (bytes, &error));
      g_assert_nonnull (error);
      assert_message (error, "model.bin", cases[i].message);
    }
}

/* Neither a prefix nor a longer file passes. */
static void
test_sizes (void)
{
  for (guint version = 0; version < 2; version++)
    {
      g_autoptr (GByteArray) bytes = version == 0 ? build_v0 (TRUE) : build_v1 (FALSE);

      put_zeros (bytes, 1);
      for (guint size = bytes->len; size != G_MAXUINT; size--)
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (TnModelFile) file = NULL;

          g_byte_array_set_size (bytes, size);
          file = open_bytes (bytes, &error);
          if (size == (version == 0 ? 28 + 282 * 4 : 256 + 284 * 4))
            g_assert_no_error (error);
          else
            g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
        }
    }
}

static TnModelFile *
open_real (const char *name)
{
  g_autofree char *path = tn_test_realdata (name);
  g_autoptr (GError) error = NULL;
  TnModelFile *file;

  if (path == NULL)
    return NULL;
  file = tn_model_file_open (path, &error);
  g_assert_no_error (error);
  return file;
}

static float *
decode (TnModelFile *file, const char *name, guint64 *count)
{
  const TnModelTensor *entry = tn_model_file_find_tensor (file, name);
  float *values;

  g_assert_nonnull (entry);
  *count = entry->tensor->count;
  values = g_new (float, *count);
  tn_tensor_decode (entry->tensor, 0, *count, values);
  return values;
}

/* The same weights in three containers, bit for bit. */
static void
test_real_equal (void)
{
  g_autoptr (TnModelFile) v0 = open_real ("stories260k/stories260K.bin");
  const char *const others[] = {"stories260k/stories260K_v1.bin", "gguf/stories260K.gguf"};

  if (v0 == NULL)
    return;
  g_assert_cmpuint (tn_model_file_get_n_elements (v0), ==, 260032);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (TnModelFile) other = open_real (others[i]);
      guint n_compared = 0;

      g_assert_true (tn_model_file_can_run (other));
      for (guint j = 0; j < tn_model_file_n_tensors (v0); j++)
        {
          const TnModelTensor *entry = tn_model_file_get_tensor (v0, j);
          guint64 counts[2];
          g_autofree float *expected = decode (v0, entry->name, &counts[0]);
          g_autofree float *found = decode (other, entry->name, &counts[1]);

          g_assert_cmpmem (found, counts[1] * sizeof (float), expected, counts[0] * sizeof (float));
          n_compared++;
        }
      g_assert_cmpuint (n_compared, ==, 47);
    }
}

static void
test_real_q8 (void)
{
  g_autoptr (TnModelFile) v0 = open_real ("stories260k/stories260K.bin");
  g_autoptr (TnModelFile) q8 = open_real ("stories260k/stories260K_q8_v2.bin");

  if (v0 == NULL)
    return;
  g_assert_cmpuint (tn_model_file_n_tensors (q8), ==, tn_model_file_n_tensors (v0));
  for (guint i = 0; i < tn_model_file_n_tensors (v0); i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (v0, i);
      const TnTensor *grouped = tn_model_file_find_tensor (q8, entry->name)->tensor;
      guint64 counts[2];
      g_autofree float *expected = decode (v0, entry->name, &counts[0]);
      g_autofree float *found = decode (q8, entry->name, &counts[1]);

      g_assert_cmpuint (counts[0], ==, counts[1]);
      for (guint64 j = 0; j < counts[0]; j++)
        {
          /* Half a step of the group, and a little for rounding. */
          float tolerance = grouped->scales != NULL ? grouped->scales[j / 8] * 0.501f : 0.0f;

          g_assert_cmpfloat (ABS (expected[j] - found[j]), <=, tolerance);
        }
    }
}

/* Q and K rows of a head are permuted between the two layouts of the rotary embedding; all else is equal. */
static void
test_real_huggingface (void)
{
  g_autoptr (TnModelFile) v0 = open_real ("stories260k/stories260K.bin");
  const char *const folders[] = {"stories260k/hf-f32", "stories260k/hf-f16", "stories260k/hf-bf16"};
  const float tolerances[] = {0.0f, 1.0f / 2048, 1.0f / 256};

  if (v0 == NULL)
    return;
  for (guint f = 0; f < G_N_ELEMENTS (folders); f++)
    {
      g_autoptr (TnModelFile) hf = open_real (folders[f]);

      g_assert_cmpstr (tn_model_file_get_format (hf), ==, "huggingface");
      g_assert_true (tn_model_file_can_run (hf));
      g_assert_cmpuint (tn_model_file_n_tensors (hf), ==, 47);
      for (guint i = 0; i < 47; i++)
        {
          const TnModelTensor *entry = tn_model_file_get_tensor (v0, i);
          gboolean permuted = strstr (entry->name, "attn_q.") != NULL || strstr (entry->name, "attn_k.") != NULL;
          guint64 counts[2], columns = tn_tensor_columns (entry->tensor);
          g_autofree float *expected = decode (v0, entry->name, &counts[0]);
          g_autofree float *found = decode (hf, entry->name, &counts[1]);

          g_assert_cmpuint (counts[0], ==, counts[1]);
          for (guint64 j = 0; j < counts[0]; j++)
            {
              guint64 row = j / columns, in_head = row % 8,
                      source = permuted ? row - in_head + in_head / 2 + in_head % 2 * 4 : row;
              float wanted = expected[j], got = found[source * columns + j % columns];

              g_assert_cmpfloat (ABS (wanted - got), <=, ABS (wanted) * tolerances[f] + (f == 1 ? 6e-8f : 0.0f));
            }
        }
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/llama2c/v0", test_v0);
  g_test_add_func ("/llama2c/v1", test_v1);
  g_test_add_func ("/llama2c/v2", test_v2);
  g_test_add_func ("/llama2c/hostile", test_hostile);
  g_test_add_func ("/llama2c/sizes", test_sizes);
  g_test_add_func ("/llama2c/real-equal", test_real_equal);
  g_test_add_func ("/llama2c/real-q8", test_real_q8);
  g_test_add_func ("/llama2c/real-huggingface", test_real_huggingface);
  result = g_test_run ();
  test_folder_remove (test_folder);
  return result;
}
