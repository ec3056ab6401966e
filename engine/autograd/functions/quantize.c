/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/quantize.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/autograd/estimators/quantizer-count.h"
#include "engine/autograd/estimators/quantizer-unit.h"
#include "engine/autograd/functions/real.h"
#include "engine/error.h"
#include "engine/kernels/row-quantize.h"
#include "engine/quant/rounding-search.h"
#include "engine/tensor/scan.h"

#define LARGEST_INT8 127
#define INT8_FLOOR 1e-5
/* A tensor of one scale goes in blocks of so many; else a unit is one. */
#define BLOCK ((gsize) 16384)
#define ABSENT 0

/* Inputs behind x; ABSENT: there is none. */
typedef struct
{
  TnScheme scheme;
  TnEstimator estimator;
  double gradient_scale;
  TnQuantizerState *state;
  guint scale, offset, lambda, temperature;
  gboolean int8_rows; /* the arithmetic of BitNet's activations */
  gboolean of_activations;
  gboolean tells_scales;
} Attributes;

/* Of a block: gradients of scale and offset. */
typedef struct
{
  double parts[2];
} Sums;

typedef struct
{
  TnQuantizerCounts counts;
  double scale;
} BlockCounts;

/* How the elements of a call are cut. */
typedef struct
{
  const Attributes *attributes;
  const TnCall *call;
  gsize count, unit, n_units;
  gsize block, n_blocks;
  gboolean of_tensor; /* one unit */
  gboolean counts;
  TnRounding rounding; /* of the tensor, where it is found */
  TnQuantizerUnit one; /* of the tensor */
  float lambda;
  double wide_lambda, temperature;
  TnElementRule rule;
} Pass;

static void
cut (Pass *self, const TnScheme *scheme, const TnShape *shape)
{
  self->count = tn_shape_count (shape);
  self->of_tensor = scheme->granularity == TN_PER_TENSOR;
  self->unit = tn_estimator_get_unit (scheme, tn_shape_rows (shape), tn_shape_columns (shape));
  self->n_units = self->of_tensor ? 1 : self->count / self->unit;
  self->block = self->of_tensor ? BLOCK : self->unit;
  self->n_blocks = (self->count + self->block - 1) / self->block;
}

static double
read_number (const TnCall *call, guint input, gsize i)
{
  return call->dtype == TN_DTYPE_F64 ? ((const double *) call->inputs[input])[i]
                                     : (double) ((const float *) call->inputs[input])[i];
}

static void
begin (Pass *self, const TnCall *call)
{
  const Attributes *attributes = call->attributes;

  *self = (Pass){.attributes = attributes, .call = call};
  cut (self, &attributes->scheme, &call->input_infos[0].shape);
  self->wide_lambda = attributes->lambda != ABSENT ? read_number (call, attributes->lambda, 0) : 1.0;
  self->lambda = (float) self->wide_lambda;
  self->temperature = attributes->temperature != ABSENT ? read_number (call, attributes->temperature, 0) : 0.0;
  self->rule = tn_quantizer_rule (attributes->estimator, &attributes->scheme, attributes->scale != ABSENT, self->temperature);
}

