/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/mapped-file.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* One safetensors file: its header checked in full (names and extents, no holes, no overlap, no bytes left over), its tensors mapped.
 * Reference counted; read-only, any thread. */
typedef struct _TnSafetensors TnSafetensors;

typedef struct
{
  const char   *name;
  const char   *dtype_name; /* as the format spells it: "F16", "I64", … */
  TnDtype       dtype;      /* TN_DTYPE_OPAQUE for types that cannot be decoded */
  guint         n_dims;
  guint64       shape[TN_TENSOR_MAX_DIMS];
  guint64       count;
  guint64       bytes;
  const guint8 *data;       /* any alignment; the file keeps it alive */
} TnSafetensorsEntry;

/* Takes a reference on file. TN_ERROR_FORMAT; TN_ERROR_UNSUPPORTED: more dimensions than a tensor can have. */
TnSafetensors            *tn_safetensors_open          (TnMappedFile *file, GError **error);
TnSafetensors            *tn_safetensors_ref           (TnSafetensors *self);
void                      tn_safetensors_unref         (TnSafetensors *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSafetensors, tn_safetensors_unref)
guint                     tn_safetensors_n_entries     (TnSafetensors *self);
/* In the order of their data. */
const TnSafetensorsEntry *tn_safetensors_get_entry     (TnSafetensors *self, guint index);
/* NULL when there is none. */
const TnSafetensorsEntry *tn_safetensors_find_entry    (TnSafetensors *self, const char *name);
/* A string of "__metadata__"; NULL when absent. */
const char               *tn_safetensors_get_metadata  (TnSafetensors *self, const char *key);
/* All of "__metadata__": string -> string, owned by the file. */
GHashTable               *tn_safetensors_get_all_metadata (TnSafetensors *self);
/* A tensor over the mapped data that keeps the file alive. */
TnTensor                 *tn_safetensors_create_tensor (TnSafetensors *self, const TnSafetensorsEntry *entry);
/* TRUE when the first bytes could begin a safetensors file: a possible header length and a brace. */
gboolean                  tn_safetensors_recognise     (const guint8 *data, gsize bytes);

G_END_DECLS
