/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* GPT-2's spelling of bytes as printable characters: 33-126, 161-172 and 174-255 are themselves, the other 68 in ascending order U+0100 and on. */
gunichar tn_byte_level_character (guint8 byte);
/* -1: the character spells no byte. */
gint     tn_byte_level_byte      (gunichar c);
/* The bytes that a piece spells, appended to out. FALSE: it holds other characters or is not UTF-8; out is left as it was. */
gboolean tn_byte_level_decode    (const char *piece, gsize bytes, GString *out);

G_END_DECLS
