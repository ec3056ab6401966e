/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "engine/memory/poison.h"
#include "engine/memory/pool.h"

/* What a caller must not do ends the program, with a message that says what it was. Each test runs itself once more in a
 * process of its own. */

static volatile guint8 sink;

static void
assert_stops (const char *message)
{
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr (message);
}

static void
test_twice (gconstpointer bytes)
{
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);
      void *keep = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, GPOINTER_TO_SIZE (bytes), NULL);
      void *block = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, GPOINTER_TO_SIZE (bytes), NULL);

      tn_pool_release (pool, block);
      tn_pool_release (pool, block);
      tn_pool_release (pool, keep);
      return;
    }
  assert_stops ("*no block of a memory pool*");
}

/* Alone in its region, which goes back to the system with it. */
static void
test_twice_unmapped (void)
{
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);
      void *block = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 1000000, NULL);

      tn_pool_release (pool, block);
      tn_pool_trim (pool);
      tn_pool_release (pool, block);
      return;
    }
  assert_stops ("*no block of a memory pool*");
}

/* In the middle of what has become one free block since. */
static void
test_twice_joined (void)
{
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);
      void *blocks[3];

      for (guint i = 0; i < 3; i++)
        blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 1000000, NULL);
      for (guint i = 0; i < 3; i++)
        tn_pool_release (pool, blocks[i]);
      tn_pool_release (pool, blocks[1]);
      return;
    }
  assert_stops ("*no block of a memory pool*");
}

static void
test_inside (gconstpointer bytes)
{
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);
      guint8 *block = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, GPOINTER_TO_SIZE (bytes), NULL);

      tn_pool_release (pool, block + TN_POOL_ALIGNMENT);
      return;
    }
  assert_stops ("*no block of a memory pool*");
}

static void
test_foreign (void)
{
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);

      tn_pool_release (pool, tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 1, NULL));
      tn_pool_release (pool, aligned_alloc (64, 640));
      return;
    }
  assert_stops ("*no block of a memory pool*");
}

static void
test_no_address (void)
{
  if (g_test_subprocess ())
    {
      tn_block_free (GSIZE_TO_POINTER (G_MAXSIZE - 63));
      return;
    }
  assert_stops ("*no block of a memory pool*");
}

static void
test_other_pool (gconstpointer bytes)
{
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0), *other = tn_pool_new (0);

      tn_pool_release (other, tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, GPOINTER_TO_SIZE (bytes), NULL));
      return;
    }
  assert_stops ("*a block of another memory pool*");
}

static gboolean
needs_sanitizer (void)
{
  if (TN_REDZONE_BYTES == 0)
    g_test_skip ("only with the address sanitizer");
  return TN_REDZONE_BYTES == 0;
}

static void
test_use_after_release (gconstpointer bytes)
{
  if (needs_sanitizer ())
    return;
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);
      guint8 *block = tn_pool_alloc0 (pool, TN_PURPOSE_SCRATCH, GPOINTER_TO_SIZE (bytes), NULL);

      sink = block[GPOINTER_TO_SIZE (bytes) - 1];
      tn_pool_release (pool, block);
      sink = block[GPOINTER_TO_SIZE (bytes) - 1];
      return;
    }
  assert_stops ("*use-after-poison*");
}

static void
test_over_the_end (gconstpointer bytes)
{
  if (needs_sanitizer ())
    return;
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);
      guint8 *block = tn_pool_alloc0 (pool, TN_PURPOSE_SCRATCH, GPOINTER_TO_SIZE (bytes), NULL);

      block[GPOINTER_TO_SIZE (bytes) - 1] = 1;
      block[GPOINTER_TO_SIZE (bytes)] = 1;
      return;
    }
  assert_stops ("*use-after-poison*");
}

/* In front of the highest of three lies what is behind another one. */
static void
test_before_the_start (gconstpointer bytes)
{
  if (needs_sanitizer ())
    return;
  if (g_test_subprocess ())
    {
      TnPool *pool = tn_pool_new (0);
      guint8 *highest = NULL;

      for (guint i = 0; i < 3; i++)
        {
          guint8 *block = tn_pool_alloc0 (pool, TN_PURPOSE_SCRATCH, GPOINTER_TO_SIZE (bytes), NULL);

          highest = MAX (highest, block);
        }
      highest[-1] = 1;
      return;
    }
  assert_stops ("*use-after-poison*");
}

int
main (int argc, char **argv)
{
  static const gsize sizes[] = {1, 64, 1000, 32768 - 64, 32768, 100000, 5000000};

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      gconstpointer bytes = GSIZE_TO_POINTER (sizes[i]);
      const struct
      {
        const char *name;
        GTestDataFunc func;
      } tests[] = {
          {"twice", test_twice},
          {"other-pool", test_other_pool},
          {"use-after-release", test_use_after_release},
          {"over-the-end", test_over_the_end},
          {"before-the-start", test_before_the_start},
          {"inside", test_inside},
      };

      for (guint t = 0; t < G_N_ELEMENTS (tests) - (sizes[i] < 128); t++)
        {
          g_autofree char *path = g_strdup_printf ("/pool-misuse/%s/%zu", tests[t].name, sizes[i]);

          g_test_add_data_func (path, bytes, tests[t].func);
        }
    }
  g_test_add_func ("/pool-misuse/twice-unmapped", test_twice_unmapped);
  g_test_add_func ("/pool-misuse/twice-joined", test_twice_joined);
  g_test_add_func ("/pool-misuse/foreign", test_foreign);
  g_test_add_func ("/pool-misuse/no-address", test_no_address);
  return g_test_run ();
}
