/* SPDX-License-Identifier: Apache-2.0 */
#include <adwaita.h>
#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "plots/widgets/plot-view.h"

typedef struct
{
  GtkWidget *window;
  TnPlotView *view;
  TnFigure *figure;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const double edges[] = {-2, -1, 0, 1, 2}, counts[] = {3, 10, 12, 1};

  fixture->window = gtk_window_new ();
  fixture->view = TN_PLOT_VIEW (tn_plot_view_new ());
  fixture->figure = tn_plot_view_get_figure (fixture->view);
  tn_figure_set_title (fixture->figure, "Weights");
  tn_figure_set_x_axis (fixture->figure, "weight", TN_AXIS_LINEAR);
  tn_figure_add_histogram (fixture->figure, "weights", 0, 4, edges, counts);
  tn_plot_view_changed (fixture->view);
  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 500, 320);
  gtk_window_set_child (GTK_WINDOW (fixture->window), GTK_WIDGET (fixture->view));
  gtk_window_present (GTK_WINDOW (fixture->window));
  gtk_test_widget_wait_for_draw (fixture->window);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  TnPlotView *view = fixture->view;

  g_object_add_weak_pointer (G_OBJECT (view), (gpointer *) &view);
  gtk_window_destroy (GTK_WINDOW (fixture->window));
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (view);
}

static void
get_width (Fixture *fixture, double *width)
{
  double low, high;

  tn_figure_get_view (fixture->figure, &low, &high, NULL, NULL);
  *width = high - low;
}

static void
activate (Fixture *fixture, const char *action)
{
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (fixture->view), action, NULL));
}

static void
test_zoom (Fixture *fixture, gconstpointer data)
{
  double all, zoomed, back;

  get_width (fixture, &all);
  activate (fixture, "plot.zoom-in");
  get_width (fixture, &zoomed);
  g_assert_cmpfloat (zoomed, <, all * 0.9);
  activate (fixture, "plot.zoom-out");
  get_width (fixture, &back);
  g_assert_cmpfloat_with_epsilon (back, all, 1e-9);
  activate (fixture, "plot.zoom-in");
  activate (fixture, "plot.reset-view");
  get_width (fixture, &back);
  g_assert_cmpfloat (back, ==, all);
}

static GdkTexture *
picture_of (Fixture *fixture)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (GTK_WIDGET (fixture->view));
  int width = gtk_widget_get_width (GTK_WIDGET (fixture->view)), height = gtk_widget_get_height (GTK_WIDGET (fixture->view));
  GtkSnapshot *snapshot = gtk_snapshot_new ();
  g_autoptr (GskRenderNode) node = NULL;
  g_autoptr (GskRenderer) renderer = gsk_cairo_renderer_new ();
  GdkTexture *texture;

  gdk_paintable_snapshot (paintable, snapshot, width, height);
  node = gtk_snapshot_free_to_node (snapshot);
  g_assert_true (gsk_renderer_realize (renderer, NULL, NULL));
  texture = gsk_renderer_render_texture (renderer, node, &GRAPHENE_RECT_INIT (0, 0, width, height));
  gsk_renderer_unrealize (renderer);
  return texture;
}

static guint32
middle_pixel (Fixture *fixture)
{
  g_autoptr (GdkTexture) texture = picture_of (fixture);
  int width = gdk_texture_get_width (texture), height = gdk_texture_get_height (texture);
  g_autofree guint32 *pixels = g_new (guint32, (gsize) width * height);

  gdk_texture_download (texture, (guchar *) pixels, width * 4);
  return pixels[(gsize) (height - 4) * width + width / 2] & 0xffffff;
}

/* Light and dark pages: the same view draws itself on another ground at once. */
static void
test_dark (Fixture *fixture, gconstpointer data)
{
  AdwStyleManager *manager = adw_style_manager_get_default ();
  guint32 light, dark;

  adw_style_manager_set_color_scheme (manager, ADW_COLOR_SCHEME_FORCE_LIGHT);
  gtk_test_widget_wait_for_draw (fixture->window);
  light = middle_pixel (fixture);
  adw_style_manager_set_color_scheme (manager, ADW_COLOR_SCHEME_FORCE_DARK);
  gtk_test_widget_wait_for_draw (fixture->window);
  dark = middle_pixel (fixture);
  adw_style_manager_set_color_scheme (manager, ADW_COLOR_SCHEME_DEFAULT);
  g_assert_cmphex (light, ==, 0xffffff);
  g_assert_cmphex (dark, ==, 0x1e1e1e);
}

