/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/batch-builder.h"

struct _TnBatchBuilder
{
  GArray *sequences; /* TnSequence; pointers are set at the end */
  GArray *inputs, *targets;
};

TnBatchBuilder *
tn_batch_builder_new (void)
{
  TnBatchBuilder *self = g_new0 (TnBatchBuilder, 1);

  self->sequences = g_array_new (FALSE, TRUE, sizeof (TnSequence));
  self->inputs = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->targets = g_array_new (FALSE, FALSE, sizeof (gint32));
  return self;
}

void
tn_batch_builder_free (TnBatchBuilder *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->sequences);
  g_array_unref (self->inputs);
  g_array_unref (self->targets);
  g_free (self);
}

void
tn_batch_builder_add (TnBatchBuilder *self, guint64 hash, const gint32 *tokens, guint length, guint n_available, double weight)
{
  const TnSequence sequence = {.hash = hash, .length = length, .weight = weight};
  const gint32 none = -1;

  g_array_append_val (self->sequences, sequence);
  g_array_append_vals (self->inputs, tokens, length);
  g_array_append_vals (self->targets, tokens + 1, n_available > length ? length : length - 1);
  if (n_available <= length)
    g_array_append_val (self->targets, none);
}

guint
tn_batch_builder_count (TnBatchBuilder *self)
{
  return self->sequences->len;
}

TnBatch *
tn_batch_builder_finish (TnBatchBuilder *self)
{
  gsize place = 0;
  TnBatch *batch;

  if (self->sequences->len == 0)
    return NULL;
  for (guint i = 0; i < self->sequences->len; i++)
    {
      TnSequence *sequence = &g_array_index (self->sequences, TnSequence, i);

      sequence->tokens = &g_array_index (self->inputs, gint32, place);
      sequence->targets = &g_array_index (self->targets, gint32, place);
      place += sequence->length;
    }
  batch = tn_batch_new ((const TnSequence *) (gpointer) self->sequences->data, self->sequences->len);
  g_array_set_size (self->sequences, 0);
  g_array_set_size (self->inputs, 0);
  g_array_set_size (self->targets, 0);
  return batch;
}
