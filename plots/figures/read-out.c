/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>

#include "plots/figures/figure-private.h"
#include "plots/figures/number.h"

#define VALUE_DIGITS 6
/* A marker is under the pointer, and a point at the position that is told, when no more pixels away. */
#define REACH 6

/* As many digits as it takes to tell the pixel from the next one. */
static char *
position_text (const TnScale *scale, double pixel, double value)
{
  double step = fabs (tn_scale_from_pixel (scale, pixel + 1) - value);
  double digits = value == 0 || step == 0 ? 3 : ceil (log10 (fabs (value) / step)) + 1;

  return tn_number_text (value, (int) CLAMP (digits, 3, 16));
}

static char *
value_text (double value)
{
  return isnan (value) ? g_strdup (_ ("not measured")) : tn_number_text (value, VALUE_DIGITS);
}

static void
append_line (GString *out, const char *name, const char *text)
{
  if (out->len > 0)
    g_string_append_c (out, '\n');
  if (name != NULL && *name != '\0')
    g_string_append_printf (out, _ ("%s: %s"), name, text);
  else
    g_string_append (out, text);
}

static void
append_range (GString *out, const TnLayer *layer, gsize i)
{
  g_autofree char *low = NULL, *high = NULL, *text = NULL;

  if (layer->y_high == NULL || !isfinite (layer->x[i]) || !isfinite (layer->y_high[i]))
    return;
  low = tn_number_text (layer->x[i], VALUE_DIGITS);
  high = tn_number_text (layer->y_high[i], VALUE_DIGITS);
  /* Translators: the ends of an interval. */
  text = g_strdup_printf (_ ("%s to %s"), low, high);
  append_line (out, NULL, text);
}

static void
append_bars (GString *out, const TnFigure *self, const TnLayout *layout, double py)
{
  double row = rint (tn_scale_from_pixel (&layout->y, py));

  if (!(row >= 0 && row < self->categories->len))
    return;
  append_line (out, NULL, self->categories->pdata[(guint) row]);
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnLayer *layer = self->layers->pdata[i];

      for (gsize k = 0; layer->kind == TN_LAYER_BARS && k < layer->n; k++)
        if (layer->rows[k] == (guint) row)
          {
            g_autofree char *value = value_text (layer->y[k]);

            append_line (out, layer->name, value);
            append_range (out, layer, k);
          }
    }
}

static void
append_bin (GString *out, const TnLayer *layer, const TnLayout *layout, double x)
{
  gsize bin = tn_layer_search (layer->x, layer->n + 1, x, FALSE);
  g_autofree char *low = NULL, *high = NULL, *count = NULL, *text = NULL;

  if (layer->n == 0 || bin == 0 || bin > layer->n)
    return;
  low = tn_number_text (layer->x[bin - 1], VALUE_DIGITS);
  high = tn_number_text (layer->x[bin], VALUE_DIGITS);
  count = value_text (layer->y[bin - 1]);
  /* Translators: a count, and the limits of the bin it was counted in. */
  text = g_strdup_printf (_ ("%s from %s to %s"), count, low, high);
  append_line (out, layer->name, text);
}

/* The datum of a line that the pointer means: nearest along x; for lines without order nearest on the screen. */
static gsize
nearest_point (const TnLayer *layer, const TnLayout *layout, double x, double px, double py)
{
  double best = INFINITY;
  gsize nearest = 0;

  if (layer->ascending)
    return tn_layer_nearest (layer->x, layer->n, x);
  for (gsize i = 0; i < layer->n; i++)
    {
      double distance =
          hypot (tn_scale_to_pixel (&layout->x, layer->x[i]) - px, tn_scale_to_pixel (&layout->y, layer->y[i]) - py);

      if (distance < best)
        {
          best = distance;
          nearest = i;
        }
    }
  return nearest;
}

/* The position that is told: of the point nearest to the pointer along x, however far, so that every line can be read; x where
 * there is none. */
static double
find_position (const TnFigure *self, TnLayerKind kind, const TnLayout *layout, double x, double px, double py)
{
  double best = INFINITY, position = x;

  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnLayer *layer = self->layers->pdata[i];
      double there, distance;

      if (layer->kind != kind || layer->n == 0)
        continue;
      there = layer->x[nearest_point (layer, layout, x, px, py)];
      distance = fabs (tn_scale_to_pixel (&layout->x, there) - px);
      if (distance < best)
        {
          best = distance;
          position = there;
        }
    }
  return position;
}

