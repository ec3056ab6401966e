/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/functions/head-loss.h"

G_BEGIN_DECLS

/* Private to head-loss*.c. */

typedef enum
{
  TN_TEACHER_NONE,
  TN_TEACHER_LOGITS,
  TN_TEACHER_HEAD,
  TN_TEACHER_TOP,
} TnTeacherKind;

typedef struct
{
  TnHeadLossOptions options;
  TnTeacherKind     teacher;
} TnHeadLossAttributes;

enum
{
  TN_HEAD_X,
  TN_HEAD_WEIGHT,
  TN_HEAD_TARGETS,
  TN_HEAD_TEACHER,       /* logits, x or ids */
  TN_HEAD_TEACHER_OTHER, /* weight or probabilities */
};

typedef struct
{
  gsize rows, vocabulary, width, teacher_width, n_top;
} TnHeadLossSizes;

TnHeadLossSizes tn_head_loss_sizes (const TnValueInfo *inputs, TnTeacherKind teacher);

/* FALSE: the row's target, or an id of its teacher, is outside the vocabulary. */
gboolean        tn_head_loss_row_is_valid (const TnCall *call, gsize row);
/* Writes the loss and the sums. */
void            tn_head_loss_finish (const TnCall *call, const TnHeadLossSums *sums);


/* 1 / rows that are scored, 0 where there are none. */
double          tn_head_loss_share        (const TnCall *call);

void            tn_head_loss_float_infer        (TnInference *inference);
void            tn_head_loss_float_forward      (const TnCall *call);
void            tn_head_loss_float_backward     (const TnCall *call);
void            tn_head_loss_reference_infer    (TnInference *inference);
void            tn_head_loss_reference_forward  (const TnCall *call);
void            tn_head_loss_reference_backward (const TnCall *call);

G_END_DECLS
