/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/sample-set.h"

/* A binary heap with the largest priority on top. */
struct _TnSampleSet
{
  guint n;
  GArray *heap;
};

static void
item_clear (gpointer data)
{
  g_clear_pointer (&((TnSampleItem *) data)->content, g_bytes_unref);
}

GArray *
tn_sample_items_new (void)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (TnSampleItem));

  g_array_set_clear_func (items, item_clear);
  return items;
}

TnSampleSet *
tn_sample_set_new (guint n)
{
  TnSampleSet *self = g_new0 (TnSampleSet, 1);

  self->n = n;
  self->heap = tn_sample_items_new ();
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

static int
compare_places (const TnSampleItem *a, const TnSampleItem *b)
{
  if (a->file != b->file)
    return a->file < b->file ? -1 : 1;
  if (a->record.offset != b->record.offset)
    return a->record.offset < b->record.offset ? -1 : 1;
  return a->record.first < b->record.first ? -1 : a->record.first > b->record.first;
}

/* Equal priorities are told apart by place, so that the draw is the same on every machine. */
static gboolean
is_before (const TnSampleItem *a, const TnSampleItem *b)
{
  return a->priority != b->priority ? a->priority < b->priority : compare_places (a, b) < 0;
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

gboolean
tn_sample_set_accepts (TnSampleSet *self, const TnSampleItem *item)
{
  return self->heap->len < self->n || (self->n > 0 && is_before (item, &g_array_index (self->heap, TnSampleItem, 0)));
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
  if (!tn_sample_set_accepts (self, item))
    {
      if (item->content != NULL)
        g_bytes_unref (item->content);
      return;
    }
  items = (TnSampleItem *) (gpointer) self->heap->data;
  item_clear (&items[0]);
  items[0] = *item;
  sift_down (items, self->heap->len);
}

static gint
compare_items (gconstpointer a, gconstpointer b)
{
  return compare_places (a, b);
}

GArray *
tn_sample_set_finish (TnSampleSet *self)
{
  GArray *items = self->heap;

  self->heap = tn_sample_items_new ();
  g_array_sort (items, compare_items);
  return items;
}
