/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Repeated measurements of one thing. Machines are noisy: comparisons take turns (one repeat of each, again and again), and
 * ratios are formed turn by turn. */
#define TN_SAMPLES_MOST 64

typedef struct
{
  double values[TN_SAMPLES_MOST];
  guint  n;
} TnSamples;

void   tn_samples_add    (TnSamples *self, double value);
/* The mean of the two in the middle where n is even; NAN when empty. */
double tn_samples_median (const TnSamples *self);
double tn_samples_min    (const TnSamples *self);
double tn_samples_max    (const TnSamples *self);

/* Seconds a call takes: as many calls as fill least_seconds, one after the other. */
typedef void (*TnTimedFunc) (gpointer user_data);
double tn_time_calls     (TnTimedFunc func, gpointer user_data, double least_seconds);
double tn_time_now       (void);
/* The same in the processor time of the calling thread, for work that it does alone: without what other programs took meanwhile. */
double tn_time_calls_alone (TnTimedFunc func, gpointer user_data, double least_seconds);

G_END_DECLS
