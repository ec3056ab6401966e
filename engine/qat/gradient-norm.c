/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/gradient-norm.h"

#include <math.h>

#include "engine/device/device.h"
#include "engine/kernels/sum-squares.h"

/* Blocks of one parallel region: they and their sums lie on the stack, because a step allocates nothing. */
#define REGION_BLOCKS 1024
#define CLIP_EPSILON 1e-6

typedef struct
{
  const float *x;
  gsize n;
  guint variable;
  double sum;
} Block;

typedef struct
{
  guint n;
  Block blocks[REGION_BLOCKS];
} Region;

static void
sum_blocks (Region *self)
{
  int threads = self->n == 1 ? 1 : (int) tn_device_get_threads ();

#pragma omp parallel for schedule(static) num_threads(threads)
  for (guint i = 0; i < self->n; i++)
    tn_sum_squares (self->blocks[i].x, self->blocks[i].n, &self->blocks[i].sum);
}

double
tn_gradient_sum_squares (const float *gradient, gsize n)
{
  double sum = 0.0;

  for (gsize first = 0; first < n; first += TN_GRADIENT_BLOCK)
    {
      double block;

      tn_sum_squares (gradient + first, MIN (TN_GRADIENT_BLOCK, n - first), &block);
      sum += block;
    }
  return sum;
}

guint64
tn_gradient_count_nonfinite (const float *gradient, gsize n)
{
  guint64 found = 0;

  for (gsize i = 0; i < n; i++)
    found += !isfinite (gradient[i]);
  return found;
}

/* The sum of a variable is complete before it is added to that of all. */
typedef struct
{
  double all, one;
  guint variable;
} Sum;

static void
take_region (Region *region, TnVariable *const *variables, Sum *sum, TnGradientNorm *norm)
{
  sum_blocks (region);
  for (guint i = 0; i < region->n; i++)
    {
      const Block *block = &region->blocks[i];

      if (block->variable != sum->variable)
        {
          sum->all += sum->one;
          *sum = (Sum){.all = sum->all, .variable = block->variable};
        }
      sum->one += block->sum;
      norm->n_elements += block->n;
      if (isfinite (block->sum))
        continue;
      norm->n_nonfinite += tn_gradient_count_nonfinite (block->x, block->n);
      if (norm->first_nonfinite == NULL)
        norm->first_nonfinite = variables[block->variable];
    }
  region->n = 0;
}

void
tn_gradient_norm_measure (TnVariable *const *variables, guint n, TnGradientNorm *norm)
{
  Region region = {.n = 0};
  Sum sum = {.variable = G_MAXUINT};

  *norm = (TnGradientNorm){.norm = 0.0};
  for (guint i = 0; i < n; i++)
    {
      const float *x = variables[i]->gradient;

      g_return_if_fail (variables[i]->dtype == TN_DTYPE_F32);
      for (gsize first = 0; x != NULL && first < variables[i]->count; first += TN_GRADIENT_BLOCK)
        {
          if (region.n == REGION_BLOCKS)
            take_region (&region, variables, &sum, norm);
          region.blocks[region.n++] = (Block){x + first, MIN (TN_GRADIENT_BLOCK, variables[i]->count - first), i, 0.0};
        }
    }
  take_region (&region, variables, &sum, norm);
  norm->norm = sqrt (sum.all + sum.one);
}

double
tn_gradient_clip_factor (const TnGradientClip *clip, double norm, double scale)
{
  double scaled = norm * scale;

  if (isnan (norm))
    return scale;
  switch (clip->kind)
    {
    case TN_CLIP_NORM:
      return scale * fmin (clip->limit / (scaled + CLIP_EPSILON), 1.0);
    case TN_CLIP_NORMALIZE:
      return scaled > 0.0 ? scale * clip->limit / scaled : scale;
    default:
      return scale;
    }
}
