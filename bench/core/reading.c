/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/core/reading.h"

#include <omp.h>

#include "bench/timing.h"

/* Cache lines. */
#define AHEAD 64

typedef guint64 Words __attribute__ ((vector_size (64)));

static guint64
read_words (const Words *words, gsize n)
{
  Words a = {0}, b = {0};
  guint64 sum = 0;

  for (gsize k = 0; k + 2 <= n; k += 2)
    {
      __builtin_prefetch (words + k + AHEAD);
      __builtin_prefetch (words + k + AHEAD + 1);
      a += words[k];
      b += words[k + 1];
    }
  a += b;
  for (guint k = 0; k < 8; k++)
    sum += a[k];
  return sum;
}

double
tn_time_reading (const void *data, gsize bytes, guint threads)
{
  gsize n = bytes / sizeof (Words) / threads;
  double longest = 0.0;
  guint64 sum = 0;

#pragma omp parallel num_threads((int) threads) reduction(+ : sum) reduction(max : longest)
  {
    double start = tn_time_thread_now ();

    sum += read_words ((const Words *) data + (gsize) omp_get_thread_num () * n, n);
    longest = tn_time_thread_now () - start;
  }
  /* Seen by nobody, but made. */
  __asm__ volatile("" : : "r"(sum));
  return longest;
}
