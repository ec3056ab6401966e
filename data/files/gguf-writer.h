/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/atomic-file.h"

G_BEGIN_DECLS

/* Writes a GGUF v3 file (little-endian): keys and tensors in the order they were added, data (the last too) padded to 32 bytes unless
 * general.alignment says otherwise. One thread at a time. */
typedef struct _TnGgufWriter TnGgufWriter;

/* Numbers of types of values, and of tensors. */
#define TN_GGUF_VALUE_ARRAY 9
#define TN_GGUF_TYPE_F32 0

TnGgufWriter *tn_gguf_writer_new         (void);
void          tn_gguf_writer_free        (TnGgufWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnGgufWriter, tn_gguf_writer_free)
/* Each key once. general.alignment must be a power of two, at least 8. */
void          tn_gguf_writer_add_u32     (TnGgufWriter *self, const char *key, guint32 value);
void          tn_gguf_writer_add_string  (TnGgufWriter *self, const char *key, const char *value);
void          tn_gguf_writer_add_strings (TnGgufWriter *self, const char *key, const char *const *values, guint n_values);
/* A value as another GGUF file of version 3 has it: type is a number of the format; for arrays (9) data begin with the first element, of
 * element_type. general.alignment has to be set by tn_gguf_writer_add_u32(). TN_ERROR_UNSUPPORTED: more than 1 GiB of keys. */
gboolean      tn_gguf_writer_copy_value  (TnGgufWriter *self, const char *key, guint32 type, guint32 element_type, guint64 count,
                                          const void *data, gsize bytes, GError **error);
/* type: a ggml type number; dims: fastest first. data must stay as it is until the file is written.
 * TN_ERROR_ARGUMENT: a name of 64 bytes and more, or taken; more than 4 dimensions. */
gboolean      tn_gguf_writer_add_tensor  (TnGgufWriter *self, const char *name, guint32 type, guint n_dims, const guint64 *dims,
                                          const void *data, guint64 bytes, GError **error);
/* The same with data that content makes while the file is written. */
gboolean      tn_gguf_writer_add_content (TnGgufWriter *self, const char *name, guint32 type, guint n_dims, const guint64 *dims,
                                          guint64 bytes, TnFileContent content, gpointer user_data, GError **error);
/* All of it to a file that is still to be committed. */
gboolean      tn_gguf_writer_write_to    (TnGgufWriter *self, TnAtomicFile *file, GError **error);
/* Under a temporary name, then renamed. bytes_written may be NULL. */
gboolean      tn_gguf_writer_write       (TnGgufWriter *self, const char *path, guint64 *bytes_written, GError **error);

G_END_DECLS
