/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/training-form.h"
#include "ui/training-live.h"

G_BEGIN_DECLS

/* TnTrainingPage: the form on one side, the runs on the other. */
#define TN_TYPE_TRAINING_PAGE (tn_training_page_get_type ())
G_DECLARE_FINAL_TYPE (TnTrainingPage, tn_training_page, TN, TRAINING_PAGE, GtkWidget)

void            tn_training_page_set_session (TnTrainingPage *self, TnSession *session);
/* Takes a file or folder as data. */
void            tn_training_page_add_data    (TnTrainingPage *self, const char *path);
TnTrainingForm *tn_training_page_get_form    (TnTrainingPage *self);
TnTrainingLive *tn_training_page_get_live    (TnTrainingPage *self);

G_END_DECLS
