/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/training-plots.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "ui/accessible.h"
#include "ui/event-list.h"
#include "ui/numbers.h"
#include "ui/series-plot.h"
#include "ui/settings.h"

#define MOST_LOSSES 4

static const struct
{
  const char *series;
  const char *title;
} losses[MOST_LOSSES] = {
    {"loss", N_ ("loss")},
    {"validation_loss", N_ ("validation loss")},
    {"cross_entropy", N_ ("cross-entropy")},
    {"distillation", N_ ("distillation")},
};

#define MEBIBYTE (1024.0 * 1024.0)

/* Titles of series that are known, in the order they are shown in; others follow under their own names. */
static const struct
{
  const char *series;
  const char *title;
  const char *label;
} known[] = {
    {"rate", N_ ("Learning Rate"), N_ ("learning rate")},
    {"gradient_norm", N_ ("Gradient Norm"), N_ ("norm")},
    {"tokens_per_second", N_ ("Tokens per Second"), N_ ("tokens/s")},
    {"images_per_second", N_ ("Images per Second"), N_ ("images/s")},
    {"memory_bytes", N_ ("Memory"), N_ ("MiB")},
    {"validation_accuracy", N_ ("Validation Accuracy"), N_ ("share right")},
    {"lambda", N_ ("Share of Rounding"), N_ ("share")},
};

static const double smoothings[] = {0.0, 0.9, 0.98};

typedef struct
{
  char *series;
  TnSeriesPlot *plot;
} Other;

struct _TnTrainingPlots
{
  GtkWidget parent_instance;
  GtkStack *stack;
  TnSeriesPlot *loss;
  GtkDropDown *smoothing;
  GtkCheckButton *log;
  GtkFlowBox *flow;
  GtkPaned *paned;
  GtkColumnView *view;
  GtkStack *layers_stack;
  GtkDropDown *measure;
  TnSeriesPlot *layer_plot;
  TnEventList *events;

  TnTrainingRun *run;
  TnTable *table;
  GArray *others; /* Other, as they stand in flow */
};

G_DEFINE_FINAL_TYPE (TnTrainingPlots, tn_training_plots, GTK_TYPE_WIDGET)

static void
other_clear (gpointer pointer)
{
  g_free (((Other *) pointer)->series);
}

static const char *
get_page (TnTrainingPlots *self)
{
  return gtk_stack_get_visible_child_name (self->stack);
}

static char *
format_bytes (double value)
{
  return isfinite (value) && value >= 0.0 ? g_format_size_full ((guint64) value, G_FORMAT_SIZE_IEC_UNITS) : g_strdup (TN_DASH);
}

static char *
format_count (double value)
{
  return isfinite (value) && value >= 0.0 ? tn_format_count ((guint64) value) : g_strdup (TN_DASH);
}

static char *
format_percent (double value)
{
  return isfinite (value) ? tn_format_percent (value) : g_strdup (TN_DASH);
}

static char *
format_decibel (double value)
{
  g_autofree char *number = tn_format_decibel (value);

  return isfinite (value) ? g_strdup_printf (_ ("%s dB"), number) : g_steal_pointer (&number);
}

static TnFormatFunc
get_format (const char *series)
{
  if (strcmp (series, "memory_bytes") == 0)
    return format_bytes;
  if (g_str_has_suffix (series, "_per_second"))
    return format_count;
  if (strcmp (series, "validation_accuracy") == 0 || strcmp (series, "lambda") == 0)
    return format_percent;
  return tn_format_value;
}

static gboolean
is_loss (const char *series)
{
  for (guint i = 0; i < MOST_LOSSES; i++)
    if (strcmp (losses[i].series, series) == 0)
      return TRUE;
  return FALSE;
}

static double
get_smoothing (TnTrainingPlots *self)
{
  return smoothings[MIN (gtk_drop_down_get_selected (self->smoothing), G_N_ELEMENTS (smoothings) - 1)];
}

static TnTrainingLayerColumn
get_measure (TnTrainingPlots *self)
{
  return (TnTrainingLayerColumn) (TN_TRAINING_LAYER_SQNR + MIN (gtk_drop_down_get_selected (self->measure), TN_N_TRAINING_LAYER_COLUMNS - 2));
}

/* NULL: no layer is chosen. */
static char *
dup_layer_series (TnTrainingPlots *self)
{
  TnTableRow *row = tn_table_get_selected (self->table);

  if (row == NULL)
    return NULL;
  return g_strdup_printf ("layer/%s/%s", tn_training_layer_row_get_name (TN_TRAINING_LAYER_ROW (row)),
                          tn_training_layer_get_series_end (get_measure (self)));
}

