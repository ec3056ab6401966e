/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/analysis/analysis.h"
#include "engine/listener.h"
#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Fills `alone` and `accumulated` of every cell, the carriers of every layer under carriers_scheme, the correlations, error_samples, and those
 * findings that inputs and errors show: outlier inputs, constant inputs, concentration (findings.h).
 *
 * Every batch goes through the model as it is and through the model with all layers in one scheme (tn_model_quantize(); a layer that the scheme
 * does not apply to stays as it is, and its cell NaN). Parts of the error are products of their own in fp32, summed in double; nmse, cosine and the
 * like are of their sum. What rounds an input is what the layers of the two models have: where the model itself rounds it, as a BitNet does, X is
 * what its product reads.
 *   alone:       X dW^T,  dX W^T,   dX dW^T              dW = W^ - W, dX = X^ - X
 *   accumulated: X' dW^T, dX' W^T, dX' dW^T, (X' - X) W^T
 * X' dW^T alone is no product: it is what the other parts leave of the difference of the two models' outputs, so that their sum is just that
 * difference. It has the rounding of these outputs in fp32, 10^-13 of their sum of squares, in it.
 * A layer whose output is zero has no ratio to it: its nmse is 0 where it stays zero, else NaN, its cosine NaN.
 *
 * correlations: Pearson's, over tokens, of the logarithm of the token's sum of squares of the accumulated error; in a logarithm because a few
 * tokens (the first of a text, mostly) have errors a thousand times those of others and would be all there is to see. NaN: errors of a layer that
 * are the same at all tokens (none at all, above all).
 *
 * batches: sequences with tokens; all of what they hold is used. Memory: the inputs and outputs of all layers for the tokens of one batch, 0.6 MB
 * a token in a LLaMA of 100M parameters, and one rounded model. Time: for every scheme and batch that of three forward passes (seven with
 * activations), one more where there are several batches, and per scheme what rounding the model takes: a batch should hold some hundred tokens.
 * With 110M parameters and 512 tokens in one batch: 3.5 s a scheme where a forward pass took 1.2 s, 10 s with activations where it took 1.8 s.
 *
 * input_params: [layers] scale and zero point of the input of each, for activations with one scale a tensor, else NULL. The same bits for any
 * number of threads; how tokens are cut into batches changes last bits. From any thread: it works on the compute thread; listener is called on
 * the caller's.
 * TN_ERROR_DATA: an activation or an output that is not finite, with site, sample (counted from 0 over all batches) and token, or there is no
 * token at all; TN_ERROR_NOT_FOUND: the model lacks a layer; TN_ERROR_MEMORY; G_IO_ERROR_CANCELLED. self is untouched then. */
gboolean tn_analysis_measure_errors (TnAnalysis *self, TnModel *model, TnBatch *const *batches, guint n_batches,
                                     const TnQuantParams *const *input_params, const TnListener *listener,
                                     GCancellable *cancellable, GError **error);

G_END_DECLS
