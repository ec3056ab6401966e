/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Token ids with two texts each: the piece as its file spells it ("Ġthe", "<0x0A>") and the bytes it stands for inside text (" the", "\n").
 * Texts may hold any bytes. Filled by one thread, then read by any. */
typedef struct _TnVocabulary TnVocabulary;

TnVocabulary *tn_vocabulary_new       (void);
void          tn_vocabulary_free      (TnVocabulary *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnVocabulary, tn_vocabulary_free)
/* Appends an entry that no text finds yet; its id is the number of entries before. -1: a text of more than 64 KiB, more than 2^24 entries or 512 MiB. */
gint32        tn_vocabulary_add       (TnVocabulary *self, const char *piece, gsize piece_bytes, const char *text, gsize text_bytes);
/* Makes the entry findable by its text. Of entries with equal text the first one made findable wins. FALSE: there was one. */
gboolean      tn_vocabulary_index     (TnVocabulary *self, gint32 id);
guint         tn_vocabulary_get_size  (const TnVocabulary *self);
/* NUL-terminated, valid UTF-8 (what is not in the file's spelling is replaced). */
const char   *tn_vocabulary_get_piece (const TnVocabulary *self, gint32 id);
const char   *tn_vocabulary_get_text  (const TnVocabulary *self, gint32 id, gsize *bytes);
/* -1: no indexed entry has this text. */
gint32        tn_vocabulary_find      (const TnVocabulary *self, const char *text, gsize bytes);

/* A hash that can be taken of every part of a text from the hashes of its prefixes: finding all ways to cut a text in two is then linear. */
guint64       tn_vocabulary_hash_byte (guint64 hash, guint8 byte);
guint64       tn_vocabulary_hash_tail (guint64 whole, guint64 head, guint64 power);
guint64       tn_vocabulary_hash_power (guint64 power);   /* for one more byte of tail; 1 for none */
guint64       tn_vocabulary_hash_unpower (guint64 power); /* for one byte less */
gint32        tn_vocabulary_find_hash (const TnVocabulary *self, guint64 hash, const char *text, gsize bytes);

G_END_DECLS
