/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

static void
test_blocks_are_aligned_and_counted (void)
{
  const gsize sizes[] = {0, 1, 63, 64, 65, 4096, 4097, 1000003};
  void *blocks[G_N_ELEMENTS (sizes)];
  TnPool *pool = tn_pool_new (0);
  gsize sum = 0;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, sizes[i], NULL);
      g_assert_nonnull (blocks[i]);
      g_assert_cmpuint ((gsize) blocks[i] % TN_POOL_ALIGNMENT, ==, 0);
      memset (blocks[i], (int) i + 1, sizes[i]);
      sum += tn_pool_block_bytes (sizes[i]);
      g_assert_cmpuint (tn_pool_block_bytes (sizes[i]), >=, sizes[i]);
    }
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_SCRATCH), ==, sum);
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS), ==, 0);
  g_assert_cmpuint (tn_pool_get_total (pool), ==, sum);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      for (gsize j = 0; j < sizes[i]; j++)
        g_assert_cmpuint (((guint8 *) blocks[i])[j], ==, i + 1);
      tn_pool_release (pool, blocks[i]);
    }
  tn_pool_release (pool, NULL);
  g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
  g_assert_cmpuint (tn_pool_get_peak (pool, TN_PURPOSE_SCRATCH), ==, sum);
  g_assert_cmpuint (tn_pool_get_peak_total (pool), ==, sum);
  tn_pool_free (pool);
}

static void
test_zeroed (void)
{
  TnPool *pool = tn_pool_new (0);

  for (guint round = 0; round < 20; round++)
    {
      guint8 *block = tn_pool_alloc0 (pool, TN_PURPOSE_GRADIENTS, 5003, NULL);

      for (guint i = 0; i < 5003; i++)
        g_assert_cmpuint (block[i], ==, 0);
      memset (block, 0xff, 5003);
      tn_pool_release (pool, block);
    }
  tn_pool_free (pool);
}

static void
test_budget (void)
{
  TnPool *pool = tn_pool_new (1000000);
  g_autoptr (GError) error = NULL;
  void *first = tn_pool_alloc (pool, TN_PURPOSE_WEIGHTS, 600000, &error);
  void *second;

  g_assert_no_error (error);
  g_assert_nonnull (first);
  second = tn_pool_alloc (pool, TN_PURPOSE_ACTIVATIONS, 600000, &error);
  g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
  g_assert_null (second);
  g_assert_nonnull (strstr (error->message, "activations"));
  g_assert_nonnull (strstr (error->message, "585.9"));
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_ACTIVATIONS), ==, 0);
  g_assert_cmpuint (tn_pool_get_peak (pool, TN_PURPOSE_ACTIVATIONS), ==, 0);

  tn_pool_set_budget (pool, 0);
  g_clear_error (&error);
  second = tn_pool_alloc (pool, TN_PURPOSE_ACTIVATIONS, 600000, &error);
  g_assert_no_error (error);

  /* A budget below what is in use takes nothing away and gives nothing more. */
  tn_pool_set_budget (pool, 10);
  g_assert_null (tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 0, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
  tn_pool_release (pool, first);
  tn_pool_release (pool, second);
  tn_pool_free (pool);
}

static void
test_overflow (void)
{
  TnPool *pool = tn_pool_new (0);
  const gsize sizes[] = {G_MAXSIZE, G_MAXSIZE - 1, G_MAXSIZE - 64, G_MAXSIZE - 127, G_MAXSIZE / 2 + 1};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, sizes[i], &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
    }
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, G_MAXSIZE / 4 + 1, 4 + i, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
      g_assert_nonnull (strstr (error->message, "4611686018427387904 times"));
      g_assert_nonnull (strstr (error->message, "scratch"));
    }
  {
    g_autoptr (GError) error = NULL;

    /* Counted in full, but no system has it. */
    g_assert_null (tn_pool_alloc (pool, TN_PURPOSE_WEIGHTS, G_MAXSIZE / 2, &error));
    g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
    g_assert_nonnull (strstr (error->message, "weights"));
    g_assert_null (tn_pool_alloc0 (pool, TN_PURPOSE_WEIGHTS, G_MAXSIZE / 2, NULL));
  }
  g_assert_cmpuint (tn_pool_block_bytes (G_MAXSIZE), ==, G_MAXSIZE);
  g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
  g_assert_cmpuint (tn_pool_get_peak_total (pool), ==, 0);
  tn_pool_free (pool);
}

static void
note_level (TnPool *pool, guint level, gpointer user_data)
{
  /* No lock is held: the pool can be used here. */
  tn_pool_release (pool, tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 0, NULL));
  g_array_append_val ((GArray *) user_data, level);
}

