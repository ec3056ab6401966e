/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/grade.h"

#include <glib/gi18n-lib.h>
#include <math.h>

static guint64
values_per_scale (const TnScheme *scheme, guint64 rows, guint64 columns)
{
  switch (scheme->granularity)
    {
    case TN_PER_GROUP:
      return scheme->group_size;
    case TN_PER_CHANNEL:
    case TN_PER_TOKEN:
      return columns;
    default:
      return rows * columns;
    }
}

void
tn_grade_sqnr (const TnScheme *scheme, guint64 rows, guint64 columns, double sqnr_db, TnGradeResult *result)
{
  guint64 per_scale = values_per_scale (scheme, rows, columns);
  TnIdealError gaussian, laplace;
  double least;

  tn_ideal_error (scheme, TN_SOURCE_GAUSSIAN, per_scale, &gaussian);
  tn_ideal_error (scheme, TN_SOURCE_LAPLACE, per_scale, &laplace);
  least = MIN (gaussian.sqnr_db, laplace.sqnr_db);
  *result = (TnGradeResult){
      .sqnr_db = sqnr_db,
      .gaussian_db = gaussian.sqnr_db,
      .laplace_db = laplace.sqnr_db,
      .excellent_db = gaussian.sqnr_db - TN_GRADE_ROOM_DB,
      .normal_db = least - TN_GRADE_ROOM_DB,
      .poor_db = MAX (least - TN_GRADE_BIT_DB, 0.0),
  };
  if (isnan (sqnr_db))
    result->grade = TN_GRADE_UNKNOWN;
  else if (sqnr_db >= result->excellent_db)
    result->grade = TN_GRADE_EXCELLENT;
  else if (sqnr_db >= result->normal_db)
    result->grade = TN_GRADE_NORMAL;
  else
    result->grade = sqnr_db > 0.0 && sqnr_db >= result->poor_db ? TN_GRADE_POOR : TN_GRADE_BAD;
}

const char *
tn_grade_to_string (TnGrade grade)
{
  switch (grade)
    {
    case TN_GRADE_EXCELLENT:
      return "excellent";
    case TN_GRADE_NORMAL:
      return "normal";
    case TN_GRADE_POOR:
      return "poor";
    case TN_GRADE_BAD:
      return "bad";
    default:
      return "unknown";
    }
}

char *
tn_grade_describe (const TnGradeResult *self, const TnScheme *scheme)
{
  g_autofree char *name = tn_scheme_to_string (scheme);

  switch (self->grade)
    {
    case TN_GRADE_EXCELLENT:
      return g_strdup_printf (_ ("%.1f dB is excellent for %s: independent Gaussian values have %.1f dB"), self->sqnr_db, name,
                              self->gaussian_db);
    case TN_GRADE_NORMAL:
      return g_strdup_printf (_ ("%.1f dB is normal for %s: Gaussian values have %.1f dB, Laplace values %.1f dB"), self->sqnr_db,
                              name, self->gaussian_db, self->laplace_db);
    case TN_GRADE_POOR:
      return g_strdup_printf (_ ("%.1f dB is poor for %s: up to one bit is lost against Laplace values, which have %.1f dB"),
                              self->sqnr_db, name, self->laplace_db);
    case TN_GRADE_BAD:
      return g_strdup_printf (
          _ ("%.1f dB is bad for %s: below %.1f dB more than one bit is lost, or the error is as strong as the values"),
          self->sqnr_db, name, self->poor_db);
    default:
      return g_strdup_printf (_ ("no SQNR under %s: nothing but zeros, or nothing finite, was compared"), name);
    }
}
