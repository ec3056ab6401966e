/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/divergence.h"

#include "engine/kernels/lanes16.h"

/* NaN is never larger. */
TN_KERNEL_INLINE float
find_maximum (const float *x, gsize n)
{
  float best[TN_LANES16], result = -INFINITY;
  gsize i = 0;

  for (gsize lane = 0; lane < TN_LANES16; lane++)
    best[lane] = -INFINITY;
  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    for (gsize lane = 0; lane < TN_LANES16; lane++)
      best[lane] = x[i + lane] > best[lane] ? x[i + lane] : best[lane];
  for (; i < n; i++)
    result = x[i] > result ? x[i] : result;
  for (gsize lane = 0; lane < TN_LANES16; lane++)
    result = best[lane] > result ? best[lane] : result;
  return result;
}

/* exp (scale (x - shift)) of the values, and their sums. */
TN_KERNEL_INLINE void
take_exponentials (const TnFloats16 *values, float shift, float scale, TnFloats16 *out, TnSums16 *sums)
{
  TN_EACH_PIECE (k)
  {
    TnFloats value = (values->pieces[k] - shift) * scale;

    tn_exp (&value, &out->pieces[k]);
  }
  tn_accumulate16 (out, sums);
}

/* What the teacher gives no probability counts for nothing, also where a logit is -infinity. */
TN_KERNEL_INLINE void
take_differences (const TnFloats16 *student, const TnFloats16 *teacher, const TnFloats16 *exponentials, TnSums16 *sums)
{
  TnFloats16 products;

  TN_EACH_PIECE (k)
  {
    TnFloats product = (teacher->pieces[k] - student->pieces[k]) * exponentials->pieces[k];

    products.pieces[k] = TN_SELECT (exponentials->pieces[k] == 0.0f, TN_ALL (0.0f), product);
  }
  tn_accumulate16 (&products, sums);
}

TN_KERNEL_INLINE void
tn_divergence_piece_body (const float *student, const float *teacher, gsize n, float scale, TnDivergence *piece)
{
  float s_shift = find_maximum (student, n), t_shift = teacher != NULL ? find_maximum (teacher, n) : -INFINITY;
  float s_from = s_shift == -INFINITY ? 0.0f : s_shift, t_from = t_shift == -INFINITY ? 0.0f : t_shift;
  TnSums16 s_sums = {0}, t_sums = {0}, cross = {0};
  gsize i = 0;

  for (; i < n; i += TN_LANES16)
    {
      TnFloats16 s, t, exponentials;

      if (i + TN_LANES16 <= n)
        tn_load16 (student + i, &s);
      else
        {
          TnFloats16 tail;

          tn_load16_tail (student + i, n - i, -INFINITY, &tail);
          s = tail;
        }
      take_exponentials (&s, s_from, scale, &exponentials, &s_sums);
      if (teacher == NULL)
        continue;
      if (i + TN_LANES16 <= n)
        tn_load16 (teacher + i, &t);
      else
        {
          TnFloats16 tail;

          tn_load16_tail (teacher + i, n - i, -INFINITY, &tail);
          t = tail;
        }
      take_exponentials (&t, t_from, scale, &exponentials, &t_sums);
      take_differences (&s, &t, &exponentials, &cross);
    }
  *piece = (TnDivergence){.student_sum = tn_fold16 (&s_sums),
                          .teacher_sum = tn_fold16 (&t_sums),
                          .cross = tn_fold16 (&cross),
                          .student_maximum = s_shift,
                          .teacher_maximum = t_shift};
}

TN_KERNEL_DEFINE (tn_divergence_piece, (const float *student, const float *teacher, gsize n, float scale, TnDivergence *piece),
                  (student, teacher, n, scale, piece))

static double
rescale (double sum, float from, float to, float scale)
{
  return from == to ? sum : sum * exp ((double) scale * ((double) from - (double) to));
}

void
tn_divergence_join (TnDivergence *row, const TnDivergence *piece, float scale)
{
  float student = fmaxf (row->student_maximum, piece->student_maximum);
  float teacher = fmaxf (row->teacher_maximum, piece->teacher_maximum);

  row->student_sum = rescale (row->student_sum, row->student_maximum, student, scale) +
                     rescale (piece->student_sum, piece->student_maximum, student, scale);
  row->teacher_sum = rescale (row->teacher_sum, row->teacher_maximum, teacher, scale) +
                     rescale (piece->teacher_sum, piece->teacher_maximum, teacher, scale);
  row->cross =
      rescale (row->cross, row->teacher_maximum, teacher, scale) + rescale (piece->cross, piece->teacher_maximum, teacher, scale);
  row->student_maximum = student;
  row->teacher_maximum = teacher;
}

double
tn_divergence_student_lse (const TnDivergence *row, float scale)
{
  return log (row->student_sum) + (double) scale * (double) row->student_maximum;
}

double
tn_divergence_finish (const TnDivergence *row, float scale)
{
  return (double) scale * row->cross / row->teacher_sum - log (row->teacher_sum) -
         (double) scale * (double) row->teacher_maximum + tn_divergence_student_lse (row, scale);
}
