/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/histogram-figure.h"

#include <math.h>

void
tn_figure_add_float_histogram (TnFigure *figure, const char *name, guint color, const TnFloatHistogram *histogram, double low,
                               double high, guint n)
{
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
  tn_figure_add_histogram (figure, name, color, n, edges, counts);
}
