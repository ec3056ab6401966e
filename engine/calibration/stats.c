/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/stats.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "engine/error.h"

TnStats *
tn_stats_new (guint64 model_fingerprint, const char *backend)
{
  TnStats *self = g_new0 (TnStats, 1);

  self->model_fingerprint = model_fingerprint;
  self->backend = g_strdup (backend != NULL ? backend : "");
  self->sites = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_site_stats_free);
  self->aliases = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_atomic_ref_count_init (&self->ref_count);
  return self;
}

TnStats *
tn_stats_ref (TnStats *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_stats_unref (TnStats *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_ptr_array_unref (self->sites);
  tn_weighted_stats_free (self->weighted);
  g_hash_table_unref (self->aliases);
  g_free (self->backend);
  g_free (self);
}

TnStats *
tn_stats_copy (const TnStats *self)
{
  TnStats *copy = tn_stats_new (self->model_fingerprint, self->backend);
  GHashTableIter iter;
  gpointer alias, site_name;

  copy->data_fingerprint = self->data_fingerprint;
  copy->samples = self->samples;
  copy->tokens = self->tokens;
  copy->partial = self->partial;
  copy->summary = self->summary;
  copy->power_order = self->power_order;
  for (guint i = 0; i < self->sites->len; i++)
    g_ptr_array_add (copy->sites, tn_site_stats_copy (g_ptr_array_index (self->sites, i)));
  if (self->weighted != NULL)
    copy->weighted = tn_weighted_stats_copy (self->weighted);
  g_hash_table_iter_init (&iter, self->aliases);
  while (g_hash_table_iter_next (&iter, &alias, &site_name))
    tn_stats_add_alias (copy, alias, site_name);
  return copy;
}

/* Where the site stands, or would have to stand. */
static guint
site_position (const TnStats *self, const char *name, gboolean *found)
{
  guint low = 0, high = self->sites->len;

  *found = FALSE;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const TnSiteStats *site = g_ptr_array_index (self->sites, middle);
      int order = strcmp (site->name, name);

      if (order == 0)
        {
          *found = TRUE;
          return middle;
        }
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

TnSiteStats *
tn_stats_add_site (TnStats *self, const char *name, guint width)
{
  gboolean found;
  guint position = site_position (self, name, &found);
  TnSiteStats *site;

  g_return_val_if_fail (!found, NULL);

  site = tn_site_stats_new (name, width);
  g_ptr_array_insert (self->sites, (gint) position, site);
  return site;
}

void
tn_stats_add_alias (TnStats *self, const char *alias, const char *site_name)
{
  g_hash_table_replace (self->aliases, g_strdup (alias), g_strdup (site_name));
}

void
tn_stats_clear (TnStats *self)
{
  self->data_fingerprint = 0;
  self->samples = 0;
  self->tokens = 0;
  self->partial = FALSE;
  for (guint i = 0; i < self->sites->len; i++)
    tn_site_stats_clear (g_ptr_array_index (self->sites, i));
  if (self->weighted != NULL)
    tn_weighted_stats_clear (self->weighted);
}

void
tn_stats_keep_weights (TnStats *self)
{
  g_return_if_fail (self->samples == 0);

  tn_weighted_stats_free (self->weighted);
  self->weighted = tn_weighted_stats_new (self->sites->len);
}

void
tn_stats_add_sites (TnStats *self, TnModel *model, TnSiteKind kinds)
{
  for (guint i = 0; i < tn_model_n_sites (model); i++)
    {
      const TnSite *site = tn_model_get_site (model, i);

      if (!(site->kind & kinds))
        continue;
      if (site->shared_with != site->index)
        tn_stats_add_alias (self, site->name, tn_model_get_site (model, site->shared_with)->name);
      else
        tn_stats_add_site (self, site->name, site->width);
    }
}

TnSiteStats *
tn_stats_find (const TnStats *self, const char *site_name)
{
  const char *target = g_hash_table_lookup (self->aliases, site_name);
  gboolean found;
  guint position = site_position (self, target != NULL ? target : site_name, &found);

  return found ? g_ptr_array_index (self->sites, position) : NULL;
}

void
tn_stats_observe (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  TnStats *self = user_data;
  TnSiteStats *stats = tn_stats_find (self, site->name);
  gboolean found;

  g_return_if_fail (stats != NULL && stats->width == site->width);

  tn_site_stats_observe (stats, batch, x);
  if (self->weighted != NULL)
    tn_weighted_stats_observe (self->weighted, site_position (self, stats->name, &found), batch, x, site->width);
}

void
tn_stats_count_batch (TnStats *self, const TnBatch *batch)
{
  self->samples += batch->n_sequences;
  self->tokens += batch->n_tokens;
  for (guint s = 0; s < batch->n_sequences; s++)
    self->data_fingerprint += batch->sequences[s].hash;
  if (self->weighted != NULL)
    tn_weighted_stats_count (self->weighted, batch);
}

/* The first site or alias of a that b lacks, or NULL. */
static const char *
first_missing (const TnStats *a, const TnStats *b)
{
  const char *missing = NULL;
  GHashTableIter iter;
  gpointer alias, target;

  for (guint i = 0; i < a->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (a->sites, i);
      gboolean found;

      site_position (b, site->name, &found);
      if (!found)
        return site->name;
    }
  g_hash_table_iter_init (&iter, a->aliases);
  while (g_hash_table_iter_next (&iter, &alias, &target))
    if (g_strcmp0 (g_hash_table_lookup (b->aliases, alias), target) != 0 && (missing == NULL || strcmp (alias, missing) < 0))
      missing = alias;
  return missing;
}

static gboolean
check_merge (const TnStats *self, const TnStats *other, GError **error)
{
  const char *missing;

  if (self->summary || other->summary)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_MISMATCH,
                           _ ("a summary found: it has left out the exact sums of channels and does not merge; merge the files that summaries "
                              "are made of"));
      return FALSE;
    }
  if (self->model_fingerprint != other->model_fingerprint)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("model fingerprint %016" PRIx64 " found, %016" PRIx64
                      " expected: statistics of different models do not merge"),
                   other->model_fingerprint, self->model_fingerprint);
      return FALSE;
    }
  if (strcmp (self->backend, other->backend) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("back end “%s” found, “%s” expected: activations of different back ends do not merge"), other->backend,
                   self->backend);
      return FALSE;
    }
  if (self->power_order != other->power_order)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_MISMATCH,
                           _ ("power sums formed in another order found: statistics of an earlier Ternion do not merge with those "
                              "of this one, which differ in the last bits"));
      return FALSE;
    }
  if ((self->weighted != NULL) != (other->weighted != NULL) && self->samples > 0 && other->samples > 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_MISMATCH,
                           _ ("one of both was drawn with weights, the other evenly: together they would stand for no data"));
      return FALSE;
    }
  missing = first_missing (self, other);
  if (missing == NULL)
    missing = first_missing (other, self);
  if (missing != NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("site %s is not the same in both: statistics of different sites do not merge"), missing);
      return FALSE;
    }
  for (guint i = 0; i < self->sites->len; i++)
    if (!tn_site_stats_check_merge (g_ptr_array_index (self->sites, i), g_ptr_array_index (other->sites, i), error))
      return FALSE;
  return TRUE;
}

