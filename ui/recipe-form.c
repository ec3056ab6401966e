/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/recipe-form.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "ui/accessible.h"
#include "ui/recipe-row.h"

static const char *const weight_schemes[] = {"none", "ternary", "binary", "int2:g32", "int4:g32", "int8:c", NULL};
static const char *const activation_schemes[] = {"none", "int8:t", "int4:t", NULL};

/* Main keys by their place in the form; a NULL name starts a group. */
static const struct
{
  const char *name;
  const char *title;
  const char *const *choices;
  gboolean scratch; /* only where a network is made */
} rows[] = {
    {NULL, N_ ("Network"), NULL, TRUE},
    {"arch", N_ ("Architecture"), NULL, TRUE},
    {"width", N_ ("Width"), NULL, TRUE},
    {"layers", N_ ("Layers"), NULL, TRUE},
    {"heads", N_ ("Attention Heads"), NULL, TRUE},
    {"sizes", N_ ("Hidden Layers"), NULL, TRUE},
    {NULL, N_ ("Precision"), NULL, FALSE},
    {"weights", N_ ("Weights"), weight_schemes, FALSE},
    {"activations", N_ ("Activations"), activation_schemes, FALSE},
    {"estimator", N_ ("Gradient Through Rounding"), NULL, FALSE},
    {"integer", N_ ("Integer Products"), NULL, FALSE},
    {NULL, N_ ("Steps"), NULL, FALSE},
    {"steps", N_ ("Steps"), NULL, FALSE},
    {"batch-size", N_ ("Batch Size"), NULL, FALSE},
    {"seq-len", N_ ("Tokens per Sequence"), NULL, FALSE},
    {"optimizer", N_ ("Optimizer"), NULL, FALSE},
    {"rate", N_ ("Learning Rate"), NULL, FALSE},
    {"schedule", N_ ("Schedule"), NULL, FALSE},
    {"weight-decay", N_ ("Weight Decay"), NULL, FALSE},
    {"validation-every", N_ ("Steps Between Validations"), NULL, FALSE},
    {"checkpoint-every", N_ ("Steps Between Checkpoints"), NULL, FALSE},
    {"seed", N_ ("Seed"), NULL, FALSE},
};

static const struct
{
  const char *name;
  const char *title;
} groups[] = {
    {"model", N_ ("Network")},     {"data", N_ ("Data")},         {"quantization", N_ ("Quantization")}, {"loss", N_ ("Loss")},
    {"optimizer", N_ ("Optimizer")}, {"schedule", N_ ("Schedule")}, {"run", N_ ("Run")},
};

struct _TnRecipeForm
{
  GtkWidget parent_instance;
  GtkWidget *box;
  TnRecipe *recipe;
  GPtrArray *rows;    /* TnRecipeRow, of box */
  GPtrArray *scratch; /* widgets that are shown only where a network is made */
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnRecipeForm, tn_recipe_form, GTK_TYPE_WIDGET)

static const TnOptionEntry *
find_entry (const char *name)
{
  const TnOptionEntry *entry;

  for (guint i = 0; (entry = tn_recipe_get_entry (i)) != NULL; i++)
    if (strcmp (entry->option.name, name) == 0)
      return entry;
  return NULL;
}

static gboolean
is_main (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i].name != NULL && strcmp (rows[i].name, name) == 0)
      return TRUE;
  return FALSE;
}

/* What cannot be read from the table: names that belong to the engine's own enumerations. */
static char **
list_names (const char *name)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  if (strcmp (name, "optimizer") == 0)
    for (guint i = 0; i < TN_N_OPTIMIZERS; i++)
      g_strv_builder_add (names, tn_optimizer_method_get_name (i));
  else if (strcmp (name, "schedule") == 0)
    for (guint i = 0; i < TN_N_SCHEDULES; i++)
      g_strv_builder_add (names, tn_schedule_kind_get_name (i));
  else
    return NULL;
  return g_strv_builder_end (names);
}

