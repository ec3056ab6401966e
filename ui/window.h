/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnWindow: the workbench's window: a session and its pages. */
#define TN_TYPE_WINDOW (tn_window_get_type ())
G_DECLARE_FINAL_TYPE (TnWindow, tn_window, TN, WINDOW, AdwApplicationWindow)

GtkWidget *tn_window_new         (AdwApplication *application, TnSession *session);
TnSession *tn_window_get_session (TnWindow *self);
/* A model, or statistics, which show on the calibration page beside the model that is open. */
void       tn_window_open        (TnWindow *self, const char *path);
/* "layers", "calibration", "training" or "runs". */
void       tn_window_show_page   (TnWindow *self, const char *page);

G_END_DECLS
