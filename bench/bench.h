/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "bench/timing.h"

G_BEGIN_DECLS

/* Figures of speed and size: what is measured, the target it has and the limit the machine sets, measured in the same run. */

typedef enum
{
  TN_GOAL_NONE,
  TN_GOAL_AT_LEAST,
  TN_GOAL_AT_MOST,
} TnGoal;

typedef struct
{
  char       *name;
  double      value;  /* median of the repeats */
  double      best;   /* of the repeats */
  const char *unit;
  TnGoal      goal;
  double      target; /* NAN: none */
  double      limit;  /* what the machine could do at best, same unit; NAN: none or not measured */
} TnFigure;

/* TRUE also when there is no target. */
gboolean tn_figure_passes (const TnFigure *self);

typedef struct _TnBench TnBench;

/* Fills figures by measuring; on the compute thread. */
typedef void (*TnBenchFunc) (TnBench *bench);

typedef struct
{
  const char *group;       /* "core", "calibration", "training", "analysis" */
  const char *figures[12]; /* beginnings of the names of the figures it fills */
  TnBenchFunc run;
} TnBenchEntry;

/* All there are. */
const TnBenchEntry *tn_bench_entries   (guint *n);

/* names: beginnings of figures that are wanted, NULL-terminated, or NULL for all. listener: called with each figure at once, any may be NULL. */
typedef void (*TnFigureFunc) (const TnFigure *figure, gpointer user_data);
/* TnFigure in the order they were measured. group NULL: all. TN_ERROR_ARGUMENT when group or names fit nothing; G_IO_ERROR_CANCELLED. */
GPtrArray          *tn_bench_run       (const char *group, const char *const *names, TnFigureFunc listener, gpointer user_data,
                                        GCancellable *cancellable, GError **error);

/* For entries: whether a figure is wanted at all, so that what it takes need not be measured. */
gboolean            tn_bench_wants     (TnBench *self, const char *name);
gboolean            tn_bench_cancelled (TnBench *self);
void                tn_bench_add       (TnBench *self, const char *name, double value, double best, const char *unit, TnGoal goal,
                                        double target, double limit);
/* A line of context (library, shape, load) that is no figure. */
void                tn_bench_remark    (TnBench *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS
