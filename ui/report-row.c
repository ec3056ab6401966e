/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/report-row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct _TnReportRow
{
  TnTableRow parent_instance;
  TnSharedReport *report;
  const TnReportBlock *block;
  guint row;
};

G_DEFINE_FINAL_TYPE (TnReportRow, tn_report_row, TN_TYPE_TABLE_ROW)

static void
shared_report_clear (gpointer pointer)
{
  tn_report_free (((TnSharedReport *) pointer)->report);
}

TnSharedReport *
tn_shared_report_new (TnReport *report)
{
  TnSharedReport *self = g_rc_box_new (TnSharedReport);

  self->report = report;
  return self;
}

void
tn_shared_report_unref (TnSharedReport *self)
{
  g_rc_box_release_full (self, shared_report_clear);
}

static const char *
get_cell (TnTableRow *row, guint column)
{
  TnReportRow *self = TN_REPORT_ROW (row);

  return self->block->cells[(gsize) self->row * self->block->n_columns + column];
}

static char *
tn_report_row_dup_text_of (TnTableRow *row, guint column)
{
  return g_strdup (get_cell (row, column));
}

/* The number that the text begins with; its point is that of the locale, as it was printed. */
static double
tn_report_row_get_number_of (TnTableRow *row, guint column)
{
  const char *text = get_cell (row, column);
  char *end;
  double number;

  if (strcmp (text, "∞") == 0)
    return (double) INFINITY;
  if (strcmp (text, "−∞") == 0)
    return (double) -INFINITY;
  number = strtod (text, &end);
  return end != text ? number : (double) NAN;
}

static const char *
tn_report_row_get_key_of (TnTableRow *row, guint column)
{
  return TN_REPORT_ROW (row)->block->numeric[column] ? NULL : get_cell (row, column);
}

static char *
tn_report_row_dup_tooltip_of (TnTableRow *row, guint column)
{
  return TN_REPORT_ROW (row)->block->numeric[column] ? NULL : g_strdup (get_cell (row, column));
}

static gboolean
tn_report_row_matches_needle (TnTableRow *row, const char *needle)
{
  g_autofree char *folded = g_utf8_casefold (get_cell (row, 0), -1);

  return strstr (folded, needle) != NULL;
}

static void
tn_report_row_finalize (GObject *object)
{
  tn_shared_report_unref (TN_REPORT_ROW (object)->report);
  G_OBJECT_CLASS (tn_report_row_parent_class)->finalize (object);
}

static void
tn_report_row_class_init (TnReportRowClass *klass)
{
  TnTableRowClass *row_class = TN_TABLE_ROW_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_report_row_finalize;
  row_class->dup_text = tn_report_row_dup_text_of;
  row_class->get_number = tn_report_row_get_number_of;
  row_class->get_key = tn_report_row_get_key_of;
  row_class->dup_tooltip = tn_report_row_dup_tooltip_of;
  row_class->matches = tn_report_row_matches_needle;
}

static void
tn_report_row_init (TnReportRow *self)
{
}

TnReportRow *
tn_report_row_new (TnSharedReport *report, const TnReportBlock *block, guint row)
{
  TnReportRow *self = g_object_new (TN_TYPE_REPORT_ROW, NULL);

  self->report = g_rc_box_acquire (report);
  self->block = block;
  self->row = row;
  tn_table_row_set_place (TN_TABLE_ROW (self), row);
  return self;
}
