/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/hash.h"
#include "engine/random.h"

static void
test_streams_reproduce (void)
{
  TnRandom a = tn_random_stream (7, "a");
  TnRandom again = tn_random_stream (7, "a");
  TnRandom other = tn_random_stream (7, "b");
  guint equal = 0;

  for (guint i = 0; i < 100; i++)
    {
      guint64 value = tn_random_next (&a);

      g_assert_cmpuint (value, ==, tn_random_next (&again));
      g_assert_cmpuint (value, ==, tn_random_at (&a, i));
      equal += value == tn_random_next (&other);
    }
  g_assert_cmpuint (equal, ==, 0);
}

static void
test_normal_moments (void)
{
  TnRandom random = tn_random_stream (1, "normal");
  double sum = 0.0, sum2 = 0.0;
  const guint n = 200000;

  for (guint i = 0; i < n; i++)
    {
      double x = tn_random_normal (&random);

      sum += x;
      sum2 += x * x;
    }
  g_assert_cmpfloat (fabs (sum / n), <, 5.0 / sqrt (n));
  g_assert_cmpfloat (fabs (sum2 / n - 1.0), <, 5.0 * sqrt (2.0 / n));
}

static void
test_hash_depends_on_every_byte (void)
{
  guint8 bytes[37] = { 0 };
  guint64 empty = tn_hash_bytes (bytes, sizeof bytes, 0);

  for (guint i = 0; i < sizeof bytes; i++)
    {
      bytes[i] = 1;
      g_assert_cmpuint (tn_hash_bytes (bytes, sizeof bytes, 0), !=, empty);
      bytes[i] = 0;
    }
  g_assert_cmpuint (tn_hash_bytes (bytes, 36, 0), !=, empty);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/random/streams-reproduce", test_streams_reproduce);
  g_test_add_func ("/random/normal-moments", test_normal_moments);
  g_test_add_func ("/hash/every-byte", test_hash_depends_on_every_byte);
  return g_test_run ();
}
