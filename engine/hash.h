/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* 64-bit hash of bytes, the same on every machine; identifies documents, models
 * and data in fingerprints. Not cryptographic. hash(seed, a..b) of the whole
 * differs from hashes of the parts: combine parts with tn_hash_combine(). */
guint64 tn_hash_bytes   (const void *data, gsize size, guint64 seed);
guint64 tn_hash_string  (const char *text, guint64 seed);
guint64 tn_hash_combine (guint64 a, guint64 b);
/* Another hash, of large arrays at the speed of memory: four chains of multiplications side by side. */
guint64 tn_hash_array   (const void *data, gsize size, guint64 seed);

G_END_DECLS
