/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "plots/figures/figure.h"
#include "plots/figures/palette.h"

#define WIDTH 600
#define HEIGHT 400

static cairo_surface_t *
draw (TnFigure *figure, TnFigureStyle style)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
  cairo_t *cr = cairo_create (surface);

  tn_figure_draw (figure, cr, WIDTH, HEIGHT, style);
  g_assert_cmpint (cairo_status (cr), ==, CAIRO_STATUS_SUCCESS);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  return surface;
}

static guint32
pixel_at (cairo_surface_t *surface, double x, double y)
{
  const guint8 *row = cairo_image_surface_get_data (surface) + (gsize) y * (gsize) cairo_image_surface_get_stride (surface);
  guint32 pixel;

  memcpy (&pixel, row + (gsize) x * 4, 4);
  return pixel & 0xffffff;
}

/* The middle of a cell when all of them are in view. */
static void
find_cell (TnFigure *figure, gsize column, gsize row, gsize columns, gsize rows, double *x, double *y)
{
  cairo_rectangle_t plot;

  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  *x = plot.x + plot.width * ((double) column + 0.5) / (double) columns;
  *y = plot.y + plot.height * ((double) row + 0.5) / (double) rows;
}

/* Every cell has the colour of its value, in both styles; what has no value, and what is missing from the last row, has none. */
static void
test_pixels (void)
{
  const double values[] = {1, 10, 100, 1000, NAN, 31.6227766016838, 5};

  for (TnFigureStyle style = TN_FIGURE_LIGHT; style <= TN_FIGURE_DARK; style++)
    {
      g_autoptr (TnFigure) figure = tn_figure_new ("Cells");
      cairo_surface_t *surface;

      tn_figure_set_x_axis (figure, "channel", TN_AXIS_LINEAR);
      tn_figure_add_heat_map (figure, "v", 7, 4, values, NULL, TN_AXIS_LOG, 0, NULL);
      surface = draw (figure, style);
      for (gsize i = 0; i < 8; i++)
        {
          double x, y;
          guint32 wanted = i < 7 && isfinite (values[i]) ? tn_palette_heat (style, log10 (values[i]) / 3)
                                                         : tn_palette_rgb (style, TN_INK_BACKGROUND);

          find_cell (figure, i % 4, i / 4, 4, 2, &x, &y);
          g_assert_cmphex (pixel_at (surface, x, y), ==, wanted);
        }
      cairo_surface_destroy (surface);
    }
}

/* Where a pixel holds many cells, the largest of them is seen. */
static void
test_dense (void)
{
  const gsize columns = 6007, outlier = 4321;
  g_autofree double *values = g_new (double, columns);
  const char *const names[] = {"only"};
  g_autoptr (TnFigure) figure = tn_figure_new (NULL);
  cairo_surface_t *surface;
  double x, y;
  gboolean seen = FALSE;

  for (gsize i = 0; i < columns; i++)
    values[i] = i == outlier ? 9 : 1;
  tn_figure_add_heat_map (figure, "v", columns, columns, values, names, TN_AXIS_LINEAR, 0, NULL);
  surface = draw (figure, TN_FIGURE_LIGHT);
  find_cell (figure, outlier, 0, columns, 1, &x, &y);
  for (int d = -1; d <= 1; d++)
    seen = seen || pixel_at (surface, x + d, y) == tn_palette_heat (TN_FIGURE_LIGHT, 1);
  g_assert_true (seen);
  cairo_surface_destroy (surface);
}

static void
test_marks (void)
{
  const double values[] = {1, 2, 3, 9};
  const gsize marked[] = {3};
  g_autoptr (TnFigure) figure = tn_figure_new (NULL);
  cairo_surface_t *surface;
  guint found = 0;

  tn_figure_add_heat_map (figure, "v", 4, 2, values, NULL, TN_AXIS_LINEAR, 1, marked);
  surface = draw (figure, TN_FIGURE_LIGHT);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      if (pixel_at (surface, x, y) == tn_palette_rgb (TN_FIGURE_LIGHT, TN_INK_SERIES + 1))
        {
          double column, row;

          found++;
          if (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, x, y, &column, &row))
            {
              g_assert_cmpfloat (column, >, 0.49);
              g_assert_cmpfloat (row, >, 0.48);
            }
        }
  g_assert_cmpuint (found, >, 100);
  cairo_surface_destroy (surface);
}

