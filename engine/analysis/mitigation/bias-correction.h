/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bias correction (Nagel et al., Data-Free Quantization, 2019, section 4.2): rounding W to W^ moves the mean of an output by (W^ - W) E[x], which the bias takes back:
 * b <- b - (W^ - W) E[x]. E[x] is what calibration saw (tn_site_stats: sum over count of a channel), not what a batch norm would predict. After it the mean error
 * of every output over those inputs is 0, and its mean square smaller by the square of what it was.
 *
 * It needs a bias: fully connected and convolutional networks have one, the LLaMA family has none anywhere, and none can be folded into it: a
 * constant added to an output would have to come from an input that is constant, and no channel of a normed stream is. So
 * `analyze --mitigate --only bias` says that; what a mean moves is made up for by compensation (step-moments.h) there.
 *
 * weight, rounded: [rows, columns]; mean_input: [columns]; bias: [rows]. Sums in double. Any thread. */
void tn_bias_correct (const float *weight, const float *rounded, gsize rows, gsize columns, const double *mean_input, float *bias);

G_END_DECLS
