/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"
#include "plots/figures/number.h"

#define PADDING 10
/* Between tick labels and the plot. */
#define TICK_GAP 8
#define LEGEND_GAP 18
#define LEGEND_SIGN_GAP 6
/* Pixels between labelled ticks, at least. */
#define X_SPACING 72
#define Y_SPACING 40
/* Row names take no more of the width than this. */
#define NAMES_SHARE 0.4
/* Width of the bar of colours, and of the gap before it. */
#define COLOR_BAR 12

typedef struct
{
  TnText *text;
  double size;
} Measure;

static double
label_width (const char *label, gpointer user_data)
{
  const Measure *measure = user_data;

  return tn_text_width (measure->text, label, measure->size, FALSE);
}

static double
label_height (const char *label, gpointer user_data)
{
  const Measure *measure = user_data;

  return measure->size;
}

static void
clear_legend_item (gpointer item)
{
  g_free (((TnLegendItem *) item)->text);
}

void
tn_layout_free (TnLayout *self)
{
  if (self == NULL)
    return;
  tn_ticks_free (self->x_ticks);
  tn_ticks_free (self->y_ticks);
  if (self->color_ticks != NULL)
    tn_ticks_free (self->color_ticks);
  for (guint i = 0; i < self->n_rows; i++)
    g_free (self->row_names[i]);
  g_free (self->row_names);
  g_free (self->title);
  g_array_unref (self->legend);
  g_free (self->x_label);
  g_free (self->y_label);
  tn_text_free (self->text);
  g_free (self);
}

/* Rows of signs and names from top on; a legend of one thing would say nothing. Returns its height. */
static double
place_legend (TnLayout *self, const TnFigure *figure, double top)
{
  double line = tn_text_height (self->text, self->small_size) + 4, x = PADDING, right = self->width - PADDING;
  double more = tn_text_width (self->text, "…", self->small_size, FALSE);
  guint row = 0, most_rows = MAX (1, (guint) (self->height * 0.25 / line)), named = 0;

  for (guint i = 0; i < figure->layers->len; i++)
    named += *((TnLayer *) figure->layers->pdata[i])->name != '\0';
  if (named < 2 || self->height < 110)
    return 0;

  for (guint i = 0; i < figure->layers->len; i++)
    {
      const TnLayer *layer = figure->layers->pdata[i];
      double sign = tn_layer_sign_width (layer, self->small_size) + LEGEND_SIGN_GAP, width;
      TnLegendItem item = {.layer = layer};

      if (*layer->name == '\0')
        continue;
      item.text = tn_text_ellipsize (self->text, layer->name, self->small_size, FALSE, (right - PADDING) / 2, TRUE);
      width = sign + tn_text_width (self->text, item.text, self->small_size, FALSE);
      if (x > PADDING && x + width > (row + 1 == most_rows ? right - more : right))
        {
          if (row + 1 == most_rows)
            {
              g_free (item.text);
              item = (TnLegendItem){NULL, x, x, top + row * line + self->small_size, g_strdup ("…")};
              g_array_append_val (self->legend, item);
              break;
            }
          row++;
          x = PADDING;
        }
      item.x = x;
      item.text_x = x + sign;
      item.baseline = top + row * line + self->small_size;
      g_array_append_val (self->legend, item);
      x += width + LEGEND_GAP;
    }
  return (row + 1) * line + 4;
}

static gboolean
has_marker_labels (const TnFigure *figure)
{
  for (guint i = 0; i < figure->layers->len; i++)
    {
      const TnLayer *layer = figure->layers->pdata[i];

      if (layer->kind == TN_LAYER_MARKERS && layer->labels != NULL)
        return TRUE;
    }
  return FALSE;
}

