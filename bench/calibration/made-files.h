/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A folder of files that a benchmark makes on the spot, with real numbers in every block, and that goes away with it. */
typedef struct
{
  char      *folder;
  GPtrArray *files; /* char *, names that were given */
} TnMadeFiles;

/* In TERNION_BENCH_FOLDER, or where temporary files go. */
gboolean    tn_made_files_init        (TnMadeFiles *self, GError **error);
/* Removes the folder and all that is in it. */
void        tn_made_files_clear       (TnMadeFiles *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnMadeFiles, tn_made_files_clear)
/* A path in the folder, owned by self. */
const char *tn_made_files_name        (TnMadeFiles *self, const char *name);
/* Bytes that the file system has left. */
guint64     tn_made_files_left        (const TnMadeFiles *self);

/* The writers return the path, or NULL. Everything is on the disk, and nothing of it in the page cache, when they return.
 * rows x width float32 of npy: normal, channels of different size, one in 512 of them large, no two rows the same. */
const char *tn_make_activations       (TnMadeFiles *self, const char *name, guint64 rows, guint width, GCancellable *cancellable, GError **error);
/* Random ids below n_vocab, 16 bits each (nanoGPT's form). */
const char *tn_make_tokens            (TnMadeFiles *self, const char *name, guint64 n, guint n_vocab, GCancellable *cancellable, GError **error);
/* JSON lines of random words, a document of some kilobytes each. */
const char *tn_make_json_lines        (TnMadeFiles *self, const char *name, guint64 bytes, GCancellable *cancellable, GError **error);
/* A LLaMA with random weights of 15 million parameters (width 288, 6 layers, vocabulary 32,000) in llama2.c's first form. */
const char *tn_make_model             (TnMadeFiles *self, const char *name, GError **error);
#define TN_MADE_MODEL_VOCABULARY 32000
#define TN_MADE_MODEL_CONTEXT 256

/* Pages of the file leave the page cache, so that it is read from the disk. */
void        tn_forget_pages           (const char *path);

G_END_DECLS
