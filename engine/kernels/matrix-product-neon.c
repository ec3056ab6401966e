/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__aarch64__)
#include <arm_neon.h>

#include "engine/kernels/matrix-product-private.h"

/* 6 rows by 16 columns: 24 sums, four vectors of a panel and a value of a in 32 registers. */
#define TILE_TARGET
#define TILE_ROWS 6
#define TILE_PANELS 1
#define TILE_LANES 4
#define TILE_VECTOR float32x4_t
#define TILE_LOAD(p) vld1q_f32 (p)
#define TILE_STORE(p, v) vst1q_f32 (p, v)
#define TILE_ZERO() vdupq_n_f32 (0.0f)
#define TILE_BROADCAST(p) vld1q_dup_f32 (p)
#define TILE_FMA(a, b, s) vfmaq_f32 (s, a, b)
#include "engine/kernels/matrix-product-tile.h"

static void
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

/* Columns k .. k + 3 of 4 rows, each as a vector. */
static inline void
gather_4 (const float *in, gsize stride, float32x4_t out[4])
{
  const float32x4_t a = vld1q_f32 (in), b = vld1q_f32 (in + stride), c = vld1q_f32 (in + 2 * stride),
                    d = vld1q_f32 (in + 3 * stride);
  const float64x2_t ab_even = vreinterpretq_f64_f32 (vtrn1q_f32 (a, b)), ab_odd = vreinterpretq_f64_f32 (vtrn2q_f32 (a, b));
  const float64x2_t cd_even = vreinterpretq_f64_f32 (vtrn1q_f32 (c, d)), cd_odd = vreinterpretq_f64_f32 (vtrn2q_f32 (c, d));

  out[0] = vreinterpretq_f32_f64 (vtrn1q_f64 (ab_even, cd_even));
  out[1] = vreinterpretq_f32_f64 (vtrn1q_f64 (ab_odd, cd_odd));
  out[2] = vreinterpretq_f32_f64 (vtrn2q_f64 (ab_even, cd_even));
  out[3] = vreinterpretq_f32_f64 (vtrn2q_f64 (ab_odd, cd_odd));
}

/* The columns' next lines: they lie far apart, so the processor does not see them coming. */
static inline void
fetch_4 (const float *in, gsize stride)
{
  for (gsize i = 0; i < 4; i++)
    __builtin_prefetch (in + i * stride + TN_PRODUCT_AHEAD, 0, 2);
}

/* 4 columns at a time: the first cache has places for few lines that are a power of two apart. */
static void
transpose (const float *columns, gsize stride, gsize depth, float *rows, gsize out_stride)
{
  for (gsize j = 0; j < TN_PANEL_COLUMNS; j += 4)
    {
      const float *in = columns + j * stride;
      float *out = rows + j;
      gsize k = 0;

      for (; k + 4 <= depth; k += 4)
        {
          float32x4_t values[4];

          if (k % TILE_LINE == 0)
            fetch_4 (in + k, stride);
          gather_4 (in + k, stride, values);
          for (gsize i = 0; i < 4; i++)
            vst1q_f32 (out + (k + i) * out_stride, values[i]);
        }
      for (; k < depth; k++)
        for (gsize i = 0; i < 4; i++)
          out[k * out_stride + i] = in[i * stride + k];
    }
}

static void
vector (const float *x, const float *columns, gsize stride, gsize depth, float *y, TnChain chain)
{
  float32x4_t sums[4];
  gsize k = 0;

  for (gsize h = 0; h < 4; h++)
    sums[h] = chain == TN_CHAIN_RESUME ? vld1q_f32 (y + 4 * h) : vdupq_n_f32 (0.0f);
  for (; k + 4 <= depth; k += 4)
    TILE_UNROLL
  for (gsize h = 0; h < 4; h++)
    {
      const float *in = columns + 4 * h * stride + k;
      float32x4_t values[4];

      if (k % TILE_LINE == 0)
        fetch_4 (in, stride);
      gather_4 (in, stride, values);
      for (gsize i = 0; i < 4; i++)
        sums[h] = vfmaq_f32 (sums[h], vld1q_dup_f32 (x + k + i), values[i]);
    }
  for (; k < depth; k++)
    for (gsize h = 0; h < 4; h++)
      {
        float values[4];

        for (gsize i = 0; i < 4; i++)
          values[i] = columns[(4 * h + i) * stride + k];
        sums[h] = vfmaq_f32 (sums[h], vld1q_dup_f32 (x + k), vld1q_f32 (values));
      }
  for (gsize h = 0; h < 4; h++)
    vst1q_f32 (y + 4 * h, sums[h]);
}

const TnProductKernels tn_product_neon = {TILE_ROWS, TILE_PANELS, multiply, transpose, vector};
#endif
