/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* The form of the distribution of a layer's weights. Elements that are not finite enter only nonfinite. */
typedef struct
{
  guint64 finite, nonfinite;
  guint64 nonfinite_row; /* the first with most of them */
  double mean, m2, m3, m4; /* sums of powers of the distance to the mean */
  double maximum;        /* magnitude */
  guint64 maximum_row;
  guint n_values;        /* distinct ones; TN_WEIGHT_SHAPE_MOST_VALUES + 1: more than that */
  double *row_mean_squares; /* [rows] */
  /*< private >*/
  guint64 n_rows, most_nonfinite;
} TnWeightShape;

#define TN_WEIGHT_SHAPE_MOST_VALUES 256

/* Streams over the rows once, and over as many as it takes once more for the distinct values. Moments of rows are put together by the formulas of
 * Pébay (Sandia report SAND2008-6212, 2008) in their order: the same bits for any number of threads. Runs parallel loops: call on the compute
 * thread. TN_ERROR_UNSUPPORTED when the dtype cannot be decoded, TN_ERROR_MEMORY, G_IO_ERROR_CANCELLED. */
gboolean tn_weight_shape_find (TnWeightShape *self, const TnTensor *weight, GCancellable *cancellable, GError **error);
void tn_weight_shape_clear (TnWeightShape *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnWeightShape, tn_weight_shape_clear)

G_END_DECLS
