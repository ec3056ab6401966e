/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/vector-q8-0.h"

#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/kernels/variant.h"
#include "engine/tensor/dtype.h"

#define BLOCK_BYTES 34

#if defined(__x86_64__)
#include <immintrin.h>

#define Q8_TARGET __attribute__ ((target ("avx2,fma,f16c")))
#define Q8_INLINE Q8_TARGET static inline __attribute__ ((always_inline))
/* Of the tile behind, a block of every row. */
#define NEXT_LINES ((TN_Q8_0_ROWS * BLOCK_BYTES + 63) / 64)
/* Rows that long are streams the processor finds by itself, and is only disturbed in. */
#define STREAM_BYTES 4096

/* in: 32 columns of 8 rows. out: a column's 8 codes side by side, columns 2 v and 2 v + 1, then 16 later ones in the upper half.
 */
Q8_INLINE void
transpose (const __m256i in[8], __m256i out[8])
{
  __m256i a[8], b[8];

#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      a[i] = _mm256_unpacklo_epi8 (in[2 * i], in[2 * i + 1]);
      a[4 + i] = _mm256_unpackhi_epi8 (in[2 * i], in[2 * i + 1]);
    }
#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      b[i / 2 * 4 + i % 2] = _mm256_unpacklo_epi16 (a[2 * i], a[2 * i + 1]);
      b[i / 2 * 4 + 2 + i % 2] = _mm256_unpackhi_epi16 (a[2 * i], a[2 * i + 1]);
    }
#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      out[2 * i] = _mm256_unpacklo_epi32 (b[2 * i], b[2 * i + 1]);
      out[2 * i + 1] = _mm256_unpackhi_epi32 (b[2 * i], b[2 * i + 1]);
    }
}

/* A block of 8 rows: their scales, and their codes column by column. */
Q8_INLINE __m256
turn_block (const guint8 *rows, gsize stride, __m256i columns[8])
{
  __m256i in[8];
  guint16 scales[8];

#pragma GCC unroll 8
  for (guint j = 0; j < 8; j++)
    {
      const guint8 *block = rows + j * stride;

      memcpy (&scales[j], block, sizeof scales[j]);
      in[j] = _mm256_loadu_si256 ((const __m256i *) (const void *) (block + 2));
    }
  transpose (in, columns);
  return _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) (const void *) scales));
}

Q8_INLINE __m256
scale_codes (const guint8 *codes, __m256 scales)
{
  __m256i wide = _mm256_cvtepi8_epi32 (_mm_loadl_epi64 ((const __m128i *) (const void *) codes));

  return _mm256_mul_ps (_mm256_cvtepi32_ps (wide), scales);
}

Q8_INLINE void
multiply_blocks (gboolean fetch, const float *x, const guint8 *rows, gsize n_blocks, float *y)
{
  const gsize stride = n_blocks * BLOCK_BYTES;
  __m256 low = _mm256_setzero_ps (), high = _mm256_setzero_ps ();

  for (gsize block = 0; block < n_blocks; block++, x += TN_Q8_0_COLUMNS)
    {
      const guint8 *first = rows + block * BLOCK_BYTES, *next = rows + TN_Q8_0_ROWS * (stride + block * BLOCK_BYTES);
      __m256i columns[2][8];
      __m256 low_scales = turn_block (first, stride, columns[0]),
             high_scales = turn_block (first + 8 * stride, stride, columns[1]);

      for (guint line = 0; fetch && line < NEXT_LINES; line++)
        _mm_prefetch ((const char *) next + 64 * line, _MM_HINT_T1);
#pragma GCC unroll 2
      for (guint half = 0; half < 2; half++)
#pragma GCC unroll 16
        for (guint k = 0; k < 16; k++)
          {
            __m256 factor = _mm256_broadcast_ss (x + 16 * half + k);
            gsize at = 32 * (k / 2) + 16 * half + 8 * (k % 2);

            low = _mm256_fmadd_ps (factor, scale_codes ((const guint8 *) columns[0] + at, low_scales), low);
            high = _mm256_fmadd_ps (factor, scale_codes ((const guint8 *) columns[1] + at, high_scales), high);
          }
    }
  _mm256_storeu_ps (y, low);
  _mm256_storeu_ps (y + 8, high);
}

Q8_TARGET static void
multiply_avx2 (const float *x, const guint8 *rows, gsize n_blocks, float *y)
{
  if (n_blocks * BLOCK_BYTES < STREAM_BYTES)
    multiply_blocks (TRUE, x, rows, n_blocks, y);
  else
    multiply_blocks (FALSE, x, rows, n_blocks, y);
}

gboolean
tn_vector_q8_0_is_fast (void)
{
  return tn_variant_get () != TN_VARIANT_SCALAR && (tn_device_auto_select ()->features & TN_CPU_F16C) != 0;
}
#else
gboolean
tn_vector_q8_0_is_fast (void)
{
  return FALSE;
}
#endif

static float
multiply_row (const float *x, const guint8 *block, gsize n_blocks)
{
  float sum = 0.0f;

  for (; n_blocks > 0; n_blocks--, block += BLOCK_BYTES, x += TN_Q8_0_COLUMNS)
    {
      guint16 bits;
      float scale;

      memcpy (&bits, block, sizeof bits);
      scale = tn_f16_to_f32 (bits);
      for (gsize k = 0; k < TN_Q8_0_COLUMNS; k++)
        sum = fmaf (x[k], (float) (gint8) block[2 + k] * scale, sum);
    }
  return sum;
}

void
tn_vector_multiply_q8_0 (const float *x, const void *rows, gsize n_blocks, float *y)
{
#if defined(__x86_64__)
  if (tn_vector_q8_0_is_fast ())
    {
      multiply_avx2 (x, rows, n_blocks, y);
      return;
    }
#endif
  for (gsize j = 0; j < TN_Q8_0_ROWS; j++)
    y[j] = multiply_row (x, (const guint8 *) rows + j * n_blocks * BLOCK_BYTES, n_blocks);
}
