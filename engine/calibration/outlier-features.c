/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/outlier-features.h"

#include <math.h>
#include <string.h>

/* Bits of 6.0f, as those of a bin; the sign above them; and where infinity begins. */
#define FIRST_BIN 0x40c0U
#define NEGATIVE 0x8000U
#define INFINITE_BIN 0x7f80U

/* What follows "blk.N."; NULL for a site of no layer. */
static const char *
find_kind (const TnSiteStats *site)
{
  const char *number = site->name + strlen ("blk.");
  gsize digits;

  if (!g_str_has_prefix (site->name, "blk."))
    return NULL;
  digits = strspn (number, "0123456789");
  return digits > 0 && number[digits] == '.' ? number + digits + 1 : NULL;
}

static gboolean
is_known (const GPtrArray *layers)
{
  for (guint i = 0; i < layers->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (layers, i);

      if (site->channel_histograms == NULL || site->width != ((const TnSiteStats *) g_ptr_array_index (layers, 0))->width)
        return FALSE;
    }
  return TRUE;
}

static gboolean
reaches (const TnSiteStats *site, guint channel)
{
  const TnChannelStats *stats = &site->channels[channel];

  return stats->min <= stats->max && fmax (fabs ((double) stats->min), fabs ((double) stats->max)) >= TN_OUTLIER_FEATURE_MAGNITUDE;
}

static guint64
count_large (const TnSiteStats *site, guint channel)
{
  g_autoptr (TnFloatHistogram) histogram = tn_channel_histograms_get (site->channel_histograms, channel);
  guint64 count = 0;

  for (guint bin = FIRST_BIN; bin < INFINITE_BIN; bin++)
    count += histogram->bins[bin] + histogram->bins[NEGATIVE | bin];
  return count;
}

static void
find_in_layers (const char *kind, const GPtrArray *layers, GArray *features)
{
  guint width = ((const TnSiteStats *) g_ptr_array_index (layers, 0))->width;

  for (guint c = 0; c < width; c++)
    {
      TnOutlierFeature feature = {.kind = kind, .channel = c, .n_layers = layers->len};
      guint64 positions = 0, large = 0;

      for (guint i = 0; i < layers->len; i++)
        feature.layers += reaches (g_ptr_array_index (layers, i), c);
      if (feature.layers < TN_OUTLIER_FEATURE_LAYERS * layers->len)
        continue;
      for (guint i = 0; i < layers->len; i++)
        {
          const TnSiteStats *site = g_ptr_array_index (layers, i);

          positions += site->tokens;
          large += reaches (site, c) ? count_large (site, c) : 0;
        }
      feature.positions = positions > 0 ? (double) large / (double) positions : 0.0;
      if (feature.layers > 0 && feature.positions >= TN_OUTLIER_FEATURE_POSITIONS)
        g_array_append_val (features, feature);
    }
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

GArray *
tn_stats_find_outlier_features (const TnStats *stats)
{
  g_autoptr (GHashTable) kinds = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_ptr_array_unref);
  g_autoptr (GArray) features = g_array_new (FALSE, FALSE, sizeof (TnOutlierFeature));
  g_autoptr (GList) names = NULL;
  gboolean known = FALSE;

  for (guint i = 0; i < stats->sites->len; i++)
    {
      TnSiteStats *site = g_ptr_array_index (stats->sites, i);
      const char *kind = find_kind (site);
      GPtrArray *layers = kind != NULL ? g_hash_table_lookup (kinds, kind) : NULL;

      if (kind == NULL)
        continue;
      if (layers == NULL)
        g_hash_table_insert (kinds, (gpointer) kind, layers = g_ptr_array_new ());
      g_ptr_array_add (layers, site);
    }
  names = g_list_sort (g_hash_table_get_keys (kinds), compare_strings);
  for (GList *name = names; name != NULL; name = name->next)
    {
      const GPtrArray *layers = g_hash_table_lookup (kinds, name->data);

      if (!is_known (layers))
        continue;
      known = TRUE;
      find_in_layers (name->data, layers, features);
    }
  return known ? g_steal_pointer (&features) : NULL;
}
