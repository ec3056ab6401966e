/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnSensitivityForm: of what and how an analysis is to be made: the open model, data, schemes, activations, samples. */
#define TN_TYPE_SENSITIVITY_FORM (tn_sensitivity_form_get_type ())
G_DECLARE_FINAL_TYPE (TnSensitivityForm, tn_sensitivity_form, TN, SENSITIVITY_FORM, GtkWidget)

void              tn_sensitivity_form_set_session (TnSensitivityForm *self, TnSession *session);
void              tn_sensitivity_form_add_data    (TnSensitivityForm *self, const char *path);
/* NULL-terminated. Free with g_strfreev(). */
char            **tn_sensitivity_form_dup_data    (TnSensitivityForm *self);
/* Why it cannot start, for people; NULL when it can. Free with g_free(). */
char             *tn_sensitivity_form_dup_problem (TnSensitivityForm *self);
/* What it holds. Free with tn_analyze_options_free(). */
TnAnalyzeOptions *tn_sensitivity_form_get_options (TnSensitivityForm *self);
/* Signal: "changed" (). */

G_END_DECLS
