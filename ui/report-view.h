/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "plots/reports/report.h"

G_BEGIN_DECLS

/* TnReportView: a report as widgets: headings, paragraphs, tables that can be sorted, and its figures as plots that can be zoomed and read. */
#define TN_TYPE_REPORT_VIEW (tn_report_view_get_type ())
G_DECLARE_FINAL_TYPE (TnReportView, tn_report_view, TN, REPORT_VIEW, GtkWidget)

/* Takes over the report, whose figures it takes; NULL: nothing is shown. */
void  tn_report_view_show    (TnReportView *self, TnReport *report);
/* How many tables and plots there are. */
guint tn_report_view_n_tables (TnReportView *self);
guint tn_report_view_n_plots  (TnReportView *self);

G_END_DECLS
