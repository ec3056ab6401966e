/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "engine/analysis/knapsack.h"
#include "engine/quant/plan.h"

G_BEGIN_DECLS

/* Mixed precision: which scheme each layer is to have under a budget, from what an analysis knows. The layers of a group get the same scheme, or
 * stay as they are: 16 bits a weight, no change of the loss. The change of the loss of a plan is predicted by the sum over its layers of
 * tn_analysis_combine_losses(): that errors of layers add up is an assumption, good while they are small. Sizes are those of the linear layers' weights. Read-only after creation, by any thread, as long as the analysis lives. */
typedef struct _TnAllocation TnAllocation;

typedef struct
{
  const gboolean    *schemes; /* [schemes of the analysis]: those that may be used; NULL: all */
  const char *const *keep;    /* patterns of names (* and ?) of layers that stay as they are, each with its group; NULL-terminated; or NULL */
} TnAllocationOptions;

/* options may be NULL. TN_ERROR_NOT_FOUND: a pattern that fits no layer; TN_ERROR_DATA: the analysis has no estimate of a change of the loss. Groups
 * for which none is there under any scheme stay as they are. */
TnAllocation *tn_allocation_new  (const TnAnalysis *analysis, const TnAllocationOptions *options, GCancellable *cancellable, GError **error);
void          tn_allocation_free (TnAllocation *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnAllocation, tn_allocation_free)
/* The front: sizes ascend, losses descend. Its sizes are in 1/256 byte, those of a group under a scheme rounded up. */
const TnKnapsack *tn_allocation_get_front (const TnAllocation *self);
guint64       tn_allocation_get_weights (const TnAllocation *self);
double        tn_allocation_get_bytes   (const TnAllocation *self, guint point);
double        tn_allocation_get_bits    (const TnAllocation *self, guint point); /* a weight */
/* Layers that stay as they are for want of an estimate. */
guint         tn_allocation_get_unknown (const TnAllocation *self);

/* The best point of the front within a budget. TN_ERROR_ARGUMENT: there is none; the message names the nearest that there is. */
gboolean      tn_allocation_find_bytes  (const TnAllocation *self, double bytes, guint *point, GError **error);
gboolean      tn_allocation_find_bits   (const TnAllocation *self, double bits, guint *point, GError **error);
gboolean      tn_allocation_find_loss   (const TnAllocation *self, double loss, guint *point, GError **error);
/* schemes: [layers], index of a scheme or -1. */
void          tn_allocation_get_schemes (const TnAllocation *self, guint point, gint *schemes);

/* Of any plan over the analysis' layers. */
typedef struct
{
  double     bits, bytes; /* -1: 16 bits */
  TnEstimate change;      /* predicted change of the loss: sum of the values, and of the ends of the intervals, which allows for errors that all go
                             one way; NaN where one has none */
  guint      n_measured, n_scored, n_kept; /* layers by what was known of them */
} TnPlanPrediction;

/* A layer under a scheme of which no estimate is there gives NaN. */
TnPlanPrediction tn_analysis_predict_plan (const TnAnalysis *self, const gint *schemes);
/* The plan as rules, a layer each; with the inputs of the layers that are rounded, where the analysis rounds them; and the model's fingerprint. */
TnPlan          *tn_analysis_make_plan    (const TnAnalysis *self, const gint *schemes);

G_END_DECLS