/* The datum of a line or band at the position that is told; FALSE: it has none there. */
static gboolean
find_point (const TnLayer *layer, const TnLayout *layout, double position, double px, double py, gsize *point)
{
  if (layer->n == 0)
    return FALSE;
  *point = nearest_point (layer, layout, position, px, py);
  return fabs (tn_scale_to_pixel (&layout->x, layer->x[*point]) - tn_scale_to_pixel (&layout->x, position)) <= REACH;
}

static void
append_markers (GString *out, const TnLayer *layer, const TnLayout *layout, double x, double px)
{
  gsize nearest;
  g_autofree char *value = NULL, *text = NULL;

  if (layer->n == 0)
    return;
  nearest = tn_layer_nearest (layer->x, layer->n, x);
  if (fabs (tn_scale_to_pixel (&layout->x, layer->x[nearest]) - px) > REACH)
    return;
  value = tn_number_text (layer->x[nearest], VALUE_DIGITS);
  if (layer->labels != NULL && *layer->labels[nearest] != '\0')
    text = g_strdup_printf ("%s (%s)", layer->labels[nearest], value);
  append_line (out, layer->name, text != NULL ? text : value);
}

static void
append_cell (GString *out, const TnFigure *self, const TnLayer *map, const TnLayout *layout, double x, double py)
{
  double row = rint (tn_scale_from_pixel (&layout->y, py)), column = rint (x);
  g_autofree char *number = NULL, *value = NULL;
  gsize cell;

  if (!(row >= 0 && row < self->categories->len && column >= 0 && column < map->columns))
    return;
  cell = (gsize) row * map->columns + (gsize) column;
  if (cell >= map->n)
    return;
  if (!map->numbered)
    append_line (out, NULL, map->labels[(gsize) row]);
  number = g_strdup_printf ("%" G_GSIZE_FORMAT, map->numbered ? cell : (gsize) column);
  append_line (out, self->x.label, column < self->columns->len ? self->columns->pdata[(guint) column] : number);
  value = value_text (map->y[cell]);
  append_line (out, map->name, value);
}

static void
append_band (GString *out, const TnLayer *layer, gsize point)
{
  g_autofree char *low = tn_number_text (layer->y[point], VALUE_DIGITS);
  g_autofree char *high = tn_number_text (layer->y_high[point], VALUE_DIGITS);
  /* Translators: the ends of an interval. */
  g_autofree char *text = g_strdup_printf (_ ("%s to %s"), low, high);

  if (isfinite (layer->y[point]) && isfinite (layer->y_high[point]))
    append_line (out, layer->name, text);
}

/* The dot that the pointer is at. */
static void
append_points (GString *out, const TnFigure *self, const TnLayer *layer, const TnLayout *layout, double px, double py)
{
  gsize i = nearest_point (layer, layout, 0, px, py);
  g_autofree char *x = NULL, *y = NULL;

  if (hypot (tn_scale_to_pixel (&layout->x, layer->x[i]) - px, tn_scale_to_pixel (&layout->y, layer->y[i]) - py) > 2 * REACH)
    return;
  if (layer->labels != NULL)
    append_line (out, NULL, layer->labels[i]);
  x = value_text (layer->x[i]);
  y = value_text (layer->y[i]);
  append_line (out, self->x.label, x);
  append_line (out, self->y.label, y);
}

/* All that has a value along x, where the pointer is. */
static void
append_columns (GString *out, const TnFigure *self, const TnLayout *layout, double x, double px, double py)
{
  gboolean has_line = FALSE;
  double position;
  g_autofree char *text = NULL;

  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnLayer *layer = self->layers->pdata[i];

      has_line |= layer->kind == TN_LAYER_LINE && layer->n > 0;
    }
  if (!has_line && tn_figure_count_layers (self, TN_LAYER_POINTS) > 0)
    {
      for (guint i = 0; i < self->layers->len; i++)
        if (((const TnLayer *) self->layers->pdata[i])->kind == TN_LAYER_POINTS &&
            ((const TnLayer *) self->layers->pdata[i])->n > 0)
          append_points (out, self, self->layers->pdata[i], layout, px, py);
      return;
    }
  position = find_position (self, has_line ? TN_LAYER_LINE : TN_LAYER_BAND, layout, x, px, py);
  text = position_text (&layout->x, tn_scale_to_pixel (&layout->x, position), position);
  append_line (out, self->x.label, text);
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnLayer *layer = self->layers->pdata[i];
      gsize point;

      if (layer->kind == TN_LAYER_HISTOGRAM)
        append_bin (out, layer, layout, x);
      else if (layer->kind == TN_LAYER_MARKERS)
        append_markers (out, layer, layout, x, px);
      else if (layer->kind == TN_LAYER_BAND && find_point (layer, layout, position, px, py, &point))
        append_band (out, layer, point);
      else if (layer->kind == TN_LAYER_LINE && find_point (layer, layout, position, px, py, &point))
        {
          g_autofree char *value = value_text (layer->y[point]);

          append_line (out, layer->name, value);
        }
    }
}

