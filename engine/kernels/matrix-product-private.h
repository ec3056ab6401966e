/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/matrix-product.h"

G_BEGIN_DECLS

/* What an instruction set does itself: the elements of c that registers hold together. The loops around it are in
 * matrix-product.c. */

#define TN_TILE_MOST_ROWS 12
/* Floats by which transposing fetches ahead. */
#define TN_PRODUCT_AHEAD 64

typedef struct
{
  const float *a;
  gsize a_stride;
  const float *panels; /* of whole panels of columns */
  gsize panel_depth;
  gsize depth;
  float *c;
  gsize c_stride;
  const float *next; /* [depth] floats of a that will be read soon: fetched meanwhile */
  TnChain chain;
} TnProductTile;

typedef struct
{
  gsize rows, panels; /* of a tile at most */
  /* The first rows of the tile and panels of it, both at least 1. */
  void (*multiply) (const TnProductTile *tile, gsize rows, gsize panels);
  /* out[k * out_stride + j] = columns[j * stride + k] of 16 columns j and depth k. */
  void (*transpose) (const float *columns, gsize stride, gsize depth, float *out, gsize out_stride);
  /* y [16] = chains of x [depth] and columns[j * stride + k]. */
  void (*vector) (const float *x, const float *columns, gsize stride, gsize depth, float *y, TnChain chain);
} TnProductKernels;

extern const TnProductKernels tn_product_scalar;
#if defined(__x86_64__)
extern const TnProductKernels tn_product_avx2;
extern const TnProductKernels tn_product_avx512;
#elif defined(__aarch64__)
extern const TnProductKernels tn_product_neon;
#endif

G_END_DECLS
