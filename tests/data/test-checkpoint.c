/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/checkpoint.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "data/files/safetensors-writer.h"
#include "data/training/checkpoint-writer.h"
#include "data/training/stream-position.h"
#include "engine/error.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

#define MODEL G_GUINT64_CONSTANT (0xfedcba9876543210)
#define WIDTH 1031
/* Of the large array: several pieces to copy. */
#define LARGE ((gsize) 700001)

static const char *program;

typedef struct
{
  char *folder;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = g_dir_make_tmp ("ternion-checkpoint-XXXXXX", NULL);
  g_assert_nonnull (self->folder);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_autoptr (GDir) entries = g_dir_open (self->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->folder, name, NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->folder);
}

/* What a run trains: arrays of every width, an empty one and a scalar; what is in them follows from the step. */
typedef struct
{
  float weights[WIDTH];
  double moments[3];
  guint8 codes[WIDTH];
  guint16 halves[5];
  guint64 counters[2];
  gint32 scalar;
  float *large;
  gsize n_large;
  TnCheckpoint *checkpoint;
} Run;

static void
fill (void *data, gsize bytes, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, "bytes");

  for (gsize i = 0; i < bytes; i++)
    ((guint8 *) data)[i] = (guint8) tn_random_next (&random);
}

static void
run_set_step (Run *self, guint64 step)
{
  fill (self->weights, sizeof self->weights, step);
  fill (self->moments, sizeof self->moments, step + 1);
  fill (self->codes, sizeof self->codes, step + 2);
  fill (self->halves, sizeof self->halves, step + 3);
  fill (self->counters, sizeof self->counters, step + 4);
  fill (&self->scalar, sizeof self->scalar, step + 5);
  for (gsize i = 0; i < self->n_large; i++)
    self->large[i] = (float) (step * 7 + i);
  tn_checkpoint_set_step (self->checkpoint, step);
  tn_checkpoint_set_count (self->checkpoint, "epoch", step / 10);
}

static void
add (Run *self, const char *name, TnDtype dtype, guint n_dims, guint64 a, guint64 b, void *data)
{
  g_autoptr (GError) error = NULL;

  tn_checkpoint_add_array (self->checkpoint, name, dtype, n_dims, (const guint64[]){a, b}, data, &error);
  g_assert_no_error (error);
}

static Run *
run_new (gsize n_large)
{
  Run *self = g_new0 (Run, 1);

  self->checkpoint = tn_checkpoint_new (MODEL);
  self->n_large = n_large;
  self->large = g_new0 (float, n_large);
  add (self, "optimizer/moments", TN_DTYPE_F64, 1, 3, 0, self->moments);
  add (self, "model/weights", TN_DTYPE_F32, 2, 1, WIDTH, self->weights);
  add (self, "optimizer/codes", TN_DTYPE_U8, 1, WIDTH, 0, self->codes);
  add (self, "model/halves", TN_DTYPE_BF16, 1, 5, 0, self->halves);
  add (self, "random/counters", TN_DTYPE_U64, 1, 2, 0, self->counters);
  add (self, "scalar", TN_DTYPE_I32, 0, 0, 0, &self->scalar);
  add (self, "empty", TN_DTYPE_F32, 2, 4, 0, NULL);
  add (self, "model/large", TN_DTYPE_F32, 1, n_large, 0, self->large);
  return self;
}

static void
run_free (Run *self)
{
  tn_checkpoint_free (self->checkpoint);
  g_free (self->large);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_free)

static void
assert_same (const Run *a, const Run *b)
{
  g_assert_cmpmem (a, offsetof (Run, large), b, offsetof (Run, large));
  g_assert_cmpmem (a->large, a->n_large * sizeof (float), b->large, b->n_large * sizeof (float));
}

static char *
write_step (Fixture *fixture, Run *run, guint64 step)
{
  g_autofree char *name = tn_checkpoint_make_name (step);
  char *path = g_build_filename (fixture->folder, name, NULL);
  g_autoptr (GError) error = NULL;

  run_set_step (run, step);
  tn_checkpoint_write (run->checkpoint, path, NULL, &error);
  g_assert_no_error (error);
  return path;
}

static void
assert_message (const GError *error, gint code, const char *needle)
{
  g_assert_error (error, TN_ERROR, code);
  if (strstr (error->message, needle) == NULL || strchr (error->message, '\n') != NULL)
    g_error ("“%s” is not in “%s”", needle, error->message);
}

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

