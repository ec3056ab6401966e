/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnCalibrationForm: what to calibrate on and how. Says at once what is missing or wrong. */
#define TN_TYPE_CALIBRATION_FORM (tn_calibration_form_get_type ())
G_DECLARE_FINAL_TYPE (TnCalibrationForm, tn_calibration_form, TN, CALIBRATION_FORM, GtkWidget)

void                tn_calibration_form_set_session (TnCalibrationForm *self, TnSession *session);
/* Activations that another program recorded are wanted, not those of the model. */
gboolean            tn_calibration_form_is_recorded (TnCalibrationForm *self);
void                tn_calibration_form_set_recorded (TnCalibrationForm *self, gboolean recorded);
/* To what is wanted: data for the model, or recorded activations. */
void                tn_calibration_form_add_data    (TnCalibrationForm *self, const char *path);
/* Why it cannot start yet, one line for people; NULL when it can. */
char               *tn_calibration_form_dup_problem (TnCalibrationForm *self);
/* There must be no problem. */
TnCalibrateOptions *tn_calibration_form_get_options (TnCalibrationForm *self);
/* They were used: the next session starts with them. */
void                tn_calibration_form_remember    (TnCalibrationForm *self, const TnCalibrateOptions *options);
/* Signal: "changed" (). */

G_END_DECLS
