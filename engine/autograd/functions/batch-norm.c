/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/batch-norm.h"

#include <math.h>

#include "engine/autograd/functions/real.h"
#include "engine/kernels/channel-norm.h"

typedef struct
{
  double momentum, epsilon;
} Attributes;

static gboolean
is_from_batch (const TnCall *call)
{
  return call->training && ((const Attributes *) call->attributes)->momentum > 0.0;
}

/* In inputs. */
enum
{
  X,
  GAIN,
  BIAS,
  MEAN,
  VARIANCE,
  N_INPUTS
};

typedef struct
{
  gsize n, channels, plane;
} Sizes;

static Sizes
get_sizes (const TnShape *x)
{
  return (Sizes){x->dims[0], x->dims[1], x->n_dims == 4 ? x->dims[2] * x->dims[3] : 1};
}

static gboolean
infer (TnInference *inference, GError **error)
{
  static const char *const names[N_INPUTS] = {"x", "gain", "bias", "mean", "variance"};
  const TnShape *x = &inference->inputs[X].shape;

  if (x->n_dims != 2 && !tn_inference_check_dims (inference, X, "x", 4, error))
    return FALSE;
  for (guint i = 0; i < N_INPUTS; i++)
    if (!tn_inference_check_kind (inference, i, names[i], TN_VALUE_FLOAT, error) ||
        (i > 0 && !tn_inference_check_shape (inference, i, names[i], &TN_SHAPE (x->dims[1]), error)))
      return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = *x;
  inference->saved_bytes = 2 * x->dims[1] * sizeof (double);
  inference->reads_inputs = 1 << X | 1 << GAIN;
  return TRUE;
}

static double
get (const TnCall *call, const void *x, gsize i)
{
  return call->dtype == TN_DTYPE_F64 ? ((const double *) x)[i] : (double) ((const float *) x)[i];
}

static void
put (const TnCall *call, void *x, gsize i, double value, gboolean adds)
{
  if (call->dtype == TN_DTYPE_F64)
    TN_PUT (adds, ((double *) x)[i], value);
  else
    TN_PUT (adds, ((float *) x)[i], (float) value);
}

/* What tn_channel_sums() gives, over all planes of a channel in the order of the images. */
static void
sum_channel (const TnCall *call, const Sizes *sizes, gsize channel, const void *x, const void *dy, double mean, double sums[2])
{
  sums[0] = sums[1] = 0.0;
  for (gsize image = 0; image < sizes->n; image++)
    {
      gsize first = (image * sizes->channels + channel) * sizes->plane;

      if (call->dtype == TN_DTYPE_F32)
        tn_channel_sums ((const float *) x + first, dy != NULL ? (const float *) dy + first : NULL, mean, sizes->plane, sums);
      else
        for (gsize i = first; i < first + sizes->plane; i++)
          {
            double deviation = ((const double *) x)[i] - mean, other = dy != NULL ? ((const double *) dy)[i] : deviation;

            sums[0] += other;
            sums[1] += deviation * other;
          }
    }
}

/* out (or +=) = a x + b y + c over a channel's planes; y NULL: without it. */
static void
combine_channel (const TnCall *call, const Sizes *sizes, gsize channel, const void *x, const void *y, const double factors[3],
                 void *out, gboolean adds)
{
  for (gsize image = 0; image < sizes->n; image++)
    {
      gsize first = (image * sizes->channels + channel) * sizes->plane;

      if (call->dtype == TN_DTYPE_F32)
        tn_channel_combine ((const float *) x + first, y != NULL ? (const float *) y + first : NULL, factors, sizes->plane,
                            (float *) out + first, adds);
      else
        for (gsize i = first; i < first + sizes->plane; i++)
          TN_PUT (adds, ((double *) out)[i],
                  factors[0] * ((const double *) x)[i] + (y != NULL ? factors[1] * ((const double *) y)[i] : 0.0) + factors[2]);
    }
}