/* Scratch of the forward pass: sums of the blocks, or all of the elements in float32; then a unit of each thread. */
static gsize
get_room (const Pass *self, TnDtype dtype)
{
  gsize bytes =
      MAX (self->n_blocks * sizeof (BlockCounts), self->of_tensor && dtype == TN_DTYPE_F64 ? self->count * sizeof (float) : 0);

  return (bytes + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT;
}

static gsize
get_thread_room (const Pass *self)
{
  return self->of_tensor ? 0 : (self->unit * sizeof (float) + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT;
}

static gboolean
check_one (const TnInference *inference, guint i, const char *name, GError **error)
{
  if (i == ABSENT || tn_shape_count (&inference->inputs[i].shape) == 1)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "%s has %zu elements, expected 1", name,
               tn_shape_count (&inference->inputs[i].shape));
  return FALSE;
}

static gboolean
infer_quantize (TnInference *inference, GError **error)
{
  const Attributes *attributes = inference->attributes;
  const TnShape *shape = &inference->inputs[0].shape;
  gboolean passes = attributes->estimator == TN_ESTIMATOR_IDENTITY;
  gsize columns = tn_shape_columns (shape);
  Pass pass = {0};
  TnShape units;

  for (guint i = 0; i < inference->n_inputs; i++)
    if (!tn_inference_check_kind (inference, i, i == 0 ? "x" : "a parameter", TN_VALUE_FLOAT, error))
      return FALSE;
  if (!tn_estimator_check (attributes->estimator, &attributes->scheme, attributes->of_activations, tn_shape_rows (shape), columns,
                           error))
    return FALSE;
  cut (&pass, &attributes->scheme, shape);
  units = TN_SHAPE (pass.n_units);
  if ((attributes->scale != ABSENT && !tn_inference_check_shape (inference, attributes->scale, "scale", &units, error)) ||
      (attributes->offset != ABSENT && !tn_inference_check_shape (inference, attributes->offset, "offset", &units, error)) ||
      !check_one (inference, attributes->lambda, "lambda", error) ||
      !check_one (inference, attributes->temperature, "temperature", error))
    return FALSE;
  inference->n_outputs = attributes->tells_scales ? 2 : 1;
  inference->outputs[0].shape = *shape;
  inference->outputs[1].shape = attributes->tells_scales ? units : TN_SHAPE_SCALAR;
  inference->forward_scratch_bytes = get_room (&pass, inference->dtype) + (gsize) inference->threads * get_thread_room (&pass);
  if (passes)
    return TRUE;
  inference->reads_inputs = (1u << inference->n_inputs) - 1;
  inference->saved_bytes = attributes->scale == ABSENT ? pass.n_units * sizeof (TnQuantizerUnit) : 0;
  inference->backward_scratch_bytes = pass.n_blocks * sizeof (Sums);
  return TRUE;
}

static double
find_rms (const TnCall *call, const void *x, gsize n)
{
  double squares = 0.0;
  guint64 finite = 0;

  if (call->dtype == TN_DTYPE_F32)
    squares = tn_scan_squares (x, n, &finite);
  else
    for (finite = 0; finite < n; finite++)
      squares += ((const double *) x)[finite] * ((const double *) x)[finite];
  return finite > 0 ? sqrt (squares / (double) finite) : 0.0;
}

static const float *
narrow (const TnCall *call, const void *x, gsize n, float *room)
{
  if (call->dtype == TN_DTYPE_F32)
    return x;
  for (gsize i = 0; i < n; i++)
    room[i] = (float) ((const double *) x)[i];
  return room;
}

/* The scale of a matrix goes over it in the blocks that tn_bit_linear_from_float() has. */
static TnRounding
find_rounding_of_tensor (const Pass *self)
{
  const float *x = narrow (self->call, self->call->inputs[0], self->count, self->call->scratch);
  const TnScheme *scheme = &self->attributes->scheme;
  const TnTensor tensor = {.dtype = TN_DTYPE_F32,
                           .n_dims = 1,
                           .shape = {self->count},
                           .count = self->count,
                           .bytes = self->count * sizeof (float),
                           .data = x};
  TnRounding rounding;

  if (!tn_rounding_find_in_tensor (&tensor, 0, self->count, NULL, &scheme, 1, &rounding, NULL, NULL))
    rounding = (TnRounding){.scale = NAN, .threshold = NAN};
  return rounding;
}

/* Sums of the blocks, folded in their order. */
static double
find_rms_of_tensor (const Pass *self)
{
  Sums *sums = self->call->scratch;
  double sum = 0.0;

#pragma omp parallel for schedule(static) num_threads((int) self->call->threads) if (self->count >= TN_PARALLEL_ELEMENTS)
  for (gsize i = 0; i < self->n_blocks; i++)
    {
      gsize n = MIN (self->block, self->count - i * self->block);
      const char *x = (const char *) self->call->inputs[0] + i * self->block * tn_real_bytes (self->call->dtype);
      double rms = find_rms (self->call, x, n);

      sums[i].parts[0] = rms * rms * (double) n;
    }
  for (gsize i = 0; i < self->n_blocks; i++)
    sum += sums[i].parts[0];
  return self->count > 0 ? sqrt (sum / (double) self->count) : 0.0;
}

/* Of scale and offset that are given. */
static void
make_given (const Pass *self, gsize index, TnQuantizerUnit *unit)
{
  const Attributes *attributes = self->attributes;
  double scale = read_number (self->call, attributes->scale, index);
  double offset = attributes->offset != ABSENT ? read_number (self->call, attributes->offset, index) : 0.0;

  tn_quantizer_unit_init (unit, attributes->estimator, &attributes->scheme,
                          &(TnUnitSource){.scale = &scale, .offset = offset, .temperature = self->temperature});
}

static void
make_found (const Pass *self, const TnRounding *rounding, double rms, TnQuantizerUnit *unit)
{
  tn_quantizer_unit_init (unit, self->attributes->estimator, &self->attributes->scheme,
                          &(TnUnitSource){.rounding = rounding, .rms = rms, .temperature = self->temperature});
}

static void
find_of_tensor (Pass *self)
{
  if (self->attributes->scale != ABSENT)
    make_given (self, 0, &self->one);
  else if (self->attributes->estimator == TN_ESTIMATOR_TRUST)
    make_found (self, NULL, find_rms_of_tensor (self), &self->one);
  else
    {
      self->rounding = find_rounding_of_tensor (self);
      make_found (self, &self->rounding, 0.0, &self->one);
    }
}

/* Of float64, or where only the scale is wanted. */
static TnRounding
find_int8_row (const double *x, gsize n)
{
  double absmax = INT8_FLOOR;

  for (gsize i = 0; i < n; i++)
    absmax = MAX (absmax, fabs (x[i]));
  return (TnRounding){.integer = TRUE, .scale = (float) (absmax / LARGEST_INT8), .low = -LARGEST_INT8, .high = LARGEST_INT8};
}

static float *
get_thread_memory (const Pass *self)
{
  return (float *) (void *) ((char *) self->call->scratch + get_room (self, self->call->dtype) +
                             (gsize) omp_get_thread_num () * get_thread_room (self));
}

static void
find_unit (const Pass *self, gsize index, const void *x, TnRounding *rounding, TnQuantizerUnit *unit)
{
  const Attributes *attributes = self->attributes;

  *rounding = (TnRounding){0};
  if (attributes->scale != ABSENT)
    make_given (self, index, unit);
  else if (attributes->estimator == TN_ESTIMATOR_TRUST)
    make_found (self, NULL, find_rms (self->call, x, self->unit), unit);
  else
    {
      if (attributes->int8_rows)
        *rounding = find_int8_row (x, self->unit);
      else
        *rounding =
            tn_rounding_find (&attributes->scheme, narrow (self->call, x, self->unit, get_thread_memory (self)), self->unit);
      make_found (self, rounding, 0.0, unit);
    }
}

/* rounding: its scale is 0 where none was found. */
static void
round_block (const Pass *self, const TnRounding *rounding, const TnQuantizerUnit *unit, float lambda, const float *x, gsize n,
             float *y)
{
  gboolean found = self->attributes->scale == ABSENT && self->attributes->estimator != TN_ESTIMATOR_TRUST;

  if (found && self->rule != TN_RULE_OF_SOFT && lambda == 1.0f)
    tn_rounding_round (rounding, x, n, y);
  else
    tn_elements_forward_f32 (self->rule, unit, lambda, x, n, y);
}

/* n <= TN_QUANTIZER_COUNT_PIECE elements, the first of them element `first` of all. */
static void
count_piece (const Pass *self, const TnQuantizerUnit *unit, const float *x, const float *q, gsize first, gsize n,
             TnQuantizerCounts *counts)
{
  gint16 *previous = self->attributes->state->previous;
  double zero = tn_quantizer_unit_code (unit, self->rule, 0.0), step = tn_quantizer_unit_code (unit, self->rule, 1.0) - zero;
  double bottom, top;

  tn_quantizer_unit_ends (unit, self->rule, &bottom, &top);
  tn_quantizer_count (x, q, n, (float) bottom, (float) top, (float) step, (float) zero,
                      previous != NULL ? previous + first : NULL, counts);
}

static double
get_level_distance (const Pass *self, const TnQuantizerUnit *unit)
{
  return 1.0 / (tn_quantizer_unit_code (unit, self->rule, 1.0) - tn_quantizer_unit_code (unit, self->rule, 0.0));
}

static void
begin_counts (const Pass *self, const TnQuantizerUnit *unit, BlockCounts *counts)
{
  *counts = (BlockCounts){.scale = get_level_distance (self, unit)};
}

static void
count_block (const Pass *self, const TnRounding *rounding, const TnQuantizerUnit *unit, const float *x, gsize first, gsize n,
             BlockCounts *counts)
{
  begin_counts (self, unit, counts);
  for (gsize i = 0, m; i < n; i += m)
    {
      float q[TN_QUANTIZER_COUNT_PIECE];

      m = MIN (TN_QUANTIZER_COUNT_PIECE, n - i);
      round_block (self, rounding, unit, 1.0f, x + i, m, q);
      count_piece (self, unit, x + i, q, first + i, m, &counts->counts);
    }
}

/* The row of a token as BitNet has it. */
static void
round_int8_row (const Pass *self, gsize index, const float *x, float *y)
{
  TnRounding rounding = {.integer = TRUE, .low = -LARGEST_INT8, .high = LARGEST_INT8};
  gint8 *codes = (gint8 *) get_thread_memory (self);
  BlockCounts *counts = (BlockCounts *) self->call->scratch + index;
  TnQuantizerUnit unit;
  gint32 sum;

  tn_quantize_rows (x, self->unit, 1, self->unit, codes, self->unit, &rounding.scale, &sum);
  make_found (self, &rounding, 0.0, &unit);
  if (self->call->saved != NULL)
    ((TnQuantizerUnit *) self->call->saved)[index] = unit;
  if (self->counts)
    begin_counts (self, &unit, counts);
  for (gsize i = 0, m; i < self->unit; i += m)
    {
      float q[TN_QUANTIZER_COUNT_PIECE];

      m = MIN (TN_QUANTIZER_COUNT_PIECE, self->unit - i);
      for (gsize k = 0; k < m; k++)
        q[k] = (float) codes[i + k] * rounding.scale;
      if (self->counts)
        count_piece (self, &unit, x + i, q, index * self->unit + i, m, &counts->counts);
      for (gsize k = 0; k < m; k++)
        y[i + k] = self->lambda == 1.0f ? q[k] : x[i + k] + self->lambda * (q[k] - x[i + k]);
    }
}

static void
store_counts (const Pass *self)
{
  TnQuantizerState *state = self->attributes->state;
  const BlockCounts *blocks = self->call->scratch;
  guint64 flips = 0;

  for (gsize i = 0; i < self->n_blocks; i++)
    {
      state->zeros += blocks[i].counts.zeros;
      state->positives += blocks[i].counts.positives;
      state->saturated += blocks[i].counts.saturated;
      flips += blocks[i].counts.flips;
      state->square += blocks[i].counts.square;
      state->error_square += blocks[i].counts.error_square;
      state->scale += blocks[i].scale / (double) self->n_blocks;
    }
  state->flips = state->has_flips ? flips : 0;
}

static void
tell_scale (const Pass *self, gsize index, const TnQuantizerUnit *unit)
{
  if (!self->attributes->tells_scales)
    return;
  if (self->call->dtype == TN_DTYPE_F64)
    ((double *) self->call->outputs[1])[index] = get_level_distance (self, unit);
  else
    ((float *) self->call->outputs[1])[index] = (float) get_level_distance (self, unit);
}

static void
forward_block (const Pass *self, gsize index)
{
  const TnCall *call = self->call;
  gsize first = index * self->block, n = MIN (self->block, self->count - first);
  TnQuantizerUnit unit = self->one;
  TnRounding rounding = self->rounding;

  if (self->attributes->int8_rows && call->dtype == TN_DTYPE_F32)
    {
      round_int8_row (self, index, (const float *) call->inputs[0] + first, (float *) call->outputs[0] + first);
      return;
    }
  if (!self->of_tensor)
    {
      find_unit (self, index, (const char *) call->inputs[0] + first * tn_real_bytes (call->dtype), &rounding, &unit);
      tell_scale (self, index, &unit);
    }
  if (!self->of_tensor && call->saved != NULL)
    ((TnQuantizerUnit *) call->saved)[index] = unit;
  if (call->dtype == TN_DTYPE_F64)
    tn_elements_forward_f64 (self->rule, &unit, self->wide_lambda, (const double *) call->inputs[0] + first, n,
                             (double *) call->outputs[0] + first);
  else
    {
      const float *x = (const float *) call->inputs[0] + first;

      if (self->counts)
        count_block (self, &rounding, &unit, x, first, n, (BlockCounts *) call->scratch + index);
      round_block (self, &rounding, &unit, self->lambda, x, n, (float *) call->outputs[0] + first);
    }
}

static void
quantize_forward (const TnCall *call)
{
  Pass self;

  begin (&self, call);
  self.counts = call->dtype == TN_DTYPE_F32 && tn_quantizer_state_begin (self.attributes->state, call->step, call->again);
  if (self.of_tensor)
    {
      find_of_tensor (&self);
      tell_scale (&self, 0, &self.one);
      if (call->saved != NULL)
        *(TnQuantizerUnit *) call->saved = self.one;
    }
#pragma omp parallel for schedule(static) num_threads((int) call->threads) if (self.count >= TN_PARALLEL_ELEMENTS)
  for (gsize i = 0; i < self.n_blocks; i++)
    forward_block (&self, i);
  if (self.counts)
    store_counts (&self);
}

/* The elements of a block, and the sums of its unit's gradients. */
static void
backward_block (const Pass *self, gsize index, Sums *sums)
{
  const TnCall *call = self->call;
  gsize first = index * self->block, n = MIN (self->block, self->count - first);
  const TnQuantizerUnit *saved = call->saved;
  TnQuantizerUnit unit;

  if (self->attributes->scale != ABSENT)
    make_given (self, self->of_tensor ? 0 : index, &unit);
  else
    unit = saved[self->of_tensor ? 0 : index];
  *sums = (Sums){0};
  if (call->dtype == TN_DTYPE_F64)
    {
      double *dx = call->input_gradients[0];

      tn_elements_backward_f64 (self->rule, &unit, self->wide_lambda, (const double *) call->inputs[0] + first,
                                (const double *) call->output_gradients[0] + first, n, dx != NULL ? dx + first : NULL,
                                call->adds[0], sums->parts);
    }
  else
    {
      float *dx = call->input_gradients[0];

      tn_elements_backward_f32 (self->rule, &unit, self->lambda, (const float *) call->inputs[0] + first,
                                (const float *) call->output_gradients[0] + first, n, dx != NULL ? dx + first : NULL,
                                call->adds[0], sums->parts);
    }
}

/* r of the sources: the larger a tensor, the more elements push its scale. */
static double
get_gradient_scale (const Pass *self)
{
  const Attributes *attributes = self->attributes;
  gsize trained_by = attributes->of_activations ? tn_shape_columns (&self->call->input_infos[0].shape)
                                                : tn_shape_count (&self->call->input_infos[0].shape);
  TnQuantizerUnit unit;
  double one = 1.0, high;

  if (attributes->gradient_scale != 0.0)
    return attributes->gradient_scale;
  if (attributes->estimator == TN_ESTIMATOR_RANGE || attributes->estimator == TN_ESTIMATOR_SOFT)
    return 1.0;
  tn_quantizer_unit_init (&unit, attributes->estimator, &attributes->scheme, &(TnUnitSource){.scale = &one});
  high = attributes->estimator == TN_ESTIMATOR_SEQ ? 1.0 : unit.high;
  return 1.0 / sqrt ((double) MAX (trained_by, 1) * high);
}

static void
store_gradient (const Pass *self, guint input, guint part)
{
  const TnCall *call = self->call;
  const Sums *sums = call->scratch;
  double factor = get_gradient_scale (self) * self->wide_lambda;

  if (input == ABSENT || call->input_gradients[input] == NULL)
    return;
  for (gsize unit = 0; unit < self->n_units; unit++)
    {
      gsize first = self->of_tensor ? 0 : unit, n = self->of_tensor ? self->n_blocks : 1;
      double sum = 0.0;

      for (gsize i = first; i < first + n; i++)
        sum += sums[i].parts[part];
      if (call->dtype == TN_DTYPE_F64)
        TN_PUT (call->adds[input], ((double *) call->input_gradients[input])[unit], sum * factor);
      else
        TN_PUT (call->adds[input], ((float *) call->input_gradients[input])[unit], (float) (sum * factor));
    }
}

static void
quantize_backward (const TnCall *call)
{
  Pass self;

  /* The two gradients are one array, or a copy where something was added before. */
  if (((const Attributes *) call->attributes)->estimator == TN_ESTIMATOR_IDENTITY)
    {
      gboolean adds = call->adds[0];

      if (call->input_gradients[0] != NULL && call->input_gradients[0] != call->output_gradients[0])
        TN_FOR_ELEMENTS (call, tn_shape_count (&call->input_infos[0].shape),
                         TN_PUT (adds, ((REAL *) call->input_gradients[0])[i], ((const REAL *) call->output_gradients[0])[i]));
      return;
    }
  begin (&self, call);
#pragma omp parallel for schedule(static) num_threads((int) call->threads) if (self.count >= TN_PARALLEL_ELEMENTS)
  for (gsize i = 0; i < self.n_blocks; i++)
    backward_block (&self, i, (Sums *) call->scratch + i);
  store_gradient (&self, self.attributes->scale, 0);
  store_gradient (&self, self.attributes->offset, 1);
}

static const char *
find_fault (const TnQuantizeOptions *options, TnValue *scale)
{
  TnEstimator estimator = options->estimator;
  gboolean learned = tn_estimator_is_learned (estimator);

  if (learned && scale == NULL)
    return "learns its scale, which is missing";
  if (scale != NULL && estimator == TN_ESTIMATOR_TRUST)
    return "finds its scale, and takes none";
  if (scale != NULL && tn_value_needs_gradient (scale) && !learned && estimator != TN_ESTIMATOR_SOFT)
    return "has no gradient for a scale that is trained";
  if (options->offset == NULL && estimator == TN_ESTIMATOR_LSQ_PLUS)
    return "learns an offset, which is missing";
  if (options->offset != NULL && estimator != TN_ESTIMATOR_LSQ_PLUS &&
      (scale == NULL || (estimator != TN_ESTIMATOR_IDENTITY && estimator != TN_ESTIMATOR_CLIPPED) ||
       tn_value_needs_gradient (options->offset)))
    return "takes no offset, or one that is fixed beside a fixed scale";
  if (options->temperature != NULL && estimator != TN_ESTIMATOR_SOFT)
    return "has no temperature";
  if ((options->lambda != NULL && tn_value_needs_gradient (options->lambda)) ||
      (options->temperature != NULL && tn_value_needs_gradient (options->temperature)))
    return "has no gradient for lambda and temperature";
  return NULL;
}

static guint
add_input (TnValue **inputs, guint *n, TnValue *input)
{
  if (input == NULL)
    return ABSENT;
  inputs[*n] = input;
  return (*n)++;
}

static TnValue *
quantize (TnTape *tape, TnValue *x, TnValue *scale, const TnQuantizeOptions *options, gboolean of_activations)
{
  static const TnFunction function = {.name = "quantize",
                                      .attribute_bytes = sizeof (Attributes),
                                      .infer = infer_quantize,
                                      .forward = quantize_forward,
                                      .backward = quantize_backward};
  static const TnFunction passing = {.name = "quantize",
                                     .attribute_bytes = sizeof (Attributes),
                                     .flags = TN_FUNCTION_IN_PLACE | TN_FUNCTION_GRADIENT_PASSES,
                                     .infer = infer_quantize,
                                     .forward = quantize_forward,
                                     .backward = quantize_backward};
  const char *fault = find_fault (options, scale);
  const TnScheme *scheme = &options->scheme;
  Attributes attributes = {.scheme = *scheme,
                           .estimator = options->estimator,
                           .gradient_scale = options->gradient_scale,
                           .state = options->state,
                           .of_activations = of_activations,
                           .tells_scales = options->scales != NULL};
  TnValue *outputs[TN_FUNCTION_MAX_OUTPUTS] = {NULL};
  TnValue *inputs[TN_FUNCTION_MAX_INPUTS] = {x};
  guint n = 1;

  if (fault != NULL)
    {
      tn_tape_fail (tape, g_error_new (TN_ERROR, TN_ERROR_ARGUMENT, "quantize: estimator %s %s",
                                       tn_estimator_get_name (options->estimator), fault));
      return NULL;
    }
  attributes.int8_rows = of_activations && scale == NULL && scheme->kind == TN_SCHEME_INTEGER && scheme->bits == 8 &&
                         !scheme->asymmetric && scheme->granularity == TN_PER_TOKEN &&
                         tn_scheme_get_scale_type (scheme) == TN_SCALE_F32 &&
                         (options->estimator == TN_ESTIMATOR_IDENTITY || options->estimator == TN_ESTIMATOR_CLIPPED);
  attributes.scale = add_input (inputs, &n, scale);
  attributes.offset = add_input (inputs, &n, options->offset);
  attributes.lambda = add_input (inputs, &n, options->lambda);
  attributes.temperature = add_input (inputs, &n, options->temperature);
  tn_tape_apply (tape, options->estimator == TN_ESTIMATOR_IDENTITY ? &passing : &function, inputs, n, &attributes, outputs);
  if (options->scales != NULL)
    *options->scales = outputs[1];
  return outputs[0];
}

TnValue *
tn_tape_quantize_weight (TnTape *tape, TnValue *w, TnValue *scale, const TnQuantizeOptions *options)
{
  return quantize (tape, w, scale, options, FALSE);
}

TnValue *
tn_tape_quantize_activation (TnTape *tape, TnValue *x, TnValue *scale, const TnQuantizeOptions *options)
{
  return quantize (tape, x, scale, options, TRUE);
}
