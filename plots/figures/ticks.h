/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/figures/scale.h"

G_BEGIN_DECLS

typedef struct
{
  double value;
  double pixel;
  char *label;
} TnTick;

typedef struct
{
  GArray *major; /* TnTick */
  GArray *minor; /* double: pixels */
} TnTicks;

/* How many pixels a label takes along its axis. */
typedef double (*TnLabelExtent) (const char *label, gpointer user_data);

/* Ticks of the view in ascending order: steps of 1, 2 or 5 times a power of ten, or decades; about spacing pixels apart, and never so that labels touch. */
TnTicks *tn_ticks_new  (const TnScale *scale, double spacing, TnLabelExtent extent, gpointer user_data);
/* One at each whole number from 0 that has a name, those left out that have no room; names are owned by the caller. */
TnTicks *tn_ticks_new_named (const TnScale *scale, guint n, const char *const *names, TnLabelExtent extent, gpointer user_data);
void     tn_ticks_free (TnTicks *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTicks, tn_ticks_free)

G_END_DECLS
