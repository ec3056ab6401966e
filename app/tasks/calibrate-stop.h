/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "engine/calibration/stats.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* When a calibration ends before its last sequence: at the time limit, or when the ranges have stopped moving.
 *
 * The rule (--stop-when-stable T, --confidence C) looks at the statistics at fixed numbers of sequences, 64 and then a quarter more each time,
 * whatever the batches; sequences come in random order, so those seen are a uniform draw of the sample. At a look all of this must hold:
 * for every site, the intervals of the standard deviation and of the width between the outermost of --percentiles (site-settling.h: hash groups,
 * Student's t with 15 degrees of freedom) are no wider than ± T of their value; and so many sequences were seen that at most T of all have a smaller
 * minimum, or a larger maximum, than they (tn_sequences_for_range()). Each of these four statements a site may err with the chance
 * (1 - C) / (4 sites looks), looks being those up to the last drawn sequence: over all looks and sites together that is 1 - C, however often it was
 * looked (union bound). */
typedef struct _TnCalibrateStop TnCalibrateStop;

typedef enum
{
  TN_CALIBRATE_END_ALL,   /* every sequence was seen */
  TN_CALIBRATE_END_STABLE,
  TN_CALIBRATE_END_TIME,
} TnCalibrateEnd;

/* What the last look saw. */
typedef struct
{
  double   tolerance, confidence;
  guint    looks;              /* 0: it has not looked yet, nothing below is known */
  guint64  samples;            /* at the look */
  guint64  needed;             /* sequences for minimum and maximum */
  guint    sites, unsettled;   /* intervals wider than the tolerance */
  char    *widest;             /* site with the widest interval; of that: */
  gboolean widest_is_range;    /* width between percentiles, else standard deviation */
  double   value, half_width;  /* half_width relative */
  char    *last;               /* site that was the widest when not all were settled; NULL: none was wider at any look */
} TnStopReport;

TnCalibrateStop    *tn_calibrate_stop_new        (const TnCalibrateOptions *options);
void                tn_calibrate_stop_free       (TnCalibrateStop *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCalibrateStop, tn_calibrate_stop_free)
/* The batches of source, which it takes, cut so that one ends wherever the rule looks. before: sequences that were seen already; most: that there
 * can be, with those. */
TnBatchSource      *tn_calibrate_stop_cut        (TnCalibrateStop *self, TnBatchSource *source, guint64 before, guint64 most);
/* After every batch; TRUE when the run ends here. Tells the listener the series "unsettled_sites" and "widest_interval" by sequences. */
gboolean            tn_calibrate_stop_offer      (TnCalibrateStop *self, const TnStats *stats, const TnListener *listener);
TnCalibrateEnd      tn_calibrate_stop_get_end    (const TnCalibrateStop *self);
/* NULL without a rule. */
const TnStopReport *tn_calibrate_stop_get_report (const TnCalibrateStop *self);

TnStopReport       *tn_stop_report_copy          (const TnStopReport *self);
void                tn_stop_report_free          (TnStopReport *self);
/* One sentence for people; free with g_free(). */
char               *tn_stop_report_describe      (const TnStopReport *self, gboolean stopped);

G_END_DECLS
