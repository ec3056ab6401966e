/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "plots/figures/figure.h"
#include "plots/figures/palette.h"

#define WIDTH 600
#define HEIGHT 400

/* --- pictures ---------------------------------------------------------- */

static cairo_surface_t *
draw (TnFigure *figure, int scale, TnFigureStyle style)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH * scale, HEIGHT * scale);
  cairo_t *cr = cairo_create (surface);

  cairo_scale (cr, scale, scale);
  tn_figure_draw (figure, cr, WIDTH, HEIGHT, style);
  g_assert_cmpint (cairo_status (cr), ==, CAIRO_STATUS_SUCCESS);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  return surface;
}

static guint32
pixel_at (cairo_surface_t *surface, double x, double y)
{
  const guint8 *row =
      cairo_image_surface_get_data (surface) + (gsize) floor (y) * (gsize) cairo_image_surface_get_stride (surface);
  guint32 pixel;

  memcpy (&pixel, row + (gsize) floor (x) * 4, 4);
  return pixel & 0xffffff;
}

static int
distance (guint32 a, guint32 b)
{
  return abs ((int) (a >> 16 & 255) - (int) (b >> 16 & 255)) + abs ((int) (a >> 8 & 255) - (int) (b >> 8 & 255)) +
         abs ((int) (a & 255) - (int) (b & 255));
}

/* Whether the pixel is the series' colour, perhaps on top of the background. */
static gboolean
is_series (cairo_surface_t *surface, double x, double y, guint color)
{
  guint32 series = tn_palette_rgb (TN_FIGURE_LIGHT, TN_INK_SERIES + color), pixel = pixel_at (surface, x, y);

  return distance (pixel, series) < distance (pixel, 0xffffff);
}

/* Where a datum is, by inverting pixel_to_data along a row or column. */
static double
find_x (TnFigure *figure, double value)
{
  cairo_rectangle_t plot;
  double low, high;

  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  low = plot.x;
  high = plot.x + plot.width;
  for (int i = 0; i < 60; i++)
    {
      double x;

      g_assert_true (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, low / 2 + high / 2, plot.y + 1, &x, NULL));
      *(x < value ? &low : &high) = low / 2 + high / 2;
    }
  return low;
}

/* The middle of a row of bars. */
static double
find_row (TnFigure *figure, guint row, guint n_rows)
{
  cairo_rectangle_t plot;

  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  return plot.y + plot.height * (row + 0.5) / n_rows;
}

static double
find_y (TnFigure *figure, double value)
{
  cairo_rectangle_t plot;
  double low, high;

  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  low = plot.y;
  high = plot.y + plot.height;
  for (int i = 0; i < 60; i++)
    {
      double y;

      g_assert_true (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, plot.x + 1, low / 2 + high / 2, NULL, &y));
      *(y > value ? &low : &high) = low / 2 + high / 2;
    }
  return low;
}

static void
test_histogram_pixels (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new ("Histogram");
  const double edges[] = {-2, -1, 0, 1, 2}, counts[] = {10, 0, 1000, 1};
  cairo_surface_t *surface;
  cairo_rectangle_t plot;

  for (TnAxisScale scale = TN_AXIS_LINEAR; scale <= TN_AXIS_LOG; scale++)
    {
      tn_figure_clear (figure);
      tn_figure_set_y_axis (figure, "count", scale);
      tn_figure_add_histogram (figure, "h", 0, 4, edges, counts);
      tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
      surface = draw (figure, 1, TN_FIGURE_LIGHT);
      for (guint i = 0; i < 4; i++)
        {
          double x = find_x (figure, edges[i] / 2 + edges[i + 1] / 2), foot = plot.y + plot.height - 1;

          g_assert_true (is_series (surface, x, foot, 0) == (counts[i] > 0));
          if (counts[i] == 0)
            continue;
          g_assert_true (is_series (surface, x, MIN (foot, find_y (figure, counts[i]) + 2), 0));
          g_assert_false (is_series (surface, x, find_y (figure, counts[i]) - 3, 0));
        }
      cairo_surface_destroy (surface);
    }
}

