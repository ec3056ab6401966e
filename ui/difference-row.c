/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/difference-row.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "ui/numbers.h"

/* A bar is full where the distributions are half apart. */
#define FULL_DISTANCE 50.0

const TnTableColumn tn_difference_columns[TN_N_DIFFERENCE_COLUMNS] = {
    {"site", N_ ("Site"), TN_CELL_TEXT, 180, TRUE, FALSE, 0},
    {"distance", N_ ("Distance %"), TN_CELL_METER, 104, FALSE, FALSE, FULL_DISTANCE},
    {"range", N_ ("Range"), TN_CELL_NUMBER, 92, FALSE, FALSE, 0},
    {"std", N_ ("Std. dev."), TN_CELL_NUMBER, 92, FALSE, FALSE, 0},
    {"int8", N_ ("int8 dB"), TN_CELL_NUMBER, 84, FALSE, FALSE, 0},
    {"int4", N_ ("int4 dB"), TN_CELL_NUMBER, 84, FALSE, FALSE, 0},
};

struct _TnDifferenceRow
{
  TnTableRow parent_instance;
  GPtrArray *differences;
  const TnSiteDifference *difference;
  char *key;
  char *folded;
};

G_DEFINE_FINAL_TYPE (TnDifferenceRow, tn_difference_row, TN_TYPE_TABLE_ROW)

static double
largest_magnitude (const TnSiteView *view)
{
  return fmax (fabs (view->summary.min), fabs (view->summary.max));
}

static gboolean
is_in_both (const TnSiteDifference *difference)
{
  return difference->width_a > 0 && difference->width_b > 0;
}

static double
tn_difference_row_get_number_of (TnTableRow *row, guint column)
{
  const TnSiteDifference *difference = TN_DIFFERENCE_ROW (row)->difference;

  if (!is_in_both (difference))
    return NAN;
  switch (column)
    {
    case TN_DIFFERENCE_KS:
      return 100 * difference->distance.ks;
    case TN_DIFFERENCE_RANGE:
      return largest_magnitude (&difference->b) / largest_magnitude (&difference->a) - 1;
    case TN_DIFFERENCE_STD:
      return difference->b.summary.std / difference->a.summary.std - 1;
    case TN_DIFFERENCE_INT8:
      return difference->b.int8_sqnr_db - difference->a.int8_sqnr_db;
    case TN_DIFFERENCE_INT4:
    default:
      return difference->b.int4_sqnr_db - difference->a.int4_sqnr_db;
    }
}

/* A change shows its sign, unless it rounds to nothing. */
static char *
format_decibel_change (double decibel)
{
  double shown = fabs (decibel) < 0.05 ? 0 : decibel;
  g_autofree char *text = tn_format_decibel (shown);

  return g_strconcat (shown > 0 && isfinite (shown) ? "+" : "", text, NULL);
}

static char *
format_percent_change (double share)
{
  g_autofree char *magnitude = isfinite (share) ? tn_format_percent (fabs (share)) : NULL;

  if (magnitude == NULL)
    return g_strdup (TN_DASH);
  return g_strconcat (fabs (share) < 0.0005 ? "" : share > 0 ? "+" : "−", magnitude, NULL);
}

static char *
tn_difference_row_dup_text_of (TnTableRow *row, guint column)
{
  const TnSiteDifference *difference = TN_DIFFERENCE_ROW (row)->difference;
  double number = column == TN_DIFFERENCE_NAME ? 0 : tn_difference_row_get_number_of (row, column);

  if (column == TN_DIFFERENCE_NAME && difference->width_a == 0)
    /* Translators: a site that only the second of two calibrations has */
    return g_strdup_printf (_ ("%s (new)"), difference->name);
  if (column == TN_DIFFERENCE_NAME && difference->width_b == 0)
    /* Translators: a site that the second of two calibrations does not have */
    return g_strdup_printf (_ ("%s (missing)"), difference->name);
  if (column == TN_DIFFERENCE_NAME)
    return g_strdup (difference->name);
  if (column == TN_DIFFERENCE_RANGE || column == TN_DIFFERENCE_STD)
    return format_percent_change (number);
  if (column == TN_DIFFERENCE_KS)
    return isnan (number) ? g_strdup (TN_DASH) : g_strdup_printf ("%.1f", number);
  return format_decibel_change (number);
}

