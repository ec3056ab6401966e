/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/json-fields.h"
#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* An analysis within another document. fields: where the reader stands; errors as tn_analysis_load(). */
TnAnalysis *tn_analysis_read_node    (const TnJsonFields *fields, const TnJsonNode *node, GError **error);
/* An upper bound of the values in tn_analysis_print(). */
guint64     tn_analysis_count_values (const TnAnalysis *analysis);

G_END_DECLS
