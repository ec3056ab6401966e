/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "data/training/checkpoint.h"

#include <float.h>
#include <math.h>

#include "data/files/safetensors-writer.h"
#include "tests/data/checkpoint-fixtures.h"

/* The same bits, whatever they mean: NaN with payloads among them. */
static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Run) run = run_new (LARGE), restored = run_new (LARGE);
  g_autofree char *path = write_step (fixture, run, 1234);
  g_autoptr (TnCheckpointFile) file = NULL;
  g_autoptr (GError) error = NULL;
  guint64 epoch;

  file = tn_checkpoint_file_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_checkpoint_file_get_step (file), ==, 1234);
  g_assert_cmpuint (tn_checkpoint_file_get_model (file), ==, MODEL);
  g_assert_true (tn_checkpoint_file_get_count (file, "epoch", &epoch, &error));
  g_assert_cmpuint (epoch, ==, 123);
  tn_checkpoint_restore (restored->checkpoint, file, &error);
  g_assert_no_error (error);
  assert_same (run, restored);
  g_assert_cmpuint (tn_checkpoint_get_bytes (run->checkpoint), ==, WIDTH * 5 + 24 + 10 + 16 + 4 + LARGE * 4);
}

/* The same content is the same file. */
static void
test_same_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Run) run = run_new (100), other = run_new (100);
  g_autofree char *path = write_step (fixture, run, 1), *first = NULL, *second = NULL, *again = NULL;
  gsize bytes, again_bytes;

  g_assert_true (g_file_get_contents (path, &first, &bytes, NULL));
  again = write_step (fixture, other, 1);
  g_assert_true (g_file_get_contents (again, &second, &again_bytes, NULL));
  g_assert_cmpmem (first, bytes, second, again_bytes);
}

static void
test_fields (Fixture *fixture, gconstpointer data)
{
  static const double numbers[] = {0.1, -0.0, 3.0, 1e300, 5e-324, DBL_MAX, -1.0 / 3.0, 1e22, 123456789012345678.0};
  static const guint64 counts[] = {0, 1, G_MAXINT64, (guint64) G_MAXINT64 + 1, G_MAXUINT64};
  static const char text[] = "[recipe]\nname=\"é\\n\"\t#\x01 $ 漢\n";
  g_autoptr (Run) run = run_new (1);
  g_autoptr (TnCheckpointFile) file = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  guint64 count;
  double number;

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *name = g_strdup_printf ("number %u", i);

      tn_checkpoint_set_number (run->checkpoint, name, 77.0);
      tn_checkpoint_set_number (run->checkpoint, name, numbers[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autofree char *name = g_strdup_printf ("count %u", i);

      tn_checkpoint_set_count (run->checkpoint, name, counts[i]);
    }
  tn_checkpoint_set_number (run->checkpoint, "nan", (double) NAN);
  tn_checkpoint_set_number (run->checkpoint, "less", (double) -INFINITY);
  tn_checkpoint_set_text (run->checkpoint, "recipe", text);
  path = write_step (fixture, run, 5);
  file = tn_checkpoint_file_open (path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *name = g_strdup_printf ("number %u", i);

      g_assert_true (tn_checkpoint_file_get_number (file, name, &number, &error));
      g_assert_cmpmem (&number, sizeof number, &numbers[i], sizeof number);
    }
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autofree char *name = g_strdup_printf ("count %u", i);

      g_assert_true (tn_checkpoint_file_get_count (file, name, &count, &error));
      g_assert_cmpuint (count, ==, counts[i]);
    }
  g_assert_true (tn_checkpoint_file_get_number (file, "nan", &number, &error) && isnan (number));
  g_assert_true (tn_checkpoint_file_get_number (file, "less", &number, &error) && number < -DBL_MAX);
  g_assert_cmpstr (tn_checkpoint_file_get_text (file, "recipe", &error), ==, text);
  g_assert_false (tn_checkpoint_file_has_field (file, "other"));
  g_assert_null (tn_checkpoint_file_get_text (file, "other", &error));
  assert_message (error, TN_ERROR_FORMAT, "field “other” is absent, expected text");
  g_clear_error (&error);
  g_assert_false (tn_checkpoint_file_get_count (file, "number 0", &count, &error));
  assert_message (error, TN_ERROR_FORMAT, "field “number 0” is ");
  g_clear_error (&error);
  g_assert_false (tn_checkpoint_file_get_number (file, "recipe", &number, &error));
  assert_message (error, TN_ERROR_FORMAT, "expected a number");
}

