/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnCompareButton: chooses what to compare a calibration with: a statistics file or an earlier run. */
#define TN_TYPE_COMPARE_BUTTON (tn_compare_button_get_type ())
G_DECLARE_FINAL_TYPE (TnCompareButton, tn_compare_button, TN, COMPARE_BUTTON, GtkWidget)

void tn_compare_button_set_session     (TnCompareButton *self, TnSession *session);
void tn_compare_button_set_calibration (TnCompareButton *self, TnCalibration *calibration);
/* Signal: "chosen" (path). */

G_END_DECLS
