/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnCalibrationPage: the form on one side, what it started on the other. */
#define TN_TYPE_CALIBRATION_PAGE (tn_calibration_page_get_type ())
G_DECLARE_FINAL_TYPE (TnCalibrationPage, tn_calibration_page, TN, CALIBRATION_PAGE, GtkWidget)

void tn_calibration_page_set_session (TnCalibrationPage *self, TnSession *session);
/* TRUE when there is something that files could be data for. */
gboolean tn_calibration_page_wants_data (TnCalibrationPage *self);
/* Takes a file or folder as data. */
void tn_calibration_page_add_data    (TnCalibrationPage *self, const char *path);

G_END_DECLS