/* Whatever bit is turned, and wherever it ends: it is refused. */
static void
test_damage (Fixture *fixture, gconstpointer data)
{
  float weights[3] = {1.0f, 2.0f, 3.0f};
  guint8 codes[2] = {4, 5};
  g_autoptr (TnCheckpoint) checkpoint = tn_checkpoint_new (MODEL);
  g_autofree char *path = g_build_filename (fixture->folder, "a", NULL), *contents = NULL;
  g_autoptr (TnCheckpointFile) whole = NULL;
  gsize bytes;

  g_assert_true (tn_checkpoint_add_array (checkpoint, "w", TN_DTYPE_F32, 1, (const guint64[]){3}, weights, NULL));
  g_assert_true (tn_checkpoint_add_array (checkpoint, "c", TN_DTYPE_U8, 1, (const guint64[]){2}, codes, NULL));
  tn_checkpoint_set_text (checkpoint, "recipe", "a\n\"b\" é");
  tn_checkpoint_set_number (checkpoint, "rate", 0.125);
  g_assert_true (tn_checkpoint_write (checkpoint, path, NULL, NULL));
  g_assert_true (g_file_get_contents (path, &contents, &bytes, NULL));
  for (gsize i = 0; i < bytes; i++)
    {
      g_autoptr (GError) error = NULL;

      overwrite (path, contents, i);
      g_assert_null (tn_checkpoint_file_open (path, &error));
      assert_message (error, TN_ERROR_FORMAT, path);
    }
  for (gsize i = 0; i < bytes * 8; i++)
    {
      g_autoptr (GError) error = NULL;

      contents[i / 8] ^= (char) (1 << i % 8);
      overwrite (path, contents, bytes);
      if (tn_checkpoint_file_open (path, &error) != NULL)
        g_error ("bit %zu of byte %zu (%.20s) can be turned", i % 8, i / 8, contents + i / 8);
      g_assert_nonnull (strstr (error->message, path));
      contents[i / 8] ^= (char) (1 << i % 8);
    }
  overwrite (path, contents, bytes);
  g_assert_nonnull (whole = tn_checkpoint_file_open (path, NULL));
}

/* Another type or shape of as many bytes, which the header alone cannot tell. */
static void
test_swapped (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *found, *swapped;
  } cases[] = {{"\"dtype\":\"F32\",\"shape\":[1,1031]", "\"dtype\":\"I32\",\"shape\":[1,1031]"},
               {"\"shape\":[1,1031]", "\"shape\":[1031,1]"},
               {"\"shape\":[4,0]", "\"shape\":[0,4]"},
               {"\"model/weights\"", "\"model/weighty\""},
               {"{\\\"epoch\\\":0}", "{\\\"epoch\\\":1}"},
               {"\"step\":\"1\"", "\"step\":\"2\""}};
  g_autoptr (Run) run = run_new (10);
  g_autofree char *path = write_step (fixture, run, 1), *contents = NULL;
  gsize bytes;

  g_assert_true (g_file_get_contents (path, &contents, &bytes, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize n = strlen (cases[i].found);
      char *place = memmem (contents, bytes, cases[i].found, n);
      g_autoptr (GError) error = NULL;

      g_assert_nonnull (place);
      memcpy (place, cases[i].swapped, n);
      overwrite (path, contents, bytes);
      g_assert_null (tn_checkpoint_file_open (path, &error));
      assert_message (error, TN_ERROR_FORMAT, "is damaged: its content has the check sum");
      memcpy (place, cases[i].found, n);
    }
}

static void
test_version (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *format, *version;
    TnErrorCode code;
    const char *needle;
  } cases[] = {
      {"ternion.checkpoint", "2", TN_ERROR_UNSUPPORTED, "version 2, this program reads version 1"},
      {"ternion.checkpoint", "x", TN_ERROR_FORMAT, "“version” is \"x\", expected a number"},
      {"ternion.statistics", "1", TN_ERROR_FORMAT, "“format” is \"ternion.statistics\", expected ternion.checkpoint"},
      {"ternion.checkpoint", "1", TN_ERROR_FORMAT, "__metadata__ has no “step”"},
  };
  g_autofree char *path = g_build_filename (fixture->folder, "a", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
      g_autoptr (GError) error = NULL;

      tn_safetensors_writer_add_metadata (writer, "format", cases[i].format);
      tn_safetensors_writer_add_metadata (writer, "version", cases[i].version);
      g_assert_true (tn_safetensors_writer_write (writer, path, NULL, NULL));
      g_assert_null (tn_checkpoint_file_open (path, &error));
      assert_message (error, cases[i].code, cases[i].needle);
    }
}

