/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/training-page.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"

struct _TnTrainingPage
{
  GtkWidget parent_instance;
  TnTrainingForm *form;
  TnTrainingLive *live;
  GtkLabel *problem;
  GtkWidget *start;
  TnSession *session;
};

G_DEFINE_FINAL_TYPE (TnTrainingPage, tn_training_page, GTK_TYPE_WIDGET)

static char *
find_problem (TnTrainingPage *self)
{
  if (tn_session_is_training (self->session))
    return g_strdup (_ ("A run that was started here goes on; the next one can start when it has ended"));
  return tn_training_form_dup_problem (self->form);
}

static void
update (TnTrainingPage *self)
{
  g_autofree char *problem = self->session != NULL ? find_problem (self) : NULL;

  gtk_widget_set_sensitive (self->start, problem == NULL);
  /* What is wrong looks other than what is missing. */
  if (self->session != NULL && tn_training_form_is_wrong (self->form))
    {
      gtk_widget_remove_css_class (GTK_WIDGET (self->problem), "dim-label");
      gtk_widget_add_css_class (GTK_WIDGET (self->problem), "error");
    }
  else
    {
      gtk_widget_remove_css_class (GTK_WIDGET (self->problem), "error");
      gtk_widget_add_css_class (GTK_WIDGET (self->problem), "dim-label");
    }
  gtk_label_set_text (self->problem, problem != NULL ? problem : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->problem), problem);
  gtk_widget_set_visible (GTK_WIDGET (self->problem), problem != NULL);
}

static void
on_start_clicked (TnTrainingPage *self)
{
  g_autofree char *problem = find_problem (self);
  TnTrainOptions *options;

  if (problem != NULL)
    return;
  options = tn_training_form_get_options (self->form);
  tn_session_train (self->session, options);
  tn_train_options_free (options);
  tn_training_form_started (self->form);
}

static void
on_training_finished (TnTrainingPage *self)
{
  TnTraining *training = tn_session_get_training (self->session);

  /* Without a row in the workspace there is no other place where it would be said. */
  if (tn_training_get_run (training) < 0 && tn_training_get_error (training) != NULL)
    tn_session_notice (self->session, tn_training_get_error (training));
  update (self);
}

static void
on_branch (TnTrainingPage *self)
{
  TnTrainingRun *run = tn_training_live_get_run (self->live);
  g_autoptr (GError) error = NULL;
  TnTrainOptions *options = tn_training_run_dup_options (run, &error);

  if (options == NULL)
    {
      tn_session_notice (self->session, error->message);
      return;
    }
  tn_training_form_branch (self->form, tn_training_run_get_row (run)->title, options);
  tn_train_options_free (options);
}

static void
tn_training_page_dispose (GObject *object)
{
  TnTrainingPage *self = TN_TRAINING_PAGE (object);
  GtkWidget *child;

  g_clear_object (&self->session);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_training_page_parent_class)->dispose (object);
}

static void
tn_training_page_class_init (TnTrainingPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_training_page_dispose;
  g_type_ensure (TN_TYPE_TRAINING_FORM);
  g_type_ensure (TN_TYPE_TRAINING_LIVE);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/training-page.ui");
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPage, form);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPage, live);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPage, problem);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingPage, start);
  gtk_widget_class_bind_template_callback (widget_class, on_start_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_branch);
}

static void
tn_training_page_init (TnTrainingPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
}

void
tn_training_page_set_session (TnTrainingPage *self, TnSession *session)
{
  g_return_if_fail (TN_IS_TRAINING_PAGE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  tn_training_form_set_session (self->form, session);
  tn_training_live_set_session (self->live, session);
  g_signal_connect_object (self->form, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "training-changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "training-finished", G_CALLBACK (on_training_finished), self, G_CONNECT_SWAPPED);
  update (self);
}

void
tn_training_page_add_data (TnTrainingPage *self, const char *path)
{
  g_return_if_fail (TN_IS_TRAINING_PAGE (self));

  tn_training_form_add_data (self->form, path);
}

TnTrainingForm *
tn_training_page_get_form (TnTrainingPage *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_PAGE (self), NULL);

  return self->form;
}

TnTrainingLive *
tn_training_page_get_live (TnTrainingPage *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_PAGE (self), NULL);

  return self->live;
}
