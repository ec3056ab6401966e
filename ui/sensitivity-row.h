/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnSensitivityRow: a layer under a scheme: its errors and what it does to the loss. */
typedef enum
{
  TN_SENSITIVITY_LAYER,
  TN_SENSITIVITY_SCHEME,
  TN_SENSITIVITY_BITS,
  TN_SENSITIVITY_LOSS,
  TN_N_PLAN_COLUMNS, /* what a plan shows of it */
  TN_SENSITIVITY_INTERVAL = TN_N_PLAN_COLUMNS,
  TN_SENSITIVITY_SOURCE,
  TN_SENSITIVITY_WEIGHTS,
  TN_SENSITIVITY_OUTPUT,
  TN_SENSITIVITY_THROUGH,
  TN_N_SENSITIVITY_COLUMNS
} TnSensitivityColumn;

#define TN_TYPE_SENSITIVITY_ROW (tn_sensitivity_row_get_type ())
G_DECLARE_FINAL_TYPE (TnSensitivityRow, tn_sensitivity_row, TN, SENSITIVITY_ROW, TnTableRow)

extern const TnTableColumn tn_sensitivity_columns[TN_N_SENSITIVITY_COLUMNS];

/* owner: keeps the analysis. scheme -1: the layer stays as it is, 16 bits a weight. */
TnSensitivityRow *tn_sensitivity_row_new        (GObject *owner, const TnAnalysis *analysis, guint layer, gint scheme);
guint             tn_sensitivity_row_get_layer  (TnSensitivityRow *self);
gint              tn_sensitivity_row_get_scheme (TnSensitivityRow *self);
void              tn_sensitivity_row_set_scheme (TnSensitivityRow *self, gint scheme);
const char       *tn_sensitivity_row_get_name   (TnSensitivityRow *self);

G_END_DECLS