/* Three digits of the largest value, and no fewer decimals for the others: columns of numbers are compared by their length. */
static int
common_decimals (const TnFigure *figure)
{
  double largest = 0;
  gboolean whole = TRUE;

  if (figure->x.kind != TN_AXIS_LINEAR)
    return -1;
  for (guint i = 0; i < figure->layers->len; i++)
    {
      const TnLayer *layer = figure->layers->pdata[i];

      for (gsize k = 0; layer->kind == TN_LAYER_BARS && k < layer->n; k++)
        {
          if (!isfinite (layer->y[k]))
            continue;
          largest = MAX (largest, fabs (layer->y[k]));
          whole = whole && layer->y[k] == rint (layer->y[k]);
        }
    }
  if (whole || largest >= 1e6 || largest < 1e-3)
    return whole && largest < 1e6 ? 0 : -1;
  return MAX (0, 2 - (int) floor (log10 (largest)));
}

char *
tn_layout_value_text (const TnLayout *self, double value)
{
  if (!isfinite (value))
    return g_strdup ("—");
  return self->value_decimals < 0 ? tn_number_text (value, 4) : tn_number_fixed (value, self->value_decimals);
}

/* The widest text that stands at the end of a bar. */
static double
widest_value (const TnLayout *self, const TnFigure *figure)
{
  double widest = 0;

  for (guint i = 0; i < figure->layers->len; i++)
    {
      const TnLayer *layer = figure->layers->pdata[i];

      if (layer->kind != TN_LAYER_BARS)
        continue;
      for (gsize k = 0; k < layer->n; k++)
        {
          g_autofree char *text = tn_layout_value_text (self, layer->y[k]);

          widest = MAX (widest, tn_text_width (self->text, text, self->small_size, FALSE));
        }
    }
  return widest;
}

/* Names for the rows in view, or for every k-th where rows are lower than a line. Returns the widest. */
static double
name_rows (TnLayout *self, const TnFigure *figure)
{
  double row = self->plot.height / (self->y.high - self->y.low), widest = 0;
  double line = tn_text_height (self->text, self->small_size);
  guint every = MAX (1, (guint) ceil (line / row - 1e-6));

  self->n_rows = figure->categories->len;
  self->row_names = g_new0 (char *, self->n_rows);
  for (guint i = 0; i < self->n_rows; i += every)
    {
      if (i < self->y.low || i > self->y.high)
        continue;
      self->row_names[i] =
          tn_text_ellipsize (self->text, figure->categories->pdata[i], self->small_size, FALSE, self->width * NAMES_SHARE, TRUE);
      widest = MAX (widest, tn_text_width (self->text, self->row_names[i], self->small_size, FALSE));
    }
  return widest;
}

static double
widest_tick (const TnLayout *self, const TnTicks *ticks)
{
  double widest = 0;

  for (guint i = 0; i < ticks->major->len; i++)
    widest = MAX (widest, tn_text_width (self->text, g_array_index (ticks->major, TnTick, i).label, self->small_size, FALSE));
  return widest;
}

static void
place_vertically (TnLayout *self, const TnFigure *figure)
{
  double top = PADDING, bottom = self->height - PADDING;
  double small_line = tn_text_height (self->text, self->small_size);

  if (*figure->title != '\0' && self->height >= 130)
    {
      self->title = tn_text_ellipsize (self->text, figure->title, self->title_size, TRUE, self->width - 2 * PADDING, FALSE);
      self->title_baseline = top + self->title_size;
      top += tn_text_height (self->text, self->title_size) + 6;
    }
  top += place_legend (self, figure, top);
  if (has_marker_labels (figure) && self->height >= 130)
    {
      top += small_line + 2;
      self->marker_baseline = top - 4;
    }
  else
    top += self->title == NULL && self->legend->len == 0 ? self->small_size / 2 : 2;

  if (figure->x.label != NULL && *figure->x.label != '\0' && self->height >= 110)
    {
      self->x_label_baseline = bottom - self->label_size * 0.2;
      bottom -= tn_text_height (self->text, self->label_size) + 2;
    }
  bottom -= small_line + TICK_GAP;
  self->plot.y = round (top);
  self->plot.height = MAX (1, round (bottom) - self->plot.y);
}

