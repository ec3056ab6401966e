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
#define STREAMS 4
#define AHEAD_WORDS 16

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

/* Four stretches side by side, each asked for ahead: one alone, left to what the processor guesses, gets a third less. */
static guint64
read_words (const Words *words, gsize n)
{
  const gsize quarter = n / STREAMS;
  const Words *streams[STREAMS];
  Words sums[STREAMS] = {{0}};
  guint64 sum = 0;

  for (guint s = 0; s < STREAMS; s++)
    streams[s] = words + s * quarter;
  for (gsize i = 0; i < quarter; i++)
    for (guint s = 0; s < STREAMS; s++)
      {
        __builtin_prefetch (streams[s] + i + AHEAD_WORDS);
        sums[s] += streams[s][i];
      }
  for (gsize i = STREAMS * quarter; i < n; i++)
    sums[0] += words[i];
  for (guint s = 0; s < STREAMS; s++)
    for (guint j = 0; j < 8; j++)
      sum += sums[s][j];
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
