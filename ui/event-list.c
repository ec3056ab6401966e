/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/event-list.h"

#include <adwaita.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/workspace/workspace.h"
#include "ui/accessible.h"

/* Older ones are left out, so that a run which reports much stays quick. */
#define MOST_SHOWN 200

struct _TnEventList
{
  GtkWidget parent_instance;
  GtkWidget *scrolled;
  GtkListBox *list;
  gint64 last; /* id of the newest one shown */
  guint n;
};

G_DEFINE_FINAL_TYPE (TnEventList, tn_event_list, GTK_TYPE_WIDGET)

static const struct
{
  const char *kind;
  const char *icon;
  const char *name;
} kinds[] = {
    {"info", "dialog-information-symbolic", N_ ("Note")},
    {"warning", "dialog-warning-symbolic", N_ ("Warning")},
    {"error", "dialog-error-symbolic", N_ ("Error")},
};

static void
tn_event_list_dispose (GObject *object)
{
  TnEventList *self = TN_EVENT_LIST (object);

  g_clear_pointer (&self->scrolled, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_event_list_parent_class)->dispose (object);
}

static void
tn_event_list_class_init (TnEventListClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_event_list_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_event_list_init (TnEventList *self)
{
  GtkWidget *list = gtk_list_box_new (), *clamp = adw_clamp_new (), *nothing = gtk_label_new (_ ("Nothing happened yet"));

  self->list = GTK_LIST_BOX (list);
  gtk_list_box_set_selection_mode (self->list, GTK_SELECTION_NONE);
  gtk_list_box_set_placeholder (self->list, nothing);
  gtk_widget_add_css_class (nothing, "dim-label");
  gtk_widget_set_margin_top (nothing, 18);
  gtk_widget_set_margin_bottom (nothing, 18);
  gtk_widget_set_valign (list, GTK_ALIGN_START);
  gtk_widget_add_css_class (list, "boxed-list");
  gtk_accessible_update_property (GTK_ACCESSIBLE (list), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Events"), -1);
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), 900);
  adw_clamp_set_child (ADW_CLAMP (clamp), list);
  gtk_widget_set_margin_start (clamp, 12);
  gtk_widget_set_margin_end (clamp, 12);
  gtk_widget_set_margin_top (clamp, 6);
  gtk_widget_set_margin_bottom (clamp, 12);
  self->scrolled = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (self->scrolled), clamp);
  gtk_widget_set_parent (self->scrolled, GTK_WIDGET (self));
}

static char *
describe_time (const TnEventRow *event)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (event->time_us / G_USEC_PER_SEC);

  return time != NULL ? g_date_time_format (time, "%x %X") : g_strdup ("");
}

static GtkWidget *
make_row (const TnEventRow *event)
{
  GtkWidget *row = adw_action_row_new (), *image;
  g_autofree char *time = describe_time (event), *subtitle = NULL;
  guint kind = 0;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i].kind, event->kind) == 0)
      kind = i;
  subtitle = g_strdup_printf ("%s · %s", _ (kinds[kind].name), time);
  image = gtk_image_new_from_icon_name (kinds[kind].icon);
  if (kind > 0)
    gtk_widget_add_css_class (image, kinds[kind].kind);
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), event->text);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 3);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), image);
  gtk_widget_set_tooltip_text (row, event->text);
  return row;
}

void
tn_event_list_show (TnEventList *self, GPtrArray *events)
{
  g_return_if_fail (TN_IS_EVENT_LIST (self));

  if (events == NULL)
    self->last = 0;
  while (self->n > 0 && (events == NULL || self->n > MOST_SHOWN))
    gtk_list_box_remove (self->list, GTK_WIDGET (gtk_list_box_get_row_at_index (self->list, (int) --self->n)));
  for (guint i = events != NULL && events->len > MOST_SHOWN ? events->len - MOST_SHOWN : 0; events != NULL && i < events->len; i++)
    {
      const TnEventRow *event = g_ptr_array_index (events, i);

      if (event->id <= self->last)
        continue;
      gtk_list_box_prepend (self->list, make_row (event));
      self->last = event->id;
      self->n++;
    }
}

guint
tn_event_list_n_shown (TnEventList *self)
{
  g_return_val_if_fail (TN_IS_EVENT_LIST (self), 0);

  return self->n;
}
