/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/float-histogram.h"
#include "plots/figures/figure.h"

G_BEGIN_DECLS

/* Puts a histogram into a figure as a layer of equal bins over [low, high], as many as its values and their resolution can fill; a range
 * without width is widened. */
void tn_figure_add_float_histogram (TnFigure *figure, const char *name, guint color, const TnFloatHistogram *histogram,
                                    double low, double high);

/* The same in percent of its values, so that histograms of different samples can be laid over each other. */
void tn_figure_add_float_histogram_share (TnFigure *figure, const char *name, guint color, const TnFloatHistogram *histogram, double low,
                                          double high);

G_END_DECLS