static void
test_export (Fixture *fixture, gconstpointer data)
{
  static const char *const endings[] = {"png", "svg", "pdf", "csv"};
  g_autofree char *folder = g_dir_make_tmp ("ternion-view-XXXXXX", NULL),
                  *missing = g_build_filename (folder, "no", "x.png", NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strconcat ("plot.", endings[i], NULL), *path = g_build_filename (folder, name, NULL),
                      *contents = NULL;
      gsize length;

      g_assert_true (tn_plot_view_export (fixture->view, path, &error));
      g_assert_no_error (error);
      g_assert_true (g_file_get_contents (path, &contents, &length, NULL));
      g_assert_cmpuint (length, >, 40);
      g_unlink (path);
    }
  g_assert_false (tn_plot_view_export (fixture->view, missing, &error));
  g_assert_nonnull (error);
  g_rmdir (folder);
}

static void
on_text (GObject *clipboard, GAsyncResult *result, gpointer user_data)
{
  *(char **) user_data = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (clipboard), result, NULL);
}

static void
test_copy (Fixture *fixture, gconstpointer data)
{
  GdkClipboard *clipboard = gtk_widget_get_clipboard (GTK_WIDGET (fixture->view));
  g_autofree char *values = tn_figure_to_csv (fixture->figure), *text = NULL;

  activate (fixture, "plot.copy-values");
  gdk_clipboard_read_text_async (clipboard, NULL, on_text, &text);
  while (text == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (text, ==, values);
  activate (fixture, "plot.copy-picture");
  g_assert_true (gdk_content_formats_contain_gtype (gdk_clipboard_get_formats (clipboard), GDK_TYPE_TEXTURE));
}

static void
test_menu (Fixture *fixture, gconstpointer data)
{
  GtkWidget *child = NULL;

  activate (fixture, "menu.popup");
  child = gtk_widget_get_last_child (GTK_WIDGET (fixture->view));
  g_assert_true (GTK_IS_POPOVER_MENU (child));
  g_assert_true (gtk_widget_get_visible (child));
  gtk_popover_popdown (GTK_POPOVER (child));
}

static void
test_accessible (Fixture *fixture, gconstpointer data)
{
  g_autofree char *description = tn_figure_describe (fixture->figure);
  gint64 end = g_get_monotonic_time () + 3 * G_USEC_PER_SEC;
  char *difference = NULL;

  gtk_test_accessible_assert_role (fixture->view, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_test_accessible_assert_property (fixture->view, GTK_ACCESSIBLE_PROPERTY_LABEL, "Plot");
  /* The description follows the data, a little later. */
  do
    {
      g_free (difference);
      g_main_context_iteration (NULL, FALSE);
      difference =
          gtk_test_accessible_check_property (GTK_ACCESSIBLE (fixture->view), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, description);
    }
  while (difference != NULL && g_get_monotonic_time () < end);
  g_assert_null (difference);
}

static void
test_sizes (Fixture *fixture, gconstpointer data)
{
  int least, natural;

  gtk_widget_measure (GTK_WIDGET (fixture->view), GTK_ORIENTATION_HORIZONTAL, -1, &least, &natural, NULL, NULL);
  g_assert_cmpint (least, <=, 200);
  g_assert_cmpint (natural, >=, 300);
  g_assert_true (gtk_widget_get_focusable (GTK_WIDGET (fixture->view)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!gtk_init_check ())
    return 77;
  adw_init ();
  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE, NULL);
#define ADD(name, function) g_test_add ("/plots/plot-view/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("zoom", test_zoom);
  ADD ("dark", test_dark);
  ADD ("export", test_export);
  ADD ("copy", test_copy);
  ADD ("menu", test_menu);
  ADD ("accessible", test_accessible);
  ADD ("sizes", test_sizes);
#undef ADD
  return g_test_run ();
}
