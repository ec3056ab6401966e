/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Images (or rows of features) with a class each, in memory: IDX (MNIST; also gzip), or whatever data/arrays reads: npy, npz, safetensors. Bytes stay
 * bytes (pool memory, STATISTICS), other numbers are float32. Reference counted; read-only: any thread. */
typedef struct _TnImageSet TnImageSet;

/* images: a file with one array [n, height, width], [n, channels, height, width] or [n, features], or an npz/safetensors file with "x" (or
 * "images") and "y" (or "labels"), whose labels may be NULL then. labels: a file with one array [n] of integers from 0 on.
 * TN_ERROR_DATA, TN_ERROR_MISMATCH (other numbers of images and labels), TN_ERROR_MEMORY name the files. */
TnImageSet *tn_image_set_open        (const char *images, const char *labels, GError **error);
TnImageSet *tn_image_set_ref         (TnImageSet *self);
void        tn_image_set_unref       (TnImageSet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnImageSet, tn_image_set_unref)
guint64     tn_image_set_count       (TnImageSet *self);
/* channels * height * width. */
gsize       tn_image_set_n_features  (TnImageSet *self);
/* Rows of features: 1, 1, n_features. */
void        tn_image_set_get_shape   (TnImageSet *self, guint *channels, guint *height, guint *width);
/* The largest label and one. */
guint       tn_image_set_n_classes   (TnImageSet *self);
guint       tn_image_set_get_label   (TnImageSet *self, guint64 index);
/* Of images and labels. */
guint64     tn_image_set_fingerprint (TnImageSet *self);
/* One image to out [n_features]: bytes divided by 255 (0 .. 1), float32 as it is. */
void        tn_image_set_get_image   (TnImageSet *self, guint64 index, float *out);
/* Mean and standard deviation (population) of all numbers, as get_image() gives them, of the images for which chosen (NULL: all) says TRUE. Exact sums of
 * bytes; the same on every machine. */
void        tn_image_set_get_moments (TnImageSet *self, gboolean (*chosen) (guint64 index, gpointer user_data), gpointer user_data,
                                      double *mean, double *deviation);

G_END_DECLS
