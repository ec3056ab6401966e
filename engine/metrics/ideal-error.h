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
  double level;   /* ternary, binary: the level; integers: the clip */
  double zeros;   /* share of values with code 0 */
} TnIdealError;

/* per_scale: values that share a scale, which decides how far an absolute maximum reaches: the median of the maximum of so many is taken. Rules
 * by mean, median and least error are those of many values (per_scale only for integers by range). Scales are not rounded. Methods of a search,
 * such as ":mse", and all but the range count as the clip of least error. */
void tn_ideal_error (const TnScheme *scheme, TnSource source, guint64 per_scale, TnIdealError *error);

G_END_DECLS
