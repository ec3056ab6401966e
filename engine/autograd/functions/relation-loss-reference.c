/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/autograd/functions/block-sum.h"
#include "engine/autograd/functions/relation-loss-private.h"

/* Everything in double, on one thread, a head of a sequence at a time. */
typedef struct
{
  const TnCall *call;
  const TnRelationShape *shape;
  double *rows[2];      /* of student and teacher: [length, head_dim], normalised and divided by sqrt (tau) */
  double *relations[2]; /* [length, length] */
} Reference;

void
tn_relation_reference_infer (TnInference *inference)
{
  const TnRelationShape *shape = inference->attributes;
  gsize length = shape->length,
        dims = tn_relation_head_dim (inference->inputs, 0, shape) + tn_relation_head_dim (inference->inputs, 1, shape);

  inference->forward_scratch_bytes = inference->backward_scratch_bytes = (length * dims + 2 * length * length) * sizeof (double);
}

static gsize
place_of (const Reference *self, guint which, gsize item, guint i)
{
  gsize head_dim = tn_relation_head_dim (self->call->input_infos, which, self->shape);
  gsize row = item / self->shape->n_head * self->shape->length + i;

  return row * head_dim * self->shape->n_head + item % self->shape->n_head * head_dim;
}

static double
length_of (const Reference *self, guint which, gsize place)
{
  gsize head_dim = tn_relation_head_dim (self->call->input_infos, which, self->shape);
  double sum = 0.0;

  for (gsize k = 0; k < head_dim; k++)
    sum += ((const double *) self->call->inputs[which])[place + k] * ((const double *) self->call->inputs[which])[place + k];
  return sqrt (sum);
}

/* What a row is multiplied by. */
static double
factor_of (const Reference *self, guint which, gsize place)
{
  double tau = tn_relation_temperature (self->shape, tn_relation_head_dim (self->call->input_infos, which, self->shape));
  double length = length_of (self, which, place);

  if (!self->shape->normalize)
    return 1.0 / sqrt (tau);
  return length < TN_RELATION_LEAST_LENGTH ? 0.0 : 1.0 / (length * sqrt (tau));
}

static void
find_relations (const Reference *self, guint which, gsize item)
{
  gsize head_dim = tn_relation_head_dim (self->call->input_infos, which, self->shape), length = self->shape->length;
  double *rows = self->rows[which], *relations = self->relations[which];

  for (guint i = 0; i < length; i++)
    for (gsize k = 0; k < head_dim; k++)
      {
        gsize place = place_of (self, which, item, i);

        rows[i * head_dim + k] = ((const double *) self->call->inputs[which])[place + k] * factor_of (self, which, place);
      }
  for (gsize i = 0; i < length; i++)
    {
      double largest = -(double) INFINITY, sum = 0.0;

      for (gsize j = 0; j < length; j++)
        {
          double *s = &relations[i * length + j];

          *s = 0.0;
          for (gsize k = 0; k < head_dim; k++)
            *s += rows[i * head_dim + k] * rows[j * head_dim + k];
          largest = fmax (largest, *s);
        }
      for (gsize j = 0; j < length; j++)
        sum += relations[i * length + j] = exp (relations[i * length + j] - largest);
      for (gsize j = 0; j < length; j++)
        relations[i * length + j] /= sum;
    }
}

static Reference
prepare (const TnCall *call)
{
  Reference self = {.call = call, .shape = call->attributes};
  gsize length = self.shape->length;

  self.rows[0] = call->scratch;
  self.rows[1] = self.rows[0] + length * tn_relation_head_dim (call->input_infos, 0, self.shape);
  self.relations[0] = self.rows[1] + length * tn_relation_head_dim (call->input_infos, 1, self.shape);
  self.relations[1] = self.relations[0] + length * length;
  return self;
}

void
tn_relation_reference_forward (const TnCall *call)
{
  Reference self = prepare (call);
  gsize n_items = tn_relation_items (call->input_infos, self.shape), length = self.shape->length;
  double sum = 0.0;

  for (gsize item = 0; item < n_items; item++)
    {
      find_relations (&self, 0, item);
      find_relations (&self, 1, item);
      for (gsize i = 0; i < length * length; i++)
        if (self.relations[1][i] > 0.0)
          sum += self.relations[1][i] * log (self.relations[1][i] / self.relations[0][i]);
    }
  tn_call_put_scalar (call, sum / (double) MAX (n_items * length, 1));
}

void
tn_relation_reference_backward (const TnCall *call)
{
  Reference self = prepare (call);
  gsize n_items = tn_relation_items (call->input_infos, self.shape), length = self.shape->length;
  gsize head_dim = tn_relation_head_dim (call->input_infos, 0, self.shape);
  double seed = tn_call_get_seed (call) / (double) MAX (n_items * length, 1);
  double tau = tn_relation_temperature (self.shape, head_dim);

  for (gsize item = 0; item < n_items; item++)
    {
      find_relations (&self, 0, item);
      find_relations (&self, 1, item);
      for (guint i = 0; i < length; i++)
        {
          gsize place = place_of (&self, 0, item, i);
          const double *row = self.rows[0] + i * head_dim;
          double along = 0.0, factor = factor_of (&self, 0, place);

          for (guint pass = 0; pass < 2; pass++)
            for (gsize k = 0; k < head_dim; k++)
              {
                double d = 0.0;

                for (gsize j = 0; j < length; j++)
                  {
                    double ds = self.relations[0][i * length + j] - self.relations[1][i * length + j] +
                                self.relations[0][j * length + i] - self.relations[1][j * length + i];

                    d += seed * ds * self.rows[0][j * head_dim + k];
                  }
                if (pass == 0)
                  along += d * row[k] * tau;
                else
                  tn_call_put_gradient (call, 0, place + k, factor * (d - (self.shape->normalize ? along * row[k] : 0.0)));
              }
        }
    }
}