static void
test_position (Fixture *fixture, gconstpointer data)
{
  const TnStreamPosition position = {.epoch = 3, .index = 41};
  TnStreamPosition restored = {.epoch = 9, .index = 9};
  g_autoptr (Run) run = run_new (1);
  g_autoptr (TnCheckpointFile) file = NULL, without = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = write_step (fixture, run, 1), *second = NULL;

  without = tn_checkpoint_file_open (path, NULL);
  g_assert_false (tn_stream_position_load (&restored, G_MAXUINT64, without, &error));
  assert_message (error, TN_ERROR_FORMAT, "“data_fingerprint” is absent");
  g_clear_error (&error);
  tn_stream_position_save (position, G_MAXUINT64, run->checkpoint);
  second = write_step (fixture, run, 2);
  file = tn_checkpoint_file_open (second, NULL);
  g_assert_false (tn_stream_position_load (&restored, 7, file, &error));
  assert_message (error, TN_ERROR_MISMATCH, "other data (ffffffffffffffff)");
  g_assert_cmpuint (restored.epoch, ==, 9);
  g_assert_true (tn_stream_position_load (&restored, G_MAXUINT64, file, NULL));
  g_assert_cmpmem (&restored, sizeof restored, &position, sizeof position);
}

static void
overwrite (const char *path, const void *data, gsize bytes)
{
  int file = g_open (path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0666);

  g_assert_cmpint (write (file, data, bytes), ==, bytes);
  close (file);
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

static void
on_event (gpointer user_data, const char *kind, const char *text)
{
  g_string_append_printf (user_data, "%s: %s\n", kind, text);
}

static void
assert_folder (Fixture *fixture, const char *expected)
{
  g_autoptr (GArray) steps = tn_checkpoint_list (fixture->folder, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GDir) folder = g_dir_open (fixture->folder, 0, NULL);
  guint n_files = 0;

  for (guint i = 0; i < steps->len; i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "", g_array_index (steps, guint64, i));
  g_assert_cmpstr (text->str, ==, expected);
  while (g_dir_read_name (folder) != NULL)
    n_files++;
  g_assert_cmpuint (n_files, ==, steps->len);
}

/* Arrays go on changing while their copies are written. */
static void
test_writer (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_last = 2, .keep_every = 40, .keep_best = TRUE};
  static const double losses[] = {5.0, 3.0, 4.0, 3.5, 3.2, 3.3, (double) NAN, 3.1, 3.4};
  g_autoptr (TnCheckpointWriter) writer = NULL;
  g_autoptr (Run) run = run_new (LARGE), restored = run_new (LARGE);
  g_autoptr (GString) log = g_string_new (NULL);
  const TnListener listener = {.event = on_event, .user_data = log};
  g_autofree char *folder = g_build_filename (fixture->folder, "runs", NULL);
  g_autoptr (TnCheckpointFile) file = NULL;
  g_autoptr (GError) error = NULL;
  Fixture inside = {folder};

  writer = tn_checkpoint_writer_new (folder, &retention, TN_CHECKPOINT_ANY_COPY, &error);
  g_assert_no_error (error);
  g_assert_null (tn_checkpoint_writer_get_last (writer));
  g_assert_null (tn_checkpoint_writer_get_best (writer));
  for (guint64 i = 0; i < G_N_ELEMENTS (losses); i++)
    {
      run_set_step (run, (i + 1) * 10);
      tn_checkpoint_set_number (run->checkpoint, TN_CHECKPOINT_VALIDATION, losses[i]);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
      run_set_step (run, 1000 + i);
    }
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, &error));
  g_assert_cmpstr (log->str, ==, "");
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->written, ==, 9);
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->removed, ==, 5);
  assert_folder (&inside, "20 40 80 90");
  g_assert_true (g_str_has_suffix (tn_checkpoint_writer_get_best (writer), "/step-00000020.checkpoint.safetensors"));
  g_assert_true (g_str_has_suffix (tn_checkpoint_writer_get_last (writer), "/step-00000090.checkpoint.safetensors"));
  file = tn_checkpoint_find_latest (folder, NULL, &error);
  g_assert_no_error (error);
  run_set_step (run, 90);
  g_assert_true (tn_checkpoint_restore (restored->checkpoint, file, NULL));
  assert_same (run, restored);
  tear_down (&(Fixture){g_steal_pointer (&folder)}, NULL);
}

