/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/reports/report.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnReportRow: a row of a report's table. Columns of numbers sort by what their text says. */
#define TN_TYPE_REPORT_ROW (tn_report_row_get_type ())
G_DECLARE_FINAL_TYPE (TnReportRow, tn_report_row, TN, REPORT_ROW, TnTableRow)

/* report: a reference-counted box (g_rc_box) around the report that the block is of, which is freed with the last row. */
typedef struct
{
  TnReport *report;
} TnSharedReport;

TnSharedReport *tn_shared_report_new   (TnReport *report);
void            tn_shared_report_unref (TnSharedReport *self);
TnReportRow    *tn_report_row_new      (TnSharedReport *report, const TnReportBlock *block, guint row);

G_END_DECLS
