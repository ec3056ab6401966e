/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Relation distillation: how alike the positions of a sequence are to each other in a layer's queries, keys or values a, for a student and
 * its teacher, whose widths may differ. Rows are split into n_head relation heads of d dimensions, each normalised to length 1 if wanted;
 *   S_ij = a_i . a_j / tau,   R_i = softmax_j (S_ij),   loss = mean over sequences, heads and positions i of KL (R'_i || R_i),
 * ' the teacher's, tau sqrt (d) of either where temperature is 0. Backward, with count = sequences x heads x length:
 *   dS = (R - R') / count,   da_i = sum_j (dS_ij + dS_ji) a_j / tau,   through the norm: (da - a (a . da)) / |a|.
 * A row shorter than 1e-12 is 0 when normalised, without a gradient. No length x length matrix is kept: two numbers a position and head are.
 * Sources: Wang et al., MiniLMv2, 2021; Wu et al., BitNet Distillation, 2025 (normalised, one late layer). */
typedef struct
{
  guint    n_head;      /* relation heads; divide both widths */
  guint    length;      /* tokens of every sequence */
  gboolean normalize;
  double   temperature; /* tau; 0: sqrt (d) */
} TnRelationShape;

/* student: [n x length, width]; teacher: [n x length, width']; no gradient for it. A scalar. */
TnValue *tn_tape_relation_loss (TnTape *tape, TnValue *student, TnValue *teacher, const TnRelationShape *shape);

G_END_DECLS
