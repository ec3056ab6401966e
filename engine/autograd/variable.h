/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/shape.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* What a variable is for: optimizers treat scales and norms unlike matrices. */
typedef enum
{
  TN_ROLE_MATRIX,    /* weight of a linear or convolutional layer [out, in] */
  TN_ROLE_EMBEDDING, /* [vocabulary, width] */
  TN_ROLE_HEAD,      /* last layer [classes, width] */
  TN_ROLE_NORM,      /* gain of a norm [width] */
  TN_ROLE_BIAS,
  TN_ROLE_SCALE,     /* of a quantizer */
  TN_N_ROLES
} TnRole;

/* TnVariable: numbers that are trained, which live longer than any tape: data, and the gradient that backward passes write or
 * add to. Reference counted; the contents are changed by one thread at a time. */
typedef struct
{
  /*< public, read-only >*/
  char    *name;     /* canonical: "blk.3.ffn_down.weight" */
  TnRole   role;
  TnDtype  dtype;    /* F32; F64 where gradients are checked */
  TnShape  shape;
  gsize    count;
  void    *data;     /* [count] */
  void    *gradient; /* [count]; NULL: not trained, or gradients are not kept (tn_variable_drop_gradient()) */
  gboolean trained;
  /*< private >*/
  gatomicrefcount ref_count;
} TnVariable;

/* Data and gradient are zeros. TN_ERROR_MEMORY; TN_ERROR_SHAPE: too large to count. */
TnVariable *tn_variable_new           (const char *name, TnRole role, TnDtype dtype, const TnShape *shape, GError **error);
/* With the elements of a tensor, decoded; its dimensions are the shape. */
TnVariable *tn_variable_new_from_tensor (const char *name, TnRole role, const TnTensor *tensor, GError **error);
TnVariable *tn_variable_ref           (TnVariable *self);
void        tn_variable_unref         (TnVariable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnVariable, tn_variable_unref)
/* FALSE: it keeps its value, and no gradient is computed. To be said before a tape is recorded. TN_ERROR_MEMORY. */
gboolean    tn_variable_set_trained   (TnVariable *self, gboolean trained, GError **error);
/* Gives the gradient's memory back: tapes recorded from now on hold it only until it was handed out (gradient release). */
void        tn_variable_drop_gradient (TnVariable *self);
void        tn_variable_clear_gradient (TnVariable *self);
/* "matrix", "norm", … (not translated: for files). */
const char *tn_role_get_name          (TnRole role);

G_END_DECLS
