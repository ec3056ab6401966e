/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A whole file mapped read-only. Reference counted, any thread. */
typedef struct _TnMappedFile TnMappedFile;

/* TN_ERROR_IO, TN_ERROR_NOT_FOUND; directories and special files are refused. An empty file maps to size 0. */
TnMappedFile *tn_mapped_file_open     (const char *path, GError **error);
TnMappedFile *tn_mapped_file_ref      (TnMappedFile *self);
void          tn_mapped_file_unref    (TnMappedFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnMappedFile, tn_mapped_file_unref)
const guint8 *tn_mapped_file_get_data (TnMappedFile *self);
gsize         tn_mapped_file_get_size (TnMappedFile *self);
const char   *tn_mapped_file_get_path (TnMappedFile *self);
/* Pages fully inside the range leave the process; they are read again when touched. */
void          tn_mapped_file_release  (TnMappedFile *self, const void *start, gsize bytes);
/* TN_ERROR_IO when the mapped file that holds the address was cut, or could not be read, under the eyes of its readers: they saw zeros
 * instead, and what they made of them is to be thrown away. The file must be mapped still. */
gboolean      tn_mapped_file_check    (const void *address, GError **error);

G_END_DECLS
