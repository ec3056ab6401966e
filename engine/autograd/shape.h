/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TN_SHAPE_MAX_DIMS 4

/* Dimensions of a value, row-major; n_dims 0: a scalar. A dimension may be 0. */
typedef struct
{
  guint n_dims;
  gsize dims[TN_SHAPE_MAX_DIMS];
} TnShape;

#define TN_SHAPE(...)                                                                     \
  ((TnShape){.n_dims = sizeof ((const gsize[]){__VA_ARGS__}) / sizeof (gsize), .dims = {__VA_ARGS__}})
#define TN_SHAPE_SCALAR ((TnShape){.n_dims = 0})

/* Elements; a matrix view: rows = product of all but the last dimension, columns = the last (a scalar: 1 x 1, 1-d: one row). */
gsize    tn_shape_count     (const TnShape *self);
gsize    tn_shape_rows      (const TnShape *self);
gsize    tn_shape_columns   (const TnShape *self);
gboolean tn_shape_equal     (const TnShape *a, const TnShape *b);
/* "[256, 512]". Free with g_free(). */
char    *tn_shape_to_string (const TnShape *self);
/* FALSE when the elements, or 8 bytes for each of them, cannot be counted. */
gboolean tn_shape_is_valid  (const TnShape *self);

G_END_DECLS
