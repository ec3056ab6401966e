/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/sensitivity-detail.h"
#include "ui/sensitivity-form.h"
#include "ui/sensitivity-plan.h"
#include "ui/sensitivity-plots.h"

G_BEGIN_DECLS

/* TnSensitivityPage: an analysis of the layers: making one on the left, the ranking on the right with what lies behind it: why a layer fails, plots, plans. */
#define TN_TYPE_SENSITIVITY_PAGE (tn_sensitivity_page_get_type ())
G_DECLARE_FINAL_TYPE (TnSensitivityPage, tn_sensitivity_page, TN, SENSITIVITY_PAGE, GtkWidget)

void                 tn_sensitivity_page_set_session (TnSensitivityPage *self, TnSession *session);
/* A file that is dropped is data to analyze on. */
gboolean             tn_sensitivity_page_wants_data  (TnSensitivityPage *self);
void                 tn_sensitivity_page_add_data    (TnSensitivityPage *self, const char *path);
TnSensitivityForm   *tn_sensitivity_page_get_form    (TnSensitivityPage *self);
TnTable             *tn_sensitivity_page_get_table   (TnSensitivityPage *self);
TnSensitivityDetail *tn_sensitivity_page_get_detail  (TnSensitivityPage *self);
TnSensitivityPlots  *tn_sensitivity_page_get_plots   (TnSensitivityPage *self);
TnSensitivityPlan   *tn_sensitivity_page_get_plan    (TnSensitivityPage *self);
/* "empty", "waiting", "nothing" or "analysis". */
const char          *tn_sensitivity_page_get_state   (TnSensitivityPage *self);
/* Of the choice of schemes: 0: all, then those of the analysis. */
void                 tn_sensitivity_page_choose_scheme (TnSensitivityPage *self, guint choice);

G_END_DECLS
