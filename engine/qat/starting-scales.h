/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/calibration/stats.h"
#include "engine/nn/network.h"

G_BEGIN_DECLS

/* What the scales of a network start from, in place of what tn_training_layers_prepare() knows by itself. */
typedef struct
{
  const TnStats  *stats;         /* of the inputs of its layers, which "NAME.in" is called there; NULL: scales of inputs stay */
  TnMethodOptions method;        /* how scales are found; EMA and OUTPUT need statistics that have what they need */
  gboolean        finds_weights; /* learned scales of weights, too; FALSE: those stay */
} TnStartingScales;

/* Before the first step. Scales of inputs, learned or fixed (TnTrainingPrecision.fixed_inputs): of the site by the method, with OUTPUT by the least error of the
 * layer's output. Learned scales of weights: by the method, each tensor, row or group (with OUTPUT by the inputs' second moments; EMA is none of
 * weights, and minmax of ternary its rule: the method of least squared error, with which they started, stays). Works on the compute thread; any thread
 * may call it. TN_ERROR_NOT_FOUND: no statistics of a site, or not those the method needs; TN_ERROR_ARGUMENT: levels that no method finds (binary,
 * int2 of seq, asymmetric ones without an offset), or there is no scale that could be set; errors of tn_site_parameters(). Each names the layer. */
gboolean tn_starting_scales_set (const TnStartingScales *self, TnNetwork *network, GCancellable *cancellable, GError **error);

G_END_DECLS
