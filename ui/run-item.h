/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "data/workspace/workspace.h"

G_BEGIN_DECLS

/* TnRunItem: one run in a list: state, progress, and buttons while it goes on. */
#define TN_TYPE_RUN_ITEM (tn_run_item_get_type ())
G_DECLARE_FINAL_TYPE (TnRunItem, tn_run_item, TN, RUN_ITEM, GtkListBoxRow)

GtkWidget *tn_run_item_new     (void);
void       tn_run_item_show    (TnRunItem *self, const TnRunRow *run);
gint64     tn_run_item_get_run (TnRunItem *self); /* 0 before tn_run_item_show() */
/* Signal: "requested" (int TnRequest). */

G_END_DECLS
