/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "data/files/safetensors-writer.h"
#include "data/models/safetensors.h"
#include "data/statistics/stats-layout.h"
#include "data/statistics/stats-weights.h"
#include "engine/crc32c.h"
#include "engine/error.h"
#include "tests/activations.h"

static char *folder;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
observe (TnStats *stats, const char *site_name, const TnTestActivations *data, guint first, guint n, gboolean count)
{
  g_autofree guint *which = g_new (guint, n + 1);
  g_autofree float *x = NULL;
  g_autoptr (TnBatch) batch = NULL;

  for (guint i = 0; i < n; i++)
    which[i] = first + i;
  batch = tn_test_activations_batch (data, which, n, &x);
  tn_site_stats_observe (tn_stats_find (stats, site_name), batch, x);
  if (count)
    tn_stats_count_batch (stats, batch);
}

enum
{
  N = 13
};

/* Sequences first .. end of a fixed set, among them values of all kinds. */
static TnStats *
make_stats (guint first, guint end)
{
  static const guint widths[] = {1, 3, 64, 257};
  TnStats *stats = tn_stats_new (0xfedcba9876543210, "openblas");

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.attn_q.in", w);
      g_autofree char *alias = g_strdup_printf ("blk.%u.attn_k.in", w);
      TnTestActivations data = tn_test_activations_new (w % 2, N, 50, widths[w], w != 2);

      tn_stats_add_site (stats, name, widths[w]);
      tn_stats_add_alias (stats, alias, name);
      observe (stats, name, &data, first, end - first, w == 0);
      tn_test_activations_clear (&data);
    }
  tn_stats_add_site (stats, "empty “site”", 5);
  return stats;
}

static void
assert_same_bytes (const char *a, const char *b)
{
  g_autofree char *x = NULL, *y = NULL;
  gsize x_size, y_size;

  g_assert_true (g_file_get_contents (a, &x, &x_size, NULL));
  g_assert_true (g_file_get_contents (b, &y, &y_size, NULL));
  g_assert_cmpmem (x, x_size, y, y_size);
}