static const char *
tn_difference_row_get_key_of (TnTableRow *row, guint column)
{
  return column == TN_DIFFERENCE_NAME ? TN_DIFFERENCE_ROW (row)->key : NULL;
}

static char *
tn_difference_row_dup_tooltip_of (TnTableRow *row, guint column)
{
  const TnSiteDifference *difference = TN_DIFFERENCE_ROW (row)->difference;
  g_autofree char *before = NULL, *after = NULL;

  if (column == TN_DIFFERENCE_NAME)
    return g_strdup (difference->name);
  if (!is_in_both (difference))
    return NULL;
  switch (column)
    {
    case TN_DIFFERENCE_KS:
      return g_strdup_printf (_ ("Kolmogorov-Smirnov %.4f, Jensen-Shannon %.4f bit"), difference->distance.ks, difference->distance.js);
    case TN_DIFFERENCE_RANGE:
      before = tn_format_value (largest_magnitude (&difference->a));
      after = tn_format_value (largest_magnitude (&difference->b));
      break;
    case TN_DIFFERENCE_STD:
      before = tn_format_value (difference->a.summary.std);
      after = tn_format_value (difference->b.summary.std);
      break;
    case TN_DIFFERENCE_INT8:
      before = tn_format_decibel (difference->a.int8_sqnr_db);
      after = tn_format_decibel (difference->b.int8_sqnr_db);
      break;
    case TN_DIFFERENCE_INT4:
    default:
      before = tn_format_decibel (difference->a.int4_sqnr_db);
      after = tn_format_decibel (difference->b.int4_sqnr_db);
      break;
    }
  /* Translators: a number before and after */
  return g_strdup_printf (_ ("%s → %s"), before, after);
}

static gboolean
tn_difference_row_matches_needle (TnTableRow *row, const char *needle)
{
  return strstr (TN_DIFFERENCE_ROW (row)->folded, needle) != NULL;
}

static void
tn_difference_row_finalize (GObject *object)
{
  TnDifferenceRow *self = TN_DIFFERENCE_ROW (object);

  g_ptr_array_unref (self->differences);
  g_free (self->key);
  g_free (self->folded);
  G_OBJECT_CLASS (tn_difference_row_parent_class)->finalize (object);
}

static void
tn_difference_row_class_init (TnDifferenceRowClass *klass)
{
  TnTableRowClass *row_class = TN_TABLE_ROW_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_difference_row_finalize;
  row_class->dup_text = tn_difference_row_dup_text_of;
  row_class->get_number = tn_difference_row_get_number_of;
  row_class->get_key = tn_difference_row_get_key_of;
  row_class->dup_tooltip = tn_difference_row_dup_tooltip_of;
  row_class->matches = tn_difference_row_matches_needle;
}

static void
tn_difference_row_init (TnDifferenceRow *self)
{
}

TnDifferenceRow *
tn_difference_row_new (GPtrArray *differences, guint index)
{
  TnDifferenceRow *self = g_object_new (TN_TYPE_DIFFERENCE_ROW, NULL);

  self->differences = g_ptr_array_ref (differences);
  self->difference = g_ptr_array_index (differences, index);
  self->key = g_utf8_collate_key_for_filename (self->difference->name, -1);
  self->folded = g_utf8_casefold (self->difference->name, -1);
  tn_table_row_set_place (TN_TABLE_ROW (self), index);
  return self;
}

const TnSiteDifference *
tn_difference_row_get (TnDifferenceRow *self)
{
  g_return_val_if_fail (TN_IS_DIFFERENCE_ROW (self), NULL);

  return self->difference;
}
