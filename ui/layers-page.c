/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/layers-page.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"
#include "ui/layer-detail.h"
#include "ui/numbers.h"
#include "ui/settings.h"

/* A table that sorts itself anew more often cannot be read. */
#define RESORT_US (G_USEC_PER_SEC / 2)

struct _TnLayersPage
{
  GtkWidget parent_instance;
  GtkStack *stack;
  GtkWidget *loading_label;
  AdwStatusPage *failure;
  GtkLabel *title;
  GtkLabel *summary;
  GtkLabel *shown;
  GtkSearchEntry *search;
  GtkProgressBar *progress;
  GtkRevealer *progress_revealer;
  GtkPaned *paned;
  GtkColumnView *view;
  TnLayerDetail *detail;

  TnSession *session;
  TnInspector *inspector; /* whose signals are connected */
  TnTable *table;
  gint64 resorted_us;
};

G_DEFINE_FINAL_TYPE (TnLayersPage, tn_layers_page, GTK_TYPE_WIDGET)

static void
show_counts (TnLayersPage *self)
{
  guint total = 0, shown = tn_table_get_n_shown (self->table);
  g_autofree char *some = tn_format_count (shown), *all = NULL, *text = NULL;

  if (self->inspector != NULL)
    total = g_list_model_get_n_items (tn_inspector_get_rows (self->inspector));
  all = tn_format_count (total);
  if (shown == total)
    text = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s tensor", "%s tensors", total), all);
  else
    /* Translators: how many tensors the filter lets through, of how many */
    text = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s of %s tensor", "%s of %s tensors", total), some, all);
  gtk_label_set_text (self->shown, text);
}

static void
show_progress (TnLayersPage *self)
{
  gboolean running = self->inspector != NULL && tn_inspector_is_running (self->inspector);

  gtk_revealer_set_reveal_child (self->progress_revealer, running);
  if (running)
    gtk_progress_bar_set_fraction (self->progress, tn_inspector_get_fraction (self->inspector));
}

static void
on_measured (TnLayersPage *self)
{
  gint64 now = g_get_monotonic_time ();

  show_progress (self);
  if (now - self->resorted_us < RESORT_US && tn_inspector_is_running (self->inspector))
    return;
  self->resorted_us = now;
  tn_table_refresh (self->table);
}

static void
on_selection_changed (TnLayersPage *self)
{
  TnTableRow *row = tn_table_get_selected (self->table);

  if (row != NULL)
    tn_session_choose_layer (self->session, tn_layer_row_get_info (TN_LAYER_ROW (row))->name);
  tn_layer_detail_show (self->detail, row != NULL ? tn_session_get_file (self->session) : NULL,
                        row != NULL ? TN_LAYER_ROW (row) : NULL);
}

static void
on_sort_changed (TnLayersPage *self)
{
  GSettings *settings = tn_settings_get ();
  gboolean descending;
  const char *column = tn_table_get_sort (self->table, &descending);

  if (settings == NULL)
    return;
  g_settings_set_string (settings, "layers-sort", column != NULL ? column : "");
  g_settings_set_boolean (settings, "layers-sort-descending", descending);
}

static void
show_summary (TnLayersPage *self)
{
  TnModelFile *file = tn_session_get_file (self->session);
  const char *architecture = tn_model_file_get_architecture (file);
  g_autofree char *parameters = tn_format_count (tn_model_file_get_n_elements (file));
  g_autofree char *bytes = g_format_size (tn_model_file_get_bytes (file));
  g_autofree char *text = NULL;

  if (g_strcmp0 (architecture, "unknown") == 0)
    architecture = _ ("unknown architecture");
  /* Translators: format, architecture, number of parameters, size of a model */
  text = g_strdup_printf (_ ("%s · %s · %s parameters · %s"), tn_model_file_get_format (file), architecture, parameters, bytes);
  gtk_label_set_text (self->title, tn_session_get_display_name (self->session));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title), tn_session_get_path (self->session));
  gtk_label_set_text (self->summary, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->summary), text);
}

static void
watch_inspector (TnLayersPage *self, TnInspector *inspector)
{
  if (inspector == self->inspector)
    return;
  if (self->inspector != NULL)
    g_signal_handlers_disconnect_by_data (self->inspector, self);
  g_set_object (&self->inspector, inspector);
  tn_layer_detail_show (self->detail, NULL, NULL);
  tn_table_set_rows (self->table, inspector != NULL ? tn_inspector_get_rows (inspector) : NULL);
  if (inspector == NULL)
    return;
  g_signal_connect_swapped (inspector, "measured", G_CALLBACK (on_measured), self);
  gtk_editable_set_text (GTK_EDITABLE (self->search), "");
  if (tn_table_get_n_shown (self->table) > 0)
    tn_table_select (self->table, 0);
}

