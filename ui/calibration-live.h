/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnCalibrationLive: a calibration while it runs and what it left: progress, sites, the chosen site's distribution, export. */
#define TN_TYPE_CALIBRATION_LIVE (tn_calibration_live_get_type ())
G_DECLARE_FINAL_TYPE (TnCalibrationLive, tn_calibration_live, TN, CALIBRATION_LIVE, GtkWidget)

void     tn_calibration_live_set_session (TnCalibrationLive *self, TnSession *session);
TnTable *tn_calibration_live_get_table   (TnCalibrationLive *self);

G_END_DECLS
