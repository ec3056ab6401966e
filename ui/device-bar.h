/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnDeviceBar: the quiet line at the window's bottom: what computes, with how many threads, the memory in use and allowed, the work that
 * runs. Everything else that was chosen is a click away. */
#define TN_TYPE_DEVICE_BAR (tn_device_bar_get_type ())
G_DECLARE_FINAL_TYPE (TnDeviceBar, tn_device_bar, TN, DEVICE_BAR, GtkWidget)

void tn_device_bar_set_session (TnDeviceBar *self, TnSession *session);

G_END_DECLS
