/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/guides-window.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"
#include "ui/guide-view.h"
#include "ui/guides.h"

struct _TnGuidesWindow
{
  AdwWindow parent_instance;
  AdwLeaflet *leaflet;
  GtkSearchEntry *search;
  GtkStack *list_stack;
  GtkListBox *list;
  GtkWidget *back;
  AdwWindowTitle *title;
  TnGuideView *view;
  GPtrArray *guides; /* TnGuide */
  char *needle;
  guint shown; /* index of the guide */
};

G_DEFINE_FINAL_TYPE (TnGuidesWindow, tn_guides_window, ADW_TYPE_WINDOW)

typedef struct
{
  guint guide;
  guint section;
} Entry;

static const Entry *
get_entry (GtkListBoxRow *row)
{
  return g_object_get_data (G_OBJECT (row), "tn-entry");
}

static void
show_block (TnGuidesWindow *self, guint guide, guint block)
{
  const TnGuide *shown = g_ptr_array_index (self->guides, guide);

  if (guide != self->shown)
    {
      self->shown = guide;
      tn_guide_view_set_blocks (self->view, shown->title, shown->blocks);
      adw_window_title_set_title (self->title, shown->title);
    }
  tn_guide_view_scroll_to (self->view, block);
}

static void
on_row_activated (TnGuidesWindow *self, GtkListBoxRow *row)
{
  const Entry *entry = get_entry (row);
  const TnGuide *guide = g_ptr_array_index (self->guides, entry->guide);
  const TnGuideSection *section = g_ptr_array_index (guide->sections, entry->section);

  show_block (self, entry->guide, section->block);
  adw_leaflet_navigate (self->leaflet, ADW_NAVIGATION_DIRECTION_FORWARD);
}

static void
on_link (TnGuidesWindow *self, const char *address)
{
  guint guide, block;

  if (tn_guides_find (self->guides, self->shown, address, &guide, &block))
    show_block (self, guide, block);
}

static void
on_back (TnGuidesWindow *self)
{
  adw_leaflet_navigate (self->leaflet, ADW_NAVIGATION_DIRECTION_BACK);
}

static gboolean
is_found (TnGuidesWindow *self, const Entry *entry)
{
  const TnGuide *guide = g_ptr_array_index (self->guides, entry->guide);
  const TnGuideSection *section = g_ptr_array_index (guide->sections, entry->section);

  if (self->needle == NULL || *self->needle == '\0')
    return section->level <= 2;
  return tn_guide_section_matches (section, self->needle);
}

/* Without a search, guides and their chapters; a search goes deeper, and names the guide of what it found. */
static gboolean
filter_row (GtkListBoxRow *row, gpointer user_data)
{
  TnGuidesWindow *self = user_data;
  const Entry *entry = get_entry (row);
  const TnGuide *guide = g_ptr_array_index (self->guides, entry->guide);

  if (entry->section > 0)
    return is_found (self, entry);
  for (guint i = 0; i < guide->sections->len; i++)
    if (is_found (self, &(Entry){entry->guide, i}))
      return TRUE;
  return FALSE;
}

guint
tn_guides_window_get_n_listed (TnGuidesWindow *self)
{
  guint n = 0;

  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list)); row != NULL; row = gtk_widget_get_next_sibling (row))
    n += gtk_widget_get_child_visible (row);
  return n;
}

static void
on_search_changed (TnGuidesWindow *self)
{
  g_free (self->needle);
  self->needle = g_utf8_casefold (gtk_editable_get_text (GTK_EDITABLE (self->search)), -1);
  gtk_list_box_invalidate_filter (self->list);
  gtk_stack_set_visible_child_name (self->list_stack, tn_guides_window_get_n_listed (self) > 0 ? "list" : "nothing");
}

/* Enter goes to the first one found. */
/* Escape empties the search first, then closes the window. */
static void
on_search_stopped (TnGuidesWindow *self)
{
  if (*gtk_editable_get_text (GTK_EDITABLE (self->search)) == '\0')
    gtk_window_close (GTK_WINDOW (self));
  else
    gtk_editable_set_text (GTK_EDITABLE (self->search), "");
}

static void
on_search_activated (TnGuidesWindow *self)
{
  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list)); row != NULL; row = gtk_widget_get_next_sibling (row))
    if (is_found (self, get_entry (GTK_LIST_BOX_ROW (row))))
      {
        on_row_activated (self, GTK_LIST_BOX_ROW (row));
        return;
      }
}

