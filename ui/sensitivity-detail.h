/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* TnSensitivityDetail: why a layer fails under a scheme and what can be done: how its error splits, findings, what carries it, remedies; in the sentences of
 * the command and of reports. */
#define TN_TYPE_SENSITIVITY_DETAIL (tn_sensitivity_detail_get_type ())
G_DECLARE_FINAL_TYPE (TnSensitivityDetail, tn_sensitivity_detail, TN, SENSITIVITY_DETAIL, GtkWidget)

/* analysis NULL: nothing is chosen. It is read at once and not kept. */
void  tn_sensitivity_detail_show     (TnSensitivityDetail *self, const TnAnalysis *analysis, guint layer, guint scheme);
/* All that is shown, line by line, for tests. Free with g_free(). */
char *tn_sensitivity_detail_dup_text (TnSensitivityDetail *self);

G_END_DECLS
