/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/merge-table.h"

#include <string.h>

#define FREE_SLOT G_MAXUINT64
#define NONE G_MAXUINT32
/* Up to here a scan for the best pair is quicker than a heap. */
#define FEW_SYMBOLS 40

typedef struct
{
  guint64 pair;
  guint32 priority;
  gint32 result;
} Slot;

typedef struct
{
  guint64 key; /* priority, then place */
  gint32 left, right;
} Candidate;

struct _TnMergeTable
{
  Slot *slots;
  gsize n_slots, n_used;
  guint32 joins[256][8];
};

static inline gsize
slot_of_pair (const TnMergeTable *self, guint64 pair)
{
  return (gsize) ((pair * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)) >> 24) & (self->n_slots - 1);
}

static inline const Slot *
find (const TnMergeTable *self, gint32 left, gint32 right)
{
  guint64 pair = (guint64) (guint32) left << 32 | (guint32) right;

  if ((left | right) < 0)
    return NULL;
  for (gsize i = slot_of_pair (self, pair); self->slots[i].pair != FREE_SLOT; i = (i + 1) & (self->n_slots - 1))
    if (self->slots[i].pair == pair)
      return &self->slots[i];
  return NULL;
}

static void
grow (TnMergeTable *self)
{
  g_autofree Slot *old = g_steal_pointer (&self->slots);
  gsize n_old = self->n_slots;

  self->n_slots = MAX (1024, n_old * 2);
  self->slots = g_new (Slot, self->n_slots);
  for (gsize i = 0; i < self->n_slots; i++)
    self->slots[i].pair = FREE_SLOT;
  for (gsize i = 0; i < n_old; i++)
    if (old[i].pair != FREE_SLOT)
      {
        gsize slot = slot_of_pair (self, old[i].pair);

        while (self->slots[slot].pair != FREE_SLOT)
          slot = (slot + 1) & (self->n_slots - 1);
        self->slots[slot] = old[i];
      }
}

void
tn_symbols_clear (TnSymbols *self)
{
  g_free (self->ids);
  g_free (self->starts);
  g_free (self->heap);
  g_free (self->next);
  g_free (self->previous);
  *self = (TnSymbols){0};
}

void
tn_symbols_append (TnSymbols *self, gint32 id, guint32 start)
{
  if (self->n == self->capacity)
    {
      self->capacity = MAX (64, self->capacity * 2);
      self->ids = g_renew (gint32, self->ids, self->capacity);
      self->starts = g_renew (guint32, self->starts, self->capacity);
    }
  self->ids[self->n] = id;
  self->starts[self->n++] = start;
}

TnMergeTable *
tn_merge_table_new (void)
{
  TnMergeTable *self = g_new0 (TnMergeTable, 1);

  grow (self);
  return self;
}

void
tn_merge_table_free (TnMergeTable *self)
{
  if (self == NULL)
    return;
  g_free (self->slots);
  g_free (self);
}

gboolean
tn_merge_table_add (TnMergeTable *self, gint32 left, gint32 right, guint32 priority, gint32 result, guint8 last, guint8 first)
{
  Slot new_slot = {.pair = (guint64) (guint32) left << 32 | (guint32) right, .priority = priority, .result = result};
  gsize slot;

  if (find (self, left, right) != NULL)
    return FALSE;
  if (++self->n_used > self->n_slots / 2)
    grow (self);
  slot = slot_of_pair (self, new_slot.pair);
  while (self->slots[slot].pair != FREE_SLOT)
    slot = (slot + 1) & (self->n_slots - 1);
  self->slots[slot] = new_slot;
  self->joins[last][first / 32] |= 1u << (first % 32);
  return TRUE;
}

gboolean
tn_merge_table_can_join (const TnMergeTable *self, guint8 last, guint8 first)
{
  return (self->joins[last][first / 32] >> (first % 32)) & 1;
}

static void
run_few (const TnMergeTable *self, TnSymbols *symbols)
{
  const Slot *pairs[FEW_SYMBOLS];
  gint32 *ids = symbols->ids;
  guint n = symbols->n;

  for (guint i = 0; i + 1 < n; i++)
    pairs[i] = find (self, ids[i], ids[i + 1]);
  for (;;)
    {
      guint best = NONE;
      guint32 priority = 0;
      guint tail;

      for (guint i = 0; i + 1 < n; i++)
        if (pairs[i] != NULL && (best == NONE || pairs[i]->priority < priority))
          {
            best = i;
            priority = pairs[i]->priority;
          }
      if (best == NONE)
        break;
      ids[best] = pairs[best]->result;
      tail = n - best - 2;
      memmove (&ids[best + 1], &ids[best + 2], tail * sizeof (gint32));
      memmove (&symbols->starts[best + 1], &symbols->starts[best + 2], tail * sizeof (guint32));
      if (tail > 0)
        memmove (&pairs[best + 1], &pairs[best + 2], (tail - 1) * sizeof (Slot *));
      n--;
      if (best > 0)
        pairs[best - 1] = find (self, ids[best - 1], ids[best]);
      if (best + 1 < n)
        pairs[best] = find (self, ids[best], ids[best + 1]);
    }
  symbols->n = n;
}

