/* SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>
#include <string.h>

#include "engine/device/bandwidth.h"
#include "engine/device/device.h"
#include "engine/memory/pool.h"

#define LEAST_BYTES ((gsize) 64 << 20)
#define MOST_BYTES ((gsize) 1 << 30)
#define LEAST_ROUNDS 3
#define SECONDS 0.5

typedef guint64 Words __attribute__ ((vector_size (64)));

/* Well over the last cache, so that what one round left there does not serve the next. */
static gsize
buffer_bytes (const TnDevice *device)
{
  gsize bytes = CLAMP (3 * device->l3_bytes, 4 * LEAST_BYTES, MOST_BYTES);

  if (device->memory_bytes != 0)
    bytes = MIN (bytes, device->memory_bytes / 4);
  return MAX (bytes, LEAST_BYTES) / 4096 * 4096;
}

static guint64
read_words (const Words *words, gsize n)
{
  Words a = {0}, b = {0}, c = {0}, d = {0};
  guint64 sum = 0;
  gsize i = 0;

  for (; i + 4 <= n; i += 4)
    {
      a += words[i];
      b += words[i + 1];
      c += words[i + 2];
      d += words[i + 3];
    }
  for (; i < n; i++)
    a += words[i];
  a += b + c + d;
  for (guint j = 0; j < 8; j++)
    sum += a[j];
  return sum;
}

double
tn_device_measure_read_bandwidth (void)
{
  return tn_bandwidth_measure (tn_device_get_threads ());
}

double
tn_bandwidth_measure (guint threads)
{
  gsize bytes = buffer_bytes (tn_device_auto_select ());
  g_autoptr (TnBlock) buffer = NULL;
  double best = 0.0, start;
  guint64 expected = 0;

  while (buffer == NULL && bytes >= LEAST_BYTES)
    {
      buffer = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, NULL);
      if (buffer == NULL)
        bytes = bytes / 2 / 4096 * 4096;
    }
  if (buffer == NULL)
    return 0.0;

  start = omp_get_wtime ();
  for (guint round = 0; round <= LEAST_ROUNDS || omp_get_wtime () - start < SECONDS; round++)
    {
      double before = omp_get_wtime ();
      double seconds;
      guint64 sum = 0;

#pragma omp parallel num_threads((int) threads) reduction(+ : sum)
      {
        gsize n = bytes / sizeof (Words);
        gsize rank = (gsize) omp_get_thread_num (), team = (gsize) omp_get_num_threads ();
        gsize first = n * rank / team, end = n * (rank + 1) / team;
        Words *words = (Words *) buffer + first;

        /* Round 0 touches the pages, each thread its own. */
        if (round == 0)
          memset (words, 1, (end - first) * sizeof (Words));
        sum += read_words (words, end - first);
      }
      seconds = omp_get_wtime () - before;
      if (round == 0)
        expected = sum;
      else if (sum == expected && seconds > 0.0)
        best = MAX (best, (double) bytes / seconds);
    }
  return best;
}
