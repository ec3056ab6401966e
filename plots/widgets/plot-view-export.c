/* SPDX-License-Identifier: Apache-2.0 */
#include <adwaita.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "plots/widgets/plot-view-private.h"

/* The size of a file when the view has none yet. */
#define DEFAULT_WIDTH 860
#define DEFAULT_HEIGHT 420

static void
get_export_size (TnPlotView *self, int *width, int *height)
{
  *width = gtk_widget_get_width (GTK_WIDGET (self));
  *height = gtk_widget_get_height (GTK_WIDGET (self));
  if (*width < 1 || *height < 1)
    {
      *width = DEFAULT_WIDTH;
      *height = DEFAULT_HEIGHT;
    }
}

gboolean
tn_plot_view_export (TnPlotView *self, const char *path, GError **error)
{
  int width, height;

  g_return_val_if_fail (TN_IS_PLOT_VIEW (self), FALSE);
  get_export_size (self, &width, &height);
  return tn_figure_save (self->figure, path, width, height, TN_FIGURE_LIGHT, error);
}

/* --- files ------------------------------------------------------------- */

/* In the window's toasts; in a dialog of its own where it has none. */
static void
tell (TnPlotView *self, const char *message)
{
  GtkWidget *overlay = gtk_widget_get_ancestor (GTK_WIDGET (self), ADW_TYPE_TOAST_OVERLAY);
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *dialog;

  if (overlay != NULL)
    {
      g_autofree char *escaped = g_markup_escape_text (message, -1);

      adw_toast_overlay_add_toast (ADW_TOAST_OVERLAY (overlay), adw_toast_new (escaped));
      return;
    }
  dialog = adw_message_dialog_new (GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL, NULL, message);
  adw_message_dialog_add_response (ADW_MESSAGE_DIALOG (dialog), "close", _ ("_Close"));
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_chosen (GtkNativeDialog *dialog, int response, TnPlotView *self)
{
  g_autoptr (GtkFileChooserNative) chooser = g_steal_pointer (&self->chooser);
  g_autoptr (GFile) file = NULL;
  g_autofree char *path = NULL, *message = NULL, *base = NULL;
  g_autoptr (GError) error = NULL;
  const char *ending = g_object_get_data (G_OBJECT (dialog), "ending");

  if (response != GTK_RESPONSE_ACCEPT)
    return;
  file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
  path = g_file_get_path (file);
  if (path == NULL)
    {
      tell (self, _ ("The picture can only be saved in a local folder."));
      return;
    }
  /* The format was chosen in the menu; a name without its ending still means it. */
  if (strlen (path) < strlen (ending) || g_ascii_strcasecmp (path + strlen (path) - strlen (ending), ending) != 0)
    {
      g_autofree char *with_ending = g_strconcat (path, ending, NULL);

      g_free (path);
      path = g_steal_pointer (&with_ending);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        {
          message = g_strdup_printf (_ ("%s exists already."), path);
          tell (self, message);
          return;
        }
    }
  base = g_path_get_basename (path);
  if (tn_plot_view_export (self, path, &error))
    message = g_strdup_printf (_ ("Saved as %s"), base);
  tell (self, message != NULL ? message : error->message);
}

static void
export_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);
  GtkRoot *root = gtk_widget_get_root (widget);
  /* "plot.export-png" -> ".png" */
  const char *format = strrchr (action, '-') + 1;
  g_autofree char *ending = g_strconcat (".", format, NULL), *name = g_strconcat (self->export_name, ending, NULL);
  g_autofree char *pattern = g_strconcat ("*", ending, NULL), *filter_name = g_ascii_strup (format, -1);
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();

  if (self->chooser != NULL)
    {
      gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
      return;
    }
  self->chooser = gtk_file_chooser_native_new (_ ("Export Plot"), GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL,
                                               GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Save"), NULL);
  gtk_file_filter_set_name (filter, filter_name);
  gtk_file_filter_add_pattern (filter, pattern);
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (self->chooser), filter);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (self->chooser), name);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  g_object_set_data_full (G_OBJECT (self->chooser), "ending", g_steal_pointer (&ending), g_free);
  g_signal_connect (self->chooser, "response", G_CALLBACK (on_chosen), self);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

/* --- clipboard --------------------------------------------------------- */

