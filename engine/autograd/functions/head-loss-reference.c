/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/head-loss-private.h"

/* Everything in double, on one thread, a row at a time. */
typedef struct
{
  const TnCall *call;
  const TnHeadLossAttributes *attributes;
  TnHeadLossSizes sizes;
  double *z;        /* [vocabulary]: logits of the row */
  double *teacher;  /* [vocabulary]: what softmax (z' / tau) is; of the most probable tokens alone: of these, -1 elsewhere */
  double *gradient; /* [vocabulary] */
  double lse, lse_tau;
} Reference;

void
tn_head_loss_reference_infer (TnInference *inference)
{
  inference->forward_scratch_bytes = inference->backward_scratch_bytes =
      3 * inference->inputs[TN_HEAD_WEIGHT].shape.dims[0] * sizeof (double);
}

static Reference
prepare (const TnCall *call)
{
  const TnHeadLossAttributes *attributes = call->attributes;
  Reference self = {.call = call,
                    .attributes = attributes,
                    .sizes = tn_head_loss_sizes (call->input_infos, attributes->teacher),
                    .z = call->scratch};

  self.teacher = self.z + self.sizes.vocabulary;
  self.gradient = self.teacher + self.sizes.vocabulary;
  return self;
}

static double
log_sum_exp (const double *x, gsize n, double scale)
{
  double largest = -(double) INFINITY, sum = 0.0;

  for (gsize i = 0; i < n; i++)
    largest = fmax (largest, x[i]);
  for (gsize i = 0; i < n; i++)
    sum += exp (scale * (x[i] - largest));
  return scale * largest + log (sum);
}

static void
multiply (const double *x, const double *weight, gsize vocabulary, gsize width, double *z)
{
  for (gsize j = 0; j < vocabulary; j++)
    {
      z[j] = 0.0;
      for (gsize k = 0; k < width; k++)
        z[j] += x[k] * weight[j * width + k];
    }
}

static void
find_teacher (const Reference *self, gsize row)
{
  gsize vocabulary = self->sizes.vocabulary, width = self->sizes.teacher_width, n_top = self->sizes.n_top;
  const double *input = self->call->inputs[TN_HEAD_TEACHER], *other = self->call->inputs[TN_HEAD_TEACHER_OTHER];
  double scale = 1.0 / self->attributes->options.temperature, lse;

  if (self->attributes->teacher == TN_TEACHER_TOP)
    {
      for (gsize j = 0; j < vocabulary; j++)
        self->teacher[j] = -1.0;
      for (gsize i = row * n_top; i < (row + 1) * n_top; i++)
        if (((const gint32 *) self->call->inputs[TN_HEAD_TEACHER])[i] >= 0)
          self->teacher[((const gint32 *) self->call->inputs[TN_HEAD_TEACHER])[i]] = other[i];
      return;
    }
  if (self->attributes->teacher == TN_TEACHER_HEAD)
    multiply (input + row * width, other, vocabulary, width, self->teacher);
  else
    memcpy (self->teacher, input + row * vocabulary, vocabulary * sizeof *input);
  lse = log_sum_exp (self->teacher, vocabulary, scale);
  for (gsize j = 0; j < vocabulary; j++)
    self->teacher[j] = exp (scale * self->teacher[j] - lse);
}

static void
find_row (Reference *self, gsize row)
{
  gsize width = self->sizes.width;

  multiply ((const double *) self->call->inputs[TN_HEAD_X] + row * width, self->call->inputs[TN_HEAD_WEIGHT],
            self->sizes.vocabulary, width, self->z);
  self->lse = log_sum_exp (self->z, self->sizes.vocabulary, 1.0);
  self->lse_tau = log_sum_exp (self->z, self->sizes.vocabulary, 1.0 / self->attributes->options.temperature);
  if (self->attributes->teacher != TN_TEACHER_NONE)
    find_teacher (self, row);
}

static double
student (const Reference *self, gsize j)
{
  return exp (self->z[j] / self->attributes->options.temperature - self->lse_tau);
}

/* What is left for the tokens that the teacher does not name. */
static void
find_rest (const Reference *self, double *teacher, double *ours)
{
  *teacher = 1.0;
  *ours = 0.0;
  for (gsize j = 0; j < self->sizes.vocabulary; j++)
    if (self->teacher[j] >= 0.0)
      *teacher -= self->teacher[j];
    else
      *ours += student (self, j);
  *teacher = fmax (*teacher, 0.0);
}

