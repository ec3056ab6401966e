/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the products of a gradient with an error add up to. */
typedef struct
{
  double sum;     /* of g e */
  double squares; /* of (g e)^2 */
} TnProductSums;

/* Adds those of n elements: g e rounded to float32, sums in double over 16 lanes that are folded in a fixed order. errors: bfloat16. The same bits in
 * every variant. */
void tn_product_sums_half  (const float *gradients, const guint16 *errors, gsize n, TnProductSums *sums);
void tn_product_sums_float (const float *gradients, const float *errors, gsize n, TnProductSums *sums);

G_END_DECLS
