/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/gguf.h"
#include "data/models/model-file.h"
#include "engine/error.h"
#include "tests/data/model-bytes.h"
#include "tests/realdata.h"

enum
{
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  BOOL,
  STRING,
  ARRAY,
  U64,
  I64,
  F64
};

static void
put_head (GByteArray *out, guint32 version, guint64 n_tensors, guint64 n_values)
{
  put_bytes (out, "GGUF", 4);
  put_u32 (out, version);
  put_u64 (out, n_tensors);
  put_u64 (out, n_values);
}

static void
put_key (GByteArray *out, const char *key, guint32 type)
{
  put_string (out, key);
  put_u32 (out, type);
}

static void
put_tensor (GByteArray *out, const char *name, guint n_dims, const guint64 *dims, guint32 type, guint64 offset)
{
  put_string (out, name);
  put_u32 (out, n_dims);
  for (guint i = 0; i < n_dims; i++)
    put_u64 (out, dims[i]);
  put_u32 (out, type);
  put_u64 (out, offset);
}

static void
pad_to (GByteArray *out, guint alignment)
{
  put_zeros (out, (alignment - out->len % alignment) % alignment);
}

static TnGguf *
open_bytes (GByteArray *bytes, GError **error)
{
  g_autoptr (TnMappedFile) file = test_map ("bytes.gguf", bytes);

  return tn_gguf_open (file, error);
}

static GByteArray *
build_golden (void)
{
  GByteArray *bytes = g_byte_array_new ();
  const guint64 dims[] = {4};

  put_head (bytes, 3, 1, 2);
  put_key (bytes, "general.architecture", STRING);
  put_string (bytes, "bitnet");
  put_key (bytes, "general.alignment", U32);
  put_u32 (bytes, 32);
  put_tensor (bytes, "t", 1, dims, 0, 0);
  pad_to (bytes, 32);
  for (guint i = 1; i <= 4; i++)
    put_f32 (bytes, (float) i);
  return bytes;
}

static void
test_golden (void)
{
  g_autoptr (GByteArray) bytes = build_golden ();
  g_autofree char *hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes->data, bytes->len);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnGguf) gguf = open_bytes (bytes, &error);
  g_autoptr (TnTensor) tensor = NULL;
  g_autofree char *architecture = NULL;
  float values[4];

  g_assert_cmpstr (hash, ==, "de31fc65c4c65d7c865724835aa9d856a6e9f01ef84b50b5dbc04ddd9c4ea227");
  g_assert_no_error (error);
  architecture = tn_gguf_dup_string (gguf, "general.architecture");
  g_assert_cmpstr (architecture, ==, "bitnet");
  g_assert_cmpuint (tn_gguf_n_entries (gguf), ==, 1);
  tensor = tn_gguf_create_tensor (gguf, tn_gguf_find_entry (gguf, "t"));
  g_clear_pointer (&gguf, tn_gguf_unref);
  tn_tensor_decode (tensor, 0, 4, values);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat (values[i], ==, (float) (i + 1));
}

