/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/lanes16.h"
#include "engine/kernels/norm.h"

typedef struct
{
  float mean, factor;
} RowMoments;

/* In lanes of double, folded in a fixed order. */
TN_KERNEL_INLINE double
sum_row (const float *x, gsize width)
{
  TnSums16 sums = {0};
  TnFloats16 values;
  gsize i = 0;

  for (; i + TN_LANES16 <= width; i += TN_LANES16)
    {
      tn_load16 (x + i, &values);
      tn_accumulate16 (&values, &sums);
    }
  if (i < width)
    {
      tn_load16_tail (x + i, width - i, 0.0f, &values);
      tn_accumulate16 (&values, &sums);
    }
  return tn_fold16 (&sums);
}

TN_KERNEL_INLINE double
sum_squares (const float *x, float mean, gsize width)
{
  TnSums16 sums = {0};
  TnFloats16 values;
  gsize i = 0;

  for (; i + TN_LANES16 <= width; i += TN_LANES16)
    {
      tn_load16 (x + i, &values);
      TN_EACH_PIECE (k)
      values.pieces[k] -= mean;
      tn_accumulate16_squares (&values, &sums);
    }
  if (i < width)
    {
      tn_load16_tail (x + i, width - i, mean, &values);
      TN_EACH_PIECE (k)
      values.pieces[k] -= mean;
      tn_accumulate16_squares (&values, &sums);
    }
  return tn_fold16 (&sums);
}

TN_KERNEL_INLINE RowMoments
get_moments (const float *x, double epsilon, gsize width)
{
  float mean = (float) (sum_row (x, width) / (double) width);

  return (RowMoments){mean, (float) (1.0 / sqrt (sum_squares (x, mean, width) / (double) width + epsilon))};
}

TN_KERNEL_INLINE void
tn_layernorm_body (const float *x, const float *weight, const float *bias, double epsilon, gsize n_rows, gsize width, float *out)
{
  for (gsize row = 0; row < n_rows; row++, x += width, out += width)
    {
      RowMoments moments = get_moments (x, epsilon, width);

      if (bias != NULL)
        for (gsize i = 0; i < width; i++)
          out[i] = (x[i] - moments.mean) * moments.factor * weight[i] + bias[i];
      else
        for (gsize i = 0; i < width; i++)
          out[i] = (x[i] - moments.mean) * moments.factor * weight[i];
    }
}

TN_KERNEL_DEFINE (tn_layernorm,
                  (const float *x, const float *weight, const float *bias, double epsilon, gsize n_rows, gsize width, float *out),
                  (x, weight, bias, epsilon, n_rows, width, out))

/* Sums of g = weight dy and of g z. */
TN_KERNEL_INLINE void
sum_gradients (const TnNormGradient *gradient, const float *x, const float *dy, const RowMoments *moments, double *sum,
               double *sum_products)
{
  TnSums16 sums = {0}, products = {0};
  TnFloats16 z, g, weight;

  for (gsize i = 0; i < gradient->width; i += TN_LANES16)
    {
      gsize left = gradient->width - i;

      if (left >= TN_LANES16)
        {
          tn_load16 (x + i, &z);
          tn_load16 (dy + i, &g);
          tn_load16 (gradient->weight + i, &weight);
        }
      else
        {
          tn_load16_tail (x + i, left, moments->mean, &z);
          tn_load16_tail (dy + i, left, 0.0f, &g);
          tn_load16_tail (gradient->weight + i, left, 0.0f, &weight);
        }
      TN_EACH_PIECE (k)
      {
        g.pieces[k] *= weight.pieces[k];
        z.pieces[k] = (z.pieces[k] - moments->mean) * moments->factor * g.pieces[k];
      }
      tn_accumulate16 (&g, &sums);
      tn_accumulate16 (&z, &products);
    }
  *sum = tn_fold16 (&sums);
  *sum_products = tn_fold16 (&products);
}

TN_KERNEL_INLINE void
put_row (const TnNormGradient *gradient, const float *x, const float *dy, const RowMoments *moments, float *dx)
{
  const float *weight = gradient->weight;
  double sum, sum_products;
  float mean, mean_products;

  sum_gradients (gradient, x, dy, moments, &sum, &sum_products);
  mean = (float) (sum / (double) gradient->width);
  mean_products = (float) (sum_products / (double) gradient->width);
  if (gradient->adds)
    for (gsize i = 0; i < gradient->width; i++)
      dx[i] += moments->factor * (weight[i] * dy[i] - mean - (x[i] - moments->mean) * moments->factor * mean_products);
  else
    for (gsize i = 0; i < gradient->width; i++)
      dx[i] = moments->factor * (weight[i] * dy[i] - mean - (x[i] - moments->mean) * moments->factor * mean_products);
}

TN_KERNEL_INLINE void
tn_layernorm_gradient_body (const TnNormGradient *gradient, gsize n_rows)
{
  const float *x = gradient->x, *dy = gradient->dy;
  gsize width = gradient->width;

  if (gradient->dweight != NULL)
    memset (gradient->dweight, 0, width * sizeof (float));
  for (gsize row = 0; row < n_rows; row++, x += width, dy += width)
    {
      RowMoments moments = get_moments (x, gradient->epsilon, width);

      if (gradient->dx != NULL)
        put_row (gradient, x, dy, &moments, gradient->dx + row * width);
      if (gradient->dweight != NULL)
        for (gsize i = 0; i < width; i++)
          gradient->dweight[i] += dy[i] * ((x[i] - moments.mean) * moments.factor);
    }
}

TN_KERNEL_DEFINE (tn_layernorm_gradient, (const TnNormGradient *gradient, gsize n_rows), (gradient, n_rows))
