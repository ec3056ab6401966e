/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/gguf-writer.h"
#include "data/models/gguf.h"
#include "tests/data/export-fixtures.h"

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

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/export-gguf/gguf-ternary", test_gguf_ternary);
  g_test_add_func ("/export-gguf/gguf-types", test_gguf_types);
  g_test_add_func ("/export-gguf/gguf-metadata", test_gguf_metadata);
  g_test_add_func ("/export-gguf/gguf-reference-rounding", test_gguf_reference_rounding);
  g_test_add_func ("/export-gguf/tied-head", test_tied_head);
  g_test_add_func ("/export-gguf/many-chunks", test_many_chunks);
  g_test_add_func ("/export-gguf/refused", test_refused);
  g_test_add_func ("/export-gguf/not-finite", test_not_finite);
  g_test_add_func ("/export-gguf/cancelled", test_cancelled);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
