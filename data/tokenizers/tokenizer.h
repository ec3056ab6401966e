/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "data/models/model-file.h"

G_BEGIN_DECLS

/* Text to token ids and back. Reference counted; read-only, any thread. */
typedef struct _TnTokenizer TnTokenizer;

/* DESIGN 5: the file given (tokenizer.json, tokenizer.bin / tok*.bin, a GGUF, or the word "bytes"); else the one embedded in the model;
 * else tokenizer.json, tokenizer.bin or tok*.bin in the model's directory; else TN_ERROR_NOT_FOUND that says so. */
TnTokenizer *tn_tokenizer_open      (const char *path, GError **error);
TnTokenizer *tn_tokenizer_find      (const char *path_or_null, TnModelFile *model, GError **error);
/* 256 bytes, ids 0..255; with_bos adds id 256 as BOS. */
TnTokenizer *tn_tokenizer_new_bytes (gboolean with_bos);
TnTokenizer *tn_tokenizer_ref       (TnTokenizer *self);
void         tn_tokenizer_unref     (TnTokenizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTokenizer, tn_tokenizer_unref)
/* "spm", "bpe", "bytes". */
const char  *tn_tokenizer_get_kind  (TnTokenizer *self);
guint        tn_tokenizer_get_size  (TnTokenizer *self);
gint32       tn_tokenizer_get_bos   (TnTokenizer *self); /* -1: none */
gint32       tn_tokenizer_get_eos   (TnTokenizer *self); /* -1: none */
/* Appends the ids of text (UTF-8, need not be NUL-terminated; any bytes for "bytes") to ids (GArray of gint32), BOS first when asked and there is one.
 * TN_ERROR_DATA: text is not UTF-8, naming the offset. */
gboolean     tn_tokenizer_encode    (TnTokenizer *self, const char *text, gsize bytes, gboolean bos, GArray *ids, GError **error);
/* The bytes one id stands for, appended to out, as they appear inside text (no clean-up). TN_ERROR_DATA when outside the vocabulary. */
gboolean     tn_tokenizer_decode    (TnTokenizer *self, gint32 id, GString *out, GError **error);
/* The piece as the vocabulary spells it ("▁the", "Ġthe", "<0x0A>"); owned by the tokenizer. */
const char  *tn_tokenizer_get_piece (TnTokenizer *self, gint32 id);

G_END_DECLS
