/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/atomic-file.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Writes a safetensors file as the reference writer does: tensors by dtype, widest first, then by name; the header padded with spaces to
 * a multiple of 8. Metadata are sorted by key, so the same content gives the same bytes. One thread at a time. */
typedef struct _TnSafetensorsWriter TnSafetensorsWriter;

TnSafetensorsWriter *tn_safetensors_writer_new          (void);
void                 tn_safetensors_writer_free         (TnSafetensorsWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSafetensorsWriter, tn_safetensors_writer_free)
void                 tn_safetensors_writer_add_metadata (TnSafetensorsWriter *self, const char *key, const char *value);
/* data (little-endian, row-major) must stay as it is until the file is written. Plain dtypes only: TN_ERROR_UNSUPPORTED; a name twice or
 * "__metadata__": TN_ERROR_ARGUMENT; more bytes than 64 bits count: TN_ERROR_SHAPE. */
gboolean             tn_safetensors_writer_add_tensor   (TnSafetensorsWriter *self, const char *name, TnDtype dtype, guint n_dims,
                                                         const guint64 *shape, const void *data, GError **error);
/* The same with data the writer owns and frees with g_free(), also on failure. */
gboolean             tn_safetensors_writer_take_tensor  (TnSafetensorsWriter *self, const char *name, TnDtype dtype, guint n_dims,
                                                         const guint64 *shape, void *data, GError **error);
/* The same with data that content makes while the file is written, tensor after tensor in the order of the file. */
gboolean             tn_safetensors_writer_add_content  (TnSafetensorsWriter *self, const char *name, TnDtype dtype, guint n_dims,
                                                         const guint64 *shape, TnFileContent content, gpointer user_data, GError **error);
/* All of it to a new file that is still to be committed. */
gboolean             tn_safetensors_writer_write_to     (TnSafetensorsWriter *self, TnAtomicFile *file, GError **error);
/* Metadata that have changed since, to values of the same length in JSON: what is known of the data only when they were written. */
gboolean             tn_safetensors_writer_update       (TnSafetensorsWriter *self, TnAtomicFile *file, GError **error);
/* Under a temporary name, then renamed. bytes_written may be NULL. */
gboolean             tn_safetensors_writer_write        (TnSafetensorsWriter *self, const char *path, guint64 *bytes_written, GError **error);

G_END_DECLS