/* A single high bin among many must stay visible when bins are narrower than pixels. */
static void
test_histogram_dense (void)
{
  enum
  {
    N = 65521
  };
  g_autofree double *edges = g_new (double, N + 1), *counts = g_new0 (double, N);
  g_autoptr (TnFigure) figure = tn_figure_new (NULL);
  cairo_surface_t *surface;
  guint spikes[] = {0, 1, 30011, N - 1};
  cairo_rectangle_t plot;

  for (guint i = 0; i <= N; i++)
    edges[i] = i;
  for (guint i = 0; i < G_N_ELEMENTS (spikes); i++)
    counts[spikes[i]] = 100;
  tn_figure_add_histogram (figure, "h", 0, N, edges, counts);
  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  surface = draw (figure, 1, TN_FIGURE_LIGHT);
  for (guint i = 0; i < G_N_ELEMENTS (spikes); i++)
    {
      double x = find_x (figure, spikes[i] + 0.5);

      g_assert_true (is_series (surface, x, find_y (figure, 50), 0));
      if (spikes[i] > 10 && spikes[i] < N - 10)
        g_assert_false (is_series (surface, x + 4, find_y (figure, 50), 0));
    }
  cairo_surface_destroy (surface);
}

/* Few points are stroked, many are drawn by columns: both pass through the data, and not through gaps. */
static void
test_line_pixels (void)
{
  static const gsize sizes[] = {2, 101, 1009, 100003};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree double *x = g_new (double, n), *y = g_new (double, n);
      g_autoptr (TnFigure) figure = tn_figure_new (NULL);
      cairo_surface_t *surface;

      for (gsize i = 0; i < n; i++)
        {
          x[i] = (double) i / (double) (n - 1);
          y[i] = x[i] > 0.6 && x[i] < 0.7 ? NAN : 2 * x[i] - 1;
        }
      tn_figure_add_line (figure, "line", 0, n, x, y);
      surface = draw (figure, 1, TN_FIGURE_LIGHT);
      for (double at = 0.03; at < 1; at += 0.05)
        {
          gboolean gap = n > 2 && at > 0.61 && at < 0.69;
          double px = find_x (figure, at), py = find_y (figure, 2 * at - 1);

          g_assert_true (is_series (surface, px, py, 0) != gap);
          g_assert_false (is_series (surface, px, py + 12, 0));
        }
      cairo_surface_destroy (surface);
    }
}

static void
test_bars_pixels (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new ("Bars");
  const char *const categories[] = {"a", "b", "c"};
  const double values[] = {4, NAN, -2};
  cairo_surface_t *surface;

  tn_figure_add_bars (figure, "v", 2, 3, categories, values);
  surface = draw (figure, 2, TN_FIGURE_LIGHT);
  g_assert_true (is_series (surface, 2 * find_x (figure, 3.9), 2 * find_row (figure, 0, 3), 2));
  g_assert_false (is_series (surface, 2 * find_x (figure, 0.1), 2 * find_row (figure, 1, 3), 2));
  g_assert_true (is_series (surface, 2 * find_x (figure, -1.9), 2 * find_row (figure, 2, 3), 2));
  g_assert_false (is_series (surface, 2 * find_x (figure, -1.9), 2 * find_row (figure, 0, 3), 2));
  g_assert_false (is_series (surface, 2 * find_x (figure, 0.1), 2 * find_row (figure, 2, 3), 2));
  cairo_surface_destroy (surface);
}

static void
test_markers_pixels (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new ("Levels");
  const double edges[] = {-1, 1}, counts[] = {1}, levels[] = {0.5, -0.5, NAN, 0};
  const char *const labels[] = {"+1", "−1", "none", "0"};
  cairo_surface_t *surface;
  cairo_rectangle_t plot;

  tn_figure_add_histogram (figure, "h", 0, 1, edges, counts);
  tn_figure_set_view (figure, -1, 1, 0, 10);
  tn_figure_add_markers (figure, "levels", 1, 4, levels, labels);
  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  surface = draw (figure, 1, TN_FIGURE_LIGHT);
  for (guint i = 0; i < 4; i++)
    if (!isnan (levels[i]))
      {
        double x = find_x (figure, levels[i]);
        gboolean found = FALSE;

        for (double dx = -1; dx <= 1; dx++)
          found = found || is_series (surface, x + dx, plot.y + 1, 1);
        g_assert_true (found);
        g_assert_false (is_series (surface, x + 5, plot.y + 1, 1));
      }
  cairo_surface_destroy (surface);
}