static void
heap_push (TnSymbols *symbols, Candidate candidate)
{
  Candidate *heap;
  gsize place = symbols->n_heap++;

  if (symbols->n_heap > symbols->heap_capacity)
    {
      symbols->heap_capacity = MAX (256, symbols->heap_capacity * 2);
      symbols->heap = g_renew (Candidate, symbols->heap, symbols->heap_capacity);
    }
  heap = symbols->heap;
  while (place > 0 && heap[(place - 1) / 2].key > candidate.key)
    {
      heap[place] = heap[(place - 1) / 2];
      place = (place - 1) / 2;
    }
  heap[place] = candidate;
}

static Candidate
heap_pop (TnSymbols *symbols)
{
  Candidate *heap = symbols->heap;
  Candidate top = heap[0];
  Candidate moved = heap[--symbols->n_heap];
  gsize place = 0;

  for (;;)
    {
      gsize child = 2 * place + 1;

      if (child >= symbols->n_heap)
        break;
      if (child + 1 < symbols->n_heap && heap[child + 1].key < heap[child].key)
        child++;
      if (heap[child].key >= moved.key)
        break;
      heap[place] = heap[child];
      place = child;
    }
  heap[place] = moved;
  return top;
}

static void
push_pair (const TnMergeTable *self, TnSymbols *symbols, guint32 left, guint32 right)
{
  const Slot *slot = find (self, symbols->ids[left], symbols->ids[right]);

  if (slot != NULL)
    heap_push (symbols, (Candidate){.key = (guint64) slot->priority << 32 | left,
                                    .left = symbols->ids[left],
                                    .right = symbols->ids[right]});
}

static void
run_many (const TnMergeTable *self, TnSymbols *symbols)
{
  guint n = symbols->n, kept = 0;

  if (symbols->links_capacity < n)
    {
      symbols->links_capacity = symbols->capacity;
      symbols->next = g_renew (guint32, symbols->next, symbols->links_capacity);
      symbols->previous = g_renew (guint32, symbols->previous, symbols->links_capacity);
    }
  for (guint i = 0; i < n; i++)
    {
      symbols->next[i] = i + 1 < n ? i + 1 : NONE;
      symbols->previous[i] = i > 0 ? i - 1 : NONE;
    }
  symbols->n_heap = 0;
  for (guint i = 0; i + 1 < n; i++)
    push_pair (self, symbols, i, i + 1);
  while (symbols->n_heap > 0)
    {
      Candidate best = heap_pop (symbols);
      guint32 left = (guint32) best.key;
      guint32 right = symbols->next[left];

      /* A symbol that was merged away has no id any more; a pair that changed has others. */
      if (right == NONE || symbols->ids[left] != best.left || symbols->ids[right] != best.right)
        continue;
      symbols->ids[left] = find (self, best.left, best.right)->result;
      symbols->ids[right] = -2;
      symbols->next[left] = symbols->next[right];
      symbols->next[right] = NONE;
      if (symbols->next[left] != NONE)
        {
          symbols->previous[symbols->next[left]] = left;
          push_pair (self, symbols, left, symbols->next[left]);
        }
      if (symbols->previous[left] != NONE)
        push_pair (self, symbols, symbols->previous[left], left);
    }
  for (guint32 i = 0; i != NONE; i = symbols->next[i], kept++)
    {
      symbols->ids[kept] = symbols->ids[i];
      symbols->starts[kept] = symbols->starts[i];
    }
  symbols->n = kept;
}

void
tn_merge_table_run (const TnMergeTable *self, TnSymbols *symbols)
{
  if (symbols->n < 2)
    return;
  if (symbols->n <= FEW_SYMBOLS)
    run_few (self, symbols);
  else
    run_many (self, symbols);
}

guint32
tn_merge_priority_of_score (float score)
{
  guint32 bits;

  score += 0.0f;
  memcpy (&bits, &score, sizeof bits);
  bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u; /* now the order of integers is the order of floats */
  return ~bits;
}