static void
test_pressure (void)
{
  const gsize unit = 64 * 1024;
  TnPool *pool = tn_pool_new (100 * unit);
  g_autoptr (GArray) levels = g_array_new (FALSE, FALSE, sizeof (guint));
  const guint expected[] = {70, 80, 90, 95, 70, 80, 90, 95};
  void *blocks[97], *big;

  tn_pool_set_pressure_func (pool, note_level, levels);
  for (guint i = 0; i < 97; i++)
    {
      blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, unit - TN_POOL_ALIGNMENT, NULL);
      g_assert_cmpuint (tn_pool_get_total (pool), ==, (i + 1) * unit);
      g_assert_cmpuint (levels->len, ==, i + 1 < 70 ? 0 : i + 1 < 80 ? 1 : i + 1 < 90 ? 2 : i + 1 < 95 ? 3 : 4);
    }
  for (guint i = 0; i < 97; i++)
    tn_pool_release (pool, blocks[i]);
  big = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 97 * unit - TN_POOL_ALIGNMENT, NULL);
  tn_pool_release (pool, big);

  g_assert_cmpuint (levels->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < levels->len; i++)
    g_assert_cmpuint (g_array_index (levels, guint, i), ==, expected[i]);
  tn_pool_free (pool);
}

typedef struct
{
  gsize budget, unit;
  guint seen;
} SmallPressure;

static void
check_level (TnPool *pool, guint level, gpointer user_data)
{
  SmallPressure *self = user_data;
  gsize total = tn_pool_get_total (pool), threshold = (self->budget * level + 99) / 100;

  /* The block that crosses is the one that tells. */
  g_assert_cmpuint (total, >=, threshold);
  g_assert_cmpuint (total, <, threshold + self->unit);
  self->seen++;
}

static void
test_pressure_of_small_blocks (void)
{
  const gsize sizes[] = {1, 200, 5000};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      SmallPressure self = {.budget = 8000000, .unit = tn_pool_block_bytes (sizes[s])};
      TnPool *pool = tn_pool_new (self.budget);
      g_autoptr (GPtrArray) blocks = g_ptr_array_new ();
      void *block;

      tn_pool_set_pressure_func (pool, check_level, &self);
      for (guint round = 1; round <= 3; round++)
        {
          while ((block = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, sizes[s], NULL)) != NULL)
            g_ptr_array_add (blocks, block);
          g_assert_cmpuint (tn_pool_get_total (pool), >, self.budget - self.unit);
          g_assert_cmpuint (self.seen, ==, 4 * round);
          for (guint i = 0; i < blocks->len; i++)
            tn_pool_release (pool, blocks->pdata[i]);
          g_ptr_array_set_size (blocks, 0);
          g_assert_cmpuint (self.seen, ==, 4 * round);
        }
      tn_pool_free (pool);
    }
}

/* As many blocks as fit, and not one more, of whatever size. */
static void
test_budget_is_exact (void)
{
  const gsize sizes[] = {0, 64, 65, 1000, 4096, 32000, 32768, 32769, 100000, 1000000};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize unit = tn_pool_block_bytes (sizes[s]);
      guint n = (guint) CLAMP (3000000 / unit, 3, 500);
      g_autofree void **blocks = g_new (void *, n);
      TnPool *pool = tn_pool_new (n * unit);

      for (guint round = 0; round < 3; round++)
        {
          g_autoptr (GError) error = NULL;

          for (guint i = 0; i < n; i++)
            {
              blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_GRADIENTS, sizes[s], &error);
              g_assert_no_error (error);
              memset (blocks[i], (int) i, sizes[s]);
            }
          g_assert_cmpuint (tn_pool_get_total (pool), ==, tn_pool_get_budget (pool));
          g_assert_null (tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 0, &error));
          g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
          g_assert_nonnull (strstr (error->message, "0 bytes left"));
          g_assert_cmpuint (tn_pool_get_total (pool), ==, n * unit);
          for (guint i = 0; i < n; i++)
            {
              const guint8 *block = blocks[i];

              for (gsize j = 0; j < sizes[s]; j++)
                g_assert_cmpuint (block[j], ==, (guint8) i);
              tn_pool_release (pool, blocks[i]);
            }
          g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
          g_assert_cmpuint (tn_pool_get_peak_total (pool), ==, n * unit);
          g_assert_cmpuint (tn_pool_get_peak (pool, TN_PURPOSE_GRADIENTS), ==, n * unit);
          g_assert_cmpuint (tn_pool_get_peak (pool, TN_PURPOSE_SCRATCH), ==, 0);
        }
      tn_pool_free (pool);
    }
}

