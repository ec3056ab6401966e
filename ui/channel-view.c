/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/channel-view.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "ui/numbers.h"
#include "ui/plot-panel.h"

/* A picture is so many times as wide as it is high. */
#define PICTURE_SHAPE 3.0
/* From this ratio of the largest value to the middle one, colours follow the logarithm. */
#define LOG_RATIO 8.0
#define LISTED_OUTLIERS 12

struct _TnChannelView
{
  GtkWidget parent_instance;
  TnPlotPanel panel;
  GtkDropDown *measure;
  GtkDropDown *extent;
  TnChannelMap *map; /* a copy of what is shown, for the choices */
  char *drawn;       /* what the view of the picture was reset for */
};

enum
{
  THIS_SITE,
  ALL_BLOCKS
};

G_DEFINE_FINAL_TYPE (TnChannelView, tn_channel_view, GTK_TYPE_WIDGET)

static TnChannelMap *
copy_map (const TnChannelMap *map)
{
  TnChannelMap *copy = g_new0 (TnChannelMap, 1);

  *copy = *map;
  copy->names = g_strdupv (map->names);
  for (guint m = 0; m < TN_N_CHANNEL_MEASURES; m++)
    copy->values[m] = g_memdup2 (map->values[m], (gsize) map->n_rows * map->width * sizeof (double));
  copy->flags = g_memdup2 (map->flags, (gsize) map->n_rows * map->width * sizeof *map->flags);
  return copy;
}

static guint
choose_columns (guint width)
{
  guint columns = 8;

  while (columns < width && columns * columns < width * PICTURE_SHAPE)
    columns *= 2;
  return MIN (columns, width);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double first = *(const double *) a, second = *(const double *) b;

  return (first > second) - (first < second);
}

static TnAxisScale
choose_scale (const double *values, gsize n)
{
  g_autofree double *positive = g_new (double, n);
  gsize count = 0;

  for (gsize i = 0; i < n; i++)
    if (values[i] > 0)
      positive[count++] = values[i];
  if (count == 0)
    return TN_AXIS_LINEAR;
  qsort (positive, count, sizeof *positive, compare_doubles);
  return positive[count - 1] > LOG_RATIO * positive[count / 2] ? TN_AXIS_LOG : TN_AXIS_LINEAR;
}

static const char *
measure_name (TnChannelMeasure measure)
{
  switch (measure)
    {
    case TN_CHANNEL_STD:
      return _ ("standard deviation");
    case TN_CHANNEL_MEAN_SQUARE:
      return _ ("mean square");
    case TN_CHANNEL_ABSMAX:
    case TN_N_CHANNEL_MEASURES:
    default:
      return _ ("largest magnitude");
    }
}

/* "3 outlier channels: 12, 40, 55" */
static char *
describe_outliers (const TnChannelMap *map, const GArray *outliers, gsize offset, gboolean all)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  GString *list = g_string_new (NULL);
  guint n = 0;

  for (guint i = 0; i < outliers->len; i++)
    {
      gsize channel = (g_array_index (outliers, gsize, i) - offset) % map->width;

      /* In many blocks the same channels stand out: each is told once. */
      if (all && !g_hash_table_add (seen, GSIZE_TO_POINTER (channel)))
        continue;
      if (n++ < LISTED_OUTLIERS)
        g_string_append_printf (list, "%s%" G_GSIZE_FORMAT, list->len > 0 ? ", " : "", channel);
    }
  if (n == 0)
    {
      g_string_free (list, TRUE);
      return g_strdup (_ ("No outlier channels"));
    }
  if (n > LISTED_OUTLIERS)
    g_string_append (list, ", …");
  {
    g_autofree char *numbers = g_string_free (list, FALSE);

    return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u outlier channel: %s", "%u outlier channels: %s", n), n, numbers);
  }
}