static void
test_read_out (void)
{
  g_autoptr (TnFigure) numbered = tn_figure_new ("Site"), named = tn_figure_new ("Sites");
  const double values[] = {1, 2, 3, 4, NAN};
  const char *const names[] = {"blk.0", "blk.1", "blk.2"};
  g_autofree char *fourth = NULL, *hidden = NULL, *beside = NULL, *cell = NULL, *text = NULL;
  double x, y, before;

  tn_figure_set_x_axis (numbered, "channel", TN_AXIS_LINEAR);
  tn_figure_add_heat_map (numbered, "std", 5, 3, values, NULL, TN_AXIS_LINEAR, 0, NULL);
  find_cell (numbered, 0, 1, 3, 2, &x, &y);
  fourth = tn_figure_read_out (numbered, WIDTH, HEIGHT, x, y);
  g_assert_cmpstr (fourth, ==, "channel: 3\nstd: 4");
  before = x;
  g_assert_true (tn_figure_step (numbered, WIDTH, HEIGHT, 1, 0, &x, &y));
  g_assert_cmpfloat (x, >, before);
  hidden = tn_figure_read_out (numbered, WIDTH, HEIGHT, x, y);
  g_assert_cmpstr (hidden, ==, "channel: 4\nstd: not measured");
  g_assert_true (tn_figure_step (numbered, WIDTH, HEIGHT, 1, 0, &x, &y));
  beside = tn_figure_read_out (numbered, WIDTH, HEIGHT, x, y);
  g_assert_null (beside);

  tn_figure_set_x_axis (named, "channel", TN_AXIS_LINEAR);
  tn_figure_add_heat_map (named, "std", 5, 2, values, names, TN_AXIS_LINEAR, 0, NULL);
  find_cell (named, 1, 1, 2, 3, &x, &y);
  cell = tn_figure_read_out (named, WIDTH, HEIGHT, x, y);
  g_assert_cmpstr (cell, ==, "blk.1\nchannel: 1\nstd: 4");
  text = tn_figure_describe (named);
  g_assert_nonnull (strstr (text, "std: heat map of 5 cells from 1 to 4"));
}

static void
test_files (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new ("Site");
  const double values[] = {1, 2, 3}, x[] = {1, 2}, low[] = {-1, -0.5}, high[] = {1, 0.5};
  g_autoptr (TnFigure) band = tn_figure_new (NULL);
  g_autofree char *csv = NULL, *svg = NULL, *band_csv = NULL;

  tn_figure_add_heat_map (figure, "v", 3, 2, values, NULL, TN_AXIS_LINEAR, 0, NULL);
  csv = tn_figure_to_csv (figure);
  g_assert_cmpstr (csv, ==, "layer,kind,label,x,x_end,y\nv,heat map,,0,,1\nv,heat map,,1,,2\nv,heat map,,2,,3\n");
  svg = tn_figure_to_svg (figure, WIDTH, HEIGHT, TN_FIGURE_LIGHT, NULL);
  g_assert_nonnull (strstr (svg, "<image x="));
  tn_figure_add_band (band, "interval", 0, 2, x, low, high);
  band_csv = tn_figure_to_csv (band);
  g_assert_cmpstr (band_csv, ==,
                   "layer,kind,label,x,x_end,y\ninterval,band,low,1,,-1\ninterval,band,high,1,,1\n"
                   "interval,band,low,2,,-0.5\ninterval,band,high,2,,0.5\n");
}