/* What does not fit leaves every array as it was. */
static void
test_mismatch (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Run) run = run_new (10);
  g_autofree char *path = write_step (fixture, run, 3);
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_open (path, NULL);
  static const struct
  {
    gboolean other_model, without_large, with_more;
    guint64 n_large;
    TnDtype dtype;
    const char *needle;
  } cases[] = {
      {TRUE, FALSE, FALSE, 10, TN_DTYPE_F32, "another model (fedcba9876543210), expected one of 0000000000000001"},
      {FALSE, TRUE, FALSE, 10, TN_DTYPE_F32, "\"model/large\" belongs to no part of this run"},
      {FALSE, FALSE, TRUE, 10, TN_DTYPE_F32, "\"model/more\" is missing, expected f32 [1]"},
      {FALSE, FALSE, FALSE, 11, TN_DTYPE_F32, "\"model/large\" is f32 [10], expected f32 [11]"},
      {FALSE, FALSE, FALSE, 10, TN_DTYPE_I32, "\"model/large\" is f32 [10], expected i32 [10]"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnCheckpoint *list = tn_checkpoint_new (cases[i].other_model ? 1 : MODEL);
      g_autoptr (Run) other = g_new0 (Run, 1), untouched = g_new0 (Run, 1);
      g_autoptr (GError) error = NULL;

      other->checkpoint = list;
      other->large = g_new0 (float, 11);
      untouched->large = g_new0 (float, 11);
      other->n_large = untouched->n_large = 11;
      add (other, "optimizer/moments", TN_DTYPE_F64, 1, 3, 0, other->moments);
      add (other, "model/weights", TN_DTYPE_F32, 2, 1, WIDTH, other->weights);
      add (other, "optimizer/codes", TN_DTYPE_U8, 1, WIDTH, 0, other->codes);
      add (other, "model/halves", TN_DTYPE_BF16, 1, 5, 0, other->halves);
      add (other, "random/counters", TN_DTYPE_U64, 1, 2, 0, other->counters);
      add (other, "scalar", TN_DTYPE_I32, 0, 0, 0, &other->scalar);
      add (other, "empty", TN_DTYPE_F32, 2, 4, 0, NULL);
      if (!cases[i].without_large)
        add (other, "model/large", cases[i].dtype, 1, cases[i].n_large, 0, other->large);
      if (cases[i].with_more)
        add (other, "model/more", TN_DTYPE_F32, 1, 1, 0, other->large);
      g_assert_false (tn_checkpoint_restore (list, file, &error));
      assert_message (error, TN_ERROR_MISMATCH, cases[i].needle);
      assert_same (other, untouched);
    }
}

static void
test_names (void)
{
  static const char *const wrong[] = {"step-1.checkpoint.safetensors",
                                      "step-000000012.checkpoint.safetensors",
                                      "step-0000001x.checkpoint.safetensors",
                                      "step-.checkpoint.safetensors",
                                      "step-00000001.checkpoint.safetensors.tmp",
                                      "xstep-00000001.checkpoint.safetensors"};
  static const guint64 steps[] = {0, 1, 99999999, 100000000, G_MAXUINT64};
  guint64 step;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autofree char *name = tn_checkpoint_make_name (steps[i]);

      g_assert_true (tn_checkpoint_parse_name (name, &step));
      g_assert_cmpuint (step, ==, steps[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (tn_checkpoint_parse_name (wrong[i], &step));
}

static void
test_latest (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Run) run = run_new (10);
  g_autoptr (TnCheckpointFile) file = NULL;
  g_autoptr (GPtrArray) damaged = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *none = g_build_filename (fixture->folder, "none", NULL), *misnamed = NULL, *contents = NULL, *wrong = NULL;
  gsize bytes;

  g_assert_null (tn_checkpoint_find_latest (none, NULL, &error));
  assert_message (error, TN_ERROR_NOT_FOUND, none);
  g_clear_error (&error);
  g_assert_null (tn_checkpoint_find_latest (fixture->folder, NULL, &error));
  assert_message (error, TN_ERROR_NOT_FOUND, "holds no checkpoint");
  g_clear_error (&error);
  for (guint64 step = 1; step <= 3; step++)
    {
      g_autofree char *path = write_step (fixture, run, step * 100);

      if (step == 3)
        g_assert_cmpint (truncate (path, 500), ==, 0);
      if (step == 2)
        {
          g_assert_true (g_file_get_contents (path, &contents, &bytes, NULL));
          contents[bytes - 1] ^= 1;
          overwrite (path, contents, bytes);
          contents[bytes - 1] ^= 1;
        }
    }
  wrong = tn_checkpoint_make_name (400);
  misnamed = g_build_filename (fixture->folder, wrong, NULL);
  overwrite (misnamed, contents, bytes);
  file = tn_checkpoint_find_latest (fixture->folder, &damaged, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_checkpoint_file_get_step (file), ==, 100);
  g_assert_cmpuint (damaged->len, ==, 3);
  g_assert_nonnull (strstr (g_ptr_array_index (damaged, 0), "holds step 200, expected 400"));
  g_assert_nonnull (strstr (g_ptr_array_index (damaged, 1), "step-00000300"));
  g_assert_nonnull (strstr (g_ptr_array_index (damaged, 2), "is damaged"));
  g_clear_pointer (&file, tn_checkpoint_file_free);
  {
    g_autofree char *path = write_step (fixture, run, 100);

    overwrite (path, "x", 1);
  }
  g_assert_null (tn_checkpoint_find_latest (fixture->folder, NULL, &error));
  assert_message (error, TN_ERROR_NOT_FOUND, "none of 4 checkpoints can be read; the newest: ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/checkpoint/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("round-trip", test_round_trip);
  ADD ("same-file", test_same_file);
  ADD ("fields", test_fields);
  ADD ("damage", test_damage);
  ADD ("swapped", test_swapped);
  ADD ("version", test_version);
  ADD ("mismatch", test_mismatch);
  g_test_add_func ("/checkpoint/names", test_names);
  ADD ("latest", test_latest);
  return g_test_run ();
}
