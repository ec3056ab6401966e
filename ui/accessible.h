/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* What screen readers are told where GTK 4.8 tells them nothing or nonsense. */

/* Buttons below root lose the name that still has the mnemonic's underline in it; the label inside them gives the right one. */
void tn_accessible_fix_mnemonics  (GtkWidget *root);
/* Names the focusable parts of a drop-down, combo row or column view. */
void tn_accessible_name_parts     (GtkWidget *widget, const char *name);
/* Names the buttons below root that show an icon alone. */
void tn_accessible_name_icon_buttons (GtkWidget *root, const char *name);
/* Names the lists below root that libadwaita left without a name: those of expander rows by the row, those of groups without a title as given. */
void tn_accessible_name_lists     (GtkWidget *root, const char *name);
/* Names the row of a column view that cell, the child of a list item, stands in. */
void tn_accessible_name_cell_row  (GtkWidget *cell, const char *name);

G_END_DECLS
