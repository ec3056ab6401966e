/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/row-sample.h"

#include <string.h>

#include "engine/hash.h"

typedef struct
{
  guint64 key; /* hash of the place */
  guint64 sample;
  guint32 token;
  guint32 slot; /* of its values */
} Entry;

struct _TnRowSample
{
  guint width, most, n;
  guint allocated; /* rows that there is memory for */
  Entry *entries;  /* [allocated], by key, sample, token */
  float *values;   /* [allocated, width] */
};

TnRowSample *
tn_row_sample_new (guint width, guint most)
{
  TnRowSample *self = g_new0 (TnRowSample, 1);

  self->width = width;
  self->most = most;
  return self;
}

static void
grow (TnRowSample *self)
{
  if (self->n < self->allocated || self->n == self->most)
    return;
  self->allocated = MIN (MAX (2 * self->allocated, 16), self->most);
  self->entries = g_renew (Entry, self->entries, self->allocated);
  self->values = g_realloc_n (self->values, self->allocated, (gsize) self->width * sizeof (float));
}

TnRowSample *
tn_row_sample_copy (const TnRowSample *self)
{
  TnRowSample *copy = tn_row_sample_new (self->width, self->most);

  tn_row_sample_merge (copy, self);
  return copy;
}

void
tn_row_sample_free (TnRowSample *self)
{
  if (self == NULL)
    return;
  g_free (self->values);
  g_free (self->entries);
  g_free (self);
}

guint
tn_row_sample_get_most (const TnRowSample *self)
{
  return self->most;
}

guint
tn_row_sample_n_rows (const TnRowSample *self)
{
  return self->n;
}

guint
tn_row_sample_get_width (const TnRowSample *self)
{
  return self->width;
}

const float *
tn_row_sample_get (const TnRowSample *self, guint index, guint64 *sample, guint32 *token)
{
  const Entry *entry = &self->entries[index];

  if (sample != NULL)
    *sample = entry->sample;
  if (token != NULL)
    *token = entry->token;
  return self->values + (gsize) entry->slot * self->width;
}

static int
compare (const Entry *a, const Entry *b)
{
  if (a->key != b->key)
    return a->key < b->key ? -1 : 1;
  if (a->sample != b->sample)
    return a->sample < b->sample ? -1 : 1;
  return (a->token > b->token) - (a->token < b->token);
}

gboolean
tn_row_sample_offer (TnRowSample *self, guint64 sample, guint32 token, const float *row)
{
  Entry entry = {.key = tn_hash_combine (sample, token), .sample = sample, .token = token};
  guint low = 0, high = self->n;

  if (self->n == self->most && entry.key > self->entries[self->n - 1].key)
    return FALSE;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (compare (&self->entries[middle], &entry) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == self->most || (low < self->n && compare (&self->entries[low], &entry) == 0))
    return FALSE;
  grow (self);
  entry.slot = self->n < self->most ? self->n : self->entries[self->n - 1].slot;
  self->n = MIN (self->n + 1, self->most);
  memmove (self->entries + low + 1, self->entries + low, (self->n - 1 - low) * sizeof entry);
  self->entries[low] = entry;
  memcpy (self->values + (gsize) entry.slot * self->width, row, self->width * sizeof (float));
  return TRUE;
}

void
tn_row_sample_clear (TnRowSample *self)
{
  self->n = 0;
}

void
tn_row_sample_observe (TnRowSample *self, const TnBatch *batch, const float *x)
{
  for (guint s = 0; s < batch->n_sequences; s++)
    for (guint token = 0; token < batch->sequences[s].length; token++, x += self->width)
      tn_row_sample_offer (self, batch->sequences[s].hash, token, x);
}

/* The slots beyond the new most are not used any more; their memory stays. */
static void
shrink (TnRowSample *self, guint most)
{
  g_autofree float *kept = NULL;

  self->most = most;
  self->n = MIN (self->n, most);
  kept = g_new (float, MAX ((gsize) self->n *self->width, 1));
  for (guint i = 0; i < self->n; i++)
    memcpy (kept + (gsize) i * self->width, tn_row_sample_get (self, i, NULL, NULL), self->width * sizeof (float));
  memcpy (self->values, kept, (gsize) self->n * self->width * sizeof (float));
  for (guint i = 0; i < self->n; i++)
    self->entries[i].slot = i;
}

void
tn_row_sample_merge (TnRowSample *self, const TnRowSample *other)
{
  if (other->most < self->most)
    shrink (self, other->most);
  for (guint i = 0; i < other->n; i++)
    {
      const Entry *entry = &other->entries[i];

      tn_row_sample_offer (self, entry->sample, entry->token, other->values + (gsize) entry->slot * other->width);
    }
}

gboolean
tn_row_sample_equal (const TnRowSample *a, const TnRowSample *b)
{
  if (a->width != b->width || a->most != b->most || a->n != b->n)
    return FALSE;
  for (guint i = 0; i < a->n; i++)
    if (compare (&a->entries[i], &b->entries[i]) != 0 ||
        memcmp (tn_row_sample_get (a, i, NULL, NULL), tn_row_sample_get (b, i, NULL, NULL), a->width * sizeof (float)) != 0)
      return FALSE;
  return TRUE;
}