static GtkWidget *
make_row (const TnGuideSection *section, guint guide, guint number)
{
  GtkWidget *label = gtk_label_new (section->title), *row = gtk_list_box_row_new ();
  Entry *entry = g_new (Entry, 1);

  *entry = (Entry){guide, number};
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_widget_set_margin_start (label, 6 + 14 * ((int) section->level - 1));
  gtk_widget_set_margin_end (label, 6);
  gtk_widget_set_margin_top (label, section->level == 1 ? 8 : 4);
  gtk_widget_set_margin_bottom (label, 4);
  if (section->level == 1)
    gtk_widget_add_css_class (label, "heading");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, section->title, -1);
  g_object_set_data_full (G_OBJECT (row), "tn-entry", entry, g_free);
  return row;
}

static void
fill_list (TnGuidesWindow *self)
{
  for (guint i = 0; i < self->guides->len; i++)
    {
      const TnGuide *guide = g_ptr_array_index (self->guides, i);

      for (guint k = 0; k < guide->sections->len; k++)
        gtk_list_box_append (self->list, make_row (g_ptr_array_index (guide->sections, k), i, k));
    }
  gtk_list_box_set_filter_func (self->list, filter_row, self, NULL);
}

static void
tn_guides_window_dispose (GObject *object)
{
  TnGuidesWindow *self = TN_GUIDES_WINDOW (object);

  if (self->list != NULL)
    gtk_list_box_set_filter_func (self->list, NULL, NULL, NULL);
  g_clear_pointer (&self->guides, g_ptr_array_unref);
  g_clear_pointer (&self->needle, g_free);
  G_OBJECT_CLASS (tn_guides_window_parent_class)->dispose (object);
}

static void
tn_guides_window_class_init (TnGuidesWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_guides_window_dispose;
  g_type_ensure (TN_TYPE_GUIDE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/guides-window.ui");
  gtk_widget_class_bind_template_child (widget_class, TnGuidesWindow, leaflet);
  gtk_widget_class_bind_template_child (widget_class, TnGuidesWindow, search);
  gtk_widget_class_bind_template_child (widget_class, TnGuidesWindow, list_stack);
  gtk_widget_class_bind_template_child (widget_class, TnGuidesWindow, list);
  gtk_widget_class_bind_template_child (widget_class, TnGuidesWindow, back);
  gtk_widget_class_bind_template_child (widget_class, TnGuidesWindow, title);
  gtk_widget_class_bind_template_child (widget_class, TnGuidesWindow, view);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_search_stopped);
  gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_back);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
tn_guides_window_init (TnGuidesWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_search_entry_set_key_capture_widget (self->search, GTK_WIDGET (self->list));
  g_signal_connect_object (self->view, "link", G_CALLBACK (on_link), self, G_CONNECT_SWAPPED);
  self->guides = tn_guides_load ();
  self->shown = G_MAXUINT;
  fill_list (self);
  if (self->guides->len > 0)
    show_block (self, 0, 0);
}

GtkWidget *
tn_guides_window_new (void)
{
  return g_object_new (TN_TYPE_GUIDES_WINDOW, NULL);
}

void
tn_guides_window_show (TnGuidesWindow *self, const char *address)
{
  g_return_if_fail (TN_IS_GUIDES_WINDOW (self));

  on_link (self, address);
}

void
tn_guides_window_search (TnGuidesWindow *self, const char *text)
{
  g_return_if_fail (TN_IS_GUIDES_WINDOW (self));

  gtk_editable_set_text (GTK_EDITABLE (self->search), text);
  on_search_changed (self);
}

const char *
tn_guides_window_get_name (TnGuidesWindow *self)
{
  g_return_val_if_fail (TN_IS_GUIDES_WINDOW (self), NULL);

  return self->shown < self->guides->len ? ((TnGuide *) g_ptr_array_index (self->guides, self->shown))->name : NULL;
}

void
tn_guides_window_present (GtkWindow *parent, const char *address)
{
  GtkApplication *application = parent != NULL ? gtk_window_get_application (parent) : NULL;
  TnGuidesWindow *window = NULL;

  for (GList *l = application != NULL ? gtk_application_get_windows (application) : NULL; l != NULL && window == NULL; l = l->next)
    if (TN_IS_GUIDES_WINDOW (l->data))
      window = l->data;
  if (window == NULL)
    {
      window = TN_GUIDES_WINDOW (tn_guides_window_new ());
      gtk_window_set_application (GTK_WINDOW (window), application);
      gtk_window_set_transient_for (GTK_WINDOW (window), parent);
      gtk_window_set_destroy_with_parent (GTK_WINDOW (window), TRUE);
    }
  if (address != NULL)
    tn_guides_window_show (window, address);
  gtk_window_present (GTK_WINDOW (window));
}
