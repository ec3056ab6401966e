/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A GtkColumnView of GTK 4.8 does not tell by which column it sorts. Its columns therefore get sorters that know probes only: asking
 * the view's sorter to compare probes that differ in chosen columns tells whether, how and in what precedence each column counts. */

/* The sorter to give to the column of that number (below 64). */
GtkSorter *tn_table_probe_sorter_new (guint column);
/* The column that counts most, -1 when the view is not sorted. */
int        tn_table_probe            (GtkSorter *view_sorter, guint n_columns, gboolean *descending);

G_END_DECLS
