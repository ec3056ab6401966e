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
    }
  g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
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
      g_assert_cmpuint (levels->len, ==, i + 1 < 70 ? 0 : i + 1 < 80 ? 1 : i + 1 < 90 ? 2 : i + 1 < 95 ? 3 : 4);
    }
  for (guint i = 0; i < 97; i++)
    tn_pool_release (pool, blocks[i]);
  big = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 97 * unit, NULL);
  tn_pool_release (pool, big);

  g_assert_cmpuint (levels->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < levels->len; i++)
    g_assert_cmpuint (g_array_index (levels, guint, i), ==, expected[i]);
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
  TnPool *pool = tn_pool_new (0);
  guint8 *block = tn_pool_alloc (pool, TN_PURPOSE_OPTIMIZER, 1000, NULL);

  g_assert_nonnull (block);
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "*1088 bytes*optimizer*");
  tn_pool_free (pool);
  g_test_assert_expected_messages ();
  /* The pool cannot take it back any more; its header lies in front. */
  free (block - TN_POOL_ALIGNMENT);
}

static void
test_double_release (void)
{
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);

      tn_pool_release (pool, (guint8 *) tn_pool_alloc0 (pool, TN_PURPOSE_SCRATCH, 1000, NULL) + TN_POOL_ALIGNMENT);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*no block of a memory pool*");
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
  g_test_add_func ("/pool/pressure", test_pressure);
  g_test_add_func ("/pool/threads", test_threads);
  g_test_add_func ("/pool/leak-report", test_leak_report);
  g_test_add_func ("/pool/no-block-of-ours", test_double_release);
  g_test_add_func ("/pool/autoptr", test_autoptr);
  return g_test_run ();
}
