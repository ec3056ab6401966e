/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes a file under a temporary name in the same folder; commit() syncs and renames it, free() without commit removes it,
 * so that a reader sees the old file or the whole new one, also after a full disk or a crash. One thread at a time. */
typedef struct _TnAtomicFile TnAtomicFile;

TnAtomicFile *tn_atomic_file_create (const char *path, GError **error);
gboolean      tn_atomic_file_write  (TnAtomicFile *self, const void *data, gsize bytes, GError **error);
gboolean      tn_atomic_file_printf (TnAtomicFile *self, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);
guint64       tn_atomic_file_tell   (TnAtomicFile *self);
/* Replaces bytes that were written before. */
gboolean      tn_atomic_file_overwrite (TnAtomicFile *self, guint64 offset, const void *data, gsize bytes, GError **error);
/* Under which name all that was written can be read until the commit; NULL when it cannot be. Owned by the file. */
const char   *tn_atomic_file_get_readable (TnAtomicFile *self, GError **error);
gboolean      tn_atomic_file_commit (TnAtomicFile *self, GError **error);
void          tn_atomic_file_free   (TnAtomicFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnAtomicFile, tn_atomic_file_free)
/* Whole contents in one call. */
gboolean      tn_atomic_file_set_contents (const char *path, const void *data, gsize bytes, GError **error);


/* Bytes that are made while they are written: hands as many to the file as were announced, in order. */
typedef gboolean (*TnFileContent) (TnAtomicFile *file, gpointer user_data, GError **error);
/* Runs it and checks the number of bytes. */
gboolean      tn_atomic_file_write_content (TnAtomicFile *self, TnFileContent content, gpointer user_data, guint64 bytes,
                                            GError **error);

G_END_DECLS