static void
test_golden_truncated (void)
{
  g_autoptr (GByteArray) bytes = build_golden ();

  while (bytes->len > 0)
    {
      g_autoptr (GError) error = NULL;

      g_byte_array_set_size (bytes, bytes->len - 1);
      g_assert_null (open_bytes (bytes, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
    }
}

/* One value of each type, two arrays, version 2. */
static void
test_values (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TnGguf) gguf = NULL;
  g_autofree TnGgufString *strings = NULL;
  g_autofree float *reals = NULL;
  g_autofree gint32 *integers = NULL;
  g_autofree char *text = NULL;
  gsize n;
  guint32 u32 = 0;
  guint64 u64 = 0;
  double f64 = 0;
  gboolean flag = FALSE;

  put_head (bytes, 2, 0, 16);
  put_key (bytes, "u8", U8);
  put_bytes (bytes, "\xff", 1);
  put_key (bytes, "i8", I8);
  put_bytes (bytes, "\xff", 1);
  put_key (bytes, "u16", U16);
  put_bytes (bytes, "\xff\xff", 2);
  put_key (bytes, "i16", I16);
  put_bytes (bytes, "\x01\x80", 2);
  put_key (bytes, "u32", U32);
  put_u32 (bytes, G_MAXUINT32);
  put_key (bytes, "i32", I32);
  put_u32 (bytes, (guint32) -5);
  put_key (bytes, "f32", F32);
  put_f32 (bytes, 0.1f);
  put_key (bytes, "bool", BOOL);
  put_bytes (bytes, "\1", 1);
  put_key (bytes, "string", STRING);
  put_string (bytes, "é\n");
  put_key (bytes, "u64", U64);
  put_u64 (bytes, G_MAXUINT64);
  put_key (bytes, "i64", I64);
  put_u64 (bytes, 7);
  put_key (bytes, "f64", F64);
  put_u64 (bytes, 0x3fb999999999999a);
  put_key (bytes, "strings", ARRAY);
  put_u32 (bytes, STRING);
  put_u64 (bytes, 3);
  put_string (bytes, "a");
  put_string (bytes, "");
  put_string (bytes, "cde");
  put_key (bytes, "reals", ARRAY);
  put_u32 (bytes, F32);
  put_u64 (bytes, 2);
  put_f32 (bytes, 1.5f);
  put_f32 (bytes, -2.0f);
  put_key (bytes, "integers", ARRAY);
  put_u32 (bytes, I32);
  put_u64 (bytes, 2);
  put_u32 (bytes, (guint32) -1);
  put_u32 (bytes, 6);
  put_key (bytes, "none", ARRAY);
  put_u32 (bytes, U64);
  put_u64 (bytes, 0);

  gguf = open_bytes (bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_gguf_get_version (gguf), ==, 2);
  g_assert_true (tn_gguf_get_u32 (gguf, "u8", &u32) && u32 == 255);
  g_assert_true (tn_gguf_get_u32 (gguf, "u16", &u32) && u32 == 65535);
  g_assert_true (tn_gguf_get_u32 (gguf, "u32", &u32) && u32 == G_MAXUINT32);
  g_assert_true (tn_gguf_get_u32 (gguf, "i64", &u32) && u32 == 7);
  g_assert_true (tn_gguf_get_u64 (gguf, "u64", &u64) && u64 == G_MAXUINT64);
  g_assert_false (tn_gguf_get_u32 (gguf, "u64", &u32));
  g_assert_false (tn_gguf_get_u32 (gguf, "i8", &u32));
  g_assert_false (tn_gguf_get_u32 (gguf, "f32", &u32));
  g_assert_false (tn_gguf_get_u32 (gguf, "absent", &u32));
  g_assert_cmpuint (u32, ==, 7);
  g_assert_true (tn_gguf_get_f64 (gguf, "f32", &f64) && f64 == (double) 0.1f);
  g_assert_true (tn_gguf_get_f64 (gguf, "f64", &f64) && f64 == 0.1);
  g_assert_true (tn_gguf_get_bool (gguf, "bool", &flag) && flag);
  strings = tn_gguf_dup_strings (gguf, "strings", &n);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpmem (strings[0].text, strings[0].length, "a", 1);
  g_assert_cmpmem (strings[1].text, strings[1].length, "", 0);
  g_assert_cmpmem (strings[2].text, strings[2].length, "cde", 3);
  reals = tn_gguf_dup_f32_array (gguf, "reals", &n);
  g_assert_true (n == 2 && reals[0] == 1.5f && reals[1] == -2.0f);
  integers = tn_gguf_dup_i32_array (gguf, "integers", &n);
  g_assert_true (n == 2 && integers[0] == -1 && integers[1] == 6);
  g_assert_null (tn_gguf_dup_i32_array (gguf, "reals", &n));
  g_assert_null (tn_gguf_dup_strings (gguf, "string", &n));
  text = tn_gguf_value_to_text (tn_gguf_find_value (gguf, "strings"), 2);
  g_assert_cmpstr (text, ==, "[\"a\", \"\", … (3)]");
  g_free (text);
  text = tn_gguf_value_to_text (tn_gguf_find_value (gguf, "i16"), 2);
  g_assert_cmpstr (text, ==, "-32767");
  g_free (text);
  text = tn_gguf_value_to_text (tn_gguf_find_value (gguf, "f32"), 2);
  g_assert_cmpstr (text, ==, "0.100000001");
}

typedef struct
{
  const char *message;
  void (*build) (GByteArray *out);
} Hostile;

static void
big_endian (GByteArray *out)
{
  put_bytes (out, "GGUF\0\0\0\3", 8);
  put_zeros (out, 16);
}

static void
version_1 (GByteArray *out)
{
  put_head (out, 1, 0, 0);
}

static void
version_4 (GByteArray *out)
{
  put_head (out, 4, 0, 0);
}

static void
many_tensors (GByteArray *out)
{
  put_head (out, 3, G_MAXUINT64, 0);
  put_zeros (out, 100);
}

static void
many_values (GByteArray *out)
{
  put_head (out, 3, 0, (guint64) 1 << 40);
  put_zeros (out, 100);
}

static void
long_key (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_u64 (out, 65536);
  put_zeros (out, 70000);
}

static void
key_beyond_end (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_u64 (out, (guint64) 1 << 30);
  put_zeros (out, 100);
}

static void
huge_string (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_key (out, "k", STRING);
  put_u64 (out, G_MAXUINT64);
  put_zeros (out, 100);
}

static void
key_not_utf8 (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_key (out, "\xff\xfe", U32);
  put_zeros (out, 100);
}

static void
key_twice (GByteArray *out)
{
  put_head (out, 3, 0, 2);
  for (guint i = 0; i < 2; i++)
    {
      put_key (out, "k", U32);
      put_u32 (out, i);
    }
}

static void
wrong_value_type (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_key (out, "k", 13);
  put_zeros (out, 100);
}

static void
nested_array (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_key (out, "k", ARRAY);
  put_u32 (out, ARRAY);
  put_u64 (out, 0);
}

static void
huge_array (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_key (out, "k", ARRAY);
  put_u32 (out, U64);
  put_u64 (out, ((guint64) 1 << 61) + 1);
  put_zeros (out, 100);
}

static void
array_beyond_end (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_key (out, "k", ARRAY);
  put_u32 (out, U32);
  put_u64 (out, 26);
  put_zeros (out, 100);
}

static void
strings_beyond_end (GByteArray *out)
{
  put_head (out, 3, 0, 1);
  put_key (out, "k", ARRAY);
  put_u32 (out, STRING);
  put_u64 (out, (guint64) 1 << 30);
  put_zeros (out, 100);
}

static void
put_alignment (GByteArray *out, guint32 type, guint32 value)
{
  put_head (out, 3, 0, 1);
  put_key (out, "general.alignment", type);
  put_u32 (out, value);
}

static void
alignment_type (GByteArray *out)
{
  put_alignment (out, I32, 32);
}

static void
alignment_zero (GByteArray *out)
{
  put_alignment (out, U32, 0);
}

static void
alignment_24 (GByteArray *out)
{
  put_alignment (out, U32, 24);
}

static void
alignment_4 (GByteArray *out)
{
  put_alignment (out, U32, 4);
}

static void
put_one (GByteArray *out, const char *name, guint n_dims, const guint64 *dims, guint32 type, guint64 offset, gsize bytes)
{
  put_head (out, 3, 1, 0);
  put_tensor (out, name, n_dims, dims, type, offset);
  pad_to (out, 32);
  put_zeros (out, bytes);
}

static void
long_name (GByteArray *out)
{
  put_one (out, "0123456789012345678901234567890123456789012345678901234567890123", 1, (guint64[]){1}, 0, 0, 4);
}

static void
empty_name (GByteArray *out)
{
  put_one (out, "", 1, (guint64[]){1}, 0, 0, 4);
}

static void
five_dims (GByteArray *out)
{
  put_one (out, "t", 5, (guint64[]){1, 1, 1, 1, 1}, 0, 0, 4);
}

static void
overflowing_dims (GByteArray *out)
{
  put_one (out, "t", 2, (guint64[]){(guint64) 1 << 33, (guint64) 1 << 33}, 0, 0, 4);
}

static void
negative_dim (GByteArray *out)
{
  put_one (out, "t", 1, (guint64[]){G_MAXUINT64}, 0, 0, 4);
}

static void
overflowing_bytes (GByteArray *out)
{
  put_one (out, "t", 1, (guint64[]){G_MAXINT64}, 28, 0, 4);
}

static void
unaligned_offset (GByteArray *out)
{
  put_one (out, "t", 1, (guint64[]){1}, 0, 4, 64);
}

static void
first_offset (GByteArray *out)
{
  put_one (out, "t", 1, (guint64[]){1}, 0, 32, 64);
}

static void
broken_block (GByteArray *out)
{
  put_one (out, "t", 2, (guint64[]){16, 2}, 8, 0, 34);
}

static void
truncated_data (GByteArray *out)
{
  put_one (out, "t", 1, (guint64[]){100}, 0, 0, 399);
}

static void
bytes_after (GByteArray *out)
{
  put_one (out, "t", 1, (guint64[]){8}, 0, 0, 33);
}

static void
bytes_after_values (GByteArray *out)
{
  put_head (out, 3, 0, 0);
  put_zeros (out, 9);
}

static void
no_data (GByteArray *out)
{
  put_head (out, 3, 1, 0);
  put_tensor (out, "t", 1, (guint64[]){8}, 0, 0);
}

static void
name_twice (GByteArray *out)
{
  put_head (out, 3, 2, 0);
  put_tensor (out, "t", 1, (guint64[]){8}, 0, 0);
  put_tensor (out, "t", 1, (guint64[]){8}, 0, 32);
  pad_to (out, 32);
  put_zeros (out, 64);
}

static void
put_two (GByteArray *out, guint64 second_offset)
{
  put_head (out, 3, 2, 0);
  put_tensor (out, "t", 1, (guint64[]){9}, 0, 0);
  put_tensor (out, "u", 1, (guint64[]){8}, 0, second_offset);
  pad_to (out, 32);
  put_zeros (out, 256);
}

static void
overlapping (GByteArray *out)
{
  put_two (out, 32);
}

static void
hole (GByteArray *out)
{
  put_two (out, 96);
}

static void
unknown_without_bytes (GByteArray *out)
{
  put_head (out, 3, 2, 0);
  put_tensor (out, "t", 1, (guint64[]){8}, 99, 0);
  put_tensor (out, "u", 1, (guint64[]){8}, 0, 0);
  pad_to (out, 32);
  put_zeros (out, 32);
}

static void
unknown_huge_extent (GByteArray *out)
{
  put_head (out, 3, 2, 0);
  put_tensor (out, "t", 1, (guint64[]){8}, 99, 0);
  put_tensor (out, "u", 1, (guint64[]){8}, 0, (guint64) 1 << 63);
  pad_to (out, 32);
  put_zeros (out, 32);
}

static const Hostile hostile[] = {
    {"big-endian", big_endian},
    {"version 1", version_1},
    {"version 4, expected 2 or 3", version_4},
    {"18446744073709551615 tensors", many_tensors},
    {"1099511627776 metadata values", many_values},
    {"expected 1 to 65535", long_key},
    {"takes 1073741824 bytes", key_beyond_end},
    {"expected at most 2^30", huge_string},
    {"not UTF-8", key_not_utf8},
    {"key \"k\" appears twice", key_twice},
    {"value type 13", wrong_value_type},
    {"array of arrays", nested_array},
    {"at most 2^30", huge_array},
    {"takes 104 bytes", array_beyond_end},
    {"takes 8 bytes", strings_beyond_end},
    {"value type 5", alignment_type},
    {"alignment is 0", alignment_zero},
    {"alignment is 24", alignment_24},
    {"alignment is 4", alignment_4},
    {"has 64 bytes, expected 1 to 63", long_name},
    {"has 0 bytes, expected 1 to 63", empty_name},
    {"5 dimensions", five_dims},
    {"below 2^63", overflowing_dims},
    {"below 2^63", negative_dim},
    {"below 2^64", overflowing_bytes},
    {"multiple of 32", unaligned_offset},
    {"offset 32, expected 0", first_offset},
    {"multiple of 32", broken_block},
    {"truncated", truncated_data},
    {"1 bytes after the last tensor", bytes_after},
    {"bytes after the metadata", bytes_after_values},
    {"begins at byte 64", no_data},
    {"appears twice", name_twice},
    {"offset 32, expected 64", overlapping},
    {"offset 96, expected 64", hole},
    {"has no bytes", unknown_without_bytes},
    {"truncated", unknown_huge_extent},
};

static void
test_hostile (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) error = NULL;

      hostile[i].build (bytes);
      g_assert_null (open_bytes (bytes, &error));
      g_assert_nonnull (error);
      assert_message (error, "bytes.gguf", hostile[i].message);
    }
}

