/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/network.h"

G_BEGIN_DECLS

/* What is added to the loss for the shape of the latent weights of layers that round (engine/autograd/functions/weight-penalty.h), each with its weight;
 * 0: it is not there. */
typedef enum
{
  TN_PENALTY_DAMPENING, /* against oscillations: the sum over all weights (Nagel et al., 2022, equation 8) */
  TN_PENALTY_KURTOSIS,  /* the mean over layers of (K - kurtosis_target)^2 (Chmiel et al., KURE, 2020, equation 10) */
  TN_PENALTY_BINS,      /* the sum over layers and levels (Han et al., 2021, equation 5) */
  TN_PENALTY_L2,        /* the sum of squares */
  TN_N_PENALTIES
} TnPenalty;

typedef struct
{
  double  weights[TN_N_PENALTIES]; /* from 0 */
  double  kurtosis_target;         /* 1.8: uniform */
  guint64 warmup_steps;            /* in which all weights grow from 0, by the half of a cosine as the weight of dampening does at its source (section
                                      4.2); 0: none */
} TnWeightPenalties;

/* "dampening", "kurtosis", "bins", "l2" */
const char *tn_penalty_get_name (TnPenalty self);
gboolean    tn_weight_penalties_are_empty (const TnWeightPenalties *self);
/* The part of their weights that counts in a step, 0 to 1. */
double      tn_weight_penalties_get_part  (const TnWeightPenalties *self, guint64 step);
/* TN_ERROR_ARGUMENT: no weights are rounded, or dampening or bins for levels that are not multiples of one scale about zero (asymmetric, lsq+, trust, rotated,
 * int2 of seq; bins also of binary). */
gboolean    tn_weight_penalties_check     (const TnWeightPenalties *self, const TnTrainingPrecision *precision, GError **error);
/* parts[i]: the sum of all layers times its weight, to be kept and read; NULL where its weight is 0. */
void        tn_weight_penalties_record    (const TnWeightPenalties *self, TnNetwork *network, TnTape *tape, TnValue *parts[TN_N_PENALTIES]);

G_END_DECLS
