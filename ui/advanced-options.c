/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/advanced-options.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "ui/accessible.h"

/* The first one of the choices is what holds without a choice. */
static const char *const formats[] = {"auto", "text", "jsonl", "csv", "tokens", "npy", NULL};
static const char *const outlier_rules[] = {"all", "sigma", "iqr", "modified-z", "tail", NULL};
static const char *const ranges[] = {"tensor", "channel", NULL};

static const struct
{
  const char *name;
  const char *title;
  const char *const *choices; /* NULL: text */
} rows[] = {
    {"data-format", N_ ("Data Format"), formats},
    {"field", N_ ("Text Field or Column"), NULL},
    {"label", N_ ("Label Field or Column"), NULL},
    {"batch-size", N_ ("Batch Size"), NULL},
    {"workers", N_ ("Batches Read Ahead"), NULL},
    {"candidates", N_ ("Candidates of the Importance Sampler"), NULL},
    {"shard", N_ ("Shard, as in 1/4"), NULL},
    {"reference", N_ ("Reference: Sequences or a Statistics File"), NULL},
    {"confidence", N_ ("Confidence of the Stop Rule"), NULL},
    {"percentiles", N_ ("Percentiles"), NULL},
    {"outlier-rule", N_ ("Outlier Rule"), outlier_rules},
    {"ranges", N_ ("Ranges"), ranges},
    {"ema-decay", N_ ("Decay of the Moving Range"), NULL},
    {"checkpoint-every", N_ ("Time Between Checkpoints"), NULL},
    {"out", N_ ("Statistics File"), NULL},
};

struct _TnAdvancedOptions
{
  GtkWidget parent_instance;
  GtkWidget *group;
  GtkWidget *rows[G_N_ELEMENTS (rows)];
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnAdvancedOptions, tn_advanced_options, GTK_TYPE_WIDGET)

static void
on_changed (TnAdvancedOptions *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

static const char *
get_help (const char *name)
{
  const TnOption *option;

  for (guint i = 0; (option = tn_calibrate_option_get (i)) != NULL; i++)
    if (strcmp (option->name, name) == 0)
      return option->help != NULL ? _ (option->help) : NULL;
  return NULL;
}

static GtkWidget *
make_choice (TnAdvancedOptions *self, const char *const *choices)
{
  GtkWidget *row = adw_combo_row_new ();
  g_autoptr (GtkStringList) model = gtk_string_list_new (choices);

  adw_combo_row_set_model (ADW_COMBO_ROW (row), G_LIST_MODEL (model));
  g_signal_connect_object (row, "notify::selected", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  return row;
}

static GtkWidget *
make_entry (TnAdvancedOptions *self)
{
  GtkWidget *row = adw_entry_row_new ();

  g_signal_connect_object (row, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  return row;
}

static void
tn_advanced_options_dispose (GObject *object)
{
  TnAdvancedOptions *self = TN_ADVANCED_OPTIONS (object);

  g_clear_pointer (&self->group, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_advanced_options_parent_class)->dispose (object);
}

static void
tn_advanced_options_class_init (TnAdvancedOptionsClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_advanced_options_dispose;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_advanced_options_init (TnAdvancedOptions *self)
{
  GtkWidget *expander = adw_expander_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (expander), _ ("Advanced"));
  adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (expander), _ ("What is left empty stays as it is"));
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const char *title = _ (rows[i].title), *help = get_help (rows[i].name);

      self->rows[i] = rows[i].choices != NULL ? make_choice (self, rows[i].choices) : make_entry (self);
      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->rows[i]), title);
      gtk_widget_set_tooltip_text (self->rows[i], help);
      adw_expander_row_add_row (ADW_EXPANDER_ROW (expander), self->rows[i]);
      tn_accessible_name_parts (self->rows[i], title);
    }
  self->group = adw_preferences_group_new ();
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (self->group), expander);
  gtk_widget_set_parent (self->group, GTK_WIDGET (self));
}

/* NULL: left as it is. */
static const char *
get_text (TnAdvancedOptions *self, guint i)
{
  const char *text;

  if (rows[i].choices != NULL)
    {
      guint selected = adw_combo_row_get_selected (ADW_COMBO_ROW (self->rows[i]));

      return selected > 0 && selected != GTK_INVALID_LIST_POSITION ? rows[i].choices[selected] : NULL;
    }
  text = gtk_editable_get_text (GTK_EDITABLE (self->rows[i]));
  return *text != '\0' ? text : NULL;
}

gboolean
tn_advanced_options_apply (TnAdvancedOptions *self, TnCalibrateOptions *options, GError **error)
{
  GError *first = NULL;

  g_return_val_if_fail (TN_IS_ADVANCED_OPTIONS (self), FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const char *values[] = {get_text (self, i), NULL};
      g_autoptr (GError) local = NULL;

      if (values[0] == NULL || tn_calibrate_options_set (options, _ (rows[i].title), rows[i].name, values, &local))
        gtk_widget_remove_css_class (self->rows[i], "error");
      else
        gtk_widget_add_css_class (self->rows[i], "error");
      if (first == NULL)
        first = g_steal_pointer (&local);
    }
  if (first == NULL)
    return TRUE;
  g_propagate_error (error, first);
  return FALSE;
}

void
tn_advanced_options_set (TnAdvancedOptions *self, const char *name, const char *text)
{
  g_return_if_fail (TN_IS_ADVANCED_OPTIONS (self));

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if (strcmp (rows[i].name, name) != 0)
        continue;
      if (rows[i].choices == NULL)
        gtk_editable_set_text (GTK_EDITABLE (self->rows[i]), text);
      for (guint k = 0; rows[i].choices != NULL && rows[i].choices[k] != NULL; k++)
        if (strcmp (rows[i].choices[k], text) == 0)
          adw_combo_row_set_selected (ADW_COMBO_ROW (self->rows[i]), k);
      return;
    }
  g_return_if_reached ();
}
