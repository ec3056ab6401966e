/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/error-feedback.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/grid-descent.h"
#include "engine/analysis/mitigation/inverse-factor.h"
#include "engine/analysis/mitigation/wide-vector.h"
#include "engine/calibration/output-search.h"
#include "engine/error.h"
#include "engine/quant/quantize.h"

#define DAMPING 0.01
#define BLOCK 128
#define TILE 256
/* Scales that change in their last bit with what is rounded by them settle at once, or in the second round. */
#define MOST_ROUNDS 8

void
tn_scheme_make_repeatable (const TnScheme *scheme, TnScheme *repeatable)
{
  *repeatable = *scheme;
  repeatable->method = TN_METHOD_MINMAX;
  repeatable->objective = TN_OBJECTIVE_MSE;
  repeatable->percentile = 0.0;
  if (scheme->kind == TN_SCHEME_TERNARY)
    repeatable->rule = TN_RULE_LEAST_SQUARES;
}

gboolean
tn_scheme_repeats (const TnScheme *repeatable, const float *values, guint64 rows, guint64 columns)
{
  g_autofree float *again = g_new (float, MAX (rows * columns, 1));

  return tn_quantize_values (repeatable, values, rows, columns, again, NULL) &&
         memcmp (again, values, rows * columns * sizeof *again) == 0;
}

static gboolean
settle (const TnScheme *repeatable, float *values, guint64 rows, guint64 columns, GError **error)
{
  g_autofree float *again = g_new (float, MAX (rows * columns, 1));

  for (guint i = 0; i < MOST_ROUNDS; i++)
    {
      gboolean same;

      if (!tn_quantize_values (repeatable, values, rows, columns, again, error))
        return FALSE;
      same = memcmp (again, values, rows * columns * sizeof *again) == 0;
      memcpy (values, again, rows * columns * sizeof *again);
      if (same)
        return TRUE;
    }
  g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, _ ("rounding does not come to rest on the grid it was given"));
  return FALSE;
}

/* Columns by what flows through them, the largest first, ties by place; or as they are. */
typedef struct
{
  double activity;
  gsize column;
} Activity;

static int
compare_activity (const void *a, const void *b)
{
  const Activity *x = a, *y = b;

  if (x->activity != y->activity)
    return x->activity > y->activity ? -1 : 1;
  return x->column < y->column ? -1 : 1;
}

static gsize *
order_columns (const double *gram, gsize n, gboolean keeps_order)
{
  g_autofree Activity *activities = g_new (Activity, n);
  gsize *order = g_new (gsize, n);

  for (gsize i = 0; i < n; i++)
    activities[i] = (Activity){gram[i * n + i], i};
  if (!keeps_order)
    qsort (activities, n, sizeof *activities, compare_activity);
  for (gsize i = 0; i < n; i++)
    order[i] = activities[i].column;
  return order;
}

/* Columns first .. first + n of what is left of a row, and their errors over the factor's diagonal. */
static void
round_block (TnGridRows *self, guint64 row, const gsize *order, const double *factor, gsize first, gsize n, double *rest,
             double *errors)
{
  gsize columns = self->columns;

  for (gsize i = first; i < first + n; i++)
    {
      double q = (double) tn_grid_rows_round (self, row, order[i], rest[i]);

      self->values[row * columns + order[i]] = (float) q;
      errors[i - first] = (rest[i] - q) / factor[i * columns + i];
      tn_add_scaled (-errors[i - first], factor + i * columns + i + 1, first + n - i - 1, rest + i + 1);
    }
}

