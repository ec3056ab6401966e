/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/calibration.h"

G_BEGIN_DECLS

/* TnCalibrationStatus: how far a calibration is, and how it ended, in words and a bar. */
#define TN_TYPE_CALIBRATION_STATUS (tn_calibration_status_get_type ())
G_DECLARE_FINAL_TYPE (TnCalibrationStatus, tn_calibration_status, TN, CALIBRATION_STATUS, GtkWidget)

void tn_calibration_status_set_calibration (TnCalibrationStatus *self, TnCalibration *calibration);

G_END_DECLS
