/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/crc32c.h"
#include "engine/random.h"

/* Bit by bit. */
static guint32
slow_sum (const guint8 *bytes, gsize n)
{
  guint32 crc = 0xffffffff;

  for (gsize i = 0; i < n; i++)
    {
      crc ^= bytes[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
  return ~crc;
}

static void
test_known (void)
{
  guint8 bytes[32];

  g_assert_cmphex (tn_crc32c (0, "123456789", 9), ==, 0xe3069283);
  g_assert_cmphex (tn_crc32c_table (0, "123456789", 9), ==, 0xe3069283);
  g_assert_cmphex (tn_crc32c (0, NULL, 0), ==, 0);
  /* RFC 3720, B.4. */
  memset (bytes, 0, sizeof bytes);
  g_assert_cmphex (tn_crc32c (0, bytes, 32), ==, 0x8a9136aa);
  memset (bytes, 0xff, sizeof bytes);
  g_assert_cmphex (tn_crc32c (0, bytes, 32), ==, 0x62a8ab43);
  for (guint i = 0; i < 32; i++)
    bytes[i] = (guint8) i;
  g_assert_cmphex (tn_crc32c (0, bytes, 32), ==, 0x46dd794e);
}

static void
test_sizes (void)
{
  const gsize size = 40000;
  g_autofree guint8 *bytes = g_malloc (size);
  TnRandom random = tn_random_stream (1, "bytes");
  const gsize lengths[] = {0, 1, 7, 8, 9, 63, 4096, 12287, 12288, 12289, 12296, 24576, 30001, 36864, 39990};

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) tn_random_next (&random);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (guint shift = 0; shift < 9; shift += 3)
      {
        gsize n = lengths[i], part = n / 3;
        guint32 expected = slow_sum (bytes + shift, n);

        g_assert_cmphex (tn_crc32c (0, bytes + shift, n), ==, expected);
        g_assert_cmphex (tn_crc32c_table (0, bytes + shift, n), ==, expected);
        g_assert_cmphex (tn_crc32c (tn_crc32c (0, bytes + shift, part), bytes + shift + part, n - part), ==, expected);
        g_assert_cmphex (tn_crc32c_table (tn_crc32c (0, bytes + shift, part), bytes + shift + part, n - part), ==, expected);
        g_assert_cmphex (tn_crc32c_join (tn_crc32c (0, bytes + shift, part), tn_crc32c (0, bytes + shift + part, n - part),
                                         n - part),
                         ==, expected);
      }
  bytes[20000] ^= 16;
  g_assert_cmphex (tn_crc32c (0, bytes, size), !=, (bytes[20000] ^= 16, tn_crc32c (0, bytes, size)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crc32c/known", test_known);
  g_test_add_func ("/crc32c/sizes", test_sizes);
  return g_test_run ();
}
