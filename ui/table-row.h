/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* TnTableRow: what a TnTable shows in a line. A subclass answers by column; a text column has a key to sort by, a number column a
 * number (NaN: not known, sorted last whatever the direction). Main thread only. */
#define TN_TYPE_TABLE_ROW (tn_table_row_get_type ())
G_DECLARE_DERIVABLE_TYPE (TnTableRow, tn_table_row, TN, TABLE_ROW, GObject)

struct _TnTableRowClass
{
  GObjectClass parent_class;

  char *(*dup_text) (TnTableRow *self, guint column);
  double (*get_number) (TnTableRow *self, guint column);
  /* NULL: the column sorts by number. */
  const char *(*get_key) (TnTableRow *self, guint column);
  /* NULL: no tooltip beyond the text. */
  char *(*dup_tooltip) (TnTableRow *self, guint column);
  /* needle is case-folded. */
  gboolean (*matches) (TnTableRow *self, const char *needle);
};

char       *tn_table_row_dup_text    (TnTableRow *self, guint column);
double      tn_table_row_get_number  (TnTableRow *self, guint column);
const char *tn_table_row_get_key     (TnTableRow *self, guint column);
char       *tn_table_row_dup_tooltip (TnTableRow *self, guint column);
gboolean    tn_table_row_matches     (TnTableRow *self, const char *needle);
/* The place the row had where it came from: breaks ties. */
void        tn_table_row_set_place   (TnTableRow *self, guint place);
guint       tn_table_row_get_place   (TnTableRow *self);
/* Values changed: cells that show the row follow ("changed" is emitted). */
void        tn_table_row_changed     (TnTableRow *self);
/* < 0, 0, > 0 as for strcmp(). */
int         tn_table_row_compare     (TnTableRow *a, TnTableRow *b, guint column, gboolean descending);

G_END_DECLS
