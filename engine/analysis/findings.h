/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/analysis/analysis.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* Why a tensor fails: what its weights and inputs have that rounding does not bear. From where on it is said:
 *
 * outlier inputs        8    One scale that has to hold a channel r times the others leaves them log2 (r) bits fewer: 3 of them here. (LLM.int8(),
 *                            Dettmers et al. 2022, and SmoothQuant, Xiao et al. 2023, report channels of 20 to 100 times.)
 * outlier weights      12    Of 10^4 to 10^8 Gaussian weights the largest is 4 to 6 root mean squares away; a range of twice that is one bit lost.
 * heavy tail            6    The kurtosis of a Laplace distribution. Ternary codes lose 0.26 of the variance of such weights at best and 0.19 of
 *                            Gaussian ones (Lloyd-Max), 0.39 by absmean.
 * few values          256    As many as 8 bits have: the weights were rounded before. Trained bf16 weights have thousands. Only of tensors with
 *                            more than 16 times as many weights.
 * scale spread          8    As of inputs: with one scale for all rows the smallest ones lose 3 bits to the largest.
 * concentration         0.2  Where all channels were alike, 1 % of them carried 0.01. AWQ (Lin et al. 2024) keeps 1 % of the channels exact and
 *                            with them most of what is lost.
 * shifted               0.5  The square of the mean is a quarter of the variance: symmetric codes spend it on nothing, and absmean ternary puts its
 *                            threshold where one side has few weights.
 * constant, not finite       always.
 *
 * index: outlier inputs, channel; outlier weights and not finite, row (of weights; G_MAXUINT: of inputs); scale spread, the row farthest from the one
 * in the middle; concentration, the channel that carries most; constant, G_MAXUINT where the weights are, 0 where the inputs are; value is the one
 * value then. */
double tn_finding_get_limit (TnFindingKind kind);
/* How far beyond its limit, 1: at it; +inf for those that have none. Findings stand in the order of this. */
double tn_finding_get_severity (const TnFinding *self);

/* Puts it where it belongs among the layer's; one of the same kind gives way. */
void tn_analyzed_layer_add_finding (TnAnalyzedLayer *self, const TnFinding *finding);
/* NULL: there is none of that kind. */
const TnFinding *tn_analyzed_layer_get_finding (const TnAnalyzedLayer *self, TnFindingKind kind);
/* Adds what the channels of the inputs show, where they are beyond the limit. mean_square: [n]. */
void tn_analyzed_layer_judge_inputs (TnAnalyzedLayer *self, const double *mean_square, guint64 n);
/* The same for the parts of the channels in the layer's error. energy: [n]. */
void tn_analyzed_layer_judge_concentration (TnAnalyzedLayer *self, const double *energy, guint64 n);

/* Findings of every layer from its weights and, where stats are given, its inputs: they take the place of what tn_analysis_measure_errors() found
 * in its few tokens. Weights are gone through once. From any thread: it works on the compute thread; the same bits for any number of threads.
 * TN_ERROR_MISMATCH: stats of another model; TN_ERROR_NOT_FOUND: the model lacks a layer; TN_ERROR_UNSUPPORTED: weights that cannot be decoded;
 * TN_ERROR_MEMORY; G_IO_ERROR_CANCELLED. */
gboolean tn_analysis_find_causes (TnAnalysis *self, TnModel *model, const TnStats *stats, GCancellable *cancellable, GError **error);

G_END_DECLS
