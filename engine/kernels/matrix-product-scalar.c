/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/kernels/matrix-product-private.h"

/* a b + s rounded once, on processors that may lack the instruction (where the C library's fmaf() is several times slower): the
 * product is exact in double; what the sum there loses is folded into its last bit when that is even (rounding to odd), so that
 * rounding to float afterwards is right.
 * Source: Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008. */
static inline float
fused_multiply_add (float a, float b, float s)
{
  double product = (double) a * (double) b, addend = (double) s, sum = product + addend;
  double virtual_addend = sum - product;
  double lost = (product - (sum - virtual_addend)) + (addend - virtual_addend);
  gint64 bits;

  memcpy (&bits, &sum, sizeof bits);
  /* Not for NaN, which comes of infinite sums. */
  if ((lost < 0.0 || lost > 0.0) && (bits & 1) == 0)
    bits += (lost > 0.0) == (sum > 0.0) ? 1 : -1;
  memcpy (&sum, &bits, sizeof sum);
  return (float) sum;
}

/* One row and one panel. */
static void
multiply (const TnProductTile *tile, G_GNUC_UNUSED gsize rows, G_GNUC_UNUSED gsize panels)
{
  float sums[TN_PANEL_COLUMNS] = {0};

  if (tile->chain == TN_CHAIN_RESUME)
    memcpy (sums, tile->c, sizeof sums);
  for (gsize k = 0; k < tile->depth; k++)
    for (gsize j = 0; j < TN_PANEL_COLUMNS; j++)
      sums[j] = fused_multiply_add (tile->a[k], tile->panels[k * TN_PANEL_COLUMNS + j], sums[j]);
  memcpy (tile->c, sums, sizeof sums);
}

static void
transpose (const float *columns, gsize stride, gsize depth, float *out, gsize out_stride)
{
  for (gsize k = 0; k < depth; k++)
    for (gsize j = 0; j < TN_PANEL_COLUMNS; j++)
      out[k * out_stride + j] = columns[j * stride + k];
}

/* Side by side, for a step of one chain has to wait for the last one. */
static void
vector (const float *x, const float *columns, gsize stride, gsize depth, float *y, TnChain chain)
{
  float sums[TN_PANEL_COLUMNS] = {0};

  if (chain == TN_CHAIN_RESUME)
    memcpy (sums, y, sizeof sums);
  for (gsize k = 0; k < depth; k++)
    for (gsize j = 0; j < TN_PANEL_COLUMNS; j++)
      sums[j] = fused_multiply_add (x[k], columns[j * stride + k], sums[j]);
  memcpy (y, sums, sizeof sums);
}

const TnProductKernels tn_product_scalar = {1, 1, multiply, transpose, vector};