/* Ids that several makers use: the name follows from the extent. */
static void
test_ambiguous_types (void)
{
  static const struct
  {
    guint32 id;
    guint64 dims[2];
    guint64 extent;
    const char *name;
    guint64 bytes;
  } cases[] = {
      {36, {128, 2}, 96, "I2_S", 96},          {36, {128, 2}, 128, "type 36", 128},
      {38, {128, 2}, 64, "type 38", 64},       {39, {64, 4}, 160, "MXFP4", 136},
      {39, {64, 4}, 64, "type 39", 64},        {42, {128, 2}, 96, "Q2_0", 72},
      {42, {1024, 2}, 544, "Q2_0 (128)", 544}, {42, {256, 2}, 32, "type 42", 32},
      {134, {64, 3}, 64, "IQ1_BN", 45},        {135, {64, 3}, 64, "IQ2_BN", 60},
      {4, {32, 1}, 32, "type 4", 32},          {4000000000u, {3, 3}, 32, "type 4000000000", 32},
      {10, {256, 1}, 96, "Q2_K", 84},          {35, {256, 2}, 160, "TQ2_0", 132},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint last = 0; last < 2; last++)
      {
        g_autoptr (GByteArray) bytes = g_byte_array_new ();
        g_autoptr (GError) error = NULL;
        g_autoptr (TnGguf) gguf = NULL;
        g_autoptr (TnTensor) tensor = NULL;
        const TnGgufEntry *entry;

        put_head (bytes, 3, 2 - last, 0);
        put_tensor (bytes, "t", 2, cases[i].dims, cases[i].id, 0);
        if (!last)
          put_tensor (bytes, "u", 1, (guint64[]){8}, 0, cases[i].extent);
        pad_to (bytes, 32);
        put_zeros (bytes, cases[i].extent + (last ? 0 : 32));
        gguf = open_bytes (bytes, &error);
        g_assert_no_error (error);
        entry = tn_gguf_find_entry (gguf, "t");
        g_assert_cmpstr (entry->type_name, ==, cases[i].name);
        g_assert_cmpuint (entry->bytes, ==, cases[i].bytes);
        g_assert_cmpuint (entry->shape[0], ==, cases[i].dims[1]);
        g_assert_cmpuint (entry->shape[1], ==, cases[i].dims[0]);
        tensor = tn_gguf_create_tensor (gguf, entry);
        g_assert_cmpint (tn_dtype_can_decode (tensor->dtype), ==, cases[i].id == 35);
        g_assert_cmpuint (tensor->count, ==, cases[i].dims[0] * cases[i].dims[1]);
      }
}

