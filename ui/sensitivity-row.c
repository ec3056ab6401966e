/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sensitivity-row.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/metrics/grade.h"
#include "ui/numbers.h"

/* What a layer that stays as it is counts as. */
#define KEPT_BITS 16.0

const TnTableColumn tn_sensitivity_columns[TN_N_SENSITIVITY_COLUMNS] = {
    {"layer", N_ ("Layer"), TN_CELL_TEXT, 160, TRUE, FALSE, 0},
    {"scheme", N_ ("Scheme"), TN_CELL_TEXT, 76, FALSE, TRUE, 0},
    {"bits", N_ ("Bits"), TN_CELL_NUMBER, 54, FALSE, TRUE, 0},
    {"loss", N_ ("Loss change"), TN_CELL_NUMBER, 96, FALSE, TRUE, 0},
    {"interval", N_ ("± 95 %"), TN_CELL_NUMBER, 74, FALSE, TRUE, 0},
    {"source", N_ ("Known by"), TN_CELL_TEXT, 84, FALSE, TRUE, 0},
    {"weights", N_ ("Weights dB"), TN_CELL_NUMBER, 86, FALSE, TRUE, 0},
    {"output", N_ ("Output dB"), TN_CELL_NUMBER, 80, FALSE, TRUE, 0},
    {"through", N_ ("Through dB"), TN_CELL_NUMBER, 98, FALSE, TRUE, 0},
};

struct _TnSensitivityRow
{
  TnTableRow parent_instance;
  GObject *owner;
  const TnAnalysis *analysis;
  guint layer;
  gint scheme;
  char *layer_key;
  char *scheme_name;
  char *folded;
};

G_DEFINE_FINAL_TYPE (TnSensitivityRow, tn_sensitivity_row, TN_TYPE_TABLE_ROW)

static const TnAnalysisCell *
get_cell (TnSensitivityRow *self)
{
  return self->scheme >= 0 ? tn_analysis_get_cell (self->analysis, self->layer, (guint) self->scheme) : NULL;
}

static TnEstimate
get_loss (TnSensitivityRow *self, gboolean *predicted)
{
  *predicted = FALSE;
  return self->scheme >= 0 ? tn_analysis_get_loss (self->analysis, self->layer, (guint) self->scheme, predicted)
                           : TN_ESTIMATE_NONE;
}

static double
tn_sensitivity_row_get_number_of (TnTableRow *row, guint column)
{
  TnSensitivityRow *self = TN_SENSITIVITY_ROW (row);
  const TnAnalysisCell *cell = get_cell (self);
  gboolean predicted;
  TnEstimate loss = get_loss (self, &predicted);

  if (cell == NULL)
    return column == TN_SENSITIVITY_BITS ? KEPT_BITS : (double) NAN;
  switch (column)
    {
    case TN_SENSITIVITY_BITS:
      return cell->bits;
    case TN_SENSITIVITY_WEIGHTS:
      return cell->weight.sqnr_db;
    case TN_SENSITIVITY_OUTPUT:
      return cell->alone.sqnr_db;
    case TN_SENSITIVITY_THROUGH:
      return cell->accumulated.sqnr_db;
    case TN_SENSITIVITY_LOSS:
      return loss.value;
    case TN_SENSITIVITY_INTERVAL:
    default:
      return 0.5 * (loss.high - loss.low);
    }
}

static const char *
describe_source (TnSensitivityRow *self)
{
  gboolean predicted;
  TnEstimate loss = get_loss (self, &predicted);

  if (self->scheme < 0)
    return _ ("kept");
  if (!tn_estimate_is_set (&loss))
    return _ ("not measured");
  return predicted ? _ ("score") : _ ("measured");
}

static char *
tn_sensitivity_row_dup_text_of (TnTableRow *row, guint column)
{
  TnSensitivityRow *self = TN_SENSITIVITY_ROW (row);
  double number;

  switch (column)
    {
    case TN_SENSITIVITY_LAYER:
      return g_strdup (tn_sensitivity_row_get_name (self));
    case TN_SENSITIVITY_SCHEME:
      return g_strdup (self->scheme_name);
    case TN_SENSITIVITY_SOURCE:
      return g_strdup (describe_source (self));
    default:
      break;
    }
  number = tn_sensitivity_row_get_number_of (row, column);
  switch (column)
    {
    case TN_SENSITIVITY_BITS:
      return g_strdup_printf ("%.2f", number);
    case TN_SENSITIVITY_LOSS:
      return tn_format_loss (number);
    case TN_SENSITIVITY_INTERVAL:
      return isfinite (number) ? g_strdup_printf ("%.5f", number) : g_strdup (TN_DASH);
    default:
      return tn_format_decibel (number);
    }
}

