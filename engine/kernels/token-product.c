/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/token-product.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/kernels/stochastic-private.h"
#include "engine/kernels/token-product-private.h"
#include "engine/kernels/variant.h"

#define LARGEST_CODE 127.0f
#define SMALLEST_MAGNITUDE 1e-30f
#define CODE_COLUMNS 64
#define CODE_TOKENS 16
/* Columns and rows of c, of a piece of work. */
#define ITEM_COLUMNS 128
#define ITEM_ROWS 192
#define PANEL_CODES (TN_TOKEN_BLOCK * TN_TOKEN_COLUMNS)

static void
pack_scalar (const gint8 *codes, gsize stride, gsize n_tokens, gint16 *panel)
{
  for (gsize t = 0; t < n_tokens; t += 2)
    for (gsize k = 0; k < TN_TOKEN_COLUMNS; k++)
      {
        *panel++ = codes[t * stride + k];
        *panel++ = t + 1 < n_tokens ? codes[(t + 1) * stride + k] : 0;
      }
}

static void
multiply_scalar (const gint16 *a, gsize stride, const gint16 *panel, gsize n_pairs, gint32 sums[TN_TOKEN_ROWS][TN_TOKEN_COLUMNS])
{
  memset (sums, 0, TN_TOKEN_ROWS * sizeof sums[0]);
  for (gsize pair = 0; pair < n_pairs; pair++, panel += 2 * TN_TOKEN_COLUMNS, a += 2)
    for (gsize r = 0; r < TN_TOKEN_ROWS; r++)
      for (gsize k = 0; k < TN_TOKEN_COLUMNS; k++)
        sums[r][k] += a[r * stride] * panel[2 * k] + a[r * stride + 1] * panel[2 * k + 1];
}

static const TnTokenKernels *
get_kernels (void)
{
  static const TnTokenKernels scalar = {pack_scalar, multiply_scalar};

#if defined(__x86_64__)
  if (tn_variant_get () != TN_VARIANT_SCALAR)
    return &tn_token_avx2;
#endif
  return &scalar;
}

/* The largest bits of |a| times the scale, of each column: ordered as magnitudes are, those that are not finite last. */
TN_KERNEL_INLINE void
find_largest (const float *a, gsize stride, const float *token_scales, gsize n_tokens, gsize n, gint32 *largest)
{
  for (gsize t = 0; t < n_tokens; t++, a += stride)
    for (gsize i = 0; i < n; i++)
      {
        float value = a[i] * token_scales[t];
        gint32 bits;

        memcpy (&bits, &value, sizeof bits);
        bits &= G_MAXINT32;
        largest[i] = bits > largest[i] ? bits : largest[i];
      }
}

TN_KERNEL_INLINE void
write_codes (const float *a, float token_scale, guint32 seed, gsize first, gsize n, const float *factors, gint32 *codes)
{
  for (gsize i = 0; i < n; i++)
    {
      gint32 code =
          (gint32) (a[i] * token_scale * factors[i] + tn_stochastic_uniform (seed, (guint32) (first + i)) + 256.0f) - 256;

      codes[i] = code > 127 ? 127 : code;
    }
}

TN_KERNEL_INLINE void
tn_token_codes_body (const float *a, gsize stride, const float *token_scales, const guint32 *seeds, gsize n_tokens, gsize first,
                     gsize n, gint16 *codes, float *scales)
{
  gint32 largest[CODE_COLUMNS] = {0}, made[CODE_TOKENS][CODE_COLUMNS];
  float factors[CODE_COLUMNS];

  if (n == CODE_COLUMNS)
    find_largest (a, stride, token_scales, n_tokens, CODE_COLUMNS, largest);
  else
    find_largest (a, stride, token_scales, n_tokens, n, largest);
  for (gsize i = 0; i < n; i++)
    {
      float absmax;

      memcpy (&absmax, &largest[i], sizeof absmax);
      scales[i] = isfinite (absmax) ? absmax / LARGEST_CODE : NAN;
      factors[i] = isfinite (absmax) && absmax >= SMALLEST_MAGNITUDE ? LARGEST_CODE / absmax : 0.0f;
      scales[i] = factors[i] == 0.0f && isfinite (absmax) ? 0.0f : scales[i];
    }
  for (gsize t = 0; t < n_tokens; t += CODE_TOKENS)
    {
      gsize m = MIN (CODE_TOKENS, n_tokens - t);

      for (gsize k = 0; k < m; k++)
        if (n == CODE_COLUMNS)
          write_codes (a + (t + k) * stride, token_scales[t + k], seeds[t + k], first, CODE_COLUMNS, factors, made[k]);
        else
          write_codes (a + (t + k) * stride, token_scales[t + k], seeds[t + k], first, n, factors, made[k]);
      for (gsize i = 0; i < n; i++)
        for (gsize k = 0; k < CODE_TOKENS; k++)
          codes[i * TN_TOKEN_BLOCK + t + k] = k < m ? (gint16) made[k][i] : 0;
    }
}

TN_KERNEL_DEFINE (tn_token_codes,
                  (const float *a, gsize stride, const float *token_scales, const guint32 *seeds, gsize n_tokens, gsize first,
                   gsize n, gint16 *codes, float *scales),
                  (a, stride, token_scales, seeds, n_tokens, first, n, codes, scales))