/* Nothing may be drawn outside of the axes, however far the data go. */
static void
test_stays_inside (void)
{
  enum
  {
    N = 500
  };
  double x[N], y[N];
  g_autoptr (TnFigure) figure = tn_figure_new (NULL);
  cairo_surface_t *surface;
  cairo_rectangle_t plot;

  for (guint i = 0; i < N; i++)
    {
      x[i] = i;
      y[i] = (i % 2 == 0 ? 1 : -1) * pow (10, i % 300);
    }
  tn_figure_add_line (figure, "wild", 3, N, x, y);
  tn_figure_set_view (figure, 100, 200, -10, 10);
  tn_figure_get_plot_area (figure, WIDTH, HEIGHT, &plot);
  surface = draw (figure, 1, TN_FIGURE_LIGHT);
  for (int row = 0; row < HEIGHT; row++)
    for (int column = 0; column < WIDTH; column++)
      if (column < plot.x - 2 || column > plot.x + plot.width + 2 || row < plot.y - 2 || row > plot.y + plot.height + 2)
        g_assert_cmpint (distance (pixel_at (surface, column, row), tn_palette_rgb (TN_FIGURE_LIGHT, TN_INK_SERIES + 3)), >, 60);
  cairo_surface_destroy (surface);
}

/* Every kind of data that is none, at every size, draws without a warning and without a NaN in the view. */
static void
test_degenerate (void)
{
  static const double sizes[][2] = {{1, 1}, {20, 500}, {90, 60}, {640, 360}};
  const double nothing[] = {NAN, INFINITY, -INFINITY, NAN}, edges[] = {-INFINITY, 0, 0, 1, INFINITY},
               huge[] = {-DBL_MAX, DBL_MAX, 0, 5e-324};
  const char *const names[] = {"", "\xff\xfe", "a\nb",
                               "a very long name that does not fit into anything at all and must be shortened"};

  for (TnAxisScale kind = TN_AXIS_LINEAR; kind <= TN_AXIS_SYMLOG; kind++)
    for (guint content = 0; content < 7; content++)
      for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
        {
          g_autoptr (TnFigure) figure = tn_figure_new (content % 2 == 0 ? "title" : NULL);
          g_autofree char *description = NULL, *svg = NULL, *text = NULL;
          g_autoptr (GError) error = NULL;
          double view[4];

          tn_figure_set_x_axis (figure, "x", kind);
          tn_figure_set_y_axis (figure, "y", kind);
          if (content == 1)
            tn_figure_add_line (figure, "nothing", 0, 4, nothing, nothing);
          if (content == 2)
            tn_figure_add_histogram (figure, "open", 1, 4, edges, huge);
          if (content == 3)
            tn_figure_add_line (figure, "huge", 9, 4, huge, huge);
          if (content == 4)
            tn_figure_add_bars (figure, "bars", 0, 4, names, nothing);
          if (content == 5)
            tn_figure_add_markers (figure, "markers", 0, 4, nothing, names);
          if (content == 6)
            {
              tn_figure_add_line (figure, "one", 0, 1, &edges[3], &edges[3]);
              tn_figure_add_histogram (figure, "none", 0, 0, NULL, NULL);
              tn_figure_add_bars (figure, "bars", 0, 4, names, huge);
            }
          svg = tn_figure_to_svg (figure, sizes[s][0], sizes[s][1], TN_FIGURE_DARK, &error);
          g_assert_no_error (error);
          g_assert_null (strstr (svg, "nan"));
          g_assert_null (strstr (svg, "inf\""));
          for (guint i = 0; i < 200; i++)
            tn_figure_zoom (figure, sizes[s][0], sizes[s][1], sizes[s][0] / 2, sizes[s][1] / 2, i < 100 ? 0.3 : 5, i % 2 == 0);
          tn_figure_pan (figure, sizes[s][0], sizes[s][1], 1e9, -1e9);
          tn_figure_set_view (figure, NAN, INFINITY, 3, 3);
          tn_figure_get_view (figure, &view[0], &view[1], &view[2], &view[3]);
          g_assert_true (isfinite (view[0]) && isfinite (view[1]) && view[0] < view[1]);
          g_assert_true (isfinite (view[2]) && isfinite (view[3]) && view[2] < view[3]);
          cairo_surface_destroy (draw (figure, 1, TN_FIGURE_DARK));
          description = tn_figure_describe (figure);
          g_assert_cmpstr (description, !=, "");
          text = tn_figure_read_out (figure, WIDTH, HEIGHT, WIDTH / 2.0, HEIGHT / 2.0);
        }
}

