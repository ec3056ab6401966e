/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/student.h"

#include <math.h>

/* P(|T| > t) by the trapezoid rule over the density, slow and obvious. */
static double
tail_by_integral (double t, guint dof)
{
  const guint steps = 200000;
  double front = exp (lgamma (0.5 * (dof + 1.0)) - lgamma (0.5 * dof)) / sqrt (dof * G_PI), sum = 0.0;

  for (guint i = 0; i <= steps; i++)
    {
      double x = t * i / steps;

      sum += front * pow (1.0 + x * x / dof, -0.5 * (dof + 1.0)) * (i == 0 || i == steps ? 0.5 : 1.0);
    }
  return 1.0 - 2.0 * sum * t / steps;
}

static void
test_tail (void)
{
  for (guint dof = 1; dof < 40; dof += 7)
    for (double t = 0.0; t < 6.0; t += 0.37)
      g_assert_cmpfloat_with_epsilon (tn_student_tail (t, dof), tail_by_integral (t, dof), 1e-9);
  /* One degree of freedom: 1 - 2 atan (t) / pi; two: 1 - t / sqrt (2 + t^2), far out in the tail. */
  g_assert_cmpfloat_with_epsilon (tn_student_tail (1e6, 1) * 1e6, 2.0 / G_PI, 1e-6);
  g_assert_cmpfloat_with_epsilon (tn_student_tail (1e5, 2) * 1e10, 1.0, 1e-6);
}

/* Tables: 12.706, 2.131, 4.073 (0.999), 1.960. */
static void
test_half_width (void)
{
  g_assert_cmpfloat_with_epsilon (tn_student_half_width (0.05, 1), 12.706205, 1e-6);
  g_assert_cmpfloat_with_epsilon (tn_student_half_width (0.05, 15), 2.131450, 1e-6);
  g_assert_cmpfloat_with_epsilon (tn_student_half_width (0.001, 15), 4.072765, 1e-6);
  g_assert_cmpfloat_with_epsilon (tn_student_half_width (0.05, 1000000), 1.959964, 1e-5);
  for (double error = 1e-12; error < 0.9; error *= 7.0)
    g_assert_cmpfloat_with_epsilon (tn_student_tail (tn_student_half_width (error, 15), 15) / error, 1.0, 1e-9);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/student/tail", test_tail);
  g_test_add_func ("/student/half-width", test_half_width);
  return g_test_run ();
}
