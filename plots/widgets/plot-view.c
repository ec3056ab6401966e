/* SPDX-License-Identifier: Apache-2.0 */
#include <adwaita.h>
#include <glib/gi18n-lib.h>
#include <math.h>

#include "plots/figures/palette.h"
#include "plots/widgets/plot-view-private.h"

#define LEAST_WIDTH 120
#define LEAST_HEIGHT 80
#define NATURAL_WIDTH 480
#define NATURAL_HEIGHT 300
#define CORNER_RADIUS 8
/* Axis labels against the type of the interface. */
#define LABEL_SHARE 0.84
/* Screen readers hear of changing data no more often than this. */
#define DESCRIBE_MILLISECONDS 500
#define BUBBLE_PADDING 7
#define BUBBLE_DISTANCE 14

G_DEFINE_FINAL_TYPE (TnPlotView, tn_plot_view, GTK_TYPE_WIDGET)

TnFigureStyle
tn_plot_view_get_style (TnPlotView *self)
{
  AdwStyleManager *manager = adw_style_manager_get_for_display (gtk_widget_get_display (GTK_WIDGET (self)));
  gboolean dark = adw_style_manager_get_dark (manager);

  if (adw_style_manager_get_high_contrast (manager))
    return dark ? TN_FIGURE_DARK_CONTRAST : TN_FIGURE_LIGHT_CONTRAST;
  return dark ? TN_FIGURE_DARK : TN_FIGURE_LIGHT;
}

void
tn_plot_view_redraw (TnPlotView *self)
{
  g_clear_pointer (&self->drawn, gsk_render_node_unref);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
tn_plot_view_describe (TnPlotView *self, const char *description)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, description, -1);
}

static gboolean
describe_figure (gpointer user_data)
{
  TnPlotView *self = user_data;
  g_autofree char *description = tn_figure_describe (self->figure);

  self->describe_source = 0;
  tn_plot_view_describe (self, description);
  return G_SOURCE_REMOVE;
}

void
tn_plot_view_changed (TnPlotView *self)
{
  g_return_if_fail (TN_IS_PLOT_VIEW (self));
  tn_plot_view_redraw (self);
  if (self->describe_source == 0)
    self->describe_source = g_timeout_add (DESCRIBE_MILLISECONDS, describe_figure, self);
}

/* --- drawing ----------------------------------------------------------- */

static GskRenderNode *
draw_figure (TnPlotView *self, int width, int height)
{
  g_autoptr (GtkSnapshot) snapshot = gtk_snapshot_new ();
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, width, height));

  tn_figure_set_density (self->figure, gtk_widget_get_scale_factor (GTK_WIDGET (self)));
  tn_figure_draw (self->figure, cr, width, height, tn_plot_view_get_style (self));
  cairo_destroy (cr);
  return gtk_snapshot_free_to_node (g_steal_pointer (&snapshot));
}

static GdkRGBA
ink (TnPlotView *self, guint number, float alpha)
{
  TnColor color = tn_palette_color (tn_plot_view_get_style (self), number);

  return (GdkRGBA){(float) color.red, (float) color.green, (float) color.blue, alpha};
}

static void
snapshot_line (GtkSnapshot *snapshot, const GdkRGBA *color, double x, double y, double width, double height)
{
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT ((float) x, (float) y, (float) width, (float) height));
}

