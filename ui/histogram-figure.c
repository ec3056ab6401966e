/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/histogram-figure.h"

#include <math.h>

/* The source's bins are 1/128 wide relative to their values: more bins than this over a range with both signs would show their
 * pattern instead of the values'. */
#define MAX_BINS 256
#define MIN_BINS 24

static guint
choose_bins (const TnFloatHistogram *histogram)
{
  double wanted = 2 * sqrt ((double) tn_float_histogram_count (histogram));

  return (guint) CLAMP (wanted, MIN_BINS, MAX_BINS);
}

/* counts are multiplied by factor. */
static void
add_histogram (TnFigure *figure, const char *name, guint color, const TnFloatHistogram *histogram, double low, double high,
               double factor)
{
  guint n = choose_bins (histogram);
  g_autofree double *edges = g_new (double, n + 1);
  g_autofree double *counts = g_new (double, n);
  double margin;

  if (!(high > low))
    {
      margin = low != 0 ? fabs (low) * 0.01 : 1;
      low -= margin;
      high += margin;
    }
  /* The largest value belongs to the last bin and not behind it. */
  margin = (high - low) * 1e-6;
  low -= margin;
  high += margin;
  for (guint i = 0; i <= n; i++)
    edges[i] = low + (high - low) * i / n;
  tn_float_histogram_rebin (histogram, low, high, n, counts);
  for (guint i = 0; i < n; i++)
    counts[i] *= factor;
  tn_figure_add_histogram (figure, name, color, n, edges, counts);
}

void
tn_figure_add_float_histogram (TnFigure *figure, const char *name, guint color, const TnFloatHistogram *histogram, double low,
                               double high)
{
  add_histogram (figure, name, color, histogram, low, high, 1);
}

void
tn_figure_add_float_histogram_share (TnFigure *figure, const char *name, guint color, const TnFloatHistogram *histogram,
                                     double low, double high)
{
  guint64 count = tn_float_histogram_count (histogram);

  if (count > 0)
    add_histogram (figure, name, color, histogram, low, high, 100.0 / (double) count);
}
