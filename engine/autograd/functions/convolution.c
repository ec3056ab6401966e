/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/convolution-private.h"
#include "engine/autograd/functions/convolution.h"
#include "engine/autograd/functions/real.h"
#include "engine/error.h"

static Convolution
get_convolution (const TnWindow *window, const TnValueInfo *inputs)
{
  Convolution self = {.window = *window, .sizes = tn_window_get_sizes (window, &inputs[0].shape), .out = inputs[1].shape.dims[0]};

  self.depth = self.sizes.channels * window->size[0] * window->size[1];
  return self;
}

static gboolean
check_weight (const TnInference *inference, const TnWindow *window, GError **error)
{
  gsize channels = inference->inputs[0].shape.dims[1];
  const TnShape *weight = &inference->inputs[1].shape;
  TnShape expected = TN_SHAPE (weight->dims[0], channels, window->size[0], window->size[1]);

  if (!tn_inference_check_kind (inference, 1, "weight", TN_VALUE_FLOAT, error))
    return FALSE;
  if (weight->n_dims == 2)
    expected = TN_SHAPE (weight->dims[0], channels * window->size[0] * window->size[1]);
  return tn_inference_check_shape (inference, 1, "weight", &expected, error) &&
         (inference->n_inputs < 3 || (tn_inference_check_kind (inference, 2, "bias", TN_VALUE_FLOAT, error) &&
                                      tn_inference_check_shape (inference, 2, "bias", &TN_SHAPE (weight->dims[0]), error)));
}

static gboolean
infer (TnInference *inference, GError **error)
{
  const TnWindow *window = inference->attributes;
  Convolution self;

  if (!tn_window_check (window, inference, error) || !check_weight (inference, window, error))
    return FALSE;
  self = get_convolution (window, inference->inputs);
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE (self.sizes.n, self.out, self.sizes.out[0], self.sizes.out[1]);
  inference->reads_inputs = 1 << 0 | 1 << 1;
  if (inference->dtype != TN_DTYPE_F32)
    return TRUE;
  inference->forward_scratch_bytes = tn_convolution_forward_scratch (&self, inference->threads);
  inference->backward_scratch_bytes = tn_convolution_backward_scratch (&self, inference->threads);
  return TRUE;
}

/* Calls visit for every product: element x_index of x times weight_index of the weight belongs to y_index. */
typedef void (*VisitFunc) (const TnCall *call, gsize y_index, gsize x_index, gsize weight_index);

static void
visit_window (const TnCall *call, const Convolution *self, gsize image, gsize o, gsize i, gsize j, VisitFunc visit)
{
  const TnWindowSizes *sizes = &self->sizes;
  TnWindowSpan rows = tn_window_span (&self->window, sizes, 0, i), columns = tn_window_span (&self->window, sizes, 1, j);
  gsize y_index = ((image * self->out + o) * sizes->out[0] + i) * sizes->out[1] + j;

  for (gsize c = 0; c < sizes->channels; c++)
    for (gsize u = 0; u < rows.n; u++)
      for (gsize v = 0; v < columns.n; v++)
        visit (call, y_index, ((image * sizes->channels + c) * sizes->in[0] + rows.first + u) * sizes->in[1] + columns.first + v,
               ((o * sizes->channels + c) * self->window.size[0] + rows.offset + u) * self->window.size[1] + columns.offset + v);
}

static void
visit_all (const TnCall *call, const Convolution *self, VisitFunc visit)
{
  for (gsize image = 0; image < self->sizes.n; image++)
    for (gsize o = 0; o < self->out; o++)
      for (gsize i = 0; i < self->sizes.out[0]; i++)
        for (gsize j = 0; j < self->sizes.out[1]; j++)
          visit_window (call, self, image, o, i, j, visit);
}

static void
visit_forward (const TnCall *call, gsize y_index, gsize x_index, gsize weight_index)
{
  ((double *) call->outputs[0])[y_index] +=
      ((const double *) call->inputs[0])[x_index] * ((const double *) call->inputs[1])[weight_index];
}

static void
visit_backward (const TnCall *call, gsize y_index, gsize x_index, gsize weight_index)
{
  double dy = ((const double *) call->output_gradients[0])[y_index];

  if (call->input_gradients[0] != NULL)
    ((double *) call->input_gradients[0])[x_index] += dy * ((const double *) call->inputs[1])[weight_index];
  if (call->input_gradients[1] != NULL)
    ((double *) call->input_gradients[1])[weight_index] += dy * ((const double *) call->inputs[0])[x_index];
}

static void
forward (const TnCall *call)
{
  Convolution self = get_convolution (call->attributes, call->input_infos);
  gsize positions = self.sizes.out[0] * self.sizes.out[1];

  if (call->dtype == TN_DTYPE_F32)
    {
      tn_convolution_forward (&self, call);
      return;
    }
  for (gsize i = 0; i < self.sizes.n * self.out * positions; i++)
    ((double *) call->outputs[0])[i] = call->n_inputs > 2 ? ((const double *) call->inputs[2])[i / positions % self.out] : 0.0;
  visit_all (call, &self, visit_forward);
}

/* dbias, each sum in the order of the images. */
static void
sum_bias (const TnCall *call, const Convolution *self)
{
  gsize positions = self->sizes.out[0] * self->sizes.out[1];
  gboolean adds = call->adds[2], wide = call->dtype == TN_DTYPE_F64;

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gsize o = 0; o < self->out; o++)
    {
      double sum = 0.0;

      for (gsize image = 0; image < self->sizes.n; image++)
        for (gsize i = 0; i < positions; i++)
          {
            gsize place = (image * self->out + o) * positions + i;

            sum += wide ? ((const double *) call->output_gradients[0])[place]
                        : (double) ((const float *) call->output_gradients[0])[place];
          }
      if (wide)
        TN_PUT (adds, ((double *) call->input_gradients[2])[o], sum);
      else
        TN_PUT (adds, ((float *) call->input_gradients[2])[o], (float) sum);
    }
}

static void
backward (const TnCall *call)
{
  Convolution self = get_convolution (call->attributes, call->input_infos);

  if (call->n_inputs > 2 && call->input_gradients[2] != NULL)
    sum_bias (call, &self);
  if (call->dtype == TN_DTYPE_F32)
    {
      tn_convolution_backward (&self, call);
      return;
    }
  for (guint k = 0; k < 2; k++)
    for (gsize i = 0; call->input_gradients[k] != NULL && !call->adds[k] && i < tn_shape_count (&call->input_infos[k].shape); i++)
      ((double *) call->input_gradients[k])[i] = 0.0;
  visit_all (call, &self, visit_backward);
}

TnValue *
tn_tape_conv2d (TnTape *tape, TnValue *x, TnValue *weight, TnValue *bias, const TnWindow *window)
{
  static const TnFunction function = {.name = "conv2d",
                                      .attribute_bytes = sizeof (TnWindow),
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, weight, bias}, bias != NULL ? 3 : 2, window, NULL);
}
