/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/meter-cell.h"

#include <math.h>

#define BAR_HEIGHT 3

struct _TnMeterCell
{
  GtkWidget parent_instance;
  GtkWidget *label;
  double fraction;
};

G_DEFINE_FINAL_TYPE (TnMeterCell, tn_meter_cell, GTK_TYPE_WIDGET)

static void
tn_meter_cell_dispose (GObject *object)
{
  TnMeterCell *self = TN_METER_CELL (object);

  g_clear_pointer (&self->label, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_meter_cell_parent_class)->dispose (object);
}

static void
tn_meter_cell_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  TnMeterCell *self = TN_METER_CELL (widget);
  float width = (float) gtk_widget_get_width (widget);
  float height = (float) gtk_widget_get_height (widget);
  GdkRGBA color;

  if (isfinite (self->fraction))
    {
      float length = roundf (width * (float) CLAMP (self->fraction, 0.0, 1.0));
      float x = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL ? width - length : 0;

      gtk_style_context_get_color (gtk_widget_get_style_context (widget), &color);
      color.alpha *= 0.12f;
      gtk_snapshot_append_color (snapshot, &color, &GRAPHENE_RECT_INIT (0, height - BAR_HEIGHT, width, BAR_HEIGHT));
      if (!gtk_style_context_lookup_color (gtk_widget_get_style_context (widget), "accent_color", &color))
        gtk_style_context_get_color (gtk_widget_get_style_context (widget), &color);
      gtk_snapshot_append_color (snapshot, &color, &GRAPHENE_RECT_INIT (x, height - BAR_HEIGHT, length, BAR_HEIGHT));
    }
  gtk_widget_snapshot_child (widget, self->label, snapshot);
}

static void
tn_meter_cell_class_init (TnMeterCellClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_meter_cell_dispose;
  widget_class->snapshot = tn_meter_cell_snapshot;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
}

static void
tn_meter_cell_init (TnMeterCell *self)
{
  self->fraction = NAN;
  self->label = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (self->label), 1);
  gtk_widget_add_css_class (self->label, "numeric");
  gtk_widget_set_margin_bottom (self->label, BAR_HEIGHT);
  gtk_widget_set_parent (self->label, GTK_WIDGET (self));
}

GtkWidget *
tn_meter_cell_new (void)
{
  return g_object_new (TN_TYPE_METER_CELL, NULL);
}

void
tn_meter_cell_set (TnMeterCell *self, const char *text, double fraction)
{
  g_return_if_fail (TN_IS_METER_CELL (self));

  gtk_label_set_text (GTK_LABEL (self->label), text);
  if (isnan (fraction))
    gtk_widget_add_css_class (self->label, "dim-label");
  else
    gtk_widget_remove_css_class (self->label, "dim-label");
  if (fraction != self->fraction)
    {
      self->fraction = fraction;
      gtk_widget_queue_draw (GTK_WIDGET (self));
    }
}
