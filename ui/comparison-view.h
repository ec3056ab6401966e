/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/calibration/stats.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnComparisonView: two calibrations side by side: what changed at every site, those that changed most first, and both distributions of the
 * chosen one over each other. */
#define TN_TYPE_COMPARISON_VIEW (tn_comparison_view_get_type ())
G_DECLARE_FINAL_TYPE (TnComparisonView, tn_comparison_view, TN, COMPARISON_VIEW, GtkWidget)

/* From statistics in memory to those in a file; both are read and compared on a worker thread. */
void     tn_comparison_view_compare   (TnComparisonView *self, TnStats *first, const char *first_name, const char *second_path);
/* What was compared is let go. */
void     tn_comparison_view_clear     (TnComparisonView *self);
TnTable *tn_comparison_view_get_table (TnComparisonView *self);
/* "comparing", "compared" or "failed". */
const char *tn_comparison_view_get_state (TnComparisonView *self);
/* Signal: "closed" () the user has seen enough. */

G_END_DECLS
