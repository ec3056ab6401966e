/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <math.h>

G_BEGIN_DECLS

/* KL (softmax (scale teacher) || softmax (scale student)) of a row, piece by piece, like TnLogSumExp: in one pass, for
 *   KL = scale sum_i e_i (t_i - s_i) / sum_i e_i - lse (scale t) + lse (scale s),   e_i = exp (scale (t_i - max t)).
 * Pieces are joined in the order of the row. */
typedef struct
{
  double student_sum, teacher_sum; /* of exp (scale (x - maximum)) */
  double cross;                    /* sum e_i (t_i - s_i) */
  float  student_maximum, teacher_maximum;
} TnDivergence;

#define TN_DIVERGENCE_EMPTY ((TnDivergence){ .student_maximum = -INFINITY, .teacher_maximum = -INFINITY })

/* [n] each; teacher NULL: what is of the student alone. scale > 0. */
void   tn_divergence_piece       (const float *student, const float *teacher, gsize n, float scale, TnDivergence *piece);
void   tn_divergence_join        (TnDivergence *row, const TnDivergence *piece, float scale);
/* lse (scale student); the divergence, in nats, NaN when a value was NaN. */
double tn_divergence_student_lse (const TnDivergence *row, float scale);
double tn_divergence_finish      (const TnDivergence *row, float scale);

G_END_DECLS
