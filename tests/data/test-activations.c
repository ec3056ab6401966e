/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/data/tokenizer-fixtures.h"

#include <math.h>

#include "data/datasets/activation-source.h"
#include "engine/calibration/site-stats.h"
#include "engine/error.h"
#include "engine/hash.h"

/* Recorded activations as tiles of whole sequences. */

static char *
write_npy (const char *name, const char *shape, const float *values, gsize n)
{
  g_autofree char *dictionary = g_strdup_printf ("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape);
  g_autoptr (GByteArray) file = g_byte_array_new ();
  const guint16 length = GUINT16_TO_LE ((guint16) strlen (dictionary));

  g_byte_array_append (file, (const guint8 *) "\x93NUMPY\x01\x00", 8);
  g_byte_array_append (file, (const guint8 *) &length, 2);
  g_byte_array_append (file, (const guint8 *) dictionary, (guint) strlen (dictionary));
  g_byte_array_append (file, (const guint8 *) values, (guint) (n * sizeof *values));
  return fixture_write (name, file->data, file->len);
}

static float *
make_values (gsize n)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (11);
  float *values = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    values[i] = (float) (g_rand_double_range (random, -1.0, 1.0) * exp (g_rand_double_range (random, -3.0, 3.0)));
  return values;
}

static TnActivationSource *
open_source (const char *path, guint n_samples, guint batch_size, guint shard, guint n_shards, gsize tile_bytes)
{
  const TnSamplingOptions options = {
      .n_samples = n_samples, .batch_size = batch_size, .shard = shard, .n_shards = n_shards, .sampler = TN_SAMPLER_SYSTEMATIC};
  g_autoptr (GError) error = NULL;
  TnActivationSource *source = tn_activation_source_open ((const char *const[]){path, NULL}, &options, tile_bytes, NULL, &error);

  g_assert_no_error (error);
  return source;
}

/* The lengths of the sequences, with "|" between tiles. */
static char *
list_lengths (TnActivationSource *source, const float *values, guint width)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  TnActivationTile *tile;
  guint64 n = 0;

  while ((tile = tn_activation_source_next (source, &error)) != NULL)
    {
      const float *at = tile->values;

      g_string_append (text, text->len > 0 ? "|" : "");
      for (guint s = 0; s < tile->batch->n_sequences; s++)
        {
          const TnSequence *sequence = &tile->batch->sequences[s];
          gsize count = (gsize) sequence->length * width;

          g_string_append_printf (text, "%s%u", s > 0 ? " " : "", sequence->length);
          g_assert_cmpuint (sequence->hash, ==, tn_hash_array (at, count * sizeof *at, 0));
          if (values != NULL)
            g_assert_cmpmem (at, count * sizeof *at, values + n * width, count * sizeof *at);
          n += sequence->length;
          at += count;
        }
      tn_activation_tile_free (tile);
    }
  g_assert_no_error (error);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