static void
copy_picture_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);
  int width, height, scale = MAX (2, gtk_widget_get_scale_factor (widget));
  cairo_surface_t *surface;
  cairo_t *cr;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GdkTexture) texture = NULL;

  get_export_size (self, &width, &height);
  surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, width * scale, height * scale);
  cr = cairo_create (surface);
  cairo_scale (cr, scale, scale);
  tn_figure_draw (self->figure, cr, width, height, TN_FIGURE_LIGHT);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  bytes = g_bytes_new (cairo_image_surface_get_data (surface), (gsize) cairo_image_surface_get_stride (surface) * height * scale);
  texture =
      gdk_memory_texture_new (width * scale, height * scale, GDK_MEMORY_DEFAULT, bytes, cairo_image_surface_get_stride (surface));
  cairo_surface_destroy (surface);
  gdk_clipboard_set_texture (gtk_widget_get_clipboard (widget), texture);
}

static void
copy_values_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  g_autofree char *values = tn_figure_to_csv (TN_PLOT_VIEW (widget)->figure);

  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), values);
}

/* --- menu -------------------------------------------------------------- */

static GMenuModel *
build_menu (void)
{
  GMenu *menu = g_menu_new ();
  g_autoptr (GMenu) view = g_menu_new (), copy = g_menu_new (), export = g_menu_new ();

  g_menu_append (view, _ ("_Reset View"), "plot.reset-view");
  g_menu_append (view, _ ("Zoom _In"), "plot.zoom-in");
  g_menu_append (view, _ ("Zoom _Out"), "plot.zoom-out");
  g_menu_append (copy, _ ("_Copy Picture"), "plot.copy-picture");
  g_menu_append (copy, _ ("Copy _Values"), "plot.copy-values");
  g_menu_append (export, _ ("Export _PNG…"), "plot.export-png");
  g_menu_append (export, _ ("Export _SVG…"), "plot.export-svg");
  g_menu_append (export, _ ("Export P_DF…"), "plot.export-pdf");
  g_menu_append (export, _ ("Export CS_V…"), "plot.export-csv");
  g_menu_append_section (menu, NULL, G_MENU_MODEL (view));
  g_menu_append_section (menu, NULL, G_MENU_MODEL (copy));
  g_menu_append_section (menu, NULL, G_MENU_MODEL (export));
  return G_MENU_MODEL (menu);
}

void
tn_plot_view_popup_menu (TnPlotView *self, double x, double y)
{
  if (self->menu == NULL)
    {
      g_autoptr (GMenuModel) model = build_menu ();

      self->menu = gtk_popover_menu_new_from_model (model);
      gtk_widget_set_parent (self->menu, GTK_WIDGET (self));
      gtk_popover_set_has_arrow (GTK_POPOVER (self->menu), FALSE);
      gtk_widget_set_halign (self->menu, GTK_ALIGN_START);
    }
  gtk_popover_set_pointing_to (GTK_POPOVER (self->menu), &(GdkRectangle){(int) x, (int) y, 1, 1});
  gtk_popover_popup (GTK_POPOVER (self->menu));
}

static void
menu_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  TnPlotView *self = TN_PLOT_VIEW (widget);

  if (self->reading)
    tn_plot_view_popup_menu (self, self->x, self->y);
  else
    tn_plot_view_popup_menu (self, gtk_widget_get_width (widget) / 2.0, gtk_widget_get_height (widget) / 2.0);
}

void
tn_plot_view_class_init_export (GtkWidgetClass *widget_class)
{
  static const char *const exports[] = {"plot.export-png", "plot.export-svg", "plot.export-pdf", "plot.export-csv"};

  for (guint i = 0; i < G_N_ELEMENTS (exports); i++)
    gtk_widget_class_install_action (widget_class, exports[i], NULL, export_action);
  gtk_widget_class_install_action (widget_class, "plot.copy-picture", NULL, copy_picture_action);
  gtk_widget_class_install_action (widget_class, "plot.copy-values", NULL, copy_values_action);
  gtk_widget_class_install_action (widget_class, "menu.popup", NULL, menu_action);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_c, GDK_CONTROL_MASK, "plot.copy-picture", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Menu, 0, "menu.popup", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_F10, GDK_SHIFT_MASK, "menu.popup", NULL);
}
