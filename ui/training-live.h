/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"
#include "ui/training-plots.h"

G_BEGIN_DECLS

/* TnTrainingLive: a training run of the workspace: which one, how far it is, what it recorded, and what can be done with it: pause and stop while it
 * goes on, resume and branch afterwards. */
#define TN_TYPE_TRAINING_LIVE (tn_training_live_get_type ())
G_DECLARE_FINAL_TYPE (TnTrainingLive, tn_training_live, TN, TRAINING_LIVE, GtkWidget)

void             tn_training_live_set_session (TnTrainingLive *self, TnSession *session);
/* NULL: none is shown. */
TnTrainingRun   *tn_training_live_get_run     (TnTrainingLive *self);
TnTrainingPlots *tn_training_live_get_plots   (TnTrainingLive *self);
/* Signal: "branch" (): a new run is to be started from the one that is shown. */

G_END_DECLS
