/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Student's t distribution with dof >= 1 degrees of freedom, through the incomplete beta function (Abramowitz and Stegun 26.7.1, 26.5.8); relative
 * error of the tail below 1e-10, however small it is. */

/* P(|T| > t), t >= 0. */
double tn_student_tail       (double t, guint dof);
/* The t with P(|T| > t) = error, 0 < error < 1: half-width of a two-sided interval, in standard errors. */
double tn_student_half_width (double error, guint dof);

G_END_DECLS
