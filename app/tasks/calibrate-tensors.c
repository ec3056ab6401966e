/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-tensors.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/datasets/activation-source.h"
#include "data/datasets/read-ahead.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/hash.h"

/* Large enough that starting threads costs nothing beside it, small enough that several fit into any memory. */
#define TILE_BYTES ((gsize) 16 << 20)
/* Tiles that are there at once beside those that are read ahead: one that is being read, one that is being observed. */
#define TILES_AT_WORK 2

struct _TnRecordedRun
{
  TnActivationSource *source;
  guint ahead;
};

/* Tiles read ahead yield to the memory limit first, then the size of tiles does; one sequence is the least. */
static gboolean
fit_memory (TnRecordedRun *self, GError **error)
{
  gsize budget = tn_pool_get_budget (tn_pool_default ());
  gsize left = budget - MIN (budget, tn_pool_get_total (tn_pool_default ()));
  gsize tile = tn_activation_source_tile_bytes (self->source);

  if (budget == 0)
    return TRUE;
  while (self->ahead > 0 && tile > left / (self->ahead + TILES_AT_WORK))
    self->ahead--;
  if (tile > left)
    {
      g_autofree char *need = g_format_size_full (tile, G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char *have = g_format_size_full (left, G_FORMAT_SIZE_IEC_UNITS);

      g_set_error (error, TN_ERROR, TN_ERROR_MEMORY,
                   _ ("the sequences of a tile need %s of memory and %s are left: raise --memory-limit or lower --batch-size"), need, have);
      return FALSE;
    }
  return TRUE;
}

TnRecordedRun *
tn_recorded_run_open (const TnCalibrateOptions *options, const TnListener *listener, GError **error)
{
  g_autoptr (TnRecordedRun) self = g_new0 (TnRecordedRun, 1);
  g_autoptr (GArray) list = NULL;
  TnSamplingOptions sampling = options->sampling;
  gsize budget = tn_pool_get_budget (tn_pool_default ());
  gsize tile_bytes = budget > 0 ? MIN (TILE_BYTES, budget / 16) : TILE_BYTES;

  if (!tn_calibrate_options_is_given (options, "samples"))
    sampling.n_samples = 0;
  if (!tn_calibrate_options_is_given (options, "batch-size"))
    sampling.batch_size = 0;
  if (sampling.sampler == TN_SAMPLER_INDICES)
    {
      if ((list = sampling.ordinals = tn_ordinal_list_load (options->indices_path, error)) == NULL)
        return NULL;
      sampling.n_samples = list->len;
    }
  else if (sampling.sampler == TN_SAMPLER_IMPORTANCE && (list = sampling.sizes = tn_size_list_load (options->weights_path, error)) == NULL)
    return NULL;
  self->ahead = options->workers;
  self->source = tn_activation_source_open ((const char *const *) options->tensor_paths, &sampling, tile_bytes, listener, error);
  return self->source != NULL && fit_memory (self, error) ? g_steal_pointer (&self) : NULL;
}

void
tn_recorded_run_free (TnRecordedRun *self)
{
  if (self == NULL)
    return;
  tn_activation_source_free (self->source);
  g_free (self);
}

static gint
compare_sites (gconstpointer a, gconstpointer b)
{
  const TnActivationSite *x = *(const TnActivationSite *const *) a, *y = *(const TnActivationSite *const *) b;

  return strcmp (x->name, y->name);
}

TnStats *
tn_recorded_run_new_stats (TnRecordedRun *self)
{
  g_autoptr (GPtrArray) sites = g_ptr_array_new ();
  guint64 fingerprint = tn_hash_string ("recorded activations", 0);
  TnStats *stats;

  for (guint i = 0; i < tn_activation_source_n_sites (self->source); i++)
    g_ptr_array_add (sites, (gpointer) tn_activation_source_get_site (self->source, i));
  g_ptr_array_sort (sites, compare_sites);
  for (guint i = 0; i < sites->len; i++)
    {
      const TnActivationSite *site = g_ptr_array_index (sites, i);

      fingerprint = tn_hash_combine (fingerprint, tn_hash_string (site->name, site->width));
    }
  stats = tn_stats_new (fingerprint, TN_RECORDED_BACKEND);
  for (guint i = 0; i < sites->len; i++)
    {
      const TnActivationSite *site = g_ptr_array_index (sites, i);

      tn_stats_add_site (stats, site->name, site->width);
    }
  if (tn_activation_source_is_weighted (self->source))
    tn_stats_keep_weights (stats);
  return stats;
}

static gpointer
read_tile (gpointer user_data, gsize *bytes, GError **error)
{
  TnRecordedRun *self = user_data;
  TnActivationTile *tile = tn_activation_source_next (self->source, error);

  if (tile != NULL)
    *bytes = tile->batch->n_tokens * tn_activation_source_get_site (self->source, tile->site)->width * sizeof (float);
  return tile;
}

static void
free_tile (gpointer tile)
{
  tn_activation_tile_free (tile);
}

typedef struct
{
  TnSite site;
  const TnActivationTile *tile;
  TnStats *stats;
} ObserveCall;

static void
observe_on_compute_thread (gpointer user_data)
{
  ObserveCall *call = user_data;

  tn_stats_observe (&call->site, call->tile->batch, call->tile->values, call->stats);
}

static void
observe_tile (TnRecordedRun *self, const TnActivationTile *tile, TnStats *stats, GMutex *lock, gint *version)
{
  const TnActivationSite *site = tn_activation_source_get_site (self->source, tile->site);
  ObserveCall call = {.site = {.name = site->name, .width = site->width}, .tile = tile, .stats = stats};

  g_mutex_lock (lock);
  tn_compute_run (observe_on_compute_thread, &call);
  tn_stats_count_batch (stats, tile->batch);
  g_mutex_unlock (lock);
  g_atomic_int_inc (version);
}

/* Where this run began. */
typedef struct
{
  gint64 start_us;
  guint64 tokens_before;
} Pace;

static void
tell (const TnRecordedRun *self, const TnStats *stats, const Pace *pace, gint64 step, const TnListener *listener)
{
  double seconds = (double) (g_get_monotonic_time () - pace->start_us) * 1e-6;

  tn_listener_progress (listener, (double) stats->samples, (double) tn_activation_source_count (self->source), "sequences");
  tn_listener_metric (listener, "tokens", step, (double) stats->tokens);
  tn_listener_metric (listener, "tokens_per_second", step, (double) (stats->tokens - pace->tokens_before) / seconds);
  tn_listener_metric (listener, "rss_bytes", step, (double) tn_process_get_rss ());
}

gboolean
tn_recorded_run_observe (TnRecordedRun *self, TnStats *stats, TnCalibrateStop *stop, TnCalibrateCheckpoint *checkpoint, GMutex *lock, gint *version,
                         const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnReadAhead) ahead =
      self->ahead > 0 ? tn_read_ahead_new (read_tile, self, free_tile, self->ahead, G_MAXSIZE) : NULL;
  const Pace pace = {.start_us = g_get_monotonic_time (), .tokens_before = stats->tokens};
  GError *local = NULL;

  for (gint64 step = 0;; step++)
    {
      gsize bytes;
      g_autoptr (TnActivationTile) tile = ahead != NULL ? tn_read_ahead_next (ahead, &local) : read_tile (self, &bytes, &local);

      if (tile == NULL)
        break;
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !tn_listener_boundary (listener, error))
        return FALSE;
      observe_tile (self, tile, stats, lock, version);
      tell (self, stats, &pace, step, listener);
      if (tn_calibrate_stop_offer (stop, stats, listener))
        break;
      if (checkpoint != NULL)
        tn_calibrate_checkpoint_offer (checkpoint, stats, listener);
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  return TRUE;
}
