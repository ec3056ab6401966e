/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/rope.h"

#include <math.h>

#include "engine/kernels/variant.h"

void
tn_rope_table (gsize first, gsize n, gsize dim, double base, double scale, const float *factors, float *cosines, float *sines)
{
  gsize half = dim / 2;

  for (gsize i = 0; i < half; i++)
    {
      double frequency = pow (base, -2.0 * (double) i / (double) dim) / scale / (factors != NULL ? (double) factors[i] : 1.0);

      for (gsize p = 0; p < n; p++)
        {
          double angle = (double) (first + p) * frequency;

          cosines[p * half + i] = (float) cos (angle);
          sines[p * half + i] = (float) sin (angle);
        }
    }
}

TN_KERNEL_INLINE void
tn_rope_interleaved_body (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines)
{
  for (gsize head = 0; head < n_heads; head++, x += head_dim)
    for (gsize i = 0; i < dim / 2; i++)
      {
        float a = x[2 * i], b = x[2 * i + 1];

        x[2 * i] = a * cosines[i] - b * sines[i];
        x[2 * i + 1] = a * sines[i] + b * cosines[i];
      }
}

TN_KERNEL_INLINE void
tn_rope_half_split_body (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines)
{
  gsize half = dim / 2;

  for (gsize head = 0; head < n_heads; head++, x += head_dim)
    for (gsize i = 0; i < half; i++)
      {
        float a = x[i], b = x[half + i];

        x[i] = a * cosines[i] - b * sines[i];
        x[half + i] = a * sines[i] + b * cosines[i];
      }
}

TN_KERNEL_DEFINE (tn_rope_interleaved,
                  (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines),
                  (x, n_heads, head_dim, dim, cosines, sines))
TN_KERNEL_DEFINE (tn_rope_half_split,
                  (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines),
                  (x, n_heads, head_dim, dim, cosines, sines))

TN_KERNEL_INLINE void
tn_rope_back_body (TnRopeLayout layout, float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines,
                   const float *sines)
{
  gsize half = dim / 2, step = layout == TN_ROPE_INTERLEAVED ? 2 : 1, other = layout == TN_ROPE_INTERLEAVED ? 1 : half;

  for (gsize head = 0; head < n_heads; head++, x += head_dim)
    for (gsize i = 0; i < half; i++)
      {
        float a = x[step * i], b = x[step * i + other];

        x[step * i] = a * cosines[i] + b * sines[i];
        x[step * i + other] = b * cosines[i] - a * sines[i];
      }
}

TN_KERNEL_DEFINE (tn_rope_back,
                  (TnRopeLayout layout, float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines,
                   const float *sines),
                  (layout, x, n_heads, head_dim, dim, cosines, sines))
