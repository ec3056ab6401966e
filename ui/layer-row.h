/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/inspect.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnLayerRow: one tensor of the open model, its numbers filled in as they are measured. */

/* What the table compares, in the order of TN_INSPECT_DEFAULT_SCHEMES. */
typedef enum { TN_LAYER_TERNARY, TN_LAYER_INT8, TN_LAYER_INT4, TN_N_LAYER_SCHEMES } TnLayerScheme;

typedef enum
{
  TN_LAYER_NAME,
  TN_LAYER_TYPE,
  TN_LAYER_SHAPE,
  TN_LAYER_ELEMENTS,
  TN_LAYER_MIN,
  TN_LAYER_MAX,
  TN_LAYER_STD,
  TN_LAYER_SQNR, /* the first of TN_N_LAYER_SCHEMES columns */
  TN_N_LAYER_COLUMNS = TN_LAYER_SQNR + TN_N_LAYER_SCHEMES
} TnLayerColumn;

typedef enum
{
  TN_LAYER_WAITING,
  TN_LAYER_MEASURED,
  TN_LAYER_OPAQUE, /* its type cannot be decoded */
  TN_LAYER_UNKNOWN /* inspection ended before it was measured */
} TnLayerState;

#define TN_TYPE_LAYER_ROW (tn_layer_row_get_type ())
G_DECLARE_FINAL_TYPE (TnLayerRow, tn_layer_row, TN, LAYER_ROW, TnTableRow)

extern const TnTableColumn tn_layer_columns[TN_N_LAYER_COLUMNS];

TnLayerRow            *tn_layer_row_new         (TnModelFile *file, guint tensor);
guint                  tn_layer_row_get_tensor  (TnLayerRow *self);
const TnModelTensor   *tn_layer_row_get_info    (TnLayerRow *self);
TnLayerState           tn_layer_row_get_state   (TnLayerRow *self);
const TnTensorSummary *tn_layer_row_get_summary (TnLayerRow *self);
/* NULL when the scheme does not apply or was not measured. */
const TnQuantError    *tn_layer_row_get_error   (TnLayerRow *self, TnLayerScheme scheme);
void                   tn_layer_row_measured    (TnLayerRow *self, const TnTensorInspection *inspection);
void                   tn_layer_row_give_up     (TnLayerRow *self);

G_END_DECLS
