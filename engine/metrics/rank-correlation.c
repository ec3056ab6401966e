/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/rank-correlation.h"

#include <math.h>
#include <stdlib.h>

#include "engine/metrics/student.h"

/* Permutations of more things than this are counted by the normal approximation. */
#define MOST_EXACT 30

typedef struct
{
  double value;
  gsize index;
} Ranked;

static int
compare_ranked (gconstpointer a, gconstpointer b)
{
  const Ranked *first = a, *second = b;

  return first->value < second->value ? -1 : first->value > second->value;
}

void
tn_ranks (const double *x, gsize n, double *out)
{
  g_autofree Ranked *ranked = g_new (Ranked, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    ranked[i] = (Ranked){x[i], i};
  qsort (ranked, n, sizeof *ranked, compare_ranked);
  for (gsize first = 0, end; first < n; first = end)
    {
      end = first + 1;
      while (end < n && ranked[end].value == ranked[first].value)
        end++;
      for (gsize i = first; i < end; i++)
        out[ranked[i].index] = 0.5 * (double) (first + 1 + end);
    }
}

/* Pairs of which both are finite; room for [n] each. */
static gsize
keep_finite (const double *x, const double *y, gsize n, double *kept_x, double *kept_y)
{
  gsize kept = 0;

  for (gsize i = 0; i < n; i++)
    if (isfinite (x[i]) && isfinite (y[i]))
      {
        kept_x[kept] = x[i];
        kept_y[kept++] = y[i];
      }
  return kept;
}

/* Two-sided point of the normal distribution: Student's with more degrees than make a difference. */
static double
normal_half_width (double error)
{
  return tn_student_half_width (error, 100000000);
}

static void
set_fisher_interval (TnRankCorrelation *correlation, double variance, double error)
{
  double z = atanh (CLAMP (correlation->value, -1.0 + 1e-15, 1.0 - 1e-15)), half = normal_half_width (error) * sqrt (variance);

  correlation->low = tanh (z - half);
  correlation->high = tanh (z + half);
}

static double
pearson (const double *x, const double *y, gsize n)
{
  double mean_x = 0.0, mean_y = 0.0, x_square = 0.0, y_square = 0.0, product = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      mean_x += x[i];
      mean_y += y[i];
    }
  /* Sums of ranks are exact, so that equal ones have no spread at all. */
  mean_x /= (double) n;
  mean_y /= (double) n;
  for (gsize i = 0; i < n; i++)
    {
      x_square += (x[i] - mean_x) * (x[i] - mean_x);
      y_square += (y[i] - mean_y) * (y[i] - mean_y);
      product += (x[i] - mean_x) * (y[i] - mean_y);
    }
  return x_square > 0.0 && y_square > 0.0 ? CLAMP (product / sqrt (x_square * y_square), -1.0, 1.0) : (double) NAN;
}

void
tn_spearman (const double *x, const double *y, gsize n, double error, TnRankCorrelation *correlation)
{
  g_autofree double *kept_x = g_new (double, MAX (n, 1)), *kept_y = g_new (double, MAX (n, 1));
  g_autofree double *ranks_x = g_new (double, MAX (n, 1)), *ranks_y = g_new (double, MAX (n, 1));
  gsize kept = keep_finite (x, y, n, kept_x, kept_y);
  double rho;

  tn_ranks (kept_x, kept, ranks_x);
  tn_ranks (kept_y, kept, ranks_y);
  rho = pearson (ranks_x, ranks_y, kept);
  *correlation = (TnRankCorrelation){.value = rho, .p = (double) NAN, .low = (double) NAN, .high = (double) NAN, .n = kept};
  if (isnan (rho))
    return;
  if (kept > 2)
    correlation->p = fabs (rho) < 1.0
                         ? tn_student_tail (fabs (rho) * sqrt ((double) (kept - 2) / (1.0 - rho * rho)), (guint) (kept - 2))
                         : 0.0;
  if (kept > 4)
    set_fisher_interval (correlation, (1.0 + 0.5 * rho * rho) / (double) (kept - 3), error);
}