/* --- view -------------------------------------------------------------- */

static TnFigure *
make_line (void)
{
  TnFigure *figure = tn_figure_new ("Line");
  const double x[] = {0, 1, 2, 3}, y[] = {5, 6, NAN, 8};

  tn_figure_set_x_axis (figure, "step", TN_AXIS_LINEAR);
  tn_figure_add_line (figure, "loss", 0, 4, x, y);
  return figure;
}

static void
test_view (void)
{
  g_autoptr (TnFigure) figure = make_line ();
  double x0, x1, y0, y1, all0, all1, under, after;

  tn_figure_get_view (figure, &all0, &all1, &y0, &y1);
  g_assert_cmpfloat (all0, <=, 0);
  g_assert_cmpfloat (all1, >=, 3);
  g_assert_cmpfloat (y0, <, 5);
  g_assert_cmpfloat (y1, >, 8);
  g_assert_true (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, 400, 200, &under, NULL));
  tn_figure_zoom (figure, WIDTH, HEIGHT, 400, 200, 0.5, FALSE);
  tn_figure_get_view (figure, &x0, &x1, NULL, NULL);
  g_assert_cmpfloat_with_epsilon (x1 - x0, (all1 - all0) / 2, 1e-9);
  g_assert_true (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, 400, 200, &after, NULL));
  g_assert_cmpfloat_with_epsilon (after, under, 0.01);
  g_assert_false (tn_figure_is_y_zoomed (figure));
  tn_figure_zoom (figure, WIDTH, HEIGHT, 400, 200, 0.5, TRUE);
  g_assert_true (tn_figure_is_y_zoomed (figure));

  tn_figure_pan (figure, WIDTH, HEIGHT, 50, 0);
  tn_figure_get_view (figure, &x0, NULL, NULL, NULL);
  tn_figure_pan (figure, WIDTH, HEIGHT, 50, 0);
  tn_figure_get_view (figure, &x1, NULL, NULL, NULL);
  g_assert_cmpfloat (x1, <, x0);
  tn_figure_reset_view (figure);
  tn_figure_get_view (figure, &x0, &x1, NULL, NULL);
  g_assert_cmpfloat (x0, ==, all0);
  g_assert_cmpfloat (x1, ==, all1);

  tn_figure_set_view (figure, 2, 1, 6, 7);
  tn_figure_get_view (figure, &x0, &x1, &y0, &y1);
  g_assert_cmpfloat (x0, ==, 1);
  g_assert_cmpfloat (x1, ==, 2);
  /* A view that an axis cannot show is left for one that it can. */
  tn_figure_set_view (figure, -1, 2, 6, 7);
  tn_figure_set_x_axis (figure, "step", TN_AXIS_LOG);
  tn_figure_get_view (figure, &x0, &x1, NULL, NULL);
  g_assert_cmpfloat (x0, >, 0);
  g_assert_cmpfloat (x1, >, x0);
  g_assert_false (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, 1, 1, NULL, NULL));
  g_assert_false (tn_figure_pixel_to_data (figure, WIDTH, HEIGHT, NAN, NAN, NULL, NULL));
}

static void
test_read_out (void)
{
  g_autoptr (TnFigure) figure = make_line ();
  const double edges[] = {-0.5, 0.5, 1.5}, counts[] = {17, 4}, levels[] = {1};
  const char *const labels[] = {"+1"};
  g_autofree char *text = NULL, *gap = NULL, *outside = NULL;
  double px = -1, py = -1;

  tn_figure_add_histogram (figure, "weights", 1, 2, edges, counts);
  tn_figure_add_markers (figure, "levels", 2, 1, levels, labels);
  text = tn_figure_read_out (figure, WIDTH, HEIGHT, find_x (figure, 1.01), HEIGHT / 2.0);
  g_assert_cmpstr (text, ==, "step: 1\nloss: 6\nweights: 4 from 0.5 to 1.5\nlevels: +1 (1)");
  gap = tn_figure_read_out (figure, WIDTH, HEIGHT, find_x (figure, 2.1), HEIGHT / 2.0);
  g_assert_cmpstr (gap, ==, "step: 2\nloss: not measured");
  outside = tn_figure_read_out (figure, WIDTH, HEIGHT, 1, 1);
  g_assert_null (outside);

  /* From nowhere the first step lands on the first datum, further ones visit each in turn. */
  for (guint i = 0; i < 4; i++)
    {
      g_assert_true (tn_figure_step (figure, WIDTH, HEIGHT, 1, 0, &px, &py));
      g_assert_cmpfloat_with_epsilon (px, find_x (figure, i), 1e-6);
    }
  g_assert_false (tn_figure_step (figure, WIDTH, HEIGHT, 1, 0, &px, &py));
  g_assert_true (tn_figure_step (figure, WIDTH, HEIGHT, -1, 0, &px, &py));
  g_assert_cmpfloat_with_epsilon (px, find_x (figure, 2), 1e-6);
}