char *
tn_figure_read_out (TnFigure *self, double width, double height, double px, double py)
{
  const TnLayout *layout = tn_figure_get_layout (self, width, height);
  GString *out;
  double x;

  if (tn_figure_is_empty (self) || !tn_figure_pixel_to_data (self, width, height, px, py, &x, NULL))
    return NULL;
  out = g_string_new (NULL);
  if (layout->rows && tn_figure_get_heat_map (self) != NULL)
    append_cell (out, self, tn_figure_get_heat_map (self), layout, x, py);
  else if (layout->rows)
    append_bars (out, self, layout, py);
  else
    append_columns (out, self, layout, x, px, py);
  for (guint i = 0; layout->rows && i < self->layers->len; i++)
    if (((const TnLayer *) self->layers->pdata[i])->kind == TN_LAYER_MARKERS)
      append_markers (out, self->layers->pdata[i], layout, x, px);
  return g_string_free (out, out->len == 0);
}

/* --- stepping ---------------------------------------------------------- */

static double
datum_at (const TnLayer *layer, gsize i)
{
  return layer->kind == TN_LAYER_HISTOGRAM ? layer->x[i] / 2 + layer->x[i + 1] / 2 : layer->x[i];
}

/* To a cell beside, above or below. */
static void
step_cells (const TnLayer *map, const TnLayout *layout, int columns, int rows, double *px, double *py)
{
  const TnRectangle *plot = &layout->plot;
  double column = rint (tn_scale_from_pixel (&layout->x, *px)) + columns,
         row = rint (tn_scale_from_pixel (&layout->y, *py)) + rows;

  column = CLAMP (column, MAX (0, ceil (layout->x.low)), MIN (map->columns - 1.0, floor (layout->x.high)));
  row = CLAMP (row, MAX (0, ceil (layout->y.low)), MIN (tn_layer_heat_map_rows (map) - 1.0, floor (layout->y.high)));
  *px = CLAMP (tn_scale_to_pixel (&layout->x, column), plot->x, plot->x + plot->width);
  *py = CLAMP (tn_scale_to_pixel (&layout->y, row), plot->y, plot->y + plot->height);
}

/* The next datum to one side that is at least a pixel away. */
static gboolean
step_columns (const TnLayer *layer, const TnLayout *layout, int direction, double *px)
{
  gboolean found = FALSE;
  double best = 0;
  gsize low = 0, high = layer->n;

  if (layer->kind != TN_LAYER_LINE || layer->ascending)
    {
      /* Only data in view can be meant; the bin at either end may be half visible. */
      low = tn_layer_search (layer->x, layer->n, layout->x.low, TRUE);
      low = low > 0 ? low - 1 : 0;
      high = MIN (layer->n, tn_layer_search (layer->x, layer->n, layout->x.high, FALSE) + 1);
    }
  for (gsize i = low; i < high; i++)
    {
      double pixel = tn_scale_to_pixel (&layout->x, datum_at (layer, i)), distance = (pixel - *px) * direction;

      if (!tn_scale_can_show (&layout->x, datum_at (layer, i)) || pixel < layout->plot.x ||
          pixel > layout->plot.x + layout->plot.width)
        continue;
      if (distance >= 1 && (!found || distance < best))
        {
          found = TRUE;
          best = distance;
        }
    }
  if (found)
    *px += best * direction;
  return found;
}

