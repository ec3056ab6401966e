/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/packed-tensor.h"
#include "data/models/safetensors.h"
#include "engine/crc32c.h"
#include "tests/data/export-fixtures.h"

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

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/export-safetensors/packed", test_packed);
  g_test_add_func ("/export-safetensors/packed-layout", test_packed_layout);
  g_test_add_func ("/export-safetensors/damage-is-seen", test_damage_is_seen);
  g_test_add_func ("/export-safetensors/values", test_values);
  g_test_add_func ("/export-safetensors/unknown-architecture", test_unknown_architecture);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