static void
test_round_trip (void)
{
  g_autoptr (TnStats) stats = make_stats (0, N);
  g_autoptr (TnStats) loaded = NULL;
  g_autofree char *a = path_of ("a.safetensors"), *b = path_of ("b.safetensors");
  g_autoptr (GError) error = NULL;
  guint64 bytes = 0;
  GStatBuf info;

  stats->partial = TRUE;
  for (guint w = 0; w < 3; w++)
    {
      g_autofree char *name = g_strdup_printf ("more.%u.in", w);
      TnTestActivations data = tn_test_activations_new (w, N, 50, 17, w != 2);
      TnSiteStats *site = tn_stats_add_site (stats, name, 17);

      if (w != 1)
        tn_site_stats_keep_channel_histograms (site, 0);
      if (w != 0)
        tn_site_stats_keep_moving_range (site, 0.9 + 0.03 * w);
      observe (stats, name, &data, 0, N, FALSE);
      tn_test_activations_clear (&data);
    }
  g_assert_true (tn_stats_save (stats, a, &bytes, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_stat (a, &info), ==, 0);
  g_assert_cmpuint (bytes, ==, (guint64) info.st_size);
  loaded = tn_stats_load (a, &error);
  g_assert_no_error (error);
  g_assert_true (tn_stats_equal (stats, loaded));
  g_assert_true (tn_stats_find (loaded, "blk.2.attn_k.in") == tn_stats_find (loaded, "blk.2.attn_q.in"));
  g_assert_true (tn_stats_save (loaded, b, NULL, &error));
  assert_same_bytes (a, b);
}

/* Shards saved, loaded and merged in any order give the file of the whole. */
/* Sums with weights come back as they were, and merge as the rest does; text that is none is refused. */
static void
test_weights (void)
{
  static const float x[6] = {1.0f, -2.0f, 0.5f, INFINITY, 3.0f, -1.0f};
  static const char *const wrong[] = {"1", "{\"weight\":\"0\"}", "[]"};
  g_autoptr (TnStats) first = tn_stats_new (1, "b");
  g_autoptr (TnStats) second = tn_stats_new (1, "b");
  g_autoptr (TnStats) whole = tn_stats_new (1, "b");
  g_autoptr (TnStats) loaded = NULL;
  g_autoptr (TnStats) even = tn_stats_new (1, "b");
  g_autofree char *path = path_of ("weights.safetensors");
  g_autofree char *json = NULL;
  gint32 tokens[3] = {0};
  const TnSequence sequences[] = {{.hash = 7, .length = 1, .tokens = tokens, .weight = 2.5}, {.hash = 8, .length = 2, .tokens = tokens, .weight = 40.0}};
  const TnSite site = {.name = (char *) "site", .width = 2};
  TnWeightedSummary summary;
  GError *error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      TnStats *stats = i == 0 ? first : i == 1 ? second : whole;
      g_autoptr (TnBatch) batch = i < 2 ? tn_batch_new (sequences + i, 1) : tn_batch_new (sequences, 2);

      tn_stats_add_site (stats, "a", 1);
      tn_stats_add_site (stats, "site", 2);
      tn_stats_keep_weights (stats);
      tn_stats_observe (&site, batch, x + (i == 1 ? 2 : 0), stats);
      tn_stats_count_batch (stats, batch);
    }
  /* 2.5 (1 - 2) + 40 (0.5 + 3 - 1), of 2.5 * 2 + 40 * 3 values. */
  tn_weighted_stats_summarize (whole->weighted, 1, &summary);
  g_assert_cmpfloat (summary.count, ==, 125.0);
  g_assert_cmpfloat_with_epsilon (summary.mean, 97.5 / 125.0, 1e-15);
  g_assert_cmpfloat_with_epsilon (summary.mean_square, (2.5 * 5.0 + 40.0 * 10.25) / 125.0, 1e-15);
  tn_weighted_stats_summarize (whole->weighted, 0, &summary);
  g_assert_true (isnan (summary.mean));
  tn_stats_merge (second, first, &error);
  g_assert_no_error (error);
  g_assert_true (tn_stats_equal (second, whole));
  g_assert_true (tn_stats_save (whole, path, NULL, &error));
  loaded = tn_stats_load (path, &error);
  g_assert_no_error (error);
  g_assert_true (tn_stats_equal (loaded, whole));
  json = tn_stats_to_json (loaded);
  g_assert_nonnull (strstr (json, "effective_samples"));
  /* Weighted and even ones do not mix. */
  tn_stats_add_site (even, "a", 1);
  tn_stats_add_site (even, "site", 2);
  even->samples = 1;
  g_assert_false (tn_stats_merge (even, whole, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_clear_error (&error);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (TnJson) parsed = tn_json_parse (wrong[i], strlen (wrong[i]), "test", 0, NULL);

      g_assert_null (tn_stats_weights_from_json (tn_json_get_root (parsed), 2));
    }
}

static void
test_exactness (void)
{
  static const guint cuts[][4] = {{0, 5, 9, N}, {0, 1, 12, N}, {0, 0, 7, N}};
  g_autoptr (TnStats) whole = make_stats (0, N);
  g_autofree char *whole_path = path_of ("whole.safetensors"), *merged_path = path_of ("merged.safetensors");

  g_assert_true (tn_stats_save (whole, whole_path, NULL, NULL));
  for (guint k = 0; k < G_N_ELEMENTS (cuts); k++)
    for (guint order = 0; order < 3; order++)
      {
        g_autoptr (TnStats) merged = NULL;
        g_autoptr (GError) error = NULL;

        for (guint i = 0; i < 3; i++)
          {
            guint part = (i + order) % 3;
            g_autofree char *path = path_of ("part.safetensors");
            g_autoptr (TnStats) stats = make_stats (cuts[k][part], cuts[k][part + 1]);
            g_autoptr (TnStats) loaded = NULL;

            g_assert_true (tn_stats_save (stats, path, NULL, NULL));
            loaded = tn_stats_load (path, &error);
            g_assert_no_error (error);
            if (merged == NULL)
              merged = g_steal_pointer (&loaded);
            else
              g_assert_true (tn_stats_merge (merged, loaded, &error));
          }
        g_assert_true (tn_stats_save (merged, merged_path, NULL, NULL));
        assert_same_bytes (whole_path, merged_path);
      }
}

/* 21 sites as a small model has them, thousands of occupied bins each. */
static void
test_size (void)
{
  g_autoptr (TnStats) stats = tn_stats_new (1, "openblas");
  g_autoptr (TnMappedFile) mapped = NULL;
  g_autoptr (TnSafetensors) file = NULL;
  g_autofree char *path = path_of ("size.safetensors");
  guint64 bytes, channels = 0, channel_bytes = 0, occupied = 0;

  for (guint i = 0; i < 21; i++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.site_%u.in", i / 4, i % 4);
      guint width = i % 4 == 3 ? 172 : 64;
      TnTestActivations data = tn_test_activations_new (i, 8, 2000, width, FALSE);

      tn_stats_add_site (stats, name, width);
      observe (stats, name, &data, 0, 8, i == 0);
      channels += width;
      for (guint bin = 0; bin < TN_FLOAT_HISTOGRAM_BINS; bin++)
        occupied += tn_stats_find (stats, name)->histogram->bins[bin] > 0;
      tn_test_activations_clear (&data);
    }
  g_assert_true (tn_stats_save (stats, path, &bytes, NULL));
  mapped = tn_mapped_file_open (path, NULL);
  file = tn_safetensors_open (mapped, NULL);
  for (guint i = 0; i < tn_safetensors_n_entries (file); i++)
    if (strstr (tn_safetensors_get_entry (file, i)->name, ".channels.") != NULL)
      channel_bytes += tn_safetensors_get_entry (file, i)->bytes;
  g_test_message ("%" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT " occupied bins a site, %.1f bytes a channel", bytes,
                  occupied / 21, (double) channel_bytes / (double) channels);
  g_assert_cmpuint (occupied / 21, >, 2000);
  g_assert_cmpuint (channel_bytes, <=, 24 * channels);
  g_assert_cmpuint (bytes, <, 250000);
}

static void
test_wide_counts (void)
{
  g_autoptr (TnStats) stats = tn_stats_new (1, "openblas");
  g_autoptr (TnStats) loaded = NULL;
  TnSiteStats *site = tn_stats_add_site (stats, "site", 4);
  g_autofree char *path = path_of ("wide.safetensors");
  g_autoptr (GError) error = NULL;
  guint64 tokens = (G_GUINT64_CONSTANT (1) << 30) + 1;

  /* So many times the same four values as no test can observe. */
  site->tokens = tokens;
  tn_float_histogram_add_counts (site->histogram, 0x3f80, (guint64[]){4 * tokens}, 1);
  site->has_extremes = TRUE;
  site->min.value = site->max.value = 1.0f;
  site->groups[3].count = 4 * tokens;
  site->groups[3].sequences = 1;
  site->groups[3].min = site->groups[3].max = 1.0f;
  site->group_bins[3 * TN_GROUP_BINS + 0x3f80 / TN_GROUP_BIN_WIDTH] = 4 * tokens;
  site->largest[0].value = 1.0f;
  site->n_largest = 1;
  for (guint c = 0; c < 4; c++)
    site->channels[c] = (TnChannelStats){tokens, (TnChannelSum) tokens << 40, (TnChannelSum) tokens << 40, 1.0f, 1.0f};
  g_assert_true (tn_stats_save (stats, path, NULL, NULL));
  loaded = tn_stats_load (path, &error);
  g_assert_no_error (error);
  g_assert_true (tn_stats_equal (stats, loaded));
}

/* Files that differ from a good one by one tensor or one string. */
typedef struct
{
  const char *metadata, *value; /* value NULL: left out */
  const char *tensor;           /* left out when change is 0 */
  int change;                   /* added to its byte at */
  gsize at;
  TnDtype dtype; /* instead, if not 0 */
  TnErrorCode code;
  const char *named;
  gboolean unsigned_; /* check sums stay those of the good file */
} Damage;

/* Puts the check sum of a changed tensor in the place of the good one's. */
static void
correct_sum (GHashTable *metadata, const void *good, const void *bad, gsize bytes)
{
  g_autofree char *from = g_strdup_printf (":%" G_GUINT32_FORMAT, tn_crc32c (0, good, bytes));
  g_autofree char *to = g_strdup_printf (":%" G_GUINT32_FORMAT, tn_crc32c (0, bad, bytes));
  GString *sites = g_string_new (g_hash_table_lookup (metadata, "sites"));

  g_string_replace (sites, from, to, 1);
  g_hash_table_replace (metadata, g_strdup ("sites"), g_string_free (sites, FALSE));
}

static void
write_damaged (const char *source, const char *target, const Damage *damage)
{
  g_autoptr (TnMappedFile) mapped = tn_mapped_file_open (source, NULL);
  g_autoptr (TnSafetensors) file = tn_safetensors_open (mapped, NULL);
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, tn_safetensors_get_all_metadata (file));
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (g_strcmp0 (key, damage->metadata) != 0)
      g_hash_table_replace (metadata, g_strdup (key), g_strdup (value));
  if (damage->metadata != NULL && damage->value != NULL)
    g_hash_table_replace (metadata, g_strdup (damage->metadata), g_strdup (damage->value));
  for (guint i = 0; i < tn_safetensors_n_entries (file); i++)
    {
      const TnSafetensorsEntry *entry = tn_safetensors_get_entry (file, i);
      gboolean hit = g_strcmp0 (entry->name, damage->tensor) == 0;
      guint8 *data = g_memdup2 (entry->data, entry->bytes);

      if (hit && damage->change == 0 && damage->dtype == 0)
        {
          g_free (data);
          continue;
        }
      if (hit && entry->bytes > 0)
        {
          data[damage->at] = (guint8) (data[damage->at] + damage->change);
          if (!damage->unsigned_)
            correct_sum (metadata, entry->data, data, (gsize) entry->bytes);
        }
      g_assert_true (tn_safetensors_writer_take_tensor (writer, entry->name,
                                                        hit && damage->dtype != 0 ? damage->dtype : entry->dtype, entry->n_dims,
                                                        entry->shape, data, &error));
    }
  if (damage->tensor != NULL && damage->change == 99)
    g_assert_true (tn_safetensors_writer_add_tensor (writer, "stray", TN_DTYPE_U8, 1, (guint64[]){1}, "x", &error));
  if (!damage->unsigned_ && g_strcmp0 (damage->metadata, TN_STATS_KEY_CHECKSUM) != 0)
    g_hash_table_replace (metadata, g_strdup (TN_STATS_KEY_CHECKSUM),
                          g_strdup_printf ("%" G_GUINT32_FORMAT, tn_stats_metadata_checksum (metadata)));
  g_hash_table_iter_init (&iter, metadata);
  while (g_hash_table_iter_next (&iter, &key, &value))
    tn_safetensors_writer_add_metadata (writer, key, value);
  g_assert_true (tn_safetensors_writer_write (writer, target, NULL, &error));
}

