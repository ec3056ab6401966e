/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/image-set.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/arrays/array-file.h"
#include "engine/error.h"
#include "engine/hash.h"
#include "engine/memory/pool.h"

#define MOST_CLASSES 65536
#define CHUNK ((gsize) 65536)

struct _TnImageSet
{
  gatomicrefcount ref_count;
  guint64 count;
  gsize n_features;
  guint channels, height, width;
  guint n_classes;
  guint8 *bytes;   /* [count, n_features], or */
  float *floats;   /* the same */
  guint16 *labels; /* [count] */
  guint64 fingerprint;
};

static const TnArray *
find_array (TnArrayFile *file, const char *first, const char *second, guint *index, GError **error)
{
  guint n = tn_array_file_n_arrays (file);

  for (*index = 0; *index < n; (*index)++)
    {
      const TnArray *array = tn_array_file_get (file, *index);

      if (n == 1 || strcmp (array->name, first) == 0 || strcmp (array->name, second) == 0)
        return array;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: holds %u arrays, expected one, or “%s” or “%s” among them"),
               tn_array_file_get_path (file), n, first, second);
  return NULL;
}

static gboolean
read_shape (TnImageSet *self, const char *path, const TnArray *array, GError **error)
{
  guint64 features = 1;
  /* IDX files say what a row is made of. */
  guint n_dims = array->n_row_dims > 0 ? array->n_row_dims + 1 : array->n_dims;
  const guint64 *row = array->n_row_dims > 0 ? array->row_shape : array->shape + 1;

  for (guint i = 1; i < n_dims; i++)
    if (!g_uint64_checked_mul (&features, features, row[i - 1]))
      features = 0;
  if (n_dims < 2 || n_dims > 4 || array->shape[0] == 0 || features == 0 || features > G_MAXINT32)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("%s: %s has %u dimensions and %" PRIu64
                      " numbers, expected images [n, height, width], [n, channels, height, width] or rows [n, features]"),
                   path, array->quoted, n_dims, array->count);
      return FALSE;
    }
  self->count = array->shape[0];
  self->n_features = (gsize) features;
  self->channels = n_dims == 4 ? (guint) row[0] : 1;
  self->height = n_dims >= 3 ? (guint) row[n_dims - 3] : 1;
  self->width = (guint) row[n_dims - 2];
  return TRUE;
}

static gboolean
read_images (TnImageSet *self, TnArrayFile *file, GError **error)
{
  guint index;
  const TnArray *array = find_array (file, "x", "images", &index, error);
  g_autoptr (TnArrayStream) stream = NULL;
  g_autofree float *numbers = NULL;

  if (array == NULL || !read_shape (self, tn_array_file_get_path (file), array, error) ||
      (stream = tn_array_stream_new (file, index, error)) == NULL)
    return FALSE;
  if (array->dtype != TN_DTYPE_U8)
    {
      self->floats = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_STATISTICS, array->count, sizeof (float), error);
      if (self->floats == NULL || !tn_array_stream_read (stream, self->floats, array->count, error))
        return FALSE;
      for (guint64 i = 0; i < array->count; i++)
        if (!isfinite (self->floats[i]))
          {
            g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: %s holds a number that is not finite in row %" PRIu64),
                         tn_array_file_get_path (file), array->quoted, i / self->n_features);
            return FALSE;
          }
      self->fingerprint = tn_hash_array (self->floats, array->count * sizeof (float), self->n_features);
      return TRUE;
    }
  self->bytes = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_STATISTICS, array->count, error);
  numbers = g_new (float, CHUNK);
  if (self->bytes == NULL)
    return FALSE;
  for (guint64 first = 0; first < array->count; first += CHUNK)
    {
      gsize n = (gsize) MIN (array->count - first, CHUNK);

      if (!tn_array_stream_read (stream, numbers, n, error))
        return FALSE;
      for (gsize i = 0; i < n; i++)
        self->bytes[first + i] = (guint8) numbers[i];
    }
  self->fingerprint = tn_hash_array (self->bytes, array->count, self->n_features);
  return TRUE;
}

static gboolean
read_labels (TnImageSet *self, TnArrayFile *file, const char *images, GError **error)
{
  const char *path = tn_array_file_get_path (file);
  guint index;
  const TnArray *array = find_array (file, "y", "labels", &index, error);
  g_autoptr (TnArrayStream) stream = NULL;
  g_autofree gint64 *numbers = NULL;

  if (array == NULL)
    return FALSE;
  if (!tn_dtype_is_integer (array->dtype) || array->count != array->shape[0])
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("%s: %s is of type %s with %u dimensions, expected labels: integers in one dimension"), path, array->quoted,
                   tn_dtype_get_name (array->dtype), array->n_dims);
      return FALSE;
    }
  if (array->count != self->count)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s has %" PRIu64 " labels, %s has %" PRIu64 " images"), path,
                   array->count, images, self->count);
      return FALSE;
    }
  if ((stream = tn_array_stream_new (file, index, error)) == NULL)
    return FALSE;
  self->labels = g_new (guint16, self->count);
  numbers = g_new (gint64, CHUNK);
  for (guint64 first = 0; first < self->count; first += CHUNK)
    {
      gsize n = (gsize) MIN (self->count - first, CHUNK);

      if (!tn_array_stream_read_integers (stream, numbers, n, error))
        return FALSE;
      for (gsize i = 0; i < n; i++)
        {
          if (numbers[i] < 0 || numbers[i] >= MOST_CLASSES)
            {
              g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: label %" PRIu64 " is %" PRId64 ", expected 0 to %d"), path,
                           first + i, numbers[i], MOST_CLASSES - 1);
              return FALSE;
            }
          self->labels[first + i] = (guint16) numbers[i];
          self->n_classes = MAX (self->n_classes, (guint) numbers[i] + 1);
        }
    }
  self->fingerprint = tn_hash_combine (self->fingerprint, tn_hash_array (self->labels, self->count * sizeof (guint16), 0));
  return TRUE;
}

