/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/calibration-estimate.h"

G_BEGIN_DECLS

/* TnEstimateView: memory, disk and time of a calibration in one line, before it starts. */
#define TN_TYPE_ESTIMATE_VIEW (tn_estimate_view_get_type ())
G_DECLARE_FINAL_TYPE (TnEstimateView, tn_estimate_view, TN, ESTIMATE_VIEW, GtkWidget)

TnCalibrationEstimate *tn_estimate_view_get_estimate (TnEstimateView *self);

G_END_DECLS
