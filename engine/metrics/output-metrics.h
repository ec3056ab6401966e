/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/paired-interval.h"

G_BEGIN_DECLS

/* How the predictions of an approximation differ from those of its reference, from the logits of both, window by window (documents, or sequences:
 * what is drawn independently; tokens in it are not). Sums of a window are in double in the order of its rows, and windows stand by their number:
 * the same bits for any number of threads, and, of windows that are given whole, for any order and tree of merges. */
typedef struct _TnOutputMetrics TnOutputMetrics;

typedef struct
{
  guint64    windows, rows;  /* rows that entered */
  guint64    targets;        /* rows with a target among them */
  guint64    nonfinite;      /* rows left out: a logit was not finite */
  TnMeanInterval kl;             /* mean of KL (reference || approximation), nats a row */
  double     kl_max;         /* the largest of a row, */
  guint64    kl_max_window, kl_max_row; /* the first found of the smallest window */
  TnMeanInterval agreement;      /* share of rows whose best class is the same (top-1) */
  double     reference_loss, approximation_loss; /* nats a target; NaN without any */
  double     reference_accuracy, approximation_accuracy; /* share of targets that are the best class */
  TnMeanInterval loss_difference; /* approximation - reference, PAIRED over windows */
  TnMeanInterval perplexity_ratio; /* exp of it: the ends are exp of the ends, the error by the delta method */
} TnOutputSummary;

TnOutputMetrics *tn_output_metrics_new   (void);
void             tn_output_metrics_free  (TnOutputMetrics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnOutputMetrics, tn_output_metrics_free)

/* Rows of one window: logits [rows, classes] of each side, rows stride elements apart. targets: [rows], the class that came, less than classes, negative where a row
 * is padding and left out; NULL: there are none, every row enters. The rows of a window may come in several calls, in their order; first_row is the number of
 * the first in it. Of equal logits the best class is the first.
 *
 * With p = softmax (reference), d = approximation - reference and m = sum p d,  KL = log1p (sum p (exp (d - m) - 1 - (d - m))): all terms are
 * positive, so that small divergences keep their digits. Runs a parallel loop: call on the compute thread. */
void             tn_output_metrics_add   (TnOutputMetrics *self, guint64 window, guint64 first_row, const float *reference,
                                          gsize reference_stride, const float *approximation, gsize approximation_stride, gsize rows,
                                          gsize classes, const gint32 *targets);
/* Windows of the same number become one. */
void             tn_output_metrics_merge (TnOutputMetrics *self, const TnOutputMetrics *other);
/* error: 0.05 for intervals of 95 %. */
void             tn_output_metrics_summarize (const TnOutputMetrics *self, double error, TnOutputSummary *summary);

/* KL (softmax (reference) || softmax (approximation)) of one row in nats, as above; NaN where a value is not finite. */
double           tn_output_divergence    (const float *reference, const float *approximation, gsize classes);

G_END_DECLS
