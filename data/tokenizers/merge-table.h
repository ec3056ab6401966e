/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which neighbouring symbols of a text may become one, and in what order: the rule that SentencePiece's scores and byte-pair merges share.
 * Filled by one thread, then read by any. */
typedef struct _TnMergeTable TnMergeTable;

/* The symbols of one text: ids and where each starts. A symbol of id -1 never merges. One thread at a time, used again and again. */
typedef struct
{
  guint    n;
  guint    capacity;
  gint32  *ids;
  guint32 *starts;
  gpointer heap;     /* the rest is scratch of tn_merge_table_run() */
  gsize    n_heap, heap_capacity;
  guint32 *next, *previous;
  guint    links_capacity;
} TnSymbols;

void          tn_symbols_clear  (TnSymbols *self);
void          tn_symbols_append (TnSymbols *self, gint32 id, guint32 start);

TnMergeTable *tn_merge_table_new       (void);
void          tn_merge_table_free      (TnMergeTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnMergeTable, tn_merge_table_free)
/* left and right become result; the smallest priority goes first. last and first: the bytes that meet where the two touch.
 * FALSE: the pair is there already, and stays as it is. */
gboolean      tn_merge_table_add       (TnMergeTable *self, gint32 left, gint32 right, guint32 priority, gint32 result, guint8 last, guint8 first);
/* FALSE: no merge of the table goes across a place where these bytes meet, so the texts on both sides can be worked on apart. */
gboolean      tn_merge_table_can_join  (const TnMergeTable *self, guint8 last, guint8 first);
/* Repeats until nothing is left to do: of all neighbours that may merge, the pair of the smallest priority does, the leftmost of equals.
 * n log n. */
void          tn_merge_table_run       (const TnMergeTable *self, TnSymbols *symbols);

/* So that greater scores come first and equal ones are equal (-0 and 0 too). score must not be NaN. */
guint32       tn_merge_priority_of_score (float score);

G_END_DECLS