static void
want (TnTrainingPlots *self)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *page = get_page (self);

  if (self->run == NULL)
    return;
  if (g_strcmp0 (page, "loss") == 0)
    for (guint i = 0; i < MOST_LOSSES; i++)
      g_ptr_array_add (names, g_strdup (losses[i].series));
  else if (g_strcmp0 (page, "series") == 0)
    for (guint i = 0; i < self->others->len; i++)
      g_ptr_array_add (names, g_strdup (g_array_index (self->others, Other, i).series));
  else if (g_strcmp0 (page, "layers") == 0 && tn_table_get_selected (self->table) != NULL)
    g_ptr_array_add (names, dup_layer_series (self));
  g_ptr_array_add (names, NULL);
  tn_training_run_want (self->run, (const char *const *) names->pdata, g_strcmp0 (page, "loss") == 0 ? get_smoothing (self) : 0.0);
}

static void
draw_loss (TnTrainingPlots *self)
{
  TnSeriesLine lines[MOST_LOSSES];

  for (guint i = 0; i < MOST_LOSSES; i++)
    lines[i] = (TnSeriesLine){losses[i].series, _ (losses[i].title), 0};
  tn_series_plot_show (self->loss, self->run, MOST_LOSSES, lines, tn_format_value);
}

static const char *
find_label (const char *series)
{
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (known[i].series, series) == 0)
      return _ (known[i].label);
  return series;
}

static const char *
find_title (const char *series)
{
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (known[i].series, series) == 0)
      return _ (known[i].title);
  return series;
}

static void
draw_others (TnTrainingPlots *self)
{
  for (guint i = 0; i < self->others->len; i++)
    {
      const Other *other = &g_array_index (self->others, Other, i);
      const TnSeriesLine line = {other->series, find_label (other->series), strcmp (other->series, "memory_bytes") == 0 ? 1 / MEBIBYTE : 0};

      tn_series_plot_show (other->plot, self->run, 1, &line, get_format (other->series));
    }
}

static void
draw_layer (TnTrainingPlots *self)
{
  g_autofree char *series = dup_layer_series (self);
  TnTrainingLayerColumn measure = get_measure (self);
  const TnSeriesLine line = {series, tn_training_layer_get_label (measure), 0};

  tn_series_plot_show (self->layer_plot, self->run, series != NULL ? 1 : 0, &line,
                       measure == TN_TRAINING_LAYER_SQNR    ? format_decibel
                       : measure == TN_TRAINING_LAYER_SCALE ? tn_format_value
                                                            : format_percent);
}

static void
draw (TnTrainingPlots *self)
{
  const char *page = get_page (self);

  if (g_strcmp0 (page, "loss") == 0)
    draw_loss (self);
  else if (g_strcmp0 (page, "series") == 0)
    draw_others (self);
  else if (g_strcmp0 (page, "layers") == 0)
    draw_layer (self);
}

static guint
find_rank (const char *series)
{
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (known[i].series, series) == 0)
      return i;
  return G_N_ELEMENTS (known);
}

static void
add_other (TnTrainingPlots *self, const char *series)
{
  guint place = 0;
  GtkWidget *plot = tn_series_plot_new (), *child = gtk_flow_box_child_new ();
  Other other = {g_strdup (series), TN_SERIES_PLOT (plot)};

  tn_series_plot_set_title (other.plot, find_title (series), find_label (series));
  gtk_widget_set_size_request (plot, 300, 190);
  gtk_flow_box_child_set_child (GTK_FLOW_BOX_CHILD (child), plot);
  gtk_widget_set_focusable (child, FALSE); /* the plot in it is */
  while (place < self->others->len && find_rank (g_array_index (self->others, Other, place).series) <= find_rank (series))
    place++;
  gtk_flow_box_insert (self->flow, child, (int) place);
  g_array_insert_val (self->others, place, other);
}

static gboolean
has_other (TnTrainingPlots *self, const char *series)
{
  for (guint i = 0; i < self->others->len; i++)
    if (strcmp (g_array_index (self->others, Other, i).series, series) == 0)
      return TRUE;
  return FALSE;
}

static void
update_others (TnTrainingPlots *self)
{
  GPtrArray *series = self->run != NULL ? tn_training_run_get_series (self->run) : NULL;

  for (guint i = 0; series != NULL && i < series->len; i++)
    {
      const char *name = ((TnSeriesRow *) g_ptr_array_index (series, i))->name;

      /* What a job of any kind records of itself ("job/done") is in the status already. */
      if (!g_str_has_prefix (name, "layer/") && !g_str_has_prefix (name, "job/") && !is_loss (name) && !has_other (self, name))
        add_other (self, name);
    }
}

static void
update_layers (TnTrainingPlots *self)
{
  tn_table_refresh (self->table);
  if (tn_table_get_selected (self->table) == NULL && tn_table_get_n_shown (self->table) > 0)
    tn_table_select (self->table, 0);
  gtk_stack_set_visible_child_name (self->layers_stack, tn_table_get_n_shown (self->table) > 0 ? "table" : "none");
}

static void
on_run_changed (TnTrainingPlots *self)
{
  update_others (self);
  update_layers (self);
  tn_event_list_show (self->events, tn_training_run_get_events (self->run));
  want (self);
  draw (self);
}

static void
on_page_changed (TnTrainingPlots *self)
{
  want (self);
  draw (self);
}

