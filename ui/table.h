/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/table-row.h"

G_BEGIN_DECLS

/* TnTable fills a GtkColumnView with sortable columns over a list of TnTableRow, filters it as the user types, and keeps cells up
 * to date. Ctrl+C copies the selected row, Ctrl+Shift+C all rows shown. Unknown numbers stay at the end in both directions, which a GtkColumnView's own sorter cannot do. */
typedef enum
{
  TN_CELL_TEXT,   /* left-aligned, ellipsized in the middle */
  TN_CELL_NUMBER, /* right-aligned, figures of one width */
  TN_CELL_METER,  /* a number over a bar of its size */
} TnCellKind;

typedef struct
{
  const char *id;
  const char *title; /* marked with N_() */
  TnCellKind  kind;
  int         width;  /* pixels at the start */
  gboolean    expand;
  gboolean    live;   /* values change while the table is shown */
  double      full;   /* METER: the value of a full bar */
} TnTableColumn;

#define TN_TYPE_TABLE (tn_table_get_type ())
G_DECLARE_FINAL_TYPE (TnTable, tn_table, TN, TABLE, GObject)

/* name: what the rows are, for screen readers. columns stay the caller's and must outlive the table. */
TnTable    *tn_table_new          (GtkColumnView *view, const char *name, const TnTableColumn *columns, guint n_columns);
/* rows: of TnTableRow, or NULL. */
void        tn_table_set_rows     (TnTable *self, GListModel *rows);
/* Words that all have to occur. */
void        tn_table_set_search   (TnTable *self, const char *text);
guint       tn_table_get_n_shown  (TnTable *self);
TnTableRow *tn_table_get_shown    (TnTable *self, guint position);
TnTableRow *tn_table_get_selected (TnTable *self);
void        tn_table_select       (TnTable *self, guint position);
/* id NULL: order of the file. */
void        tn_table_sort         (TnTable *self, const char *id, gboolean descending);
const char *tn_table_get_sort     (TnTable *self, gboolean *descending);
/* Tab-separated, with a line of titles; all rows shown, or the selected one. Free with g_free(). */
char       *tn_table_to_text      (TnTable *self, gboolean all);
/* After live values changed: sorts again when that matters. */
void        tn_table_refresh      (TnTable *self);
/* Signals: "selection-changed" (), "shown-changed" () the number of rows shown, "sort-changed" (). */

G_END_DECLS
