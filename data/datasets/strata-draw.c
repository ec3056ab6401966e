/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "data/datasets/drawing-private.h"

typedef struct
{
  guint64 records;
  TnSampleSet *set; /* NULL while no record was seen */
} Stratum;

struct _TnStrataDraw
{
  TnStrata by;
  guint n;
  GArray *strata; /* Stratum, by number */
};

static void
stratum_clear (gpointer data)
{
  g_clear_pointer (&((Stratum *) data)->set, tn_sample_set_free);
}

TnStrataDraw *
tn_strata_draw_new (TnStrata by, guint n)
{
  TnStrataDraw *self = g_new0 (TnStrataDraw, 1);

  self->by = by;
  self->n = n;
  self->strata = g_array_new (FALSE, TRUE, sizeof (Stratum));
  g_array_set_clear_func (self->strata, stratum_clear);
  return self;
}

void
tn_strata_draw_free (TnStrataDraw *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->strata);
  g_free (self);
}

static Stratum *
stratum_of (TnStrataDraw *self, const TnSampleItem *item)
{
  guint index = self->by == TN_STRATA_FILE    ? item->file
                : self->by == TN_STRATA_LABEL ? item->label
                                              : tn_length_class (tn_sample_item_length (item)) / 4;

  if (index >= self->strata->len)
    g_array_set_size (self->strata, index + 1);
  return &g_array_index (self->strata, Stratum, index);
}

gboolean
tn_strata_draw_consider (TnStrataDraw *self, const TnSampleItem *candidate)
{
  Stratum *stratum = stratum_of (self, candidate);

  stratum->records++;
  if (stratum->set == NULL)
    stratum->set = tn_sample_set_new (self->n);
  return tn_sample_set_accepts (stratum->set, candidate);
}

void
tn_strata_draw_take (TnStrataDraw *self, const TnSampleItem *candidate)
{
  tn_sample_set_offer (stratum_of (self, candidate)->set, candidate);
}

/* A stratum's share of what is to be given out. */
typedef struct
{
  guint64 remainder;
  guint stratum;
} Share;

static int
compare_shares (const void *a, const void *b)
{
  const Share *x = a, *y = b;

  if (x->remainder != y->remainder)
    return x->remainder > y->remainder ? -1 : 1;
  return x->stratum < y->stratum ? -1 : x->stratum > y->stratum;
}

/* Strata whose share is below one get one, and the rest is divided among the others, until no share is below one. */
static void
grant_ones (const guint64 *sizes, guint n_strata, guint64 *n, guint64 *all, guint64 *out)
{
  gboolean changed = TRUE;

  while (changed)
    {
      guint64 given = 0, size = 0;

      changed = FALSE;
      for (guint i = 0; i < n_strata; i++)
        if (sizes[i] > 0 && out[i] == 0 && (unsigned __int128) *n * sizes[i] < *all)
          {
            out[i] = 1;
            given++;
            size += sizes[i];
            changed = TRUE;
          }
      *n -= given;
      *all -= size;
    }
}

void
tn_strata_allocate (const guint64 *sizes, guint n_strata, guint64 n, guint64 *out)
{
  g_autofree Share *shares = g_new (Share, MAX (n_strata, 1));
  guint64 all = 0, occupied = 0, given = 0;
  guint n_shares = 0;

  for (guint i = 0; i < n_strata; i++)
    {
      out[i] = 0;
      all += sizes[i];
      occupied += sizes[i] > 0;
    }
  if (n >= all)
    {
      for (guint i = 0; i < n_strata; i++)
        out[i] = sizes[i];
      return;
    }
  if (n >= occupied)
    grant_ones (sizes, n_strata, &n, &all, out);
  for (guint i = 0; i < n_strata; i++)
    if (sizes[i] > 0 && out[i] == 0)
      {
        unsigned __int128 share = (unsigned __int128) n * sizes[i];

        out[i] = (guint64) (share / all);
        given += out[i];
        shares[n_shares++] = (Share){.remainder = (guint64) (share % all), .stratum = i};
      }
  qsort (shares, n_shares, sizeof *shares, compare_shares);
  for (guint i = 0; i < n_shares && given < n; i++, given++)
    out[shares[i].stratum]++;
}

static gint
compare_priorities (gconstpointer a, gconstpointer b)
{
  const TnSampleItem *x = a, *y = b;

  if (x->priority != y->priority)
    return x->priority < y->priority ? -1 : 1;
  return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static gint
compare_items (gconstpointer a, gconstpointer b)
{
  const TnSampleItem *x = a, *y = b;

  return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

GArray *
tn_strata_draw_finish (TnStrataDraw *self, TnSampleReport *report)
{
  GArray *items = tn_sample_items_new ();
  g_autofree guint64 *sizes = g_new0 (guint64, MAX (self->strata->len, 1));
  g_autofree guint64 *taken = g_new0 (guint64, MAX (self->strata->len, 1));

  for (guint i = 0; i < self->strata->len; i++)
    sizes[i] = g_array_index (self->strata, Stratum, i).records;
  tn_strata_allocate (sizes, self->strata->len, self->n, taken);
  report->strata_by = self->by;
  for (guint i = 0; i < self->strata->len; i++)
    {
      Stratum *stratum = &g_array_index (self->strata, Stratum, i);
      const TnCoverage coverage = {.total = sizes[i], .drawn = taken[i]};
      g_autoptr (GArray) kept = stratum->set != NULL ? tn_sample_set_finish (stratum->set) : tn_sample_items_new ();

      g_array_append_val (report->strata, coverage);
      g_array_sort (kept, compare_priorities);
      for (guint k = 0; k < kept->len && k < taken[i]; k++)
        {
          TnSampleItem *item = &g_array_index (kept, TnSampleItem, k);

          item->weight = (double) sizes[i] / (double) taken[i];
          g_array_append_val (items, *item);
          item->content = NULL; /* it has moved */
        }
    }
  g_array_sort (items, compare_items);
  return items;
}