typedef gboolean (*SiteMergeFunc) (TnSiteStats *self, const TnSiteStats *other, GError **error);

static gboolean
merge_by (TnStats *self, const TnStats *other, SiteMergeFunc merge_site, GError **error)
{
  if (!check_merge (self, other, error))
    return FALSE;

  for (guint i = 0; i < self->sites->len; i++)
    if (!merge_site (g_ptr_array_index (self->sites, i), g_ptr_array_index (other->sites, i), error))
      return FALSE;
  if (self->weighted == NULL && other->weighted != NULL && self->samples == 0)
    self->weighted = tn_weighted_stats_new (self->sites->len);
  if (self->weighted != NULL && other->weighted != NULL)
    tn_weighted_stats_merge (self->weighted, other->weighted);
  self->data_fingerprint += other->data_fingerprint;
  self->samples += other->samples;
  self->tokens += other->tokens;
  self->partial = self->partial || other->partial;
  return TRUE;
}

gboolean
tn_stats_merge (TnStats *self, const TnStats *other, GError **error)
{
  return merge_by (self, other, tn_site_stats_merge, error);
}

gboolean
tn_stats_append (TnStats *self, const TnStats *other, GError **error)
{
  return merge_by (self, other, tn_site_stats_append, error) && tn_stats_check_channel_histograms (self, error);
}

void
tn_stats_keep_moving_ranges (TnStats *self, double decay)
{
  for (guint i = 0; i < self->sites->len; i++)
    tn_site_stats_keep_moving_range (g_ptr_array_index (self->sites, i), decay);
}

gboolean
tn_stats_keep_channel_histograms (TnStats *self, const char *site_names, gsize most_bytes, GError **error)
{
  gboolean all = strcmp (site_names, "all") == 0;
  g_auto (GStrv) names = g_strsplit (site_names, ",", 0);
  g_autoptr (GPtrArray) chosen = g_ptr_array_new ();
  gsize channels = 0;

  for (guint i = 0; all && i < self->sites->len; i++)
    g_ptr_array_add (chosen, g_ptr_array_index (self->sites, i));
  for (guint i = 0; !all && names[i] != NULL; i++)
    {
      TnSiteStats *site = tn_stats_find (self, g_strstrip (names[i]));

      if (site == NULL)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("there is no site “%s” to keep histograms of channels of"), names[i]);
          return FALSE;
        }
      if (!g_ptr_array_find (chosen, site, NULL))
        g_ptr_array_add (chosen, site);
    }
  for (guint i = 0; i < chosen->len; i++)
    channels += ((TnSiteStats *) g_ptr_array_index (chosen, i))->width;
  for (guint i = 0; i < chosen->len; i++)
    {
      TnSiteStats *site = g_ptr_array_index (chosen, i);

      tn_site_stats_keep_channel_histograms (site, most_bytes / channels * site->width);
    }
  return TRUE;
}

gboolean
tn_stats_check_channel_histograms (const TnStats *self, GError **error)
{
  for (guint i = 0; i < self->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (self->sites, i);
      gsize bytes, most;

      if (site->channel_histograms == NULL || !tn_channel_histograms_exhausted (site->channel_histograms, &bytes, &most))
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_MEMORY,
                   _ ("site %s: the histograms of its %u channels need more than the %" PRIu64
                      " bytes they may take: keep those of fewer sites, or raise the memory limit"),
                   site->name, site->width, (guint64) (most > 0 ? most : bytes));
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_stats_equal (const TnStats *a, const TnStats *b)
{
  if (a->model_fingerprint != b->model_fingerprint || a->data_fingerprint != b->data_fingerprint || a->samples != b->samples ||
      a->tokens != b->tokens || a->partial != b->partial || a->summary != b->summary || strcmp (a->backend, b->backend) != 0 ||
      a->power_order != b->power_order || first_missing (a, b) != NULL || first_missing (b, a) != NULL ||
      !tn_weighted_stats_equal (a->weighted, b->weighted))
    return FALSE;
  for (guint i = 0; i < a->sites->len; i++)
    if (!tn_site_stats_equal (g_ptr_array_index (a->sites, i), g_ptr_array_index (b->sites, i)))
      return FALSE;
  return TRUE;
}
