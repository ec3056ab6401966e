/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/safetensors.h"
#include "engine/nn/network.h"

G_BEGIN_DECLS

/* Fills the variables of a network from arrays "PREFIX" + name of a file, each float32 and of the same shape. path: of the file, for messages.
 * TN_ERROR_SHAPE, TN_ERROR_FORMAT (one is missing). */
gboolean tn_network_take_arrays (TnNetwork *network, TnSafetensors *arrays, const char *prefix, const char *path, GError **error);

G_END_DECLS
