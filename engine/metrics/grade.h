/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/ideal-error.h"

G_BEGIN_DECLS

/* What SQNR is normal for a scheme. There is no number that is good for all: 7 dB are the most that ternary can do with Gaussian weights, and a disaster
 * for int8. So a tensor is held against what its own scheme does to two well-behaved distributions between which trained weights lie, a Gaussian
 * and a Laplace (the heavier tail), with as many values a scale (ideal-error.h). In dB,
 *
 *   excellent  sqnr >= gaussian - 0.22             as good as independent Gaussian values; 0.22 dB is 5 % of squared error, the room that a
 *                                                  parameter search counted as optimal has
 *   normal     sqnr >= min (both) - 0.22           between the two
 *   poor       sqnr >= min (both) - 6.02           up to one bit worse than Laplace values: a bit is worth 20 log10 (2) = 6.02 dB (Bennett 1948)
 *   bad        below, or sqnr <= 0: the error is as strong as the signal, and zeros were as close
 */
typedef enum { TN_GRADE_UNKNOWN, TN_GRADE_BAD, TN_GRADE_POOR, TN_GRADE_NORMAL, TN_GRADE_EXCELLENT } TnGrade;

#define TN_GRADE_ROOM_DB 0.22
#define TN_GRADE_BIT_DB 6.02

typedef struct
{
  TnGrade grade;          /* UNKNOWN: sqnr is NaN */
  double  sqnr_db;
  double  gaussian_db, laplace_db; /* what the scheme gives for them */
  double  excellent_db, normal_db, poor_db; /* the bounds */
} TnGradeResult;

/* rows, columns: of the tensor, which say with the scheme how many values share a scale. */
void        tn_grade_sqnr     (const TnScheme *scheme, guint64 rows, guint64 columns, double sqnr_db, TnGradeResult *result);
/* "excellent", "normal", "poor", "bad", "unknown": for files. */
const char *tn_grade_to_string (TnGrade grade);
/* A sentence for people, translated: "5.8 dB: normal for ternary (Gaussian values 5.8 dB, Laplace values 4.1 dB)". Free with g_free(). */
char       *tn_grade_describe (const TnGradeResult *self, const TnScheme *scheme);

G_END_DECLS
