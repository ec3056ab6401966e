/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnTrainingForm: what to train, on what and how. Says at once what is missing or wrong. */
#define TN_TYPE_TRAINING_FORM (tn_training_form_get_type ())
G_DECLARE_FINAL_TYPE (TnTrainingForm, tn_training_form, TN, TRAINING_FORM, GtkWidget)

void            tn_training_form_set_session (TnTrainingForm *self, TnSession *session);
void            tn_training_form_add_data    (TnTrainingForm *self, const char *path);
/* Why it cannot start yet, one line for people; NULL when it can. Free with g_free(). */
char           *tn_training_form_dup_problem (TnTrainingForm *self);
/* The recipe itself is wrong, not only something missing. */
gboolean        tn_training_form_is_wrong    (TnTrainingForm *self);
/* There must be no problem. Free with tn_train_options_free(). */
TnTrainOptions *tn_training_form_get_options (TnTrainingForm *self);
/* What another run was started with, to start a new one from a checkpoint of it: recipe, model and data are taken over, and the folder is another. */
void            tn_training_form_branch      (TnTrainingForm *self, const char *title, const TnTrainOptions *options);
/* A run was started with it: the next one is no branch. */
void            tn_training_form_started     (TnTrainingForm *self);
/* Takes the recipe of a key file; FALSE: it is left as it was. */
gboolean        tn_training_form_load        (TnTrainingForm *self, const char *path, GError **error);
void            tn_training_form_set_output  (TnTrainingForm *self, const char *path);
/* As a person would edit a row of the recipe; for tests. */
void            tn_training_form_edit        (TnTrainingForm *self, const char *name, const char *text);
/* Signal: "changed" (). */

G_END_DECLS
