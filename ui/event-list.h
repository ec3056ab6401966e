/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* TnEventList: what happened in a run, newest first. */
#define TN_TYPE_EVENT_LIST (tn_event_list_get_type ())
G_DECLARE_FINAL_TYPE (TnEventList, tn_event_list, TN, EVENT_LIST, GtkWidget)

/* events: of TnEventRow, in order; NULL: none. Those that are shown already stay. */
void  tn_event_list_show    (TnEventList *self, GPtrArray *events);
guint tn_event_list_n_shown (TnEventList *self);

G_END_DECLS