static void
test_real_vocabulary (void)
{
  static const struct
  {
    const char *file;
    guint n_tokens;
    const char *model;
  } cases[] = {{"gguf/ggml-vocab-llama-spm.gguf", 32000, "llama"}, {"gguf/ggml-vocab-gpt-2.gguf", 50257, "gpt2"}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = tn_test_realdata (cases[i].file);
      g_autoptr (TnMappedFile) file = NULL;
      g_autoptr (TnGguf) gguf = NULL;
      g_autoptr (TnModelFile) model = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree TnGgufString *tokens = NULL;
      g_autofree char *name = NULL;
      gsize n = 0;

      if (path == NULL)
        return;
      file = tn_mapped_file_open (path, &error);
      g_assert_no_error (error);
      gguf = tn_gguf_open (file, &error);
      g_assert_no_error (error);
      tokens = tn_gguf_dup_strings (gguf, "tokenizer.ggml.tokens", &n);
      g_assert_cmpuint (n, ==, cases[i].n_tokens);
      name = tn_gguf_dup_string (gguf, "tokenizer.ggml.model");
      g_assert_cmpstr (name, ==, cases[i].model);
      model = tn_model_file_open (path, &error);
      g_assert_no_error (error);
      g_assert_false (tn_model_file_can_run (model));
      g_assert_cmpuint (tn_model_file_n_tensors (model), ==, 0);
    }
}