static double
part (double p, double q)
{
  return p > 0.0 ? p * log (p / q) : 0.0;
}

static double
divergence (const Reference *self)
{
  double sum = 0.0, rest, ours;

  if (self->attributes->teacher == TN_TEACHER_NONE)
    return 0.0;
  for (gsize j = 0; j < self->sizes.vocabulary; j++)
    sum += part (self->teacher[j], student (self, j));
  if (self->attributes->teacher != TN_TEACHER_TOP)
    return sum;
  find_rest (self, &rest, &ours);
  return sum + part (rest, ours);
}

static guint
find_best (const double *z, gsize n)
{
  guint best = 0;

  for (gsize j = 1; j < n; j++)
    if (z[j] > z[best])
      best = (guint) j;
  return best;
}

static gint32
target_of (const TnCall *call, gsize row)
{
  return ((const gint32 *) call->inputs[TN_HEAD_TARGETS])[row];
}

void
tn_head_loss_reference_forward (const TnCall *call)
{
  Reference self = prepare (call);
  TnHeadLossSums sums = {0};
  double *nll = call->outputs[2];

  for (gsize row = 0; row < self.sizes.rows; row++)
    {
      nll[row] = 0.0;
      if (target_of (call, row) == -1)
        continue;
      sums.n_scored++;
      nll[row] = (double) NAN;
      if (tn_head_loss_row_is_valid (call, row))
        {
          find_row (&self, row);
          nll[row] = self.lse - self.z[target_of (call, row)];
          sums.n_correct += find_best (self.z, self.sizes.vocabulary) == (guint) target_of (call, row);
          sums.z_sum += self.lse * self.lse;
          sums.kl_sum += divergence (&self);
        }
      sums.nll_sum += nll[row];
    }
  tn_head_loss_finish (call, &sums);
}

/* dz of the row, for a gradient of the loss of 1. */
static void
find_gradient (const Reference *self, gsize row, double share)
{
  const TnHeadLossOptions *options = &self->attributes->options;
  double rest = 0.0, ours = 1.0;

  if (self->attributes->teacher == TN_TEACHER_TOP)
    find_rest (self, &rest, &ours);
  for (gsize j = 0; j < self->sizes.vocabulary; j++)
    {
      double dz = exp (self->z[j] - self->lse) * (1.0 + 2.0 * options->z_loss * self->lse);

      dz = options->cross_entropy * (dz - ((gsize) target_of (self->call, row) == j ? 1.0 : 0.0));
      if (self->attributes->teacher != TN_TEACHER_NONE)
        {
          double wanted = self->teacher[j] >= 0.0 ? self->teacher[j] : student (self, j) * rest / ours;

          dz += options->distillation * options->temperature * (student (self, j) - wanted);
        }
      self->gradient[j] = dz * share;
    }
}

static void
clear (const TnCall *call, guint i)
{
  if (call->input_gradients[i] != NULL && !call->adds[i])
    memset (call->input_gradients[i], 0, tn_shape_count (&call->input_infos[i].shape) * sizeof (double));
}

void
tn_head_loss_reference_backward (const TnCall *call)
{
  Reference self = prepare (call);
  double share = tn_head_loss_share (call) * *(const double *) call->output_gradients[0];
  double *dx = call->input_gradients[TN_HEAD_X], *dw = call->input_gradients[TN_HEAD_WEIGHT];
  gsize width = self.sizes.width;

  clear (call, TN_HEAD_X);
  clear (call, TN_HEAD_WEIGHT);
  for (gsize row = 0; row < self.sizes.rows; row++)
    {
      if (target_of (call, row) == -1)
        continue;
      if (tn_head_loss_row_is_valid (call, row))
        {
          find_row (&self, row);
          find_gradient (&self, row, share);
        }
      else
        for (gsize j = 0; j < self.sizes.vocabulary; j++)
          self.gradient[j] = (double) NAN;
      for (gsize j = 0; j < self.sizes.vocabulary; j++)
        for (gsize k = 0; k < width; k++)
          {
            if (dx != NULL)
              dx[row * width + k] += self.gradient[j] * ((const double *) call->inputs[TN_HEAD_WEIGHT])[j * width + k];
            if (dw != NULL)
              dw[j * width + k] += self.gradient[j] * ((const double *) call->inputs[TN_HEAD_X])[row * width + k];
          }
    }
}