/* Main keys of the other architecture are no use here. */
static void
show_architecture (TnRecipeForm *self)
{
  static const char *const llama[] = {"width", "layers", "heads", "seq-len", NULL}, *const mlp[] = {"sizes", NULL};
  gboolean is_llama = self->recipe->architecture == TN_ARCHITECTURE_LLAMA;

  for (guint i = 0; i < self->rows->len; i++)
    {
      GtkWidget *row = g_ptr_array_index (self->rows, i);
      const char *name = tn_recipe_row_get_name (TN_RECIPE_ROW (row));

      if (g_strv_contains (llama, name))
        gtk_widget_set_visible (row, is_llama);
      else if (g_strv_contains (mlp, name))
        gtk_widget_set_visible (row, !is_llama);
    }
}

static void
show_recipe (TnRecipeForm *self, TnRecipeRow *except)
{
  show_architecture (self);
  for (guint i = 0; i < self->rows->len; i++)
    {
      TnRecipeRow *row = g_ptr_array_index (self->rows, i);
      g_autofree char *text = tn_recipe_print_value (self->recipe, tn_recipe_row_get_name (row));

      if (row == except || tn_recipe_row_get_problem (row) != NULL)
        continue;
      tn_recipe_row_set_text (row, text);
    }
}

/* The same recipe but for one key, which is at its default again. What was not given is left out, too: it follows from what was. */
static TnRecipe *
leave_out (const TnRecipe *recipe, const TnOption *option, GError **error)
{
  g_autofree char *text = tn_recipe_print_given (recipe), *rest = NULL;
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (TnRecipe) left = tn_recipe_new ();
  gsize bytes = 0;

  if (!g_key_file_load_from_data (file, text, strlen (text), G_KEY_FILE_NONE, error))
    return NULL;
  g_key_file_remove_key (file, option->group, option->name, NULL);
  rest = g_key_file_to_data (file, &bytes, NULL);
  return tn_recipe_load_text (left, option->name, rest, bytes, error) ? g_steal_pointer (&left) : NULL;
}

static gboolean
set_key (TnRecipeForm *self, const TnOption *option, const char *title, const char *text, GError **error)
{
  const char *values[] = {text, NULL};
  TnRecipe *left;

  if (text != NULL)
    return tn_recipe_set (self->recipe, title, option->name, values, error);
  left = leave_out (self->recipe, option, error);
  if (left == NULL)
    return FALSE;
  tn_recipe_free (self->recipe);
  self->recipe = left;
  return TRUE;
}

static void
on_edited (TnRecipeForm *self, TnRecipeRow *row)
{
  g_autofree char *text = tn_recipe_row_dup_text (row);
  g_autoptr (GError) error = NULL;
  gboolean good = set_key (self, &find_entry (tn_recipe_row_get_name (row))->option, adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)),
                           text, &error);

  tn_recipe_row_set_problem (row, good ? NULL : error->message);
  if (good) /* others may follow from it: what an optimizer is made with */
    show_recipe (self, row);
  g_signal_emit (self, signals[CHANGED], 0);
}

static TnRecipeRow *
make_row (TnRecipeForm *self, const TnOptionEntry *entry, const char *title, const char *const *choices)
{
  g_auto (GStrv) names = choices == NULL ? list_names (entry->option.name) : NULL;
  TnRecipeRow *row = tn_recipe_row_new (entry, title, names != NULL ? (const char *const *) names : choices);

  g_signal_connect_object (row, "edited", G_CALLBACK (on_edited), self, G_CONNECT_SWAPPED);
  g_ptr_array_add (self->rows, row);
  return row;
}

static void
add_main (TnRecipeForm *self)
{
  GtkWidget *group = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      GtkWidget *made;

      if (rows[i].name == NULL)
        {
          made = group = adw_preferences_group_new ();
          adw_preferences_group_set_title (ADW_PREFERENCES_GROUP (group), _ (rows[i].title));
          gtk_box_append (GTK_BOX (self->box), group);
        }
      else
        {
          made = GTK_WIDGET (make_row (self, find_entry (rows[i].name), _ (rows[i].title), rows[i].choices));
          adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), made);
        }
      if (rows[i].name == NULL && rows[i].scratch)
        g_ptr_array_add (self->scratch, made);
    }
}