static void
test_real_random (void)
{
  g_autofree char *path = tn_test_realdata ("gguf/llama-2-tiny-random.gguf");
  g_autoptr (TnModelFile) model = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree float *values = NULL;
  guint64 largest = 0;

  if (path == NULL)
    return;
  model = tn_model_file_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_file_n_tensors (model), ==, 12);
  g_assert_cmpstr (tn_model_file_get_architecture (model), ==, "llama");
  for (guint i = 0; i < 12; i++)
    {
      const TnTensor *tensor = tn_model_file_get_tensor (model, i)->tensor;

      g_assert_true (tensor->dtype == TN_DTYPE_F16 || tensor->dtype == TN_DTYPE_F32);
      largest = MAX (largest, tensor->count);
    }
  values = g_new (float, largest);
  for (guint i = 0; i < 12; i++)
    {
      const TnTensor *tensor = tn_model_file_get_tensor (model, i)->tensor;

      tn_tensor_decode (tensor, 0, tensor->count, values);
      for (guint64 j = 0; j < tensor->count; j++)
        g_assert_true (ABS (values[j]) < 100.0f);
    }
}

/* A file with a tensor of four zeros, which says that it is part number (from 0) of count. */
static char *
write_part (const char *file_name, const char *tensor, guint16 number, guint16 count)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const guint64 dims[] = {4};

  put_head (bytes, 3, 1, 2);
  put_key (bytes, "split.no", U16);
  put_bytes (bytes, &number, sizeof number);
  put_key (bytes, "split.count", U16);
  put_bytes (bytes, &count, sizeof count);
  put_tensor (bytes, tensor, 1, dims, 0, 0);
  pad_to (bytes, 32);
  put_zeros (bytes, 32);
  return test_write_array (file_name, bytes);
}