static void
test_damaged (void)
{
  static const Damage damages[] = {
      {.metadata = "format", .named = "format"},
      {.metadata = "format", .value = "other", .named = "ternion-statistics"},
      {.metadata = "schema_version", .named = "schema_version"},
      {.metadata = "schema_version", .value = "0", .named = "schema_version"},
      {.metadata = "schema_version", .value = "x", .named = "schema_version"},
      {.metadata = "schema_version", .value = "3", .code = TN_ERROR_MISMATCH, .named = "schema_version"},
      {.metadata = "model_fingerprint", .value = "12", .named = "model_fingerprint"},
      {.metadata = "data_fingerprint", .value = "zzzzzzzzzzzzzzzz", .named = "data_fingerprint"},
      {.metadata = "samples", .value = "-1", .named = "samples"},
      {.metadata = "tokens", .value = "99999999999999999999", .named = "tokens"},
      {.metadata = "partial", .value = "maybe", .named = "partial"},
      {.metadata = "backend", .named = "backend"},
      {.metadata = "power_sum_quantum_log2", .value = "-95", .named = "-96"},
      {.metadata = "power_sum_order", .value = "row", .named = "tile"},
      {.metadata = "oversize_log2", .value = "31", .named = "27"},
      {.metadata = "groups", .value = "8", .named = "groups"},
      {.metadata = "aliases", .value = "[]", .named = "aliases"},
      {.metadata = "aliases", .value = "{\"a\":\"nowhere\"}", .named = "aliases"},
      {.metadata = "aliases", .value = "{\"site\":\"site\"}", .named = "aliases"},
      {.metadata = "sites", .value = "{}", .named = "sites"},
      {.metadata = "sites", .value = "[", .named = "sites"},
      {.metadata = "sites", .value = "[3]", .named = "sites"},
      {.metadata = "sites", .value = "[]", .named = "sites"},
      {.metadata = "sites", .value = "[{\"name\":\"site\",\"width\":0}]", .named = "width"},
      {.metadata = "sites", .value = "[{\"name\":\"site\",\"width\":1048576}]", .named = "channels"},
      {.metadata = "sites", .value = "[{\"name\":\"site\",\"width\":-5}]", .named = "width"},
      {.metadata = "sites", .value = "[{\"name\":\"site\",\"width\":3,\"tokens\":1e30}]", .named = "tokens"},
      {.metadata = "metadata_crc32c", .named = "metadata_crc32c"},
      {.metadata = "metadata_crc32c", .value = "1", .code = TN_ERROR_DATA, .named = "__metadata__"},
      {.metadata = "samples", .value = "5", .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "__metadata__"},
      {.tensor = "site.histogram", .named = "site.histogram"},
      {.tensor = "site.histogram", .dtype = TN_DTYPE_I8, .named = "dtype"},
      {.tensor = "site.histogram", .change = 1, .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "tensor \"site.histogram\" is damaged"},
      {.tensor = "site.histogram", .change = 1, .named = "site.histogram"},
      {.tensor = "site.histogram", .change = 1, .at = 4, .named = "site.histogram"},
      {.tensor = "site.groups", .named = "site.groups"},
      {.tensor = "site.groups", .change = 1, .named = "site.groups"},
      {.tensor = "site.groups", .change = 64, .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "tensor \"site.groups\" is damaged"},
      {.tensor = "site.groups.histogram", .change = 1, .named = "site.groups.histogram"},
      {.tensor = "site.groups.histogram", .change = 1, .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "site.groups.histogram"},
      {.tensor = "site.largest", .named = "site.largest"},
      {.tensor = "site.largest", .change = 1, .named = "site.largest"},
      {.tensor = "site.largest", .change = 0x40, .at = 16, .named = "site.largest"},
      {.tensor = "site.channels.sum", .named = "channels.sum"},
      {.tensor = "site.channels.sum", .change = 1, .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "channels.sum"},
      {.tensor = "site.channels.sum2", .change = 1, .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "channels.sum2"},
      {.tensor = "site.channels.min", .change = 1, .named = "channels.min"},
      {.tensor = "site.channels.max", .change = 1, .named = "channels.min"},
      {.tensor = "site.channels.max", .change = 1, .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "channels.max"},
      {.tensor = "site.channels.count", .named = "channels.count"},
      {.tensor = "site.channels.count", .change = 1, .named = "channels.count"},
      {.tensor = "site.channels.histogram", .change = 1, .named = "channels.histogram"},
      {.tensor = "site.channels.histogram", .change = 1, .unsigned_ = TRUE, .code = TN_ERROR_DATA, .named = "channels.histogram"},
      {.tensor = "stray", .change = 99, .named = "tensors found"},
  };
  g_autoptr (TnStats) stats = tn_stats_new (7, "openblas");
  g_autofree char *good = path_of ("good.safetensors"), *bad = path_of ("bad.safetensors");
  TnTestActivations data = tn_test_activations_new (11, 6, 30, 3, TRUE);

  tn_site_stats_keep_channel_histograms (tn_stats_add_site (stats, "site", 3), 0);
  tn_site_stats_keep_moving_range (tn_stats_find (stats, "site"), 0.99);
  observe (stats, "site", &data, 0, 6, TRUE);
  tn_test_activations_clear (&data);
  g_assert_true (tn_stats_save (stats, good, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autoptr (TnStats) loaded = NULL;
      g_autoptr (GError) error = NULL;

      write_damaged (good, bad, &damages[i]);
      loaded = tn_stats_load (bad, &error);
      g_assert_null (loaded);
      g_test_message ("%s", error->message);
      g_assert_error (error, TN_ERROR, (gint) damages[i].code);
      g_assert_nonnull (strstr (error->message, damages[i].named));
      g_assert_nonnull (strstr (error->message, bad));
      g_assert_null (strchr (error->message, '\n'));
    }
  {
    static const Damage none = {0};
    g_autoptr (TnStats) loaded = NULL;

    write_damaged (good, bad, &none);
    assert_same_bytes (good, bad);
    loaded = tn_stats_load (bad, NULL);
    g_assert_true (tn_stats_equal (stats, loaded));
  }
}

/* The first files said nothing of the order of their power sums: they are read, and written again as they were, but not mixed with
 * others. */
static void
test_earlier_order (void)
{
  static const Damage no_order = {.metadata = "power_sum_order"};
  g_autoptr (TnStats) stats = make_stats (0, 3);
  g_autoptr (TnStats) later = make_stats (3, N);
  g_autoptr (TnStats) earlier = NULL;
  g_autoptr (TnStats) again = NULL;
  g_autofree char *good = path_of ("good.safetensors"), *old = path_of ("old.safetensors"), *copy = path_of ("copy.safetensors");
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_stats_save (stats, good, NULL, NULL));
  write_damaged (good, old, &no_order);
  earlier = tn_stats_load (old, &error);
  g_assert_no_error (error);
  g_assert_false (tn_stats_equal (stats, earlier));
  g_assert_true (tn_stats_save (earlier, copy, NULL, NULL));
  assert_same_bytes (old, copy);

  g_assert_false (tn_stats_merge (earlier, later, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_clear_error (&error);
  g_assert_false (tn_stats_merge (later, earlier, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_clear_error (&error);
  again = tn_stats_copy (earlier);
  g_assert_true (tn_stats_merge (earlier, again, &error));
  g_assert_no_error (error);
}

/* What the first file version did not hold. */
static void
drop_details (TnStats *stats)
{
  for (guint i = 0; i < stats->sites->len; i++)
    {
      TnSiteStats *site = g_ptr_array_index (stats->sites, i);

      site->has_details = FALSE;
      site->n_largest = 0;
      memset (site->group_bins, 0, TN_STATS_GROUPS * TN_GROUP_BINS * sizeof *site->group_bins);
      for (guint g = 0; g < TN_STATS_GROUPS; g++)
        {
          site->groups[g].zeros = 0;
          site->groups[g].min = INFINITY;
          site->groups[g].max = -INFINITY;
        }
    }
}

/* A file of the first version, written by it: all it held is read; what it did not hold is said to be missing, also when it is merged
 * with statistics that have it. */
static void
test_first_version (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "statistics-1.safetensors", NULL);
  g_autofree char *again = path_of ("again.safetensors");
  g_autoptr (TnStats) expected = make_stats (0, 3);
  g_autoptr (TnStats) rest = make_stats (3, N);
  g_autoptr (TnStats) whole = make_stats (0, N);
  g_autoptr (TnStats) copy = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (TnStats) first = tn_stats_load (path, &error);

  g_assert_no_error (error);
  g_assert_false (tn_stats_equal (first, expected));
  g_assert_false (((TnSiteStats *) g_ptr_array_index (first->sites, 0))->has_details);
  drop_details (expected);
  g_assert_true (tn_stats_equal (first, expected));
  g_assert_true (tn_stats_save (first, again, NULL, &error));
  copy = tn_stats_load (again, &error);
  g_assert_no_error (error);
  g_assert_true (tn_stats_equal (first, copy));

  g_assert_true (tn_stats_merge (first, rest, &error));
  g_assert_true (tn_stats_merge (rest, copy, &error));
  drop_details (whole);
  g_assert_true (tn_stats_equal (first, whole));
  g_assert_true (tn_stats_equal (rest, whole));
}

/* One bit changed anywhere: refused, with the name of the file. */
static void
test_every_bit (void)
{
  g_autoptr (TnStats) stats = tn_stats_new (7, "openblas");
  g_autofree char *good = path_of ("good.safetensors"), *bad = path_of ("bad.safetensors"), *bytes = NULL;
  TnTestActivations data = tn_test_activations_new (13, 2, 5, 2, TRUE);
  gsize size;

  tn_site_stats_keep_channel_histograms (tn_stats_add_site (stats, "site", 2), 0);
  tn_stats_add_alias (stats, "other", "site");
  observe (stats, "site", &data, 0, 2, TRUE);
  tn_test_activations_clear (&data);
  g_assert_true (tn_stats_save (stats, good, NULL, NULL));
  g_assert_true (g_file_get_contents (good, &bytes, &size, NULL));
  g_test_message ("%" G_GSIZE_FORMAT " bytes", size);
  for (gsize bit = 0; bit < 8 * size; bit++)
    {
      g_autoptr (TnStats) loaded = NULL;
      g_autoptr (GError) error = NULL;

      bytes[bit / 8] ^= (char) (1 << bit % 8);
      g_assert_true (g_file_set_contents_full (bad, bytes, (gssize) size, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
      loaded = tn_stats_load (bad, &error);
      if (loaded != NULL)
        g_error ("bit %" G_GSIZE_FORMAT " of byte %" G_GSIZE_FORMAT " was not missed", bit % 8, bit / 8);
      g_assert_nonnull (strstr (error->message, bad));
      bytes[bit / 8] ^= (char) (1 << bit % 8);
    }
}

/* Any byte changed, any length cut: refused or read, never worse. */
static void
test_hostile (void)
{
  TnRandom random = tn_random_stream (1, "hostile");
  g_autoptr (TnStats) stats = tn_stats_new (7, "openblas");
  g_autofree char *good = path_of ("good.safetensors"), *bad = path_of ("bad.safetensors"), *bytes = NULL;
  TnTestActivations data = tn_test_activations_new (12, 4, 9, 2, TRUE);
  gsize size;

  tn_stats_add_site (stats, "site", 2);
  tn_stats_add_alias (stats, "other", "site");
  observe (stats, "site", &data, 0, 4, TRUE);
  tn_test_activations_clear (&data);
  g_assert_true (tn_stats_save (stats, good, NULL, NULL));
  g_assert_true (g_file_get_contents (good, &bytes, &size, NULL));
  for (guint i = 0; i < 800; i++)
    {
      gsize cut = i % 4 == 0 ? tn_random_below (&random, size) : size, at = tn_random_below (&random, i % 2 ? MIN (2500, size) : size);
      g_autofree char *copy = g_memdup2 (bytes, size);
      g_autoptr (TnStats) loaded = NULL;
      g_autoptr (GError) error = NULL;

      copy[at] = (char) tn_random_below (&random, 256);
      g_assert_true (g_file_set_contents (bad, copy, (gssize) cut, NULL));
      loaded = tn_stats_load (bad, &error);
      g_assert_true ((loaded == NULL) == (error != NULL));
      if (loaded != NULL)
        {
          g_autofree char *json = tn_stats_to_json (loaded);
          g_autofree char *csv = tn_stats_to_csv (loaded);
        }
    }
}

/* Any byte of any tensor changed, and the check sums with it: what check sums cannot find must not do harm either. */
static void
test_forged (void)
{
  static const char *const tensors[] = {"histogram",     "groups",        "groups.histogram", "largest",       "channels.sum",
                                        "channels.sum2", "channels.min",  "channels.max",     "channels.count", "channels.histogram"};
  TnRandom random = tn_random_stream (2, "forged");
  g_autoptr (TnStats) stats = tn_stats_new (7, "openblas");
  g_autofree char *good = path_of ("good.safetensors"), *bad = path_of ("bad.safetensors");
  g_autoptr (TnMappedFile) mapped = NULL;
  g_autoptr (TnSafetensors) file = NULL;
  TnTestActivations data = tn_test_activations_new (11, 6, 30, 3, TRUE);
  guint read = 0;

  tn_site_stats_keep_channel_histograms (tn_stats_add_site (stats, "site", 3), 0);
  observe (stats, "site", &data, 0, 6, TRUE);
  tn_test_activations_clear (&data);
  g_assert_true (tn_stats_save (stats, good, NULL, NULL));
  mapped = tn_mapped_file_open (good, NULL);
  file = tn_safetensors_open (mapped, NULL);
  for (guint i = 0; i < 600; i++)
    {
      g_autofree char *name = g_strdup_printf ("site.%s", tensors[i % G_N_ELEMENTS (tensors)]);
      const TnSafetensorsEntry *entry = tn_safetensors_find_entry (file, name);
      Damage damage = {.tensor = name, .change = 1 + (int) tn_random_below (&random, 255)};
      g_autoptr (TnStats) loaded = NULL;
      g_autoptr (GError) error = NULL;

      damage.at = tn_random_below (&random, entry->bytes);
      write_damaged (good, bad, &damage);
      loaded = tn_stats_load (bad, &error);
      g_assert_true ((loaded == NULL) == (error != NULL));
      g_assert_false (g_error_matches (error, TN_ERROR, TN_ERROR_DATA));
      read += loaded != NULL;
    }
  g_test_message ("%u of 600 read", read);
  g_assert_cmpuint (read, >, 0);
}

static void
test_missing_folder (void)
{
  g_autoptr (TnStats) stats = make_stats (0, 1);
  g_autofree char *path = path_of ("nowhere/file.safetensors");
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_stats_save (stats, path, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  g_clear_error (&error);
  g_assert_null (tn_stats_load (path, &error));
  g_assert_nonnull (error);
}

static void
test_json (void)
{
  static const char *const percentiles[] = {"0.1", "1", "5", "25", "50", "75", "95", "99", "99.9"};
  g_autoptr (TnStats) stats = make_stats (0, N);
  g_autofree char *text = tn_stats_to_json (stats);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *root, *site, *empty, *params;
  TnSiteSummary summary;

  g_assert_true (json_parser_load_from_data (parser, text, -1, &error));
  g_assert_no_error (error);
  root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (root, "model_fingerprint"), ==, "fedcba9876543210");
  g_assert_cmpint (json_object_get_int_member (root, "samples"), ==, N);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (root, "sites")), ==, 5);
  site = json_array_get_object_element (json_object_get_array_member (root, "sites"), 2);
  g_assert_cmpstr (json_object_get_string_member (site, "name"), ==, "blk.2.attn_q.in");
  tn_site_stats_summarize (tn_stats_find (stats, "blk.2.attn_q.in"), &summary);
  g_assert_cmpuint ((guint64) json_object_get_int_member (site, "count"), ==, summary.count);
  g_assert_cmpfloat (json_object_get_double_member (site, "std"), ==, summary.std);
  g_assert_cmpfloat (json_object_get_double_member (site, "kurtosis"), ==, summary.kurtosis);
  for (guint i = 0; i < G_N_ELEMENTS (percentiles); i++)
    g_assert_true (json_object_has_member (json_object_get_object_member (site, "percentiles"), percentiles[i]));
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (json_object_get_object_member (site, "percentiles"), "50"), 0.0,
                                  0.05);
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (site, "min_at"), "channel"), <, 64);
  params = json_object_get_object_member (json_object_get_object_member (site, "params"), "int8");
  g_assert_cmpstr (json_object_get_string_member (params, "method"), ==, "mse");
  g_assert_cmpfloat (json_object_get_double_member (params, "sqnr_db"), >, 38.0);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (site, "searches")), ==, 6);

  empty = json_array_get_object_element (json_object_get_array_member (root, "sites"), 4);
  g_assert_cmpstr (json_object_get_string_member (empty, "name"), ==, "empty “site”");
  g_assert_true (json_object_get_null_member (empty, "mean"));
  g_assert_true (json_object_get_null_member (empty, "min_at"));
  g_assert_true (json_object_get_null_member (json_object_get_object_member (empty, "percentiles"), "50"));
}

