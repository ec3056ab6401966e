/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "engine/kernels/matrix-product-private.h"

/* 6 rows by 16 columns: 12 sums, two vectors of a panel and a value of a fill 15 of 16 registers, and as many independent chains
 * hide the latency of two multiply-adds a cycle. */
#define TILE_TARGET __attribute__ ((target ("avx2,fma")))
#define TILE_ROWS 6
#define TILE_PANELS 1
#define TILE_LANES 8
#define TILE_VECTOR __m256
#define TILE_LOAD(p) _mm256_loadu_ps (p)
#define TILE_STORE(p, v) _mm256_storeu_ps (p, v)
#define TILE_ZERO() _mm256_setzero_ps ()
#define TILE_BROADCAST(p) _mm256_broadcast_ss (p)
#define TILE_FMA(a, b, s) _mm256_fmadd_ps (a, b, s)
#include "engine/kernels/matrix-product-tile.h"

TILE_TARGET static void
multiply (const TnProductTile *tile, gsize rows, G_GNUC_UNUSED gsize panels)
{
  switch (rows)
    {
    case 1:
      tile_multiply (tile, 1, 1);
      break;
    case 2:
      tile_multiply (tile, 2, 1);
      break;
    case 3:
      tile_multiply (tile, 3, 1);
      break;
    case 4:
      tile_multiply (tile, 4, 1);
      break;
    case 5:
      tile_multiply (tile, 5, 1);
      break;
    default:
      tile_multiply (tile, TILE_ROWS, 1);
    }
}

/* 8 rows of 8 values, the rows of out a panel's row apart. */
TILE_INLINE void
transpose_8 (const float *in, gsize stride, float *out)
{
  __m256 a[8], b[8];

  TILE_UNROLL
  for (gsize i = 0; i < 8; i++)
    a[i] = _mm256_loadu_ps (in + i * stride);
  TILE_UNROLL
  for (gsize i = 0; i < 8; i += 2)
    {
      b[i] = _mm256_unpacklo_ps (a[i], a[i + 1]);
      b[i + 1] = _mm256_unpackhi_ps (a[i], a[i + 1]);
    }
  TILE_UNROLL
  for (gsize i = 0; i < 8; i += 4)
    {
      a[i] = _mm256_shuffle_ps (b[i], b[i + 2], _MM_SHUFFLE (1, 0, 1, 0));
      a[i + 1] = _mm256_shuffle_ps (b[i], b[i + 2], _MM_SHUFFLE (3, 2, 3, 2));
      a[i + 2] = _mm256_shuffle_ps (b[i + 1], b[i + 3], _MM_SHUFFLE (1, 0, 1, 0));
      a[i + 3] = _mm256_shuffle_ps (b[i + 1], b[i + 3], _MM_SHUFFLE (3, 2, 3, 2));
    }
  TILE_UNROLL
  for (gsize i = 0; i < 4; i++)
    {
      _mm256_storeu_ps (out + i * TN_PANEL_COLUMNS, _mm256_permute2f128_ps (a[i], a[i + 4], 0x20));
      _mm256_storeu_ps (out + (i + 4) * TN_PANEL_COLUMNS, _mm256_permute2f128_ps (a[i], a[i + 4], 0x31));
    }
}

/* A whole cache line of every column before the next, and later ones fetched meanwhile: columns lie far apart, so the processor
 * does not see them coming. */
TILE_TARGET static void
transpose (const float *columns, gsize stride, gsize depth, float *panel)
{
  gsize k = 0;

  for (; k + TILE_LINE <= depth; k += TILE_LINE)
    {
      TILE_UNROLL
      for (gsize j = 0; j < TN_PANEL_COLUMNS; j++)
        __builtin_prefetch (columns + j * stride + k + TN_PRODUCT_AHEAD);
      TILE_UNROLL
      for (gsize part = 0; part < 4; part++)
        transpose_8 (columns + part % 2 * 8 * stride + k + part / 2 * 8, stride,
                     panel + (k + part / 2 * 8) * TN_PANEL_COLUMNS + part % 2 * 8);
    }
  for (; k < depth; k++)
    for (gsize j = 0; j < TN_PANEL_COLUMNS; j++)
      panel[k * TN_PANEL_COLUMNS + j] = columns[j * stride + k];
}

const TnProductKernels tn_product_avx2 = {TILE_ROWS, TILE_PANELS, multiply, transpose};
#endif
