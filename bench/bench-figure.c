/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "plots/figures/figure.h"

/* Milliseconds of processor time to draw a figure of 1270 x 743 pixels, median; a line a figure: name value unit. */

#define WIDTH 1270
#define HEIGHT 743
#define ROUNDS 31

static int
compare (gconstpointer a, gconstpointer b)
{
  double left = *(const double *) a, right = *(const double *) b;

  return left < right ? -1 : left > right;
}

static double
processor_milliseconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec * 1e-6;
}

static void
measure (const char *name, TnFigure *figure)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
  double times[ROUNDS];

  for (guint i = 0; i < ROUNDS; i++)
    {
      cairo_t *cr = cairo_create (surface);
      double start = processor_milliseconds ();

      /* A new view each time, as while zooming: the layout is not cached either. */
      tn_figure_zoom (figure, WIDTH, HEIGHT, WIDTH / 2.0, HEIGHT / 2.0, 0.999, FALSE);
      tn_figure_draw (figure, cr, WIDTH, HEIGHT, TN_FIGURE_LIGHT);
      cairo_surface_flush (surface);
      times[i] = processor_milliseconds () - start;
      cairo_destroy (cr);
    }
  qsort (times, ROUNDS, sizeof *times, compare);
  g_print ("%s %.2f ms\n", name, times[ROUNDS / 2]);
  cairo_surface_destroy (surface);
}

int
main (void)
{
  enum
  {
    POINTS = 1000000,
    BINS = 65536
  };
  g_autofree double *x = g_new (double, POINTS), *y = g_new (double, POINTS), *edges = g_new (double, BINS + 1),
                    *counts = g_new (double, BINS);
  g_autoptr (TnFigure) line = tn_figure_new ("A million points"), histogram = tn_figure_new ("65536 bins"),
                       few = tn_figure_new ("1000 points");
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  double start;

  for (guint i = 0; i < POINTS; i++)
    {
      x[i] = i;
      y[i] = sin (i * 1e-5) * 3 + g_rand_double (random);
    }
  for (guint i = 0; i <= BINS; i++)
    edges[i] = (double) i / BINS - 0.5;
  for (guint i = 0; i < BINS; i++)
    counts[i] = floor (1e5 * exp (-edges[i] * edges[i] * 50) * g_rand_double (random));

  start = processor_milliseconds ();
  tn_figure_add_line (line, "line", 0, POINTS, x, y);
  g_print ("figure_add_line_1m %.2f ms\n", processor_milliseconds () - start);
  measure ("figure_draw_line_1m", line);
  tn_figure_set_y_axis (line, "log", TN_AXIS_LOG);
  measure ("figure_draw_line_1m_log", line);
  tn_figure_add_line (few, "line", 0, 1000, x, y);
  measure ("figure_draw_line_1k", few);
  tn_figure_add_histogram (histogram, "histogram", 0, BINS, edges, counts);
  measure ("figure_draw_histogram_64k", histogram);
  tn_figure_set_y_axis (histogram, "count", TN_AXIS_LOG);
  tn_figure_set_x_axis (histogram, "value", TN_AXIS_SYMLOG);
  measure ("figure_draw_histogram_64k_log", histogram);
  return 0;
}
