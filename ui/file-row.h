/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* TnFileRow: a row that holds the path of one file or folder, chosen by a dialog or dropped on it, or none. */
typedef enum
{
  TN_FILE_ROW_FILE,
  TN_FILE_ROW_FOLDER, /* which need not be there yet */
  TN_FILE_ROW_EITHER,
} TnFileRowKind;

#define TN_TYPE_FILE_ROW (tn_file_row_get_type ())
G_DECLARE_FINAL_TYPE (TnFileRow, tn_file_row, TN, FILE_ROW, AdwActionRow)

/* NULL when none is chosen. */
const char *tn_file_row_get_path (TnFileRow *self);
void        tn_file_row_set_path (TnFileRow *self, const char *path);
/* What stands there while none is. */
void        tn_file_row_set_hint (TnFileRow *self, const char *hint);
/* What is asked for, a file if nothing else is said: once, before it is shown. */
void        tn_file_row_set_kind (TnFileRow *self, TnFileRowKind kind);
/* Signal: "changed" (). */

G_END_DECLS