/* A line with few points is silent where it has none, and where it has one that one is told, at its own place. */
static void
test_read_out_sparse (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new ("Loss");
  double steps[100], losses[100];
  const double validated[] = {60, 90.5}, validations[] = {2.5, 2.25}, low[] = {1, 2}, high[] = {3, 4};
  g_autofree char *without = NULL, *with = NULL, *between = NULL, *alone = NULL;

  for (guint i = 0; i < 100; i++)
    {
      steps[i] = i + 1;
      losses[i] = 100 - i;
    }
  tn_figure_set_x_axis (figure, "step", TN_AXIS_LINEAR);
  tn_figure_add_line (figure, "loss", 0, 100, steps, losses);
  tn_figure_add_line (figure, "validation", 1, 2, validated, validations);
  tn_figure_add_band (figure, "spread", 1, 2, validated, low, high);
  without = tn_figure_read_out (figure, WIDTH, HEIGHT, find_x (figure, 18), HEIGHT / 2.0);
  g_assert_cmpstr (without, ==, "step: 18\nloss: 83");
  with = tn_figure_read_out (figure, WIDTH, HEIGHT, find_x (figure, 60.1), HEIGHT / 2.0);
  g_assert_cmpstr (with, ==, "step: 60\nloss: 41\nvalidation: 2.5\nspread: 1 to 3");
  /* Nearer than any other point, though of the second line. */
  between = tn_figure_read_out (figure, WIDTH, HEIGHT, find_x (figure, 90.49), HEIGHT / 2.0);
  g_assert_cmpstr (between, ==, "step: 90.5\nloss: 10\nvalidation: 2.25\nspread: 2 to 4");

  /* Alone it is read at its nearest point, however far. */
  tn_figure_clear (figure);
  tn_figure_add_line (figure, "validation", 1, 2, validated, validations);
  alone = tn_figure_read_out (figure, WIDTH, HEIGHT, find_x (figure, 70), HEIGHT / 2.0);
  g_assert_cmpstr (alone, ==, "step: 60\nvalidation: 2.5");
}

static void
test_read_out_bars (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new ("Bars");
  const char *const categories[] = {"one", "two"}, *const others[] = {"two", "three"};
  const double values[] = {1.5, NAN}, more[] = {7, 8};
  g_autofree char *second = NULL, *third = NULL;

  tn_figure_add_bars (figure, "ternary", 0, 2, categories, values);
  tn_figure_add_bars (figure, "int8", 1, 2, others, more);
  second = tn_figure_read_out (figure, WIDTH, HEIGHT, WIDTH / 2.0, find_row (figure, 1, 3));
  g_assert_cmpstr (second, ==, "two\nternary: not measured\nint8: 7");
  third = tn_figure_read_out (figure, WIDTH, HEIGHT, WIDTH / 2.0, find_row (figure, 2, 3));
  g_assert_cmpstr (third, ==, "three\nint8: 8");
}

/* --- files ------------------------------------------------------------- */

static void
assert_svg (const char *svg)
{
  static const GMarkupParser parser = {0};
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_markup_parse_context_parse (context, svg, -1, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (svg, "<svg "));
  g_assert_null (strstr (svg, "<image"));
  g_assert_null (strstr (svg, " id="));
}