static void
on_model_changed (TnLayersPage *self)
{
  const GError *error;
  g_autofree char *loading = NULL;

  watch_inspector (self, tn_session_get_inspector (self->session));
  switch (tn_session_get_state (self->session))
    {
    case TN_SESSION_LOADING:
      loading = g_strdup_printf (_ ("Opening %s…"), tn_session_get_display_name (self->session));
      gtk_label_set_text (GTK_LABEL (self->loading_label), loading);
      gtk_stack_set_visible_child_name (self->stack, "loading");
      break;
    case TN_SESSION_FAILED:
      {
        g_autofree char *escaped = NULL;

        error = tn_session_get_error (self->session);
        escaped = g_markup_escape_text (error->message, -1);
        adw_status_page_set_description (self->failure, escaped);
        gtk_stack_set_visible_child_name (self->stack, "failed");
        break;
      }
    case TN_SESSION_READY:
      show_summary (self);
      gtk_stack_set_visible_child_name (self->stack, tn_table_get_n_shown (self->table) > 0 ? "layers" : "no-tensors");
      if (gtk_widget_get_mapped (GTK_WIDGET (self->view)))
        gtk_widget_grab_focus (GTK_WIDGET (self->view));
      break;
    case TN_SESSION_EMPTY:
    default:
      gtk_stack_set_visible_child_name (self->stack, "loading");
      break;
    }
  show_counts (self);
  show_progress (self);
}

/* Chosen on another page. */
static void
on_layer_chosen (TnLayersPage *self)
{
  const char *name = tn_session_get_layer (self->session);
  TnTableRow *selected = tn_table_get_selected (self->table);

  if (selected != NULL && g_strcmp0 (tn_layer_row_get_info (TN_LAYER_ROW (selected))->name, name) == 0)
    return;
  for (guint i = 0; i < tn_table_get_n_shown (self->table); i++)
    if (g_strcmp0 (tn_layer_row_get_info (TN_LAYER_ROW (tn_table_get_shown (self->table, i)))->name, name) == 0)
      {
        tn_table_select (self->table, i);
        return;
      }
}

static void
on_search_changed (TnLayersPage *self)
{
  tn_table_set_search (self->table, gtk_editable_get_text (GTK_EDITABLE (self->search)));
}

static void
on_search_stopped (TnLayersPage *self)
{
  gtk_editable_set_text (GTK_EDITABLE (self->search), "");
  gtk_widget_grab_focus (GTK_WIDGET (self->view));
}

static void
tn_layers_page_dispose (GObject *object)
{
  TnLayersPage *self = TN_LAYERS_PAGE (object);
  GtkWidget *child;

  if (self->inspector != NULL)
    g_signal_handlers_disconnect_by_data (self->inspector, self);
  g_clear_object (&self->inspector);
  if (self->table != NULL)
    g_signal_handlers_disconnect_by_data (self->table, self);
  g_clear_object (&self->table);
  g_clear_object (&self->session);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_layers_page_parent_class)->dispose (object);
}

static void
tn_layers_page_class_init (TnLayersPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_layers_page_dispose;
  g_type_ensure (TN_TYPE_LAYER_DETAIL);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/layers-page.ui");
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, stack);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, loading_label);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, failure);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, title);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, summary);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, shown);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, search);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, progress);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, progress_revealer);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, paned);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, view);
  gtk_widget_class_bind_template_child (widget_class, TnLayersPage, detail);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_stopped);
}

static void
tn_layers_page_init (TnLayersPage *self)
{
  GSettings *settings = tn_settings_get ();

  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  self->table = tn_table_new (self->view, _ ("Layers"), tn_layer_columns, TN_N_LAYER_COLUMNS);
  g_signal_connect_swapped (self->table, "selection-changed", G_CALLBACK (on_selection_changed), self);
  g_signal_connect_swapped (self->table, "shown-changed", G_CALLBACK (show_counts), self);
  if (settings != NULL)
    {
      g_autofree char *column = g_settings_get_string (settings, "layers-sort");

      if (*column != '\0')
        tn_table_sort (self->table, column, g_settings_get_boolean (settings, "layers-sort-descending"));
      g_settings_bind (settings, "layers-pane", self->paned, "position", G_SETTINGS_BIND_DEFAULT);
    }
  g_signal_connect_swapped (self->table, "sort-changed", G_CALLBACK (on_sort_changed), self);
}

void
tn_layers_page_set_session (TnLayersPage *self, TnSession *session)
{
  g_return_if_fail (TN_IS_LAYERS_PAGE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "model-changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "layer-chosen", G_CALLBACK (on_layer_chosen), self, G_CONNECT_SWAPPED);
  on_model_changed (self);
}

void
tn_layers_page_start_search (TnLayersPage *self)
{
  g_return_if_fail (TN_IS_LAYERS_PAGE (self));

  gtk_widget_grab_focus (GTK_WIDGET (self->search));
}

TnTable *
tn_layers_page_get_table (TnLayersPage *self)
{
  g_return_val_if_fail (TN_IS_LAYERS_PAGE (self), NULL);

  return self->table;
}
