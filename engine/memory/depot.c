/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/depot.h"

/* A thread takes half a magazine of neighbours at a time; their states fill a line of the cache, so that threads do not
 * write to the same one. */
static guint
state_stride (guint size_class)
{
  return MAX (64 / (tn_size_class_magazine (size_class) / 2), 1);
}

static TnSpan *
span_new (TnDepot *self)
{
  gsize bytes = tn_size_class_span_bytes (self->size_class), block_bytes = tn_size_class_bytes (self->size_class);
  guint n_blocks = (guint) (bytes / block_bytes), stride = state_stride (self->size_class);
  guint64 units = block_bytes / TN_POOL_ALIGNMENT;
  TnSpan *span = g_aligned_alloc0 (1, (sizeof *span + (gsize) n_blocks * stride + 63) / 64 * 64, 64);

  span->reciprocal = (((guint64) 1 << 32) + units - 1) / units;
  span->n_blocks = (guint16) n_blocks;
  span->n_free = n_blocks;
  span->block_units = (guint16) units;
  span->size_class = (guint8) self->size_class;
  span->state_stride = (guint8) stride;
  for (guint word = 0; word * 64 < n_blocks; word++)
    span->free_blocks[word] = G_MAXUINT64 >> (n_blocks - word * 64 < 64 ? 64 - (n_blocks - word * 64) : 0);
  if (!tn_page_heap_alloc_span (self->heap, bytes / TN_PAGE_BYTES, &span->extent))
    g_clear_pointer (&span, g_aligned_free);
  return span;
}

static void
push (TnDepot *self, TnSpan *span)
{
  span->previous = NULL;
  span->next = self->spans;
  if (span->next != NULL)
    span->next->previous = span;
  self->spans = span;
}

static void
unlink_span (TnDepot *self, TnSpan *span)
{
  if (span->previous != NULL)
    span->previous->next = span->next;
  else
    self->spans = span->next;
  if (span->next != NULL)
    span->next->previous = span->previous;
}

static void
span_free (TnDepot *self, TnSpan *span)
{
  unlink_span (self, span);
  tn_page_heap_free_span (self->heap, &span->extent);
  g_aligned_free (span);
}

void
tn_depot_init (TnDepot *self, TnPageHeap *heap, guint size_class)
{
  *self = (TnDepot){.heap = heap, .size_class = size_class};
  pthread_mutex_init (&self->lock, NULL);
}

void
tn_depot_clear (TnDepot *self)
{
  pthread_mutex_destroy (&self->lock);
}

/* Free blocks of a span, lowest address first. */
static guint
take_from_span (TnSpan *span, TnFreeBlock *blocks, guint n)
{
  gsize block_bytes = (gsize) span->block_units * TN_POOL_ALIGNMENT;
  guint taken = 0;

  for (guint word = 0; taken < n && span->n_free > 0; word++)
    while (span->free_blocks[word] != 0 && taken < n)
      {
        guint index = word * 64 + (guint) __builtin_ctzll (span->free_blocks[word]);

        span->free_blocks[word] &= span->free_blocks[word] - 1;
        span->n_free--;
        blocks[taken++] = (TnFreeBlock){span->extent.start + index * block_bytes, &span->states[index * span->state_stride]};
      }
  return taken;
}

/* A magazine is emptied from its end: the lowest address comes first. */
static void
reverse (TnFreeBlock *blocks, guint n)
{
  for (guint i = 0; i < n / 2; i++)
    {
      TnFreeBlock block = blocks[i];

      blocks[i] = blocks[n - 1 - i];
      blocks[n - 1 - i] = block;
    }
}

guint
tn_depot_take (TnDepot *self, TnFreeBlock *blocks, guint n)
{
  guint taken = 0;

  pthread_mutex_lock (&self->lock);
  while (taken < n)
    {
      TnSpan *span = self->spans;

      if (span == NULL)
        {
          if (taken > 0 || (span = span_new (self)) == NULL)
            break;
          push (self, span);
        }
      taken += take_from_span (span, blocks + taken, n - taken);
      if (span->n_free == 0)
        unlink_span (self, span);
    }
  pthread_mutex_unlock (&self->lock);
  reverse (blocks, taken);
  return taken;
}

static void
give (TnDepot *self, const TnFreeBlock *block)
{
  TnSpan *span = (TnSpan *) tn_extent_find (block->block);
  gsize index = (gsize) (block->state - span->states) / span->state_stride;

  span->free_blocks[index / 64] |= G_GUINT64_CONSTANT (1) << index % 64;
  span->n_free++;
  if (span->n_free == 1)
    push (self, span);
  /* The last one stays, or the next block would need a new one. */
  if (span->n_free == span->n_blocks && (span->previous != NULL || span->next != NULL))
    span_free (self, span);
}

void
tn_depot_give (TnDepot *self, const TnFreeBlock *blocks, guint n)
{
  pthread_mutex_lock (&self->lock);
  for (guint i = 0; i < n; i++)
    give (self, &blocks[i]);
  pthread_mutex_unlock (&self->lock);
}

void
tn_depot_trim (TnDepot *self)
{
  pthread_mutex_lock (&self->lock);
  for (TnSpan *span = self->spans, *next; span != NULL; span = next)
    {
      next = span->next;
      if (span->n_free == span->n_blocks)
        span_free (self, span);
    }
  pthread_mutex_unlock (&self->lock);
}
