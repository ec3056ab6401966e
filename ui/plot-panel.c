/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/plot-panel.h"

#include "ui/accessible.h"

void
tn_plot_panel_init (TnPlotPanel *self, GtkWidget *parent)
{
  self->box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  self->bar = GTK_BOX (gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8));
  self->reading = GTK_LABEL (gtk_label_new (NULL));
  self->plot = TN_PLOT_VIEW (tn_plot_view_new ());
  gtk_widget_set_margin_start (GTK_WIDGET (self->bar), 12);
  gtk_widget_set_margin_end (GTK_WIDGET (self->bar), 12);
  gtk_label_set_xalign (self->reading, 1);
  gtk_label_set_ellipsize (self->reading, PANGO_ELLIPSIZE_END);
  gtk_widget_set_hexpand (GTK_WIDGET (self->reading), TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->reading), "caption");
  gtk_widget_add_css_class (GTK_WIDGET (self->reading), "numeric");
  gtk_box_append (self->bar, GTK_WIDGET (self->reading));
  gtk_widget_set_vexpand (GTK_WIDGET (self->plot), TRUE);
  gtk_widget_set_hexpand (GTK_WIDGET (self->plot), TRUE);
  gtk_box_append (GTK_BOX (self->box), GTK_WIDGET (self->bar));
  gtk_box_append (GTK_BOX (self->box), GTK_WIDGET (self->plot));
  gtk_widget_set_parent (self->box, parent);
}

GtkDropDown *
tn_plot_panel_add_choice (TnPlotPanel *self, const char *name, const char *const *choices)
{
  GtkWidget *choice = gtk_drop_down_new_from_strings (choices);

  gtk_widget_set_tooltip_text (choice, name);
  tn_accessible_name_parts (choice, name);
  gtk_box_insert_child_after (self->bar, choice, gtk_widget_get_prev_sibling (GTK_WIDGET (self->reading)));
  return GTK_DROP_DOWN (choice);
}

void
tn_plot_panel_set_reading (TnPlotPanel *self, const char *text)
{
  gtk_label_set_text (self->reading, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->reading), *text != '\0' ? text : NULL);
}
