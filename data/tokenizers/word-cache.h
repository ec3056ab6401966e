/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The ids of words seen lately; a fixed size, a newer word takes the place of an older one. Long words and long answers are not kept.
 * One thread at a time. */
typedef struct _TnWordCache TnWordCache;

TnWordCache  *tn_word_cache_new   (void);
void          tn_word_cache_free  (TnWordCache *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnWordCache, tn_word_cache_free)
/* NULL: not there. Valid until the next store. */
const gint32 *tn_word_cache_find  (const TnWordCache *self, const char *word, gsize bytes, guint *n_ids);
void          tn_word_cache_store (TnWordCache *self, const char *word, gsize bytes, const gint32 *ids, guint n_ids);

G_END_DECLS
