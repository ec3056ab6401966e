/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/attention-private.h"

/* Everything in double, on one thread. */
typedef struct
{
  const TnCall *call;
  const TnAttentionShape *shape;
  gsize head_dim, half;
  double *q, *k;  /* rotated: [rows, heads x head_dim] */
  double *y, *ds; /* [length] of one query */
} Reference;

static gsize
count_wide (const TnShape *q, const TnShape *k, guint length)
{
  return 2 * (tn_shape_count (q) + tn_shape_count (k)) + 2 * length;
}

void
tn_attention_reference_infer (TnInference *inference)
{
  const TnAttentionShape *shape = inference->attributes;
  gsize count = count_wide (&inference->inputs[0].shape, &inference->inputs[1].shape, shape->length);

  inference->forward_scratch_bytes = inference->backward_scratch_bytes = count * sizeof (double);
}

static gsize
row_width (const Reference *self, guint i)
{
  return self->call->input_infos[i].shape.dims[1];
}

/* Turns all heads of all rows; sign -1: back. */
static void
rotate (const Reference *self, double *x, gsize n_heads, double sign)
{
  gsize rows = self->call->input_infos[0].shape.dims[0];
  gboolean interleaved = self->shape->rope_layout == TN_ROPE_INTERLEAVED;

  for (gsize head = 0; self->half > 0 && head < rows * n_heads; head++, x += self->head_dim)
    for (gsize i = 0; i < self->half; i++)
      {
        gsize place = head / n_heads % self->shape->length * self->half + i;
        double c = ((const double *) self->call->inputs[3])[place], s = sign * ((const double *) self->call->inputs[4])[place];
        double *a = x + (interleaved ? 2 * i : i), *b = x + (interleaved ? 2 * i + 1 : i + self->half), old = *a;

        *a = old * c - *b * s;
        *b = old * s + *b * c;
      }
}

static Reference
prepare (const TnCall *call)
{
  const TnAttentionShape *shape = call->attributes;
  gsize n_q = tn_shape_count (&call->input_infos[0].shape), n_k = tn_shape_count (&call->input_infos[1].shape);
  Reference self = {
      .call = call,
      .shape = shape,
      .head_dim = call->input_infos[0].shape.dims[1] / shape->n_head,
      .half = call->n_inputs > 3 ? call->input_infos[3].shape.dims[1] : 0,
      .q = call->scratch,
  };

  self.k = self.q + n_q;
  self.y = self.k + n_k;
  self.ds = self.y + shape->length;
  memcpy (self.q, call->inputs[0], n_q * sizeof (double));
  memcpy (self.k, call->inputs[1], n_k * sizeof (double));
  rotate (&self, self.q, shape->n_head, 1.0);
  rotate (&self, self.k, shape->n_head_kv, 1.0);
  return self;
}

static double
dot (const double *a, const double *b, gsize n)
{
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/* Where a row's key/value head begins that query head `head` reads. */
static gsize
kv_place (const Reference *self, gsize row, guint head)
{
  return row * row_width (self, 1) + head / (self->shape->n_head / self->shape->n_head_kv) * self->head_dim;
}

static gsize
q_place (const Reference *self, gsize row, guint head)
{
  return row * row_width (self, 0) + head * self->head_dim;
}

/* y of query i of the sequence that begins with row first. */
static void
find_probabilities (const Reference *self, gsize first, guint head, guint i)
{
  double largest = -INFINITY, sum = 0.0;

  for (guint j = 0; j <= i; j++)
    {
      self->y[j] = dot (self->q + q_place (self, first + i, head), self->k + kv_place (self, first + j, head), self->head_dim) /
                   sqrt ((double) self->head_dim);
      largest = fmax (largest, self->y[j]);
    }
  for (guint j = 0; j <= i; j++)
    sum += self->y[j] = exp (self->y[j] - largest);
  for (guint j = 0; j <= i; j++)
    self->y[j] /= sum;
}

void
tn_attention_reference_forward (const TnCall *call)
{
  Reference self = prepare (call);
  gsize rows = call->input_infos[0].shape.dims[0];

  for (gsize row = 0; row < rows; row++)
    for (guint head = 0; head < self.shape->n_head; head++)
      {
        guint i = (guint) (row % self.shape->length);
        double *out = (double *) call->outputs[0] + q_place (&self, row, head);

        find_probabilities (&self, row - i, head, i);
        memset (out, 0, self.head_dim * sizeof *out);
        for (guint j = 0; j <= i; j++)
          for (gsize c = 0; c < self.head_dim; c++)
            out[c] += self.y[j] * ((const double *) call->inputs[2])[kv_place (&self, row - i + j, head) + c];
      }
}

/* Adds what query i of the sequence gives to dq, dk and dv, the former two of what is rotated. */
static void
add_query (const Reference *self, gsize first, guint head, guint i, double *dq, double *dk, double *dv)
{
  const double *g = (const double *) self->call->output_gradients[0] + q_place (self, first + i, head);
  double mean = 0.0;

  find_probabilities (self, first, head, i);
  for (guint j = 0; j <= i; j++)
    {
      self->ds[j] = dot (g, (const double *) self->call->inputs[2] + kv_place (self, first + j, head), self->head_dim);
      mean += self->y[j] * self->ds[j];
    }
  for (guint j = 0; j <= i; j++)
    {
      double ds = self->y[j] * (self->ds[j] - mean) / sqrt ((double) self->head_dim);
      gsize query = q_place (self, first + i, head), key = kv_place (self, first + j, head);

      for (gsize c = 0; c < self->head_dim; c++)
        {
          dq[query + c] += ds * self->k[key + c];
          dk[key + c] += ds * self->q[query + c];
          if (dv != NULL)
            dv[key + c] += self->y[j] * g[c];
        }
    }
}

static void
put (const TnCall *call, guint i, const double *gradient)
{
  gsize n = tn_shape_count (&call->input_infos[i].shape);

  for (gsize k = 0; call->input_gradients[i] != NULL && k < n; k++)
    ((double *) call->input_gradients[i])[k] =
        call->adds[i] ? ((double *) call->input_gradients[i])[k] + gradient[k] : gradient[k];
}

void
tn_attention_reference_backward (const TnCall *call)
{
  Reference self = prepare (call);
  gsize rows = call->input_infos[0].shape.dims[0], n_q = tn_shape_count (&call->input_infos[0].shape);
  gsize n_k = tn_shape_count (&call->input_infos[1].shape);
  double *dq = self.ds + self.shape->length, *dk = dq + n_q, *dv = call->input_gradients[2];

  memset (dq, 0, (n_q + n_k) * sizeof *dq);
  if (dv != NULL && !call->adds[2])
    memset (dv, 0, n_k * sizeof *dv);
  for (gsize row = 0; row < rows; row++)
    for (guint head = 0; head < self.shape->n_head; head++)
      {
        guint i = (guint) (row % self.shape->length);

        add_query (&self, row - i, head, i, dq, dk, dv);
      }
  rotate (&self, dq, self.shape->n_head, -1.0);
  rotate (&self, dk, self.shape->n_head_kv, -1.0);
  put (call, 0, dq);
  put (call, 1, dk);
}
