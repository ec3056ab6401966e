/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/functions/head-loss.h"

G_BEGIN_DECLS

/* On logits that exist, of a network with few classes; a head over a vocabulary has tn_tape_head_loss(). Scored are rows whose target is
 * not -1; none: loss and gradients are 0; a target outside the classes makes the loss NaN. z: logits [n, classes].
 *
 * Softmax cross-entropy with label smoothing e (0: none), q = (1 - e) onehot (target) + e / classes:
 *   loss = mean (lse (z) - sum_j q_j z_j);   dz = (softmax (z) - q) / n_scored.
 * targets: [n] int32. outputs as for tn_tape_head_loss(); the sums and rows are of the nll without smoothing, z_sum and kl_sum 0.
 * Source: Szegedy et al., Rethinking the Inception Architecture, 2016. */
TnValue *tn_tape_cross_entropy (TnTape *tape, TnValue *logits, TnValue *targets, double smoothing, TnValue *outputs[3]);

/* tau^2 mean KL (softmax (teacher / tau) || softmax (z / tau));  dz = tau (softmax (z / tau) - softmax (teacher / tau)) / n; no gradient for
 * the teacher [n, classes]. Source: Hinton et al., Distilling the Knowledge in a Neural Network, 2015. */
TnValue *tn_tape_distillation  (TnTape *tape, TnValue *logits, TnValue *teacher, double temperature);

G_END_DECLS
