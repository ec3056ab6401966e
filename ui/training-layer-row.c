/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/training-layer-row.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "ui/numbers.h"

#define PREFIX "layer/"

const TnTableColumn tn_training_layer_columns[TN_N_TRAINING_LAYER_COLUMNS] = {
    {"layer", N_ ("Layer"), TN_CELL_TEXT, 150, TRUE, FALSE, 0},
    {"sqnr", N_ ("SQNR dB"), TN_CELL_NUMBER, 86, FALSE, TRUE, 0},
    {"zeros", N_ ("Zeros %"), TN_CELL_METER, 92, FALSE, TRUE, 100},
    {"flips", N_ ("Flips %"), TN_CELL_NUMBER, 84, FALSE, TRUE, 0},
    {"saturated", N_ ("Saturated %"), TN_CELL_NUMBER, 104, FALSE, TRUE, 0},
    {"scale", N_ ("Scale"), TN_CELL_NUMBER, 88, FALSE, TRUE, 0},
};

static const struct
{
  const char *end;
  const char *label;
} series[TN_N_TRAINING_LAYER_COLUMNS] = {
    [TN_TRAINING_LAYER_SQNR] = {"sqnr_db", N_ ("SQNR (dB)")},
    [TN_TRAINING_LAYER_ZEROS] = {"zeros", N_ ("share of zeros")},
    [TN_TRAINING_LAYER_FLIPS] = {"flips", N_ ("share of flips")},
    [TN_TRAINING_LAYER_SATURATED] = {"saturated", N_ ("share of saturated")},
    [TN_TRAINING_LAYER_SCALE] = {"scale", N_ ("scale")},
};

struct _TnTrainingLayerRow
{
  TnTableRow parent_instance;
  char *name;
  char *key;
  char *folded;
  double values[TN_N_TRAINING_LAYER_COLUMNS];
};

G_DEFINE_FINAL_TYPE (TnTrainingLayerRow, tn_training_layer_row, TN_TYPE_TABLE_ROW)

static gboolean
is_share (guint column)
{
  return column == TN_TRAINING_LAYER_ZEROS || column == TN_TRAINING_LAYER_FLIPS || column == TN_TRAINING_LAYER_SATURATED;
}

static double
tn_training_layer_row_get_number_of (TnTableRow *row, guint column)
{
  double value = TN_TRAINING_LAYER_ROW (row)->values[column];

  return is_share (column) ? 100 * value : value;
}

static char *
tn_training_layer_row_dup_text_of (TnTableRow *row, guint column)
{
  double value = TN_TRAINING_LAYER_ROW (row)->values[column];

  if (column == TN_TRAINING_LAYER_NAME)
    return g_strdup (TN_TRAINING_LAYER_ROW (row)->name);
  if (isnan (value))
    return g_strdup (TN_DASH);
  if (column == TN_TRAINING_LAYER_SQNR)
    return tn_format_decibel (value);
  if (column == TN_TRAINING_LAYER_ZEROS)
    return g_strdup_printf ("%.1f", 100 * value);
  return is_share (column) ? g_strdup_printf ("%.3f", 100 * value) : tn_format_value (value);
}

static const char *
tn_training_layer_row_get_key_of (TnTableRow *row, guint column)
{
  return column == TN_TRAINING_LAYER_NAME ? TN_TRAINING_LAYER_ROW (row)->key : NULL;
}

static char *
tn_training_layer_row_dup_tooltip_of (TnTableRow *row, guint column)
{
  switch (column)
    {
    case TN_TRAINING_LAYER_NAME:
      return g_strdup (TN_TRAINING_LAYER_ROW (row)->name);
    case TN_TRAINING_LAYER_FLIPS:
      return g_strdup (_ ("Weights that round to another number than at the report before"));
    case TN_TRAINING_LAYER_SATURATED:
      return g_strdup (_ ("Weights beyond the largest number of the scheme"));
    default:
      return NULL;
    }
}

static gboolean
tn_training_layer_row_matches_needle (TnTableRow *row, const char *needle)
{
  return strstr (TN_TRAINING_LAYER_ROW (row)->folded, needle) != NULL;
}

static void
tn_training_layer_row_finalize (GObject *object)
{
  TnTrainingLayerRow *self = TN_TRAINING_LAYER_ROW (object);

  g_free (self->name);
  g_free (self->key);
  g_free (self->folded);
  G_OBJECT_CLASS (tn_training_layer_row_parent_class)->finalize (object);
}

static void
tn_training_layer_row_class_init (TnTrainingLayerRowClass *klass)
{
  TnTableRowClass *row_class = TN_TABLE_ROW_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_training_layer_row_finalize;
  row_class->dup_text = tn_training_layer_row_dup_text_of;
  row_class->get_number = tn_training_layer_row_get_number_of;
  row_class->get_key = tn_training_layer_row_get_key_of;
  row_class->dup_tooltip = tn_training_layer_row_dup_tooltip_of;
  row_class->matches = tn_training_layer_row_matches_needle;
}

static void
tn_training_layer_row_init (TnTrainingLayerRow *self)
{
  for (guint i = 0; i < TN_N_TRAINING_LAYER_COLUMNS; i++)
    self->values[i] = NAN;
}

const char *
tn_training_layer_get_series_end (TnTrainingLayerColumn column)
{
  return series[column].end;
}

const char *
tn_training_layer_get_label (TnTrainingLayerColumn column)
{
  return series[column].label != NULL ? _ (series[column].label) : "";
}

gboolean
tn_training_layer_parse_series (const char *text, char **name, TnTrainingLayerColumn *column)
{
  const char *slash = strrchr (text, '/');

  if (!g_str_has_prefix (text, PREFIX) || slash < text + strlen (PREFIX))
    return FALSE;
  for (guint i = TN_TRAINING_LAYER_SQNR; i < TN_N_TRAINING_LAYER_COLUMNS; i++)
    if (strcmp (slash + 1, series[i].end) == 0)
      {
        *name = g_strndup (text + strlen (PREFIX), (gsize) (slash - text) - strlen (PREFIX));
        *column = i;
        return TRUE;
      }
  return FALSE;
}

TnTrainingLayerRow *
tn_training_layer_row_new (const char *name, guint place)
{
  TnTrainingLayerRow *self = g_object_new (TN_TYPE_TRAINING_LAYER_ROW, NULL);

  self->name = g_strdup (name);
  self->key = g_utf8_collate_key_for_filename (name, -1);
  self->folded = g_utf8_casefold (name, -1);
  tn_table_row_set_place (TN_TABLE_ROW (self), place);
  return self;
}

const char *
tn_training_layer_row_get_name (TnTrainingLayerRow *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_LAYER_ROW (self), NULL);

  return self->name;
}

void
tn_training_layer_row_set (TnTrainingLayerRow *self, TnTrainingLayerColumn column, double value)
{
  g_return_if_fail (TN_IS_TRAINING_LAYER_ROW (self));

  if (memcmp (&self->values[column], &value, sizeof value) == 0)
    return;
  self->values[column] = value;
  tn_table_row_changed (TN_TABLE_ROW (self));
}
