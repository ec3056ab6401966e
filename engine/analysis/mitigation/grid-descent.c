/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/grid-descent.h"

#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/wide-vector.h"

#define MOST_SWEEPS 32

/* How an element is held. */
enum
{
  FREE,
  AT_LOW,
  AT_HIGH
};

static guint64
get_unit (const TnGridRows *self, guint64 row, guint64 column)
{
  switch (self->scheme.granularity)
    {
    case TN_PER_TENSOR:
      return 0;
    case TN_PER_GROUP:
      return (row * self->columns + column) / self->scheme.group_size;
    case TN_PER_CHANNEL:
    case TN_PER_TOKEN:
    default:
      return row;
    }
}

/* The elements that a unit first .. first + n takes its range from. */
static void
hold_range (TnGridRows *self, guint64 first, guint64 n)
{
  const float *x = self->weight + first;
  guint64 least = 0, most = 0, largest = 0;

  for (guint64 i = 1; i < n; i++)
    {
      least = x[i] < x[least] ? i : least;
      most = x[i] > x[most] ? i : most;
      largest = fabsf (x[i]) > fabsf (x[largest]) ? i : largest;
    }
  if (!self->scheme.asymmetric)
    {
      self->held[first + largest] = x[largest] < 0.0f ? AT_LOW : AT_HIGH;
      return;
    }
  /* The range is widened to hold 0, which is no element then. */
  if (x[least] < 0.0f)
    self->held[first + least] = AT_LOW;
  if (x[most] > 0.0f)
    self->held[first + most] = AT_HIGH;
}

void
tn_grid_rows_init (TnGridRows *self, const float *weight, guint64 rows, guint64 columns, const double *gram,
                   const TnScheme *scheme, TnRounding *units, float *values)
{
  guint64 count = rows * columns;
  guint64 length = scheme->granularity == TN_PER_TENSOR  ? count
                   : scheme->granularity == TN_PER_GROUP ? scheme->group_size
                                                         : columns;

  *self = (TnGridRows){.weight = weight,
                       .gram = gram,
                       .rows = rows,
                       .columns = columns,
                       .scheme = *scheme,
                       .units = units,
                       .values = values,
                       .held = g_new0 (guint8, MAX (count, 1))};
  for (guint64 first = 0; scheme->kind == TN_SCHEME_INTEGER && first < count; first += length)
    hold_range (self, first, length);
}

void
tn_grid_rows_clear (TnGridRows *self)
{
  g_clear_pointer (&self->held, g_free);
}

float
tn_grid_rows_round (const TnGridRows *self, guint64 row, guint64 column, double x)
{
  const TnRounding *unit = &self->units[get_unit (self, row, column)];

  switch (self->held[row * self->columns + column])
    {
    case AT_LOW:
      return unit->low * unit->scale;
    case AT_HIGH:
      return unit->high * unit->scale;
    case FREE:
    default:
      return tn_rounding_apply (unit, (float) x);
    }
}

void
tn_grid_rows_round_all (TnGridRows *self)
{
#pragma omp parallel for schedule(static)
  for (guint64 row = 0; row < self->rows; row++)
    for (guint64 i = 0; i < self->columns; i++)
      self->values[row * self->columns + i] = tn_grid_rows_round (self, row, i, (double) self->weight[row * self->columns + i]);
}

/* out = H x, by the rows of H, which is its own transpose. */
static void
multiply_gram (const TnGridRows *self, const double *x, double *out)
{
  memset (out, 0, self->columns * sizeof *out);
  for (gsize i = 0; i < self->columns; i++)
    if (x[i] != 0.0)
      tn_add_scaled (x[i], self->gram + i * self->columns, self->columns, out);
}

static void
get_error (const TnGridRows *self, guint64 row, double *error)
{
  for (gsize i = row * self->columns; i < (row + 1) * self->columns; i++)
    *error++ = (double) self->values[i] - (double) self->weight[i];
}

