/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/mitigation/model-edit.h"

G_BEGIN_DECLS

/* Rotations that a model of the LLaMA family absorbs: what it computes stays the same, while the values that are rounded lose their outliers.
 *
 * Residual stream (Ashkboos et al., SliceGPT, 2024, section 3; QuaRot, 2024, section 3): an RMSNorm without a gain commutes with any rotation R, for
 * it keeps the length of a row. So gains are folded into the layers that read a norm, W <- W diag (g); the embedding becomes E R, readers (q, k, v,
 * gate, up, the head) W R, writers (output and down projection) R^T W. A head that is the embedding becomes one of its own: the two differ now.
 * R = D B: random signs of a seed, then orthonormal Hadamard matrices along the diagonal, the largest power of two up to 4096 that divides the
 * width each (engine/autograd/functions/hadamard.h).
 *
 * Values of the attention (QuaRot, section 4): a head's values are summed over tokens, so that each head's part of W_v may be rotated, W_v <- H^T W_v, if
 * the columns of the output projection that read it are rotated too, W_o <- W_o H. A norm between them has its gain folded first, and commutes.
 *
 * The input of the down projection passes through a product with the gate, which does not commute: its rotation has to be done as activations flow, which
 * files for other engines have no place for; it is not done here. Nor are queries and keys rotated, which the positions rotate. */

typedef struct
{
  gsize residual_block; /* size of the Hadamard matrices; 1: the width is odd, only signs change */
  gsize value_block;
  guint64 added_bytes;  /* of a head of its own */
} TnRotationReport;

gboolean tn_rotate_residual (TnModelEdit *edit, guint64 seed, TnRotationReport *report, GError **error);
gboolean tn_rotate_values   (TnModelEdit *edit, TnRotationReport *report, GError **error);
/* Gains of all norms, those before the output and down projections too, into what reads them: they are 1 then. The first half of the above. */
gboolean tn_fold_norm_gains (TnModelEdit *edit, guint64 *added_bytes, GError **error);

G_END_DECLS
