/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/weight-shape.h"

#include <math.h>
#include <string.h>

#include "engine/tensor/tensor-blocks.h"

/* Four times as many as values: a search ends after a few steps. */
#define TABLE_SIZE 1024

typedef struct
{
  guint64 finite, nonfinite;
  double mean, m2, m3, m4, sum_square, maximum;
} Row;

typedef struct
{
  TnWeightShape *shape;
  Row rows[TN_TENSOR_WAVE_BLOCKS];
} Pass;

static void
measure_row (const TnTensorBlock *block, gpointer user_data)
{
  Pass *pass = user_data;
  Row row = {0};
  double sum = 0.0;

  for (gsize i = 0; i < block->n; i++)
    {
      double x = (double) block->x[i];

      if (!isfinite (block->x[i]))
        continue;
      row.finite++;
      sum += x;
      row.sum_square += x * x;
      row.maximum = MAX (row.maximum, fabs (x));
    }
  row.nonfinite = block->n - row.finite;
  row.mean = row.finite > 0 ? sum / (double) row.finite : 0.0;
  for (gsize i = 0; i < block->n; i++)
    {
      double distance = (double) block->x[i] - row.mean, square = distance * distance;

      if (!isfinite (block->x[i]))
        continue;
      row.m2 += square;
      row.m3 += square * distance;
      row.m4 += square * square;
    }
  pass->rows[block->slot] = row;
}

static void
add_moments (TnWeightShape *self, const Row *row)
{
  double a = (double) self->finite, b = (double) row->finite, n = a + b;
  double delta = row->mean - self->mean, step = delta / n;

  if (row->finite == 0)
    return;
  self->m4 += row->m4 + delta * step * step * step * a * b * (a * a - a * b + b * b) +
              6.0 * step * step * (a * a * row->m2 + b * b * self->m2) + 4.0 * step * (a * row->m3 - b * self->m3);
  self->m3 += row->m3 + delta * step * step * a * b * (a - b) + 3.0 * step * (a * row->m2 - b * self->m2);
  self->m2 += row->m2 + delta * step * a * b;
  self->mean += step * b;
}

static void
fold_row (guint slot, gpointer user_data)
{
  Pass *pass = user_data;
  TnWeightShape *self = pass->shape;
  const Row *row = &pass->rows[slot];

  add_moments (self, row);
  self->finite += row->finite;
  self->nonfinite += row->nonfinite;
  if (row->maximum > self->maximum)
    {
      self->maximum = row->maximum;
      self->maximum_row = self->n_rows;
    }
  if (row->nonfinite > self->most_nonfinite)
    {
      self->most_nonfinite = row->nonfinite;
      self->nonfinite_row = self->n_rows;
    }
  self->row_mean_squares[self->n_rows++] = row->finite > 0 ? row->sum_square / (double) row->finite : 0.0;
}

/* Bit patterns that were seen; 0 is one of its own, for it marks free places. */
typedef struct
{
  guint32 patterns[TABLE_SIZE];
  gboolean has_zero;
  guint n;
} ValueTable;

static void
add_value (ValueTable *self, float value)
{
  guint32 pattern, at;

  if (value == 0.0f)
    {
      self->n += !self->has_zero;
      self->has_zero = TRUE;
      return;
    }
  memcpy (&pattern, &value, sizeof pattern);
  at = (pattern * 2654435761u) >> 22;
  while (self->patterns[at] != 0 && self->patterns[at] != pattern)
    at = (at + 1) % TABLE_SIZE;
  self->n += self->patterns[at] == 0;
  self->patterns[at] = pattern;
}

static guint
count_values (const TnTensor *weight)
{
  guint64 columns = tn_tensor_columns (weight);
  g_autofree ValueTable *table = g_new0 (ValueTable, 1);
  g_autofree float *row = g_new (float, columns);

  for (guint64 i = 0; i < tn_tensor_rows (weight) && table->n <= TN_WEIGHT_SHAPE_MOST_VALUES; i++)
    {
      tn_tensor_decode_rows (weight, i, 1, row);
      for (guint64 c = 0; c < columns && table->n <= TN_WEIGHT_SHAPE_MOST_VALUES; c++)
        if (isfinite (row[c]))
          add_value (table, row[c]);
    }
  return table->n;
}

gboolean
tn_weight_shape_find (TnWeightShape *self, const TnTensor *weight, GCancellable *cancellable, GError **error)
{
  g_autofree Pass *pass = g_new0 (Pass, 1);
  const TnTensorVisitor visitor = {.measure = measure_row, .fold = fold_row, .user_data = pass};

  *self = (TnWeightShape){.row_mean_squares = g_new0 (double, tn_tensor_rows (weight))};
  pass->shape = self;
  if (!tn_tensor_visit_blocks (weight, 0, weight->count, tn_tensor_columns (weight), &visitor, cancellable, error))
    return FALSE;
  self->n_values = count_values (weight);
  return TRUE;
}

void
tn_weight_shape_clear (TnWeightShape *self)
{
  g_clear_pointer (&self->row_mean_squares, g_free);
}