static const char *
tn_sensitivity_row_get_key_of (TnTableRow *row, guint column)
{
  TnSensitivityRow *self = TN_SENSITIVITY_ROW (row);

  switch (column)
    {
    case TN_SENSITIVITY_LAYER:
      return self->layer_key;
    case TN_SENSITIVITY_SCHEME:
      return self->scheme_name;
    case TN_SENSITIVITY_SOURCE:
      return describe_source (self);
    default:
      return NULL;
    }
}

static char *
tn_sensitivity_row_dup_tooltip_of (TnTableRow *row, guint column)
{
  TnSensitivityRow *self = TN_SENSITIVITY_ROW (row);
  const TnAnalyzedLayer *layer = tn_analysis_get_layer (self->analysis, self->layer);
  const TnAnalysisCell *cell = get_cell (self);
  gboolean predicted;
  TnEstimate loss = get_loss (self, &predicted);

  if (column == TN_SENSITIVITY_LAYER)
    return g_strdup (layer->name);
  if (column == TN_SENSITIVITY_WEIGHTS && cell != NULL && !isnan (cell->weight.sqnr_db))
    {
      const TnScheme *scheme = tn_analysis_get_scheme (self->analysis, (guint) self->scheme);
      TnGradeResult grade;

      tn_grade_sqnr (scheme, layer->rows, layer->columns, cell->weight.sqnr_db, &grade);
      return tn_grade_describe (&grade, scheme);
    }
  if ((column == TN_SENSITIVITY_LOSS || column == TN_SENSITIVITY_INTERVAL) && isfinite (loss.low) && isfinite (loss.high))
    {
      g_autofree char *low = tn_format_loss (loss.low), *high = tn_format_loss (loss.high);

      /* Translators: the ends of an interval, and how many samples it comes from */
      return g_strdup_printf (_ ("%s to %s nats a token, from %u samples"), low, high, loss.n);
    }
  if (column == TN_SENSITIVITY_SOURCE && cell != NULL && cell->stopped)
    return g_strdup (_ ("Measuring ended early: its rank was certain"));
  return NULL;
}

static gboolean
tn_sensitivity_row_matches_needle (TnTableRow *row, const char *needle)
{
  return strstr (TN_SENSITIVITY_ROW (row)->folded, needle) != NULL;
}

static void
tn_sensitivity_row_finalize (GObject *object)
{
  TnSensitivityRow *self = TN_SENSITIVITY_ROW (object);

  g_clear_object (&self->owner);
  g_free (self->layer_key);
  g_free (self->scheme_name);
  g_free (self->folded);
  G_OBJECT_CLASS (tn_sensitivity_row_parent_class)->finalize (object);
}

static void
tn_sensitivity_row_class_init (TnSensitivityRowClass *klass)
{
  TnTableRowClass *row_class = TN_TABLE_ROW_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_sensitivity_row_finalize;
  row_class->dup_text = tn_sensitivity_row_dup_text_of;
  row_class->get_number = tn_sensitivity_row_get_number_of;
  row_class->get_key = tn_sensitivity_row_get_key_of;
  row_class->dup_tooltip = tn_sensitivity_row_dup_tooltip_of;
  row_class->matches = tn_sensitivity_row_matches_needle;
}

static void
tn_sensitivity_row_init (TnSensitivityRow *self)
{
}

static void
name_scheme (TnSensitivityRow *self, gint scheme)
{
  g_autofree char *everything = NULL;

  self->scheme = scheme;
  g_free (self->scheme_name);
  /* Translators: a layer that is not rounded */
  self->scheme_name =
      scheme >= 0 ? tn_scheme_to_string (tn_analysis_get_scheme (self->analysis, (guint) scheme)) : g_strdup (_ ("as it is"));
  everything = g_strjoin ("\n", tn_sensitivity_row_get_name (self), self->scheme_name, NULL);
  g_free (self->folded);
  self->folded = g_utf8_casefold (everything, -1);
}

TnSensitivityRow *
tn_sensitivity_row_new (GObject *owner, const TnAnalysis *analysis, guint layer, gint scheme)
{
  TnSensitivityRow *self = g_object_new (TN_TYPE_SENSITIVITY_ROW, NULL);

  self->owner = g_object_ref (owner);
  self->analysis = analysis;
  self->layer = layer;
  self->layer_key = g_utf8_collate_key_for_filename (tn_sensitivity_row_get_name (self), -1);
  name_scheme (self, scheme);
  return self;
}

guint
tn_sensitivity_row_get_layer (TnSensitivityRow *self)
{
  return self->layer;
}

gint
tn_sensitivity_row_get_scheme (TnSensitivityRow *self)
{
  return self->scheme;
}

void
tn_sensitivity_row_set_scheme (TnSensitivityRow *self, gint scheme)
{
  g_return_if_fail (TN_IS_SENSITIVITY_ROW (self));

  if (scheme == self->scheme)
    return;
  name_scheme (self, scheme);
  tn_table_row_changed (TN_TABLE_ROW (self));
}

const char *
tn_sensitivity_row_get_name (TnSensitivityRow *self)
{
  return tn_analysis_get_layer (self->analysis, self->layer)->name;
}
