/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/batch.h"

#include <string.h>

/* memcpy() may not be given NULL, which an empty sequence has. */
static gint32 *
copy_tokens (gint32 *to, const gint32 *from, guint n)
{
  if (n > 0)
    memcpy (to, from, n * sizeof *to);
  return to;
}

TnBatch *
tn_batch_new (const TnSequence *sequences, guint n_sequences)
{
  TnBatch *self = g_new0 (TnBatch, 1);
  gboolean has_tokens = FALSE;
  gsize place = 0;

  g_atomic_ref_count_init (&self->ref_count);
  self->n_sequences = n_sequences;
  self->sequences = g_new (TnSequence, MAX (n_sequences, 1));
  for (guint i = 0; i < n_sequences; i++)
    {
      self->n_tokens += sequences[i].length;
      has_tokens = has_tokens || sequences[i].tokens != NULL;
    }
  self->storage = has_tokens ? g_new (gint32, MAX (2 * self->n_tokens, 1)) : NULL;
  for (guint i = 0; i < n_sequences; i++)
    {
      TnSequence *copy = &self->sequences[i];

      *copy = sequences[i];
      if (copy->tokens != NULL)
        copy->tokens = copy_tokens (self->storage + place, copy->tokens, copy->length);
      if (copy->targets != NULL)
        copy->targets = copy_tokens (self->storage + self->n_tokens + place, copy->targets, copy->length);
      place += copy->length;
    }
  return self;
}

TnBatch *
tn_batch_ref (TnBatch *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_batch_unref (TnBatch *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->sequences);
  g_free (self->storage);
  g_free (self);
}

TnBatch *
tn_batch_source_next (TnBatchSource *self, GError **error)
{
  return self->next (self->user_data, error);
}

gint64
tn_batch_source_count (TnBatchSource *self)
{
  return self->count (self->user_data);
}

void
tn_batch_source_free (TnBatchSource *self)
{
  if (self == NULL)
    return;
  self->free_func (self->user_data);
  g_free (self);
}
