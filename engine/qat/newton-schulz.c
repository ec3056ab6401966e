/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/newton-schulz.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/kernels/matrix-product.h"
#include "engine/qat/gradient-norm.h"

#define FACTOR_X 3.4445f
#define FACTOR_A (-4.7750f)
#define FACTOR_AA 2.0315f
#define NORM_EPSILON 1e-7
/* Rows of a piece of work: whole tiles of every variant, and enough that packing the panels for them hardly counts. */
#define PIECE_ROWS ((gsize) 252)
#define PANELS ((gsize) TN_PANEL_DEPTH * TN_PANEL_GROUP)
#define TRANSPOSE_TILE 16
#define ALIGNMENT 16

/* c [m, n] = add_factor add + factor a [m, depth] b [depth, n]; add may be NULL. */
typedef struct
{
  const float *a, *b, *add;
  float *c, *panels;
  gsize m, n, depth;
  float factor, add_factor;
  gboolean transposed; /* b is stored as [n, depth] */
  gboolean symmetric;  /* so is c: what lies right of its diagonal is taken from the left */
  guint threads;
} Product;

static void
multiply_piece (const Product *self, gsize row, gsize m, gsize column, gsize n, float *panels)
{
  float *c = self->c + row * self->n + column;

  for (gsize done = 0; done < self->depth; done += TN_PANEL_DEPTH)
    {
      gsize depth = MIN (TN_PANEL_DEPTH, self->depth - done);

      if (self->transposed)
        tn_panel_pack_transposed (self->b + column * self->depth + done, self->depth, n, depth, panels);
      else
        tn_panel_pack (self->b + done * self->n + column, self->n, n, depth, panels);
      tn_panel_multiply (self->a + row * self->depth + done, self->depth, m, panels, depth, n, depth, c, self->n,
                         done == 0 ? TN_CHAIN_START : TN_CHAIN_RESUME);
    }
  for (gsize i = 0; self->add != NULL && i < m; i++)
    {
      const float *add = self->add + (row + i) * self->n + column;

      for (gsize j = 0; j < n; j++)
        c[i * self->n + j] = self->add_factor * add[j] + self->factor * c[i * self->n + j];
    }
}

static void
multiply (const Product *self)
{
  gsize row_pieces = (self->m + PIECE_ROWS - 1) / PIECE_ROWS, groups = (self->n + TN_PANEL_GROUP - 1) / TN_PANEL_GROUP;

#pragma omp parallel num_threads((int) self->threads)
  {
    float *panels = self->panels + (gsize) omp_get_thread_num () * PANELS;

#pragma omp for schedule(dynamic)
    for (gsize i = 0; i < row_pieces * groups; i++)
      {
        /* The long rows of a symmetric product come first. */
        gsize row = (row_pieces - 1 - i / groups) * PIECE_ROWS, m = MIN (PIECE_ROWS, self->m - row);
        gsize column = i % groups * TN_PANEL_GROUP;

        if (!self->symmetric || column < row + m)
          multiply_piece (self, row, m, column, MIN (TN_PANEL_GROUP, self->n - column), panels);
      }
    if (self->symmetric)
#pragma omp for schedule(static)
      for (gsize i = 0; i < self->m; i++)
        for (gsize j = i + 1; j < self->n; j++)
          self->c[i * self->n + j] = self->c[j * self->n + i];
  }
}

static void
transpose (const float *x, gsize rows, gsize columns, float *out)
{
  for (gsize i = 0; i < rows; i += TRANSPOSE_TILE)
    for (gsize j = 0; j < columns; j++)
      for (gsize k = i; k < MIN (rows, i + TRANSPOSE_TILE); k++)
        out[j * rows + k] = x[k * columns + j];
}

static gsize
align (gsize floats)
{
  return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

gsize
tn_newton_schulz_count (gsize rows, gsize columns, guint threads)
{
  gsize r = MIN (rows, columns);

  return 2 * align (rows * columns) + 2 * align (r * r) + threads * PANELS;
}

void
tn_newton_schulz (float *x, gsize rows, gsize columns, guint steps, guint threads, float *scratch)
{
  gsize r = MIN (rows, columns), c = MAX (rows, columns), n = r * c;
  float *now = scratch, *next = now + align (n), *a = next + align (n), *b = a + align (r * r), *panels = b + align (r * r);
  float factor = (float) (1.0 / (sqrt (tn_gradient_sum_squares (x, n)) + NORM_EPSILON));

  if (rows > columns)
    transpose (x, rows, columns, now);
  else
    memcpy (now, x, n * sizeof *x);
  for (gsize i = 0; i < n; i++)
    now[i] *= factor;
  for (guint step = 0; step < steps; step++)
    {
      float *last = now;

      multiply (&(const Product){.a = now,
                                 .b = now,
                                 .c = a,
                                 .panels = panels,
                                 .m = r,
                                 .n = r,
                                 .depth = c,
                                 .transposed = TRUE,
                                 .symmetric = TRUE,
                                 .threads = threads});
      multiply (&(const Product){.a = a,
                                 .b = a,
                                 .add = a,
                                 .c = b,
                                 .panels = panels,
                                 .m = r,
                                 .n = r,
                                 .depth = r,
                                 .factor = FACTOR_AA,
                                 .add_factor = FACTOR_A,
                                 .transposed = TRUE,
                                 .symmetric = TRUE,
                                 .threads = threads});
      multiply (&(const Product){.a = b,
                                 .b = now,
                                 .add = now,
                                 .c = next,
                                 .panels = panels,
                                 .m = r,
                                 .n = c,
                                 .depth = r,
                                 .factor = 1.0f,
                                 .add_factor = FACTOR_X,
                                 .threads = threads});
      now = next;
      next = last;
    }
  if (rows > columns)
    transpose (now, columns, rows, x);
  else
    memcpy (x, now, n * sizeof *x);
}
