/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/site-row.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "ui/numbers.h"

#define FULL_METER_DB 60.0

const TnTableColumn tn_site_columns[TN_N_SITE_COLUMNS] = {
    {"site", N_ ("Site"), TN_CELL_TEXT, 190, TRUE, FALSE, 0},
    {"settled", N_ ("Settled"), TN_CELL_NUMBER, 92, FALSE, TRUE, 0},
    {"width", N_ ("Width"), TN_CELL_NUMBER, 76, FALSE, FALSE, 0},
    {"min", N_ ("Min"), TN_CELL_NUMBER, 92, FALSE, TRUE, 0},
    {"max", N_ ("Max"), TN_CELL_NUMBER, 92, FALSE, TRUE, 0},
    {"std", N_ ("Std. dev."), TN_CELL_NUMBER, 96, FALSE, TRUE, 0},
    {"sqnr-int8", N_ ("int8 dB"), TN_CELL_METER, 92, FALSE, TRUE, FULL_METER_DB},
    {"sqnr-int4", N_ ("int4 dB"), TN_CELL_METER, 92, FALSE, TRUE, FULL_METER_DB},
};

struct _TnSiteRow
{
  TnTableRow parent_instance;
  char *key;
  char *folded;
  TnSiteFindings findings;
};

G_DEFINE_FINAL_TYPE (TnSiteRow, tn_site_row, TN_TYPE_TABLE_ROW)

void
tn_site_findings_free (TnSiteFindings *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self);
}

double
tn_site_findings_uncertainty (const TnSiteFindings *self)
{
  const TnSitePoint *point = &self->points[TN_SITE_DEVIATION];

  if (self->tokens == 0 || !(point->value > 0))
    return NAN;
  return fmax (point->high - point->value, point->value - point->low) / point->value;
}

/* "✓ ±1.2 %" once it is settled. */
static char *
describe_uncertainty (const TnSiteFindings *findings)
{
  double uncertainty = tn_site_findings_uncertainty (findings);
  g_autofree char *percent = NULL;

  if (isnan (uncertainty))
    return g_strdup (TN_DASH);
  if (uncertainty > 1)
    return g_strdup (_ ("over ±100 %"));
  percent = uncertainty < 0.001 ? g_strdup (_ ("±<0.1 %")) : NULL;
  if (percent == NULL)
    {
      g_autofree char *digits = tn_format_percent (uncertainty);

      percent = g_strconcat ("±", digits, NULL);
    }
  return uncertainty <= findings->tolerance ? g_strconcat ("✓ ", percent, NULL) : g_steal_pointer (&percent);
}

static double
tn_site_row_get_number_of (TnTableRow *row, guint column)
{
  const TnSiteFindings *findings = &TN_SITE_ROW (row)->findings;

  if (column == TN_SITE_WIDTH)
    return findings->width;
  if (findings->tokens == 0)
    return NAN;
  switch (column)
    {
    case TN_SITE_SETTLED:
      return tn_site_findings_uncertainty (findings);
    case TN_SITE_MIN:
      return findings->min;
    case TN_SITE_MAX:
      return findings->max;
    case TN_SITE_STD:
      return findings->std;
    default:
      return findings->searched ? findings->params[column - TN_SITE_SQNR].sqnr_db : NAN;
    }
}

static char *
tn_site_row_dup_text_of (TnTableRow *row, guint column)
{
  const TnSiteFindings *findings = &TN_SITE_ROW (row)->findings;

  if (column == TN_SITE_NAME)
    return g_strdup (findings->name);
  if (column == TN_SITE_WIDTH)
    return tn_format_count (findings->width);
  if (findings->tokens == 0 || (column >= TN_SITE_SQNR && !findings->searched))
    return g_strdup ("…");
  if (column == TN_SITE_SETTLED)
    return describe_uncertainty (findings);
  if (column >= TN_SITE_SQNR)
    return tn_format_decibel (tn_site_row_get_number_of (row, column));
  return tn_format_value (tn_site_row_get_number_of (row, column));
}

static const char *
tn_site_row_get_key_of (TnTableRow *row, guint column)
{
  return column == TN_SITE_NAME ? TN_SITE_ROW (row)->key : NULL;
}

static char *
tn_site_row_dup_tooltip_of (TnTableRow *row, guint column)
{
  return column == TN_SITE_NAME ? g_strdup (TN_SITE_ROW (row)->findings.name) : NULL;
}

static gboolean
tn_site_row_matches_needle (TnTableRow *row, const char *needle)
{
  return strstr (TN_SITE_ROW (row)->folded, needle) != NULL;
}

static void
tn_site_row_finalize (GObject *object)
{
  TnSiteRow *self = TN_SITE_ROW (object);

  g_free (self->key);
  g_free (self->folded);
  g_free (self->findings.name);
  G_OBJECT_CLASS (tn_site_row_parent_class)->finalize (object);
}

static void
tn_site_row_class_init (TnSiteRowClass *klass)
{
  TnTableRowClass *row_class = TN_TABLE_ROW_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_site_row_finalize;
  row_class->dup_text = tn_site_row_dup_text_of;
  row_class->get_number = tn_site_row_get_number_of;
  row_class->get_key = tn_site_row_get_key_of;
  row_class->dup_tooltip = tn_site_row_dup_tooltip_of;
  row_class->matches = tn_site_row_matches_needle;
}

static void
tn_site_row_init (TnSiteRow *self)
{
}

TnSiteRow *
tn_site_row_new (const TnSiteFindings *findings, guint place)
{
  TnSiteRow *self = g_object_new (TN_TYPE_SITE_ROW, NULL);

  self->findings = *findings;
  self->findings.name = g_strdup (findings->name);
  self->key = g_utf8_collate_key_for_filename (findings->name, -1);
  self->folded = g_utf8_casefold (findings->name, -1);
  tn_table_row_set_place (TN_TABLE_ROW (self), place);
  return self;
}

void
tn_site_row_update (TnSiteRow *self, const TnSiteFindings *findings)
{
  TnSiteFindings before;

  g_return_if_fail (TN_IS_SITE_ROW (self));

  before = self->findings;
  self->findings = *findings;
  self->findings.name = before.name;
  if (!findings->searched)
    {
      self->findings.searched = before.searched;
      memcpy (self->findings.params, before.params, sizeof before.params);
    }
  tn_table_row_changed (TN_TABLE_ROW (self));
}

const TnSiteFindings *
tn_site_row_get_findings (TnSiteRow *self)
{
  g_return_val_if_fail (TN_IS_SITE_ROW (self), NULL);

  return &self->findings;
}