static void
test_peaks (void)
{
  TnPool *pool = tn_pool_new (0);
  gsize small = tn_pool_block_bytes (64), large = tn_pool_block_bytes (200000), seen;
  void *blocks[5000], *block;

  for (guint i = 0; i < 5000; i++)
    blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_WEIGHTS, 64, NULL);
  for (guint i = 0; i < 4990; i++)
    tn_pool_release (pool, blocks[i]);
  block = tn_pool_alloc (pool, TN_PURPOSE_ACTIVATIONS, 200000, NULL);
  seen = MAX (5000 * small, 10 * small + large);
  g_assert_cmpuint (tn_pool_get_peak (pool, TN_PURPOSE_WEIGHTS), ==, 5000 * small);
  g_assert_cmpuint (tn_pool_get_peak (pool, TN_PURPOSE_ACTIVATIONS), ==, large);
  g_assert_cmpuint (tn_pool_get_peak_total (pool), ==, seen);
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS), ==, 10 * small);

  /* Small ones on top of the large one. */
  for (guint i = 0; i < 4990; i++)
    blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_OPTIMIZER, 64, NULL);
  for (guint i = 0; i < 5000; i++)
    tn_pool_release (pool, blocks[i]);
  tn_pool_release (pool, block);
  g_assert_cmpuint (tn_pool_get_peak_total (pool), ==, 5000 * small + large);
  g_assert_cmpuint (tn_pool_get_peak (pool, TN_PURPOSE_OPTIMIZER), ==, 4990 * small);
  g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
  tn_pool_free (pool);
}

static gpointer
hammer (gpointer data)
{
  TnPool *pool = data;
  TnRandom random = tn_random_stream ((guint64) (gsize) g_thread_self (), "hammer");
  guint8 *blocks[16] = {NULL};
  gsize sizes[16] = {0};

  for (guint i = 0; i < 20000; i++)
    {
      guint slot = (guint) tn_random_below (&random, 16);
      TnPurpose purpose = (TnPurpose) tn_random_below (&random, TN_N_PURPOSES);

      if (blocks[slot] != NULL)
        {
          g_assert_cmpuint (blocks[slot][0], ==, slot);
          g_assert_cmpuint (blocks[slot][sizes[slot] - 1], ==, slot);
        }
      tn_pool_release (pool, blocks[slot]);
      sizes[slot] = 1 + (gsize) tn_random_below (&random, 3000);
      blocks[slot] = tn_pool_alloc (pool, purpose, sizes[slot], NULL);
      if (blocks[slot] != NULL)
        memset (blocks[slot], (int) slot, sizes[slot]);
      g_assert_cmpuint (tn_pool_get_total (pool), <=, tn_pool_get_budget (pool));
    }
  for (guint slot = 0; slot < 16; slot++)
    tn_pool_release (pool, blocks[slot]);
  return NULL;
}

static void
test_threads (void)
{
  TnPool *pool = tn_pool_new (100000);
  GThread *threads[6];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("hammer", hammer, pool);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
  g_assert_cmpuint (tn_pool_get_peak_total (pool), <=, 100000);
  for (guint i = 0; i < TN_N_PURPOSES; i++)
    g_assert_cmpuint (tn_pool_get_current (pool, (TnPurpose) i), ==, 0);
  tn_pool_free (pool);
}

static void
test_leak_report (void)
{
  gsize small = tn_pool_block_bytes (1000), large = tn_pool_block_bytes (100000);
  g_autofree char *optimizer = g_strdup_printf ("*1 blocks, %zu bytes*optimizer, the largest %zu", small, small);
  g_autofree char *weights =
      g_strdup_printf ("*3 blocks, %zu bytes*weights, the largest %zu, %zu, %zu", small + 2 * large, large, large, small);
  TnPool *pool = tn_pool_new (0);

  g_assert_nonnull (tn_pool_alloc (pool, TN_PURPOSE_OPTIMIZER, 1000, NULL));
  g_assert_nonnull (tn_pool_alloc (pool, TN_PURPOSE_WEIGHTS, 1000, NULL));
  g_assert_nonnull (tn_pool_alloc (pool, TN_PURPOSE_WEIGHTS, 100000, NULL));
  g_assert_nonnull (tn_pool_alloc (pool, TN_PURPOSE_WEIGHTS, 100000, NULL));
  tn_pool_release (pool, tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 1000, NULL));
  tn_pool_release (pool, tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 1000000, NULL));
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, weights);
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, optimizer);
  tn_pool_free (pool);
  g_test_assert_expected_messages ();
}

