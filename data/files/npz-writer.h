/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/atomic-file.h"

G_BEGIN_DECLS

/* Writes a .npz file as numpy.savez() does: a ZIP archive of stored NAME.npy (format version 1.0). Without a clock: the same arrays give the same
 * bytes. Below 4 GiB and 65,535 arrays, beyond which ZIP needs an extension: TN_ERROR_UNSUPPORTED. One thread at a time. */
typedef struct _TnNpzWriter TnNpzWriter;

TnNpzWriter *tn_npz_writer_new   (void);
void         tn_npz_writer_free  (TnNpzWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnNpzWriter, tn_npz_writer_free)
/* descr: NumPy's type, such as "<f8"; item_bytes: of one element; data: little-endian, row-major, taken over (g_free()). Names once, in UTF-8. */
void         tn_npz_writer_take  (TnNpzWriter *self, const char *name, const char *descr, gsize item_bytes, guint n_dims,
                                  const guint64 *shape, void *data);
/* Under a temporary name, then renamed. bytes_written may be NULL. */
gboolean     tn_npz_writer_write (TnNpzWriter *self, const char *path, guint64 *bytes_written, GError **error);

G_END_DECLS
