/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"
#include "engine/nn/batch.h"
#include "engine/nn/network.h"

G_BEGIN_DECLS

/* TnLossGradient: the gradient of a model's mean loss on one sequence after another, with respect to the weights of its linear layers, each shown while
 * it is in memory and forgotten then; and to their inputs. One thread at a time, any: it works on the compute thread. */
typedef struct _TnLossGradient TnLossGradient;

typedef struct
{
  /* gradient: [out, in] of the weight of layer `layer` (in the order of the network's layers, which is the order they run in). Runs on the compute
   * thread. */
  void (*weight) (guint layer, const float *gradient, gpointer user_data);
  /* x: [rows, in] what goes into the layer, and the gradient with respect to it through this layer alone. NULL: not wanted, and not computed. */
  void (*input)  (guint layer, const float *x, const float *gradient, gsize rows, gpointer user_data);
  gpointer user_data;
} TnLossGradientFuncs;

/* Decodes the model's parameters to float32. length: of the longest sequence. TN_ERROR_MEMORY. */
TnLossGradient *tn_loss_gradient_new  (TnModel *model, guint length, const TnLossGradientFuncs *funcs, GError **error);
void            tn_loss_gradient_free (TnLossGradient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnLossGradient, tn_loss_gradient_free)
guint           tn_loss_gradient_n_layers  (const TnLossGradient *self);
/* The weight [out, in] that it computes with; may be changed between runs. */
TnVariable     *tn_loss_gradient_get_weight (const TnLossGradient *self, guint layer);
/* Forward and backward. loss: mean over the targets, nats; n_targets: how many, may be 0, then nothing is shown. TN_ERROR_DATA: a token outside the
 * vocabulary; TN_ERROR_ARGUMENT: longer than `length`; G_IO_ERROR_CANCELLED. */
gboolean        tn_loss_gradient_run  (TnLossGradient *self, const TnSequence *sequence, double *loss, guint *n_targets,
                                       GCancellable *cancellable, GError **error);

G_END_DECLS