static void
test_parts (void)
{
  g_autofree char *first = write_part ("m-00001-of-00002.gguf", "a", 0, 2), *second = write_part ("m-00002-of-00002.gguf", "b", 1, 2);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (first, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_file_n_tensors (file), ==, 2);
  g_assert_nonnull (tn_model_file_find_tensor (file, "b"));
  g_assert_false (tn_model_file_check_output (file, second, &error));
  assert_message (error, second, "output");
  g_assert_false (tn_model_file_check_output (file, test_folder, NULL));
  g_assert_true (tn_model_file_check_output (file, "m-00003-of-00002.gguf", NULL));
}

static void
test_wrong_parts (void)
{
  struct
  {
    char *path;
    TnErrorCode code;
    const char *piece;
  } cases[] = {
      {write_part ("m-00002-of-00002.gguf", "b", 1, 2), TN_ERROR_UNSUPPORTED, "m-00001-of-00002.gguf"},
      {write_part ("renamed.gguf", "a", 0, 2), TN_ERROR_FORMAT, "-00001-of-00002.gguf"},
      {write_part ("n-00001-of-00002.gguf", "a", 0, 2), TN_ERROR_NOT_FOUND, "part 2 of 2"},
      {write_part ("o-00001-of-00002.gguf", "a", 2, 2), TN_ERROR_FORMAT, "split.no"},
      {write_part ("p-00001-of-00002.gguf", "a", 0, 2), TN_ERROR_FORMAT, "split.count"},
      {write_part ("q-00001-of-00002.gguf", "a", 0, 2), TN_ERROR_FORMAT, "\"a\" is in an earlier part"},
  };
  g_autofree char *of_three = write_part ("p-00002-of-00002.gguf", "b", 1, 3);
  g_autofree char *same_tensor = write_part ("q-00002-of-00002.gguf", "a", 1, 2);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *path = cases[i].path;

      g_assert_null (tn_model_file_open (path, &error));
      g_assert_error (error, TN_ERROR, (int) cases[i].code);
      assert_message (error, test_folder, cases[i].piece);
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/gguf/golden", test_golden);
  g_test_add_func ("/gguf/golden-truncated", test_golden_truncated);
  g_test_add_func ("/gguf/values", test_values);
  g_test_add_func ("/gguf/hostile", test_hostile);
  g_test_add_func ("/gguf/ambiguous-types", test_ambiguous_types);
  g_test_add_func ("/gguf/real-vocabulary", test_real_vocabulary);
  g_test_add_func ("/gguf/real-random", test_real_random);
  g_test_add_func ("/gguf/parts", test_parts);
  g_test_add_func ("/gguf/wrong-parts", test_wrong_parts);
  result = g_test_run ();
  test_folder_remove (test_folder);
  return result;
}