static void
test_use (void)
{
  TnPool *pool = tn_pool_new (0);
  void *blocks[300];
  gsize bytes = 0, largest = 0;
  TnPoolUse use;

  for (guint i = 0; i < 300; i++)
    {
      blocks[i] = tn_pool_alloc (pool, (TnPurpose) (i % 2), i * i * 3, NULL);
      if (i % 2 == 1)
        bytes += tn_pool_block_bytes (i * i * 3);
      largest = tn_pool_block_bytes (i * i * 3);
    }
  tn_pool_get_use (pool, (TnPurpose) 1, &use);
  g_assert_cmpuint (use.blocks, ==, 150);
  g_assert_cmpuint (use.bytes, ==, bytes);
  g_assert_cmpuint (use.bytes, ==, tn_pool_get_current (pool, (TnPurpose) 1));
  g_assert_cmpuint (use.largest[0], ==, largest);
  g_assert_cmpuint (use.largest[TN_POOL_N_LARGEST - 1], ==, tn_pool_block_bytes (293 * 293 * 3));
  for (guint i = 0; i < 300; i++)
    tn_pool_release (pool, blocks[i]);
  for (guint i = 0; i < TN_N_PURPOSES; i++)
    {
      tn_pool_get_use (pool, (TnPurpose) i, &use);
      g_assert_cmpuint (use.blocks, ==, 0);
      g_assert_cmpuint (use.bytes, ==, 0);
      g_assert_cmpuint (use.largest[0], ==, 0);
    }
  tn_pool_free (pool);
}

static void
test_report_at_exit (void)
{
  g_autofree char *expected =
      g_strdup_printf ("*memory: 1 blocks, %zu bytes in use for gradients, the largest*memory: at most %zu bytes*",
                       tn_pool_block_bytes (70000), tn_pool_block_bytes (70000));

  if (g_test_subprocess ())
    {
      g_assert_nonnull (tn_pool_alloc (tn_pool_default (), TN_PURPOSE_GRADIENTS, 70000, NULL));
      exit (0);
    }
  g_setenv ("TERNION_MEMORY_REPORT", "1", TRUE);
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_unsetenv ("TERNION_MEMORY_REPORT");
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr (expected);
}

typedef struct
{
  guint held, released;
  gsize bytes;
  const void *last;
} Traced;

static void
note_block (TnPool *pool, const void *block, gsize bytes, TnPurpose purpose, gboolean released, gpointer user_data)
{
  Traced *self = user_data;

  g_assert_cmpint (purpose, ==, TN_PURPOSE_STATISTICS);
  self->held += !released;
  self->released += released;
  self->bytes += bytes;
  self->last = block;
}

static void
test_trace (void)
{
  const gsize sizes[] = {0, 77, 50000};
  TnPool *pool = tn_pool_new (0);
  Traced traced = {0};

  tn_pool_set_trace_func (pool, note_block, &traced);
  for (guint i = 0; i < 3; i++)
    {
      void *block = tn_pool_alloc0 (pool, TN_PURPOSE_STATISTICS, sizes[i], NULL);

      g_assert_true (traced.last == block && traced.held == i + 1 && traced.released == i);
      traced.last = NULL;
      tn_pool_release (pool, block);
      g_assert_true (traced.last == block && traced.released == i + 1);
    }
  g_assert_cmpuint (traced.bytes, ==, 50077);
  tn_pool_set_trace_func (pool, NULL, NULL);
  tn_pool_release (pool, tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 1, NULL));
  tn_pool_free (pool);
}

static void
test_autoptr (void)
{
  gsize before = tn_pool_get_total (tn_pool_default ());

  {
    g_autoptr (TnBlock) block = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, 100, NULL);

    g_assert_nonnull (block);
    g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), >, before);
  }
  g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool/aligned-and-counted", test_blocks_are_aligned_and_counted);
  g_test_add_func ("/pool/zeroed", test_zeroed);
  g_test_add_func ("/pool/budget", test_budget);
  g_test_add_func ("/pool/overflow", test_overflow);
  g_test_add_func ("/pool/budget-is-exact", test_budget_is_exact);
  g_test_add_func ("/pool/peaks", test_peaks);
  g_test_add_func ("/pool/pressure", test_pressure);
  g_test_add_func ("/pool/pressure-of-small-blocks", test_pressure_of_small_blocks);
  g_test_add_func ("/pool/threads", test_threads);
  g_test_add_func ("/pool/leak-report", test_leak_report);
  g_test_add_func ("/pool/use", test_use);
  g_test_add_func ("/pool/report-at-exit", test_report_at_exit);
  g_test_add_func ("/pool/trace", test_trace);
  g_test_add_func ("/pool/autoptr", test_autoptr);
  return g_test_run ();
}
