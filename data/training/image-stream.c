/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/image-stream.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/training/permutation.h"
#include "engine/error.h"
#include "engine/hash.h"
#include "engine/random.h"

struct _TnImageStream
{
  TnImageSet *set;
  TnImageStreamOptions options;
  TnRandom orders, shifts; /* of the epochs */
  guint64 n_training;
  guint32 *indices;       /* [count]: training images ascending, then those held out ascending; NULL: as they lie */
  double mean, deviation; /* 0 and 1: images stay as they are */
  TnStreamPosition position;
  float *image; /* one, before it is shifted */
};

typedef struct
{
  guint64 hash;
  guint32 index;
} Ranked;

static int
compare_ranked (gconstpointer a, gconstpointer b)
{
  const Ranked *first = a, *second = b;

  if (first->hash != second->hash)
    return first->hash < second->hash ? -1 : 1;
  return (first->index > second->index) - (first->index < second->index);
}

static int
compare_indices (gconstpointer a, gconstpointer b)
{
  guint32 first = *(const guint32 *) a, second = *(const guint32 *) b;

  return (first > second) - (first < second);
}

static guint32 *
hold_out_by_hash (guint64 count, guint64 n_training)
{
  g_autofree Ranked *ranked = g_new (Ranked, count);
  guint32 *indices = g_new (guint32, count);

  for (guint64 i = 0; i < count; i++)
    ranked[i] = (Ranked){.hash = tn_hash_combine (count, i), .index = (guint32) i};
  qsort (ranked, count, sizeof *ranked, compare_ranked);
  for (guint64 i = 0; i < count; i++)
    indices[i] = ranked[count - 1 - i].index;
  qsort (indices, n_training, sizeof *indices, compare_indices);
  qsort (indices + n_training, count - n_training, sizeof *indices, compare_indices);
  return indices;
}

static guint64
image_at (const TnImageStream *self, guint64 place)
{
  return self->indices != NULL ? self->indices[place] : place;
}

static gboolean
check_options (TnImageSet *set, const TnImageStreamOptions *options, GError **error)
{
  guint64 count = tn_image_set_count (set);
  guint channels, height, width;

  tn_image_set_get_shape (set, &channels, &height, &width);
  if (options->n_validation >= count || count > G_MAXUINT32)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("%" PRIu64 " images for validation, expected fewer than the %" PRIu64 " there are"), options->n_validation,
                   count);
      return FALSE;
    }
  if (options->most_shift > 0 && options->most_shift >= MIN (height, width))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("shifts of up to %u pixels, expected fewer than images of %u × %u have"), options->most_shift, height,
                   width);
      return FALSE;
    }
  return TRUE;
}

static gboolean
is_training (guint64 index, gpointer user_data)
{
  return ((const guint8 *) user_data)[index];
}

static gboolean
measure (TnImageStream *self, GError **error)
{
  g_autofree guint8 *training = g_new0 (guint8, tn_image_set_count (self->set));

  self->deviation = 1.0;
  if (self->options.standardized)
    {
      for (guint64 i = 0; i < self->n_training; i++)
        training[image_at (self, i)] = TRUE;
      tn_image_set_get_moments (self->set, is_training, training, &self->mean, &self->deviation);
    }
  else if (self->options.deviation > 0.0)
    {
      self->mean = self->options.mean;
      self->deviation = self->options.deviation;
    }
  if (self->deviation > 0.0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("all numbers of the training images are %g: they cannot be standardized"),
               self->mean);
  return FALSE;
}

TnImageStream *
tn_image_stream_new (TnImageSet *set, const TnImageStreamOptions *options, GError **error)
{
  g_autoptr (TnImageStream) self = NULL;
  guint64 count = tn_image_set_count (set);

  g_return_val_if_fail (options->batch_size > 0, NULL);

  if (!check_options (set, options, error))
    return NULL;
  self = g_new0 (TnImageStream, 1);
  self->set = tn_image_set_ref (set);
  self->options = *options;
  self->n_training = count - options->n_validation;
  self->orders = tn_random_stream (options->seed, "image-stream/order");
  self->shifts = tn_random_stream (options->seed, "image-stream/shift");
  if (options->hold_out == TN_IMAGE_HOLD_HASH && options->n_validation > 0)
    self->indices = hold_out_by_hash (count, self->n_training);
  self->image = g_new (float, tn_image_set_n_features (set));
  return measure (self, error) ? g_steal_pointer (&self) : NULL;
}

void
tn_image_stream_free (TnImageStream *self)
{
  if (self == NULL)
    return;
  tn_image_set_unref (self->set);
  g_free (self->indices);
  g_free (self->image);
  g_free (self);
}

static void
scale (const TnImageStream *self, float *image)
{
  gsize n = tn_image_set_n_features (self->set);

  if (self->mean == 0.0 && self->deviation == 1.0)
    return;
  for (gsize i = 0; i < n; i++)
    image[i] = (float) (((double) image[i] - self->mean) / self->deviation);
}