double
tn_grid_rows_measure (const TnGridRows *self)
{
  g_autofree double *rows = g_new0 (double, MAX (self->rows, 1));
  double sum = 0.0;

#pragma omp parallel
  {
    g_autofree double *error = g_new (double, 2 * MAX (self->columns, 1));
    double *product = error + self->columns;

#pragma omp for schedule(dynamic, 8)
    for (guint64 row = 0; row < self->rows; row++)
      {
        get_error (self, row, error);
        multiply_gram (self, error, product);
        rows[row] = tn_dot_product (error, product, self->columns);
      }
  }
  for (guint64 row = 0; row < self->rows; row++)
    sum += rows[row];
  return sum;
}

/* gradient: half the objective's; kept up as elements move. TRUE: something moved. */
static gboolean
sweep_row (TnGridRows *self, guint64 row, double *gradient)
{
  gsize n = self->columns;
  float *values = self->values + row * n;
  gboolean moved = FALSE;

  for (gsize i = 0; i < n; i++)
    {
      double curvature = self->gram[i * n + i], step;
      float level;

      if (!(curvature > 0.0))
        continue;
      level = tn_grid_rows_round (self, row, i, (double) values[i] - gradient[i] / curvature);
      step = (double) level - (double) values[i];
      /* What rounding of the gradient could have made up is no gain. */
      if (step == 0.0 || !(step * (2.0 * gradient[i] + step * curvature) < -1e-9 * step * step * curvature))
        continue;
      values[i] = level;
      tn_add_scaled (step, self->gram + i * n, n, gradient);
      moved = TRUE;
    }
  return moved;
}

void
tn_grid_rows_descend (TnGridRows *self)
{
#pragma omp parallel
  {
    g_autofree double *error = g_new (double, 2 * MAX (self->columns, 1));
    double *gradient = error + self->columns;

#pragma omp for schedule(dynamic, 8)
    for (guint64 row = 0; row < self->rows; row++)
      {
        get_error (self, row, error);
        multiply_gram (self, error, gradient);
        for (guint i = 0; i < MOST_SWEEPS && sweep_row (self, row, gradient); i++)
          ;
      }
  }
}

/* The codes of a row; H times the weights. */
static void
read_row (const TnGridRows *self, guint64 row, double *codes, double *weighted, double *scratch)
{
  gsize n = self->columns;

  for (gsize i = 0; i < n; i++)
    {
      float scale = self->units[get_unit (self, row, i)].scale;

      codes[i] = scale > 0.0f ? rint ((double) self->values[row * n + i] / (double) scale) : 0.0;
      scratch[i] = (double) self->weight[row * n + i];
    }
  multiply_gram (self, scratch, weighted);
}

/* The scale as it is stored; a level of binary weights keeps its threshold. */
static void
set_scale (TnGridRows *self, TnRounding *unit, double scale)
{
  TnRounding changed = tn_rounding_from_scale (&self->scheme, scale, self->scheme.asymmetric ? (gint32) -unit->low : 0);

  if (!(scale > 0.0) || !isfinite (scale) || changed.overflow > 0.0f || !(changed.scale > 0.0f))
    return;
  if (self->scheme.kind == TN_SCHEME_BINARY)
    changed.threshold = unit->threshold;
  *unit = changed;
}

/* The normal equations of the scales of a row's groups, a [n, n] x = b, by Gaussian elimination without pivoting: a is positive
 * semidefinite. FALSE: it is singular. */
