/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/sensitivity.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnSensitivityPlan: mixed precision from an analysis: a budget in bits a weight, the best plan within it with its size and predicted loss, its place on the front,
 * and what measuring it says. */
#define TN_TYPE_SENSITIVITY_PLAN (tn_sensitivity_plan_get_type ())
G_DECLARE_FINAL_TYPE (TnSensitivityPlan, tn_sensitivity_plan, TN, SENSITIVITY_PLAN, GtkWidget)

/* sensitivity may be NULL. */
void        tn_sensitivity_plan_set_sensitivity (TnSensitivityPlan *self, TnSensitivity *sensitivity);
/* Why a plan cannot be measured, for people; NULL: it can. */
void        tn_sensitivity_plan_set_unmeasurable (TnSensitivityPlan *self, const char *why);
/* Bits a weight. */
void        tn_sensitivity_plan_set_budget      (TnSensitivityPlan *self, double bits);
/* The point of the front that is shown; G_MAXUINT: there is none. */
guint       tn_sensitivity_plan_get_point       (TnSensitivityPlan *self);
/* What the plan is, in a line. */
const char *tn_sensitivity_plan_get_summary     (TnSensitivityPlan *self);
TnTable    *tn_sensitivity_plan_get_table       (TnSensitivityPlan *self);
/* Signals: "measure" () the user wants the plan that is shown measured; "saved" (text) something to tell the user about saving. */

G_END_DECLS
