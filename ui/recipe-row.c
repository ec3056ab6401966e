/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/recipe-row.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "ui/accessible.h"

#define ENTRY_CHARACTERS 9
/* What a list offers where nothing is rounded; as a text it leaves the key out. */
#define NONE "none"

struct _TnRecipeRow
{
  AdwActionRow parent_instance;
  const TnOptionEntry *entry;
  GtkWidget *editor;
  char *help; /* below the title while nothing is wrong */
  char *problem;
  gboolean setting; /* a text is being set, not edited */
};

enum
{
  EDITED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnRecipeRow, tn_recipe_row, ADW_TYPE_ACTION_ROW)

static void
on_edited (TnRecipeRow *self)
{
  if (!self->setting)
    g_signal_emit (self, signals[EDITED], 0);
}

static void
tn_recipe_row_finalize (GObject *object)
{
  TnRecipeRow *self = TN_RECIPE_ROW (object);

  g_free (self->help);
  g_free (self->problem);
  G_OBJECT_CLASS (tn_recipe_row_parent_class)->finalize (object);
}

static void
tn_recipe_row_class_init (TnRecipeRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tn_recipe_row_finalize;
  signals[EDITED] = g_signal_new ("edited", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_recipe_row_init (TnRecipeRow *self)
{
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (self), FALSE);
}

static GtkWidget *
make_entry (TnRecipeRow *self)
{
  GtkWidget *entry = gtk_entry_new ();
  gboolean text = self->entry->kind == TN_OPTION_TEXT || self->entry->option.path;

  gtk_editable_set_width_chars (GTK_EDITABLE (entry), ENTRY_CHARACTERS);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (entry), ENTRY_CHARACTERS);
  gtk_entry_set_alignment (GTK_ENTRY (entry), text ? 0 : 1);
  g_signal_connect_swapped (entry, "changed", G_CALLBACK (on_edited), self);
  return entry;
}

static GtkWidget *
make_list (TnRecipeRow *self, const char *const *choices)
{
  GtkWidget *list = gtk_drop_down_new_from_strings (choices);

  g_signal_connect_swapped (list, "notify::selected", G_CALLBACK (on_edited), self);
  return list;
}

static GtkWidget *
make_switch (TnRecipeRow *self)
{
  GtkWidget *widget = gtk_switch_new ();

  g_signal_connect_swapped (widget, "notify::active", G_CALLBACK (on_edited), self);
  return widget;
}

TnRecipeRow *
tn_recipe_row_new (const TnOptionEntry *entry, const char *title, const char *const *choices)
{
  TnRecipeRow *self = g_object_new (TN_TYPE_RECIPE_ROW, NULL);
  const char *help = entry->option.help != NULL ? _ (entry->option.help) : NULL;
  const char *name = title != NULL ? title : entry->option.name;

  self->entry = entry;
  self->help = g_strdup (title == NULL ? help : NULL);
  if (choices == NULL)
    choices = entry->choices;
  self->setting = TRUE;
  self->editor = entry->kind == TN_OPTION_SWITCH ? make_switch (self) : choices != NULL ? make_list (self, choices) : make_entry (self);
  self->setting = FALSE;
  gtk_widget_set_valign (self->editor, GTK_ALIGN_CENTER);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self), name);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self), self->editor);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (self), self->editor);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), help);
  if (choices != NULL)
    tn_accessible_name_parts (self->editor, name); /* the row names the editor alone */
  tn_recipe_row_set_problem (self, NULL);
  return self;
}

const char *
tn_recipe_row_get_name (TnRecipeRow *self)
{
  g_return_val_if_fail (TN_IS_RECIPE_ROW (self), NULL);

  return self->entry->option.name;
}

static void
select_text (TnRecipeRow *self, const char *text)
{
  GtkStringList *list = GTK_STRING_LIST (gtk_drop_down_get_model (GTK_DROP_DOWN (self->editor)));
  guint n = g_list_model_get_n_items (G_LIST_MODEL (list)), found;

  for (found = 0; found < n; found++)
    if (strcmp (gtk_string_list_get_string (list, found), text) == 0)
      break;
  if (found == n) /* a recipe may hold what the list does not offer */
    gtk_string_list_append (list, text);
  gtk_drop_down_set_selected (GTK_DROP_DOWN (self->editor), found);
}

void
tn_recipe_row_set_text (TnRecipeRow *self, const char *text)
{
  g_autofree char *now = NULL;

  g_return_if_fail (TN_IS_RECIPE_ROW (self));

  now = tn_recipe_row_dup_text (self);
  if (g_strcmp0 (now, text) == 0)
    return;
  self->setting = TRUE;
  if (GTK_IS_SWITCH (self->editor))
    gtk_switch_set_active (GTK_SWITCH (self->editor), g_strcmp0 (text, "true") == 0);
  else if (GTK_IS_DROP_DOWN (self->editor))
    select_text (self, text != NULL ? text : NONE);
  else
    gtk_editable_set_text (GTK_EDITABLE (self->editor), text != NULL ? text : "");
  self->setting = FALSE;
}

char *
tn_recipe_row_dup_text (TnRecipeRow *self)
{
  const char *text;

  g_return_val_if_fail (TN_IS_RECIPE_ROW (self), NULL);

  if (GTK_IS_SWITCH (self->editor))
    return g_strdup (gtk_switch_get_active (GTK_SWITCH (self->editor)) ? "true" : "false");
  if (GTK_IS_DROP_DOWN (self->editor))
    {
      GtkStringObject *item = gtk_drop_down_get_selected_item (GTK_DROP_DOWN (self->editor));

      text = item != NULL ? gtk_string_object_get_string (item) : NONE;
      return strcmp (text, NONE) == 0 && self->entry->kind == TN_OPTION_TEXT ? NULL : g_strdup (text);
    }
  text = gtk_editable_get_text (GTK_EDITABLE (self->editor));
  return *text != '\0' ? g_strdup (text) : NULL;
}

void
tn_recipe_row_set_problem (TnRecipeRow *self, const char *problem)
{
  char *copy = g_strdup (problem);

  g_return_if_fail (TN_IS_RECIPE_ROW (self));

  g_free (self->problem);
  self->problem = copy;
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self), problem != NULL ? problem : self->help != NULL ? self->help : "");
  if (problem != NULL)
    gtk_widget_add_css_class (GTK_WIDGET (self), "error");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), "error");
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->editor), GTK_ACCESSIBLE_STATE_INVALID,
                               problem != NULL ? GTK_ACCESSIBLE_INVALID_TRUE : GTK_ACCESSIBLE_INVALID_FALSE, -1);
}

const char *
tn_recipe_row_get_problem (TnRecipeRow *self)
{
  g_return_val_if_fail (TN_IS_RECIPE_ROW (self), NULL);

  return self->problem;
}

void
tn_recipe_row_edit (TnRecipeRow *self, const char *text)
{
  g_return_if_fail (TN_IS_RECIPE_ROW (self));

  tn_recipe_row_set_text (self, text);
  on_edited (self);
}
