/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/atomic-file.h"
#include "data/training/checkpoint.h"

G_BEGIN_DECLS

/* Keys of "__metadata__". */
#define TN_CHECKPOINT_FORMAT "ternion.checkpoint"
#define TN_CHECKPOINT_KEY_FORMAT "format"
#define TN_CHECKPOINT_KEY_VERSION "version"
#define TN_CHECKPOINT_KEY_SUM "crc32c"
#define TN_CHECKPOINT_KEY_MODEL "model"
#define TN_CHECKPOINT_KEY_STEP "step"
#define TN_CHECKPOINT_KEY_FIELDS "fields"

typedef struct
{
  char   *name;
  TnDtype dtype;
  guint   n_dims;
  guint64 shape[TN_TENSOR_MAX_DIMS];
  guint64 bytes;
  void   *data;
} TnCheckpointArray;

typedef enum
{
  TN_CHECKPOINT_TEXT,
  TN_CHECKPOINT_COUNT,
  TN_CHECKPOINT_NUMBER,
} TnCheckpointFieldKind;

typedef struct
{
  TnCheckpointFieldKind kind;
  char                 *text;
  guint64               count;
  double                number;
} TnCheckpointField;

struct _TnCheckpoint
{
  guint64  model;
  guint64  step;
  GArray  *arrays; /* TnCheckpointArray, by name */
  GTree   *fields; /* char * -> TnCheckpointField * */
  gboolean copied; /* arrays are pool memory of its own */
};

/* Its arrays as they are now, in pool memory (OPTIMIZER), and its fields. TN_ERROR_MEMORY. */
TnCheckpoint *tn_checkpoint_copy      (TnCheckpoint *self, GError **error);
/* All of it to a file that is still to be committed. */
gboolean      tn_checkpoint_write_to  (TnCheckpoint *self, TnAtomicFile *file, GError **error);
/* NaN: none. */
double        tn_checkpoint_get_validation (TnCheckpoint *self);
/* Fields as JSON. Free with g_free(). */
char         *tn_checkpoint_print_fields (TnCheckpoint *self);

/* The sum goes on with an entry of "__metadata__", or an array. */
guint32       tn_checkpoint_sum_entry (guint32 sum, const char *key, const char *value);
guint32       tn_checkpoint_sum_array (guint32 sum, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape, const void *data,
                                       guint64 bytes);

G_END_DECLS
