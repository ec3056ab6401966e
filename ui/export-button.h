/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnExportButton: writes what a calibration found into a file of the user's choice; insensitive while there is nothing to write. */
#define TN_TYPE_EXPORT_BUTTON (tn_export_button_get_type ())
G_DECLARE_FINAL_TYPE (TnExportButton, tn_export_button, TN, EXPORT_BUTTON, GtkWidget)

void tn_export_button_set_session     (TnExportButton *self, TnSession *session);
void tn_export_button_set_calibration (TnExportButton *self, TnCalibration *calibration);

G_END_DECLS
