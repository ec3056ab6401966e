/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Token ids that are appended and then read at any place: blocks of pool memory (STATISTICS), and where they would be more than memory_bytes, or the budget
 * refuses one, all of it in a file without a name in folder, which goes with the process however that ends. One thread at a time. */
typedef struct _TnTokenStore TnTokenStore;

/* Ids are below n_vocab: 2 bytes each up to 65,536, 4 beyond. */
TnTokenStore *tn_token_store_new       (guint n_vocab, gsize memory_bytes, const char *folder);
void          tn_token_store_free      (TnTokenStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTokenStore, tn_token_store_free)
guint64       tn_token_store_count     (TnTokenStore *self);
gboolean      tn_token_store_in_memory (TnTokenStore *self);
/* TN_ERROR_IO names the folder. */
gboolean      tn_token_store_append    (TnTokenStore *self, const gint32 *ids, guint n, GError **error);
/* first + n <= count. */
gboolean      tn_token_store_read      (TnTokenStore *self, guint64 first, guint n, gint32 *out, GError **error);
/* Forgets all tokens from count on. */
void          tn_token_store_truncate  (TnTokenStore *self, guint64 count);

G_END_DECLS
