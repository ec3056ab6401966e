/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* An analysis on disk: one JSON document.
 *
 *   {"format": "ternion-analysis", "version": 1,
 *    "model": {"name": string or null, "fingerprint": 16 hexadecimal digits}, "data": likewise,
 *    "seed": decimal digits in a string, "backend": string or null, "statistics": string or null,
 *    "seq_len", "score_samples", "measure_samples", "error_samples": counts,
 *    "schemes": [names of schemes], "activations": name of a scheme or null, "carriers_scheme": index of a scheme,
 *    "loss": ESTIMATE,
 *    "agreement": {"fisher": {"spearman", "spearman_low", "spearman_high", "kendall": numbers, "n": count}, "taylor", "hessian": likewise},
 *    "checks": [{"title": string, "schemes": [index of a scheme a layer, -1: as it is], "bits", "bytes", "predicted": numbers,
 *                "measured": ESTIMATE}],
 *    "layers": [{"name", "site": strings, "block", "rows", "columns", "group": counts,
 *                "cells": [a scheme: null where it does not apply, else
 *                          {"bits", "bytes": numbers,
 *                           "weight": {"bits", "mse", "sqnr_db", "cosine", "zero_fraction", "scale", "zero_point"},
 *                           "alone": {"nmse", "sqnr_db", "cosine", "maximum", "weights", "inputs", "interaction", "inherited", "cross"},
 *                           "accumulated": likewise, "fisher", "taylor", "hessian", "measured": ESTIMATE, "stopped": boolean}],
 *                "carriers": [{"kind": "input_channel", "output_channel", "token" or "sample", "index": count, "share": number,
 *                              of a token also "position": count, "token": integer,
 *                              of a token or a sample "text": string or null}],
 *                "findings": [{"kind": string, "value", "limit": numbers, "index": count or null}]}],
 *    "correlations": [a layer: [with the layers from the first to itself]] or null}
 *
 *   ESTIMATE: {"value", "low", "high": numbers, "n": count}
 *
 * A number that was not measured (NaN) is null, infinity the string "inf" or "-inf"; an object of numbers none of which was measured is
 * null as a whole. What may be null may be missing too; members that are not known are passed over. Every number is read as the bits
 * that were written. There is no clock and no path in it: `seconds` is not written, and NaN in what is read. Correlations of more than
 * TN_ANALYSIS_FILE_MAX_CORRELATED layers are left out. */

#define TN_ANALYSIS_FILE_FORMAT "ternion-analysis"
#define TN_ANALYSIS_FILE_VERSION 1
#define TN_ANALYSIS_FILE_MAX_CORRELATED 1024

/* The document as text. Free with g_free(). */
char       *tn_analysis_print (const TnAnalysis *analysis);
/* Written whole or not at all. TN_ERROR_IO; TN_ERROR_UNSUPPORTED: more values than a reader takes (4 million; 52 a cell). */
gboolean    tn_analysis_save (const TnAnalysis *analysis, const char *path, GError **error);
/* TN_ERROR_FORMAT: not of this form; the message names file, field, what was found and what was expected. TN_ERROR_UNSUPPORTED: a later
 * version. TN_ERROR_IO, TN_ERROR_NOT_FOUND. */
TnAnalysis *tn_analysis_load (const char *path, GError **error);

/* TRUE when the file begins as an analysis does; tn_analysis_load() may still find fault with it. Reads the beginning alone. */
gboolean    tn_analysis_recognise (const char *path);

G_END_DECLS
