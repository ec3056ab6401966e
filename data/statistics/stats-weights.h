/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/json-reader.h"
#include "engine/calibration/weighted-stats.h"

G_BEGIN_DECLS

/* Weighted sums in the metadata of a statistics file: {"weight": S, "weight2": S, "sites": [[count, |x|, x, x^2], …]}, the sites in their order and each
 * sum the 64 hexadecimal digits of its 256 bits (wide-sum.h). */
char            *tn_stats_weights_to_text   (const TnWeightedStats *weighted); /* free with g_free() */
/* NULL: not such an object of n_sites sites; sums that cannot be negative are not. */
TnWeightedStats *tn_stats_weights_from_json (const TnJsonNode *node, guint n_sites);

G_END_DECLS
