/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/bias-correction.h"

void
tn_bias_correct (const float *weight, const float *rounded, gsize rows, gsize columns, const double *mean_input, float *bias)
{
  for (gsize row = 0; row < rows; row++)
    {
      double shift = 0.0;

      for (gsize i = row * columns; i < (row + 1) * columns; i++)
        shift += ((double) rounded[i] - (double) weight[i]) * mean_input[i - row * columns];
      bias[row] = (float) ((double) bias[row] - shift);
    }
}
