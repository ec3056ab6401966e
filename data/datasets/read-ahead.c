/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/read-ahead.h"

typedef struct
{
  gpointer item;
  gsize bytes;
} Entry;

struct _TnReadAhead
{
  TnReadAheadFunc func;
  gpointer user_data;
  GDestroyNotify item_free;
  guint depth;
  gsize most_bytes;
  GThread *thread;
  GMutex lock;
  GCond changed;
  GQueue entries; /* Entry *, guarded by lock as all below */
  gsize bytes;
  gboolean ended, stopped;
  GError *error; /* comes behind entries */
};

/* FALSE: nobody wants more. */
static gboolean
wait_for_room (TnReadAhead *self)
{
  gboolean go_on;

  g_mutex_lock (&self->lock);
  while (!self->stopped && self->entries.length > 0 && (self->entries.length >= self->depth || self->bytes >= self->most_bytes))
    g_cond_wait (&self->changed, &self->lock);
  go_on = !self->stopped;
  g_mutex_unlock (&self->lock);
  return go_on;
}

static gpointer
read_items (gpointer user_data)
{
  TnReadAhead *self = user_data;
  gboolean ended = FALSE;

  while (!ended && wait_for_room (self))
    {
      GError *error = NULL;
      gsize bytes = 0;
      gpointer item = self->func (self->user_data, &bytes, &error);

      ended = item == NULL;
      g_mutex_lock (&self->lock);
      if (item != NULL)
        {
          Entry *entry = g_new (Entry, 1);

          *entry = (Entry){.item = item, .bytes = bytes};
          g_queue_push_tail (&self->entries, entry);
          self->bytes += bytes;
        }
      self->error = error;
      self->ended = ended;
      g_cond_broadcast (&self->changed);
      g_mutex_unlock (&self->lock);
    }
  return NULL;
}

TnReadAhead *
tn_read_ahead_new (TnReadAheadFunc func, gpointer user_data, GDestroyNotify item_free, guint depth, gsize most_bytes)
{
  TnReadAhead *self = g_new0 (TnReadAhead, 1);

  g_return_val_if_fail (depth >= 1, NULL);

  self->func = func;
  self->user_data = user_data;
  self->item_free = item_free;
  self->depth = depth;
  self->most_bytes = most_bytes;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->entries);
  self->thread = g_thread_new ("read-ahead", read_items, self);
  return self;
}

void
tn_read_ahead_free (TnReadAhead *self)
{
  Entry *entry;

  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->stopped = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  while ((entry = g_queue_pop_head (&self->entries)) != NULL)
    {
      self->item_free (entry->item);
      g_free (entry);
    }
  g_clear_error (&self->error);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

gpointer
tn_read_ahead_next (TnReadAhead *self, GError **error)
{
  gpointer item = NULL;
  Entry *entry;

  g_mutex_lock (&self->lock);
  while (self->entries.length == 0 && !self->ended)
    g_cond_wait (&self->changed, &self->lock);
  entry = g_queue_pop_head (&self->entries);
  if (entry != NULL)
    {
      item = entry->item;
      self->bytes -= entry->bytes;
      g_free (entry);
      g_cond_broadcast (&self->changed);
    }
  else if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  g_mutex_unlock (&self->lock);
  return item;
}

typedef struct
{
  TnBatchSource *source;
  gint64 count; /* asked before the thread begins: a source belongs to one thread at a time */
  TnReadAhead *ahead;
  guint depth;
  gsize most_bytes;
} AheadSource;

static gpointer
read_batch (gpointer user_data, gsize *bytes, GError **error)
{
  TnBatch *batch = tn_batch_source_next (user_data, error);

  if (batch != NULL)
    *bytes = 2 * batch->n_tokens * sizeof (gint32) + batch->n_sequences * sizeof (TnSequence);
  return batch;
}

static void
free_batch (gpointer batch)
{
  tn_batch_unref (batch);
}

static TnBatch *
ahead_source_next (gpointer user_data, GError **error)
{
  AheadSource *self = user_data;

  if (self->ahead == NULL)
    self->ahead = tn_read_ahead_new (read_batch, self->source, free_batch, self->depth, self->most_bytes);
  return tn_read_ahead_next (self->ahead, error);
}

static gint64
ahead_source_count (gpointer user_data)
{
  return ((AheadSource *) user_data)->count;
}

static void
ahead_source_free (gpointer user_data)
{
  AheadSource *self = user_data;

  tn_read_ahead_free (self->ahead);
  tn_batch_source_free (self->source);
  g_free (self);
}

TnBatchSource *
tn_batch_source_read_ahead (TnBatchSource *source, guint depth, gsize most_bytes)
{
  AheadSource *state;
  TnBatchSource *self;

  if (depth == 0)
    return source;
  state = g_new0 (AheadSource, 1);
  state->source = source;
  state->count = tn_batch_source_count (source);
  state->depth = depth;
  state->most_bytes = most_bytes > 0 ? most_bytes : G_MAXSIZE;
  self = g_new (TnBatchSource, 1);
  *self = (TnBatchSource){
      .next = ahead_source_next, .count = ahead_source_count, .free_func = ahead_source_free, .user_data = state};
  return self;
}
