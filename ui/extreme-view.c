/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/extreme-view.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/trace-extreme.h"
#include "ui/numbers.h"

/* Tokens of text on either side. */
#define CONTEXT 40

struct _TnExtremeView
{
  GtkWidget parent_instance;
  GtkWidget *content;
  GtkStack *stack;
  GtkWidget *find;
  GtkSpinner *spinner;
  GtkLabel *note;
  GtkListBox *list;
  char *site; /* NULL: nothing is shown */
  char *why;
  GArray *extremes; /* TnExtreme */
  TnCalibrateOptions *options;
  GPtrArray *traced; /* TnTracedExtreme of extremes; NULL: not looked up */
  char *error;
  GCancellable *finding;
};

G_DEFINE_FINAL_TYPE (TnExtremeView, tn_extreme_view, GTK_TYPE_WIDGET)

static gboolean
is_same (const TnExtreme *a, const TnExtreme *b)
{
  return a->value == b->value && a->sample == b->sample && a->token == b->token && a->channel == b->channel;
}

static void
add_extreme (GArray *extremes, const TnExtreme *extreme)
{
  for (guint i = 0; i < extremes->len; i++)
    if (is_same (&g_array_index (extremes, TnExtreme, i), extreme))
      return;
  g_array_append_val (extremes, *extreme);
}

static GArray *
collect (const TnSiteStats *site)
{
  GArray *extremes = g_array_new (FALSE, FALSE, sizeof (TnExtreme));

  if (site == NULL || !site->has_extremes)
    return extremes;
  add_extreme (extremes, &site->max);
  add_extreme (extremes, &site->min);
  for (guint i = 0; i < site->n_largest; i++)
    add_extreme (extremes, &site->largest[i]);
  return extremes;
}

/* Line ends and tabs as signs, so that the text stays in its paragraph. */
static char *
escape (const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  GString *out = g_string_new (escaped);

  g_string_replace (out, "\r", "", 0);
  g_string_replace (out, "\n", "⏎", 0);
  g_string_replace (out, "\t", "⇥", 0);
  return g_string_free (out, FALSE);
}

static char *
describe_place (const TnTracedExtreme *traced)
{
  g_autofree char *name = g_filename_display_basename (traced->path), *offset = tn_format_count (traced->offset);

  /* Translators: a file, and where in it the record begins */
  return g_strdup_printf (traced->in_tokens ? _ ("%s, record at token %s") : _ ("%s, record at byte %s"), name, offset);
}

/* What the place of an extreme says: "channel 33 · token 12", from 0. */
static char *
describe_extreme (const TnExtreme *extreme)
{
  return g_strdup_printf (_ ("channel %" PRIu32 " · token %" PRIu32), extreme->channel, extreme->token);
}

static GtkWidget *
add_label (GtkBox *box, const char *text, const char *class)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  if (class != NULL)
    gtk_widget_add_css_class (label, class);
  gtk_box_append (box, label);
  return label;
}

static void
add_text (TnExtremeView *self, GtkBox *box, const TnTracedExtreme *traced)
{
  g_autofree char *before = escape (traced->before), *token = escape (traced->token), *after = escape (traced->after);
  g_autofree char *place = describe_place (traced);
  g_autofree char *markup =
      g_strdup_printf ("<span alpha=\"75%%\">%s</span><span weight=\"bold\" foreground=\"#000000\" background=\"#ffd54a\">%s</span>"
                       "<span alpha=\"75%%\">%s</span>",
                       before, token, after);
  GtkWidget *label = add_label (box, NULL, "extreme-text"), *where = add_label (box, place, "caption");

  gtk_label_set_markup (GTK_LABEL (label), markup);
  gtk_label_set_selectable (GTK_LABEL (label), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (label), GTK_ACCESSIBLE_PROPERTY_LABEL, gtk_label_get_text (GTK_LABEL (label)), -1);
  gtk_widget_add_css_class (where, "dim-label");
  gtk_widget_set_tooltip_text (where, traced->path);
}