static void
test_csv (void)
{
  g_autoptr (TnStats) stats = make_stats (0, N);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL, names = NULL;

  tn_stats_add_site (stats, "a \"b\", c", 1);
  text = tn_stats_to_csv (stats);
  lines = g_strsplit (text, "\n", 0);
  g_assert_cmpuint (g_strv_length (lines), ==, 1 + 6 + 1);
  g_assert_cmpstr (lines[7], ==, "");
  names = g_strsplit (lines[0], ",", 0);
  for (guint i = 2; i < 7; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], ",", 0);

      g_assert_cmpuint (g_strv_length (fields), ==, g_strv_length (names));
    }
  g_assert_true (g_str_has_prefix (lines[1], "\"a \"\"b\"\", c\",1,0,0,,,"));
}

static void
test_writer (void)
{
  static const char golden[] =
      "38000000000000007b2261223a7b226474797065223a22463332222c227368617065223a5b325d2c22646174615f6f666673657473223a5b"
      "302c385d7d7d20200000803f00000040";
  static const float values[] = {1.0f, 2.0f};
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autoptr (TnSafetensorsWriter) many = tn_safetensors_writer_new ();
  g_autofree char *path = path_of ("writer.safetensors"), *bytes = NULL;
  g_autoptr (GString) hex = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnMappedFile) mapped = NULL;
  g_autoptr (TnSafetensors) file = NULL;
  guint64 two = 2, huge[] = {G_MAXUINT64, 2};
  gsize size;

  g_assert_true (tn_safetensors_writer_add_tensor (writer, "a", TN_DTYPE_F32, 1, &two, values, &error));
  g_assert_true (tn_safetensors_writer_write (writer, path, NULL, &error));
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  for (gsize i = 0; i < size; i++)
    g_string_append_printf (hex, "%02x", (guint8) bytes[i]);
  g_assert_cmpstr (hex->str, ==, golden);

  g_assert_false (tn_safetensors_writer_add_tensor (writer, "a", TN_DTYPE_F32, 1, &two, values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (tn_safetensors_writer_add_tensor (writer, "b", TN_DTYPE_Q4_0, 1, &two, values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_false (tn_safetensors_writer_add_tensor (writer, "c", TN_DTYPE_F32, 2, huge, values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
  g_clear_error (&error);

  /* Widest dtype first, then by name; a scalar and names that need escapes. */
  tn_safetensors_writer_add_metadata (many, "note", "\"quoted\"\n");
  g_assert_true (tn_safetensors_writer_add_tensor (many, "z", TN_DTYPE_U8, 0, NULL, "x", &error));
  g_assert_true (tn_safetensors_writer_add_tensor (many, "b\"ü", TN_DTYPE_F32, 1, &two, values, &error));
  g_assert_true (tn_safetensors_writer_add_tensor (many, "a", TN_DTYPE_F32, 1, &two, values, &error));
  g_assert_true (tn_safetensors_writer_add_tensor (many, "y", TN_DTYPE_U64, 0, NULL, values, &error));
  g_assert_true (tn_safetensors_writer_write (many, path, NULL, &error));
  mapped = tn_mapped_file_open (path, &error);
  file = tn_safetensors_open (mapped, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (tn_safetensors_get_entry (file, 0)->name, ==, "y");
  g_assert_cmpstr (tn_safetensors_get_entry (file, 1)->name, ==, "a");
  g_assert_cmpstr (tn_safetensors_get_entry (file, 2)->name, ==, "b\"ü");
  g_assert_cmpstr (tn_safetensors_get_entry (file, 3)->name, ==, "z");
  g_assert_cmpstr (tn_safetensors_get_metadata (file, "note"), ==, "\"quoted\"\n");
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("ternion-stats-XXXXXX", NULL);
  g_test_add_func ("/stats-file/writer", test_writer);
  g_test_add_func ("/stats-file/round-trip", test_round_trip);
  g_test_add_func ("/stats-file/weights", test_weights);
  g_test_add_func ("/stats-file/exactness", test_exactness);
  g_test_add_func ("/stats-file/size", test_size);
  g_test_add_func ("/stats-file/wide-counts", test_wide_counts);
  g_test_add_func ("/stats-file/damaged", test_damaged);
  g_test_add_func ("/stats-file/earlier-order", test_earlier_order);
  g_test_add_func ("/stats-file/first-version", test_first_version);
  g_test_add_func ("/stats-file/every-bit", test_every_bit);
  g_test_add_func ("/stats-file/hostile", test_hostile);
  g_test_add_func ("/stats-file/forged", test_forged);
  g_test_add_func ("/stats-file/missing-folder", test_missing_folder);
  g_test_add_func ("/stats-file/json", test_json);
  g_test_add_func ("/stats-file/csv", test_csv);
  result = g_test_run ();
  {
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name (dir)) != NULL)
      {
        g_autofree char *path = path_of (name);

        g_unlink (path);
      }
  }
  g_rmdir (folder);
  g_free (folder);
  return result;
}
