/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/ui.h"

#include "plots/widgets/plot-view.h"
#include "ui/calibration-page.h"
#include "ui/device-bar.h"
#include "ui/layer-facts.h"
#include "ui/layers-page.h"
#include "ui/runs-page.h"
#include "ui/start-page.h"
#include "ui/report-page.h"
#include "ui/sensitivity-page.h"
#include "ui/training-page.h"
#include "ui/ui-resources.h"

void
tn_ui_init (void)
{
  g_resources_register (tn_ui_get_resource ());
  g_type_ensure (TN_TYPE_PLOT_VIEW);
  g_type_ensure (TN_TYPE_LAYER_FACTS);
  g_type_ensure (TN_TYPE_START_PAGE);
  g_type_ensure (TN_TYPE_LAYERS_PAGE);
  g_type_ensure (TN_TYPE_CALIBRATION_PAGE);
  g_type_ensure (TN_TYPE_RUNS_PAGE);
  g_type_ensure (TN_TYPE_TRAINING_PAGE);
  g_type_ensure (TN_TYPE_SENSITIVITY_PAGE);
  g_type_ensure (TN_TYPE_REPORT_PAGE);
  g_type_ensure (TN_TYPE_DEVICE_BAR);
}
