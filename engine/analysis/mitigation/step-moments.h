/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

G_BEGIN_DECLS

/* What calibration batches say of the input of layers that read the same site, in the model as it is (X) and in the one whose layers before
 * it are rounded already (X'), and of the residual stream beside it (R, R'). Sums over tokens in double, in their order: the same bits
 * for any number of threads. */
typedef struct
{
  gsize width, residual_width;
  guint64 n_tokens;
  double *gram;     /* X'^T X' [width, width] */
  double *cross;    /* X^T X' [width, width] */
  double *residual; /* (R - R')^T X' [residual_width, width]; NULL: not asked for */
} TnStepMoments;

/* site: name of the input. residual_site: NULL, or a site of the residual stream. models' forward passes end behind the last of both.
 * batches: TnBatch. Any thread; works on the compute thread. TN_ERROR_MEMORY, TN_ERROR_DATA: an input that is not finite;
 * G_IO_ERROR_CANCELLED. */
gboolean tn_step_moments_collect (TnStepMoments *self, TnModel *model, TnModel *rounded, const char *site, const char *residual_site,
                                  GPtrArray *batches, GCancellable *cancellable, GError **error);
void     tn_step_moments_clear   (TnStepMoments *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnStepMoments, tn_step_moments_clear)

/* Where the residual stream was seen. */
typedef enum
{
  TN_RESIDUAL_NONE,   /* it is left out */
  TN_RESIDUAL_BEFORE, /* without the layer's output */
  TN_RESIDUAL_BEHIND, /* with it, by the weight as it is in both models */
} TnResidualPlace;

/* The weight [rows, width] whose output from X' comes closest to W's from X (Li et al., GPTAQ, 2025, section 4), and makes up for what the residual
 * stream lost besides: with H = X'^T X' and D = W X^T X' + (R - R')^T X' (behind: D = W H + (R - R')^T X'), W + (D - W H) (H + d I)^-1, the
 * least squares' solution that is held at W by d. What error feedback then rounds in the place of W. damping as of
 * tn_inverse_factor(). Runs parallel loops: call on the compute thread. */
gboolean tn_step_moments_make_target (const TnStepMoments *self, const float *weight, gsize rows, TnResidualPlace residual,
                                      double damping, float *target, GError **error);

G_END_DECLS