static void
test_svg (void)
{
  enum
  {
    N = 65536
  };
  g_autofree double *x = g_new (double, N + 1), *y = g_new (double, N);
  g_autoptr (TnFigure) figure = tn_figure_new ("<Title> & \"more\"");
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  g_autofree char *svg = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= N; i++)
    x[i] = i;
  for (guint i = 0; i < N; i++)
    y[i] = g_rand_double (random);
  tn_figure_add_histogram (figure, "a", 0, N, x, y);
  tn_figure_add_line (figure, "b", 1, N, x, y);
  svg = tn_figure_to_svg (figure, 860, 420, TN_FIGURE_LIGHT, &error);
  g_assert_no_error (error);
  assert_svg (svg);
  g_assert_cmpuint (strlen (svg), <, 200000);
  g_assert_nonnull (strstr (svg, "&lt;Title&gt; &amp; &quot;more&quot;</text>"));
}

static void
test_save (void)
{
  static const struct
  {
    const char *name;
    const char *magic;
  } cases[] = {{"f.png", "\x89PNG"}, {"f.svg", "<svg "}, {"f.pdf", "%PDF"}, {"f.CSV", "layer,kind,label,x,x_end,y\n"}};
  g_autoptr (TnFigure) figure = make_line ();
  g_autofree char *folder = g_dir_make_tmp ("ternion-figure-XXXXXX", NULL),
                  *missing = g_build_filename (folder, "no", "f.png", NULL);
  g_autofree char *unknown = g_build_filename (folder, "f.gif", NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_build_filename (folder, cases[i].name, NULL), *contents = NULL;

      g_assert_true (tn_figure_save (figure, path, 300, 200, TN_FIGURE_LIGHT, &error));
      g_assert_no_error (error);
      g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
      g_assert_cmpint (strncmp (contents, cases[i].magic, strlen (cases[i].magic)), ==, 0);
      if (i == 0)
        {
          cairo_surface_t *image = cairo_image_surface_create_from_png (path);

          g_assert_cmpint (cairo_image_surface_get_width (image), ==, 600);
          g_assert_cmpint (cairo_image_surface_get_height (image), ==, 400);
          cairo_surface_destroy (image);
        }
      if (i == 1)
        assert_svg (contents);
      g_unlink (path);
    }
  g_assert_false (tn_figure_save (figure, missing, 300, 200, TN_FIGURE_LIGHT, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_false (tn_figure_save (figure, unknown, 300, 200, TN_FIGURE_LIGHT, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_false (tn_figure_save (figure, unknown, 1e9, 200, TN_FIGURE_LIGHT, &error));
  g_assert_nonnull (error);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_csv (void)
{
  g_autoptr (TnFigure) figure = tn_figure_new (NULL);
  const double edges[] = {0, 0.1, 0.25}, counts[] = {3, 1e300}, x[] = {1, 2}, y[] = {0.1, NAN};
  const char *const names[] = {"plain", "with, comma and \"quotes\""};
  g_autofree char *csv = NULL;

  tn_figure_add_histogram (figure, "h", 0, 2, edges, counts);
  tn_figure_add_line (figure, "l", 0, 2, x, y);
  tn_figure_add_markers (figure, "m", 0, 1, x, names);
  tn_figure_add_bars (figure, "b", 0, 2, names, y);
  csv = tn_figure_to_csv (figure);
  g_assert_cmpstr (csv, ==,
                   "layer,kind,label,x,x_end,y\n"
                   "h,histogram,,0,0.10000000000000001,3\n"
                   "h,histogram,,0.10000000000000001,0.25,1.0000000000000001e+300\n"
                   "l,line,,1,,0.10000000000000001\n"
                   "l,line,,2,,\n"
                   "m,markers,plain,1,,\n"
                   "b,bars,plain,,,0.10000000000000001\n"
                   "b,bars,\"with, comma and \"\"quotes\"\"\",,,\n");
}

static void
test_describe (void)
{
  g_autoptr (TnFigure) figure = make_line (), empty = tn_figure_new ("Empty");
  g_autofree char *text = tn_figure_describe (figure), *nothing = NULL;

  g_assert_true (g_str_has_prefix (text, "Line; step from "));
  g_assert_nonnull (strstr (text, "loss: line of 4 points"));
  tn_figure_set_empty_text (empty, "Open a model first.");
  nothing = tn_figure_describe (empty);
  g_assert_cmpstr (nothing, ==, "Empty; Open a model first.");
}

/* --- colours ----------------------------------------------------------- */

static void
to_linear (guint32 rgb, double out[3])
{
  for (int i = 0; i < 3; i++)
    {
      double c = (rgb >> (16 - 8 * i) & 255) / 255.0;

      out[i] = c <= 0.04045 ? c / 12.92 : pow ((c + 0.055) / 1.055, 2.4);
    }
}

/* WCAG 2.1 */
static double
contrast (guint32 a, guint32 b)
{
  double x[3], y[3], light, dark;

  to_linear (a, x);
  to_linear (b, y);
  light = 0.2126 * x[0] + 0.7152 * x[1] + 0.0722 * x[2] + 0.05;
  dark = 0.2126 * y[0] + 0.7152 * y[1] + 0.0722 * y[2] + 0.05;
  return MAX (light, dark) / MIN (light, dark);
}

/* Distance in OKLab after Machado, Oliveira and Fernandes' simulation of colour blindness. */
static double
seen_distance (const double matrix[9], guint32 a, guint32 b)
{
  guint32 colors[] = {a, b};
  double lab[2][3];

  for (int k = 0; k < 2; k++)
    {
      double rgb[3], seen[3], l, m, s;

      to_linear (colors[k], rgb);
      for (int i = 0; i < 3; i++)
        seen[i] = CLAMP (matrix[3 * i] * rgb[0] + matrix[3 * i + 1] * rgb[1] + matrix[3 * i + 2] * rgb[2], 0, 1);
      l = cbrt (0.4122214708 * seen[0] + 0.5363325363 * seen[1] + 0.0514459929 * seen[2]);
      m = cbrt (0.2119034982 * seen[0] + 0.6806995451 * seen[1] + 0.1073969566 * seen[2]);
      s = cbrt (0.0883024619 * seen[0] + 0.2817188376 * seen[1] + 0.6299787005 * seen[2]);
      lab[k][0] = 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
      lab[k][1] = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s;
      lab[k][2] = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s;
    }
  return sqrt (pow (lab[0][0] - lab[1][0], 2) + pow (lab[0][1] - lab[1][1], 2) + pow (lab[0][2] - lab[1][2], 2));
}

static void
test_palette (void)
{
  static const double sights[][9] = {
      {1, 0, 0, 0, 1, 0, 0, 0, 1},
      {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
      {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
      {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
  };

  for (TnFigureStyle style = TN_FIGURE_LIGHT; style <= TN_FIGURE_DARK_CONTRAST; style++)
    {
      guint32 background = tn_palette_rgb (style, TN_INK_BACKGROUND);

      g_assert_cmpfloat (contrast (tn_palette_rgb (style, TN_INK_TEXT), background), >=, 4.5);
      g_assert_cmpfloat (contrast (tn_palette_rgb (style, TN_INK_MUTED), background), >=, 4.5);
      for (guint i = 0; i < TN_PALETTE_SERIES; i++)
        {
          g_assert_cmpfloat (contrast (tn_palette_rgb (style, TN_INK_SERIES + i), background), >=, 3);
          for (guint k = 0; k < i; k++)
            for (guint s = 0; s < G_N_ELEMENTS (sights); s++)
              g_assert_cmpfloat (seen_distance (sights[s], tn_palette_rgb (style, TN_INK_SERIES + i),
                                                tn_palette_rgb (style, TN_INK_SERIES + k)),
                                 >, 0.06);
        }
    }
}

/* Dots are read where the pointer is, with their names; lines between them there are none. */
static void
test_points (void)
{
  const double x[] = {0, 1, 2}, y[] = {0, 3, 1};
  const char *const labels[] = {"first", "second", "third"};
  g_autoptr (TnFigure) figure = tn_figure_new ("Points");
  g_autofree char *at = NULL, *beside = NULL, *csv = NULL, *text = NULL;
  cairo_rectangle_t plot;
  double x0, x1, y0, y1, px, py;

  tn_figure_set_x_axis (figure, "predicted", TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, "measured", TN_AXIS_LINEAR);
  tn_figure_add_points (figure, "plans", 0, 3, x, y, labels);
  tn_figure_get_plot_area (figure, 600, 400, &plot);
  tn_figure_get_view (figure, &x0, &x1, &y0, &y1);
  px = plot.x + plot.width * (1 - x0) / (x1 - x0);
  py = plot.y + plot.height * (y1 - 3) / (y1 - y0);
  at = tn_figure_read_out (figure, 600, 400, px + 2, py - 1);
  g_assert_cmpstr (at, ==, "second\npredicted: 1\nmeasured: 3");
  beside = tn_figure_read_out (figure, 600, 400, px + 40, py + 40);
  g_assert_null (beside);
  csv = tn_figure_to_csv (figure);
  g_assert_nonnull (strstr (csv, "plans,points,second,1,,3\n"));
  text = tn_figure_describe (figure);
  g_assert_nonnull (strstr (text, "plans: 3 points"));
}

static void
test_ranged_bars (void)
{
  const double values[] = {2, 1}, low[] = {1.5, NAN}, high[] = {4, NAN};
  const char *const names[] = {"a", "b"};
  g_autoptr (TnFigure) figure = tn_figure_new ("Ranges");
  g_autofree char *first = NULL, *second = NULL, *csv = NULL;
  cairo_rectangle_t plot;
  double x0, x1, y0, y1;

  tn_figure_add_ranged_bars (figure, "loss", 0, 2, names, values, low, high);
  tn_figure_get_view (figure, &x0, &x1, &y0, &y1);
  g_assert_cmpfloat (x1, >=, 4.0);
  tn_figure_get_plot_area (figure, 600, 400, &plot);
  first = tn_figure_read_out (figure, 600, 400, plot.x + 10, plot.y + plot.height / 4);
  g_assert_cmpstr (first, ==, "a\nloss: 2\n1.5 to 4");
  second = tn_figure_read_out (figure, 600, 400, plot.x + 10, plot.y + 3 * plot.height / 4);
  g_assert_cmpstr (second, ==, "b\nloss: 1");
  csv = tn_figure_to_csv (figure);
  g_assert_nonnull (strstr (csv, "loss,bars,a,1.5,4,2\n"));
  g_assert_nonnull (strstr (csv, "loss,bars,b,,,1\n"));
}

static void
test_column_names (void)
{
  const double values[] = {1, 2, 3, 4, 5, 6};
  const char *const rows[] = {"layer a", "layer b"}, *const columns[] = {"ternary", "int4:g32", "int8:c"};
  g_autoptr (TnFigure) figure = tn_figure_new ("Layers and schemes");
  g_autofree char *text = NULL, *svg = NULL;
  cairo_rectangle_t plot;

  tn_figure_add_heat_map (figure, "dB", 6, 3, values, rows, TN_AXIS_LINEAR, 0, NULL);
  tn_figure_set_column_names (figure, 3, columns);
  tn_figure_get_plot_area (figure, 600, 400, &plot);
  text = tn_figure_read_out (figure, 600, 400, plot.x + plot.width * 0.5, plot.y + plot.height * 0.75);
  g_assert_cmpstr (text, ==, "layer b\nint4:g32\ndB: 5");
  svg = tn_figure_to_svg (figure, 600, 400, TN_FIGURE_LIGHT, NULL);
  for (guint i = 0; i < 3; i++)
    g_assert_nonnull (strstr (svg, columns[i]));
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plots/figure/histogram-pixels", test_histogram_pixels);
  g_test_add_func ("/plots/figure/histogram-dense", test_histogram_dense);
  g_test_add_func ("/plots/figure/line-pixels", test_line_pixels);
  g_test_add_func ("/plots/figure/bars-pixels", test_bars_pixels);
  g_test_add_func ("/plots/figure/markers-pixels", test_markers_pixels);
  g_test_add_func ("/plots/figure/stays-inside", test_stays_inside);
  g_test_add_func ("/plots/figure/degenerate", test_degenerate);
  g_test_add_func ("/plots/figure/view", test_view);
  g_test_add_func ("/plots/figure/read-out", test_read_out);
  g_test_add_func ("/plots/figure/read-out-sparse", test_read_out_sparse);
  g_test_add_func ("/plots/figure/read-out-bars", test_read_out_bars);
  g_test_add_func ("/plots/figure/svg", test_svg);
  g_test_add_func ("/plots/figure/save", test_save);
  g_test_add_func ("/plots/figure/csv", test_csv);
  g_test_add_func ("/plots/figure/describe", test_describe);
  g_test_add_func ("/plots/figure/palette", test_palette);
  g_test_add_func ("/plots/figure/points", test_points);
  g_test_add_func ("/plots/figure/ranged-bars", test_ranged_bars);
  g_test_add_func ("/plots/figure/column-names", test_column_names);
  return g_test_run ();
}
