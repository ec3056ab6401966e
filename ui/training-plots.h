/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/training-run.h"

G_BEGIN_DECLS

/* TnTrainingPlots: what is recorded of a run: its loss with the validation, all other series, its layers, and what happened. Only what is in sight is
 * read and drawn. */
#define TN_TYPE_TRAINING_PLOTS (tn_training_plots_get_type ())
G_DECLARE_FINAL_TYPE (TnTrainingPlots, tn_training_plots, TN, TRAINING_PLOTS, GtkWidget)

/* NULL: none. */
void  tn_training_plots_set_run   (TnTrainingPlots *self, TnTrainingRun *run);
/* "loss", "series", "layers" or "events". */
void  tn_training_plots_show_page (TnTrainingPlots *self, const char *page);
/* Points drawn on the page that is shown; for tests. */
gsize tn_training_plots_n_points  (TnTrainingPlots *self);

G_END_DECLS