static void
add_row (TnExtremeView *self, guint i)
{
  const TnExtreme *extreme = &g_array_index (self->extremes, TnExtreme, i);
  const TnTracedExtreme *traced = self->traced != NULL ? g_ptr_array_index (self->traced, i) : NULL;
  GtkBox *box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_VERTICAL, 4));
  GtkBox *line = GTK_BOX (gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12));
  g_autofree char *value = tn_format_value ((double) extreme->value), *place = describe_extreme (extreme);
  GtkWidget *row = gtk_list_box_row_new (), *number;

  number = add_label (line, value, "heading");
  gtk_widget_add_css_class (number, "numeric");
  add_label (line, place, "dim-label");
  gtk_box_append (box, GTK_WIDGET (line));
  if (traced != NULL && traced->found)
    add_text (self, box, traced);
  else if (traced != NULL)
    add_label (box, _ ("Its sequence is not in the data as they are read now"), "dim-label");
  gtk_widget_set_margin_start (GTK_WIDGET (box), 12);
  gtk_widget_set_margin_end (GTK_WIDGET (box), 12);
  gtk_widget_set_margin_top (GTK_WIDGET (box), 8);
  gtk_widget_set_margin_bottom (GTK_WIDGET (box), 8);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), GTK_WIDGET (box));
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  {
    g_autofree char *name = g_strdup_printf ("%s, %s", value, place);

    gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  }
  gtk_list_box_append (self->list, row);
}

static void
update (TnExtremeView *self)
{
  gboolean possible = self->options != NULL && self->traced == NULL;

  gtk_stack_set_visible_child_name (self->stack, self->extremes->len > 0 ? "extremes" : "empty");
  gtk_widget_set_visible (self->find, possible);
  gtk_widget_set_sensitive (self->find, self->finding == NULL);
  gtk_spinner_set_spinning (self->spinner, self->finding != NULL);
  gtk_label_set_text (self->note, self->error != NULL       ? self->error
                                  : self->traced != NULL    ? _ ("Largest and smallest value, and the sequences with the largest magnitudes")
                                  : self->options == NULL   ? self->why
                                  : self->finding != NULL   ? _ ("Looking through the data…")
                                                            : _ ("The texts can be looked up in the data"));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->note), gtk_label_get_text (self->note));
}

static void
fill (TnExtremeView *self)
{
  GtkWidget *row;

  while ((row = gtk_widget_get_first_child (GTK_WIDGET (self->list))) != NULL)
    gtk_list_box_remove (self->list, row);
  for (guint i = 0; i < self->extremes->len; i++)
    add_row (self, i);
  update (self);
}

typedef struct
{
  TnCalibrateOptions *options;
  GArray *extremes;
} FindTask;

static void
find_task_free (gpointer pointer)
{
  FindTask *self = pointer;

  tn_calibrate_options_free (self->options);
  g_array_unref (self->extremes);
  g_free (self);
}

static void
find_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  FindTask *find = task_data;
  GError *error = NULL;
  GPtrArray *traced = tn_trace_extremes (find->options, (const TnExtreme *) (gpointer) find->extremes->data, find->extremes->len,
                                         CONTEXT, NULL, cancellable, &error);

  if (traced != NULL)
    g_task_return_pointer (task, traced, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnExtremeView *self = TN_EXTREME_VIEW (source);
  g_autoptr (GError) error = NULL;
  GPtrArray *traced = g_task_propagate_pointer (G_TASK (result), &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) /* another site, or the window is gone */
    return;
  g_clear_object (&self->finding);
  self->traced = traced;
  self->error = error != NULL ? g_strdup (error->message) : NULL;
  fill (self);
}

static void
forget_texts (TnExtremeView *self)
{
  if (self->finding != NULL)
    g_cancellable_cancel (self->finding);
  g_clear_object (&self->finding);
  g_clear_pointer (&self->traced, g_ptr_array_unref);
  g_clear_pointer (&self->error, g_free);
}

static void
tn_extreme_view_dispose (GObject *object)
{
  TnExtremeView *self = TN_EXTREME_VIEW (object);

  forget_texts (self);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_extreme_view_parent_class)->dispose (object);
}

