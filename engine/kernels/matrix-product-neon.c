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

/* 4 rows of 4 values, the rows of out a panel's row apart. */
static void
transpose_4 (const float *in, gsize stride, float *out)
{
  const float32x4_t a = vld1q_f32 (in), b = vld1q_f32 (in + stride), c = vld1q_f32 (in + 2 * stride),
                    d = vld1q_f32 (in + 3 * stride);
  const float64x2_t ab_even = vreinterpretq_f64_f32 (vtrn1q_f32 (a, b)), ab_odd = vreinterpretq_f64_f32 (vtrn2q_f32 (a, b));
  const float64x2_t cd_even = vreinterpretq_f64_f32 (vtrn1q_f32 (c, d)), cd_odd = vreinterpretq_f64_f32 (vtrn2q_f32 (c, d));

  vst1q_f32 (out, vreinterpretq_f32_f64 (vtrn1q_f64 (ab_even, cd_even)));
  vst1q_f32 (out + TN_PANEL_COLUMNS, vreinterpretq_f32_f64 (vtrn1q_f64 (ab_odd, cd_odd)));
  vst1q_f32 (out + 2 * TN_PANEL_COLUMNS, vreinterpretq_f32_f64 (vtrn2q_f64 (ab_even, cd_even)));
  vst1q_f32 (out + 3 * TN_PANEL_COLUMNS, vreinterpretq_f32_f64 (vtrn2q_f64 (ab_odd, cd_odd)));
}

static void
transpose (const float *columns, gsize stride, gsize depth, float *panel)
{
  gsize k = 0;

  for (; k + 4 <= depth; k += 4)
    for (gsize j = 0; j < TN_PANEL_COLUMNS; j += 4)
      {
        for (gsize line = 0; line < 4 && k % TILE_LINE == 0; line++)
          __builtin_prefetch (columns + (j + line) * stride + k + TN_PRODUCT_AHEAD);
        transpose_4 (columns + j * stride + k, stride, panel + k * TN_PANEL_COLUMNS + j);
      }
  for (; k < depth; k++)
    for (gsize j = 0; j < TN_PANEL_COLUMNS; j++)
      panel[k * TN_PANEL_COLUMNS + j] = columns[j * stride + k];
}

const TnProductKernels tn_product_neon = {TILE_ROWS, TILE_PANELS, multiply, transpose};
#endif
