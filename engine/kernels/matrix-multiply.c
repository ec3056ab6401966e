/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/matrix-multiply.h"

#include <math.h>
#include <omp.h>

#include "engine/kernels/matrix-product.h"

/* Rows of a that are transposed at a time: with the panels beside them they fill the second cache. They lie a line farther apart
 * than they are long, for lines a power of two apart would throw each other out. */
#define TRANSPOSED_ROWS 256
#define ROW_GAP 16
/* Pieces begin where a tile of any variant does. */
#define PIECE_ROWS 12
/* Pieces of work a thread at least, so that one that is late can leave some to others; but none of fewer rows or columns. */
#define PIECES_A_THREAD 2
#define LEAST_ROWS 96
#define LEAST_COLUMNS TN_PANEL_GROUP
/* Making a column of b or a row of a ready takes as long as multiplying it by so many rows or columns. */
#define READY_TRANSPOSED 24.0
#define READY_COPIED 12.0

typedef struct
{
  gsize rows, columns;     /* of a piece of c */
  gsize n_rows, n_columns; /* so many pieces side by side */
} Cut;

static gsize
count_panels (gsize n, gsize depth)
{
  return tn_panel_count (MIN (n, TN_PANEL_GROUP), MIN (depth, TN_PANEL_DEPTH));
}

static gsize
count_transposed (TnMultiplyForm form, gsize m, gsize depth)
{
  return form == TN_MULTIPLY_A_TRANSPOSED ? MIN (m, TRANSPOSED_ROWS) * (MIN (depth, TN_PANEL_DEPTH) + ROW_GAP) : 0;
}

/* Floats of one thread, whole lines. */
static gsize
count_scratch (TnMultiplyForm form, gsize m, gsize n, gsize depth)
{
  return (count_panels (n, depth) + count_transposed (form, m, depth) + 15) / 16 * 16;
}

gsize
tn_matrix_multiply_scratch (TnMultiplyForm form, gsize m, gsize n, gsize depth, guint threads)
{
  return threads * count_scratch (form, m, n, depth) * sizeof (float);
}

static gsize
share (gsize n, gsize parts, gsize step)
{
  return MAX ((n + parts * step - 1) / (parts * step) * step, step);
}

/* The cut whose busiest thread has least to do. */
static Cut
cut_work (const TnMatrixMultiply *self, guint threads)
{
  gsize most_rows = MAX (self->m / LEAST_ROWS, 1), most_columns = MAX (self->n / LEAST_COLUMNS, 1);
  gsize wanted = threads == 1 ? 1 : MIN (threads * PIECES_A_THREAD, most_rows * most_columns);
  double ready_row = self->form == TN_MULTIPLY_A_TRANSPOSED ? READY_TRANSPOSED : 0.0;
  double ready_column = self->form == TN_MULTIPLY_B_TRANSPOSED ? READY_TRANSPOSED : READY_COPIED;
  double least = INFINITY;
  Cut best = {0};

  for (gsize r = 1; r <= MIN (most_rows, 4 * wanted); r++)
    for (gsize c = 1; c <= MIN (most_columns, 4 * wanted); c++)
      {
        Cut cut = {share (self->m, r, PIECE_ROWS), share (self->n, c, TN_PANEL_COLUMNS), r, c};
        double rows = (double) cut.rows, columns = (double) cut.columns, cost;

        if (r * c < wanted)
          continue;
        cost = ceil ((double) (r * c) / threads) * (rows * columns + rows * ready_row + columns * ready_column);
        if (cost < least)
          {
            least = cost;
            best = cut;
          }
      }
  best.n_rows = (self->m + best.rows - 1) / best.rows;
  best.n_columns = (self->n + best.columns - 1) / best.columns;
  return best;
}

static gsize
stride_or (gsize stride, gsize columns)
{
  return stride != 0 ? stride : columns;
}

/* Rows [rows, depth] of a from (i, k) on. */
static const float *
get_rows (const TnMatrixMultiply *self, gsize i, gsize rows, gsize k, gsize depth, float *transposed, gsize *stride)
{
  gsize a_stride = stride_or (self->a_stride, self->form == TN_MULTIPLY_A_TRANSPOSED ? self->m : self->depth);

  if (self->form != TN_MULTIPLY_A_TRANSPOSED)
    {
      *stride = a_stride;
      return self->a + i * a_stride + k;
    }
  *stride = MIN (self->depth, TN_PANEL_DEPTH) + ROW_GAP;
  tn_matrix_transpose (self->a + k * a_stride + i, a_stride, depth, rows, transposed, *stride);
  return transposed;
}

static void
pack (const TnMatrixMultiply *self, gsize j, gsize columns, gsize k, gsize depth, float *panels)
{
  gsize stride = stride_or (self->b_stride, self->form == TN_MULTIPLY_B_TRANSPOSED ? self->depth : self->n);

  if (self->form == TN_MULTIPLY_B_TRANSPOSED)
    tn_panel_pack_transposed (self->b + j * stride + k, stride, columns, depth, panels);
  else
    tn_panel_pack (self->b + k * stride + j, stride, columns, depth, panels);
}

static void
multiply_part (const TnMatrixMultiply *self, gsize i, gsize rows, gsize j, gsize columns, gsize k, gsize depth, float *panels)
{
  TnChain chain = k > 0 || self->adds ? TN_CHAIN_RESUME : TN_CHAIN_START;
  gsize stride, c_stride = stride_or (self->c_stride, self->n);
  const float *a = get_rows (self, i, rows, k, depth, panels + count_panels (self->n, self->depth), &stride);

  for (gsize first = 0; first < columns; first += TN_PANEL_GROUP)
    {
      gsize n = MIN (TN_PANEL_GROUP, columns - first);

      pack (self, j + first, n, k, depth, panels);
      tn_panel_multiply (a, stride, rows, panels, depth, n, depth, self->c + i * c_stride + j + first, c_stride, chain);
    }
}

static void
multiply_piece (const TnMatrixMultiply *self, gsize i, gsize rows, gsize j, gsize columns, float *scratch)
{
  gsize most = self->form == TN_MULTIPLY_A_TRANSPOSED ? TRANSPOSED_ROWS : rows;

  for (gsize row = 0; row < rows; row += most)
    for (gsize k = 0; k < self->depth || k == 0; k += TN_PANEL_DEPTH)
      multiply_part (self, i + row, MIN (most, rows - row), j, columns, k, MIN (TN_PANEL_DEPTH, self->depth - k), scratch);
}

void
tn_matrix_multiply (const TnMatrixMultiply *self, guint threads, void *scratch)
{
  gsize floats = count_scratch (self->form, self->m, self->n, self->depth);
  Cut cut;

  if (self->m == 0 || self->n == 0)
    return;
  cut = cut_work (self, threads);
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads((int) threads)
  for (gsize c = 0; c < cut.n_columns; c++)
    for (gsize r = 0; r < cut.n_rows; r++)
      {
        gsize i = r * cut.rows, j = c * cut.columns;

        multiply_piece (self, i, MIN (cut.rows, self->m - i), j, MIN (cut.columns, self->n - j),
                        (float *) scratch + (gsize) omp_get_thread_num () * floats);
      }
}
