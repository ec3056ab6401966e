/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/safetensors.h"
#include "engine/error.h"
#include "tests/data/model-bytes.h"

static const guint8 golden[] =
    "\x38\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}  \0\0\x80\x3f\0\0\0\x40";

static void
test_golden (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (TnMappedFile) file = NULL;
  g_autoptr (TnSafetensors) safetensors = NULL;
  g_autoptr (TnTensor) tensor = NULL;
  g_autoptr (GError) error = NULL;
  const TnSafetensorsEntry *entry;
  float values[2];

  put_bytes (bytes, golden, sizeof golden - 1);
  g_assert_cmpuint (bytes->len, ==, 72);
  file = test_map ("golden", bytes);
  safetensors = tn_safetensors_open (file, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_safetensors_n_entries (safetensors), ==, 1);
  entry = tn_safetensors_find_entry (safetensors, "a");
  g_assert_true (entry == tn_safetensors_get_entry (safetensors, 0));
  g_assert_null (tn_safetensors_find_entry (safetensors, "b"));
  g_assert_cmpstr (entry->dtype_name, ==, "F32");
  g_assert_cmpuint (entry->bytes, ==, 8);

  /* The tensor alone keeps the file alive. */
  tensor = tn_safetensors_create_tensor (safetensors, entry);
  g_clear_pointer (&safetensors, tn_safetensors_unref);
  g_clear_pointer (&file, tn_mapped_file_unref);
  tn_tensor_decode (tensor, 0, 2, values);
  g_assert_cmpfloat (values[0], ==, 1.0f);
  g_assert_cmpfloat (values[1], ==, 2.0f);
}

/* Scalars, empty tensors, order of names unlike the order of data, metadata, types that cannot be decoded, an odd header length.
 */
static void
test_accepted (void)
{
  g_autoptr (GByteArray) bytes = build_safetensors (
      "{\"z\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},\"__metadata__\":{\"format\":\"pt\",\"é\":\"\"},"
      "\"c\":{\"dtype\":\"I16\",\"shape\":[1,3],\"data_offsets\":[5,11],\"comment\":[]},"
      "\"e\":{\"dtype\":\"F32\",\"shape\":[7,0,2],\"data_offsets\":[5,5]},"
      "\"b\":{\"dtype\":\"F4\",\"shape\":[8],\"data_offsets\":[1,5]},"
      "\"d\":{\"shape\":[1],\"data_offsets\":[11,19],\"dtype\":\"C64\"}}   \n",
      19);
  g_autoptr (TnMappedFile) file = test_map ("accepted", bytes);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnSafetensors) safetensors = tn_safetensors_open (file, &error);
  const char *const order[] = {"z", "b", "e", "c", "d"};

  g_assert_no_error (error);
  g_assert_cmpuint (tn_safetensors_n_entries (safetensors), ==, 5);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpstr (tn_safetensors_get_entry (safetensors, i)->name, ==, order[i]);
  g_assert_cmpuint (tn_safetensors_find_entry (safetensors, "z")->count, ==, 1);
  g_assert_cmpuint (tn_safetensors_find_entry (safetensors, "z")->n_dims, ==, 0);
  g_assert_cmpuint (tn_safetensors_find_entry (safetensors, "e")->count, ==, 0);
  g_assert_cmpint (tn_safetensors_find_entry (safetensors, "b")->dtype, ==, TN_DTYPE_OPAQUE);
  g_assert_cmpuint (tn_safetensors_find_entry (safetensors, "b")->bytes, ==, 4);
  g_assert_cmpuint (tn_safetensors_find_entry (safetensors, "c")->data[0], ==, 5);
  g_assert_cmpstr (tn_safetensors_get_metadata (safetensors, "format"), ==, "pt");
  g_assert_cmpstr (tn_safetensors_get_metadata (safetensors, "é"), ==, "");
  g_assert_null (tn_safetensors_get_metadata (safetensors, "none"));
}