/* A writer that comes later knows which one was best, and leaves alone what is damaged or of a later step. */
static void
test_writer_goes_on (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_best = TRUE};
  g_autoptr (Run) run = run_new (10);
  g_autoptr (TnCheckpointWriter) writer = NULL;
  g_autofree char *damaged = NULL, *best = NULL, *later = NULL;

  tn_checkpoint_set_number (run->checkpoint, TN_CHECKPOINT_VALIDATION, 1.0);
  best = write_step (fixture, run, 1);
  tn_checkpoint_set_number (run->checkpoint, TN_CHECKPOINT_VALIDATION, 2.0);
  g_free (write_step (fixture, run, 2));
  damaged = write_step (fixture, run, 3);
  later = write_step (fixture, run, 50);
  g_assert_cmpint (truncate (damaged, 100), ==, 0);
  writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_assert_cmpstr (tn_checkpoint_writer_get_best (writer), ==, best);
  g_assert_cmpstr (tn_checkpoint_writer_get_last (writer), ==, later);
  for (guint64 step = 4; step < 7; step++)
    {
      run_set_step (run, step);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, NULL));
    }
  g_assert_true (tn_checkpoint_writer_finish (writer, NULL, NULL));
  assert_folder (fixture, "1 3 6 50");
}

/* One in flight: the next is left out, and says so once. */
static void
test_skipped (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_last = 10};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_autoptr (Run) run = run_new ((gsize) 8 << 20);
  g_autoptr (GString) log = g_string_new (NULL);
  const TnListener listener = {.event = on_event, .user_data = log};

  for (guint64 step = 1; step <= 3; step++)
    {
      tn_checkpoint_set_step (run->checkpoint, step);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, FALSE, &listener) == (step == 1));
    }
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, NULL));
  g_assert_false (tn_checkpoint_writer_collect (writer, &listener));
  g_assert_cmpstr (log->str, ==, "info: the checkpoint of step 2 is left out: that of step 1 is still being written\n");
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->skipped, ==, 2);
  assert_folder (fixture, "1");
}

/* A full disk: the run is told and goes on, the last good one stays, and later ones are written again. */
static void
check_full_disk (Fixture *fixture, gsize copy_bytes)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, copy_bytes, NULL);
  g_autoptr (Run) run = run_new (LARGE);
  g_autoptr (GString) log = g_string_new (NULL);
  const TnListener listener = {.event = on_event, .user_data = log};
  g_autoptr (GError) error = NULL;
  struct rlimit old, limit;

  run_set_step (run, 1);
  g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, NULL));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = 1000000;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  for (guint64 step = 2; step <= 3; step++)
    {
      run_set_step (run, step);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
      /* Without a copy submit() has found out itself. */
      while (copy_bytes > 0 && !tn_checkpoint_writer_collect (writer, &listener))
        g_usleep (1000);
    }
  g_assert_false (tn_checkpoint_writer_finish (writer, &listener, &error));
  assert_message (error, TN_ERROR_IO, "step-00000003");
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  assert_folder (fixture, "1");
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->failed, ==, 2);
  g_assert_true (g_str_has_prefix (log->str, "warning: the checkpoint of step 2 was not written: "));
  g_string_truncate (log, 0);
  run_set_step (run, 4);
  g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, NULL));
  g_assert_cmpstr (log->str, ==, "info: the checkpoint of step 4 was written: checkpoints are kept again\n");
  assert_folder (fixture, "4");
}

static void
test_full_disk (Fixture *fixture, gconstpointer data)
{
  check_full_disk (fixture, TN_CHECKPOINT_ANY_COPY);
}

static void
test_full_disk_uncopied (Fixture *fixture, gconstpointer data)
{
  check_full_disk (fixture, 0);
}

/* No room for a copy, or none is wanted: what is in the file is what the arrays held then. */
static void
check_uncopied (Fixture *fixture, gsize copy_bytes, gsize room)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, copy_bytes, NULL);
  g_autoptr (Run) run = run_new (LARGE), restored = run_new (LARGE);
  TnPool *pool = tn_pool_default ();
  gsize before = tn_pool_get_total (pool);

  for (guint64 step = 1; step <= 3; step++)
    {
      g_autoptr (TnCheckpointFile) file = NULL;

      run_set_step (run, step);
      tn_pool_set_budget (pool, room > 0 ? before + room : 0);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, NULL));
      g_assert_cmpuint (tn_pool_get_total (pool), ==, before);
      tn_pool_set_budget (pool, 0);
      run_set_step (run, 100);
      g_assert_true (tn_checkpoint_writer_finish (writer, NULL, NULL));
      g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->uncopied, ==, step);
      file = tn_checkpoint_find_latest (fixture->folder, NULL, NULL);
      g_assert_cmpuint (tn_checkpoint_file_get_step (file), ==, step);
      run_set_step (run, step);
      g_assert_true (tn_checkpoint_restore (restored->checkpoint, file, NULL));
      assert_same (run, restored);
    }
  assert_folder (fixture, "3");
}

static void
test_no_memory (Fixture *fixture, gconstpointer data)
{
  check_uncopied (fixture, TN_CHECKPOINT_ANY_COPY, 100000);
}

static void
test_uncopied (Fixture *fixture, gconstpointer data)
{
  check_uncopied (fixture, LARGE * sizeof (float), 0);
}

