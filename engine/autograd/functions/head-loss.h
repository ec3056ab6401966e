/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* The losses of a classifier over a vocabulary, fused with its product: logits z = x W^T go by chunks of rows and of the vocabulary and
 * are made again in the backward pass, so that [n, vocabulary] never exists (unless kept_bytes wants it); a few numbers a row are saved.
 * Over the rows that are scored, those whose target is not -1 (n_scored of them; none: loss and gradients are 0),
 *   loss = mean (cross_entropy (lse (z) - z_target + z_loss lse (z)^2) + distillation tau^2 KL (softmax (z' / tau) || softmax (z / tau)))
 * with lse the log-sum-exp, z' the teacher's logits, tau the temperature. Backward, y = softmax (z), y_tau = softmax (z / tau):
 *   dz = (cross_entropy (y (1 + 2 z_loss lse) - onehot (target)) + distillation tau (y_tau - y'_tau)) / n_scored,
 *   dx = dz W,   dW = dz^T x.
 * A teacher known by its most probable tokens K alone, p_k = softmax (z' / tau)_k, gives KL over these and the rest as one more token,
 *   sum_K p_k log (p_k / y_k) + p_rest log (p_rest / y_rest),   dz_j as above with y' = p_j for j in K, else y_j p_rest / y_rest.
 * A target or an id outside the vocabulary makes the loss NaN, which is how a step that cannot be taken is known: check them where batches
 * are made (tn_targets_check()). In float32 the loss, with cross_entropy 1 and nothing else, is nll_sum / n_scored of tn_model_forward() for
 * the same x and W, rounded.
 * Sources: Wijmans et al., Cut Your Losses, 2024 (fused, chunked); Hinton et al., Distilling the Knowledge, 2015 (tau); Chowdhery et
 * al., PaLM, 2022 (z-loss). */
typedef struct
{
  double cross_entropy; /* weight, >= 0 */
  double z_loss;        /* >= 0; 1e-4 is usual */
  double distillation;  /* weight, >= 0; needs a teacher */
  double temperature;   /* tau > 0 */
  gsize  kept_bytes;    /* of logits that may be kept from forward to backward and are not made again, a third of the backward pass's
                         * products; the results are the same bits. 0: none; n x vocabulary x 4: all */
} TnHeadLossOptions;

#define TN_HEAD_LOSS_CROSS_ENTROPY ((TnHeadLossOptions){ .cross_entropy = 1.0, .temperature = 1.0 })

/* One of three; no gradient goes into it. */
typedef struct
{
  TnValue *logits;              /* [n, vocabulary] */
  TnValue *x, *weight;          /* [n, width'], [vocabulary, width']: its own head, fused alike */
  TnValue *ids, *probabilities; /* [n, k] int32, -1: nothing here; [n, k]: what softmax (z' / tau) gives them, the rest being 1 - sum */
} TnTeacher;

/* Sums over rows in their order, in double: of output 1. */
typedef struct
{
  double  nll_sum;   /* lse (z) - z_target */
  double  z_sum;     /* lse (z)^2 */
  double  kl_sum;    /* without tau^2; 0 without a teacher */
  guint64 n_scored;
  guint64 n_correct; /* the best logit is the target's; the smallest id wins ties */
} TnHeadLossSums;

/* x: [n, width]; weight: [vocabulary, width]; targets: [n] int32. outputs, if not NULL, takes the loss (scalar), the sums (PACKED:
 * TnHeadLossSums) and the nll of every row ([n], 0 where not scored); to be read they have to be kept (tn_tape_keep()). Only the loss has
 * a gradient. */
TnValue *tn_tape_head_loss (TnTape *tape, TnValue *x, TnValue *weight, TnValue *targets, const TnTeacher *teacher,
                            const TnHeadLossOptions *options, TnValue *outputs[3]);

/* Of a row of a teacher's logits [vocabulary], the k most probable tokens of softmax (logits / temperature) and what it gives them, the most
 * probable first, the smallest id first among equals; -1 and 0 behind the end of the vocabulary. What a teacher is stored as when it is
 * asked once for many epochs. NaN is never among them. */
void     tn_teacher_top    (const float *logits, gsize vocabulary, double temperature, gsize k, gint32 *ids, float *probabilities);

/* TN_ERROR_DATA unless every target is -1 or in the vocabulary: names the first that is not. */
gboolean tn_targets_check  (const gint32 *targets, gsize n, gsize vocabulary, GError **error);

G_END_DECLS