/* Between its ends and nowhere else. */
static void
test_band (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new (NULL);
  const double x[] = {0, 10, 20}, low[] = {-4, -2, -1}, high[] = {4, 2, 1}, y[] = {0, 0, 0};
  cairo_surface_t *surface;
  cairo_rectangle_t plot;
  g_autofree char *text = NULL;

  tn_figure_set_x_axis (figure, "sequences", TN_AXIS_LINEAR);
  tn_figure_add_band (figure, "interval", 0, 3, x, low, high);
  tn_figure_add_line (figure, "mean", 0, 3, x, y);
  surface = draw (figure, TN_FIGURE_LIGHT);
  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  for (double px = plot.x + 15; px < plot.x + plot.width - 15; px += 7)
    for (double py = plot.y + 3; py < plot.y + plot.height; py += 5)
      {
        double at, value, end;
        guint32 pixel = pixel_at (surface, px, py);
        gboolean blue = (pixel & 0xff) > (pixel >> 16 & 0xff) + 30;

        g_assert_true (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, px + 0.5, py + 0.5, &at, &value));
        end = at < 10 ? 4 - at / 5 : 2 - (at - 10) / 10;
        if (fabs (fabs (value) - end) > 0.1)
          g_assert_true (blue == (fabs (value) < end));
      }
  text = tn_figure_read_out (figure, WIDTH, HEIGHT, plot.x + plot.width / 2, plot.y + 10);
  g_assert_cmpstr (text, ==, "sequences: 10\ninterval: −2 to 2\nmean: 0");
  cairo_surface_destroy (surface);
}

static void
test_degenerate (void)
{
  const double nothing[] = {NAN, NAN}, zeros[] = {0, 0, 0}, x[] = {1}, y[] = {2};
  g_autoptr (TnFigure) figure = tn_figure_new (NULL);

  for (TnAxisScale scale = TN_AXIS_LINEAR; scale <= TN_AXIS_LOG; scale++)
    {
      tn_figure_clear (figure);
      tn_figure_add_heat_map (figure, "v", 2, 1, nothing, NULL, scale, 0, NULL);
      cairo_surface_destroy (draw (figure, TN_FIGURE_DARK));
      tn_figure_clear (figure);
      tn_figure_add_heat_map (figure, "v", 3, 3, zeros, NULL, scale, 0, NULL);
      cairo_surface_destroy (draw (figure, TN_FIGURE_DARK));
      tn_figure_clear (figure);
      tn_figure_add_heat_map (figure, "v", 0, 0, NULL, NULL, scale, 0, NULL);
      cairo_surface_destroy (draw (figure, TN_FIGURE_DARK));
    }
  tn_figure_clear (figure);
  tn_figure_add_band (figure, "b", 0, 1, x, y, y);
  cairo_surface_destroy (draw (figure, TN_FIGURE_DARK));
}

/* Lightness rises or falls all the way, so that no two values look the same. */
static void
test_colors (void)
{
  for (TnFigureStyle style = TN_FIGURE_LIGHT; style <= TN_FIGURE_DARK; style++)
    {
      double last = NAN;

      for (guint i = 0; i <= 64; i++)
        {
          guint32 rgb = tn_palette_heat (style, i / 64.0);
          double light = 0.2126 * (rgb >> 16 & 255) + 0.7152 * (rgb >> 8 & 255) + 0.0722 * (rgb & 255);

          if (i > 0)
            g_assert_true (style == TN_FIGURE_LIGHT ? light < last : light > last);
          last = light;
        }
    }
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plots/heat-map/pixels", test_pixels);
  g_test_add_func ("/plots/heat-map/dense", test_dense);
  g_test_add_func ("/plots/heat-map/marks", test_marks);
  g_test_add_func ("/plots/heat-map/read-out", test_read_out);
  g_test_add_func ("/plots/heat-map/files", test_files);
  g_test_add_func ("/plots/heat-map/degenerate", test_degenerate);
  g_test_add_func ("/plots/heat-map/colors", test_colors);
  g_test_add_func ("/plots/band/pixels", test_band);
  return g_test_run ();
}
