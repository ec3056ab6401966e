/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/allocation.h"
#include "engine/analysis/analysis.h"
#include "plots/figures/figure.h"

G_BEGIN_DECLS

/* The figures of an analysis, the same in the window and in reports. All are to be freed with tn_figure_free(); where nothing was measured they say so. */

/* A pair of layer and scheme, as they are ranked: measured ones first, each kind by the change of the loss, the largest first. */
typedef struct
{
  guint      layer, scheme;
  TnEstimate loss;
  gboolean   predicted;
} TnRankedPair;

/* TnRankedPair; pairs without an estimate are left out. Free with g_array_unref(). */
GArray   *tn_analysis_rank (const TnAnalysis *analysis);
/* The same by the error of the output, its input exact, the largest first; without an estimate of the loss. */
GArray   *tn_analysis_rank_by_error (const TnAnalysis *analysis);

/* What cells are shown by. */
typedef enum
{
  TN_SHOW_LOSS,        /* change of the loss, nats a token */
  TN_SHOW_WEIGHT,      /* SQNR of the weights, dB */
  TN_SHOW_ALONE,       /* of the output, its input exact */
  TN_SHOW_ACCUMULATED, /* of the output, through all layers in the scheme */
} TnShownQuantity;

double    tn_analysis_get_shown (const TnAnalysis *analysis, guint layer, guint scheme, TnShownQuantity quantity);
/* "change of the loss (nats a token)"; translated. */
const char *tn_shown_quantity_get_label (TnShownQuantity quantity);

/* The first `most` pairs with their intervals. */
TnFigure *tn_analysis_draw_ranking      (const TnAnalysis *analysis, guint most);
/* Layers in rows, schemes in columns. */
TnFigure *tn_analysis_draw_cells        (const TnAnalysis *analysis, TnShownQuantity quantity);
/* A line a scheme over the layers. */
TnFigure *tn_analysis_draw_comparison   (const TnAnalysis *analysis, TnShownQuantity quantity);
/* How many layers have how many dB, a scheme each. */
TnFigure *tn_analysis_draw_histogram    (const TnAnalysis *analysis, TnShownQuantity quantity);
/* A dot a layer and scheme: bits a weight, and dB. */
TnFigure *tn_analysis_draw_bits         (const TnAnalysis *analysis, TnShownQuantity quantity);
/* Scores against what was measured. */
TnFigure *tn_analysis_draw_agreement    (const TnAnalysis *analysis);
/* How errors of layers go together over tokens. */
TnFigure *tn_analysis_draw_correlations (const TnAnalysis *analysis);
/* The front of size and predicted loss, with one scheme everywhere, and plans that were measured. allocation may be NULL; point: marked, or
 * G_MAXUINT. */
TnFigure *tn_analysis_draw_front        (const TnAnalysis *analysis, const TnAllocation *allocation, guint point);

G_END_DECLS
