/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

static void
axis_clear (TnAxis *axis)
{
  g_free (axis->label);
}

TnFigure *
tn_figure_new (const char *title)
{
  TnFigure *self = g_new0 (TnFigure, 1);

  self->title = tn_layer_clean_text (title);
  self->family = g_strdup ("Sans");
  self->size = 12;
  self->density = 1;
  self->layers = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_layer_free);
  self->categories = g_ptr_array_new_with_free_func (g_free);
  self->columns = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
tn_figure_free (TnFigure *self)
{
  if (self == NULL)
    return;
  tn_layout_free (self->layout);
  g_free (self->title);
  g_free (self->empty_text);
  g_free (self->family);
  axis_clear (&self->x);
  axis_clear (&self->y);
  g_ptr_array_unref (self->layers);
  g_ptr_array_unref (self->categories);
  g_ptr_array_unref (self->columns);
  g_free (self);
}

void
tn_figure_changed (TnFigure *self)
{
  g_clear_pointer (&self->layout, tn_layout_free);
}

static void
set_string (TnFigure *self, char **field, const char *string)
{
  char *copy = tn_layer_clean_text (string);

  g_free (*field);
  *field = copy;
  tn_figure_changed (self);
}

void
tn_figure_set_title (TnFigure *self, const char *title)
{
  set_string (self, &self->title, title);
}

void
tn_figure_set_empty_text (TnFigure *self, const char *text)
{
  g_free (self->empty_text);
  self->empty_text = text != NULL ? g_utf8_make_valid (text, -1) : NULL;
}

void
tn_figure_set_x_axis (TnFigure *self, const char *label, TnAxisScale scale)
{
  self->x.kind = scale;
  set_string (self, &self->x.label, label);
}

void
tn_figure_set_y_axis (TnFigure *self, const char *label, TnAxisScale scale)
{
  self->y.kind = scale;
  set_string (self, &self->y.label, label);
}

void
tn_figure_set_font (TnFigure *self, const char *family, double size)
{
  g_return_if_fail (size > 0);
  self->size = size;
  set_string (self, &self->family, family);
}

void
tn_figure_set_density (TnFigure *self, double density)
{
  g_return_if_fail (density > 0);
  self->density = density;
}

void
tn_figure_clear (TnFigure *self)
{
  g_ptr_array_set_size (self->layers, 0);
  g_ptr_array_set_size (self->categories, 0);
  g_ptr_array_set_size (self->columns, 0);
  tn_figure_changed (self);
}

guint
tn_figure_count_layers (const TnFigure *self, TnLayerKind kind)
{
  guint n = 0;

  for (guint i = 0; i < self->layers->len; i++)
    n += ((TnLayer *) self->layers->pdata[i])->kind == kind;
  return n;
}

gboolean
tn_figure_is_empty (TnFigure *self)
{
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnLayer *layer = self->layers->pdata[i];
      gboolean drawn = layer->kind == TN_LAYER_MARKERS || layer->kind == TN_LAYER_BARS || layer->kind == TN_LAYER_HEAT_MAP ||
                       layer->y_extent.low <= layer->y_extent.high;

      if (layer->n > 0 && drawn)
        return FALSE;
    }
  return TRUE;
}

static void
add_layer (TnFigure *self, TnLayer *layer)
{
  layer->ordinal = tn_figure_count_layers (self, layer->kind);
  g_ptr_array_add (self->layers, layer);
  tn_figure_changed (self);
}

void
tn_figure_add_histogram (TnFigure *self, const char *name, guint color, gsize n, const double *edges, const double *counts)
{
  for (gsize i = 0; i < n; i++)
    g_return_if_fail (edges[i] <= edges[i + 1]);
  add_layer (self, tn_layer_new_histogram (name, color, n, edges, counts));
}

void
tn_figure_add_line (TnFigure *self, const char *name, guint color, gsize n, const double *x, const double *y)
{
  add_layer (self, tn_layer_new_line (name, color, n, x, y));
}

void
tn_figure_add_markers (TnFigure *self, const char *name, guint color, gsize n, const double *x, const char *const *labels)
{
  add_layer (self, tn_layer_new_markers (name, color, n, x, labels));
}

void
tn_figure_add_bars (TnFigure *self, const char *name, guint color, gsize n, const char *const *categories, const double *values)
{
  tn_figure_add_ranged_bars (self, name, color, n, categories, values, NULL, NULL);
}

/* Layers share rows by name; a name that one layer uses twice gets a row for each. */
void
tn_figure_add_ranged_bars (TnFigure *self, const char *name, guint color, gsize n, const char *const *categories,
                           const double *values, const double *low, const double *high)
{
  TnLayer *layer = tn_layer_new_bars (name, color, n, categories, values, low, high);
  g_autoptr (GHashTable) rows = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = self->categories->len; i > 0; i--)
    g_hash_table_insert (rows, self->categories->pdata[i - 1], GUINT_TO_POINTER (i));
  for (gsize i = 0; i < n; i++)
    {
      guint row = GPOINTER_TO_UINT (g_hash_table_lookup (rows, layer->labels[i]));

      if (row == 0)
        {
          g_ptr_array_add (self->categories, g_strdup (layer->labels[i]));
          row = self->categories->len;
        }
      else
        g_hash_table_remove (rows, layer->labels[i]);
      layer->rows[i] = row - 1;
    }
  add_layer (self, layer);
}

void
tn_figure_add_band (TnFigure *self, const char *name, guint color, gsize n, const double *x, const double *low,
                    const double *high)
{
  add_layer (self, tn_layer_new_band (name, color, n, x, low, high));
}

void
tn_figure_add_points (TnFigure *self, const char *name, guint color, gsize n, const double *x, const double *y,
                      const char *const *labels)
{
  add_layer (self, tn_layer_new_points (name, color, n, x, y, labels));
}

void
tn_figure_set_column_names (TnFigure *self, gsize n, const char *const *names)
{
  g_ptr_array_set_size (self->columns, 0);
  for (gsize i = 0; i < n; i++)
    g_ptr_array_add (self->columns, tn_layer_clean_text (names[i]));
  tn_figure_changed (self);
}

void
tn_figure_add_heat_map (TnFigure *self, const char *name, gsize n, gsize columns, const double *values,
                        const char *const *row_names, TnAxisScale scale, gsize n_marked, const gsize *marked)
{
  TnLayer *layer;

  g_return_if_fail (self->categories->len == 0);
  g_return_if_fail (columns > 0 || n == 0);
  for (gsize i = 0; i < n_marked; i++)
    g_return_if_fail (marked[i] < n && (i == 0 || marked[i - 1] < marked[i]));

  layer = tn_layer_new_heat_map (name, n, columns, values, row_names, scale, n_marked, marked);
  for (gsize row = 0; row < tn_layer_heat_map_rows (layer); row++)
    g_ptr_array_add (self->categories, g_strdup (layer->labels[row]));
  add_layer (self, layer);
}

const TnLayer *
tn_figure_get_heat_map (const TnFigure *self)
{
  for (guint i = 0; i < self->layers->len; i++)
    if (((TnLayer *) self->layers->pdata[i])->kind == TN_LAYER_HEAT_MAP)
      return self->layers->pdata[i];
  return NULL;
}

const TnLayout *
tn_figure_get_layout (TnFigure *self, double width, double height)
{
  if (self->layout == NULL || self->layout->width != width || self->layout->height != height)
    {
      g_clear_pointer (&self->layout, tn_layout_free);
      self->layout = tn_layout_new (self, width, height);
    }
  return self->layout;
}
