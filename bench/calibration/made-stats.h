/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* What a calibration of a LLaMA of 134 million parameters (width 768, hidden 2048, 12 layers) keeps of TN_MADE_STATS_TOKENS tokens, made without
 * the model: normal channels of different size, some of them loud, products of two normals behind the gate. channels: of all sites together. */
#define TN_MADE_STATS_TOKENS 65536
TnStats *tn_make_stats (guint *channels);

G_END_DECLS
