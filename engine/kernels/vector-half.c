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
/* Columns that lie on a cache line, and how far ahead lines are asked for: at the end of the rows, those of the rows behind them. */
#define LINE 32
#define AHEAD (8 * LINE)

/* in: row j and row j + 8 of 8 columns in the halves of vector j. out: column k of 16 rows. */
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

HALF_INLINE __m256
widen (TnHalfKind kind, __m128i halves)
{
  return kind == TN_HALF_F16 ? _mm256_cvtph_ps (halves)
                             : _mm256_castsi256_ps (_mm256_slli_epi32 (_mm256_cvtepu16_epi32 (halves), 16));
}

/* As many columns as make whole vectors. */
HALF_INLINE gsize
multiply_lines (TnHalfKind kind, const float *x, const guint8 *rows, gsize stride, gsize depth, float *y)
{
  __m256 low = _mm256_setzero_ps (), high = _mm256_setzero_ps ();
  gsize done = 0;

  for (; done + LINE <= depth; done += LINE)
    {
      gsize ahead = done + AHEAD < depth ? done + AHEAD : TN_HALF_ROWS * stride + done + AHEAD - depth;
      /* Rows of a matrix tend to lie a multiple of the cache's size apart: what is read of a line is kept here. */
      __m256i lines[TN_HALF_ROWS][2];

#pragma GCC unroll 16
      for (guint j = 0; j < TN_HALF_ROWS; j++)
        {
          const guint8 *line = rows + 2 * (j * stride + done), *next = rows + 2 * (j * stride + ahead);

          lines[j][0] = _mm256_loadu_si256 ((const __m256i *) (const void *) line);
          lines[j][1] = _mm256_loadu_si256 ((const __m256i *) (const void *) (line + 32));
          _mm_prefetch ((const char *) next, _MM_HINT_T0);
        }
      for (guint part = 0; part < 4; part++)
        {
          __m256i in[8], columns[8];

#pragma GCC unroll 8
          for (guint j = 0; j < 8; j++)
            {
              const __m128i *first = (const __m128i *) lines[j] + part, *second = (const __m128i *) lines[j + 8] + part;

              in[j] = _mm256_inserti128_si256 (_mm256_castsi128_si256 (_mm_load_si128 (first)), _mm_load_si128 (second), 1);
            }
          transpose (in, columns);
#pragma GCC unroll 8
          for (guint k = 0; k < 8; k++)
            {
              __m256 factor = _mm256_broadcast_ss (x + done + 8 * part + k);

              low = _mm256_fmadd_ps (factor, widen (kind, _mm256_castsi256_si128 (columns[k])), low);
              high = _mm256_fmadd_ps (factor, widen (kind, _mm256_extracti128_si256 (columns[k], 1)), high);
            }
        }
    }
  _mm256_storeu_ps (y, low);
  _mm256_storeu_ps (y + 8, high);
  return done;
}

HALF_TARGET static gsize
multiply_lines_f16 (const float *x, const guint8 *rows, gsize stride, gsize depth, float *y)
{
  return multiply_lines (TN_HALF_F16, x, rows, stride, depth, y);
}

HALF_TARGET static gsize
multiply_lines_bf16 (const float *x, const guint8 *rows, gsize stride, gsize depth, float *y)
{
  return multiply_lines (TN_HALF_BF16, x, rows, stride, depth, y);
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
