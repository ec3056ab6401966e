/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-reference.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "app/tasks/calibrate-forward.h"
#include "data/datasets/sample.h"
#include "data/statistics/stats-file.h"
#include "engine/error.h"
#include "engine/hash.h"

static void
site_clear (gpointer data)
{
  g_free (((TnReferenceSite *) data)->name);
}

static GArray *
sites_new (void)
{
  GArray *sites = g_array_new (FALSE, FALSE, sizeof (TnReferenceSite));

  g_array_set_clear_func (sites, site_clear);
  return sites;
}

void
tn_calibrate_reference_free (TnCalibrateReference *self)
{
  if (self == NULL)
    return;
  g_free (self->source);
  g_array_unref (self->sites);
  g_free (self);
}

TnCalibrateReference *
tn_calibrate_reference_copy (const TnCalibrateReference *self)
{
  TnCalibrateReference *copy = g_memdup2 (self, sizeof *self);

  copy->source = g_strdup (self->source);
  copy->sites = sites_new ();
  for (guint i = 0; i < self->sites->len; i++)
    {
      TnReferenceSite site = g_array_index (self->sites, TnReferenceSite, i);

      site.name = g_strdup (site.name);
      g_array_append_val (copy->sites, site);
    }
  return copy;
}

static double
strangeness (const TnReferenceSite *site)
{
  double ratio = site->distance.ks / site->distance.ks_expected;

  return isnan (ratio) ? -1.0 : ratio;
}

static gint
compare_sites (gconstpointer a, gconstpointer b)
{
  const TnReferenceSite *x = a, *y = b;
  double s = strangeness (x), t = strangeness (y);

  return s > t ? -1 : s < t ? 1 : g_strcmp0 (x->name, y->name);
}

static TnCalibrateReference *
compare (const TnStats *stats, const TnStats *reference)
{
  TnCalibrateReference *self = g_new0 (TnCalibrateReference, 1);

  self->samples = reference->samples;
  self->tokens = reference->tokens;
  self->sites = sites_new ();
  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i), *other = tn_stats_find (reference, site->name);
      TnReferenceSite found;

      if (other == NULL || other->width != site->width)
        continue;
      found.name = g_strdup (site->name);
      tn_site_distance (site, other, &found.distance);
      g_array_append_val (self->sites, found);
    }
  g_array_sort (self->sites, compare_sites);
  return self;
}

static TnCalibrateReference *
compare_with_file (const TnCalibrateOptions *options, const TnStats *stats, GError **error)
{
  g_autoptr (TnStats) reference = tn_stats_load (options->reference, error);
  TnCalibrateReference *self;

  if (reference == NULL)
    return NULL;
  if (reference->model_fingerprint != stats->model_fingerprint)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _("%s: statistics of model %016" PRIx64 ", expected are those of %016" PRIx64), options->reference,
                   reference->model_fingerprint, stats->model_fingerprint);
      return NULL;
    }
  self = compare (stats, reference);
  self->source = g_strdup (options->reference);
  return self;
}

static gboolean
observe_reference (TnBatchSource *source, const TnCalibrateOptions *options, TnModel *model, TnModelFile *file, TnStats *reference, TnTokenCounts *tokens,
                   const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnStats) batch_stats = tn_stats_new (reference->model_fingerprint, reference->backend);
  gint64 total = tn_batch_source_count (source);
  GError *local = NULL;

  tn_stats_add_sites (batch_stats, model, options->kinds);
  while (TRUE)
    {
      g_autoptr (TnBatch) batch = tn_batch_source_next (source, &local);

      if (batch == NULL)
        break;
      if (!tn_listener_boundary (listener, error) || !tn_calibrate_forward (model, file, batch, options->kinds, batch_stats, cancellable, error) ||
          !tn_stats_merge (reference, batch_stats, error))
        return FALSE;
      tn_token_counts_add (tokens, batch);
      tn_listener_progress (listener, (double) reference->samples, (double) total, "reference sequences");
    }
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

static TnCalibrateReference *
compare_with_draw (const TnCalibrateOptions *options, guint n, TnModel *model, TnModelFile *file, TnDataset *dataset, const TnStats *stats,
                   const TnTokenCounts *tokens, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  TnSamplingOptions sampling = { .n_samples = n, .seq_len = options->sampling.seq_len, .batch_size = options->sampling.batch_size,
                                 .seed = tn_hash_combine (options->sampling.seed, tn_hash_string ("reference", 0)), .shard = 1, .n_shards = 1 };
  g_autoptr (TnBatchSource) source = tn_dataset_sample (dataset, &sampling, listener, cancellable, error);
  g_autoptr (TnStats) reference = tn_stats_new (stats->model_fingerprint, stats->backend);
  g_autoptr (TnTokenCounts) reference_tokens = tn_token_counts_new (tn_model_get_config (model)->n_vocab);
  TnCalibrateReference *self;

  tn_stats_add_sites (reference, model, options->kinds);
  if (source == NULL || !observe_reference (source, options, model, file, reference, reference_tokens, listener, cancellable, error))
    return NULL;
  self = compare (stats, reference);
  if (tokens != NULL)
    {
      self->has_tokens = TRUE;
      tn_token_counts_distance (tokens, reference_tokens, &self->tokens_distance);
      self->sample_distinct = tn_token_counts_distinct (tokens);
      self->reference_distinct = tn_token_counts_distinct (reference_tokens);
    }
  return self;
}

TnCalibrateReference *
tn_calibrate_compare (const TnCalibrateOptions *options, TnModel *model, TnModelFile *file, TnDataset *dataset, const TnStats *stats,
                      const TnTokenCounts *tokens, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  guint n = tn_calibrate_options_get_reference_count (options);

  return n > 0 ? compare_with_draw (options, n, model, file, dataset, stats, tokens, listener, cancellable, error)
               : compare_with_file (options, stats, error);
}
