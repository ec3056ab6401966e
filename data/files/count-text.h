/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A count for people, its digits in groups as the user's locale has them ("260,032"; plain in C), also where the program reads and writes all other
 * numbers as C does. Any thread. Free with g_free(). */
char *tn_count_text (guint64 count);

G_END_DECLS
