/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* What carries the error of a layer, its input exact (`alone`), gathered batch by batch.
 *
 * Rows of the output, tokens and samples are parts of the sum of squares: all shares of a kind add up to 1. Channels of the input are not, for
 * the error of an output is a sum over them, and its square has products of two channels. The share of channel c is that of the error it makes
 * alone, e_c[t][o] = x_tc dW_oc + dx_tc W_oc + dx_tc dW_oc,
 *   sum_to e_c^2 = |dW_c|^2 (sum_t x^2 + dx^2 + 2 x dx) + |W_c|^2 sum_t dx^2 + 2 <W_c, dW_c> sum_t (x dx + dx^2),
 * over the sum of that for all channels; products of two channels stand in no share. Where channels are not correlated they cancel, and the share is
 * that of the layer's error. */
#define TN_CARRIERS_KEPT 16

/* A largest few of what comes, ties to what came first. */
typedef struct
{
  GArray *carriers; /* TnCarrier, share holds the energy; descending */
} TnCarrierList;

typedef struct
{
  guint64 rows, columns;
  double *output_energy;                             /* [rows] */
  double *input_square, *change_square, *input_change; /* [columns]: sums over tokens of x^2, dx^2, x dx */
  double *error_norm, *weight_norm, *weight_error;     /* [columns]: |dW_c|^2, |W_c|^2, <W_c, dW_c> */
  float input_minimum, input_maximum;
  TnCarrierList tokens, samples;
  double energy; /* of all tokens */
  guint64 n_tokens;
} TnCarrierSums;

/* Zeros. */
TnCarrierSums *tn_carrier_sums_new (guint64 rows, guint64 columns);
void tn_carrier_sums_free (TnCarrierSums *self);
/* x, dx: [n_tokens, columns]; dx NULL: zeros. Runs a parallel region. */
void tn_carrier_sums_add_inputs (TnCarrierSums *self, const float *x, const float *dx, gsize n_tokens, guint threads);
/* Rows first .. first + n of the layer: w, dw [n, columns] only when_new (they are the same for every batch); y_error: [n_tokens, n].
 * Runs a parallel region. */
void tn_carrier_sums_add_weights (TnCarrierSums *self, const float *w, const float *dw, guint64 n, guint threads);
void tn_carrier_sums_add_outputs (TnCarrierSums *self, const float *y_error, gsize n_tokens, guint64 first, guint64 n, guint threads);
/* energy: [batch->n_tokens] of each token; first_sample: number of the batch's first sequence among all. */
void tn_carrier_sums_add_tokens (TnCarrierSums *self, const TnBatch *batch, guint first_sample, const double *energy);
/* Own part of each input channel in the error: [columns]. Free with g_free(). */
double *tn_carrier_sums_get_input_energy (const TnCarrierSums *self);
/* Replaces the layer's carriers; shares are 0 where there is no error: then there is no carrier. */
void tn_carrier_sums_finish (const TnCarrierSums *self, TnAnalyzedLayer *layer);

G_END_DECLS
