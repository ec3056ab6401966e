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
/* Seconds the calling thread had a processor, for work that computes and never waits: without what other programs took meanwhile. */
double tn_time_thread_now (void);
/* The same of all threads of the process together. */
double tn_time_process_now (void);
/* tn_time_calls() by the thread's clock, for work the calling thread does alone. */
double tn_time_calls_alone (TnTimedFunc func, gpointer user_data, double least_seconds);

G_END_DECLS
