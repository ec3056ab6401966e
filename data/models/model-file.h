/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/nn/model.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* A model as it lies on disk: format, architecture, metadata and tensors, mapped, not copied. Reference counted; read-only, any thread.
 * Formats: "safetensors" (also sharded by index), "gguf", "llama2c", "huggingface" (directory: config.json + safetensors). */
typedef struct _TnModelFile TnModelFile;

typedef struct
{
  char       *name;        /* canonical where the architecture is known, else source_name */
  char       *source_name;
  const char *dtype_name;  /* as the format names it: "F16", "Q4_K", … also for types that cannot be decoded */
  TnTensor   *tensor;
} TnModelTensor;

/* path: a file or a directory. The format is recognised by content, not by name. */
TnModelFile         *tn_model_file_open             (const char *path, GError **error);
TnModelFile         *tn_model_file_ref              (TnModelFile *self);
void                 tn_model_file_unref            (TnModelFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnModelFile, tn_model_file_unref)
const char          *tn_model_file_get_path         (TnModelFile *self);
const char          *tn_model_file_get_format       (TnModelFile *self);
/* "llama", "gpt2", …; "unknown" when the file does not say. */
const char          *tn_model_file_get_architecture (TnModelFile *self);
guint64              tn_model_file_get_bytes        (TnModelFile *self); /* of all files with weights */
/* What it is read from, config.json and the index of shards too; element-type char *, owned by the model file. */
GPtrArray           *tn_model_file_get_files        (TnModelFile *self);
/* TN_ERROR_ARGUMENT when path, which need not exist, is one of these files or a folder that holds one: it is not to be written over. */
gboolean             tn_model_file_check_output     (TnModelFile *self, const char *path, GError **error);
guint64              tn_model_file_get_n_elements   (TnModelFile *self); /* parameters */
/* Hash of canonical names, dtypes, shapes and a sample of the content: the same for a copy elsewhere; computed at the first call. */
guint64              tn_model_file_get_fingerprint  (TnModelFile *self);
guint                tn_model_file_n_tensors        (TnModelFile *self);
const TnModelTensor *tn_model_file_get_tensor       (TnModelFile *self, guint index);
/* By canonical or source name; NULL when there is none. */
const TnModelTensor *tn_model_file_find_tensor      (TnModelFile *self, const char *name);
/* A value of the file's metadata as text ("general.name", "llama.block_count", keys of config.json); NULL when absent. */
const char          *tn_model_file_get_metadata     (TnModelFile *self, const char *key);
/* All metadata: string -> string, owned by the file. Long arrays are abbreviated. */
GHashTable          *tn_model_file_get_all_metadata (TnModelFile *self);
/* TRUE when the architecture is one tn_model_file_load() can run. */
gboolean             tn_model_file_can_run          (TnModelFile *self);
/* TN_ERROR_IO when a file of the model was cut or could not be read since it was opened: what was computed from it is wrong. */
gboolean             tn_model_file_check            (TnModelFile *self, GError **error);
/* TN_ERROR_DATA when bytes are not those the file has check sums of. Reads them all; tn_model_file_load() does so too. */
gboolean             tn_model_file_check_sums       (TnModelFile *self, GError **error);
/* A runnable model over the mapped tensors. TN_ERROR_UNSUPPORTED names the architecture. */
TnModel             *tn_model_file_load             (TnModelFile *self, GError **error);

G_END_DECLS
