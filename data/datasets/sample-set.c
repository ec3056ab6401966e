/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/sample-set.h"

/* A binary heap with the largest priority on top. */
struct _TnSampleSet
{
  guint n;
  GArray *heap;
};

TnSampleSet *
tn_sample_set_new (guint n)
{
  TnSampleSet *self = g_new0 (TnSampleSet, 1);

  self->n = n;
  self->heap = g_array_new (FALSE, FALSE, sizeof (TnSampleItem));
  return self;
}

void
tn_sample_set_free (TnSampleSet *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->heap);
  g_free (self);
}

/* Equal priorities are told apart by place, so that the draw is the same on every machine. */
static gboolean
is_before (const TnSampleItem *a, const TnSampleItem *b)
{
  if (a->priority != b->priority)
    return a->priority < b->priority;
  return a->file != b->file ? a->file < b->file : a->offset < b->offset;
}

static void
swap (TnSampleItem *a, TnSampleItem *b)
{
  TnSampleItem t = *a;

  *a = *b;
  *b = t;
}

static void
sift_up (TnSampleItem *items, guint i)
{
  while (i > 0 && is_before (&items[(i - 1) / 2], &items[i]))
    {
      swap (&items[(i - 1) / 2], &items[i]);
      i = (i - 1) / 2;
    }
}

static void
sift_down (TnSampleItem *items, guint n)
{
  guint i = 0;

  while (2 * i + 1 < n)
    {
      guint child = 2 * i + 1;

      if (child + 1 < n && is_before (&items[child], &items[child + 1]))
        child++;
      if (!is_before (&items[i], &items[child]))
        return;
      swap (&items[i], &items[child]);
      i = child;
    }
}

void
tn_sample_set_offer (TnSampleSet *self, const TnSampleItem *item)
{
  TnSampleItem *items;

  if (self->heap->len < self->n)
    {
      g_array_append_val (self->heap, *item);
      sift_up ((TnSampleItem *) (gpointer) self->heap->data, self->heap->len - 1);
      return;
    }
  items = (TnSampleItem *) (gpointer) self->heap->data;
  if (self->n == 0 || !is_before (item, &items[0]))
    return;
  items[0] = *item;
  sift_down (items, self->heap->len);
}

static gint
compare_places (gconstpointer a, gconstpointer b)
{
  const TnSampleItem *x = a, *y = b;

  if (x->file != y->file)
    return x->file < y->file ? -1 : 1;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

GArray *
tn_sample_set_finish (TnSampleSet *self)
{
  GArray *items = self->heap;

  self->heap = g_array_new (FALSE, FALSE, sizeof (TnSampleItem));
  g_array_sort (items, compare_places);
  return items;
}
