/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/safetensors.h"

G_BEGIN_DECLS

/* A checkpoint: everything a training run needs to go on with the same bits, as one safetensors file that any Python program opens: named arrays
 * (weights, moments, counters) and fields of text and numbers.
 *
 * TnCheckpoint is the list of them, made once by who owns the arrays: the same list is written and restored, so that nothing is forgotten in
 * one direction. Arrays are borrowed and must stay where they are. TnCheckpointFile is a file that was checked.
 *
 * In the file: arrays under their names; in "__metadata__": "format" = "ternion.checkpoint", "version" = "1", "crc32c", "model" (16 hexadecimal
 * digits), "step", "fields" (a JSON object). The sum (CRC-32C, 8 hexadecimal digits) goes over all of it: of each entry of __metadata__ but
 * itself, by key, the key, a NUL, the value, a NUL; of each array, by name, the name, a NUL, the type as safetensors spells it, a NUL, each
 * dimension as 64 bits little-endian, and its bytes. */
typedef struct _TnCheckpoint     TnCheckpoint;
typedef struct _TnCheckpointFile TnCheckpointFile;

#define TN_CHECKPOINT_VERSION 1

/* model: fingerprint of what the run trains (architecture, shapes, recipe where it changes what arrays mean): a file with another one is refused. */
TnCheckpoint *tn_checkpoint_new          (guint64 model);
void          tn_checkpoint_free         (TnCheckpoint *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCheckpoint, tn_checkpoint_free)
/* Plain dtypes (F64 to U64). data [product of shape] is read when a checkpoint is written and overwritten when one is restored. Names once: "model/…",
 * "optimizer/…". TN_ERROR_ARGUMENT, TN_ERROR_UNSUPPORTED, TN_ERROR_SHAPE. */
gboolean      tn_checkpoint_add_array    (TnCheckpoint *self, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape, void *data,
                                          GError **error);
guint         tn_checkpoint_n_arrays     (TnCheckpoint *self);
/* Bytes of all arrays. */
guint64       tn_checkpoint_get_bytes    (TnCheckpoint *self);
/* Fields as they are to be written next; a second value replaces the first. Numbers keep all bits (not finite ones too). */
void          tn_checkpoint_set_step     (TnCheckpoint *self, guint64 step);
void          tn_checkpoint_set_text     (TnCheckpoint *self, const char *name, const char *value);
void          tn_checkpoint_set_count    (TnCheckpoint *self, const char *name, guint64 value);
void          tn_checkpoint_set_number   (TnCheckpoint *self, const char *name, double value);
/* The field by which the best checkpoint is told (smallest, a finite number): "validation_loss". */
#define TN_CHECKPOINT_VALIDATION "validation_loss"
/* On this thread: under a temporary name, synced, renamed. bytes_written may be NULL. TN_ERROR_IO (a full disk): whatever had the name is as it was. */
gboolean      tn_checkpoint_write        (TnCheckpoint *self, const char *path, guint64 *bytes_written, GError **error);

/* Checks all of the file: header, version, sum. TN_ERROR_FORMAT (names file, field, found and expected), TN_ERROR_UNSUPPORTED (a newer version),
 * TN_ERROR_NOT_FOUND, TN_ERROR_IO. */
TnCheckpointFile *tn_checkpoint_file_open      (const char *path, GError **error);
/* The same without the sum, and so without reading the arrays: for lists. */
TnCheckpointFile *tn_checkpoint_file_peek      (const char *path, GError **error);
void              tn_checkpoint_file_free      (TnCheckpointFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCheckpointFile, tn_checkpoint_file_free)
const char       *tn_checkpoint_file_get_path  (TnCheckpointFile *self);
guint64           tn_checkpoint_file_get_step  (TnCheckpointFile *self);
guint64           tn_checkpoint_file_get_model (TnCheckpointFile *self);
/* Its arrays, mapped. */
TnSafetensors    *tn_checkpoint_file_get_arrays (TnCheckpointFile *self);
/* NULL, or FALSE, with TN_ERROR_FORMAT that names file and field where it is absent or of another type. Text is owned by the file. */
const char       *tn_checkpoint_file_get_text   (TnCheckpointFile *self, const char *name, GError **error);
gboolean          tn_checkpoint_file_get_count  (TnCheckpointFile *self, const char *name, guint64 *value, GError **error);
gboolean          tn_checkpoint_file_get_number (TnCheckpointFile *self, const char *name, double *value, GError **error);
gboolean          tn_checkpoint_file_has_field  (TnCheckpointFile *self, const char *name);

/* Copies the file's arrays into the list's, once all was found to fit; before that nothing is touched. TN_ERROR_MISMATCH: another model's, an array that
 * one has and the other has not, another type or shape; names file, array, found and expected. Fields are not taken over. */
gboolean      tn_checkpoint_restore      (TnCheckpoint *self, TnCheckpointFile *file, GError **error);

/* "step-00001234.checkpoint.safetensors". Free with g_free(). */
char         *tn_checkpoint_make_name    (guint64 step);
/* FALSE: not the name of a checkpoint. */
gboolean      tn_checkpoint_parse_name   (const char *name, guint64 *step);
/* Steps (guint64) of the checkpoints of a folder by their names, ascending. */
GArray       *tn_checkpoint_list         (const char *folder, GError **error);
/* The checkpoint of the largest step whose header can be read, as tn_checkpoint_file_peek(): for what all of a run's have in common. */
TnCheckpointFile *tn_checkpoint_peek_latest (const char *folder, GError **error);
/* The checkpoint of the largest step that can be read in full. damaged (or NULL) gets the messages (char *) of those with a larger step that cannot, newest
 * first; free it with g_ptr_array_unref(). TN_ERROR_NOT_FOUND: there is none; the message says how many are damaged, and what the newest lacks. */
TnCheckpointFile *tn_checkpoint_find_latest (const char *folder, GPtrArray **damaged, GError **error);

G_END_DECLS