static gboolean
solve_groups (double *a, double *b, gsize n)
{
  for (gsize k = 0; k < n; k++)
    {
      double least = 1e-12 * fabs (a[k * n + k]);

      for (gsize m = 0; m < k; m++)
        for (gsize i = k; i < n; i++)
          a[k * n + i] -= a[m * n + k] / a[m * n + m] * a[m * n + i];
      for (gsize m = 0; m < k; m++)
        b[k] -= a[m * n + k] / a[m * n + m] * b[m];
      if (!(a[k * n + k] > least))
        return FALSE;
    }
  for (gsize k = n; k-- > 0;)
    {
      for (gsize i = k + 1; i < n; i++)
        b[k] -= a[k * n + i] * b[i];
      b[k] /= a[k * n + k];
    }
  return TRUE;
}

static void
fit_groups (TnGridRows *self, guint64 row, const double *codes, const double *weighted)
{
  gsize length = self->scheme.group_size, n = self->columns / length, n_used = 0;
  g_autofree double *a = g_new0 (double, n *n), *b = g_new0 (double, n), *product = g_new (double, self->columns);
  g_autofree double *one = g_new (double, self->columns);
  g_autofree gsize *used = g_new (gsize, n);
  TnRounding *units = self->units + row * n;

  /* Groups without a code that is not 0 have no say. */
  for (gsize g = 0; g < n; g++)
    for (gsize i = g * length; i < (g + 1) * length; i++)
      if (codes[i] != 0.0)
        {
          used[n_used++] = g;
          break;
        }
  for (gsize k = 0; k < n_used; k++)
    {
      gsize first = used[k] * length;

      memset (one, 0, self->columns * sizeof *one);
      memcpy (one + first, codes + first, length * sizeof *one);
      multiply_gram (self, one, product);
      b[k] = tn_dot_product (codes + first, weighted + first, length);
      for (gsize m = 0; m < n_used; m++)
        a[k * n_used + m] = tn_dot_product (codes + used[m] * length, product + used[m] * length, length);
    }
  if (!solve_groups (a, b, n_used))
    return;
  for (gsize k = 0; k < n_used; k++)
    if (!(b[k] > 0.0))
      return;
  for (gsize k = 0; k < n_used; k++)
    set_scale (self, &units[used[k]], b[k]);
}

/* The values of codes under the scales that there are now. */
static void
write_row (TnGridRows *self, guint64 row, const double *codes)
{
  for (gsize i = 0; i < self->columns; i++)
    self->values[row * self->columns + i] = (float) codes[i] * self->units[get_unit (self, row, i)].scale;
}

void
tn_grid_rows_fit_scales (TnGridRows *self)
{
  gsize n = self->columns;
  gboolean per_tensor = self->scheme.granularity == TN_PER_TENSOR, per_group = self->scheme.granularity == TN_PER_GROUP;
  g_autofree double *codes = g_new (double, MAX (self->rows * n, 1));
  g_autofree double *along = g_new (double, MAX (self->rows, 1)), *square = g_new (double, MAX (self->rows, 1));
  double along_sum = 0.0, square_sum = 0.0;

#pragma omp parallel
  {
    g_autofree double *weighted = g_new (double, 2 * MAX (n, 1));
    double *product = weighted + n;

#pragma omp for schedule(dynamic, 8)
    for (guint64 row = 0; row < self->rows; row++)
      {
        read_row (self, row, codes + row * n, weighted, product);
        if (per_group)
          {
            fit_groups (self, row, codes + row * n, weighted);
            continue;
          }
        multiply_gram (self, codes + row * n, product);
        along[row] = tn_dot_product (codes + row * n, weighted, n);
        square[row] = tn_dot_product (codes + row * n, product, n);
        if (!per_tensor && square[row] > 0.0)
          set_scale (self, &self->units[row], along[row] / square[row]);
      }
  }
  for (guint64 row = 0; per_tensor && row < self->rows; row++)
    {
      along_sum += along[row];
      square_sum += square[row];
    }
  if (square_sum > 0.0)
    set_scale (self, &self->units[0], along_sum / square_sum);
#pragma omp parallel for schedule(static)
  for (guint64 row = 0; row < self->rows; row++)
    write_row (self, row, codes + row * n);
}
