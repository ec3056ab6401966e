/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/image-stream.h"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "data/files/npz-writer.h"
#include "engine/error.h"
#include "realdata.h"
#include "tests/data/tokenizer-fixtures.h"

#define HEIGHT 5
#define WIDTH 4
#define FEATURES (HEIGHT * WIDTH)

/* Pixel (i, p) is i * 3 + p + 1, so that images are told apart and zeros come from shifts alone; label i % 7. */
static guint8
pixel (guint image, guint place)
{
  return (guint8) (image * 3 + place + 1);
}

static char *
write_images (const char *name, guint n, guint n_dims)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  const guint8 head[4] = {0, 0, 8, (guint8) n_dims};
  const guint sizes[4] = {n, n_dims == 2 ? FEATURES : n_dims == 3 ? HEIGHT : 1, n_dims == 3 ? WIDTH : HEIGHT, WIDTH};

  g_byte_array_append (file, head, 4);
  for (guint i = 0; i < n_dims; i++)
    g_byte_array_append (file, (const guint8[]){0, 0, (guint8) (sizes[i] >> 8), (guint8) sizes[i]}, 4);
  for (guint i = 0; i < n; i++)
    for (guint p = 0; p < FEATURES; p++)
      g_byte_array_append (file, (const guint8[]){pixel (i, p)}, 1);
  return fixture_write (name, file->data, file->len);
}

static char *
write_labels (const char *name, guint n)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();

  g_byte_array_append (file, (const guint8[]){0, 0, 8, 1, 0, 0, (guint8) (n >> 8), (guint8) n}, 8);
  for (guint i = 0; i < n; i++)
    g_byte_array_append (file, (const guint8[]){(guint8) (i % 7)}, 1);
  return fixture_write (name, file->data, file->len);
}

static TnImageSet *
open_set (guint n)
{
  g_autofree char *images = write_images ("images", n, 3), *labels = write_labels ("labels", n);
  g_autoptr (GError) error = NULL;
  TnImageSet *set = tn_image_set_open (images, labels, &error);

  g_assert_no_error (error);
  return set;
}

/* Which image it is, by its first pixel. */
static guint
number_of (const float *image)
{
  return ((guint) lrintf (image[0] * 255.0f) - 1) / 3;
}

static void
test_set (void)
{
  static const guint shapes[3][3] = {{1, 1, FEATURES}, {1, HEIGHT, WIDTH}, {1, HEIGHT, WIDTH}};
  guint64 fingerprints[3];

  for (guint n_dims = 2; n_dims <= 4; n_dims++)
    {
      g_autofree char *images = write_images ("images", 9, n_dims), *labels = write_labels ("labels", 9);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnImageSet) set = tn_image_set_open (images, labels, &error);
      guint channels, height, width;
      float image[FEATURES];

      g_assert_no_error (error);
      tn_image_set_get_shape (set, &channels, &height, &width);
      g_assert_cmpuint (channels, ==, shapes[n_dims - 2][0]);
      g_assert_cmpuint (height, ==, shapes[n_dims - 2][1]);
      g_assert_cmpuint (width, ==, shapes[n_dims - 2][2]);
      g_assert_cmpuint (tn_image_set_count (set), ==, 9);
      g_assert_cmpuint (tn_image_set_n_features (set), ==, FEATURES);
      g_assert_cmpuint (tn_image_set_n_classes (set), ==, 7);
      for (guint i = 0; i < 9; i++)
        {
          tn_image_set_get_image (set, i, image);
          g_assert_cmpuint (tn_image_set_get_label (set, i), ==, i % 7);
          for (guint p = 0; p < FEATURES; p++)
            g_assert_cmpfloat (image[p], ==, (float) pixel (i, p) / 255.0f);
        }
      fingerprints[n_dims - 2] = tn_image_set_fingerprint (set);
    }
  g_assert_cmpuint (fingerprints[0], ==, fingerprints[1]);
}