static void
on_layer_changed (TnTrainingPlots *self)
{
  TnTableRow *row = tn_table_get_selected (self->table);

  tn_series_plot_set_title (self->layer_plot, row != NULL ? tn_training_layer_row_get_name (TN_TRAINING_LAYER_ROW (row)) : "",
                            tn_training_layer_get_label (get_measure (self)));
  on_page_changed (self);
}

static void
on_smoothing_changed (TnTrainingPlots *self)
{
  tn_series_plot_set_smooth (self->loss, get_smoothing (self) > 0.0);
  on_page_changed (self);
}

static void
on_log_toggled (TnTrainingPlots *self)
{
  tn_series_plot_set_log (self->loss, gtk_check_button_get_active (self->log));
}

static void
tn_training_plots_dispose (GObject *object)
{
  TnTrainingPlots *self = TN_TRAINING_PLOTS (object);
  GtkWidget *child;

  if (self->run != NULL)
    g_signal_handlers_disconnect_by_data (self->run, self);
  g_clear_object (&self->run);
  if (self->table != NULL)
    g_signal_handlers_disconnect_by_data (self->table, self);
  g_clear_object (&self->table);
  g_clear_pointer (&self->others, g_array_unref);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_training_plots_parent_class)->dispose (object);
}

static void
tn_training_plots_class_init (TnTrainingPlotsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_training_plots_dispose;
  g_type_ensure (TN_TYPE_SERIES_PLOT);
  g_type_ensure (TN_TYPE_EVENT_LIST);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/training-plots.ui");
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, stack);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, loss);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, smoothing);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, log);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, flow);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, paned);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, view);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, layers_stack);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, measure);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, layer_plot);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPlots, events);
  gtk_widget_class_bind_template_callback (widget_class, on_smoothing_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_log_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_layer_changed);
}

static void
tn_training_plots_init (TnTrainingPlots *self)
{
  GSettings *settings = tn_settings_get ();

  self->others = g_array_new (FALSE, FALSE, sizeof (Other));
  g_array_set_clear_func (self->others, other_clear);
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  tn_accessible_name_parts (GTK_WIDGET (self->smoothing), _ ("Smoothing"));
  tn_accessible_name_parts (GTK_WIDGET (self->measure), _ ("What of the layer"));
  self->table = tn_table_new (self->view, _ ("Layers"), tn_training_layer_columns, TN_N_TRAINING_LAYER_COLUMNS);
  tn_table_sort (self->table, "layer", FALSE);
  tn_series_plot_set_title (self->loss, _ ("Loss"), _ ("nats"));
  g_signal_connect_swapped (self->table, "selection-changed", G_CALLBACK (on_layer_changed), self);
  g_signal_connect_swapped (self->stack, "notify::visible-child", G_CALLBACK (on_page_changed), self);
  g_signal_connect_swapped (self->smoothing, "notify::selected", G_CALLBACK (on_smoothing_changed), self);
  g_signal_connect_swapped (self->measure, "notify::selected", G_CALLBACK (on_layer_changed), self);
  on_smoothing_changed (self);
  if (settings != NULL)
    g_settings_bind (settings, "training-pane", self->paned, "position", G_SETTINGS_BIND_DEFAULT);
}

static void
remove_others (TnTrainingPlots *self)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->flow))) != NULL)
    gtk_flow_box_remove (self->flow, child);
  g_array_set_size (self->others, 0);
}

void
tn_training_plots_set_run (TnTrainingPlots *self, TnTrainingRun *run)
{
  g_return_if_fail (TN_IS_TRAINING_PLOTS (self));

  if (run == self->run)
    return;
  if (self->run != NULL)
    g_signal_handlers_disconnect_by_data (self->run, self);
  g_set_object (&self->run, run);
  remove_others (self);
  tn_event_list_show (self->events, NULL);
  tn_table_set_rows (self->table, run != NULL ? tn_training_run_get_layers (run) : NULL);
  update_layers (self);
  if (run != NULL)
    g_signal_connect_swapped (run, "changed", G_CALLBACK (on_run_changed), self);
  want (self);
  draw (self);
}

void
tn_training_plots_show_page (TnTrainingPlots *self, const char *page)
{
  g_return_if_fail (TN_IS_TRAINING_PLOTS (self));

  gtk_stack_set_visible_child_name (self->stack, page);
}

gsize
tn_training_plots_n_points (TnTrainingPlots *self)
{
  const char *page;
  gsize n = 0;

  g_return_val_if_fail (TN_IS_TRAINING_PLOTS (self), 0);

  page = get_page (self);
  if (g_strcmp0 (page, "loss") == 0)
    return tn_series_plot_n_points (self->loss);
  if (g_strcmp0 (page, "layers") == 0)
    return tn_series_plot_n_points (self->layer_plot);
  for (guint i = 0; g_strcmp0 (page, "series") == 0 && i < self->others->len; i++)
    n += tn_series_plot_n_points (g_array_index (self->others, Other, i).plot);
  return n;
}