assert_lengths (const char *path, const float *values, guint width, guint n_samples, guint batch_size, guint shard, guint n_shards, gsize tile_bytes,
                const char *expected)
{
  g_autoptr (TnActivationSource) source = open_source (path, n_samples, batch_size, shard, n_shards, tile_bytes);
  g_autofree char *found = list_lengths (source, values, width);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_sequences (void)
{
  g_autofree float *values = make_values (1300 * 6);
  g_autofree char *flat = write_npy ("flat.npy", "(1300, 6)", values, 1300 * 6);
  g_autofree char *cube = write_npy ("cube.npy", "(5, 10, 26, 6)", values, 1300 * 6);
  g_autofree char *row = write_npy ("row.npy", "(7800,)", values, 1300 * 6);
  g_autofree char *none = write_npy ("none.npy", "(0, 3, 6)", values, 0);

  assert_lengths (flat, values, 6, 0, 0, 1, 1, 1 << 20, "512 512 276");
  assert_lengths (flat, values, 6, 0, 2, 1, 1, 1 << 20, "512 512|276");
  assert_lengths (flat, values, 6, 0, 0, 1, 1, 1, "512|512|276");
  assert_lengths (cube, values, 6, 0, 0, 1, 1, 1 << 20, "260 260 260 260 260");
  assert_lengths (cube, NULL, 6, 0, 0, 2, 3, 1 << 20, "260 260");
  assert_lengths (cube, NULL, 6, 2, 0, 1, 1, 1 << 20, "260 260");
  assert_lengths (row, values, 7800, 0, 0, 1, 1, 1 << 20, "1");
  assert_lengths (none, NULL, 6, 0, 0, 1, 1, 1 << 20, "");
}

/* 2^17 channels: 128 rows are 64 MiB. */
static void
test_long_sequences_are_cut (void)
{
  const gsize width = 1 << 17, rows = 150;
  g_autofree float *values = g_new0 (float, rows * width);
  g_autofree char *wide = write_npy ("wide.npy", "(1, 150, 131072)", values, rows * width);

  assert_lengths (wide, NULL, (guint) width, 0, 0, 1, 1, 1 << 20, "128|22");
}

/* Observed tile by tile, the numbers are those of a loop over the array. */
static void
test_statistics (void)
{
  const gsize rows = 700, width = 37;
  g_autofree float *values = make_values (rows * width);
  g_autofree char *path = write_npy ("site.npy", "(700, 37)", values, rows * width);
  g_autoptr (TnSiteStats) once = tn_site_stats_new ("site", (guint) width);
  double sum = 0.0, squares = 0.0, least = INFINITY;
  TnSiteSummary summary;

  for (guint batch_size = 0; batch_size < 3; batch_size++)
    {
      g_autoptr (TnActivationSource) source = open_source (path, 0, batch_size, 1, 1, 1 << 16);
      g_autoptr (TnSiteStats) stats = tn_site_stats_new ("site", (guint) width);
      TnActivationTile *tile;

      while ((tile = tn_activation_source_next (source, NULL)) != NULL)
        {
          tn_site_stats_observe (stats, tile->batch, tile->values);
          if (batch_size == 0)
            tn_site_stats_observe (once, tile->batch, tile->values);
          tn_activation_tile_free (tile);
        }
      g_assert_true (tn_site_stats_equal (stats, once));
    }
  for (gsize i = 0; i < rows * width; i++)
    {
      sum += (double) values[i];
      squares += (double) values[i] * (double) values[i];
      least = MIN (least, (double) values[i]);
    }
  tn_site_stats_summarize (once, &summary);
  g_assert_cmpuint (summary.count, ==, rows * width);
  g_assert_cmpfloat (summary.min, ==, least);
  g_assert_cmpfloat_with_epsilon (summary.mean, sum / (double) (rows * width), 1e-12);
  g_assert_cmpfloat_with_epsilon (summary.mean_square, squares / (double) (rows * width), 1e-9);
}

static void
test_errors (void)
{
  g_autofree float *values = make_values (24);
  g_autofree char *a = write_npy ("same.npy", "(4, 6)", values, 24);
  g_autofree char *scalar = write_npy ("scalar.npy", "()", values, 1);
  const TnSamplingOptions options = {.shard = 1, .n_shards = 1};
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_activation_source_open ((const char *const[]){a, scalar, NULL}, &options, 1 << 20, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
  g_clear_error (&error);
  g_assert_null (tn_activation_source_open ((const char *const[]){"-", NULL}, &options, 1 << 20, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
}

/* Every byte counts, wherever it stands, and so does how many there are. */
static void
test_hash (void)
{
  guint8 data[200] = {0};
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  for (gsize n = 0; n <= sizeof data; n++)
    {
      guint64 hash = tn_hash_array (data, n, 1);

      g_assert_true (g_hash_table_add (seen, g_memdup2 (&hash, sizeof hash)));
    }
  for (gsize i = 0; i < sizeof data; i++)
    for (guint bit = 0; bit < 8; bit++)
      {
        guint64 hash;

        data[i] ^= (guint8) (1 << bit);
        hash = tn_hash_array (data, sizeof data, 1);
        g_assert_true (g_hash_table_add (seen, g_memdup2 (&hash, sizeof hash)));
        data[i] ^= (guint8) (1 << bit);
      }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/activations/sequences", test_sequences);
  g_test_add_func ("/activations/long-sequences-are-cut", test_long_sequences_are_cut);
  g_test_add_func ("/activations/statistics", test_statistics);
  g_test_add_func ("/activations/errors", test_errors);
  g_test_add_func ("/activations/hash", test_hash);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
