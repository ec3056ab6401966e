/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Named matrices of a file, be it a model (safetensors, GGUF, a directory …) or arrays (npy, npz: by their ending), read by rows in float32. One
 * thread at a time. */
typedef struct _TnNumberFile TnNumberFile;

typedef struct
{
  const char *name;
  guint       n_dims;
  guint64     shape[TN_TENSOR_MAX_DIMS];
  guint64     rows, columns; /* columns: the last dimension; of one dimension one row */
  gboolean    readable;      /* FALSE: the type cannot be decoded */
} TnNumberEntry;

TnNumberFile        *tn_number_file_open  (const char *path, GError **error);
void                 tn_number_file_free  (TnNumberFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnNumberFile, tn_number_file_free)
const char          *tn_number_file_get_path (TnNumberFile *self);
guint                tn_number_file_n_entries (TnNumberFile *self);
const TnNumberEntry *tn_number_file_get   (TnNumberFile *self, guint index);
/* -1: there is none of this name. */
gint                 tn_number_file_find  (TnNumberFile *self, const char *name);
/* Rows first .. first + n to out [n, columns]. Runs a parallel loop: on the compute thread. */
gboolean             tn_number_file_read  (TnNumberFile *self, guint index, guint64 first, guint64 n, float *out, GError **error);
/* FALSE where the file was cut or could not be read meanwhile: what was computed from it is wrong. */
gboolean             tn_number_file_check (TnNumberFile *self, GError **error);

G_END_DECLS
