/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/quant/scheme.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Rounding with error feedback, to the grid of any scheme of weights: the rounded W^ [rows, columns] that makes
 * tr ((W^ - W) H (W^ - W)^T) small, H = X^T X of the layer's inputs: the squared error of its output.
 *
 * Codes (Frantar et al., GPTQ, 2022, sections 3.2 and 3.3): with U upper triangular, (H + d I)^-1 = U^T U, column after column is
 * rounded, q = Q (w_i), and its error (w_i - q) / U_ii is taken from the columns that are still to come, times U_i,i+1.., so that they
 * make up for it; in blocks of columns; the columns with the largest H_ii first, on request. The grid is fixed before: scales found by
 * the error of the output (engine/calibration/output-search.h), of binary and asymmetric schemes those of plain rounding.
 * Descent: then codes one by one go to the level that is best while all others stay, until none moves.
 * Refits: a scale a tensor, row or group is then the least squares' one under H for its codes, s = c H w / c H c (of the groups of
 * a row: the solution of their normal equations), the codes descend again, and so on alternately. Neither step can make the
 * objective larger, but for the rounding of scales to their type.
 *
 * Plain rounding under tn_scheme_make_repeatable() gives what comes out again, to the bit: it is on that grid, and the element that
 * an integer scheme takes its range from keeps the outermost code. So a file that holds these values is exported, and evaluated, by the
 * means that are there. Never worse by the objective than plain rounding that repeats: where it would be, that is what comes out. */

typedef struct
{
  double damping;       /* d, in parts of the mean of H's diagonal; raised where H is not positive definite. 0: 0.01 */
  gboolean keeps_order; /* columns from the first to the last, not by activity */
  gboolean no_feedback; /* each weight to its nearest level: better scales alone */
  gboolean no_descent;
  guint n_refits;       /* rounds of scales; 0: scales stay as they were searched */
} TnFeedbackOptions;

typedef struct
{
  double power;    /* tr (W H W^T) */
  double plain;    /* tr (E H E^T) of plain rounding under the scheme itself */
  double repeatable; /* the same where that repeats, else of plain rounding under the repeatable scheme: a searched scale may leave the outermost
                        code unused */
  double searched; /* with the scales that were searched, each weight to its nearest level */
  double feedback; /* with error feedback on those scales */
  double best;     /* of what came out: never more than repeatable */
  double damping;  /* as used */
  guint n_raised;  /* times it had to be raised */
  guint n_silent;  /* inputs that were always 0 */
} TnFeedbackReport;

/* A scheme of the same grid and bits whose plain rounding leaves values alone that are on its grid already: integers by their range,
 * ternary by the least squares' level, whatever the method or rule. */
void      tn_scheme_make_repeatable (const TnScheme *scheme, TnScheme *repeatable);
/* Values [rows, columns] that plain rounding under the scheme leaves alone, to the bit. Any thread. */
gboolean  tn_scheme_repeats         (const TnScheme *repeatable, const float *values, guint64 rows, guint64 columns);

/* weight: [rows, columns] what the rounded one is to stand for. gram: [columns, columns], symmetric. F32 in pool memory. TN_ERROR_DATA: weights that
 * are not finite, or a gram that nothing can be done with; TN_ERROR_ARGUMENT: a scheme that does not fit; TN_ERROR_MEMORY;
 * G_IO_ERROR_CANCELLED. Runs parallel loops: call on the compute thread. */
TnTensor *tn_feedback_round (const float *weight, guint64 rows, guint64 columns, const double *gram, const TnScheme *scheme,
                             const TnFeedbackOptions *options, TnFeedbackReport *report, GCancellable *cancellable,
                             GError **error);

G_END_DECLS
