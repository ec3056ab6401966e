/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "data/datasets/sampler.h"
#include "data/tokenizers/tokenizer.h"
#include "engine/listener.h"
#include "engine/nn/batch.h"

G_BEGIN_DECLS

/* What is calibrated or evaluated on, of one kind: text (plain: documents separated by a line <|endoftext|>, white space around each removed; JSON lines;
 * CSV), or tokens (*.bin: uint16 little-endian without header, or llm.c with header; npy and npz of integers). Text may be packed by gzip.
 * Streamed: memory does not depend on the size of the files. */
typedef struct _TnDataset TnDataset;

typedef struct
{
  guint     n_samples;   /* sequences to draw; 0: all */
  guint     seq_len;     /* longest sequence, tokens */
  guint     batch_size;  /* sequences a batch */
  guint64   seed;
  TnSampler sampler;
  guint     shard, n_shards; /* part shard (from 1) of n_shards; 1, 1 for all */
  TnStrata  strata;          /* stratified: by what */
  GArray   *ordinals;        /* indices: of TnListedOrdinal (tn_ordinal_list_load()), borrowed */
  GArray   *sizes;           /* importance: of double, a record each (tn_size_list_load()), borrowed */
  gboolean  shuffled;        /* drawn sequences come in random order, so that the first of them are a uniform draw themselves; else as they lie */
  guint64   skip;            /* sequences of the shard to pass over: where an earlier run stopped; the rest is the same whatever it is */
} TnSamplingOptions;

/* How files are read; any may be NULL. */
typedef struct
{
  char *format; /* kind of all of them ("text", "jsonl", "csv", "tokens", "npy"); NULL: by name, else by content */
  char *field;  /* of JSON lines or column of CSV that holds the text; NULL: "text" */
  char *label;  /* the same that holds a label to stratify by; NULL: none */
} TnDatasetOptions;

/* FALSE when all paths (NULL-terminated) are files of tokens or folders that hold nothing else, or cannot be found. */
gboolean       tn_dataset_needs_tokenizer (const char *const *paths, const TnDatasetOptions *options);
/* paths: NULL-terminated files, directories (their files, sorted by name, hidden ones left out), patterns (*, ?, []), "-" for standard input.
 * A file named twice is read once; an event says so. tokenizer may be NULL for tokens, whose ids must be below n_vocab; options and listener may be NULL. */
TnDataset     *tn_dataset_open      (const char *const *paths, const TnDatasetOptions *options, TnTokenizer *tokenizer, guint n_vocab,
                                     const TnListener *listener, GError **error);
TnDataset     *tn_dataset_ref       (TnDataset *self);
void           tn_dataset_unref     (TnDataset *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnDataset, tn_dataset_unref)
/* Of all files; 0 where standard input is among them. */
guint64        tn_dataset_get_bytes (TnDataset *self);
/* The files it reads, in order; "-" is standard input. */
guint          tn_dataset_n_files   (TnDataset *self);
const char    *tn_dataset_get_file  (TnDataset *self, guint index);
/* Draws sequences by seed: one streaming pass over the files finds the passages (a document, or a piece of a long one cut at white space), a fixed-size
 * set of them is kept by priority hash(seed, ordinal), then only those are read and tokenized; a passage longer than seq_len gives one of its windows, chosen
 * by hash. Fewer passages than asked for is not an error: all are taken, long ones give several windows, an event says so.
 * n_samples 0: every window of every passage, streamed. TN_ERROR_DATA: nothing but white space, or text that is not UTF-8 (names file and offset). */
TnBatchSource *tn_dataset_sample    (TnDataset *self, const TnSamplingOptions *options, const TnListener *listener,
                                     GCancellable *cancellable, GError **error);
/* Every document in order, in windows of seq_len inputs without overlap with their targets, BOS once a document: what eval scores. */
TnBatchSource *tn_dataset_windows   (TnDataset *self, guint seq_len, guint batch_size, GCancellable *cancellable, GError **error);
/* The first bytes of the data as text, for a preview (token files are decoded when there is a tokenizer). Free with g_free(). */
char          *tn_dataset_preview   (TnDataset *self, gsize bytes, GError **error);

G_END_DECLS
