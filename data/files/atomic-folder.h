/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A folder of files under a temporary name beside its place; commit() puts it there, free() without commit removes it. A folder that is there
 * already is exchanged in one step and then removed, but only when it holds nothing but files of the given names. One thread at a time. */
typedef struct _TnAtomicFolder TnAtomicFolder;

/* names: what a folder that is replaced may hold, NULL-terminated. TN_ERROR_IO: not a folder, it holds something else, it cannot be written. */
TnAtomicFolder *tn_atomic_folder_create   (const char *path, const char *const *names, GError **error);
/* Where its files belong until the commit. */
const char     *tn_atomic_folder_get_path (TnAtomicFolder *self);
gboolean        tn_atomic_folder_commit   (TnAtomicFolder *self, GError **error);
void            tn_atomic_folder_free     (TnAtomicFolder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnAtomicFolder, tn_atomic_folder_free)

G_END_DECLS