/* float32 in one npz, under the names of keras. */
static void
test_npz (void)
{
  g_autofree char *path = fixture_path ("set.npz");
  TnNpzWriter *writer = tn_npz_writer_new ();
  float *x = g_new (float, 2 * 3 * 4 * 2);
  gint64 *y = g_new (gint64, 2);
  g_autoptr (TnImageSet) set = NULL;
  g_autoptr (GError) error = NULL;
  guint channels, height, width;
  double mean, deviation;
  float image[24];

  for (guint i = 0; i < 48; i++)
    x[i] = (float) i - 3.5f;
  y[0] = 4;
  y[1] = 0;
  tn_npz_writer_take (writer, "y", "<i8", 8, 1, (const guint64[]){2}, y);
  tn_npz_writer_take (writer, "other", "<i8", 8, 1, (const guint64[]){1}, g_new0 (gint64, 1));
  tn_npz_writer_take (writer, "x", "<f4", 4, 4, (const guint64[]){2, 3, 4, 2}, x);
  g_assert_true (tn_npz_writer_write (writer, path, NULL, NULL));
  tn_npz_writer_free (writer);
  set = tn_image_set_open (path, NULL, &error);
  g_assert_no_error (error);
  tn_image_set_get_shape (set, &channels, &height, &width);
  g_assert_cmpuint (channels, ==, 3);
  g_assert_cmpuint (height, ==, 4);
  g_assert_cmpuint (width, ==, 2);
  g_assert_cmpuint (tn_image_set_n_classes (set), ==, 5);
  tn_image_set_get_image (set, 1, image);
  g_assert_cmpfloat (image[23], ==, 43.5f);
  tn_image_set_get_moments (set, NULL, NULL, &mean, &deviation);
  g_assert_cmpfloat (mean, ==, 20.0);
  g_assert_cmpfloat_with_epsilon (deviation, sqrt ((48.0 * 48.0 - 1.0) / 12.0), 1e-12);
}

static void
assert_fails (const char *images, const char *labels, TnErrorCode code, const char *needle)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_image_set_open (images, labels, &error));
  g_assert_error (error, TN_ERROR, (gint) code);
  if (strstr (error->message, needle) == NULL)
    g_error ("“%s” is not in “%s”", needle, error->message);
}

static void
test_set_fails (void)
{
  g_autofree char *images = write_images ("images", 9, 3), *labels = write_labels ("labels", 9), *few = write_labels ("few", 8);

  assert_fails (images, few, TN_ERROR_MISMATCH, "8 labels");
  assert_fails (images, NULL, TN_ERROR_ARGUMENT, "holds images alone");
  assert_fails (labels, labels, TN_ERROR_DATA, "has 1 dimensions and 9 numbers");
  assert_fails (images, images, TN_ERROR_DATA, "expected labels");
  assert_fails ("/nonexistent/images", labels, TN_ERROR_NOT_FOUND, "/nonexistent/images");
}

/* Every training image once an epoch, none of those held out, and batches go across the end of one. */
static void
test_epochs (void)
{
  for (guint hold_out = TN_IMAGE_HOLD_LAST; hold_out <= TN_IMAGE_HOLD_HASH; hold_out++)
    {
      g_autoptr (TnImageSet) set = open_set (53);
      TnImageStreamOptions options = {.batch_size = 6, .seed = 1, .n_validation = 10, .hold_out = hold_out};
      g_autoptr (TnImageStream) stream = tn_image_stream_new (set, &options, NULL);
      float images[6 * FEATURES];
      gint32 labels[6];
      guint seen[53] = {0}, held[53] = {0}, drawn = 0, n_held = 0, first[43], same = 0;

      g_assert_cmpuint (tn_image_stream_epoch_images (stream), ==, 43);
      g_assert_cmpuint (tn_image_stream_n_validation_batches (stream), ==, 2);
      for (guint b = 0; b < 2; b++)
        {
          tn_image_stream_fill_validation (stream, b, images, labels);
          for (guint i = 0; i < 6; i++)
            if (labels[i] >= 0)
              {
                held[number_of (images + i * FEATURES)]++;
                n_held++;
                g_assert_cmpint (labels[i], ==, number_of (images + i * FEATURES) % 7);
              }
            else
              g_assert_cmpfloat (images[i * FEATURES], ==, 0.0f);
        }
      g_assert_cmpuint (n_held, ==, 10);
      for (guint i = 0; hold_out == TN_IMAGE_HOLD_LAST && i < 53; i++)
        g_assert_cmpuint (held[i], ==, i >= 43);
      while (drawn < 3 * 43)
        {
          tn_image_stream_fill (stream, images, labels);
          for (guint i = 0; i < 6; i++, drawn++)
            {
              guint number = number_of (images + i * FEATURES);

              if (drawn % 43 == 0)
                memset (seen, 0, sizeof seen);
              if (drawn < 43)
                first[drawn] = number;
              else if (drawn < 2 * 43)
                same += first[drawn - 43] == number;
              g_assert_cmpuint (seen[number]++, ==, 0);
              g_assert_cmpuint (held[number], ==, 0);
              g_assert_cmpint (labels[i], ==, number % 7);
            }
          g_assert_cmpuint (tn_image_stream_images_seen (stream), ==, drawn);
        }
      g_assert_cmpuint (same, <, 10);
    }
}

