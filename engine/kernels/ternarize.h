/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/ternary.h"

G_BEGIN_DECLS

/* Between rows of float32 and the tiles of engine/kernels/ternary.h. A threshold, or a scale, is one number for all rows or one a
 * row (per_row). Runs on this thread alone; threads may take different groups of 16 rows. The same bits in every variant. */

/* w: [n, columns] of row stride w_stride; it becomes the rows first .. first + n of the matrix whose tiles these are; first is a multiple
 * of 16, and n is too unless the rows end there. The code of w is its sign where |w| > threshold >= 0, else 0: the codes of
 * tn_quantize_values() with the threshold of its TnRounding. Reads each row once. FALSE when a value is not finite: then these rows'
 * tiles are undefined. */
gboolean tn_ternarize_pack_rows     (const float *w, gsize w_stride, guint64 columns, const float *thresholds, gboolean per_row,
                                     guint64 first, guint64 n, guint8 *tiles);
/* Rows first .. first + n, any, to out [n, columns] of row stride out_stride: code * scale; scales start at row first. */
void     tn_ternary_dequantize_rows (const TnTernaryMatrix *self, guint64 first, guint64 n, const float *scales, gboolean per_row,
                                     float *out, gsize out_stride);

G_END_DECLS
