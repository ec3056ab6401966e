/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/widgets/plot-view-private.h"

/* One notch of a wheel. */
#define WHEEL_FACTOR 1.2
/* Touchpads count pixels; so many make a notch. */
#define PIXELS_PER_NOTCH 40
#define KEY_FACTOR 1.5

void
tn_plot_view_zoom_at (TnPlotView *self, double x, double y, double factor, gboolean both)
{
  GtkWidget *widget = GTK_WIDGET (self);

  tn_figure_zoom (self->figure, gtk_widget_get_width (widget), gtk_widget_get_height (widget), x, y, factor, both);
  tn_plot_view_changed (self);
}

static void
pan_by (TnPlotView *self, double dx, double dy)
{
  GtkWidget *widget = GTK_WIDGET (self);

  /* A vertical range that follows the data goes on doing so. */
  tn_figure_pan (self->figure, gtk_widget_get_width (widget), gtk_widget_get_height (widget), dx,
                 tn_figure_is_y_zoomed (self->figure) ? dy : 0);
  tn_plot_view_changed (self);
}

static gboolean
is_inside (TnPlotView *self, double x, double y)
{
  GtkWidget *widget = GTK_WIDGET (self);

  return tn_figure_pixel_to_data (self->figure, gtk_widget_get_width (widget), gtk_widget_get_height (widget), x, y, NULL, NULL);
}

static void
stop_reading (TnPlotView *self)
{
  if (!self->reading)
    return;
  self->reading = FALSE;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
read_at (TnPlotView *self, double x, double y, gboolean by_keys)
{
  if (self->reading && self->x == x && self->y == y)
    return;
  self->reading = TRUE;
  self->reading_by_keys = by_keys;
  self->x = x;
  self->y = y;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- pointer ----------------------------------------------------------- */

static void
on_motion (GtkEventControllerMotion *controller, double x, double y, TnPlotView *self)
{
  self->pointer_x = x;
  self->pointer_y = y;
  if (is_inside (self, x, y))
    read_at (self, x, y, FALSE);
  else if (!self->reading_by_keys)
    stop_reading (self);
}

static void
on_leave (GtkEventControllerMotion *controller, TnPlotView *self)
{
  if (!self->reading_by_keys)
    stop_reading (self);
}

static void
on_focus_leave (GtkEventControllerFocus *controller, TnPlotView *self)
{
  if (self->reading_by_keys)
    stop_reading (self);
}

static gboolean
on_scroll (GtkEventControllerScroll *controller, double dx, double dy, TnPlotView *self)
{
  GtkEventController *base = GTK_EVENT_CONTROLLER (controller);
  gboolean both = (gtk_event_controller_get_current_event_state (base) & GDK_SHIFT_MASK) != 0;
  gboolean pixels = gtk_event_controller_scroll_get_unit (controller) == GDK_SCROLL_UNIT_SURFACE;
  /* Scroll events carry no position of their own. */
  double x = self->pointer_x, y = self->pointer_y;

  if (!is_inside (self, x, y))
    return GDK_EVENT_PROPAGATE;
  /* Some systems turn the wheel sideways while Shift is held. */
  if (both && dy == 0)
    dy = dx;
  else if (!both && fabs (dx) > fabs (dy))
    {
      pan_by (self, -dx * (pixels ? 1 : PIXELS_PER_NOTCH), 0);
      return GDK_EVENT_STOP;
    }
  tn_plot_view_zoom_at (self, x, y, pow (WHEEL_FACTOR, pixels ? dy / PIXELS_PER_NOTCH : dy), both);
  return GDK_EVENT_STOP;
}

static void
on_pinch_begin (GtkGesture *gesture, GdkEventSequence *sequence, TnPlotView *self)
{
  self->pinch = 1;
}

static void
on_pinch (GtkGestureZoom *gesture, double scale, TnPlotView *self)
{
  double x, y;
  gboolean both = (gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (gesture)) & GDK_SHIFT_MASK) != 0;

  if (scale <= 0 || !gtk_gesture_get_bounding_box_center (GTK_GESTURE (gesture), &x, &y))
    return;
  tn_plot_view_zoom_at (self, x, y, self->pinch / scale, both);
  self->pinch = scale;
}

static void
on_drag_begin (GtkGestureDrag *gesture, double x, double y, TnPlotView *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (!is_inside (self, x, y))
    {
      gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_DENIED);
      return;
    }
  self->drag_x = 0;
  self->drag_y = 0;
}

static void
on_drag_update (GtkGestureDrag *gesture, double x, double y, TnPlotView *self)
{
  GtkWidget *widget = GTK_WIDGET (self);

  /* A click is not a drag. */
  if (self->drag_x == 0 && self->drag_y == 0 && !gtk_drag_check_threshold (widget, 0, 0, (int) x, (int) y))
    return;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  gtk_widget_set_cursor_from_name (widget, "grabbing");
  stop_reading (self);
  pan_by (self, x - self->drag_x, y - self->drag_y);
  self->drag_x = x;
  self->drag_y = y;
}

static void
on_drag_end (GtkGestureDrag *gesture, double x, double y, TnPlotView *self)
{
  gtk_widget_set_cursor (GTK_WIDGET (self), NULL);
}