/* out (y, x) = image (y - down, x - right); 0 from outside. */
static void
shift_image (const TnImageStream *self, int down, int right, float *out)
{
  guint channels, height, width;

  tn_image_set_get_shape (self->set, &channels, &height, &width);
  memset (out, 0, tn_image_set_n_features (self->set) * sizeof *out);
  for (guint channel = 0; channel < channels; channel++)
    for (int y = MAX (down, 0); y < (int) height + MIN (down, 0); y++)
      memcpy (out + ((gsize) channel * height + (guint) y) * width + MAX (right, 0),
              self->image + ((gsize) channel * height + (guint) (y - down)) * width + MAX (-right, 0),
              (width - (guint) ABS (right)) * sizeof *out);
}

static void
draw_image (TnImageStream *self, TnStreamPosition position, float *out, gint32 *label)
{
  TnPermutation order = tn_permutation_new (self->n_training, tn_random_at (&self->orders, position.epoch));
  guint64 index = image_at (self, tn_permutation_at (&order, position.index));
  guint reach = 2 * self->options.most_shift + 1;

  *label = (gint32) tn_image_set_get_label (self->set, index);
  if (self->options.most_shift == 0)
    tn_image_set_get_image (self->set, index, out);
  else
    {
      guint64 drawn = tn_hash_combine (tn_random_at (&self->shifts, position.epoch), index);

      tn_image_set_get_image (self->set, index, self->image);
      shift_image (self, (int) (drawn % reach) - (int) self->options.most_shift,
                   (int) ((drawn >> 32) % reach) - (int) self->options.most_shift, out);
    }
  scale (self, out);
}

void
tn_image_stream_fill (TnImageStream *self, float *images, gint32 *labels)
{
  gsize n_features = tn_image_set_n_features (self->set);

  for (guint i = 0; i < self->options.batch_size; i++)
    {
      draw_image (self, self->position, images + i * n_features, &labels[i]);
      if (++self->position.index == self->n_training)
        self->position = (TnStreamPosition){.epoch = self->position.epoch + 1};
    }
}

TnStreamPosition
tn_image_stream_get_position (TnImageStream *self)
{
  return self->position;
}

gboolean
tn_image_stream_set_position (TnImageStream *self, TnStreamPosition position, GError **error)
{
  if (position.index >= self->n_training)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("image %" PRIu64 " of an epoch is asked for, there are %" PRIu64 " training images: the data are others"),
                   position.index, self->n_training);
      return FALSE;
    }
  self->position = position;
  return TRUE;
}

guint64
tn_image_stream_epoch_images (TnImageStream *self)
{
  return self->n_training;
}

guint64
tn_image_stream_images_seen (TnImageStream *self)
{
  return self->position.epoch * self->n_training + self->position.index;
}

guint64
tn_image_stream_fingerprint (TnImageStream *self)
{
  return tn_hash_combine (tn_hash_combine (tn_image_set_fingerprint (self->set), self->n_training),
                          self->indices != NULL ? TN_IMAGE_HOLD_HASH : TN_IMAGE_HOLD_LAST);
}

void
tn_image_stream_get_scaling (TnImageStream *self, double *mean, double *deviation)
{
  *mean = self->mean;
  *deviation = self->deviation;
}

guint
tn_image_stream_n_validation_batches (TnImageStream *self)
{
  return (guint) ((self->options.n_validation + self->options.batch_size - 1) / self->options.batch_size);
}

static void
fill_one (TnImageStream *self, TnImageSet *set, guint64 index, gboolean exists, float *image, gint32 *label)
{
  *label = exists ? (gint32) tn_image_set_get_label (set, index) : -1;
  if (!exists)
    {
      memset (image, 0, tn_image_set_n_features (set) * sizeof *image);
      return;
    }
  tn_image_set_get_image (set, index, image);
  scale (self, image);
}

void
tn_image_stream_fill_validation (TnImageStream *self, guint batch, float *images, gint32 *labels)
{
  g_return_if_fail (batch < tn_image_stream_n_validation_batches (self));

  for (guint i = 0; i < self->options.batch_size; i++)
    {
      guint64 place = (guint64) batch * self->options.batch_size + i;
      gboolean exists = place < self->options.n_validation;

      fill_one (self, self->set, exists ? image_at (self, self->n_training + place) : 0, exists,
                images + i * tn_image_set_n_features (self->set), &labels[i]);
    }
}

void
tn_image_stream_fill_from (TnImageStream *self, TnImageSet *other, guint64 first, float *images, gint32 *labels)
{
  gsize n_features = tn_image_set_n_features (other);

  g_return_if_fail (n_features == tn_image_set_n_features (self->set));

  for (guint i = 0; i < self->options.batch_size; i++)
    fill_one (self, other, first + i, first + i < tn_image_set_count (other), images + i * n_features, &labels[i]);
}
