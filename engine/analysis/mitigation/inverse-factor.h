/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The upper triangular U [n, n] with (H + d I)^-1 = U^T U, of a symmetric H [n, n] that is nearly positive definite: what error feedback
 * divides by (Frantar et al., GPTQ, 2022, section 3). With H + d I = R R^T, R upper triangular (the Cholesky factor from the last row
 * up), U is R^-1, so that no inverse is ever squared. Everything in double, in blocks; the same bits for any number of threads and any
 * processor. */
typedef struct
{
  double damping;  /* d that was used, in parts of the mean of H's diagonal */
  guint n_raised;  /* times it was raised tenfold because H + d I was not positive definite */
  guint n_silent;  /* channels with a diagonal of 0, which get the mean of the others there: nothing was seen of them */
} TnInverseFactorReport;

/* damping: in parts of the mean of the diagonal, more than 0. factor: [n, n], below the diagonal 0. TN_ERROR_DATA: a diagonal that is 0
 * everywhere or not finite, or no damping up to the mean helps. Runs parallel loops: call on the compute thread. */
gboolean tn_inverse_factor (const double *h, gsize n, double damping, double *factor, TnInverseFactorReport *report,
                            GError **error);

G_END_DECLS
