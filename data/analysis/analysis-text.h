/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "engine/analysis/remedies.h"

G_BEGIN_DECLS

/* What an analysis found in plain sentences, translated: the same in the command, the window and reports. All are to be freed with g_free(). */

/* "Input channel 17 is 42.3 times as large as the middle one (said from 8): …" */
char *tn_finding_to_text   (const TnFinding *self);
/* What to do, of that layer: "A scale for each row: int4:c." */
char *tn_remedy_to_text    (TnRemedy remedy, const TnAnalysis *analysis, guint layer, guint scheme);
/* Where the error of a layer comes from: "Of the error of its output, 93 % comes from the weights and 6 % from …". NULL: not measured, or none. */
char *tn_split_to_text     (const TnOutputError *alone, const TnOutputError *accumulated);
/* The word over a list of them: "input channels". Not to be freed. */
const char *tn_carrier_kind_to_text (TnCarrierKind kind);

G_END_DECLS
