/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/training/image-set.h"
#include "data/training/stream-position.h"

G_BEGIN_DECLS

/* Training batches of one shape, without end, of images and labels: in each epoch every training image once, in an order that is a permutation by seed
 * and epoch. A batch at the end of an epoch is filled from the next. One thread at a time; which batch comes next is a function of set,
 * options and position alone. */
typedef struct _TnImageStream TnImageStream;

typedef enum
{
  TN_IMAGE_HOLD_LAST, /* the last n_validation images, as they lie */
  TN_IMAGE_HOLD_HASH, /* the n_validation of the smallest hash of their number: the same in every run */
} TnImageHoldOut;

typedef struct
{
  guint          batch_size;   /* > 0 */
  guint64        seed;
  guint64        n_validation; /* images held out; fewer than there are */
  TnImageHoldOut hold_out;
  gboolean       standardized; /* (x - mean) / deviation of the training images; else x as the set has it */
  double         mean, deviation; /* where deviation > 0: these instead of the training images' (standardized is not asked for) */
  guint          most_shift;   /* pixels: training images are moved by up to so many in both directions, by seed, epoch and image; 0 comes in
                                  from the sides. Below height and width */
} TnImageStreamOptions;

/* Takes a reference on set. TN_ERROR_ARGUMENT: options that the set cannot have. */
TnImageStream   *tn_image_stream_new           (TnImageSet *set, const TnImageStreamOptions *options, GError **error);
void             tn_image_stream_free          (TnImageStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnImageStream, tn_image_stream_free)
/* The next batch: images [batch_size, n_features], labels [batch_size]. */
void             tn_image_stream_fill          (TnImageStream *self, float *images, gint32 *labels);
TnStreamPosition tn_image_stream_get_position  (TnImageStream *self);
/* TN_ERROR_MISMATCH: an index that no epoch has. */
gboolean         tn_image_stream_set_position  (TnImageStream *self, TnStreamPosition position, GError **error);
/* Training images; and images drawn since epoch 0 began. */
guint64          tn_image_stream_epoch_images  (TnImageStream *self);
guint64          tn_image_stream_images_seen   (TnImageStream *self);
/* Of the set and of which images are held out. */
guint64          tn_image_stream_fingerprint   (TnImageStream *self);
/* What images are moved and divided by, to be kept with the model; 0 and 1 where they are not. */
void             tn_image_stream_get_scaling   (TnImageStream *self, double *mean, double *deviation);

/* Validation: the same batches each time, in the order of the set, without shifts. Behind the last image: zeros and label -1. */
guint            tn_image_stream_n_validation_batches (TnImageStream *self);
void             tn_image_stream_fill_validation      (TnImageStream *self, guint batch, float *images, gint32 *labels);
/* The same of another set (the test images), scaled as this stream's: batch of its images in order. Its n_features must be the same. */
void             tn_image_stream_fill_from            (TnImageStream *self, TnImageSet *other, guint64 first, float *images, gint32 *labels);

G_END_DECLS
