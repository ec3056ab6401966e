/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hash.h"

#include <string.h>

static guint64
mix (guint64 x)
{
  x ^= x >> 30;
  x *= G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  x ^= x >> 27;
  x *= G_GUINT64_CONSTANT (0x94d049bb133111eb);
  x ^= x >> 31;
  return x;
}

guint64
tn_hash_combine (guint64 a, guint64 b)
{
  return mix (a * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) + mix (b + G_GUINT64_CONSTANT (0xd1b54a32d192ed03)));
}

guint64
tn_hash_bytes (const void *data, gsize size, guint64 seed)
{
  const guint8 *bytes = data;
  guint64 hash = mix (seed ^ ((guint64) size * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)));

  for (; size >= 8; size -= 8, bytes += 8)
    {
      guint64 word;

      memcpy (&word, bytes, 8);
      hash = tn_hash_combine (hash, GUINT64_FROM_LE (word));
    }
  if (size > 0)
    {
      guint64 word = 0;

      memcpy (&word, bytes, size);
      hash = tn_hash_combine (hash, GUINT64_FROM_LE (word));
    }
  return hash;
}

guint64
tn_hash_string (const char *text, guint64 seed)
{
  return tn_hash_bytes (text, strlen (text), seed);
}

guint64
tn_hash_array (const void *data, gsize size, guint64 seed)
{
  const guint8 *bytes = data;
  guint64 chains[4] = {0};
  gsize whole = size & ~(gsize) 31;

  for (guint k = 0; k < G_N_ELEMENTS (chains); k++)
    chains[k] = tn_hash_combine (seed, k);
  for (gsize i = 0; i < whole; i += 32)
    for (guint k = 0; k < G_N_ELEMENTS (chains); k++)
      {
        guint64 word;

        memcpy (&word, bytes + i + 8 * k, 8);
        word = chains[k] + GUINT64_FROM_LE (word) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
        chains[k] = (word << 31 | word >> 33) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
      }
  return tn_hash_combine (tn_hash_combine (tn_hash_combine (chains[0], chains[1]), tn_hash_combine (chains[2], chains[3])),
                          tn_hash_bytes (bytes + whole, size - whole, size));
}
