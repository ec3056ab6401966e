/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* Changes of the loss for choosing among many: what was measured, drawn towards what the score says by as much as measuring is uncertain. A choice of
 * the least of many uncertain numbers would else prefer those that came out too low (the winner's curse), most of all where the changes are smaller
 * than the error of measuring them.
 *
 * Empirical Bayes, a scheme at a time. With m what was measured, s its standard error, f the score (Fisher, else Taylor: Fisher's is never negative) and a = sum m / sum f over the cells
 * that have all three: the change is a f, give or take t |a f| with t^2 = sum ((m - a f)^2 - s^2) / sum (a f)^2, at least 0.1^2; the estimate is the mean of m
 * and a f weighted by 1 / s^2 and 1 / (t a f)^2, its interval as wide in standard errors as that of m. Where nothing was measured: a f and its
 * interval times a. Without a score, with an interval that is not known, or where a is not above 0: tn_analysis_get_loss().
 *
 * [layers * schemes], as cells are. Free with g_free(). */
TnEstimate *tn_analysis_combine_losses (const TnAnalysis *self);

G_END_DECLS