static gboolean
feed_back (TnGridRows *self, const double *factor, const gsize *order, GCancellable *cancellable, GError **error)
{
  gsize n = self->columns;
  g_autofree double *rest = g_new (double, self->rows *n), *errors = g_new (double, self->rows *BLOCK);

#pragma omp parallel for schedule(static)
  for (guint64 row = 0; row < self->rows; row++)
    for (gsize i = 0; i < n; i++)
      rest[row * n + i] = (double) self->weight[row * n + order[i]];
  for (gsize first = 0; first < n; first += BLOCK)
    {
      gsize width = MIN (BLOCK, n - first), end = first + width;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
#pragma omp parallel for schedule(static)
      for (guint64 row = 0; row < self->rows; row++)
        {
          round_block (self, row, order, factor, first, width, rest + row * n, errors + row * BLOCK);
          for (gsize tile = end; tile < n; tile += TILE)
            for (gsize k = 0; k < width; k++)
              tn_add_scaled (-errors[row * BLOCK + k], factor + (first + k) * n + tile, MIN (TILE, n - tile),
                             rest + row * n + tile);
        }
    }
  return TRUE;
}

/* The gram with rows and columns in that order. */
static double *
reorder_gram (const double *gram, gsize n, const gsize *order)
{
  double *out = g_new (double, n *n);

  for (gsize i = 0; i < n; i++)
    for (gsize j = 0; j < n; j++)
      out[i * n + j] = gram[order[i] * n + order[j]];
  return out;
}

/* Where scales come from. The element that an integer scheme takes its range from is held at the outermost code: it costs little
 * when the range is what gives the scale, and much when the range is clipped; with few bits clipping is worth more. */
enum
{
  START_SEARCHED,
  START_PLAIN,
  N_STARTS
};

/* Levels of binary weights are not searched; and a zero point that was found for a narrower range does not fit elements that have
 * to stand at both of its ends. Plain levels of ternary weights are what the search starts from. */
static gboolean
can_start (const TnScheme *scheme, guint start)
{
  if (start == START_SEARCHED)
    return scheme->kind != TN_SCHEME_BINARY && !scheme->asymmetric;
  return scheme->kind != TN_SCHEME_TERNARY;
}

static TnRounding *
find_units (const float *weight, guint64 rows, guint64 columns, const TnScheme *scheme)
{
  guint64 count = rows * columns;
  guint64 length = scheme->granularity == TN_PER_TENSOR  ? count
                   : scheme->granularity == TN_PER_GROUP ? scheme->group_size
                                                         : columns;
  TnRounding *units = g_new (TnRounding, count / length);

  for (guint64 i = 0; i < count / length; i++)
    units[i] = tn_rounding_find (scheme, weight + i * length, length);
  return units;
}

static TnRounding *
search_units (const TnGridRows *self, GCancellable *cancellable, GError **error)
{
  const guint64 shape[] = {self->rows, self->columns};
  g_autoptr (TnTensor) tensor = tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_SCRATCH, error);
  g_autofree float *narrow = g_new (float, self->columns * self->columns);
  TnOutputErrors errors;

  if (tensor == NULL)
    return NULL;
  memcpy (tn_tensor_get_writable (tensor), self->weight, tensor->bytes);
  for (gsize i = 0; i < self->columns * self->columns; i++)
    narrow[i] = (float) self->gram[i];
  return tn_output_find_units (tensor, &self->scheme, narrow, &errors, cancellable, error);
}

static gboolean
check_finite (const float *weight, guint64 rows, guint64 columns, GError **error)
{
  for (guint64 i = 0; i < rows * columns; i++)
    if (!isfinite (weight[i]))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("row %" PRIu64 ", column %" PRIu64 ": a weight that is not finite"),
                     i / columns, i % columns);
        return FALSE;
      }
  return TRUE;
}

/* Plain rounding by the scheme itself, and by the repeatable one where that would not leave it alone. */
static gboolean
round_plainly (TnGridRows *self, const TnScheme *scheme, const TnScheme *repeatable, double *objective, GError **error)
{
  if (!tn_quantize_values (scheme, self->weight, self->rows, self->columns, self->values, error))
    return FALSE;
  *objective = tn_grid_rows_measure (self);
  return tn_scheme_repeats (repeatable, self->values, self->rows, self->columns) ||
         tn_quantize_values (repeatable, self->weight, self->rows, self->columns, self->values, error);
}

