/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of a file as one short printable piece of a message: in double quotes, control characters and bytes that are not UTF-8 as \xNN,
 * cut with … after 64 bytes. Free with g_free(). */
char *tn_quote_bytes  (const void *data, gsize bytes);
char *tn_quote_string (const char *text);

G_END_DECLS
