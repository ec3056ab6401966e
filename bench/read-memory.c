/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/read-memory.h"

typedef guint64 Words __attribute__ ((vector_size (16)));

static inline guint64
read_block (const guint8 *data, gsize n_streams)
{
  const Words *words = (const Words *) (const void *) data;
  gsize length = TN_READ_BLOCK / sizeof (Words) / n_streams;
  Words a = {0}, b = {0}, c = {0}, d = {0};

  for (gsize i = 0; i < length; i += 4)
    for (gsize stream = 0; stream < n_streams; stream++)
      {
        const Words *at = words + stream * length + i;

        a += at[0];
        b += at[1];
        c += at[2];
        d += at[3];
      }
  a += b + c + d;
  return a[0] + a[1];
}

guint64
tn_read_memory (const guint8 *data, gsize bytes, gsize n_streams, int threads)
{
  guint64 sum = 0;

  if (n_streams == 1)
    {
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : sum)
      for (gsize i = 0; i < bytes; i += TN_READ_BLOCK)
        sum += read_block (data + i, 1);
    }
  else
    {
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : sum)
      for (gsize i = 0; i < bytes; i += TN_READ_BLOCK)
        sum += read_block (data + i, n_streams);
    }
  return sum;
}
