/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "engine/kernels/matrix-product-private.h"

/* 12 rows by two panels: 24 sums and two vectors of panels; values of a are operands in memory. */
#define TILE_TARGET __attribute__ ((target ("avx512f,prefer-vector-width=512")))
#define TILE_ROWS 12
#define TILE_PANELS 2
#define TILE_LANES 16
#define TILE_VECTOR __m512
#define TILE_LOAD(p) _mm512_loadu_ps (p)
#define TILE_STORE(p, v) _mm512_storeu_ps (p, v)
#define TILE_ZERO() _mm512_setzero_ps ()
#define TILE_BROADCAST(p) _mm512_set1_ps (*(p))
#define TILE_FMA(a, b, s) _mm512_fmadd_ps (a, b, s)
#include "engine/kernels/matrix-product-tile.h"

#define CASE(rows, panels)                                                                                                       \
  case (rows):                                                                                                                   \
    tile_multiply (tile, rows, panels);                                                                                          \
    break

TILE_TARGET static void
multiply_one (const TnProductTile *tile, gsize rows)
{
  switch (rows)
    {
      CASE (1, 1);
      CASE (2, 1);
      CASE (3, 1);
      CASE (4, 1);
      CASE (5, 1);
      CASE (6, 1);
      CASE (7, 1);
      CASE (8, 1);
      CASE (9, 1);
      CASE (10, 1);
      CASE (11, 1);
    default:
      tile_multiply (tile, TILE_ROWS, 1);
    }
}

TILE_TARGET static void
multiply (const TnProductTile *tile, gsize rows, gsize panels)
{
  if (panels == 1)
    {
      multiply_one (tile, rows);
      return;
    }
  switch (rows)
    {
      CASE (1, 2);
      CASE (2, 2);
      CASE (3, 2);
      CASE (4, 2);
      CASE (5, 2);
      CASE (6, 2);
      CASE (7, 2);
      CASE (8, 2);
      CASE (9, 2);
      CASE (10, 2);
      CASE (11, 2);
    default:
      tile_multiply (tile, TILE_ROWS, 2);
    }
}

static void
transpose (const float *columns, gsize stride, gsize depth, float *out, gsize out_stride)
{
  tn_product_avx2.transpose (columns, stride, depth, out, out_stride);
}

static void
vector (const float *x, const float *columns, gsize stride, gsize depth, float *y, TnChain chain)
{
  tn_product_avx2.vector (x, columns, stride, depth, y, chain);
}

const TnProductKernels tn_product_avx512 = {TILE_ROWS, TILE_PANELS, multiply, transpose, vector};
#endif
