/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/channel-map.h"

#include <math.h>
#include <string.h>

/* What is left of a name without the number of its block; NULL for sites outside of blocks. */
static const char *
without_block (const char *name)
{
  const char *rest;

  if (!g_str_has_prefix (name, "blk."))
    return NULL;
  rest = name + 4 + strspn (name + 4, "0123456789");
  return *rest == '.' ? rest : NULL;
}

static gboolean
is_sibling (const TnSiteStats *site, const TnSiteStats *of)
{
  const char *a = without_block (site->name), *b = without_block (of->name);

  return site == of || (site->width == of->width && a != NULL && b != NULL && strcmp (a, b) == 0);
}

static int
compare_sites (gconstpointer a, gconstpointer b)
{
  const TnSiteStats *first = *(TnSiteStats *const *) a, *second = *(TnSiteStats *const *) b;
  g_autofree char *first_key = g_utf8_collate_key_for_filename (first->name, -1);
  g_autofree char *second_key = g_utf8_collate_key_for_filename (second->name, -1);

  return strcmp (first_key, second_key);
}

static void
describe_channel (const TnChannelStats *channel, double values[TN_N_CHANNEL_MEASURES])
{
  double n = (double) channel->count, mean, mean_square;

  for (guint i = 0; i < TN_N_CHANNEL_MEASURES; i++)
    values[i] = (double) NAN;
  if (channel->min <= channel->max)
    values[TN_CHANNEL_ABSMAX] = fmax (fabs ((double) channel->min), fabs ((double) channel->max));
  if (channel->count == 0)
    return;
  mean = tn_channel_sum_to_double (channel->sum) / n;
  mean_square = tn_channel_sum_to_double (channel->sum2) / n;
  values[TN_CHANNEL_MEAN_SQUARE] = mean_square;
  values[TN_CHANNEL_STD] = sqrt (fmax (mean_square - mean * mean, 0));
}

TnChannelMap *
tn_channel_map_new (const TnStats *stats, const char *name)
{
  const TnSiteStats *site = tn_stats_find (stats, name);
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  TnChannelMap *self;

  if (site == NULL)
    return NULL;
  for (guint i = 0; i < stats->sites->len; i++)
    if (is_sibling (g_ptr_array_index (stats->sites, i), site))
      g_ptr_array_add (rows, g_ptr_array_index (stats->sites, i));
  g_ptr_array_sort (rows, compare_sites);

  self = g_new0 (TnChannelMap, 1);
  self->width = site->width;
  self->n_rows = rows->len;
  self->names = g_new0 (char *, rows->len + 1);
  for (guint m = 0; m < TN_N_CHANNEL_MEASURES; m++)
    self->values[m] = g_new (double, (gsize) rows->len * site->width);
  self->flags = g_new0 (TnChannelFlags, (gsize) rows->len * site->width);
  for (guint r = 0; r < rows->len; r++)
    {
      const TnSiteStats *row = g_ptr_array_index (rows, r);

      self->names[r] = g_strdup (row->name);
      if (row == site)
        self->chosen = r;
      tn_site_stats_flag_channels (row, self->flags + (gsize) r * site->width);
      for (guint c = 0; c < row->width; c++)
        {
          double values[TN_N_CHANNEL_MEASURES];

          describe_channel (&row->channels[c], values);
          for (guint m = 0; m < TN_N_CHANNEL_MEASURES; m++)
            self->values[m][(gsize) r * site->width + c] = values[m];
        }
    }
  return self;
}

void
tn_channel_map_free (TnChannelMap *self)
{
  if (self == NULL)
    return;
  for (guint m = 0; m < TN_N_CHANNEL_MEASURES; m++)
    g_free (self->values[m]);
  g_strfreev (self->names);
  g_free (self->flags);
  g_free (self);
}

GArray *
tn_channel_map_find_outliers (const TnChannelMap *self, guint first, guint end)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (gsize));

  for (gsize i = (gsize) first * self->width; i < (gsize) end * self->width; i++)
    if ((self->flags[i] & (TN_CHANNEL_LOUD | TN_CHANNEL_MASSIVE)) != 0)
      g_array_append_val (found, i);
  return found;
}