/* A block's columns of a, and panels of the threads. */
typedef struct
{
  gint16 *codes;  /* [m in tiles][TN_TOKEN_BLOCK] */
  float *scales;  /* [m in tiles] */
  guint32 *seeds; /* [TN_TOKEN_BLOCK] */
  gint16 *panels; /* [threads][PANEL_CODES] */
} Scratch;

static gsize
round_up (gsize n, gsize step)
{
  return (n + step - 1) / step * step;
}

gsize
tn_token_product_scratch_bytes (gsize m, guint threads)
{
  gsize rows = round_up (m, TN_TOKEN_ROWS);

  return rows * TN_TOKEN_BLOCK * sizeof (gint16) + round_up (rows * sizeof (float), 64) + TN_TOKEN_BLOCK * sizeof (guint32) +
         threads * PANEL_CODES * sizeof (gint16);
}

static Scratch
place (void *memory, gsize m)
{
  gsize rows = round_up (m, TN_TOKEN_ROWS);
  Scratch self;

  self.codes = memory;
  self.scales = (float *) (void *) (self.codes + rows * TN_TOKEN_BLOCK);
  self.seeds = (guint32 *) (void *) ((guint8 *) self.scales + round_up (rows * sizeof (float), 64));
  self.panels = (gint16 *) (void *) (self.seeds + TN_TOKEN_BLOCK);
  return self;
}

static void
store_tile (const TnTokenProduct *self, gint32 sums[TN_TOKEN_ROWS][TN_TOKEN_COLUMNS], const float *scales, gsize row,
            gsize column, gboolean adds)
{
  gsize n = MIN (TN_TOKEN_COLUMNS, self->n - column);

  for (gsize r = 0; r < MIN (TN_TOKEN_ROWS, self->m - row); r++)
    {
      float *c = self->c + (row + r) * self->n + column;

      for (gsize k = 0; k < n; k++)
        c[k] = adds ? c[k] + (float) sums[r][k] * scales[row + r] : (float) sums[r][k] * scales[row + r];
    }
}

/* Rows first .. last and a group of columns of c, tokens of one block. */
static void
multiply_item (const TnTokenProduct *self, const Scratch *scratch, gint16 *panels, gsize first_token, gsize n_tokens, gsize first,
               gsize last, gsize column)
{
  const TnTokenKernels *kernels = get_kernels ();
  gsize end = MIN (column + ITEM_COLUMNS, self->n), n_pairs = (n_tokens + 1) / 2;
  const gint8 *codes = self->x->codes + first_token * self->x->stride;

  for (gsize at = column; at < end; at += TN_TOKEN_COLUMNS)
    {
      kernels->pack (codes + at, self->x->stride, n_tokens, panels);
      for (gsize row = first; row < last; row += TN_TOKEN_ROWS)
        {
          gint32 sums[TN_TOKEN_ROWS][TN_TOKEN_COLUMNS];

          kernels->multiply (scratch->codes + row * TN_TOKEN_BLOCK, TN_TOKEN_BLOCK, panels, n_pairs, sums);
          store_tile (self, sums, scratch->scales, row, at, self->adds || first_token > 0);
        }
    }
}

static void
multiply_block (const TnTokenProduct *self, const Scratch *scratch, gsize first_token, gsize n_tokens, guint threads)
{
  gsize padded = round_up (self->m, TN_TOKEN_ROWS), across = (self->n + ITEM_COLUMNS - 1) / ITEM_COLUMNS;
  gsize parts = CLAMP (self->m / ITEM_ROWS, 1, MAX (4 * threads / MAX (across, 1), 1));
  gsize rows = round_up ((self->m + parts - 1) / parts, TN_TOKEN_ROWS);

  parts = (self->m + rows - 1) / rows;
  for (gsize t = 0; t < n_tokens; t++)
    scratch->seeds[t] = tn_stochastic_seed (self->key, first_token + t);
  memset (scratch->codes + self->m * TN_TOKEN_BLOCK, 0, (padded - self->m) * TN_TOKEN_BLOCK * sizeof (gint16));
#pragma omp parallel num_threads((int) threads)
  {
#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < self->m; i += CODE_COLUMNS)
      tn_token_codes (self->a + first_token * self->m + i, self->m, self->x->scales + first_token, scratch->seeds, n_tokens, i,
                      MIN (CODE_COLUMNS, self->m - i), scratch->codes + i * TN_TOKEN_BLOCK, scratch->scales + i);
#pragma omp for schedule(dynamic)
    for (gsize item = 0; item < parts * across; item++)
      multiply_item (self, scratch, scratch->panels + (gsize) omp_get_thread_num () * PANEL_CODES, first_token, n_tokens,
                     item / across * rows, MIN (item / across * rows + rows, self->m), item % across * ITEM_COLUMNS);
  }
}

void
tn_token_product (const TnTokenProduct *self, void *memory, guint threads)
{
  Scratch scratch = place (memory, self->m);

  if (self->n_tokens == 0 && !self->adds)
    memset (self->c, 0, self->m * self->n * sizeof (float));
  for (gsize token = 0; token < self->n_tokens; token += TN_TOKEN_BLOCK)
    multiply_block (self, &scratch, token, MIN (TN_TOKEN_BLOCK, self->n_tokens - token), threads);
}