/* What is found from one set of scales to start with. */
static gboolean
improve (TnGridRows *self, const TnFeedbackOptions *options, const double *factor, const gsize *order, const TnScheme *repeatable,
         TnFeedbackReport *report, GCancellable *cancellable, GError **error)
{
  tn_grid_rows_round_all (self);
  report->searched = tn_grid_rows_measure (self);
  if (!options->no_feedback && !feed_back (self, factor, order, cancellable, error))
    return FALSE;
  report->feedback = tn_grid_rows_measure (self);
  if (!options->no_descent)
    tn_grid_rows_descend (self);
  for (guint i = 0; i < options->n_refits; i++)
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      tn_grid_rows_fit_scales (self);
      if (!options->no_descent)
        tn_grid_rows_descend (self);
    }
  if (!settle (repeatable, self->values, self->rows, self->columns, error))
    return FALSE;
  report->best = tn_grid_rows_measure (self);
  return TRUE;
}

/* From every start; best: [rows, columns], what is best so far. */
static gboolean
improve_all (TnGridRows *self, const TnFeedbackOptions *options, const TnScheme *repeatable, float *best,
             TnFeedbackReport *report, GCancellable *cancellable, GError **error)
{
  gsize n = self->columns;
  g_autofree gsize *order = order_columns (self->gram, n, options->keeps_order);
  g_autofree double *reordered = reorder_gram (self->gram, n, order);
  g_autofree double *factor = g_new (double, n *n);
  TnInverseFactorReport found;

  if (!tn_inverse_factor (reordered, n, options->damping > 0.0 ? options->damping : DAMPING, factor, &found, error))
    return FALSE;
  report->damping = found.damping;
  report->n_raised = found.n_raised;
  report->n_silent = found.n_silent;
  report->best = report->repeatable;
  for (guint start = 0; start < N_STARTS; start++)
    {
      g_autofree TnRounding *units = NULL;
      TnFeedbackReport tried = {0};

      if (!can_start (&self->scheme, start))
        continue;
      units = start == START_SEARCHED ? search_units (self, cancellable, error)
                                      : find_units (self->weight, self->rows, self->columns, repeatable);
      if (units == NULL)
        return FALSE;
      self->units = units;
      if (!improve (self, options, factor, order, repeatable, &tried, cancellable, error))
        return FALSE;
      if (report->feedback == 0.0 || tried.best < report->best)
        {
          report->searched = tried.searched;
          report->feedback = tried.feedback;
        }
      if (tried.best >= report->best)
        continue;
      report->best = tried.best;
      memcpy (best, self->values, self->rows * n * sizeof *best);
    }
  return TRUE;
}

TnTensor *
tn_feedback_round (const float *weight, guint64 rows, guint64 columns, const double *gram, const TnScheme *scheme,
                   const TnFeedbackOptions *options, TnFeedbackReport *report, GCancellable *cancellable, GError **error)
{
  const guint64 shape[] = {rows, columns};
  g_autoptr (TnTensor) out = NULL;
  g_autofree float *values = NULL;
  g_auto (TnGridRows) grid = {0};
  TnScheme repeatable;
  float *best;

  *report = (TnFeedbackReport){0};
  if (!tn_scheme_check (scheme, rows, columns, error) || !check_finite (weight, rows, columns, error))
    return NULL;
  tn_scheme_make_repeatable (scheme, &repeatable);
  out = tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_WEIGHTS, error);
  if (out == NULL || rows == 0 || columns == 0)
    return g_steal_pointer (&out);
  values = g_new0 (float, rows *columns);
  best = tn_tensor_get_writable (out);
  tn_grid_rows_init (&grid, weight, rows, columns, gram, &repeatable, NULL, values);
  report->power = tn_grid_rows_measure (&grid);
  if (!round_plainly (&grid, scheme, &repeatable, &report->plain, error))
    return NULL;
  report->repeatable = tn_grid_rows_measure (&grid);
  memcpy (best, values, rows * columns * sizeof *best);
  if (!improve_all (&grid, options, &repeatable, best, report, cancellable, error))
    return NULL;
  return g_steal_pointer (&out);
}
