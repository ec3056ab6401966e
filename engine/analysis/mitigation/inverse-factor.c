/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/inverse-factor.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/wide-vector.h"
#include "engine/error.h"

#define PANEL 64
#define MOST_DAMPING 1.0

/* The diagonal as it is factored: silent channels filled in. FALSE: there is nothing to go by. */
static gboolean
get_diagonal (const double *h, gsize n, double *diagonal, double *mean, guint *n_silent)
{
  double sum = 0.0;

  *n_silent = 0;
  for (gsize i = 0; i < n; i++)
    {
      diagonal[i] = h[i * n + i];
      if (!isfinite (diagonal[i]))
        return FALSE;
      sum += MAX (diagonal[i], 0.0);
      *n_silent += diagonal[i] <= 0.0;
    }
  *mean = *n_silent < n ? sum / (double) (n - *n_silent) : 0.0;
  for (gsize i = 0; i < n; i++)
    if (diagonal[i] <= 0.0)
      diagonal[i] = *mean;
  return *mean > 0.0;
}

/* Rows and columns from the last to the first: the lower factor of that is the upper one wanted. */
static void
fill_reversed (const double *h, const double *diagonal, gsize n, double damping, double *a)
{
#pragma omp parallel for schedule(static)
  for (gsize i = 0; i < n; i++)
    {
      for (gsize j = 0; j < i; j++)
        a[i * n + j] = h[(n - 1 - i) * n + (n - 1 - j)];
      a[i * n + i] = diagonal[n - 1 - i] + damping;
    }
}

/* The columns first .. first + width of the lower factor, what stands left of them subtracted already. */
static gboolean
factor_panel (double *a, gsize n, gsize first, gsize width)
{
  for (gsize k = first; k < first + width; k++)
    {
      double pivot = a[k * n + k];

      for (gsize m = first; m < k; m++)
        pivot -= a[k * n + m] * a[k * n + m];
      if (!(pivot > 0.0) || !isfinite (pivot))
        return FALSE;
      pivot = sqrt (pivot);
      a[k * n + k] = pivot;
#pragma omp parallel for schedule(static) if (n - k > 256)
      for (gsize i = k + 1; i < n; i++)
        {
          double sum = a[i * n + k];

          for (gsize m = first; m < k; m++)
            sum -= a[i * n + m] * a[k * n + m];
          a[i * n + k] = sum / pivot;
        }
    }
  return TRUE;
}

/* What stands right of the panel, less the products of the panel's rows. */
static void
subtract_panel (double *a, gsize n, gsize first, gsize width, double *transposed)
{
  gsize rest = first + width;

  for (gsize k = 0; k < width; k++)
    for (gsize i = rest; i < n; i++)
      transposed[k * n + i] = a[i * n + first + k];
#pragma omp parallel for schedule(dynamic, 8)
  for (gsize i = rest; i < n; i++)
    for (gsize k = 0; k < width; k++)
      tn_add_scaled (-transposed[k * n + i], transposed + k * n + rest, i + 1 - rest, a + i * n + rest);
}

static gboolean
factor_lower (double *a, gsize n, double *transposed)
{
  for (gsize first = 0; first < n; first += PANEL)
    {
      gsize width = MIN (PANEL, n - first);

      if (!factor_panel (a, n, first, width))
        return FALSE;
      subtract_panel (a, n, first, width, transposed);
    }
  return TRUE;
}

/* inverse of the lower triangular a, put where the reversed rows and columns belong. */
static void
invert_reversed (const double *a, gsize n, double *out)
{
  memset (out, 0, n * n * sizeof *out);
#pragma omp parallel for schedule(dynamic)
  for (gsize first = 0; first < n; first += PANEL)
    {
      gsize width = MIN (PANEL, n - first);
      g_autofree double *rows = g_new0 (double, (n - first) * width);

      for (gsize i = first; i < n; i++)
        {
          double *row = rows + (i - first) * width;

          for (gsize k = first; k < i; k++)
            tn_add_scaled (-a[i * n + k], rows + (k - first) * width, width, row);
          if (i < first + width)
            row[i - first] += 1.0;
          for (gsize j = 0; j < width; j++)
            row[j] /= a[i * n + i];
          for (gsize j = 0; j < width && first + j <= i; j++)
            out[(n - 1 - i) * n + (n - 1 - first - j)] = row[j];
        }
    }
}

gboolean
tn_inverse_factor (const double *h, gsize n, double damping, double *factor, TnInverseFactorReport *report, GError **error)
{
  g_autofree double *diagonal = g_new (double, MAX (n, 1)), *a = g_new (double, MAX (n * n, 1));
  g_autofree double *transposed = g_new (double, PANEL *MAX (n, 1));
  double mean;

  *report = (TnInverseFactorReport){.damping = damping};
  if (n == 0)
    return TRUE;
  if (!get_diagonal (h, n, diagonal, &mean, &report->n_silent))
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                           _ ("the inputs that calibration saw are all zero, or not finite: nothing tells their channels apart"));
      return FALSE;
    }
  for (; report->damping <= MOST_DAMPING; report->damping *= 10.0, report->n_raised++)
    {
      fill_reversed (h, diagonal, n, report->damping * mean, a);
      if (factor_lower (a, n, transposed))
        {
          invert_reversed (a, n, factor);
          return TRUE;
        }
    }
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("the products of the inputs are not positive definite, not even with a damping of %g of their mean"),
               report->damping / 10.0);
  return FALSE;
}
