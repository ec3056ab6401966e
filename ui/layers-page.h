/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnLayersPage: the tensors of the open model, or why there are none to show. */
#define TN_TYPE_LAYERS_PAGE (tn_layers_page_get_type ())
G_DECLARE_FINAL_TYPE (TnLayersPage, tn_layers_page, TN, LAYERS_PAGE, GtkWidget)

void     tn_layers_page_set_session  (TnLayersPage *self, TnSession *session);
/* Puts the keyboard into the filter. */
void     tn_layers_page_start_search (TnLayersPage *self);
TnTable *tn_layers_page_get_table    (TnLayersPage *self);

G_END_DECLS
