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

/* Columns k .. k + 7 of 8 rows, each as a vector. Rows i and i + 4 come in the halves of one vector, so that no shuffle has to
 * cross them. */
TILE_INLINE void
gather_8 (const float *in, gsize stride, __m256 out[8])
{
  TILE_UNROLL
  for (gsize half = 0; half < 2; half++)
    {
      __m256 a[4], b[4];

      TILE_UNROLL
      for (gsize i = 0; i < 4; i++)
        a[i] = _mm256_insertf128_ps (_mm256_castps128_ps256 (_mm_loadu_ps (in + i * stride + 4 * half)),
                                     _mm_loadu_ps (in + (i + 4) * stride + 4 * half), 1);
      b[0] = _mm256_unpacklo_ps (a[0], a[1]);
      b[1] = _mm256_unpackhi_ps (a[0], a[1]);
      b[2] = _mm256_unpacklo_ps (a[2], a[3]);
      b[3] = _mm256_unpackhi_ps (a[2], a[3]);
      out[4 * half] = _mm256_shuffle_ps (b[0], b[2], _MM_SHUFFLE (1, 0, 1, 0));
      out[4 * half + 1] = _mm256_shuffle_ps (b[0], b[2], _MM_SHUFFLE (3, 2, 3, 2));
      out[4 * half + 2] = _mm256_shuffle_ps (b[1], b[3], _MM_SHUFFLE (1, 0, 1, 0));
      out[4 * half + 3] = _mm256_shuffle_ps (b[1], b[3], _MM_SHUFFLE (3, 2, 3, 2));
    }
}

/* What will be read after line k of 8 columns: later lines, and at their end the first ones of the columns that follow in next.
 * They lie far apart, so the processor does not see them coming. To the second cache, for a power of two apart they do not fit
 * into the first together. */
TILE_INLINE void
fetch_8 (const float *in, const float *next, gsize stride, gsize k, gsize depth)
{
  const float *line = k + TN_PRODUCT_AHEAD < depth ? in + k + TN_PRODUCT_AHEAD : next + k + TN_PRODUCT_AHEAD - depth;

  TILE_UNROLL
  for (gsize i = 0; i < 8; i++)
    _mm_prefetch ((const char *) (line + i * stride), _MM_HINT_T1);
}

/* A whole cache line of every column before the next, and 8 columns at a time: as many as the first cache has places for lines a
 * power of two apart. */
TILE_TARGET static void
transpose (const float *columns, gsize stride, gsize depth, float *rows, gsize out_stride)
{
  for (gsize j = 0; j < TN_PANEL_COLUMNS; j += 8)
    {
      const float *in = columns + j * stride;
      float *out = rows + j;
      gsize k = 0;

      for (; k + TILE_LINE <= depth; k += TILE_LINE)
        {
          fetch_8 (in, in + 8 * stride, stride, k, depth);
          TILE_UNROLL
          for (gsize part = 0; part < TILE_LINE; part += 8)
            {
              __m256 values[8];

              gather_8 (in + k + part, stride, values);
              TILE_UNROLL
              for (gsize i = 0; i < 8; i++)
                _mm256_storeu_ps (out + (k + part + i) * out_stride, values[i]);
            }
        }
      for (; k < depth; k++)
        for (gsize i = 0; i < 8; i++)
          out[k * out_stride + i] = in[i * stride + k];
    }
}

TILE_TARGET static void
vector (const float *x, const float *columns, gsize stride, gsize depth, float *y, TnChain chain)
{
  __m256 sums[2];
  gsize k = 0;

  for (gsize h = 0; h < 2; h++)
    sums[h] = chain == TN_CHAIN_RESUME ? _mm256_loadu_ps (y + 8 * h) : _mm256_setzero_ps ();
  for (; k + TILE_LINE <= depth; k += TILE_LINE)
    {
      TILE_UNROLL
      for (gsize h = 0; h < 2; h++)
        {
          const float *in = columns + h * 8 * stride;

          fetch_8 (in, in + TN_PANEL_COLUMNS * stride, stride, k, depth);
          TILE_UNROLL
          for (gsize part = 0; part < TILE_LINE; part += 8)
            {
              __m256 values[8];

              gather_8 (in + k + part, stride, values);
              TILE_UNROLL
              for (gsize i = 0; i < 8; i++)
                sums[h] = _mm256_fmadd_ps (_mm256_broadcast_ss (x + k + part + i), values[i], sums[h]);
            }
        }
    }
  for (; k < depth; k++)
    {
      float values[TN_PANEL_COLUMNS];

      for (gsize i = 0; i < TN_PANEL_COLUMNS; i++)
        values[i] = columns[i * stride + k];
      for (gsize h = 0; h < 2; h++)
        sums[h] = _mm256_fmadd_ps (_mm256_broadcast_ss (x + k), _mm256_loadu_ps (values + 8 * h), sums[h]);
    }
  for (gsize h = 0; h < 2; h++)
    _mm256_storeu_ps (y + 8 * h, sums[h]);
}

const TnProductKernels tn_product_avx2 = {TILE_ROWS, TILE_PANELS, multiply, transpose, vector};
#endif
