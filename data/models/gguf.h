/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/mapped-file.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* One GGUF file of version 2 or 3: header checked in full, metadata typed as stored, tensors mapped.
 * Reference counted; read-only, any thread. */
typedef struct _TnGguf TnGguf;

typedef enum
{
  TN_GGUF_U8 = 0,
  TN_GGUF_I8 = 1,
  TN_GGUF_U16 = 2,
  TN_GGUF_I16 = 3,
  TN_GGUF_U32 = 4,
  TN_GGUF_I32 = 5,
  TN_GGUF_F32 = 6,
  TN_GGUF_BOOL = 7,
  TN_GGUF_STRING = 8,
  TN_GGUF_ARRAY = 9,
  TN_GGUF_U64 = 10,
  TN_GGUF_I64 = 11,
  TN_GGUF_F64 = 12,
} TnGgufType;

/* A piece of the mapped file: not NUL-terminated, any bytes. */
typedef struct
{
  const char *text;
  gsize       length;
} TnGgufString;

typedef struct
{
  const char   *key;
  TnGgufType    type;
  TnGgufType    element_type; /* of an array; else type */
  guint64       count;        /* elements of an array; else 1 */
  const guint8 *data;         /* as in the file, any alignment */
  gsize         bytes;
} TnGgufValue;

typedef struct
{
  const char   *name;
  guint32       type_id;
  const char   *type_name; /* "Q4_K", …; "type 38" where the id means nothing certain */
  TnDtype       dtype;     /* TN_DTYPE_OPAQUE for types that cannot be decoded */
  guint         n_dims;
  guint64       shape[TN_TENSOR_MAX_DIMS]; /* row-major: the file's dimensions reversed */
  guint64       count;
  guint64       bytes;
  const guint8 *data;
} TnGgufEntry;

/* Takes a reference on file. TN_ERROR_FORMAT; TN_ERROR_UNSUPPORTED: version 1, big-endian, arrays of arrays. */
TnGguf             *tn_gguf_open          (TnMappedFile *file, GError **error);
TnGguf             *tn_gguf_ref           (TnGguf *self);
void                tn_gguf_unref         (TnGguf *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnGguf, tn_gguf_unref)
const char         *tn_gguf_get_path      (TnGguf *self);
guint32             tn_gguf_get_version   (TnGguf *self);

guint               tn_gguf_n_values      (TnGguf *self);
const TnGgufValue  *tn_gguf_get_value     (TnGguf *self, guint index);
const TnGgufValue  *tn_gguf_find_value    (TnGguf *self, const char *key); /* NULL: absent */
/* FALSE when the key is absent or of another type; out is untouched then. Integers of any width are read when their value fits. */
gboolean            tn_gguf_get_u32       (TnGguf *self, const char *key, guint32 *out);
gboolean            tn_gguf_get_u64       (TnGguf *self, const char *key, guint64 *out);
gboolean            tn_gguf_get_f64       (TnGguf *self, const char *key, double *out); /* f32 and f64 */
gboolean            tn_gguf_get_bool      (TnGguf *self, const char *key, gboolean *out);
gboolean            tn_gguf_get_string    (TnGguf *self, const char *key, TnGgufString *out);
/* NULL when absent, no string, or it holds a NUL. Free with g_free(). */
char               *tn_gguf_dup_string    (TnGguf *self, const char *key);
/* Arrays; NULL when absent or of another element type. Free with g_free(); strings point into the file, which must live as long. */
TnGgufString       *tn_gguf_dup_strings   (TnGguf *self, const char *key, gsize *n);
float              *tn_gguf_dup_f32_array (TnGguf *self, const char *key, gsize *n);
gint32             *tn_gguf_dup_i32_array (TnGguf *self, const char *key, gsize *n); /* i32 and u32 below 2^31 */
/* The value as text, arrays cut after max_elements. Free with g_free(). */
char               *tn_gguf_value_to_text (const TnGgufValue *value, guint max_elements);

guint               tn_gguf_n_entries     (TnGguf *self);
const TnGgufEntry  *tn_gguf_get_entry     (TnGguf *self, guint index);
const TnGgufEntry  *tn_gguf_find_entry    (TnGguf *self, const char *name);
/* A tensor over the mapped data that keeps the file alive. */
TnTensor           *tn_gguf_create_tensor (TnGguf *self, const TnGgufEntry *entry);
gboolean            tn_gguf_recognise     (const guint8 *data, gsize bytes);

G_END_DECLS