/* Room for the bar of colours at the right end. Returns what it takes. */
static double
place_color_bar (TnLayout *self, const TnLayer *map)
{
  Measure measure = {self->text, self->small_size};
  double low = map->value_extent.low, labels;

  if (map->value_scale == TN_AXIS_LOG)
    low = map->value_extent.positive;
  self->color_scale = (TnScale){.kind = map->value_scale, .linear = 1};
  tn_scale_fit (&self->color_scale, low, map->value_extent.high, 0, 0);
  self->color_scale.pixel_low = self->plot.y + self->plot.height;
  self->color_scale.pixel_high = self->plot.y;
  if (self->width < 240)
    return 0;
  self->color_ticks = tn_ticks_new (&self->color_scale, Y_SPACING, label_height, &measure);
  labels = widest_tick (self, self->color_ticks);
  self->color_bar =
      (TnRectangle){self->width - PADDING - labels - TICK_GAP - COLOR_BAR, self->plot.y, COLOR_BAR, self->plot.height};
  return self->width - PADDING - self->color_bar.x + COLOR_BAR;
}

static void
place_horizontally (TnLayout *self, const TnFigure *figure)
{
  Measure measure = {self->text, self->small_size};
  double left = PADDING, right = self->width - PADDING, last, overhang;
  gboolean labelled = figure->y.label != NULL && *figure->y.label != '\0' && self->width >= 220;

  if (labelled)
    {
      left += tn_text_height (self->text, self->label_size) + 2;
      self->y_label_x = PADDING + self->label_size * 0.9;
      self->y_label = tn_text_ellipsize (self->text, figure->y.label, self->label_size, FALSE, self->height - 2 * PADDING, FALSE);
    }
  self->y.pixel_low = self->rows ? self->plot.y : self->plot.y + self->plot.height;
  self->y.pixel_high = self->rows ? self->plot.y + self->plot.height : self->plot.y;
  if (self->rows)
    {
      const TnLayer *map = tn_figure_get_heat_map (figure);

      left += name_rows (self, figure);
      right -= map != NULL ? place_color_bar (self, map) : widest_value (self, figure) + 6;
    }
  else
    {
      self->y_ticks = tn_ticks_new (&self->y, Y_SPACING, label_height, &measure);
      left += widest_tick (self, self->y_ticks);
    }
  left += TICK_GAP;

  /* The outermost label may stand out to the right by half its width. */
  for (int pass = 0; pass < 2; pass++)
    {
      self->plot.x = round (left);
      self->plot.width = MAX (1, round (right) - self->plot.x);
      self->x.pixel_low = self->plot.x;
      self->x.pixel_high = self->plot.x + self->plot.width;
      g_clear_pointer (&self->x_ticks, tn_ticks_free);
      self->x_ticks = figure->columns->len > 0
                          ? tn_ticks_new_named (&self->x, figure->columns->len, (const char *const *) figure->columns->pdata,
                                                label_width, &measure)
                          : tn_ticks_new (&self->x, X_SPACING, label_width, &measure);
      if (self->x_ticks->major->len == 0)
        break;
      last = g_array_index (self->x_ticks->major, TnTick, self->x_ticks->major->len - 1).pixel;
      overhang = last +
                 label_width (g_array_index (self->x_ticks->major, TnTick, self->x_ticks->major->len - 1).label, &measure) / 2 -
                 (self->width - PADDING / 2);
      if (overhang <= 0 || pass == 1)
        break;
      right -= overhang;
    }
  if (self->x_label_baseline > 0)
    self->x_label = tn_text_ellipsize (self->text, figure->x.label, self->label_size, FALSE, self->width - 2 * PADDING, FALSE);
}

TnLayout *
tn_layout_new (TnFigure *figure, double width, double height)
{
  TnLayout *self = g_new0 (TnLayout, 1);

  self->width = width;
  self->height = height;
  self->text = tn_text_new (figure->family);
  self->label_size = figure->size;
  self->small_size = figure->size * 0.9;
  self->title_size = figure->size * 1.15;
  self->legend = g_array_new (FALSE, FALSE, sizeof (TnLegendItem));
  g_array_set_clear_func (self->legend, clear_legend_item);
  self->rows = figure->categories->len > 0;
  self->value_decimals = common_decimals (figure);
  tn_figure_get_scales (figure, &self->x, &self->y);
  place_vertically (self, figure);
  place_horizontally (self, figure);
  return self;
}
