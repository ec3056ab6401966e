/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/layer-row.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ui/numbers.h"

#define FULL_METER_DB 60.0

const TnTableColumn tn_layer_columns[TN_N_LAYER_COLUMNS] = {
    {"name", N_ ("Name"), TN_CELL_TEXT, 230, TRUE, FALSE, 0},
    {"type", N_ ("Type"), TN_CELL_TEXT, 68, FALSE, FALSE, 0},
    {"shape", N_ ("Shape"), TN_CELL_TEXT, 120, FALSE, FALSE, 0},
    {"elements", N_ ("Elements"), TN_CELL_NUMBER, 112, FALSE, FALSE, 0},
    {"min", N_ ("Min"), TN_CELL_NUMBER, 92, FALSE, TRUE, 0},
    {"max", N_ ("Max"), TN_CELL_NUMBER, 92, FALSE, TRUE, 0},
    {"std", N_ ("Std. dev."), TN_CELL_NUMBER, 96, FALSE, TRUE, 0},
    {"sqnr-ternary", N_ ("Ternary dB"), TN_CELL_METER, 108, FALSE, TRUE, FULL_METER_DB},
    {"sqnr-int8", N_ ("int8 dB"), TN_CELL_METER, 108, FALSE, TRUE, FULL_METER_DB},
    {"sqnr-int4", N_ ("int4:g32 dB"), TN_CELL_METER, 108, FALSE, TRUE, FULL_METER_DB},
};

struct _TnLayerRow
{
  TnTableRow parent_instance;
  TnModelFile *file;
  guint tensor;
  const TnModelTensor *info;
  TnLayerState state;
  char *name_key;
  char *shape;
  char *folded; /* what a search looks through */
  TnTensorSummary summary;
  gboolean quantized;
  TnQuantError errors[TN_N_LAYER_SCHEMES];
};

G_DEFINE_FINAL_TYPE (TnLayerRow, tn_layer_row, TN_TYPE_TABLE_ROW)

static double
tn_layer_row_get_number_of (TnTableRow *row, guint column)
{
  TnLayerRow *self = TN_LAYER_ROW (row);

  /* The number of elements says most about a shape. */
  if (column == TN_LAYER_ELEMENTS || column == TN_LAYER_SHAPE)
    return (double) self->info->tensor->count;
  if (self->state != TN_LAYER_MEASURED)
    return NAN;
  switch (column)
    {
    case TN_LAYER_MIN:
      return self->summary.min;
    case TN_LAYER_MAX:
      return self->summary.max;
    case TN_LAYER_STD:
      return self->summary.std;
    default:
      return self->quantized ? self->errors[column - TN_LAYER_SQNR].sqnr_db : NAN;
    }
}

static char *
tn_layer_row_dup_text_of (TnTableRow *row, guint column)
{
  TnLayerRow *self = TN_LAYER_ROW (row);

  switch (column)
    {
    case TN_LAYER_NAME:
      return g_strdup (self->info->name);
    case TN_LAYER_TYPE:
      return g_strdup (self->info->dtype_name);
    case TN_LAYER_SHAPE:
      return g_strdup (self->shape);
    case TN_LAYER_ELEMENTS:
      return tn_format_count (self->info->tensor->count);
    default:
      break;
    }
  if (self->state == TN_LAYER_WAITING)
    return g_strdup ("…");
  if (column >= TN_LAYER_SQNR)
    return tn_format_decibel (tn_layer_row_get_number_of (row, column));
  return tn_format_value (tn_layer_row_get_number_of (row, column));
}

static const char *
tn_layer_row_get_key_of (TnTableRow *row, guint column)
{
  TnLayerRow *self = TN_LAYER_ROW (row);

  if (column == TN_LAYER_NAME)
    return self->name_key;
  return column == TN_LAYER_TYPE ? self->info->dtype_name : NULL;
}