static void
tn_extreme_view_finalize (GObject *object)
{
  TnExtremeView *self = TN_EXTREME_VIEW (object);

  g_free (self->site);
  g_free (self->why);
  g_array_unref (self->extremes);
  tn_calibrate_options_free (self->options);
  G_OBJECT_CLASS (tn_extreme_view_parent_class)->finalize (object);
}

static void
tn_extreme_view_class_init (TnExtremeViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_extreme_view_dispose;
  G_OBJECT_CLASS (klass)->finalize = tn_extreme_view_finalize;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/extreme-view.ui");
  gtk_widget_class_bind_template_child (widget_class, TnExtremeView, content);
  gtk_widget_class_bind_template_child (widget_class, TnExtremeView, stack);
  gtk_widget_class_bind_template_child (widget_class, TnExtremeView, find);
  gtk_widget_class_bind_template_child (widget_class, TnExtremeView, spinner);
  gtk_widget_class_bind_template_child (widget_class, TnExtremeView, note);
  gtk_widget_class_bind_template_child (widget_class, TnExtremeView, list);
  gtk_widget_class_bind_template_callback (widget_class, tn_extreme_view_find);
}

static void
tn_extreme_view_init (TnExtremeView *self)
{
  self->extremes = g_array_new (FALSE, FALSE, sizeof (TnExtreme));
  gtk_widget_init_template (GTK_WIDGET (self));
}

/* Whether what is shown already says all of this. */
static gboolean
is_shown (TnExtremeView *self, const char *site, const GArray *extremes, gboolean possible)
{
  if (g_strcmp0 (site, self->site) != 0 || extremes->len != self->extremes->len || possible != (self->options != NULL))
    return FALSE;
  for (guint i = 0; i < extremes->len; i++)
    if (!is_same (&g_array_index (extremes, TnExtreme, i), &g_array_index (self->extremes, TnExtreme, i)))
      return FALSE;
  return TRUE;
}

void
tn_extreme_view_show (TnExtremeView *self, const TnSiteStats *site, const TnCalibrateOptions *options, const char *why)
{
  const char *name = site != NULL ? site->name : NULL;
  g_autoptr (GArray) extremes = collect (site);

  g_return_if_fail (TN_IS_EXTREME_VIEW (self));

  if (is_shown (self, name, extremes, options != NULL))
    return;
  forget_texts (self);
  g_free (self->site);
  g_free (self->why);
  self->site = g_strdup (name);
  self->why = g_strdup (why != NULL ? why : "");
  g_array_set_size (self->extremes, 0);
  if (extremes->len > 0)
    g_array_append_vals (self->extremes, extremes->data, extremes->len);
  tn_calibrate_options_free (self->options);
  self->options = options != NULL ? tn_calibrate_options_copy (options) : NULL;
  fill (self);
}

void
tn_extreme_view_find (TnExtremeView *self)
{
  g_autoptr (GTask) task = NULL;
  FindTask *find;

  g_return_if_fail (TN_IS_EXTREME_VIEW (self));

  if (self->options == NULL || self->finding != NULL || self->traced != NULL || self->extremes->len == 0)
    return;
  g_clear_pointer (&self->error, g_free);
  self->finding = g_cancellable_new ();
  find = g_new0 (FindTask, 1);
  find->options = tn_calibrate_options_copy (self->options);
  find->extremes = g_array_copy (self->extremes);
  task = g_task_new (self, self->finding, on_found, NULL);
  g_task_set_task_data (task, find, find_task_free);
  g_task_run_in_thread (task, find_on_worker);
  update (self);
}

guint
tn_extreme_view_n_found (TnExtremeView *self)
{
  guint n = 0;

  g_return_val_if_fail (TN_IS_EXTREME_VIEW (self), 0);

  for (guint i = 0; self->traced != NULL && i < self->traced->len; i++)
    n += ((TnTracedExtreme *) g_ptr_array_index (self->traced, i))->found;
  return n;
}
