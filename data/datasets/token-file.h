/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A stream of token ids on disk, read in windows: raw uint16 little-endian (nanoGPT), or llm.c's with a header of 256 int32
 * (magic 20240520 version 1: uint16; 20240801 version 7: uint32). One thread at a time. */
typedef struct _TnTokenFile TnTokenFile;

TnTokenFile *tn_token_file_open  (const char *path, GError **error);
void         tn_token_file_free  (TnTokenFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTokenFile, tn_token_file_free)
guint64      tn_token_file_count (TnTokenFile *self);
guint64      tn_token_file_bytes (TnTokenFile *self);
/* n tokens from first to out. TN_ERROR_DATA names file, place and value of an id that is not below n_vocab. */
gboolean     tn_token_file_read  (TnTokenFile *self, guint64 first, guint n, guint n_vocab, gint32 *out, GError **error);

G_END_DECLS