/* Of all orders of n things, the share with a sum of concordant minus discordant pairs at least as far from 0 as this. */
static double
exact_tail (gsize n, double concordance)
{
  gsize pairs = n * (n - 1) / 2;
  g_autofree double *share = g_new0 (double, pairs + 1), *next = g_new (double, pairs + 1);
  double tail = 0.0;

  /* By the number of inversions: the k-th thing adds 0 to k - 1 of them. */
  share[0] = 1.0;
  for (gsize k = 2; k <= n; k++)
    {
      double window = 0.0;

      for (gsize i = 0; i <= k * (k - 1) / 2; i++)
        {
          window += i <= (k - 1) * (k - 2) / 2 ? share[i] : 0.0;
          if (i >= k && i - k <= (k - 1) * (k - 2) / 2)
            window -= share[i - k];
          next[i] = MAX (window, 0.0) / (double) k;
        }
      for (gsize i = 0; i <= k * (k - 1) / 2; i++)
        share[i] = next[i];
    }
  for (gsize i = 0; i <= pairs; i++)
    if (fabs ((double) pairs - 2.0 * (double) i) >= fabs (concordance) - 0.5)
      tail += share[i];
  return MIN (tail, 1.0);
}

/* Sums over groups of t equal values: of t (t - 1), t (t - 1) (t - 2), t (t - 1) (2 t + 5). */
typedef struct
{
  double pairs, triples, spread;
} Ties;

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double *first = a, *second = b;

  return *first < *second ? -1 : *first > *second;
}

static Ties
count_ties (const double *x, gsize n)
{
  g_autofree double *sorted = g_memdup2 (x, n * sizeof (double));
  Ties ties = {0};

  qsort (sorted, n, sizeof *sorted, compare_doubles);
  for (gsize first = 0, end; first < n; first = end)
    {
      double t;

      end = first + 1;
      while (end < n && sorted[end] == sorted[first])
        end++;
      t = (double) (end - first);
      ties.pairs += t * (t - 1.0);
      ties.triples += t * (t - 1.0) * (t - 2.0);
      ties.spread += t * (t - 1.0) * (2.0 * t + 5.0);
    }
  return ties;
}

void
tn_kendall (const double *x, const double *y, gsize n, double error, TnRankCorrelation *correlation)
{
  g_autofree double *kept_x = g_new (double, MAX (n, 1)), *kept_y = g_new (double, MAX (n, 1));
  gsize kept = keep_finite (x, y, n, kept_x, kept_y);
  double concordance = 0.0, m = (double) kept, all = m * (m - 1.0);
  Ties ties_x, ties_y;

  *correlation =
      (TnRankCorrelation){.value = (double) NAN, .p = (double) NAN, .low = (double) NAN, .high = (double) NAN, .n = kept};
  if (kept < 2)
    return;
  for (gsize i = 0; i < kept; i++)
    for (gsize k = 0; k < i; k++)
      concordance +=
          (double) (((kept_x[i] > kept_x[k]) - (kept_x[i] < kept_x[k])) * ((kept_y[i] > kept_y[k]) - (kept_y[i] < kept_y[k])));
  ties_x = count_ties (kept_x, kept);
  ties_y = count_ties (kept_y, kept);
  if (!(ties_x.pairs < all) || !(ties_y.pairs < all))
    return;
  correlation->value = CLAMP (2.0 * concordance / sqrt ((all - ties_x.pairs) * (all - ties_y.pairs)), -1.0, 1.0);
  if (kept > 2)
    {
      if (ties_x.pairs == 0.0 && ties_y.pairs == 0.0 && kept <= MOST_EXACT)
        correlation->p = exact_tail (kept, concordance);
      else
        {
          double variance = (all * (2.0 * m + 5.0) - ties_x.spread - ties_y.spread) / 18.0 +
                            ties_x.pairs * ties_y.pairs / (2.0 * all) + ties_x.triples * ties_y.triples / (9.0 * all * (m - 2.0));

          correlation->p = erfc (fabs (concordance) / sqrt (2.0 * variance));
        }
    }
  if (kept > 4)
    set_fisher_interval (correlation, 0.437 / (m - 4.0), error);
}
