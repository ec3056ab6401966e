/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/gram.h"

#include <math.h>
#include <string.h>

#include "engine/calibration/site-stats.h"
#include "engine/memory/pool.h"
#include "engine/tensor/lanes.h"

/* Channels of a panel: what a sequence has of them lies side by side, token after token. */
#define PANEL 8
/* Rows of the matrix that are summed together. */
#define STRIP 4

struct _TnGram
{
  guint width;
  TnChannelSum *sums; /* pool memory */
};

guint64
tn_gram_get_bytes (guint width)
{
  return (guint64) width * (width + 1) / 2 * sizeof (TnChannelSum);
}

TnGram *
tn_gram_new (guint width, GError **error)
{
  TnChannelSum *sums = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_STATISTICS, (gsize) tn_gram_get_bytes (width), error);
  TnGram *self;

  if (sums == NULL)
    return NULL;
  self = g_new (TnGram, 1);
  *self = (TnGram){width, sums};
  return self;
}

TnGram *
tn_gram_copy (const TnGram *self)
{
  TnGram *copy = tn_gram_new (self->width, NULL);

  if (copy != NULL)
    memcpy (copy->sums, self->sums, (gsize) tn_gram_get_bytes (self->width));
  return copy;
}

void
tn_gram_free (TnGram *self)
{
  if (self == NULL)
    return;
  tn_pool_release (tn_pool_default (), self->sums);
  g_free (self);
}

guint
tn_gram_get_width (const TnGram *self)
{
  return self->width;
}

void
tn_gram_clear (TnGram *self)
{
  memset (self->sums, 0, (gsize) tn_gram_get_bytes (self->width));
}

TnChannelSum *
tn_gram_get_sums (TnGram *self)
{
  return self->sums;
}

gsize
tn_gram_n_sums (const TnGram *self)
{
  return (gsize) self->width * (self->width + 1) / 2;
}

/* Where row i of the triangle starts, less i: its element j stands at start + j. */
static inline gsize
row_start (guint width, guint i)
{
  return (gsize) i * width - (gsize) i * (i + 1) / 2;
}

static void
pack_panel (const float *x, gsize n_tokens, guint width, guint first, double *panel)
{
  guint n = MIN (PANEL, width - first);

  for (gsize t = 0; t < n_tokens; t++, panel += PANEL)
    for (guint k = 0; k < PANEL; k++)
      {
        double value = k < n ? (double) x[t * width + first + k] : 0.0;

        panel[k] = fabs (value) < ldexp (1.0, TN_STATS_OVERSIZE_LOG2) ? value : 0.0;
      }
}

static inline TnChannelSum
to_quantum (double sum)
{
  double scaled = nearbyint (sum * ldexp (1.0, -TN_CHANNEL_SUM_QUANTUM_LOG2));

  return fabs (scaled) < 0x1p62 ? (TnChannelSum) (gint64) scaled : (TnChannelSum) scaled;
}

/* STRIP rows by PANEL columns: products of floats are exact in double, and each sum goes through the tokens in their order. */
TN_LANES_INLINE void
sum_block (const double *rows, const double *columns, gsize n_tokens, double *out)
{
  TnDouble4 low[STRIP] = {{0}}, high[STRIP] = {{0}};

  for (gsize t = 0; t < n_tokens; t++, rows += PANEL, columns += PANEL)
    {
      TnDouble4 a, b;

      memcpy (&a, columns, sizeof a);
      memcpy (&b, columns + 4, sizeof b);
#pragma GCC unroll 4
      for (guint k = 0; k < STRIP; k++)
        {
          low[k] += a * rows[k];
          high[k] += b * rows[k];
        }
    }
  for (guint k = 0; k < STRIP; k++)
    {
      memcpy (out + k * PANEL, &low[k], sizeof low[k]);
      memcpy (out + k * PANEL + 4, &high[k], sizeof high[k]);
    }
}

#if TN_LANES_X86
TN_LANES_AVX2 static void
sum_block_avx2 (const double *rows, const double *columns, gsize n_tokens, double *out)
{
  sum_block (rows, columns, n_tokens, out);
}
#else
#define sum_block_avx2 sum_block
#endif

static void
add_block (TnGram *self, const double *rows, guint first_row, const double *columns, guint first_column, gsize n_tokens)
{
  double sums[STRIP * PANEL];

  if (tn_lanes_have_avx2 ())
    sum_block_avx2 (rows, columns, n_tokens, sums);
  else
    sum_block (rows, columns, n_tokens, sums);
  for (guint k = 0; k < STRIP && first_row + k < self->width; k++)
    for (guint j = 0; j < PANEL; j++)
      {
        guint column = first_column + j;

        if (column < self->width && column >= first_row + k)
          self->sums[row_start (self->width, first_row + k) + column] += to_quantum (sums[k * PANEL + j]);
      }
}

static void
observe_sequence (TnGram *self, const float *x, gsize n_tokens, double *panels)
{
  guint n_panels = (self->width + PANEL - 1) / PANEL;

#pragma omp parallel for schedule(static) if (n_panels > 8)
  for (guint p = 0; p < n_panels; p++)
    pack_panel (x, n_tokens, self->width, p * PANEL, panels + (gsize) p * n_tokens * PANEL);
#pragma omp parallel for schedule(dynamic) if (n_panels > 8)
  for (guint p = 0; p < n_panels; p++)
    for (guint row = 0; row <= p * PANEL + PANEL - 1 && row < self->width; row += STRIP)
      add_block (self, panels + (gsize) (row / PANEL) * n_tokens * PANEL + row % PANEL, row,
                 panels + (gsize) p * n_tokens * PANEL, p * PANEL, n_tokens);
}

gboolean
tn_gram_observe (TnGram *self, const TnBatch *batch, const float *x)
{
  guint n_panels = (self->width + PANEL - 1) / PANEL;
  g_autoptr (TnBlock) panels = NULL;
  guint longest = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    longest = MAX (longest, batch->sequences[s].length);
  panels = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, (gsize) n_panels * PANEL * sizeof (double), MAX (longest, 1), NULL);
  if (panels == NULL)
    return FALSE;
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      observe_sequence (self, x, batch->sequences[s].length, (double *) panels);
      x += (gsize) batch->sequences[s].length * self->width;
    }
  return TRUE;
}

void
tn_gram_merge (TnGram *self, const TnGram *other)
{
  gsize n = tn_gram_n_sums (self);

  for (gsize i = 0; i < n; i++)
    self->sums[i] += other->sums[i];
}

gboolean
tn_gram_equal (const TnGram *a, const TnGram *b)
{
  return a->width == b->width && memcmp (a->sums, b->sums, (gsize) tn_gram_get_bytes (a->width)) == 0;
}

void
tn_gram_get_matrix (const TnGram *self, float *out)
{
  for (guint i = 0; i < self->width; i++)
    for (guint j = i; j < self->width; j++)
      {
        float value = (float) tn_channel_sum_to_double (self->sums[row_start (self->width, i) + j]);

        out[(gsize) i * self->width + j] = value;
        out[(gsize) j * self->width + i] = value;
      }
}
