/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/product-sums.h"

#include "engine/kernels/lanes16.h"

typedef guint16 Halves __attribute__ ((vector_size (TN_PIECE * 2)));

TN_KERNEL_INLINE void
load_half (const guint16 *x, TnFloats *out)
{
  Halves halves;

  memcpy (&halves, x, sizeof halves);
  *out = (TnFloats) (__builtin_convertvector(halves, TnInts) << 16);
}

TN_KERNEL_INLINE void
add_products (const TnFloats16 *gradients, const TnFloats16 *errors, TnSums16 *sums, TnSums16 *squares)
{
  TnFloats16 products;

  TN_EACH_PIECE (k)
  products.pieces[k] = gradients->pieces[k] * errors->pieces[k];
  tn_accumulate16 (&products, sums);
  tn_accumulate16_squares (&products, squares);
}

TN_KERNEL_INLINE void
tn_product_sums_half_body (const float *gradients, const guint16 *errors, gsize n, TnProductSums *sums)
{
  TnSums16 sum = {0}, squares = {0};
  TnFloats16 g, e;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (gradients + i, &g);
      TN_EACH_PIECE (k)
      load_half (errors + i + k * TN_PIECE, &e.pieces[k]);
      add_products (&g, &e, &sum, &squares);
    }
  if (i < n)
    {
      guint16 tail[TN_LANES16] = {0};
      TnFloats16 last;

      memcpy (tail, errors + i, (n - i) * sizeof *tail);
      tn_load16_tail (gradients + i, n - i, 0.0f, &last);
      TN_EACH_PIECE (k)
      load_half (tail + k * TN_PIECE, &e.pieces[k]);
      add_products (&last, &e, &sum, &squares);
    }
  sums->sum += tn_fold16 (&sum);
  sums->squares += tn_fold16 (&squares);
}

TN_KERNEL_INLINE void
tn_product_sums_float_body (const float *gradients, const float *errors, gsize n, TnProductSums *sums)
{
  TnSums16 sum = {0}, squares = {0};
  TnFloats16 g, e;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (gradients + i, &g);
      tn_load16 (errors + i, &e);
      add_products (&g, &e, &sum, &squares);
    }
  if (i < n)
    {
      TnFloats16 last, last_errors;

      tn_load16_tail (gradients + i, n - i, 0.0f, &last);
      tn_load16_tail (errors + i, n - i, 0.0f, &last_errors);
      add_products (&last, &last_errors, &sum, &squares);
    }
  sums->sum += tn_fold16 (&sum);
  sums->squares += tn_fold16 (&squares);
}

TN_KERNEL_DEFINE (tn_product_sums_half, (const float *gradients, const guint16 *errors, gsize n, TnProductSums *sums),
                  (gradients, errors, n, sums))
TN_KERNEL_DEFINE (tn_product_sums_float, (const float *gradients, const float *errors, gsize n, TnProductSums *sums),
                  (gradients, errors, n, sums))