static void
move_statistics (const TnCall *call, gsize channel, double mean, double variance, double n)
{
  double momentum = ((const Attributes *) call->attributes)->momentum;
  double unbiased = n > 1.0 ? variance * n / (n - 1.0) : variance;
  void *means = (void *) call->inputs[MEAN], *variances = (void *) call->inputs[VARIANCE];

  put (call, means, channel, momentum * (mean - get (call, means, channel)), TRUE);
  put (call, variances, channel, momentum * (unbiased - get (call, variances, channel)), TRUE);
}

static void
forward_channel (const TnCall *call, const Sizes *sizes, gsize channel)
{
  double *saved = (double *) call->saved + 2 * channel, n = (double) (sizes->n * sizes->plane), sums[2];
  double mean = 0.0, variance = 0.0, scale;

  if (!is_from_batch (call))
    {
      mean = get (call, call->inputs[MEAN], channel);
      variance = get (call, call->inputs[VARIANCE], channel);
    }
  else if (n > 0.0)
    {
      sum_channel (call, sizes, channel, call->inputs[X], NULL, 0.0, sums);
      mean = sums[0] / n;
      sum_channel (call, sizes, channel, call->inputs[X], NULL, mean, sums);
      variance = sums[1] / n;
      if (!call->again)
        move_statistics (call, channel, mean, variance, n);
    }
  saved[0] = mean;
  saved[1] = 1.0 / sqrt (variance + ((const Attributes *) call->attributes)->epsilon);
  scale = saved[1] * get (call, call->inputs[GAIN], channel);
  combine_channel (call, sizes, channel, call->inputs[X], NULL,
                   (const double[]){scale, 0.0, get (call, call->inputs[BIAS], channel) - mean * scale}, call->outputs[0], FALSE);
}

static void
forward (const TnCall *call)
{
  Sizes sizes = get_sizes (&call->input_infos[X].shape);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gsize channel = 0; channel < sizes.channels; channel++)
    forward_channel (call, &sizes, channel);
}

static void
backward_channel (const TnCall *call, const Sizes *sizes, gsize channel)
{
  const double *saved = (const double *) call->saved + 2 * channel;
  double n = (double) (sizes->n * sizes->plane), gain = get (call, call->inputs[GAIN], channel), sums[2];
  double scale = gain * saved[1], back, shift;

  sum_channel (call, sizes, channel, call->inputs[X], call->output_gradients[0], saved[0], sums);
  if (call->input_gradients[GAIN] != NULL)
    put (call, call->input_gradients[GAIN], channel, sums[1] * saved[1], call->adds[GAIN]);
  if (call->input_gradients[BIAS] != NULL)
    put (call, call->input_gradients[BIAS], channel, sums[0], call->adds[BIAS]);
  for (guint i = MEAN; i <= VARIANCE; i++)
    if (call->input_gradients[i] != NULL)
      put (call, call->input_gradients[i], channel, 0.0, call->adds[i]);
  if (call->input_gradients[X] == NULL)
    return;
  /* dx = scale (dy - mean dy - (x - m) s^2 mean (dy (x - m))) */
  back = is_from_batch (call) && n > 0.0 ? scale * saved[1] * saved[1] * sums[1] / n : 0.0;
  shift = is_from_batch (call) && n > 0.0 ? back * saved[0] - scale * sums[0] / n : 0.0;
  combine_channel (call, sizes, channel, call->output_gradients[0], call->inputs[X], (const double[]){scale, -back, shift},
                   call->input_gradients[X], call->adds[X]);
}

static void
backward (const TnCall *call)
{
  Sizes sizes = get_sizes (&call->input_infos[X].shape);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gsize channel = 0; channel < sizes.channels; channel++)
    backward_channel (call, &sizes, channel);
}

TnValue *
tn_tape_batch_norm (TnTape *tape, TnValue *x, TnValue *gain, TnValue *bias, TnValue *mean, TnValue *variance, double momentum,
                    double epsilon)
{
  static const TnFunction function = {.name = "batch norm",
                                      .attribute_bytes = sizeof (Attributes),
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};
  const Attributes attributes = {.momentum = momentum, .epsilon = epsilon};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, gain, bias, mean, variance}, N_INPUTS, &attributes, NULL);
}