static char *
tn_layer_row_dup_tooltip_of (TnTableRow *row, guint column)
{
  TnLayerRow *self = TN_LAYER_ROW (row);

  if (column == TN_LAYER_NAME)
    return strcmp (self->info->name, self->info->source_name) == 0
               ? g_strdup (self->info->name)
               : g_strdup_printf (_ ("%s\nin the file: %s"), self->info->name, self->info->source_name);
  if (column >= TN_LAYER_SQNR && self->state == TN_LAYER_MEASURED && isnan (tn_layer_row_get_number_of (row, column)))
    /* Groups that do not divide the rows are the only reason for one scheme to be missing. */
    return self->quantized ? g_strdup_printf (_ ("Groups of 32 do not divide rows of %" PRIu64),
                                              tn_tensor_columns (self->info->tensor))
                           : g_strdup (_ ("Rounding is measured for matrices"));
  return column == TN_LAYER_SHAPE ? g_strdup (self->shape) : NULL;
}

static gboolean
tn_layer_row_matches_needle (TnTableRow *row, const char *needle)
{
  return strstr (TN_LAYER_ROW (row)->folded, needle) != NULL;
}

static void
tn_layer_row_finalize (GObject *object)
{
  TnLayerRow *self = TN_LAYER_ROW (object);

  g_clear_pointer (&self->file, tn_model_file_unref);
  g_free (self->name_key);
  g_free (self->shape);
  g_free (self->folded);
  G_OBJECT_CLASS (tn_layer_row_parent_class)->finalize (object);
}

static void
tn_layer_row_class_init (TnLayerRowClass *klass)
{
  TnTableRowClass *row_class = TN_TABLE_ROW_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_layer_row_finalize;
  row_class->dup_text = tn_layer_row_dup_text_of;
  row_class->get_number = tn_layer_row_get_number_of;
  row_class->get_key = tn_layer_row_get_key_of;
  row_class->dup_tooltip = tn_layer_row_dup_tooltip_of;
  row_class->matches = tn_layer_row_matches_needle;
}

static void
tn_layer_row_init (TnLayerRow *self)
{
}

TnLayerRow *
tn_layer_row_new (TnModelFile *file, guint tensor)
{
  TnLayerRow *self = g_object_new (TN_TYPE_LAYER_ROW, NULL);
  g_autofree char *everything = NULL;

  self->file = tn_model_file_ref (file);
  self->tensor = tensor;
  self->info = tn_model_file_get_tensor (file, tensor);
  /* The keys of file names order numbers inside a name by their value: blk.2 before blk.10. */
  self->name_key = g_utf8_collate_key_for_filename (self->info->name, -1);
  self->shape = tn_tensor_shape_to_string (self->info->tensor);
  everything = g_strjoin ("\n", self->info->name, self->info->source_name, self->info->dtype_name, NULL);
  self->folded = g_utf8_casefold (everything, -1);
  tn_table_row_set_place (TN_TABLE_ROW (self), tensor);
  return self;
}

guint
tn_layer_row_get_tensor (TnLayerRow *self)
{
  return self->tensor;
}

const TnModelTensor *
tn_layer_row_get_info (TnLayerRow *self)
{
  return self->info;
}

TnLayerState
tn_layer_row_get_state (TnLayerRow *self)
{
  return self->state;
}

const TnTensorSummary *
tn_layer_row_get_summary (TnLayerRow *self)
{
  return &self->summary;
}

const TnQuantError *
tn_layer_row_get_error (TnLayerRow *self, TnLayerScheme scheme)
{
  return self->quantized && !isnan (self->errors[scheme].mse) ? &self->errors[scheme] : NULL;
}

void
tn_layer_row_measured (TnLayerRow *self, const TnTensorInspection *inspection)
{
  g_return_if_fail (TN_IS_LAYER_ROW (self));
  g_return_if_fail (inspection->tensor == self->tensor);

  self->state = inspection->decoded ? TN_LAYER_MEASURED : TN_LAYER_OPAQUE;
  if (inspection->decoded)
    self->summary = inspection->summary;
  self->quantized = inspection->decoded && inspection->quantized && inspection->schemes->len == TN_N_LAYER_SCHEMES;
  if (self->quantized)
    memcpy (self->errors, inspection->errors, sizeof self->errors);
  tn_table_row_changed (TN_TABLE_ROW (self));
}

void
tn_layer_row_give_up (TnLayerRow *self)
{
  g_return_if_fail (TN_IS_LAYER_ROW (self));

  if (self->state != TN_LAYER_WAITING)
    return;
  self->state = TN_LAYER_UNKNOWN;
  tn_table_row_changed (TN_TABLE_ROW (self));
}
