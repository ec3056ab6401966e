/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Rows of comma-separated values (RFC 4180): a field in double quotes may hold commas, line breaks, and quotes that are doubled; rows end with LF or
 * CR LF. */

/* Where the row that begins at text ends, behind its line break; 0: not within bytes. *state: 0 at first, then as the call before left it, which has
 * seen the bytes before from. */
gsize      tn_csv_find_row_end (const char *text, gsize from, gsize bytes, guint *state);
/* The fields of a whole row (with or without its line break), element-type char *; NUL bytes in them end them early. NULL for a row that
 * breaks the rules: *place is where, *expected says what. */
GPtrArray *tn_csv_parse_row    (const char *text, gsize bytes, gsize *place, const char **expected);

/* Appends a field, in quotes where it has to be. */
void       tn_csv_append_field (GString *row, const char *field);

G_END_DECLS
