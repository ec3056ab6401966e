/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnStartPage: what one sees before a model is open: ways to open one. */
#define TN_TYPE_START_PAGE (tn_start_page_get_type ())
G_DECLARE_FINAL_TYPE (TnStartPage, tn_start_page, TN, START_PAGE, GtkWidget)

void tn_start_page_set_session (TnStartPage *self, TnSession *session);

G_END_DECLS
