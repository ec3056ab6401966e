/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* Fills the agreement of each kind of score with what was measured, over the cells that have both: whether a score ranks as the measurement does. */
void tn_analysis_find_agreement (TnAnalysis *self);

G_END_DECLS
