/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/runs-page.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"
#include "ui/run-item.h"

struct _TnRunsPage
{
  GtkWidget parent_instance;
  GtkStack *stack;
  AdwStatusPage *failure;
  GtkListBox *list;
  TnSession *session;
};

G_DEFINE_FINAL_TYPE (TnRunsPage, tn_runs_page, GTK_TYPE_WIDGET)

static void
on_requested (TnRunItem *item, int request, TnRunsPage *self)
{
  tn_run_watcher_request (tn_session_get_runs (self->session), tn_run_item_get_run (item), (TnRequest) request);
}

static TnRunItem *
get_item (TnRunsPage *self, guint index)
{
  GtkListBoxRow *row = gtk_list_box_get_row_at_index (self->list, (int) index);

  return row != NULL ? TN_RUN_ITEM (row) : NULL;
}

/* Runs are listed newest first and never change places, so new ones come in at the top and old ones fall off the end. */
static void
update_items (TnRunsPage *self, GPtrArray *runs)
{
  TnRunItem *item;

  for (guint i = 0; i < runs->len; i++)
    {
      const TnRunRow *run = g_ptr_array_index (runs, i);

      item = get_item (self, i);
      while (item != NULL && tn_run_item_get_run (item) > run->id)
        {
          gtk_list_box_remove (self->list, GTK_WIDGET (item));
          item = get_item (self, i);
        }
      if (item == NULL || tn_run_item_get_run (item) != run->id)
        {
          item = TN_RUN_ITEM (tn_run_item_new ());
          g_signal_connect (item, "requested", G_CALLBACK (on_requested), self);
          gtk_list_box_insert (self->list, GTK_WIDGET (item), (int) i);
        }
      tn_run_item_show (item, run);
    }
  while ((item = get_item (self, runs->len)) != NULL)
    gtk_list_box_remove (self->list, GTK_WIDGET (item));
}

static void
on_runs_changed (TnRunsPage *self)
{
  TnRunWatcher *watcher = tn_session_get_runs (self->session);
  GPtrArray *runs = tn_run_watcher_get_runs (watcher);

  if (tn_run_watcher_get_error (watcher) != NULL)
    {
      g_autofree char *escaped = g_markup_escape_text (tn_run_watcher_get_error (watcher), -1);

      adw_status_page_set_description (self->failure, escaped);
      gtk_stack_set_visible_child_name (self->stack, "failed");
    }
  else if (runs == NULL || runs->len == 0)
    gtk_stack_set_visible_child_name (self->stack, "empty");
  else
    {
      update_items (self, runs);
      gtk_stack_set_visible_child_name (self->stack, "runs");
    }
}

static void
tn_runs_page_dispose (GObject *object)
{
  TnRunsPage *self = TN_RUNS_PAGE (object);
  GtkWidget *child;

  g_clear_object (&self->session);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_runs_page_parent_class)->dispose (object);
}

static void
tn_runs_page_class_init (TnRunsPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_runs_page_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/runs-page.ui");
  gtk_widget_class_bind_template_child (widget_class, TnRunsPage, stack);
  gtk_widget_class_bind_template_child (widget_class, TnRunsPage, failure);
  gtk_widget_class_bind_template_child (widget_class, TnRunsPage, list);
}

static void
tn_runs_page_init (TnRunsPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
}

void
tn_runs_page_set_session (TnRunsPage *self, TnSession *session)
{
  g_return_if_fail (TN_IS_RUNS_PAGE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (tn_session_get_runs (session), "changed", G_CALLBACK (on_runs_changed), self, G_CONNECT_SWAPPED);
  on_runs_changed (self);
}