gboolean
tn_figure_step (TnFigure *self, double width, double height, int columns, int rows, double *px, double *py)
{
  const TnLayout *layout = tn_figure_get_layout (self, width, height);
  const TnRectangle *plot = &layout->plot;

  if (tn_figure_is_empty (self))
    return FALSE;
  if (!tn_figure_pixel_to_data (self, width, height, *px, *py, NULL, NULL))
    {
      *px = columns < 0 ? plot->x + plot->width : plot->x;
      *py = layout->rows ? plot->y : plot->y + plot->height / 2;
      if (layout->rows)
        rows = 0;
    }
  if (tn_figure_get_heat_map (self) != NULL)
    {
      step_cells (tn_figure_get_heat_map (self), layout, columns, rows, px, py);
      return TRUE;
    }
  if (layout->rows)
    {
      double row = rint (tn_scale_from_pixel (&layout->y, *py)) + (rows != 0 ? rows : columns);

      row = CLAMP (row, ceil (layout->y.low), floor (layout->y.high));
      *px = plot->x + plot->width / 2;
      *py = CLAMP (tn_scale_to_pixel (&layout->y, row), plot->y, plot->y + plot->height);
      return TRUE;
    }
  for (guint i = 0; i < self->layers->len && columns != 0; i++)
    {
      const TnLayer *layer = self->layers->pdata[i];

      if (layer->n > 0)
        return step_columns (layer, layout, columns, px);
    }
  return FALSE;
}

/* --- description ------------------------------------------------------- */

static void
append_axis (GString *out, const char *label, const char *fallback, const TnScale *scale)
{
  g_autofree char *low = tn_number_text (scale->low, 3), *high = tn_number_text (scale->high, 3);
  const char *name = label != NULL && *label != '\0' ? label : fallback;

  g_string_append (out, "; ");
  /* Translators: what is on an axis, and its range. */
  g_string_append_printf (out, scale->kind == TN_AXIS_LINEAR ? _ ("%s from %s to %s") : _ ("%s from %s to %s, logarithmic"), name,
                          low, high);
}

static char *
describe_heat_map (const TnLayer *layer)
{
  g_autofree char *low = tn_number_text (layer->value_extent.low, 3), *high = tn_number_text (layer->value_extent.high, 3);
  gulong n = layer->n, marked = layer->n_marked;
  g_autofree char *cells = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%lu cell", "%lu cells", n), n);

  /* Translators: name, number of cells, smallest and largest value, number of marked cells. */
  return g_strdup_printf (_ ("%s: heat map of %s from %s to %s, %lu marked"), layer->name, cells, low, high, marked);
}

static char *
describe_layer (const TnLayer *layer)
{
  gulong n = layer->n;

  switch (layer->kind)
    {
    case TN_LAYER_HISTOGRAM:
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s: histogram of %lu bin", "%s: histogram of %lu bins", n),
                              layer->name, n);
    case TN_LAYER_LINE:
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s: line of %lu point", "%s: line of %lu points", n), layer->name,
                              n);
    case TN_LAYER_POINTS:
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s: %lu point", "%s: %lu points", n), layer->name, n);
    case TN_LAYER_MARKERS:
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s: %lu marker", "%s: %lu markers", n), layer->name, n);
    case TN_LAYER_BAND:
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s: band of %lu point", "%s: band of %lu points", n), layer->name,
                              n);
    case TN_LAYER_HEAT_MAP:
      return describe_heat_map (layer);
    case TN_LAYER_BARS:
    default:
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s: %lu bar", "%s: %lu bars", n), layer->name, n);
    }
}

char *
tn_figure_describe (TnFigure *self)
{
  GString *out = g_string_new (*self->title != '\0' ? self->title : _ ("Plot"));
  TnScale x, y;

  if (tn_figure_is_empty (self))
    {
      g_string_append_printf (out, "; %s", self->empty_text != NULL ? self->empty_text : _ ("Nothing has been measured yet."));
      return g_string_free (out, FALSE);
    }
  tn_figure_get_scales (self, &x, &y);
  append_axis (out, self->x.label, _ ("horizontal axis"), &x);
  if (self->categories->len == 0)
    append_axis (out, self->y.label, _ ("vertical axis"), &y);
  for (guint i = 0; i < self->layers->len; i++)
    {
      g_autofree char *text = describe_layer (self->layers->pdata[i]);

      g_string_append_printf (out, "; %s", text);
    }
  g_string_append_c (out, '.');
  return g_string_free (out, FALSE);
}
