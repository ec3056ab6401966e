/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/vector-half.h"

#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/kernels/variant.h"
#include "engine/tensor/dtype.h"

/* Columns first .. depth of every row, which y holds the chains of. */
static void
finish_rows (TnHalfKind kind, const float *x, const guint8 *rows, gsize stride, gsize first, gsize depth, float *y)
{
  for (gsize j = 0; j < TN_HALF_ROWS; j++)
    for (gsize k = first; k < depth; k++)
      {
        guint16 bits;

        memcpy (&bits, rows + 2 * (j * stride + k), sizeof bits);
        y[j] = fmaf (x[k], kind == TN_HALF_F16 ? tn_f16_to_f32 (bits) : tn_bf16_to_f32 (bits), y[j]);
      }
}

#if defined(__x86_64__)
#include <immintrin.h>

#define HALF_TARGET __attribute__ ((target ("avx2,fma,f16c")))
#define HALF_INLINE HALF_TARGET static inline __attribute__ ((always_inline))
/* Columns that lie on a cache line. */
#define LINE 32
/* Rows that long are streams the processor finds by itself, and is only disturbed in; of shorter ones it knows too late that the
 * next tile follows. */
#define STREAM_BYTES 4096

/* in: 16 columns of 8 rows. out: vector k holds column k and column k + 8 of all rows in its halves. */
HALF_INLINE void
transpose (const __m256i in[8], __m256i out[8])
{
  __m256i a[8], b[8];

#pragma GCC unroll 4
  for (guint i = 0; i < 8; i += 2)
    {
      a[i] = _mm256_unpacklo_epi16 (in[i], in[i + 1]);
      a[i + 1] = _mm256_unpackhi_epi16 (in[i], in[i + 1]);
    }
#pragma GCC unroll 2
  for (guint i = 0; i < 8; i += 4)
    {
      b[i] = _mm256_unpacklo_epi32 (a[i], a[i + 2]);
      b[i + 1] = _mm256_unpackhi_epi32 (a[i], a[i + 2]);
      b[i + 2] = _mm256_unpacklo_epi32 (a[i + 1], a[i + 3]);
      b[i + 3] = _mm256_unpackhi_epi32 (a[i + 1], a[i + 3]);
    }
#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      out[2 * i] = _mm256_unpacklo_epi64 (b[i], b[i + 4]);
      out[2 * i + 1] = _mm256_unpackhi_epi64 (b[i], b[i + 4]);
    }
}

/* A line of 8 rows, column by column. Rows of a matrix tend to lie a multiple of the first cache's size of a way apart, which
 * holds 8 such lines: each is read to its end before others come. */
HALF_INLINE void
turn_line (const guint8 *rows, gsize stride, const guint8 *next, __m256i columns[2][8])
{
#pragma GCC unroll 2
  for (guint half = 0; half < 2; half++)
    {
      __m256i in[8];

#pragma GCC unroll 8
      for (guint j = 0; j < 8; j++)
        {
          in[j] = _mm256_loadu_si256 ((const __m256i *) (const void *) (rows + 2 * j * stride + 32 * half));
          if (next != NULL && half == 0)
            _mm_prefetch ((const char *) next + 2 * LINE * j, _MM_HINT_T1);
        }
      transpose (in, columns[half]);
    }
}

/* From memory, which takes no instruction to get at the upper half. */
HALF_INLINE __m256
widen (TnHalfKind kind, const __m128i *halves)
{
  __m128i v = _mm_load_si128 (halves);

  return kind == TN_HALF_F16 ? _mm256_cvtph_ps (v) : _mm256_castsi256_ps (_mm256_slli_epi32 (_mm256_cvtepu16_epi32 (v), 16));
}

/* As many columns as make whole lines. fetch: the tile behind this one is asked for meanwhile. */
HALF_INLINE gsize
multiply_lines (TnHalfKind kind, gboolean fetch, const float *x, const guint8 *rows, gsize stride, gsize depth, float *y)
{
  __m256 low = _mm256_setzero_ps (), high = _mm256_setzero_ps ();
  gsize done = 0;

  for (; done + LINE <= depth; done += LINE)
    {
      __m256i columns[2][2][8];
      const guint8 *next = fetch ? rows + 2 * TN_HALF_ROWS * (stride + done) : NULL;

      turn_line (rows + 2 * done, stride, next, columns[0]);
      turn_line (rows + 2 * (8 * stride + done), stride, fetch ? next + 16 * LINE : NULL, columns[1]);
#pragma GCC unroll 4
      for (guint part = 0; part < 4; part++)
#pragma GCC unroll 8
        for (guint k = 0; k < 8; k++)
          {
            const __m128i *first = (const __m128i *) &columns[0][part / 2][k] + part % 2;
            const __m128i *second = (const __m128i *) &columns[1][part / 2][k] + part % 2;
            __m256 factor = _mm256_broadcast_ss (x + done + 8 * part + k);

            low = _mm256_fmadd_ps (factor, widen (kind, first), low);
            high = _mm256_fmadd_ps (factor, widen (kind, second), high);
          }
    }
  _mm256_storeu_ps (y, low);
  _mm256_storeu_ps (y + 8, high);
  return done;
}

HALF_TARGET static gsize
multiply_lines_f16 (const float *x, const guint8 *rows, gsize stride, gsize depth, float *y)
{
  return 2 * depth < STREAM_BYTES ? multiply_lines (TN_HALF_F16, TRUE, x, rows, stride, depth, y)
                                  : multiply_lines (TN_HALF_F16, FALSE, x, rows, stride, depth, y);
}

HALF_TARGET static gsize
multiply_lines_bf16 (const float *x, const guint8 *rows, gsize stride, gsize depth, float *y)
{
  return 2 * depth < STREAM_BYTES ? multiply_lines (TN_HALF_BF16, TRUE, x, rows, stride, depth, y)
                                  : multiply_lines (TN_HALF_BF16, FALSE, x, rows, stride, depth, y);
}

gboolean
tn_vector_half_is_fast (void)
{
  return tn_variant_get () != TN_VARIANT_SCALAR && (tn_device_auto_select ()->features & TN_CPU_F16C) != 0;
}
#else
gboolean
tn_vector_half_is_fast (void)
{
  return FALSE;
}
#endif

void
tn_vector_multiply_half (TnHalfKind kind, const float *x, const void *rows, gsize stride, gsize depth, float *y)
{
  gsize done = 0;

  memset (y, 0, TN_HALF_ROWS * sizeof *y);
#if defined(__x86_64__)
  if (tn_vector_half_is_fast ())
    done = kind == TN_HALF_F16 ? multiply_lines_f16 (x, rows, stride, depth, y) : multiply_lines_bf16 (x, rows, stride, depth, y);
#endif
  finish_rows (kind, x, rows, stride, done, depth, y);
}
