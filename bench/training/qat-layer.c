/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bench/training/training.h"
#include "engine/autograd/functions/bit-linear.h"
#include "engine/autograd/functions/linear.h"
#include "engine/autograd/functions/quantize-rows.h"
#include "engine/autograd/functions/quantize.h"
#include "engine/autograd/functions/rms-norm.h"
#include "engine/autograd/functions/ternarize.h"
#include "engine/random.h"

/* Forward and backward of the layers of the model of 17 million parameters, each behind its norm, 1024 tokens: in fp32, with fake
 * quantization, and on packed numbers with each kind of backward product; and how near gradients come to those of fp32;
 * and what counting takes beside. */

#define TOKENS 1024
#define TURNS 25
#define EPSILON 1e-5

static const gsize layers[][2] = {{512, 512}, {1376, 512}, {512, 1376}};
#define LAYERS G_N_ELEMENTS (layers)

typedef enum
{
  FP32,
  FAKE,
  PACKED_FP32,
  PACKED_BF16,
  PACKED_MIXED,
  PACKED_INT8,
  PACKED_COUNTED,
  FAKE_COUNTED,
  FAKE_LSQ,
  FAKE_SOFT,
  FAKE_TRUST,
  N_WAYS
} Way;

static const TnBackward of_input[N_WAYS] = {[PACKED_BF16] = TN_BACKWARD_BF16,
                                            [PACKED_MIXED] = TN_BACKWARD_INT8,
                                            [PACKED_INT8] = TN_BACKWARD_INT8,
                                            [PACKED_COUNTED] = TN_BACKWARD_INT8};
static const TnBackward of_weight[N_WAYS] =
    {[PACKED_BF16] = TN_BACKWARD_BF16, [PACKED_INT8] = TN_BACKWARD_INT8, [PACKED_COUNTED] = TN_BACKWARD_INT8};

/* A layer's gradient is given: the loss is 0, and costs nothing. */
static gboolean
infer_given (TnInference *inference, GError **error)
{
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->reads_inputs = 2;
  return tn_inference_check_shape (inference, 1, "gradient", &inference->inputs[0].shape, error);
}

static void
given_forward (const TnCall *call)
{
  *(float *) call->outputs[0] = 0.0f;
}

static void
given_backward (const TnCall *call)
{
  memcpy (call->input_gradients[0], call->inputs[1], tn_shape_count (&call->input_infos[0].shape) * sizeof (float));
}

static TnValue *
give_gradient (TnTape *tape, TnValue *y, TnValue *gradient)
{
  static const TnFunction function = {.name = "given gradient",
                                      .infer = infer_given,
                                      .forward = given_forward,
                                      .backward = given_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){y, gradient}, 2, NULL, NULL);
}

typedef struct
{
  TnTape *tape;
  TnVariable *x, *gain, *w;
  TnVariable *scale;       /* of lsq and soft */
  TnQuantizerState *state; /* NULL: nothing is counted */
} Layer;

static TnVariable *
make_variable (const char *name, const TnShape *shape, double deviation, double mean)
{
  g_autoptr (GError) error = NULL;
  TnVariable *variable = tn_variable_new (name, TN_ROLE_MATRIX, TN_DTYPE_F32, shape, &error);
  TnRandom random = tn_random_stream (3, name);

  if (variable == NULL)
    g_error ("%s", error->message);
  for (gsize i = 0; i < variable->count; i++)
    ((float *) variable->data)[i] = (float) (mean + deviation * tn_random_normal (&random));
  return variable;
}

static TnEstimator
get_estimator (Way way)
{
  switch (way)
    {
    case FAKE_LSQ:
      return TN_ESTIMATOR_LSQ;
    case FAKE_SOFT:
      return TN_ESTIMATOR_SOFT;
    case FAKE_TRUST:
      return TN_ESTIMATOR_TRUST;
    default:
      return TN_ESTIMATOR_IDENTITY;
    }
}

static TnValue *
record_fake (TnTape *tape, Way way, const Layer *layer, TnValue *normed)
{
  static const float temperature = 0.3f;
  TnQuantizeOptions weights = {.scheme = {.kind = TN_SCHEME_TERNARY}, .estimator = get_estimator (way), .state = layer->state};
  TnQuantizeOptions rows = {.scheme = {.kind = TN_SCHEME_INTEGER, .bits = 8, .granularity = TN_PER_TOKEN}};
  TnValue *scale = way == FAKE_LSQ || way == FAKE_SOFT ? tn_tape_variable (tape, layer->scale) : NULL;

  if (way == FAKE_SOFT)
    weights.temperature = tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (1), &temperature);
  return tn_tape_linear (tape, tn_tape_quantize_activation (tape, normed, NULL, &rows),
                         tn_tape_quantize_weight (tape, tn_tape_variable (tape, layer->w), scale, &weights), NULL);
}

static TnValue *
record (TnTape *tape, Way way, const Layer *layer)
{
  const TnBitLinearOptions options = {of_input[way], of_weight[way], 1};
  TnValue *x = tn_tape_variable (tape, layer->x), *gain = tn_tape_variable (tape, layer->gain),
          *w = tn_tape_variable (tape, layer->w);

  if (way == FP32)
    return tn_tape_linear (tape, tn_tape_rms_norm (tape, x, gain, EPSILON), w, NULL);
  if (way == FAKE || way >= FAKE_COUNTED)
    return record_fake (tape, way, layer, tn_tape_rms_norm (tape, x, gain, EPSILON));
  return tn_tape_bit_linear (tape, tn_tape_quantize_rows (tape, x, gain, EPSILON, NULL),
                             tn_tape_ternarize (tape, w, NULL, layer->state), &options);
}

