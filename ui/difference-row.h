/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats-diff.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnDifferenceRow: a site of two calibrations and what changed from the first to the second. */
typedef enum
{
  TN_DIFFERENCE_NAME,
  TN_DIFFERENCE_KS,    /* distance of the distributions */
  TN_DIFFERENCE_RANGE, /* largest magnitude, relative */
  TN_DIFFERENCE_STD,   /* relative */
  TN_DIFFERENCE_INT8,  /* SQNR in dB */
  TN_DIFFERENCE_INT4,
  TN_N_DIFFERENCE_COLUMNS
} TnDifferenceColumn;

#define TN_TYPE_DIFFERENCE_ROW (tn_difference_row_get_type ())
G_DECLARE_FINAL_TYPE (TnDifferenceRow, tn_difference_row, TN, DIFFERENCE_ROW, TnTableRow)

extern const TnTableColumn tn_difference_columns[TN_N_DIFFERENCE_COLUMNS];

/* differences: of tn_stats_diff(), kept. */
TnDifferenceRow        *tn_difference_row_new (GPtrArray *differences, guint index);
const TnSiteDifference *tn_difference_row_get (TnDifferenceRow *self);

G_END_DECLS
