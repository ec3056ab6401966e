/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "app/tasks/calibrate-options.h"

G_BEGIN_DECLS

/* TnCalibrationEstimate: what a calibration with these options will take, before it starts. Memory is worked out from the model; time and disk
 * from a short measurement of this model on this machine, of random tokens under the same observers, and are not known before. */
#define TN_TYPE_CALIBRATION_ESTIMATE (tn_calibration_estimate_get_type ())
G_DECLARE_FINAL_TYPE (TnCalibrationEstimate, tn_calibration_estimate, TN, CALIBRATION_ESTIMATE, GObject)

TnCalibrationEstimate *tn_calibration_estimate_new           (void);
/* NULL: nothing to estimate. Works on worker threads; "changed" () says when numbers did. */
void                   tn_calibration_estimate_set_options   (TnCalibrationEstimate *self, const TnCalibrateOptions *options);
/* Measures model and options as they are, for about two seconds; not while a calibration runs. */
void                   tn_calibration_estimate_measure       (TnCalibrationEstimate *self);
gboolean               tn_calibration_estimate_is_measuring  (TnCalibrationEstimate *self);
/* Why measuring failed, NULL when it did not. */
const char            *tn_calibration_estimate_get_error     (TnCalibrationEstimate *self);
/* Bytes at the peak, without what the program takes anyway; 0 while not known. */
guint64                tn_calibration_estimate_get_memory    (TnCalibrationEstimate *self);
/* Bytes of the statistics file, about; 0 while not measured. */
guint64                tn_calibration_estimate_get_disk      (TnCalibrationEstimate *self);
/* Tokens a second; 0 while not measured for this model, sites, length and batch. */
double                 tn_calibration_estimate_get_rate      (TnCalibrationEstimate *self);
/* Seconds at most, sequences being shorter than the longest; NaN while the rate or the number of sequences is not known. */
double                 tn_calibration_estimate_get_seconds   (TnCalibrationEstimate *self);

G_END_DECLS
