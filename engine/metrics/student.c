/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/student.h"

#include <math.h>

#define MOST_TERMS 500
#define TINY 1e-300

/* Continued fraction of the incomplete beta function, by Lentz's way; fast for x < (a + 1) / (a + b + 2). */
static double
beta_fraction (double x, double a, double b)
{
  double c = 1.0, d = 1.0 / (1.0 - (a + b) * x / (a + 1.0)), value = d;

  for (guint m = 1; m < MOST_TERMS; m++)
    {
      double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
      double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
      double step;

      d = 1.0 / (1.0 + even * d + TINY);
      c = 1.0 + even / c;
      value *= d * c;
      d = 1.0 / (1.0 + odd * d + TINY);
      c = 1.0 + odd / c;
      step = d * c;
      value *= step;
      if (fabs (step - 1.0) < 1e-15)
        break;
    }
  return value;
}

/* I_x(a, b) */
static double
incomplete_beta (double x, double a, double b)
{
  double front;

  if (x <= 0.0 || x >= 1.0)
    return x <= 0.0 ? 0.0 : 1.0;
  front = exp (lgamma (a + b) - lgamma (a) - lgamma (b) + a * log (x) + b * log1p (-x));
  if (x < (a + 1.0) / (a + b + 2.0))
    return front * beta_fraction (x, a, b) / a;
  return 1.0 - front * beta_fraction (1.0 - x, b, a) / b;
}

double
tn_student_tail (double t, guint dof)
{
  return incomplete_beta (dof / (dof + t * t), 0.5 * dof, 0.5);
}

double
tn_student_half_width (double error, guint dof)
{
  double low = 0.0, high = 1.0;

  while (tn_student_tail (high, dof) > error && high < 1e100)
    high *= 2.0;
  for (guint i = 0; i < 200 && high - low > 1e-14 * high; i++)
    {
      double middle = 0.5 * (low + high);

      if (tn_student_tail (middle, dof) > error)
        low = middle;
      else
        high = middle;
    }
  return 0.5 * (low + high);
}
