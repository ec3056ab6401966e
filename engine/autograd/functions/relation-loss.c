/* SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>
#include <string.h>

#include "engine/autograd/functions/block-sum.h"
#include "engine/autograd/functions/relation-loss-private.h"
#include "engine/error.h"
#include "engine/kernels/divergence.h"
#include "engine/kernels/matrix-product.h"
#include "engine/kernels/softmax.h"

#define TILE 48
#define ALIGNMENT 16 /* floats */

/* A thread's work on one head of one sequence; [2]: student and teacher. */
typedef struct
{
  const TnCall *call;
  const TnRelationShape *shape;
  gsize item, length, stride;
  gsize head_dim[2];
  float *rows[2];   /* [length, head_dim], normalised and divided by sqrt (tau) */
  float *across[2]; /* panels of the rows transposed */
  float *scores[2]; /* [TILE, stride] */
  float *factors;   /* [length]: what the student's rows were multiplied by */
  float *along;     /* backward: panels of the student's rows */
  float *slopes;    /* backward: [TILE, stride] */
  float *tile;      /* backward: [TILE, head_dim] */
} Head;

static gsize
align (gsize count)
{
  return (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Places the parts; returns the floats. */
static gsize
divide (Head *self, float *scratch)
{
  gsize d = self->head_dim[0], e = self->head_dim[1], length = self->length, scores;
  gsize count = 0;

  self->stride = align (length);
  scores = TILE * self->stride;
  {
    const struct
    {
      float **part;
      gsize count;
    } parts[] = {
        {&self->rows[0], align (length * d)},
        {&self->rows[1], align (length * e)},
        {&self->across[0], tn_panel_count (length, d)},
        {&self->across[1], tn_panel_count (length, e)},
        {&self->scores[0], scores},
        {&self->scores[1], scores},
        {&self->factors, align (length)},
        {&self->along, tn_panel_count (d, length)},
        {&self->slopes, scores},
        {&self->tile, TILE * align (d)},
    };

    for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
      {
        *parts[i].part = scratch != NULL ? scratch + count : NULL;
        count += parts[i].count;
      }
  }
  return count;
}

static gsize
count_kl_bytes (gsize n_items, gsize length)
{
  return align (n_items * length) * sizeof (double);
}

static gboolean
check (const TnInference *inference, const TnRelationShape *shape, guint input, const char *name, GError **error)
{
  const TnShape *x = &inference->inputs[input].shape;
  g_autofree char *text = tn_shape_to_string (x);

  if (!tn_inference_check_kind (inference, input, name, TN_VALUE_FLOAT, error) ||
      !tn_inference_check_dims (inference, input, name, 2, error))
    return FALSE;
  if (shape->length > 0 && shape->n_head > 0 && x->dims[0] == inference->inputs[0].shape.dims[0] &&
      x->dims[0] % shape->length == 0 && x->dims[1] > 0 && x->dims[1] % shape->n_head == 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "%s is %s, expected whole sequences of %u tokens and %u heads", name, text,
               shape->length, shape->n_head);
  return FALSE;
}

static gboolean
infer (TnInference *inference, GError **error)
{
  const TnRelationShape *shape = inference->attributes;
  Head head = {.shape = shape, .length = shape->length};
  gsize n_items;

  if (!check (inference, shape, 0, "student", error) || !check (inference, shape, 1, "teacher", error))
    return FALSE;
  if (!(shape->temperature >= 0.0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "temperature %g, expected 0 or more", shape->temperature);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->reads_inputs = 3;
  if (inference->dtype == TN_DTYPE_F64)
    {
      tn_relation_reference_infer (inference);
      return TRUE;
    }
  for (guint which = 0; which < 2; which++)
    head.head_dim[which] = tn_relation_head_dim (inference->inputs, which, shape);
  n_items = tn_relation_items (inference->inputs, shape);
  inference->saved_bytes = 2 * n_items * shape->length * sizeof (float);
  inference->backward_scratch_bytes = inference->threads * divide (&head, NULL) * sizeof (float);
  inference->forward_scratch_bytes = count_kl_bytes (n_items, shape->length) + inference->backward_scratch_bytes;
  return TRUE;
}

static gsize
place_of (const Head *self, guint which, gsize i)
{
  gsize row = self->item / self->shape->n_head * self->length + i;

  return (row * self->shape->n_head + self->item % self->shape->n_head) * self->head_dim[which];
}

static float
find_factor (const Head *self, guint which, const float *x)
{
  double sum = 0.0, tau = tn_relation_temperature (self->shape, self->head_dim[which]);

  if (!self->shape->normalize)
    return (float) (1.0 / sqrt (tau));
  for (gsize k = 0; k < self->head_dim[which]; k++)
    sum += (double) x[k] * (double) x[k];
  return sqrt (sum) < TN_RELATION_LEAST_LENGTH ? 0.0f : (float) (1.0 / sqrt (sum * tau));
}

static Head
prepare (const TnCall *call, gsize item, float *scratch)
{
  Head self = {.call = call, .shape = call->attributes, .item = item};

  self.length = self.shape->length;
  for (guint which = 0; which < 2; which++)
    self.head_dim[which] = tn_relation_head_dim (call->input_infos, which, self.shape);
  scratch += (gsize) omp_get_thread_num () * divide (&self, NULL);
  divide (&self, scratch);
  for (guint which = 2; which-- > 0;)
    {
      gsize d = self.head_dim[which];

      for (gsize i = 0; i < self.length; i++)
        {
          const float *x = (const float *) call->inputs[which] + place_of (&self, which, i);

          self.factors[i] = find_factor (&self, which, x);
          for (gsize k = 0; k < d; k++)
            self.rows[which][i * d + k] = x[k] * self.factors[i];
        }
      tn_panel_pack_transposed (self.rows[which], d, self.length, d, self.across[which]);
    }
  return self;
}

static void
make_scores (const Head *self, gsize first, gsize n)
{
  for (guint which = 0; which < 2; which++)
    {
      gsize d = self->head_dim[which];

      tn_panel_multiply (self->rows[which] + first * d, d, n, self->across[which], d, self->length, d, self->scores[which],
                         self->stride, TN_CHAIN_START);
    }
}

/* Log-sum-exps of the positions of the item. */
static float *
saved_of (const Head *self, guint which)
{
  gsize n_items = tn_relation_items (self->call->input_infos, self->shape);

  return (float *) self->call->saved + (which * n_items + self->item) * self->length;
}

static void
forward (const TnCall *call)
{
  const TnRelationShape *shape = call->attributes;
  gint64 n_items = (gint64) tn_relation_items (call->input_infos, shape);
  gsize length = shape->length, n = (gsize) n_items * length;
  double *kl = call->scratch, sum = 0.0;

  if (call->dtype == TN_DTYPE_F64)
    {
      tn_relation_reference_forward (call);
      return;
    }
#pragma omp parallel for schedule(dynamic) num_threads((int) call->threads)
  for (gint64 item = 0; item < n_items; item++)
    {
      Head self = prepare (call, (gsize) item, (float *) ((char *) call->scratch + count_kl_bytes ((gsize) n_items, length)));

      for (gsize first = 0; first < length; first += TILE)
        {
          gsize rows = MIN (TILE, length - first);

          make_scores (&self, first, rows);
          for (gsize i = 0; i < rows; i++)
            {
              TnDivergence row;

              tn_divergence_piece (self.scores[0] + i * self.stride, self.scores[1] + i * self.stride, length, 1.0f, &row);
              kl[(gsize) item * length + first + i] = tn_divergence_finish (&row, 1.0f);
              saved_of (&self, 0)[first + i] = (float) tn_divergence_student_lse (&row, 1.0f);
              saved_of (&self, 1)[first + i] = (float) (log (row.teacher_sum) + (double) row.teacher_maximum);
            }
        }
    }
  for (gsize i = 0; i < n; i++)
    sum += kl[i];
  tn_call_put_scalar (call, sum / (double) MAX (n, 1));
}

/* Row i of dS + dS^T: both of its terms are exponentials of this row of S, which is symmetric. */
static void
make_slopes (const Head *self, gsize i, const float *scores[2], float seed, float *slopes)
{
  tn_exponentials (scores[0], self->length, saved_of (self, 0)[i], 1.0f, seed, FALSE, slopes);
  tn_exponentials_shifted (scores[0], saved_of (self, 0), self->length, seed, slopes);
  tn_exponentials (scores[1], self->length, saved_of (self, 1)[i], 1.0f, -seed, TRUE, slopes);
  tn_exponentials_shifted (scores[1], saved_of (self, 1), self->length, -seed, slopes);
}

static void
put_row (const Head *self, gsize i, const float *d)
{
  gsize head_dim = self->head_dim[0], place = place_of (self, 0, i);
  const float *row = self->rows[0] + i * head_dim;
  double along = 0.0;

  for (gsize k = 0; k < head_dim && self->shape->normalize; k++)
    along += (double) d[k] * (double) row[k];
  along *= tn_relation_temperature (self->shape, head_dim);
  for (gsize k = 0; k < head_dim; k++)
    tn_call_put_gradient (self->call, 0, place + k, (double) self->factors[i] * ((double) d[k] - along * (double) row[k]));
}

static void
backward (const TnCall *call)
{
  const TnRelationShape *shape = call->attributes;
  gint64 n_items = (gint64) tn_relation_items (call->input_infos, shape);
  gsize length = shape->length;
  float seed;

  if (call->dtype == TN_DTYPE_F64)
    {
      tn_relation_reference_backward (call);
      return;
    }
  seed = (float) (tn_call_get_seed (call) / (double) MAX ((gsize) n_items * length, 1));
#pragma omp parallel for schedule(dynamic) num_threads((int) call->threads)
  for (gint64 item = 0; item < n_items; item++)
    {
      Head self = prepare (call, (gsize) item, call->scratch);
      gsize d = self.head_dim[0];

      tn_panel_pack (self.rows[0], d, d, length, self.along);
      for (gsize first = 0; first < length; first += TILE)
        {
          gsize rows = MIN (TILE, length - first);

          make_scores (&self, first, rows);
          for (gsize i = 0; i < rows; i++)
            make_slopes (&self, first + i, (const float *[]){self.scores[0] + i * self.stride, self.scores[1] + i * self.stride},
                         seed, self.slopes + i * self.stride);
          tn_panel_multiply (self.slopes, self.stride, rows, self.along, length, d, length, self.tile, d, TN_CHAIN_START);
          for (gsize i = 0; i < rows; i++)
            put_row (&self, first + i, self.tile + i * d);
        }
    }
}

TnValue *
tn_tape_relation_loss (TnTape *tape, TnValue *student, TnValue *teacher, const TnRelationShape *shape)
{
  static const TnFunction function = {.name = "relation loss",
                                      .attribute_bytes = sizeof (TnRelationShape),
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){student, tn_tape_detach (tape, teacher)}, 2, shape, NULL);
}