static void
on_pressed (GtkGestureClick *gesture, int n_press, double x, double y, TnPlotView *self)
{
  guint button = gtk_gesture_single_get_current_button (GTK_GESTURE_SINGLE (gesture));

  if (button == GDK_BUTTON_SECONDARY)
    {
      gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
      gtk_widget_grab_focus (GTK_WIDGET (self));
      tn_plot_view_popup_menu (self, x, y);
    }
  else if (button == GDK_BUTTON_PRIMARY && n_press == 2)
    gtk_widget_activate_action (GTK_WIDGET (self), "plot.reset-view", NULL);
}

static void
on_long_press (GtkGestureLongPress *gesture, double x, double y, TnPlotView *self)
{
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  tn_plot_view_popup_menu (self, x, y);
}

void
tn_plot_view_init_input (TnPlotView *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GtkEventController *motion = gtk_event_controller_motion_new (), *focus = gtk_event_controller_focus_new ();
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  GtkGesture *pinch = gtk_gesture_zoom_new (), *drag = gtk_gesture_drag_new (), *click = gtk_gesture_click_new ();
  GtkGesture *press = gtk_gesture_long_press_new ();

  g_signal_connect (motion, "enter", G_CALLBACK (on_motion), self);
  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), self);
  g_signal_connect (motion, "leave", G_CALLBACK (on_leave), self);
  g_signal_connect (focus, "leave", G_CALLBACK (on_focus_leave), self);
  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  g_signal_connect (pinch, "begin", G_CALLBACK (on_pinch_begin), self);
  g_signal_connect (pinch, "scale-changed", G_CALLBACK (on_pinch), self);
  g_signal_connect (drag, "drag-begin", G_CALLBACK (on_drag_begin), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_drag_update), self);
  g_signal_connect (drag, "drag-end", G_CALLBACK (on_drag_end), self);
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), 0);
  g_signal_connect (click, "pressed", G_CALLBACK (on_pressed), self);
  gtk_gesture_single_set_touch_only (GTK_GESTURE_SINGLE (press), TRUE);
  g_signal_connect (press, "pressed", G_CALLBACK (on_long_press), self);
  gtk_widget_add_controller (widget, motion);
  gtk_widget_add_controller (widget, focus);
  gtk_widget_add_controller (widget, scroll);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (pinch));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (drag));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (click));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (press));
}

/* --- keys -------------------------------------------------------------- */

static gboolean
step (GtkWidget *widget, GVariant *arguments, gpointer user_data)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget), columns, rows;
  double x = self->reading ? self->x : -1, y = self->reading ? self->y : -1;
  g_autofree char *text = NULL;

  g_variant_get (arguments, "(ii)", &columns, &rows);
  if (!tn_figure_step (self->figure, width, height, columns, rows, &x, &y))
    return FALSE;
  read_at (self, x, y, TRUE);
  text = tn_figure_read_out (self->figure, width, height, x, y);
  if (text != NULL)
    tn_plot_view_describe (self, text);
  return TRUE;
}

static gboolean
escape (GtkWidget *widget, GVariant *arguments, gpointer user_data)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);
  gboolean was_reading = self->reading;

  stop_reading (self);
  return was_reading;
}

static void
zoom_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);
  double factor = g_str_equal (name, "plot.zoom-in") ? 1 / KEY_FACTOR : KEY_FACTOR;
  cairo_rectangle_t plot;

  tn_figure_get_plot_area (self->figure, gtk_widget_get_width (widget), gtk_widget_get_height (widget), &plot);
  if (self->reading)
    tn_plot_view_zoom_at (self, self->x, self->y, factor, FALSE);
  else
    tn_plot_view_zoom_at (self, plot.x + plot.width / 2, plot.y + plot.height / 2, factor, FALSE);
}

static void
reset_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);

  tn_figure_reset_view (self->figure);
  tn_plot_view_changed (self);
}

void
tn_plot_view_class_init_input (GtkWidgetClass *widget_class)
{
  /* The last binding of an action is the one that menus show. */
  static const guint zoom_in[] = {GDK_KEY_KP_Add, GDK_KEY_equal, GDK_KEY_plus}, zoom_out[] = {GDK_KEY_KP_Subtract, GDK_KEY_minus};

  gtk_widget_class_install_action (widget_class, "plot.zoom-in", NULL, zoom_action);
  gtk_widget_class_install_action (widget_class, "plot.zoom-out", NULL, zoom_action);
  gtk_widget_class_install_action (widget_class, "plot.reset-view", NULL, reset_action);
  for (guint i = 0; i < G_N_ELEMENTS (zoom_in); i++)
    gtk_widget_class_add_binding_action (widget_class, zoom_in[i], GDK_CONTROL_MASK, "plot.zoom-in", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (zoom_out); i++)
    gtk_widget_class_add_binding_action (widget_class, zoom_out[i], GDK_CONTROL_MASK, "plot.zoom-out", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Home, 0, "plot.reset-view", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_KP_0, GDK_CONTROL_MASK, "plot.reset-view", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_0, GDK_CONTROL_MASK, "plot.reset-view", NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Left, 0, step, "(ii)", -1, 0);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Right, 0, step, "(ii)", 1, 0);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Up, 0, step, "(ii)", 0, -1);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Down, 0, step, "(ii)", 0, 1);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Escape, 0, escape, NULL);
}