static void
draw (TnChannelView *self)
{
  TnFigure *figure = tn_plot_view_get_figure (self->panel.plot);
  TnChannelMeasure measure = (TnChannelMeasure) gtk_drop_down_get_selected (self->measure);
  gboolean all = gtk_drop_down_get_selected (self->extent) == ALL_BLOCKS;
  const TnChannelMap *map = self->map;

  tn_figure_clear (figure);
  if (map == NULL)
    {
      tn_plot_panel_set_reading (&self->panel, "");
      g_clear_pointer (&self->drawn, g_free);
    }
  else
    {
      guint first = all ? 0 : map->chosen, end = all ? map->n_rows : map->chosen + 1;
      gsize offset = (gsize) first * map->width, n = (gsize) (end - first) * map->width;
      const double *values = map->values[measure] + offset;
      g_autoptr (GArray) outliers = tn_channel_map_find_outliers (map, first, end);
      g_autofree char *reading = describe_outliers (map, outliers, offset, all);
      g_autofree char *shown = g_strdup_printf ("%s %d", map->names[map->chosen], all);

      if (g_strcmp0 (shown, self->drawn) != 0)
        {
          g_free (self->drawn);
          self->drawn = g_steal_pointer (&shown);
          tn_figure_reset_view (figure);
          tn_figure_set_title (figure, map->names[map->chosen]);
          tn_plot_view_set_export_name (self->panel.plot, map->names[map->chosen]);
        }
      for (guint i = 0; i < outliers->len; i++)
        g_array_index (outliers, gsize, i) -= offset;
      tn_figure_add_heat_map (figure, measure_name (measure), n, all ? map->width : choose_columns (map->width), values,
                              all ? (const char *const *) map->names : NULL, choose_scale (values, n), outliers->len,
                              (const gsize *) (gpointer) outliers->data);
      tn_plot_panel_set_reading (&self->panel, reading);
    }
  tn_plot_view_changed (self->panel.plot);
}

static void
tn_channel_view_dispose (GObject *object)
{
  TnChannelView *self = TN_CHANNEL_VIEW (object);

  g_clear_pointer (&self->panel.box, gtk_widget_unparent);
  g_clear_pointer (&self->map, tn_channel_map_free);
  g_clear_pointer (&self->drawn, g_free);
  G_OBJECT_CLASS (tn_channel_view_parent_class)->dispose (object);
}

static void
tn_channel_view_class_init (TnChannelViewClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_channel_view_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_channel_view_init (TnChannelView *self)
{
  const char *measures[] = {_ ("Largest Magnitude"), _ ("Standard Deviation"), _ ("Mean Square"), NULL};
  const char *extents[] = {_ ("This Site"), _ ("All Blocks"), NULL};

  tn_plot_panel_init (&self->panel, GTK_WIDGET (self));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->panel.bar), _ ("Framed: channels much louder than the others of their site (modified z of log rms above 3.5), and those with a massive activation"));
  self->measure = tn_plot_panel_add_choice (&self->panel, _ ("Number of each channel"), measures);
  self->extent = tn_plot_panel_add_choice (&self->panel, _ ("Whose channels"), extents);
  tn_figure_set_x_axis (tn_plot_view_get_figure (self->panel.plot), _ ("channel"), TN_AXIS_LINEAR);
  tn_figure_set_empty_text (tn_plot_view_get_figure (self->panel.plot), _ ("Choose a site to see its channels"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->panel.plot), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Channels"), -1);
  g_signal_connect_swapped (self->measure, "notify::selected", G_CALLBACK (draw), self);
  g_signal_connect_swapped (self->extent, "notify::selected", G_CALLBACK (draw), self);
}

void
tn_channel_view_show (TnChannelView *self, const TnChannelMap *map)
{
  g_return_if_fail (TN_IS_CHANNEL_VIEW (self));

  g_clear_pointer (&self->map, tn_channel_map_free);
  self->map = map != NULL ? copy_map (map) : NULL;
  draw (self);
}