#define T(name, dtype, shape, offsets) "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct
{
  const char *header;
  gsize n_data;
  const char *message;
} hostile[] = {
    {"", 0, "expected \"{\""},
    {" {}", 0, "expected \"{\""},
    {"[]", 0, "expected \"{\""},
    {"{", 0, "end of the text"},
    {"{}{}", 0, "end of the text"},
    {"{\"a\":1}", 0, "a number, expected an object"},
    {"{" T ("a", "F32", "[1]", "[0,4]") "," T ("a", "F32", "[1]", "[4,8]") "}", 8, "once"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "once"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "has no dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "has no data_offsets"},
    {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "expected a string"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,4]}}", 4, "expected an array"},
    {"{" T ("a", "f32", "[1]", "[0,4]") "}", 4, "a type of the safetensors format"},
    {"{" T ("a", "F32\\u0000", "[1]", "[0,4]") "}", 4, "a type of the safetensors format"},
    {"{" T ("a", "Q4_0", "[1]", "[0,4]") "}", 4, "a type of the safetensors format"},
    {"{" T ("a", "F32", "[-1]", "[0,4]") "}", 4, "whole numbers"},
    {"{" T ("a", "F32", "[1.0]", "[0,4]") "}", 4, "whole numbers"},
    {"{" T ("a", "F32", "[\"1\"]", "[0,4]") "}", 4, "whole numbers"},
    {"{" T ("a", "F32", "[18446744073709551615]", "[0,4]") "}", 4, "whole numbers"},
    {"{" T ("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "below 2^64"},
    {"{" T ("a", "F32", "[4611686018427387904,4,0]", "[0,0]") "}", 0, "below 2^64"},
    {"{" T ("a", "F32", "[4611686018427387904]", "[0,0]") "}", 0, "2^64 bits"},
    {"{" T ("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, "9 dimensions"},
    {"{" T ("a", "F4", "[3]", "[0,1]") "}", 1, "whole number of bytes"},
    {"{" T ("a", "F6_E2M3", "[3]", "[0,2]") "}", 2, "whole number of bytes"},
    {"{" T ("a", "F32", "[1]", "[0]") "}", 4, "two numbers"},
    {"{" T ("a", "F32", "[1]", "[0,4,8]") "}", 4, "two numbers"},
    {"{" T ("a", "F32", "[1]", "[4,0]") "}", 4, "not before the begin"},
    {"{" T ("a", "F32", "[1]", "[0,-4]") "}", 4, "whole numbers"},
    {"{" T ("a", "F32", "[1]", "[0,3]") "}", 3, "4 bytes from shape"},
    {"{" T ("a", "F32", "[1]", "[0,8]") "}", 8, "4 bytes from shape"},
    {"{" T ("a", "F32", "[1]", "[4,8]") "}", 8, "belong to no tensor"},
    {"{" T ("a", "F32", "[1]", "[0,4]") "," T ("b", "F32", "[1]", "[8,12]") "}", 12, "belong to no tensor"},
    {"{" T ("a", "F32", "[2]", "[0,8]") "," T ("b", "F32", "[2]", "[4,12]") "}", 12, "overlaps"},
    {"{" T ("a", "F32", "[1]", "[0,4]") "," T ("b", "F32", "[1]", "[0,4]") "}", 4, "overlaps"},
    {"{" T ("a", "F32", "[2]", "[0,8]") "}", 7, "truncated"},
    {"{" T ("a", "F32", "[2]", "[0,8]") "}", 0, "truncated"},
    {"{" T ("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]") "}", 8, "2^64 bits"},
    {"{" T ("a", "U8", "[1]", "[9223372036854775806,9223372036854775807]") "}", 8, "belong to no tensor"},
    {"{" T ("a", "F32", "[2]", "[0,8]") "}", 9, "1 bytes after the last tensor"},
    {"{}", 1, "1 bytes after the last tensor"},
    {"{\"__metadata__\":[]}", 0, "expected an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "expected a string"},
    {"{\"__metadata__\":{\"a\":null}}", 0, "expected a string"},
    {"{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0, "expected a string"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "once"},
    {"{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "without NUL"},
    {"{\"\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "UTF-8"},
    {"{\"line\\nbreak\":{\"dtype\":\"U9\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "\\x0a"},
};

static void
test_hostile (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_autoptr (GByteArray) bytes = build_safetensors (hostile[i].header, hostile[i].n_data);
      g_autoptr (TnMappedFile) file = test_map ("hostile", bytes);
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_safetensors_open (file, &error));
      g_assert_nonnull (error);
      assert_message (error, "hostile", hostile[i].message);
    }
}

static void
test_lengths (void)
{
  static const guint64 lengths[] = {65, 100000001, G_MAXUINT64, G_MAXUINT64 - 7, (guint64) 1 << 63};

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (TnMappedFile) file = NULL;
      g_autoptr (GError) error = NULL;

      put_u64 (bytes, lengths[i]);
      put_bytes (bytes, golden + 8, sizeof golden - 9);
      file = test_map ("lengths", bytes);
      g_assert_null (tn_safetensors_open (file, &error));
      assert_message (error, "lengths", "header length");
    }
}

/* No prefix of a valid file is valid. */
static void
test_truncated (void)
{
  for (gsize n = 0; n + 1 < sizeof golden; n++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (TnMappedFile) file = NULL;
      g_autoptr (GError) error = NULL;

      put_bytes (bytes, golden, n);
      file = test_map ("truncated", bytes);
      g_assert_null (tn_safetensors_open (file, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/safetensors/golden", test_golden);
  g_test_add_func ("/safetensors/accepted", test_accepted);
  g_test_add_func ("/safetensors/hostile", test_hostile);
  g_test_add_func ("/safetensors/lengths", test_lengths);
  g_test_add_func ("/safetensors/truncated", test_truncated);
  result = g_test_run ();
  test_folder_remove (test_folder);
  return result;
}
