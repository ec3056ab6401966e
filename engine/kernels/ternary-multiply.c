/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/ternary-multiply.h"

#include <omp.h>
#include <string.h>

#define ITEMS_PER_THREAD 4
#define ITEM_ROWS 96
#define ALIGNMENT 64

static gsize
thread_bytes (guint64 columns)
{
  return (tn_ternary_scratch_bytes (columns) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

gsize
tn_ternary_multiply_scratch_bytes (guint64 columns, guint threads)
{
  tn_ternary_choose ();
  return threads * thread_bytes (columns);
}

static gsize
count_parts (gsize n, gsize of)
{
  return (n + of - 1) / of;
}

void
tn_ternary_multiply (const TnTernaryMultiply *self, const TnInt8Rows *x, gsize n_rows, void *scratch, guint threads)
{
  const TnTernaryMatrix *matrix = &self->matrix;
  gsize rows = (gsize) matrix->rows, n_groups = count_parts (rows, TN_TERNARY_TILE_ROWS),
        wanted = (gsize) threads * ITEMS_PER_THREAD;
  gsize inputs, pieces, groups, parts, room = thread_bytes (matrix->columns);

  if (n_rows == 0 || rows == 0)
    return;
  /* Rather by rows of x: a product copies those of an item once, however many weights it meets. */
  inputs = count_parts (n_rows, CLAMP (n_rows / ITEM_ROWS, 1, wanted));
  pieces = count_parts (n_rows, inputs);
  groups = count_parts (n_groups, CLAMP (wanted / pieces, 1, n_groups));
  parts = count_parts (n_groups, groups);
#pragma omp parallel for schedule(dynamic) num_threads((int) threads)
  for (gsize item = 0; item < pieces * parts; item++)
    {
      gsize first = item / parts * inputs, row = item % parts * groups * TN_TERNARY_TILE_ROWS;
      gsize n = MIN (groups * TN_TERNARY_TILE_ROWS, rows - row);
      const TnTernaryScales scales = {x->scales + first, self->scales + (self->per_row ? row : 0), self->per_row, self->adds};

      tn_ternary_product (matrix, row, n, x->codes + first * x->stride, x->stride, x->sums + first, MIN (inputs, n_rows - first),
                          &scales, self->y + first * rows + row, rows, (guint8 *) scratch + (gsize) omp_get_thread_num () * room);
    }
}

typedef guint8 Bytes16 __attribute__ ((vector_size (16)));

/* Byte 4 r + k holds the codes of row r and columns k, 4 + k, 8 + k, 12 + k. Four rows of bytes are turned, then the pairs of
 * bits among the four. */
static void
transpose_tile (const guint8 *tile, guint8 *out)
{
  const Bytes16 turn = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  Bytes16 quads[4];

  for (guint q = 0; q < 4; q++)
    {
      memcpy (&quads[q], tile + 16 * q, sizeof quads[q]);
      quads[q] = __builtin_shuffle (quads[q], turn);
    }
  for (guint n = 0; n < 4; n++)
    {
      Bytes16 made = {0};

      for (guint q = 0; q < 4; q++)
        made |= ((quads[q] >> (guint8) (2 * n)) & 3) << (guint8) (2 * q);
      memcpy (out + 16 * n, &made, sizeof made);
    }
}

void
tn_ternary_transpose (const TnTernaryMatrix *self, guint8 *tiles, guint threads)
{
  gsize groups = count_parts ((gsize) self->rows, TN_TERNARY_TILE_ROWS),
        across = count_parts ((gsize) self->columns, TN_TERNARY_TILE_COLUMNS);

#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize i = 0; i < across; i++)
    for (gsize g = 0; g < groups; g++)
      transpose_tile (self->tiles + (g * across + i) * TN_TERNARY_TILE_BYTES, tiles + (i * groups + g) * TN_TERNARY_TILE_BYTES);
}
