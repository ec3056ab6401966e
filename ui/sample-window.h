/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/sample-preview.h"

G_BEGIN_DECLS

/* TnSampleWindow: what a sampler picks: how much of what, where in the files it lies, and its lengths beside those of all records. */
#define TN_TYPE_SAMPLE_WINDOW (tn_sample_window_get_type ())
G_DECLARE_FINAL_TYPE (TnSampleWindow, tn_sample_window, TN, SAMPLE_WINDOW, AdwWindow)

/* Draws at once. */
TnSampleWindow *tn_sample_window_present (GtkWindow *parent, const TnCalibrateOptions *options);
/* "drawing", "drawn", "all" or "failed". */
const char     *tn_sample_window_get_state (TnSampleWindow *self);

G_END_DECLS
