/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/layer.h"
#include "plots/figures/palette.h"

const TnExtent tn_extent_empty = {INFINITY, -INFINITY, INFINITY, INFINITY};

void
tn_extent_add (TnExtent *self, double value)
{
  if (!isfinite (value))
    return;
  self->low = MIN (self->low, value);
  self->high = MAX (self->high, value);
  if (value > 0)
    self->positive = MIN (self->positive, value);
  if (value != 0)
    self->magnitude = MIN (self->magnitude, fabs (value));
}

void
tn_extent_join (TnExtent *self, const TnExtent *other)
{
  self->low = MIN (self->low, other->low);
  self->high = MAX (self->high, other->high);
  self->positive = MIN (self->positive, other->positive);
  self->magnitude = MIN (self->magnitude, other->magnitude);
}

gsize
tn_layer_search (const double *ascending, gsize n, double value, gboolean or_equal)
{
  gsize low = 0, high = n;

  while (low < high)
    {
      gsize middle = low + (high - low) / 2;

      if (ascending[middle] > value || (or_equal && ascending[middle] == value))
        high = middle;
      else
        low = middle + 1;
    }
  return low;
}

gsize
tn_layer_nearest (const double *ascending, gsize n, double x)
{
  gsize right = tn_layer_search (ascending, n, x, TRUE);

  if (right == n)
    return n - 1;
  if (right > 0 && x - ascending[right - 1] < ascending[right] - x)
    return right - 1;
  return right;
}

