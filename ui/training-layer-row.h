/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/table.h"

G_BEGIN_DECLS

/* TnTrainingLayerRow: a layer that is rounded while it is trained, with the latest values of its series "layer/NAME/…". */
typedef enum
{
  TN_TRAINING_LAYER_NAME,
  TN_TRAINING_LAYER_SQNR,
  TN_TRAINING_LAYER_ZEROS,
  TN_TRAINING_LAYER_FLIPS,
  TN_TRAINING_LAYER_SATURATED,
  TN_TRAINING_LAYER_SCALE,
  TN_N_TRAINING_LAYER_COLUMNS
} TnTrainingLayerColumn;

#define TN_TYPE_TRAINING_LAYER_ROW (tn_training_layer_row_get_type ())
G_DECLARE_FINAL_TYPE (TnTrainingLayerRow, tn_training_layer_row, TN, TRAINING_LAYER_ROW, TnTableRow)

extern const TnTableColumn tn_training_layer_columns[TN_N_TRAINING_LAYER_COLUMNS];

/* How the series of a column ends: "sqnr_db"; NULL for the name. */
const char *tn_training_layer_get_series_end (TnTrainingLayerColumn column);
/* What a column is, for an axis; translated. */
const char *tn_training_layer_get_label      (TnTrainingLayerColumn column);
/* The layer of a series, and which column it is: "layer/blk.0/x/zeros". FALSE: not of a layer. Free name with g_free(). */
gboolean    tn_training_layer_parse_series   (const char *series, char **name, TnTrainingLayerColumn *column);

TnTrainingLayerRow *tn_training_layer_row_new      (const char *name, guint place);
const char         *tn_training_layer_row_get_name (TnTrainingLayerRow *self);
void                tn_training_layer_row_set      (TnTrainingLayerRow *self, TnTrainingLayerColumn column, double value);

G_END_DECLS
