/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnRunsPage: the runs of this workspace, whichever program started them. */
#define TN_TYPE_RUNS_PAGE (tn_runs_page_get_type ())
G_DECLARE_FINAL_TYPE (TnRunsPage, tn_runs_page, TN, RUNS_PAGE, GtkWidget)

void tn_runs_page_set_session (TnRunsPage *self, TnSession *session);

G_END_DECLS
