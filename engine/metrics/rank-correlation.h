/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How well two rankings of the same things agree. */
typedef struct
{
  double value;     /* -1 .. 1; NaN where one of them is constant or n < 2 */
  double p;         /* of a value at least so far from 0 without any relation, two-sided; NaN where n < 3 */
  double low, high; /* interval of 1 - error; NaN where n < 5 */
  gsize  n;
} TnRankCorrelation;

/* Spearman's: Pearson's of the ranks, equal values sharing the mean of theirs. p by Student's t with n - 2 degrees of freedom; the interval
 * by Fisher's z with variance (1 + rho^2 / 2) / (n - 3) (Bonett and Wright 2000). Not finite values: pairs are left out. */
void tn_spearman  (const double *x, const double *y, gsize n, double error, TnRankCorrelation *correlation);
/* Kendall's tau-b, ties counted (Kendall 1945). p by the normal approximation with the variance for ties (Kendall 1970, 4.3), exact where there
 * are none and n <= 30; the interval by Fisher's z with variance 0.437 / (n - 4) (Fieller, Hartley and Pearson 1957). O(n^2). */
void tn_kendall   (const double *x, const double *y, gsize n, double error, TnRankCorrelation *correlation);
/* Ranks from 1, equal values sharing the mean. out: [n]. */
void tn_ranks     (const double *x, gsize n, double *out);

G_END_DECLS