static void
make_layer (Layer *self, Way way, gsize out, gsize in)
{
  g_autoptr (TnVariable) gradient = make_variable ("gradient", &TN_SHAPE (TOKENS, out), 1e-3, 0.0);
  g_autoptr (GError) error = NULL;
  TnValue *given, *y;

  self->tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  self->x = make_variable ("x", &TN_SHAPE (TOKENS, in), 1.0, 0.0);
  self->gain = make_variable ("gain", &TN_SHAPE (in), 0.1, 1.0);
  self->w = make_variable ("w", &TN_SHAPE (out, in), 0.04, 0.0);
  self->scale = make_variable ("scale", &TN_SHAPE (1), 0.0, 0.05);
  self->state = way == FAKE_COUNTED || way == PACKED_COUNTED ? tn_quantizer_state_new (self->w->count, TRUE) : NULL;
  given = tn_tape_constant (self->tape, TN_VALUE_FLOAT, &gradient->shape, gradient->data);
  y = record (self->tape, way, self);
  if (!tn_tape_plan (self->tape, give_gradient (self->tape, y, given), &error) || !tn_tape_allocate (self->tape, &error))
    g_error ("%s", error->message);
}

static void
clear_layer (Layer *self)
{
  tn_tape_free (self->tape);
  tn_variable_unref (self->x);
  tn_variable_unref (self->gain);
  tn_variable_unref (self->w);
  tn_variable_unref (self->scale);
  g_clear_pointer (&self->state, tn_quantizer_state_free);
}

static double
run (Layer *ways, guint step)
{
  double start = tn_time_now ();

  for (guint i = 0; i < LAYERS; i++)
    {
      tn_tape_set_step (ways[i].tape, step);
      tn_tape_forward (ways[i].tape, NULL, NULL);
      tn_tape_backward (ways[i].tape, 1.0, FALSE, NULL, NULL);
    }
  return tn_time_now () - start;
}

static double
find_cosine (const Layer *a, const Layer *b, gboolean of_weights)
{
  double product = 0.0, left = 0.0, right = 0.0;

  for (guint i = 0; i < LAYERS; i++)
    {
      const TnVariable *one = of_weights ? a[i].w : a[i].x, *two = of_weights ? b[i].w : b[i].x;

      for (gsize k = 0; k < one->count; k++)
        {
          double p = (double) ((const float *) one->gradient)[k], q = (double) ((const float *) two->gradient)[k];

          product += p * q;
          left += p * p;
          right += q * q;
        }
    }
  return product / sqrt (left * right);
}

void
tn_bench_qat_layer (TnBench *bench)
{
  /* Each beside another way in the same turn. */
  static const struct
  {
    const char *name;
    Way base;
    double target;
  } figures[N_WAYS] = {[FAKE] = {"qat_layer_fake_over_fp32", FP32, 1.2},
                       [PACKED_FP32] = {"qat_layer_packed_fp32_over_fp32", FP32, NAN},
                       [PACKED_BF16] = {"qat_layer_packed_bf16_over_fp32", FP32, NAN},
                       [PACKED_MIXED] = {"qat_layer_packed_mixed_over_fp32", FP32, NAN},
                       [PACKED_INT8] = {"qat_layer_packed_int8_over_fp32", FP32, 0.7},
                       [PACKED_COUNTED] = {"qat_layer_packed_int8_counting", PACKED_INT8, NAN},
                       [FAKE_COUNTED] = {"qat_layer_fake_counting", FAKE, NAN},
                       [FAKE_LSQ] = {"qat_layer_lsq_over_fp32", FP32, 1.2},
                       [FAKE_SOFT] = {"qat_layer_soft_over_fp32", FP32, NAN},
                       [FAKE_TRUST] = {"qat_layer_trust_over_fp32", FP32, 1.2}};
  Layer ways[N_WAYS][LAYERS];
  TnSamples samples[N_WAYS] = {{.n = 0}};

  for (guint way = 0; way < N_WAYS; way++)
    for (guint i = 0; i < LAYERS; i++)
      make_layer (&ways[way][i], (Way) way, layers[i][0], layers[i][1]);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double seconds[N_WAYS];

      for (guint way = 0; way < N_WAYS; way++)
        {
          seconds[way] = run (ways[way], turn);
          tn_samples_add (&samples[way], way == FP32 ? seconds[FP32] : seconds[way] / seconds[figures[way].base]);
        }
    }
  tn_bench_add (bench, "qat_layer_fp32_ms", 1e3 * tn_samples_median (&samples[FP32]), 1e3 * tn_samples_min (&samples[FP32]), "ms",
                TN_GOAL_NONE, NAN, NAN);
  for (guint way = 1; way < N_WAYS; way++)
    tn_bench_add (bench, figures[way].name, tn_samples_median (&samples[way]), tn_samples_min (&samples[way]), "",
                  isnan (figures[way].target) ? TN_GOAL_NONE : TN_GOAL_AT_MOST, figures[way].target, NAN);
  for (guint i = 0; i < 2; i++)
    {
      double bf16 = find_cosine (ways[PACKED_BF16], ways[FAKE], i == 1),
             int8 = find_cosine (ways[PACKED_INT8], ways[FAKE], i == 1);

      tn_bench_add (bench, i == 1 ? "qat_layer_bf16_weight_cosine" : "qat_layer_bf16_input_cosine", bf16, bf16, "", TN_GOAL_NONE,
                    NAN, 1.0);
      tn_bench_add (bench, i == 1 ? "qat_layer_int8_weight_cosine" : "qat_layer_int8_input_cosine", int8, int8, "", TN_GOAL_NONE,
                    NAN, 1.0);
    }
  for (guint way = 0; way < N_WAYS; way++)
    for (guint i = 0; i < LAYERS; i++)
      clear_layer (&ways[way][i]);
}
