/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/quant/rounding.h"

G_BEGIN_DECLS

/* Rows of weights on a grid, and the objective that their codes and scales are chosen by: sum over rows e of e H e^T, e = value - weight.
 * Elements that an integer scheme takes a unit's range from are held at the outermost code, so that the range, and with it the scale,
 * is found again in what comes out. Parallel loops: on the compute thread. The same bits for any number of threads. */
typedef struct
{
  const float *weight; /* [rows, columns] */
  const double *gram;  /* [columns, columns] */
  guint64 rows, columns;
  TnScheme scheme;
  TnRounding *units; /* one; [rows]; or [rows, columns / group size] */
  float *values;     /* [rows, columns], each code * scale */
  /*< private >*/
  guint8 *held; /* [rows, columns] */
} TnGridRows;

/* weight, gram, units and values are borrowed; values may hold anything. */
void   tn_grid_rows_init       (TnGridRows *self, const float *weight, guint64 rows, guint64 columns, const double *gram,
                                const TnScheme *scheme, TnRounding *units, float *values);
void   tn_grid_rows_clear      (TnGridRows *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnGridRows, tn_grid_rows_clear)
/* The level for a number in that place: the nearest one, where the element is not held. */
float  tn_grid_rows_round      (const TnGridRows *self, guint64 row, guint64 column, double x);
/* Every weight to its level. */
void   tn_grid_rows_round_all  (TnGridRows *self);
double tn_grid_rows_measure    (const TnGridRows *self);
/* Coordinate descent: element after element goes to the level with the least objective while all others stay, over and over until nothing moves
 * (or 32 times). Never a larger objective. */
void   tn_grid_rows_descend    (TnGridRows *self);
/* Scales by least squares for the codes that are there; those that would come out negative or zero stay. Smaller objective, but for the
 * rounding of scales. */
void   tn_grid_rows_fit_scales (TnGridRows *self);

G_END_DECLS
