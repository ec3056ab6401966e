/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/parameters.h"

G_BEGIN_DECLS

/* What a method is given; not empty, and not all zero. */
typedef struct
{
  const TnDistribution *values;
  TnGrid grid;
  double min, max; /* widened to hold 0; of a folded distribution [-largest, largest] */
  double absmean;
} TnParameterProblem;

/* FALSE: nothing came of it. */
typedef gboolean (*TnMethodFunc) (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);

/* parameter-range.c */
gboolean tn_parameters_minmax     (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
gboolean tn_parameters_percentile (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
gboolean tn_parameters_ema        (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
/* The grid over the range cut at magnitude. */
void     tn_parameters_cut        (const TnParameterProblem *problem, double magnitude, TnGridScale *scale);
/* parameter-error.c */
gboolean tn_parameters_mse        (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
gboolean tn_parameters_mse24      (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
/* parameter-entropy.c */
gboolean tn_parameters_kl         (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
/* The divergence TensorRT's method would see for this scale; +inf where a candidate is refused. */
double   tn_parameters_divergence (const TnParameterProblem *problem, const TnGridScale *scale);
/* parameter-model.c */
gboolean tn_parameters_aciq       (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
/* The clip, in units of b (Laplace) or of the standard deviation (Gauss), that ACIQ's closed form has the least error at: where rounding
 * costs clip^2 * noise. noise = 1 / (3 * 4^bits) in the paper; 1 / (12 n_codes^2) for ±n_codes. */
double   tn_aciq_laplace_clip     (double noise);
double   tn_aciq_gauss_clip       (double noise);
/* parameter-octav.c */
gboolean tn_parameters_octav      (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);
/* parameters.c */
gboolean tn_parameters_auto       (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale);

/* method.c; NULL: the method needs more than values. */
TnMethodFunc tn_method_get_func   (TnMethod method);

G_END_DECLS
