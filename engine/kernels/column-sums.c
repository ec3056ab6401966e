/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/column-sums.h"

#include "engine/kernels/lanes16.h"

/* Columns that a thread sums at a time: whole cache lines of every row, few enough to stay in registers and the first cache. */
#define STRIP 64
#define BLOCK_ROWS 64
/* Fewer elements are not worth waking threads for. */
#define PARALLEL_ELEMENTS 16384

/* n <= STRIP columns. */
TN_KERNEL_INLINE void
tn_sum_strip_body (const float *x, const float *y, gsize stride, gsize rows, gsize n, float *sums, gboolean adds)
{
  double totals[STRIP] = {0};

  for (gsize first = 0; first < rows; first += BLOCK_ROWS)
    {
      gsize end = MIN (first + BLOCK_ROWS, rows);
      float parts[STRIP] = {0};

      for (gsize i = first; i < end; i++)
        {
          const float *x_row = x + i * stride;

          if (y == NULL)
            for (gsize j = 0; j < n; j++)
              parts[j] += x_row[j];
          else
            for (gsize j = 0; j < n; j++)
              parts[j] += x_row[j] * y[i * stride + j];
        }
      for (gsize j = 0; j < n; j++)
        totals[j] += (double) parts[j];
    }
  for (gsize j = 0; j < n; j++)
    sums[j] = adds ? sums[j] + (float) totals[j] : (float) totals[j];
}

#define PARAMETERS (const float *x, const float *y, gsize stride, gsize rows, gsize n, float *sums, gboolean adds)

void tn_sum_strip PARAMETERS;

TN_KERNEL_DEFINE (tn_sum_strip, PARAMETERS, (x, y, stride, rows, n, sums, adds))

void
tn_column_sums (const float *x, const float *y, gsize rows, gsize columns, float *sums, gboolean adds, guint threads)
{
  int team = rows * columns >= PARALLEL_ELEMENTS ? (int) threads : 1;

#pragma omp parallel for schedule(static) num_threads(team)
  for (gsize j = 0; j < columns; j += STRIP)
    tn_sum_strip (x + j, y != NULL ? y + j : NULL, columns, rows, MIN (STRIP, columns - j), sums + j, adds);
}
