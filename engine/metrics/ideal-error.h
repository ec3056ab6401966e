/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* What a scheme makes of independent values of a known distribution, found by the partial moments of its density over the cells of the grid: no
 * table is typed in. */
typedef enum { TN_SOURCE_GAUSSIAN, TN_SOURCE_LAPLACE } TnSource;

typedef struct
{
  double mse;     /* of values with variance 1 */
  double sqnr_db; /* -10 log10 (mse) */
  double level;   /* ternary, binary: the level; integers: the clip, of a range the median of the largest */
  double zeros;   /* share of values with code 0 */
} TnIdealError;

/* per_scale >= 1: values that share a scale, which decides how far the range of integers reaches. Of a symmetric range the mean over the distribution of
 * the largest of so many is taken, which itself has no error; of an asymmetric one over both ends, what the shift of the zero point clips left out (less
 * than 0.05 dB), and by range whatever the method. Rules by mean, median
 * and least error are those of many values. Scales are not rounded. All methods of symmetric integers but the range count as the clip of least error, and
 * those of ternary as the level of least error. */
void tn_ideal_error (const TnScheme *scheme, TnSource source, guint64 per_scale, TnIdealError *error);

G_END_DECLS