char *
tn_layer_clean_text (const char *text)
{
  char *clean = g_utf8_make_valid (text != NULL ? text : "", -1);

  for (char *p = clean; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
  return clean;
}

static TnLayer *
layer_new (TnLayerKind kind, const char *name, guint color, gsize n)
{
  TnLayer *self = g_new0 (TnLayer, 1);

  self->kind = kind;
  self->name = tn_layer_clean_text (name);
  self->color = color % TN_PALETTE_SERIES;
  self->n = n;
  self->x_extent = tn_extent_empty;
  self->y_extent = tn_extent_empty;
  return self;
}

TnLayer *
tn_layer_new_histogram (const char *name, guint color, gsize n, const double *edges, const double *counts)
{
  TnLayer *self = layer_new (TN_LAYER_HISTOGRAM, name, color, n);
  double least;

  self->x = g_memdup2 (edges, n == 0 ? 0 : (n + 1) * sizeof *edges);
  self->y = g_memdup2 (counts, n * sizeof *counts);
  for (gsize i = 0; n > 0 && i <= n; i++)
    tn_extent_add (&self->x_extent, edges[i]);
  for (gsize i = 0; i < n; i++)
    tn_extent_add (&self->y_extent, counts[i]);

  /* The middle edge of evenly spaced bins is zero but for rounding; that must not count as a magnitude. */
  least = MAX (fabs (self->x_extent.low), fabs (self->x_extent.high)) * 1e-9;
  self->x_extent.magnitude = INFINITY;
  for (gsize i = 0; n > 0 && i <= n; i++)
    if (isfinite (edges[i]) && fabs (edges[i]) > least)
      self->x_extent.magnitude = MIN (self->x_extent.magnitude, fabs (edges[i]));
  return self;
}

TnLayer *
tn_layer_new_line (const char *name, guint color, gsize n, const double *x, const double *y)
{
  TnLayer *self = layer_new (TN_LAYER_LINE, name, color, n);

  self->x = g_memdup2 (x, n * sizeof *x);
  self->y = g_memdup2 (y, n * sizeof *y);
  self->ascending = TRUE;
  for (gsize i = 0; i < n; i++)
    {
      if (!isfinite (x[i]) || (i > 0 && !(x[i] >= x[i - 1])))
        self->ascending = FALSE;
      if (!isfinite (x[i]) || !isfinite (y[i]))
        continue;
      tn_extent_add (&self->x_extent, x[i]);
      tn_extent_add (&self->y_extent, y[i]);
    }
  return self;
}

typedef struct
{
  double x;
  const char *label;
} Marker;

static int
compare_markers (gconstpointer a, gconstpointer b)
{
  double left = ((const Marker *) a)->x, right = ((const Marker *) b)->x;

  return left < right ? -1 : left > right;
}

TnLayer *
tn_layer_new_markers (const char *name, guint color, gsize n, const double *x, const char *const *labels)
{
  g_autoptr (GArray) markers = g_array_new (FALSE, FALSE, sizeof (Marker));
  TnLayer *self;

  for (gsize i = 0; i < n; i++)
    {
      Marker marker = {x[i], labels != NULL ? labels[i] : NULL};

      if (isfinite (x[i]))
        g_array_append_val (markers, marker);
    }
  g_array_sort (markers, compare_markers);
  self = layer_new (TN_LAYER_MARKERS, name, color, markers->len);
  self->x = g_new (double, markers->len);
  self->labels = labels != NULL ? g_new0 (char *, markers->len + 1) : NULL;
  for (guint i = 0; i < markers->len; i++)
    {
      const Marker *marker = &g_array_index (markers, Marker, i);

      self->x[i] = marker->x;
      if (labels != NULL)
        self->labels[i] = tn_layer_clean_text (marker->label);
      tn_extent_add (&self->x_extent, marker->x);
    }
  return self;
}

TnLayer *
tn_layer_new_bars (const char *name, guint color, gsize n, const char *const *categories, const double *values, const double *low,
                   const double *high)
{
  TnLayer *self = layer_new (TN_LAYER_BARS, name, color, n);

  self->y = g_memdup2 (values, n * sizeof *values);
  if (low != NULL)
    {
      self->x = g_memdup2 (low, n * sizeof *low);
      self->y_high = g_memdup2 (high, n * sizeof *high);
    }
  self->labels = g_new0 (char *, n + 1);
  self->rows = g_new0 (guint, n);
  for (gsize i = 0; i < n; i++)
    {
      self->labels[i] = tn_layer_clean_text (categories[i]);
      tn_extent_add (&self->x_extent, values[i]);
      if (low == NULL || !isfinite (low[i]) || !isfinite (high[i]))
        continue;
      tn_extent_add (&self->x_extent, low[i]);
      tn_extent_add (&self->x_extent, high[i]);
    }
  return self;
}

TnLayer *
tn_layer_new_points (const char *name, guint color, gsize n, const double *x, const double *y, const char *const *labels)
{
  TnLayer *self = tn_layer_new_line (name, color, n, x, y);

  self->kind = TN_LAYER_POINTS;
  self->ascending = FALSE;
  if (labels == NULL)
    return self;
  self->labels = g_new0 (char *, n + 1);
  for (gsize i = 0; i < n; i++)
    self->labels[i] = tn_layer_clean_text (labels[i]);
  return self;
}

TnLayer *
tn_layer_new_band (const char *name, guint color, gsize n, const double *x, const double *low, const double *high)
{
  TnLayer *self = layer_new (TN_LAYER_BAND, name, color, n);

  self->x = g_memdup2 (x, n * sizeof *x);
  self->y = g_memdup2 (low, n * sizeof *low);
  self->y_high = g_memdup2 (high, n * sizeof *high);
  self->ascending = TRUE;
  for (gsize i = 0; i < n; i++)
    {
      if (!isfinite (x[i]) || (i > 0 && !(x[i] >= x[i - 1])))
        self->ascending = FALSE;
      if (!isfinite (x[i]) || !isfinite (low[i]) || !isfinite (high[i]))
        continue;
      tn_extent_add (&self->x_extent, x[i]);
      tn_extent_add (&self->y_extent, low[i]);
      tn_extent_add (&self->y_extent, high[i]);
    }
  return self;
}

gsize
tn_layer_heat_map_rows (const TnLayer *self)
{
  return self->columns == 0 ? 0 : (self->n + self->columns - 1) / self->columns;
}

TnLayer *
tn_layer_new_heat_map (const char *name, gsize n, gsize columns, const double *values, const char *const *row_names,
                       TnAxisScale scale, gsize n_marked, const gsize *marked)
{
  TnLayer *self = layer_new (TN_LAYER_HEAT_MAP, name, 0, columns == 0 ? 0 : n);
  gsize rows;

  self->columns = columns;
  self->numbered = row_names == NULL;
  self->value_scale = scale;
  self->value_extent = tn_extent_empty;
  rows = tn_layer_heat_map_rows (self);
  self->y = g_memdup2 (values, self->n * sizeof *values);
  self->labels = g_new0 (char *, rows + 1);
  for (gsize row = 0; row < rows; row++)
    self->labels[row] =
        self->numbered ? g_strdup_printf ("%" G_GSIZE_FORMAT, row * columns) : tn_layer_clean_text (row_names[row]);
  for (gsize i = 0; i < self->n; i++)
    tn_extent_add (&self->value_extent, values[i]);
  self->n_marked = n_marked;
  self->marked = g_memdup2 (marked, n_marked * sizeof *marked);
  if (self->n > 0)
    {
      tn_extent_add (&self->x_extent, -0.5);
      tn_extent_add (&self->x_extent, (double) columns - 0.5);
    }
  return self;
}

void
tn_layer_free (TnLayer *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->x);
  g_free (self->y);
  g_free (self->y_high);
  g_free (self->marked);
  g_strfreev (self->labels);
  g_free (self->rows);
  g_free (self);
}
