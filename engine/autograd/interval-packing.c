/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/interval-packing.h"

#define ALIGNMENT 64

static int
compare_bytes (gconstpointer a, gconstpointer b)
{
  const TnInterval *x = *(TnInterval *const *) a, *y = *(TnInterval *const *) b;

  if (x->bytes != y->bytes)
    return x->bytes > y->bytes ? -1 : 1;
  return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x < y ? -1 : x > y);
}

static int
compare_offset (gconstpointer a, gconstpointer b)
{
  const TnInterval *x = *(TnInterval *const *) a, *y = *(TnInterval *const *) b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static gsize
padded (gsize bytes)
{
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* placed: sorted by offset. */
static gsize
find_place (const GPtrArray *placed, const TnInterval *item)
{
  gsize offset = 0;

  for (guint i = 0; i < placed->len; i++)
    {
      const TnInterval *other = g_ptr_array_index (placed, i);

      if (other->last < item->first || other->first > item->last)
        continue;
      if (other->offset >= offset + padded (item->bytes))
        break;
      offset = MAX (offset, other->offset + padded (other->bytes));
    }
  return offset;
}

static void
insert_sorted (GPtrArray *placed, TnInterval *item)
{
  guint low = 0, high = placed->len;

  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (compare_offset (&placed->pdata[middle], &item) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  g_ptr_array_insert (placed, (gint) low, item);
}

gsize
tn_interval_packing (TnInterval *intervals, guint n)
{
  g_autoptr (GPtrArray) order = g_ptr_array_sized_new (n), placed = g_ptr_array_sized_new (n);
  gsize total = 0;

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (order, &intervals[i]);
  g_ptr_array_sort (order, compare_bytes);
  for (guint i = 0; i < n; i++)
    {
      TnInterval *item = g_ptr_array_index (order, i);

      item->offset = 0;
      if (item->bytes == 0)
        continue;
      item->offset = find_place (placed, item);
      insert_sorted (placed, item);
      total = MAX (total, item->offset + padded (item->bytes));
    }
  return total;
}