/* The copies are given back. */
static void
test_memory (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  TnCheckpointWriter *writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_autoptr (Run) run = run_new (LARGE);
  gsize before = tn_pool_get_total (tn_pool_default ());

  run_set_step (run, 1);
  g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, FALSE, NULL));
  g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), >=, before + LARGE * sizeof (float));
  tn_checkpoint_writer_free (writer);
  g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), ==, before);
  assert_folder (fixture, "1");
}

/* What the process of test_killed() does: goes on from the latest one, for ever. */
static int
write_for_ever (const char *folder)
{
  const TnCheckpointRetention retention = {.keep_last = 2};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_find_latest (folder, NULL, NULL);
  g_autoptr (Run) run = run_new (LARGE);
  guint64 step = file != NULL ? tn_checkpoint_file_get_step (file) : 0;

  do
    run_set_step (run, ++step);
  while (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, NULL));
  return 1;
}

/* At whatever moment a run is killed: its newest checkpoint is whole, and no newer one is damaged. */
static void
test_killed (Fixture *fixture, gconstpointer data)
{
  TnRandom random = tn_random_stream (3, "moments");
  g_autoptr (Run) expected = run_new (LARGE), restored = run_new (LARGE);
  guint64 reached = 0;

  for (guint round = 0; round < 20; round++)
    {
      const char *const arguments[] = {program, "--write-for-ever", fixture->folder, NULL};
      g_autoptr (TnCheckpointFile) file = NULL;
      g_autoptr (GPtrArray) damaged = NULL;
      g_autoptr (GError) error = NULL;
      GPid process;

      g_spawn_async (NULL, (char **) arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &process, &error);
      g_assert_no_error (error);
      for (gboolean more = FALSE; !more;)
        {
          g_autoptr (GArray) steps = tn_checkpoint_list (fixture->folder, NULL);

          more = steps->len > 0 && g_array_index (steps, guint64, steps->len - 1) > reached;
          g_usleep (500);
        }
      g_usleep (tn_random_below (&random, 40000));
      g_assert_cmpint (kill (process, SIGKILL), ==, 0);
      g_assert_cmpint (waitpid (process, NULL, 0), ==, process);
      file = tn_checkpoint_find_latest (fixture->folder, &damaged, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (damaged->len, ==, 0);
      g_assert_cmpuint (tn_checkpoint_file_get_step (file), >, reached);
      reached = tn_checkpoint_file_get_step (file);
      run_set_step (expected, reached);
      g_assert_true (tn_checkpoint_restore (restored->checkpoint, file, NULL));
      assert_same (expected, restored);
    }
  {
    /* What the killed ones left behind is swept by the next. */
    const TnCheckpointRetention retention = {.keep_last = 1};
    g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
    g_autofree char *last = g_strdup_printf ("%" G_GUINT64_FORMAT, reached + 1);

    run_set_step (expected, reached + 1);
    g_assert_true (tn_checkpoint_writer_submit (writer, expected->checkpoint, TRUE, NULL));
    g_assert_true (tn_checkpoint_writer_finish (writer, NULL, NULL));
    assert_folder (fixture, last);
  }
}

static void
test_folder_fails (Fixture *fixture, gconstpointer data)
{
  g_autofree char *file = g_build_filename (fixture->folder, "file", NULL), *folder = g_build_filename (file, "runs", NULL);
  const TnCheckpointRetention retention = {.keep_last = 1};
  g_autoptr (GError) error = NULL;

  overwrite (file, "x", 1);
  g_assert_null (tn_checkpoint_writer_new (folder, &retention, TN_CHECKPOINT_ANY_COPY, &error));
  assert_message (error, TN_ERROR_IO, folder);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--write-for-ever") == 0)
    return write_for_ever (argv[2]);
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/checkpoint/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("killed", test_killed);
  ADD ("round-trip", test_round_trip);
  ADD ("same-file", test_same_file);
  ADD ("fields", test_fields);
  ADD ("position", test_position);
  ADD ("damage", test_damage);
  ADD ("version", test_version);
  ADD ("mismatch", test_mismatch);
  g_test_add_func ("/checkpoint/names", test_names);
  ADD ("latest", test_latest);
  ADD ("writer", test_writer);
  ADD ("writer-goes-on", test_writer_goes_on);
  ADD ("skipped", test_skipped);
  ADD ("full-disk", test_full_disk);
  ADD ("full-disk-uncopied", test_full_disk_uncopied);
  ADD ("no-memory", test_no_memory);
  ADD ("uncopied", test_uncopied);
  ADD ("memory", test_memory);
  ADD ("folder-fails", test_folder_fails);
  return g_test_run ();
}
