/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* weights, inputs, interaction, inherited: in the order of TnOutputError. */
#define TN_N_ERROR_PARTS 4

/* Sums over outputs, in double. The error of an output is the sum of its parts. */
typedef struct
{
  double parts[TN_N_ERROR_PARTS]; /* of the square of each */
  double error;                   /* of the square of the error */
  double output;                  /* of the square of the output as it is */
  double became;                  /* of the square of output + error */
  double product;                 /* of output times that */
  double maximum;                 /* largest |error| */
} TnOutputSums;

/* y: [n]; parts[i]: [n], NULL where all are 0. Sums are kept in fixed lanes: their bits depend on y, parts and the cut into calls alone. On the
 * calling thread. */
void tn_output_sums_add (TnOutputSums *self, const float *y, const float *const parts[TN_N_ERROR_PARTS], gsize n);
void tn_output_sums_merge (TnOutputSums *self, const TnOutputSums *other);
TnOutputError tn_output_sums_finish (const TnOutputSums *self);

G_END_DECLS