/* A label beside the point, on the side that has room. */
static void
snapshot_bubble (TnPlotView *self, GtkSnapshot *snapshot, const char *text, int width, int height)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();
  GdkRGBA paper = ink (self, TN_INK_BACKGROUND, 0.96f), edge = ink (self, TN_INK_AXIS, 1), letters = ink (self, TN_INK_TEXT, 1);
  GdkRGBA edges[] = {edge, edge, edge, edge};
  const float widths[] = {1, 1, 1, 1};
  GskRoundedRect outline;
  int text_width, text_height;
  double x, y, bubble_width, bubble_height;

  pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1"));
  pango_attr_list_insert (attributes, pango_attr_scale_new (0.9));
  pango_layout_set_attributes (layout, attributes);
  pango_layout_get_pixel_size (layout, &text_width, &text_height);
  if (text_width + 2 * BUBBLE_PADDING > width)
    {
      pango_layout_set_width (layout, MAX (1, width - 2 * BUBBLE_PADDING) * PANGO_SCALE);
      pango_layout_set_wrap (layout, PANGO_WRAP_WORD_CHAR);
      pango_layout_get_pixel_size (layout, &text_width, &text_height);
    }
  bubble_width = text_width + 2 * BUBBLE_PADDING;
  bubble_height = text_height + 2 * BUBBLE_PADDING - 4;
  x = self->x + BUBBLE_DISTANCE;
  if (x + bubble_width > width)
    x = self->x - BUBBLE_DISTANCE - bubble_width;
  x = CLAMP (x, 0, MAX (0, width - bubble_width));
  y = CLAMP (self->y - bubble_height - BUBBLE_DISTANCE / 2, 0, MAX (0, height - bubble_height));

  gsk_rounded_rect_init_from_rect (&outline,
                                   &GRAPHENE_RECT_INIT ((float) rint (x), (float) rint (y), (float) bubble_width,
                                                        (float) bubble_height),
                                   6);
  gtk_snapshot_append_outset_shadow (snapshot, &outline, &(GdkRGBA){0, 0, 0, 0.18f}, 0, 1, 0, 4);
  gtk_snapshot_push_rounded_clip (snapshot, &outline);
  gtk_snapshot_append_color (snapshot, &paper, &outline.bounds);
  gtk_snapshot_pop (snapshot);
  gtk_snapshot_append_border (snapshot, &outline, widths, edges);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot,
                          &GRAPHENE_POINT_INIT ((float) rint (x) + BUBBLE_PADDING, (float) rint (y) + BUBBLE_PADDING - 2));
  gtk_snapshot_append_layout (snapshot, layout, &letters);
  gtk_snapshot_restore (snapshot);
}

static void
snapshot_reading (TnPlotView *self, GtkSnapshot *snapshot, int width, int height)
{
  g_autofree char *text = tn_figure_read_out (self->figure, width, height, self->x, self->y);
  GdkRGBA line = ink (self, TN_INK_TEXT, 0.45f);
  cairo_rectangle_t plot;
  double thickness = 1.0 / gtk_widget_get_scale_factor (GTK_WIDGET (self));

  if (text == NULL)
    return;
  tn_figure_get_plot_area (self->figure, width, height, &plot);
  snapshot_line (snapshot, &line, floor (self->x), plot.y, MAX (1, thickness), plot.height);
  snapshot_line (snapshot, &line, plot.x, floor (self->y), plot.width, MAX (1, thickness));
  snapshot_bubble (self, snapshot, text, width, height);
}

static void
snapshot_focus (TnPlotView *self, GtkSnapshot *snapshot, int width, int height)
{
  const float widths[] = {2, 2, 2, 2};
  GskRoundedRect outline;
  GdkRGBA color;

  if (!gtk_style_context_lookup_color (gtk_widget_get_style_context (GTK_WIDGET (self)), "accent_color", &color))
    color = ink (self, TN_INK_SERIES, 1);
  color.alpha = 0.8f;
  gsk_rounded_rect_init_from_rect (&outline, &GRAPHENE_RECT_INIT (0, 0, width, height), CORNER_RADIUS);
  gtk_snapshot_append_border (snapshot, &outline, widths, (const GdkRGBA[]){color, color, color, color});
}

static void
tn_plot_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  GskRoundedRect outline;

  if (width < 1 || height < 1)
    return;
  if (self->drawn == NULL || self->drawn_width != width || self->drawn_height != height)
    {
      g_clear_pointer (&self->drawn, gsk_render_node_unref);
      self->drawn = draw_figure (self, width, height);
      self->drawn_width = width;
      self->drawn_height = height;
    }
  gsk_rounded_rect_init_from_rect (&outline, &GRAPHENE_RECT_INIT (0, 0, width, height), CORNER_RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &outline);
  gtk_snapshot_append_node (snapshot, self->drawn);
  gtk_snapshot_pop (snapshot);
  if (self->reading)
    snapshot_reading (self, snapshot, width, height);
  if (gtk_widget_has_visible_focus (widget))
    snapshot_focus (self, snapshot, width, height);
}

static void
tn_plot_view_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
                      int *minimum_baseline, int *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? LEAST_WIDTH : LEAST_HEIGHT;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? NATURAL_WIDTH : NATURAL_HEIGHT;
}

static void
tn_plot_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);

  if (self->menu != NULL)
    gtk_popover_present (GTK_POPOVER (self->menu));
}

