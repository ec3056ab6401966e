/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* TnGuidesWindow: the guides, to read beside the work. Searches headings and what stands under them. */
#define TN_TYPE_GUIDES_WINDOW (tn_guides_window_get_type ())
G_DECLARE_FINAL_TYPE (TnGuidesWindow, tn_guides_window, TN, GUIDES_WINDOW, AdwWindow)

GtkWidget  *tn_guides_window_new      (void);
/* address: "calibration.md" or "calibration.md#samplers"; what does not exist leaves things as they are. */
void        tn_guides_window_show     (TnGuidesWindow *self, const char *address);
void        tn_guides_window_search   (TnGuidesWindow *self, const char *text);
/* The name of the guide that is shown. */
const char *tn_guides_window_get_name (TnGuidesWindow *self);
/* Headings that the list shows now. */
guint       tn_guides_window_get_n_listed (TnGuidesWindow *self);
/* Opens the window of the application or brings it forward; address may be NULL. */
void        tn_guides_window_present  (GtkWindow *parent, const char *address);

G_END_DECLS
