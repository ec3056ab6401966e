/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* TnFileRow: a row that holds the path of one file or folder, chosen by a dialog, or none. */
#define TN_TYPE_FILE_ROW (tn_file_row_get_type ())
G_DECLARE_FINAL_TYPE (TnFileRow, tn_file_row, TN, FILE_ROW, AdwActionRow)

/* NULL when none is chosen. */
const char *tn_file_row_get_path (TnFileRow *self);
void        tn_file_row_set_path (TnFileRow *self, const char *path);
/* What stands there while none is. */
void        tn_file_row_set_hint (TnFileRow *self, const char *hint);
/* A folder is asked for instead, which need not be there yet: once, before it is shown. */
void        tn_file_row_set_folder (TnFileRow *self);
/* Signal: "changed" (). */

G_END_DECLS
