/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/attention.h"

#include <omp.h>

#include "engine/autograd/functions/attention-private.h"
#include "engine/error.h"
#include "engine/kernels/attention.h"

#define ALIGNMENT (64 / sizeof (float))

static gsize
align (gsize count)
{
  return (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static gsize
head_dim_of (const TnCall *call)
{
  return call->input_infos[0].shape.dims[1] / ((const TnAttentionShape *) call->attributes)->n_head;
}

static gboolean
check_rows (const TnInference *inference, const TnAttentionShape *shape, GError **error)
{
  const TnShape *q = &inference->inputs[0].shape;
  g_autofree char *text = tn_shape_to_string (q);

  if (shape->n_head == 0 || shape->n_head_kv == 0 || shape->n_head % shape->n_head_kv != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "%u heads with %u key/value heads, expected a multiple", shape->n_head,
                   shape->n_head_kv);
      return FALSE;
    }
  if (shape->length > 0 && q->dims[0] % shape->length == 0 && q->dims[1] > 0 && q->dims[1] % shape->n_head == 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "q is %s, expected whole sequences of %u tokens and %u heads", text,
               shape->length, shape->n_head);
  return FALSE;
}

static gboolean
infer (TnInference *inference, GError **error)
{
  const TnAttentionShape *shape = inference->attributes;
  const TnShape *q = &inference->inputs[0].shape;
  TnShape kv;
  gsize head_dim;

  for (guint i = 0; i < 3; i++)
    if (!tn_inference_check_kind (inference, i, (const char *[]){"q", "k", "v"}[i], TN_VALUE_FLOAT, error))
      return FALSE;
  if (!tn_inference_check_dims (inference, 0, "q", 2, error) || !check_rows (inference, shape, error))
    return FALSE;
  head_dim = q->dims[1] / shape->n_head;
  kv = TN_SHAPE (q->dims[0], shape->n_head_kv * head_dim);
  if (!tn_inference_check_shape (inference, 1, "k", &kv, error) || !tn_inference_check_shape (inference, 2, "v", &kv, error) ||
      (inference->n_inputs > 3 && !tn_rope_check_tables (inference, 3, shape->length, head_dim, error)))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = *q;
  inference->reads_inputs = (1u << inference->n_inputs) - 1;
  if (inference->dtype == TN_DTYPE_F32)
    {
      inference->forward_scratch_bytes =
          inference->threads * align (tn_attention_head_count (shape->length, head_dim)) * sizeof (float);
      inference->backward_scratch_bytes =
          inference->threads * align (tn_attention_gradient_count (shape->length, head_dim)) * sizeof (float);
    }
  else
    tn_attention_reference_infer (inference);
  return TRUE;
}

static TnAttentionHead
get_head (const TnCall *call, gsize sequence, gsize head, gsize count)
{
  const TnAttentionShape *shape = call->attributes;
  gsize head_dim = head_dim_of (call), row = sequence * shape->length, head_kv = head / (shape->n_head / shape->n_head_kv);
  gsize q_stride = shape->n_head * head_dim, kv_stride = shape->n_head_kv * head_dim;
  gsize place_kv = row * kv_stride + head_kv * head_dim;
  gboolean rotated = call->n_inputs > 3;

  return (TnAttentionHead){
      .length = shape->length,
      .head_dim = head_dim,
      .q_stride = q_stride,
      .kv_stride = kv_stride,
      .rope_dim = rotated ? 2 * call->input_infos[3].shape.dims[1] : 0,
      .rope_layout = shape->rope_layout,
      .cosines = rotated ? call->inputs[3] : NULL,
      .sines = rotated ? call->inputs[4] : NULL,
      .q = (const float *) call->inputs[0] + row * q_stride + head * head_dim,
      .k = (const float *) call->inputs[1] + place_kv,
      .v = (const float *) call->inputs[2] + place_kv,
      .scratch = (float *) call->scratch + (gsize) omp_get_thread_num () * align (count),
  };
}

static void
forward (const TnCall *call)
{
  const TnAttentionShape *shape = call->attributes;
  gsize head_dim = head_dim_of (call), count = tn_attention_head_count (shape->length, head_dim);
  gint64 n_items = (gint64) (call->input_infos[0].shape.dims[0] / shape->length * shape->n_head);

  if (call->dtype == TN_DTYPE_F64)
    {
      tn_attention_reference_forward (call);
      return;
    }
#pragma omp parallel for schedule(dynamic) num_threads((int) call->threads)
  for (gint64 item = 0; item < n_items; item++)
    {
      TnAttentionHead head = get_head (call, (gsize) item / shape->n_head, (gsize) item % shape->n_head, count);

      tn_attention_head (&head, (float *) call->outputs[0] + (head.q - (const float *) call->inputs[0]));
    }
}

/* The place in a gradient that belongs to a place in its input. */
static float *
gradient_place (const TnCall *call, guint i, const float *place)
{
  return call->input_gradients[i] != NULL ? (float *) call->input_gradients[i] + (place - (const float *) call->inputs[i]) : NULL;
}

/* A key/value head with all that reads it belongs to one thread, so its sums have one order. */
static void
backward (const TnCall *call)
{
  const TnAttentionShape *shape = call->attributes;
  gsize head_dim = head_dim_of (call), count = tn_attention_gradient_count (shape->length, head_dim);
  guint group = shape->n_head / shape->n_head_kv;
  gint64 n_items = (gint64) (call->input_infos[0].shape.dims[0] / shape->length * shape->n_head_kv);

  if (call->dtype == TN_DTYPE_F64)
    {
      tn_attention_reference_backward (call);
      return;
    }
#pragma omp parallel for schedule(dynamic) num_threads((int) call->threads)
  for (gint64 item = 0; item < n_items; item++)
    {
      TnAttentionGradient gradient = {
          .head = get_head (call, (gsize) item / shape->n_head_kv, (gsize) item % shape->n_head_kv * group, count),
          .n_queries = group,
          .q_adds = call->adds[0],
          .k_adds = call->adds[1],
          .v_adds = call->adds[2],
      };

      gradient.out_gradient = (const float *) call->output_gradients[0] + (gradient.head.q - (const float *) call->inputs[0]);
      gradient.q_gradient = gradient_place (call, 0, gradient.head.q);
      gradient.k_gradient = gradient_place (call, 1, gradient.head.k);
      gradient.v_gradient = gradient_place (call, 2, gradient.head.v);
      tn_attention_gradient (&gradient);
    }
}

TnValue *
tn_tape_attention (TnTape *tape, TnValue *q, TnValue *k, TnValue *v, TnValue *cosines, TnValue *sines,
                   const TnAttentionShape *shape)
{
  static const TnFunction function = {.name = "attention",
                                      .attribute_bytes = sizeof (TnAttentionShape),
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){q, k, v, cosines, sines}, cosines != NULL ? 5 : 3, shape, NULL);
}
