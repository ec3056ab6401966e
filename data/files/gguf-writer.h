/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes a GGUF v3 file (little-endian): keys and tensors in the order they were added, data (the last too) padded to 32 bytes unless
 * general.alignment says otherwise. One thread at a time. */
typedef struct _TnGgufWriter TnGgufWriter;

#define TN_GGUF_TYPE_F32 0

TnGgufWriter *tn_gguf_writer_new         (void);
void          tn_gguf_writer_free        (TnGgufWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnGgufWriter, tn_gguf_writer_free)
/* Each key once. general.alignment must be a power of two, at least 8. */
void          tn_gguf_writer_add_u32     (TnGgufWriter *self, const char *key, guint32 value);
void          tn_gguf_writer_add_string  (TnGgufWriter *self, const char *key, const char *value);
void          tn_gguf_writer_add_strings (TnGgufWriter *self, const char *key, const char *const *values, guint n_values);
/* type: a ggml type number; dims: fastest first. data must stay as it is until the file is written.
 * TN_ERROR_ARGUMENT: a name of 64 bytes and more, or taken; more than 4 dimensions. */
gboolean      tn_gguf_writer_add_tensor  (TnGgufWriter *self, const char *name, guint32 type, guint n_dims, const guint64 *dims,
                                          const void *data, guint64 bytes, GError **error);
/* Under a temporary name, then renamed. bytes_written may be NULL. */
gboolean      tn_gguf_writer_write       (TnGgufWriter *self, const char *path, guint64 *bytes_written, GError **error);

G_END_DECLS