static GtkWidget *
make_expander (TnRecipeForm *self, const char *group, const char *title)
{
  GtkWidget *expander = adw_expander_row_new ();
  const TnOptionEntry *entry;

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (expander), title);
  for (guint i = 0; (entry = tn_recipe_get_entry (i)) != NULL; i++)
    {
      /* Data has a list of its own, and a list of files is no row. */
      if (strcmp (entry->option.group, group) != 0 || is_main (entry->option.name) || entry->option.list)
        continue;
      adw_expander_row_add_row (ADW_EXPANDER_ROW (expander), GTK_WIDGET (make_row (self, entry, NULL, NULL)));
    }
  return expander;
}

static void
add_advanced (TnRecipeForm *self)
{
  GtkWidget *group = adw_preferences_group_new ();

  adw_preferences_group_set_title (ADW_PREFERENCES_GROUP (group), _ ("Advanced"));
  adw_preferences_group_set_description (ADW_PREFERENCES_GROUP (group), _ ("Keys by their names in the recipe's file. What is left empty is at its default."));
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      GtkWidget *expander = make_expander (self, groups[i].name, _ (groups[i].title));

      adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), expander);
      if (i == 0)
        g_ptr_array_add (self->scratch, expander);
    }
  gtk_box_append (GTK_BOX (self->box), group);
}

static void
tn_recipe_form_dispose (GObject *object)
{
  TnRecipeForm *self = TN_RECIPE_FORM (object);

  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_pointer (&self->scratch, g_ptr_array_unref);
  g_clear_pointer (&self->box, gtk_widget_unparent);
  g_clear_pointer (&self->recipe, tn_recipe_free);
  G_OBJECT_CLASS (tn_recipe_form_parent_class)->dispose (object);
}

static void
tn_recipe_form_class_init (TnRecipeFormClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_recipe_form_dispose;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_recipe_form_init (TnRecipeForm *self)
{
  self->recipe = tn_recipe_new ();
  self->rows = g_ptr_array_new ();
  self->scratch = g_ptr_array_new ();
  self->box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 18);
  gtk_widget_set_parent (self->box, GTK_WIDGET (self));
  add_main (self);
  add_advanced (self);
  tn_accessible_name_lists (self->box, _ ("Options"));
  show_recipe (self, NULL);
}

const TnRecipe *
tn_recipe_form_get_recipe (TnRecipeForm *self)
{
  g_return_val_if_fail (TN_IS_RECIPE_FORM (self), NULL);

  return self->recipe;
}

void
tn_recipe_form_set_recipe (TnRecipeForm *self, const TnRecipe *recipe)
{
  g_return_if_fail (TN_IS_RECIPE_FORM (self));

  tn_recipe_free (self->recipe);
  self->recipe = tn_recipe_copy (recipe);
  for (guint i = 0; i < self->rows->len; i++)
    tn_recipe_row_set_problem (g_ptr_array_index (self->rows, i), NULL);
  show_recipe (self, NULL);
}

void
tn_recipe_form_set_scratch (TnRecipeForm *self, gboolean scratch)
{
  g_return_if_fail (TN_IS_RECIPE_FORM (self));

  for (guint i = 0; i < self->scratch->len; i++)
    gtk_widget_set_visible (g_ptr_array_index (self->scratch, i), scratch);
}

char *
tn_recipe_form_dup_problem (TnRecipeForm *self)
{
  g_autoptr (GError) error = NULL;

  g_return_val_if_fail (TN_IS_RECIPE_FORM (self), NULL);

  for (guint i = 0; i < self->rows->len; i++)
    {
      const char *problem = tn_recipe_row_get_problem (g_ptr_array_index (self->rows, i));

      if (problem != NULL)
        return g_strdup (problem);
    }
  return tn_recipe_check (self->recipe, &error) ? NULL : g_strdup (error->message);
}

void
tn_recipe_form_edit (TnRecipeForm *self, const char *name, const char *text)
{
  g_return_if_fail (TN_IS_RECIPE_FORM (self));

  for (guint i = 0; i < self->rows->len; i++)
    if (strcmp (tn_recipe_row_get_name (g_ptr_array_index (self->rows, i)), name) == 0)
      {
        tn_recipe_row_edit (g_ptr_array_index (self->rows, i), text);
        return;
      }
  g_return_if_reached ();
}
