/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* For measuring, not for users: keeps the window painting at every frame and prints, every few seconds and at the end, how far apart
 * the frames were. */
void tn_frame_times_watch (GtkWidget *window);

G_END_DECLS
