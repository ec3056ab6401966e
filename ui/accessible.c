/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/accessible.h"

static void
set_name (GtkWidget *widget, const char *name)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

void
tn_accessible_fix_mnemonics (GtkWidget *root)
{
  gboolean is_check = GTK_IS_CHECK_BUTTON (root) && gtk_check_button_get_use_underline (GTK_CHECK_BUTTON (root));

  if (GTK_IS_BUTTON (root) && gtk_button_get_use_underline (GTK_BUTTON (root)))
    gtk_accessible_reset_property (GTK_ACCESSIBLE (root), GTK_ACCESSIBLE_PROPERTY_LABEL);
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    {
      if (is_check && GTK_IS_LABEL (child)) /* which is no name for it by itself */
        set_name (root, gtk_label_get_text (GTK_LABEL (child)));
      tn_accessible_fix_mnemonics (child);
    }
}

void
tn_accessible_name_parts (GtkWidget *widget, const char *name)
{
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL; child = gtk_widget_get_next_sibling (child))
    {
      GtkAccessibleRole role = gtk_accessible_get_accessible_role (GTK_ACCESSIBLE (child));

      if (gtk_widget_get_focusable (child) || role == GTK_ACCESSIBLE_ROLE_ROW)
        set_name (child, name);
      if (role != GTK_ACCESSIBLE_ROLE_LIST && role != GTK_ACCESSIBLE_ROLE_ROW)
        tn_accessible_name_parts (child, name);
    }
}

void
tn_accessible_name_icon_buttons (GtkWidget *root, const char *name)
{
  if (GTK_IS_BUTTON (root) && gtk_button_get_icon_name (GTK_BUTTON (root)) != NULL)
    set_name (root, name);
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    tn_accessible_name_icon_buttons (child, name);
}

void
tn_accessible_name_lists (GtkWidget *root, const char *name)
{
  gboolean named = FALSE;

  if (ADW_IS_PREFERENCES_GROUP (root))
    {
      const char *title = adw_preferences_group_get_title (ADW_PREFERENCES_GROUP (root));

      named = title != NULL && *title != '\0';
    }
  if (ADW_IS_EXPANDER_ROW (root))
    name = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (root));
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    tn_accessible_name_lists (child, named ? NULL : name);
  if (GTK_IS_LIST_BOX (root) && name != NULL)
    set_name (root, name);
}

void
tn_accessible_name_cell_row (GtkWidget *cell, const char *name)
{
  for (GtkWidget *parent = gtk_widget_get_parent (cell); parent != NULL && !GTK_IS_COLUMN_VIEW (parent);
       parent = gtk_widget_get_parent (parent))
    if (gtk_accessible_get_accessible_role (GTK_ACCESSIBLE (parent)) == GTK_ACCESSIBLE_ROLE_ROW)
      {
        set_name (parent, name);
        return;
      }
}