/* The typeface and size of the interface, so that large text is large here too. */
static void
take_font (TnPlotView *self)
{
  PangoContext *context = gtk_widget_get_pango_context (GTK_WIDGET (self));
  const PangoFontDescription *font = pango_context_get_font_description (context);
  const char *family = pango_font_description_get_family (font);
  double size = (double) pango_font_description_get_size (font) / PANGO_SCALE,
         resolution = pango_cairo_context_get_resolution (context);

  if (!pango_font_description_get_size_is_absolute (font))
    size *= (resolution > 0 ? resolution : 96) / 72;
  if (size > 0)
    tn_figure_set_font (self->figure, family != NULL ? family : "Sans", size * LABEL_SHARE);
  tn_plot_view_redraw (self);
}

static void
tn_plot_view_css_changed (GtkWidget *widget, GtkCssStyleChange *change)
{
  GTK_WIDGET_CLASS (tn_plot_view_parent_class)->css_changed (widget, change);
  take_font (TN_PLOT_VIEW (widget));
}

static void
tn_plot_view_system_setting_changed (GtkWidget *widget, GtkSystemSetting setting)
{
  GTK_WIDGET_CLASS (tn_plot_view_parent_class)->system_setting_changed (widget, setting);
  take_font (TN_PLOT_VIEW (widget));
}

/* --- object ------------------------------------------------------------ */

static void
tn_plot_view_dispose (GObject *object)
{
  TnPlotView *self = TN_PLOT_VIEW (object);

  g_clear_handle_id (&self->describe_source, g_source_remove);
  g_clear_pointer (&self->menu, gtk_widget_unparent);
  if (self->chooser != NULL)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->chooser));
  g_clear_object (&self->chooser);
  g_clear_pointer (&self->drawn, gsk_render_node_unref);
  G_OBJECT_CLASS (tn_plot_view_parent_class)->dispose (object);
}

static void
tn_plot_view_finalize (GObject *object)
{
  TnPlotView *self = TN_PLOT_VIEW (object);

  tn_figure_free (self->figure);
  g_free (self->export_name);
  G_OBJECT_CLASS (tn_plot_view_parent_class)->finalize (object);
}

static void
tn_plot_view_class_init (TnPlotViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = tn_plot_view_dispose;
  object_class->finalize = tn_plot_view_finalize;
  widget_class->snapshot = tn_plot_view_snapshot;
  widget_class->measure = tn_plot_view_measure;
  widget_class->size_allocate = tn_plot_view_size_allocate;
  widget_class->css_changed = tn_plot_view_css_changed;
  widget_class->system_setting_changed = tn_plot_view_system_setting_changed;
  gtk_widget_class_set_css_name (widget_class, "plotview");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  tn_plot_view_class_init_input (widget_class);
  tn_plot_view_class_init_export (widget_class);
}

static void
tn_plot_view_init (TnPlotView *self)
{
  AdwStyleManager *manager = adw_style_manager_get_for_display (gtk_widget_get_display (GTK_WIDGET (self)));

  self->figure = tn_figure_new (NULL);
  self->export_name = g_strdup (_ ("plot"));
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Plot"), -1);
  g_signal_connect_object (manager, "notify::dark", G_CALLBACK (tn_plot_view_redraw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (manager, "notify::high-contrast", G_CALLBACK (tn_plot_view_redraw), self, G_CONNECT_SWAPPED);
  g_signal_connect (self, "notify::scale-factor", G_CALLBACK (tn_plot_view_redraw), NULL);
  tn_plot_view_init_input (self);
  describe_figure (self);
}

GtkWidget *
tn_plot_view_new (void)
{
  return g_object_new (TN_TYPE_PLOT_VIEW, NULL);
}

void
tn_plot_view_set_figure (TnPlotView *self, TnFigure *figure)
{
  g_return_if_fail (TN_IS_PLOT_VIEW (self));
  g_return_if_fail (figure != NULL);

  tn_figure_free (self->figure);
  self->figure = figure;
  self->reading = FALSE;
  take_font (self);
  tn_plot_view_changed (self);
}

TnFigure *
tn_plot_view_get_figure (TnPlotView *self)
{
  g_return_val_if_fail (TN_IS_PLOT_VIEW (self), NULL);
  return self->figure;
}

void
tn_plot_view_set_export_name (TnPlotView *self, const char *name)
{
  g_return_if_fail (TN_IS_PLOT_VIEW (self));
  g_return_if_fail (name != NULL);
  g_free (self->export_name);
  self->export_name = g_strdelimit (g_strdup (name), "/", '_');
}
