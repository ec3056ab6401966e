/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/report-view.h"
#include "ui/session.h"

G_BEGIN_DECLS

/* TnReportPage: the analysis as a document: what will be written, and writing it as a page, on paper, as Markdown, numbers or JSON. */
#define TN_TYPE_REPORT_PAGE (tn_report_page_get_type ())
G_DECLARE_FINAL_TYPE (TnReportPage, tn_report_page, TN, REPORT_PAGE, GtkWidget)

void          tn_report_page_set_session (TnReportPage *self, TnSession *session);
/* "empty", "waiting" or "report". */
const char   *tn_report_page_get_state   (TnReportPage *self);
TnReportView *tn_report_page_get_view    (TnReportPage *self);
/* Writes it, the kind by the ending; what comes of it is told on the page. */
void          tn_report_page_export      (TnReportPage *self, const char *path);
/* The file that was written last; NULL: none. */
const char   *tn_report_page_get_written (TnReportPage *self);

G_END_DECLS
