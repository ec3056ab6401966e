/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Length of the longest prefix that is well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF); NUL is a character like others.
 * A character cut off at the end is not part of it. ASCII goes at the speed of memory. */
gsize tn_utf8_valid_prefix (const char *text, gsize bytes);

/* Bytes of the character that starts with this byte; 1 for bytes that start none. */
static inline guint
tn_utf8_length (guint8 first)
{
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* TRUE: the byte goes on with a character that began before. */
static inline gboolean
tn_utf8_is_tail (guint8 byte)
{
  return (byte & 0xc0) == 0x80;
}

G_END_DECLS
