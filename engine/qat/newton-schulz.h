/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Floats of scratch. */
gsize tn_newton_schulz_count (gsize rows, gsize columns, guint threads);

/* x [rows, columns] becomes about U V^T of its singular value decomposition U S V^T: singular values go near 1 (0.7 to 1.2 after 5 steps for those
 * above about 1/100 of the largest). x /= |x| + 1e-7 (Frobenius), then `steps` times, with the shorter side as rows:
 *
 *   A = x x^T;  x = 3.4445 x + (-4.7750 A + 2.0315 A A) x
 *
 * Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks. A and A A are symmetric, to the bit: half of them is computed.
 * scratch: aligned to 64. Threads: a parallel region of `threads`; the same bits for any number. */
void  tn_newton_schulz       (float *x, gsize rows, gsize columns, guint steps, guint threads, float *scratch);

G_END_DECLS
