/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "plots/widgets/plot-view.h"
#include "ui/sensitivity.h"

G_BEGIN_DECLS

/* TnSensitivityPlots: the figures of an analysis, one at a time, by a choice of what is drawn and by which quantity: those of reports. */
#define TN_TYPE_SENSITIVITY_PLOTS (tn_sensitivity_plots_get_type ())
G_DECLARE_FINAL_TYPE (TnSensitivityPlots, tn_sensitivity_plots, TN, SENSITIVITY_PLOTS, GtkWidget)

/* sensitivity may be NULL. */
void        tn_sensitivity_plots_set_sensitivity (TnSensitivityPlots *self, TnSensitivity *sensitivity);
/* Of the drop-down, for tests. */
void        tn_sensitivity_plots_choose          (TnSensitivityPlots *self, guint figure, guint quantity);
TnPlotView *tn_sensitivity_plots_get_plot        (TnSensitivityPlots *self);

G_END_DECLS
