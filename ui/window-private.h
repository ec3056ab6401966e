/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/calibration-page.h"
#include "ui/device-bar.h"
#include "ui/layers-page.h"
#include "ui/report-page.h"
#include "ui/runs-page.h"
#include "ui/sensitivity-page.h"
#include "ui/start-page.h"
#include "ui/training-page.h"
#include "ui/window.h"

G_BEGIN_DECLS

struct _TnWindow
{
  AdwApplicationWindow parent_instance;
  AdwToastOverlay     *toasts;
  GtkWidget           *drop_hint;
  GtkLabel            *drop_label;
  AdwViewSwitcherTitle *switcher_title;
  GtkMenuButton       *menu_button;
  AdwViewStack        *pages;
  AdwViewStackPage    *runs_stack_page;
  GtkStack            *layers_stack;
  TnStartPage         *start_page;
  TnLayersPage        *layers_page;
  TnCalibrationPage   *calibration_page;
  TnSensitivityPage   *sensitivity_page;
  TnTrainingPage      *training_page;
  TnReportPage        *report_page;
  TnRunsPage          *runs_page;
  TnDeviceBar         *device_bar;
  GMenu               *recent_menu; /* a section of the primary menu */

  TnSession *session;
  GCancellable *recognising; /* what is to be opened; NULL when nothing is */
  gboolean   closing; /* the user has agreed to end what is going on */
};

void tn_window_class_install_actions (GtkWidgetClass *widget_class);
/* After the session is set. */
void tn_window_update_recent_menu    (TnWindow *self);
void tn_window_init_drop             (TnWindow *self);
/* To the data of the page that is shown. */
void tn_window_add_data              (TnWindow *self, const char *path);
/* Opens statistics and analyses, and adds everything else to the data of the page. */
void tn_window_open_or_add           (TnWindow *self, const char *path);
void tn_window_forget_opening        (TnWindow *self);

G_END_DECLS
