/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>

#include "engine/autograd/functions/relation-loss.h"

G_BEGIN_DECLS

/* Private to relation-loss*.c. */

#define TN_RELATION_LEAST_LENGTH 1e-12

static inline gsize
tn_relation_head_dim (const TnValueInfo *inputs, guint input, const TnRelationShape *shape)
{
  return inputs[input].shape.dims[1] / shape->n_head;
}

static inline double
tn_relation_temperature (const TnRelationShape *shape, gsize head_dim)
{
  return shape->temperature > 0.0 ? shape->temperature : sqrt ((double) head_dim);
}

/* Sequences x heads. */
static inline gsize
tn_relation_items (const TnValueInfo *inputs, const TnRelationShape *shape)
{
  return inputs[0].shape.dims[0] / shape->length * shape->n_head;
}

void tn_relation_reference_infer    (TnInference *inference);
void tn_relation_reference_forward  (const TnCall *call);
void tn_relation_reference_backward (const TnCall *call);

G_END_DECLS
