/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/analysis/trend-file.h"
#include "plots/figures/figure.h"

G_BEGIN_DECLS

/* What is followed over a run. */
typedef enum
{
  TN_TREND_WEIGHTS, /* SQNR of the weights, dB */
  TN_TREND_OUTPUT,  /* SQNR of the output, its input exact, dB */
  TN_TREND_SCORE,   /* predicted change of the loss: Fisher, nats a token */
  TN_TREND_LOSS,    /* measured change of the loss */
  TN_N_TREND_QUANTITIES
} TnTrendQuantity;

/* NaN: not measured. */
double      tn_trend_get_value  (const TnTrend *trend, guint point, guint layer, guint scheme, TnTrendQuantity quantity);
/* Over layers: the mean of SQNR, of those that have a finite one; the sum of the others, NaN where one of the layers the scheme applies to has none. */
double      tn_trend_get_whole  (const TnTrend *trend, guint point, guint scheme, TnTrendQuantity quantity);
/* Whether any point has any of it. */
gboolean    tn_trend_has        (const TnTrend *trend, TnTrendQuantity quantity);
/* How series end: "sqnr_db"; NULL: it is in none. */
const char *tn_trend_quantity_get_name  (TnTrendQuantity quantity);
/* "SQNR of the output (dB)"; translated. */
const char *tn_trend_quantity_get_label (TnTrendQuantity quantity);

/* tn_trend_get_whole() over steps, a line a scheme. Free with tn_figure_free(). */
TnFigure   *tn_trend_draw_whole  (const TnTrend *trend, TnTrendQuantity quantity);
/* Layers in rows, steps in columns. */
TnFigure   *tn_trend_draw_layers (const TnTrend *trend, guint scheme, TnTrendQuantity quantity);

G_END_DECLS
