/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A count for people, its digits in groups as the user's locale has them, also where the program reads and writes all other numbers as C does. A locale
 * that does not group, the one of C above all, leaves long counts unreadable: there they stand in threes, with commas ("260,032"), or with narrow spaces
 * where a comma is the decimal point. Any thread. Free with g_free(). */
char *tn_count_text (guint64 count);

G_END_DECLS