static void
test_resume (void)
{
  g_autoptr (TnImageSet) set = open_set (53);
  TnImageStreamOptions options = {.batch_size = 4, .seed = 1, .n_validation = 3, .most_shift = 2, .standardized = TRUE};
  g_autoptr (TnImageStream) stream = tn_image_stream_new (set, &options, NULL);
  static float images[40][4 * FEATURES], again[4 * FEATURES];
  gint32 labels[40][4], again_labels[4];
  TnStreamPosition positions[40];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 40; i++)
    {
      positions[i] = tn_image_stream_get_position (stream);
      tn_image_stream_fill (stream, images[i], labels[i]);
    }
  for (guint i = 0; i < 40; i += 3)
    {
      g_autoptr (TnImageStream) resumed = tn_image_stream_new (set, &options, NULL);

      g_assert_true (tn_image_stream_set_position (resumed, positions[i], NULL));
      for (guint k = i; k < 40; k++)
        {
          tn_image_stream_fill (resumed, again, again_labels);
          g_assert_cmpmem (again, sizeof again, images[k], sizeof again);
          g_assert_cmpmem (again_labels, sizeof again_labels, labels[k], sizeof again_labels);
        }
    }
  g_assert_false (tn_image_stream_set_position (stream, (TnStreamPosition){.index = 50}, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
}

/* Each drawn image is its image moved by one of the 25 shifts, and all of them come. */
static void
test_shifts (void)
{
  g_autoptr (TnImageSet) set = open_set (11);
  const TnImageStreamOptions options = {.batch_size = 11, .seed = 9, .most_shift = 2};
  g_autoptr (TnImageStream) stream = tn_image_stream_new (set, &options, NULL);
  guint counts[5][5] = {{0}};

  for (guint step = 0; step < 60; step++)
    {
      float images[11 * FEATURES], image[FEATURES];
      gint32 labels[11];

      tn_image_stream_fill (stream, images, labels);
      for (guint i = 0; i < 11; i++)
        {
          guint matches = 0;

          for (guint64 index = 0; index < 11; index++)
            for (int down = -2; down <= 2; down++)
              for (int right = -2; right <= 2; right++)
                {
                  gboolean same = (guint) labels[i] == tn_image_set_get_label (set, index);

                  tn_image_set_get_image (set, index, image);
                  for (int y = 0; same && y < HEIGHT; y++)
                    for (int x = 0; same && x < WIDTH; x++)
                      {
                        gboolean inside = y - down >= 0 && y - down < HEIGHT && x - right >= 0 && x - right < WIDTH;

                        same = images[i * FEATURES + (guint) (y * WIDTH + x)] ==
                               (inside ? image[(y - down) * WIDTH + x - right] : 0.0f);
                      }
                  matches += same;
                  if (same)
                    counts[down + 2][right + 2]++;
                }
          g_assert_cmpuint (matches, ==, 1);
        }
    }
  for (guint i = 0; i < 25; i++)
    g_assert_cmpuint (counts[i / 5][i % 5], >, 5);
}

static void
test_scaling (void)
{
  g_autoptr (TnImageSet) set = open_set (20);
  const TnImageStreamOptions options = {.batch_size = 5, .n_validation = 10, .standardized = TRUE};
  const TnImageStreamOptions given = {.batch_size = 3, .mean = 0.5, .deviation = 0.25};
  g_autoptr (TnImageStream) stream = tn_image_stream_new (set, &options, NULL), other = tn_image_stream_new (set, &given, NULL);
  double sum = 0.0, squares = 0.0, mean, deviation, expected = 0.0, expected_squares = 0.0;
  float images[5 * FEATURES], image[FEATURES];
  gint32 labels[5];

  for (guint i = 0; i < 10; i++)
    for (guint p = 0; p < FEATURES; p++)
      {
        expected += pixel (i, p) / 255.0 / 200.0;
        expected_squares += pixel (i, p) / 255.0 * pixel (i, p) / 255.0 / 200.0;
      }
  tn_image_stream_get_scaling (stream, &mean, &deviation);
  g_assert_cmpfloat_with_epsilon (mean, expected, 1e-12);
  g_assert_cmpfloat_with_epsilon (deviation, sqrt (expected_squares - expected * expected), 1e-9);
  for (guint b = 0; b < 2; b++)
    {
      tn_image_stream_fill (stream, images, labels);
      for (guint i = 0; i < 5 * FEATURES; i++)
        {
          sum += (double) images[i];
          squares += (double) images[i] * (double) images[i];
        }
    }
  g_assert_cmpfloat_with_epsilon (sum / 200.0, 0.0, 1e-6);
  g_assert_cmpfloat_with_epsilon (squares / 200.0, 1.0, 1e-6);
  tn_image_stream_fill_from (other, set, 18, images, labels);
  tn_image_set_get_image (set, 18, image);
  g_assert_cmpfloat_with_epsilon (images[7], (image[7] - 0.5f) / 0.25f, 1e-6);
  g_assert_cmpint (labels[0], ==, 18 % 7);
  g_assert_cmpint (labels[1], ==, 19 % 7);
  g_assert_cmpint (labels[2], ==, -1);
}

static void
test_options_fail (void)
{
  g_autoptr (TnImageSet) set = open_set (20);
  const TnImageStreamOptions all_held = {.batch_size = 5, .n_validation = 20}, far = {.batch_size = 5, .most_shift = 4};
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_image_stream_new (set, &all_held, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (tn_image_stream_new (set, &far, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
}

/* The known moments of MNIST's training images, and how many of each digit there are. */
static void
test_mnist (void)
{
  g_autofree char *images = tn_test_realdata ("mnist/train-images-idx3-ubyte.gz"),
                  *labels = tn_test_realdata ("mnist/train-labels-idx1-ubyte.gz");
  g_autoptr (TnImageSet) set = NULL;
  g_autoptr (GError) error = NULL;
  guint channels, height, width, counts[10] = {0};
  double mean, deviation;

  if (images == NULL || labels == NULL)
    return;
  set = tn_image_set_open (images, labels, &error);
  g_assert_no_error (error);
  tn_image_set_get_shape (set, &channels, &height, &width);
  tn_image_set_get_moments (set, NULL, NULL, &mean, &deviation);
  g_assert_cmpuint (tn_image_set_count (set), ==, 60000);
  g_assert_cmpuint (height, ==, 28);
  g_assert_cmpuint (width, ==, 28);
  g_assert_cmpfloat_with_epsilon (mean, 0.1307, 5e-5);
  g_assert_cmpfloat_with_epsilon (deviation, 0.3081, 5e-5);
  for (guint i = 0; i < 60000; i++)
    counts[tn_image_set_get_label (set, i)]++;
  g_assert_cmpuint (counts[0], ==, 5923);
  g_assert_cmpuint (counts[1], ==, 6742);
  g_assert_cmpuint (counts[9], ==, 5949);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image-stream/set", test_set);
  g_test_add_func ("/image-stream/npz", test_npz);
  g_test_add_func ("/image-stream/set-fails", test_set_fails);
  g_test_add_func ("/image-stream/epochs", test_epochs);
  g_test_add_func ("/image-stream/resume", test_resume);
  g_test_add_func ("/image-stream/shifts", test_shifts);
  g_test_add_func ("/image-stream/scaling", test_scaling);
  g_test_add_func ("/image-stream/options-fail", test_options_fail);
  g_test_add_func ("/image-stream/mnist", test_mnist);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