TnImageSet *
tn_image_set_open (const char *images, const char *labels, GError **error)
{
  g_autoptr (TnImageSet) self = g_new0 (TnImageSet, 1);
  g_autoptr (TnArrayFile) image_file = NULL, label_file = NULL;

  g_atomic_ref_count_init (&self->ref_count);
  if ((image_file = tn_array_file_open (images, error)) == NULL || !read_images (self, image_file, error))
    return NULL;
  if (labels == NULL && tn_array_file_n_arrays (image_file) == 1)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: holds images alone, expected a file of labels with it"), images);
      return NULL;
    }
  if (labels != NULL && (label_file = tn_array_file_open (labels, error)) == NULL)
    return NULL;
  return read_labels (self, label_file != NULL ? label_file : image_file, images, error) ? g_steal_pointer (&self) : NULL;
}

TnImageSet *
tn_image_set_ref (TnImageSet *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_image_set_unref (TnImageSet *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  tn_pool_release (tn_pool_default (), self->bytes);
  tn_pool_release (tn_pool_default (), self->floats);
  g_free (self->labels);
  g_free (self);
}

guint64
tn_image_set_count (TnImageSet *self)
{
  return self->count;
}

gsize
tn_image_set_n_features (TnImageSet *self)
{
  return self->n_features;
}

void
tn_image_set_get_shape (TnImageSet *self, guint *channels, guint *height, guint *width)
{
  *channels = self->channels;
  *height = self->height;
  *width = self->width;
}

guint
tn_image_set_n_classes (TnImageSet *self)
{
  return self->n_classes;
}

guint
tn_image_set_get_label (TnImageSet *self, guint64 index)
{
  g_return_val_if_fail (index < self->count, 0);

  return self->labels[index];
}

guint64
tn_image_set_fingerprint (TnImageSet *self)
{
  return self->fingerprint;
}

void
tn_image_set_get_image (TnImageSet *self, guint64 index, float *out)
{
  g_return_if_fail (index < self->count);

  if (self->floats != NULL)
    memcpy (out, self->floats + index * self->n_features, self->n_features * sizeof *out);
  else
    for (gsize i = 0; i < self->n_features; i++)
      out[i] = (float) self->bytes[index * self->n_features + i] / 255.0f;
}

/* Of bytes, what their sums say exactly. */
static void
count_bytes (TnImageSet *self, guint64 index, guint64 *sum, guint64 *squares)
{
  const guint8 *bytes = self->bytes + index * self->n_features;

  for (gsize i = 0; i < self->n_features; i++)
    {
      *sum += bytes[i];
      *squares += (guint64) bytes[i] * bytes[i];
    }
}

void
tn_image_set_get_moments (TnImageSet *self, gboolean (*chosen) (guint64 index, gpointer user_data), gpointer user_data,
                          double *mean, double *deviation)
{
  guint64 n = 0, sum = 0, squares = 0;
  double real_sum = 0.0, real_squares = 0.0, scale = self->bytes != NULL ? 255.0 : 1.0;

  for (guint64 i = 0; i < self->count; i++)
    {
      if (chosen != NULL && !chosen (i, user_data))
        continue;
      n += self->n_features;
      if (self->bytes != NULL)
        count_bytes (self, i, &sum, &squares);
      for (gsize k = 0; self->bytes == NULL && k < self->n_features; k++)
        real_sum += (double) self->floats[i * self->n_features + k];
    }
  if (self->bytes != NULL)
    real_sum = (double) sum;
  *mean = n > 0 ? real_sum / (double) n : 0.0;
  for (guint64 i = 0; self->bytes == NULL && i < self->count; i++)
    for (gsize k = 0; (chosen == NULL || chosen (i, user_data)) && k < self->n_features; k++)
      {
        double difference = (double) self->floats[i * self->n_features + k] - *mean;

        real_squares += difference * difference;
      }
  if (self->bytes != NULL)
    real_squares = MAX ((double) squares - real_sum * *mean, 0.0);
  *deviation = n > 0 ? sqrt (real_squares / (double) n) / scale : 0.0;
  *mean /= scale;
}
