/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/channel-norm.h"

#include "engine/kernels/variant.h"

#define LANES 8

TN_KERNEL_INLINE void
tn_channel_sums_body (const float *x, const float *dy, double mean, gsize n, double sums[2])
{
  double parts[2][LANES] = {{0}};
  gsize whole = n / LANES * LANES;

  for (gsize i = 0; i < whole; i += LANES)
    for (gsize lane = 0; lane < LANES; lane++)
      {
        double deviation = (double) x[i + lane] - mean, other = dy != NULL ? (double) dy[i + lane] : deviation;

        parts[0][lane] += other;
        parts[1][lane] += deviation * other;
      }
  for (gsize i = whole; i < n; i++)
    {
      double deviation = (double) x[i] - mean, other = dy != NULL ? (double) dy[i] : deviation;

      parts[0][i - whole] += other;
      parts[1][i - whole] += deviation * other;
    }
  for (guint k = 0; k < 2; k++)
    for (gsize lane = 0; lane < LANES; lane++)
      sums[k] += parts[k][lane];
}

TN_KERNEL_DEFINE (tn_channel_sums, (const float *x, const float *dy, double mean, gsize n, double sums[2]),
                  (x, dy, mean, n, sums))

TN_KERNEL_INLINE void
tn_channel_combine_body (const float *x, const float *y, const double factors[3], gsize n, float *out, gboolean adds)
{
  const double a = factors[0], b = factors[1], c = factors[2];

  if (y == NULL)
    for (gsize i = 0; i < n; i++)
      out[i] = (float) ((adds ? (double) out[i] : 0.0) + (a * (double) x[i] + c));
  else
    for (gsize i = 0; i < n; i++)
      out[i] = (float) ((adds ? (double) out[i] : 0.0) + (a * (double) x[i] + b * (double) y[i] + c));
}

TN_KERNEL_DEFINE (tn_channel_combine,
                  (const float *x, const float *y, const double factors[3], gsize n, float *out, gboolean adds),
                  (x, y, factors, n, out, adds))
