/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/training-layer.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/autograd/estimators/initial-scale.h"
#include "engine/autograd/functions/hadamard.h"
#include "engine/autograd/functions/linear.h"
#include "engine/autograd/functions/quantize-rows.h"
#include "engine/autograd/functions/rms-norm.h"
#include "engine/autograd/functions/ternarize.h"
#include "engine/error.h"
#include "engine/hash.h"
#include "engine/nn/bit-linear.h"
#include "engine/random.h"

/* Of numbers that an input's scale is found from. */
#define NORMAL_SAMPLE 4096

static TnVariable *
make_number (const char *name, GError **error)
{
  TnVariable *number = tn_variable_new (name, TN_ROLE_SCALE, TN_DTYPE_F32, &TN_SHAPE_SCALAR, error);

  if (number == NULL)
    return NULL;
  *(float *) number->data = 1.0f;
  tn_variable_set_trained (number, FALSE, NULL);
  return number;
}

TnTrainingPrecision *
tn_training_precision_new (GError **error)
{
  g_autoptr (TnTrainingPrecision) self = g_new0 (TnTrainingPrecision, 1);

  self->lambda = make_number ("lambda", error);
  if (self->lambda == NULL)
    return NULL;
  self->temperature = make_number ("temperature", error);
  return self->temperature != NULL ? g_steal_pointer (&self) : NULL;
}

TnTrainingPrecision *
tn_training_precision_copy (const TnTrainingPrecision *self)
{
  TnTrainingPrecision *copy = g_memdup2 (self, sizeof *self);

  copy->keeps = g_strdupv (self->keeps);
  tn_variable_ref (copy->lambda);
  tn_variable_ref (copy->temperature);
  return copy;
}

void
tn_training_precision_free (TnTrainingPrecision *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->keeps);
  g_clear_pointer (&self->lambda, tn_variable_unref);
  g_clear_pointer (&self->temperature, tn_variable_unref);
  g_free (self);
}

TnTrainingLayer *
tn_training_layer_new (const char *name, TnVariable *weight, TnVariable *bias)
{
  TnTrainingLayer *self = g_new0 (TnTrainingLayer, 1);

  self->name = g_strdup (name);
  self->weight = tn_variable_ref (weight);
  self->bias = bias != NULL ? tn_variable_ref (bias) : NULL;
  return self;
}

void
tn_training_layer_free (TnTrainingLayer *self)
{
  g_free (self->name);
  g_clear_pointer (&self->weight, tn_variable_unref);
  g_clear_pointer (&self->bias, tn_variable_unref);
  g_clear_pointer (&self->weight_scale, tn_variable_unref);
  g_clear_pointer (&self->input_scale, tn_variable_unref);
  g_clear_pointer (&self->weight_offset, tn_variable_unref);
  g_clear_pointer (&self->input_offset, tn_variable_unref);
  g_clear_pointer (&self->output_scale, tn_variable_unref);
  g_clear_pointer (&self->weight_state, tn_quantizer_state_free);
  g_free (self);
}

/* A kernel [out, in, height, width] is a matrix [out, in height width]. */
static void
matrix_size (const TnVariable *weight, gsize *rows, gsize *columns)
{
  *rows = weight->shape.n_dims > 1 ? weight->shape.dims[0] : 1;
  *columns = *rows > 0 ? weight->count / *rows : 0;
}

static gboolean
is_kept (const TnTrainingPrecision *precision, guint i, guint n, const char *name)
{
  if ((precision->keeps_first && i == 0) || (precision->keeps_last && i + 1 == n))
    return TRUE;
  for (guint k = 0; precision->keeps != NULL && precision->keeps[k] != NULL; k++)
    if (g_pattern_match_simple (precision->keeps[k], name))
      return TRUE;
  return FALSE;
}

static TnVariable *
add_scale (const TnTrainingLayer *layer, const char *what, gsize n, GPtrArray *variables, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s.%s", layer->name, what);
  TnVariable *scale = tn_variable_new (name, TN_ROLE_SCALE, TN_DTYPE_F32, &TN_SHAPE (n), error);

  if (scale != NULL)
    g_ptr_array_add (variables, tn_variable_ref (scale));
  return scale;
}

/* TRUE also where the estimator has none. */
static gboolean
add_offset (const TnTrainingLayer *layer, TnEstimator estimator, const char *what, gsize n, TnVariable **offset,
            GPtrArray *variables, GError **error)
{
  return estimator != TN_ESTIMATOR_LSQ_PLUS || (*offset = add_scale (layer, what, n, variables, error)) != NULL;
}

/* Pieces of rows, which are whole in a row. */
float *
tn_training_layer_dup_rotated (const TnTrainingLayer *self, const TnTrainingPrecision *precision)
{
  float *copy = g_memdup2 (self->weight->data, self->weight->count * sizeof (float));
  gsize rows, columns, block;

  matrix_size (self->weight, &rows, &columns);
  block = tn_hadamard_get_block (columns);
  for (gsize i = 0; precision->rotates_weights && i < self->weight->count; i += block)
    tn_hadamard_transform (copy + i, block, copy + i);
  return copy;
}

gboolean
tn_training_layer_is_latent_enough (const TnTrainingLayer *self, const TnTrainingPrecision *precision)
{
  return (!self->rounds_weight || (!precision->rotates_weights && self->weight_scale == NULL &&
                                   (precision->weight_estimator == TN_ESTIMATOR_IDENTITY ||
                                    precision->weight_estimator == TN_ESTIMATOR_CLIPPED))) &&
         self->output_scale == NULL;
}

static gboolean
prepare_weight (TnTrainingLayer *layer, const TnTrainingPrecision *precision, GPtrArray *variables, GError **error)
{
  gsize rows, columns, unit;

  matrix_size (layer->weight, &rows, &columns);
  if (!tn_estimator_check (precision->weight_estimator, &precision->weights, FALSE, rows, columns, error))
    return FALSE;
  layer->rounds_weight = TRUE;
  unit = tn_estimator_get_unit (&precision->weights, rows, columns);
  if (tn_estimator_is_learned (precision->weight_estimator))
    {
      gsize n = layer->weight->count / MAX (unit, 1);
      g_autofree float *rotated = tn_training_layer_dup_rotated (layer, precision);

      layer->weight_scale = add_scale (layer, "weight_scale", n, variables, error);
      if (layer->weight_scale == NULL ||
          !add_offset (layer, precision->weight_estimator, "weight_offset", n, &layer->weight_offset, variables, error))
        return FALSE;
      tn_initial_scales (precision->weight_estimator, &precision->weights, TN_INITIAL_LEAST_ERROR, rotated, rows,
                         columns, layer->weight_scale->data, layer->weight_offset != NULL ? layer->weight_offset->data : NULL);
    }
  if (precision->counts > 0)
    {
      layer->weight_state = tn_quantizer_state_new (layer->weight->count, TRUE);
      tn_quantizer_state_set_every (layer->weight_state, precision->counts);
    }
  return TRUE;
}

static void
find_input_scale (TnTrainingLayer *layer, const TnTrainingPrecision *precision)
{
  float sample[NORMAL_SAMPLE];
  TnRandom random = tn_random_stream (0, "input_scale");

  for (guint i = 0; i < NORMAL_SAMPLE; i++)
    sample[i] = (float) tn_random_normal (&random);
  tn_initial_scales (precision->input_estimator, &precision->inputs, TN_INITIAL_LEAST_ERROR, sample, 1, NORMAL_SAMPLE,
                     layer->input_scale->data, layer->input_offset != NULL ? layer->input_offset->data : NULL);
}

/* It must be one that is stored as it is: it takes part in no training. */
static gboolean
is_fixed (const TnTrainingPrecision *precision)
{
  return precision->fixed_inputs && precision->inputs.granularity == TN_PER_TENSOR &&
         precision->inputs.kind == TN_SCHEME_INTEGER && tn_scheme_get_scale_type (&precision->inputs) == TN_SCALE_F32 &&
         (precision->input_estimator == TN_ESTIMATOR_IDENTITY || precision->input_estimator == TN_ESTIMATOR_CLIPPED);
}

static gboolean
prepare_fixed_input (TnTrainingLayer *layer, const TnTrainingPrecision *precision, GPtrArray *variables, GError **error)
{
  layer->input_scale = add_scale (layer, "input_scale", 1, variables, error);
  if (layer->input_scale == NULL ||
      (precision->inputs.asymmetric &&
       (layer->input_offset = add_scale (layer, "input_offset", 1, variables, error)) == NULL))
    return FALSE;
  find_input_scale (layer, precision);
  return tn_variable_set_trained (layer->input_scale, FALSE, error) &&
         (layer->input_offset == NULL || tn_variable_set_trained (layer->input_offset, FALSE, error));
}

static gboolean
prepare_input (TnTrainingLayer *layer, const TnTrainingPrecision *precision, GPtrArray *variables, GError **error)
{
  gsize rows, columns;

  matrix_size (layer->weight, &rows, &columns);
  if (!tn_estimator_check (precision->input_estimator, &precision->inputs, TRUE, 1, columns, error))
    return FALSE;
  layer->rounds_input = TRUE;
  if (tn_estimator_is_learned (precision->input_estimator))
    {
      layer->input_scale = add_scale (layer, "input_scale", 1, variables, error);
      if (layer->input_scale == NULL ||
          !add_offset (layer, precision->input_estimator, "input_offset", 1, &layer->input_offset, variables, error))
        return FALSE;
      find_input_scale (layer, precision);
    }
  return !is_fixed (precision) || prepare_fixed_input (layer, precision, variables, error);
}

static gboolean
prepare_output (TnTrainingLayer *layer, GPtrArray *variables, GError **error)
{
  gsize rows, columns;

  matrix_size (layer->weight, &rows, &columns);
  layer->output_scale = add_scale (layer, "output_scale", rows, variables, error);
  for (gsize i = 0; layer->output_scale != NULL && i < rows; i++)
    ((float *) layer->output_scale->data)[i] = 1.0f;
  return layer->output_scale != NULL;
}

static gboolean
prepare (TnTrainingLayer *layer, const TnTrainingPrecision *precision, GPtrArray *variables, GError **error)
{
  return (!precision->rounds_weights || prepare_weight (layer, precision, variables, error)) &&
         (!precision->rounds_inputs || prepare_input (layer, precision, variables, error)) &&
         (!precision->output_scales || prepare_output (layer, variables, error));
}

gboolean
tn_training_layers_prepare (TnTrainingLayer *const *layers, guint n, const TnTrainingPrecision *precision, GPtrArray *variables,
                            GError **error)
{
  if (!tn_training_precision_check (precision, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!is_kept (precision, i, n, layers[i]->name) && !prepare (layers[i], precision, variables, error))
      {
        g_prefix_error (error, "%s: ", layers[i]->name);
        return FALSE;
      }
  return TRUE;
}

gboolean
tn_training_layer_get_input_params (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnQuantParams *params)
{
  return self->rounds_input && self->input_scale != NULL &&
         tn_estimator_to_params (precision->input_estimator, &precision->inputs, *(const float *) self->input_scale->data,
                                 self->input_offset != NULL ? *(const float *) self->input_offset->data : 0.0f, params);
}

static TnValue *
record_variable (TnTape *tape, TnVariable *variable)
{
  return variable != NULL ? tn_tape_variable (tape, variable) : NULL;
}

static TnQuantizeOptions
make_options (const TnTrainingPrecision *precision, TnTape *tape, const TnScheme *scheme, TnEstimator estimator)
{
  TnQuantizeOptions options = {.scheme = *scheme, .estimator = estimator};

  options.lambda = tn_tape_variable (tape, precision->lambda);
  if (estimator == TN_ESTIMATOR_SOFT)
    options.temperature = tn_tape_variable (tape, precision->temperature);
  return options;
}

static TnValue *
rotate (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnTape *tape, TnValue *weight)
{
  gsize rows, columns;

  matrix_size (self->weight, &rows, &columns);
  return precision->rotates_weights ? tn_tape_hadamard (tape, weight, tn_hadamard_get_block (columns)) : weight;
}

TnValue *
tn_training_layer_record_weight (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnTape *tape)
{
  TnValue *weight = tn_tape_variable (tape, self->weight);
  TnQuantizeOptions options;

  if (!self->rounds_weight)
    return weight;
  options = make_options (precision, tape, &precision->weights, precision->weight_estimator);
  options.offset = record_variable (tape, self->weight_offset);
  options.state = self->weight_state;
  weight = tn_tape_quantize_weight (tape, rotate (self, precision, tape, weight), record_variable (tape, self->weight_scale), &options);
  return rotate (self, precision, tape, weight);
}

TnValue *
tn_training_layer_record_rounded (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnTape *tape, TnValue **scales)
{
  TnQuantizeOptions options;
  TnValue *rounded;

  if (!self->rounds_weight)
    return NULL;
  tn_tape_begin_no_grad (tape);
  options = make_options (precision, tape, &precision->weights, precision->weight_estimator);
  options.lambda = NULL;
  options.offset = record_variable (tape, self->weight_offset);
  options.scales = scales;
  rounded = tn_tape_quantize_weight (tape, tn_tape_variable (tape, self->weight), record_variable (tape, self->weight_scale), &options);
  tn_tape_end_no_grad (tape);
  return rounded;
}

TnValue *
tn_training_layer_record_input (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnTape *tape, TnValue *x)
{
  TnQuantizeOptions options;

  if (!self->rounds_input)
    return x;
  options = make_options (precision, tape, &precision->inputs, precision->input_estimator);
  options.offset = record_variable (tape, self->input_offset);
  return tn_tape_quantize_activation (tape, x, record_variable (tape, self->input_scale), &options);
}

static gboolean
is_integer (const TnTrainingLayer *layer, const TnTrainingPrecision *precision)
{
  return precision->integer && layer->rounds_weight && layer->rounds_input;
}

/* Inputs of layers, each made when the first layer asks for it. */
typedef struct
{
  const TnTrainingPrecision *precision;
  TnTape *tape;
  TnValue *x;
  const TnTrainingNorm *norm;
  TnValue *normed, *rounded, *packed;
} Inputs;

static TnValue *
get_normed (Inputs *self)
{
  if (self->normed == NULL)
    self->normed =
        self->norm->gain != NULL
            ? tn_tape_rms_norm (self->tape, self->x, tn_tape_variable (self->tape, self->norm->gain), self->norm->epsilon)
            : self->x;
  return self->normed;
}

static TnValue *
get_float (Inputs *self, const TnTrainingLayer *layer)
{
  if (!layer->rounds_input)
    return get_normed (self);
  if (layer->input_scale != NULL)
    return tn_training_layer_record_input (layer, self->precision, self->tape, get_normed (self));
  if (self->rounded == NULL)
    self->rounded = tn_training_layer_record_input (layer, self->precision, self->tape, get_normed (self));
  return self->rounded;
}

static TnValue *
get_probed (Inputs *self, const TnTrainingLayer *layer)
{
  const TnTrainingPrecision *precision = self->precision;
  TnValue *x = get_float (self, layer);

  return precision->probe != NULL ? precision->probe (self->tape, layer, x, precision->probe_data) : x;
}

static TnValue *
get_packed (Inputs *self)
{
  if (self->packed == NULL)
    self->packed =
        tn_tape_quantize_rows (self->tape, self->x, record_variable (self->tape, self->norm->gain), self->norm->epsilon, NULL);
  return self->packed;
}

static TnValue *
record_integer (Inputs *inputs, const TnTrainingLayer *layer)
{
  const TnTrainingPrecision *precision = inputs->precision;
  TnTape *tape = inputs->tape;
  const TnBitLinearOptions options = {.of_input = precision->backward_inputs,
                                      .of_weight = precision->backward_weights,
                                      .seed = tn_hash_bytes (layer->name, strlen (layer->name), 0)};
  TnValue *weight = tn_tape_ternarize (tape, tn_tape_variable (tape, layer->weight), &precision->weights, layer->weight_state);
  TnValue *y = tn_tape_bit_linear (tape, get_packed (inputs), weight, &options);

  return layer->bias != NULL ? tn_tape_add_columns (tape, y, tn_tape_variable (tape, layer->bias)) : y;
}

void
tn_training_layers_record (TnTrainingLayer *const *layers, guint n, const TnTrainingPrecision *precision, TnTape *tape,
                           TnValue *x, const TnTrainingNorm *norm, TnValue **y)
{
  Inputs inputs = {.precision = precision, .tape = tape, .x = x, .norm = norm};

  for (guint i = 0; i < n; i++)
    {
      const TnTrainingLayer *layer = layers[i];

      if (is_integer (layer, precision))
        y[i] = record_integer (&inputs, layer);
      else
        y[i] = tn_tape_linear (tape, get_probed (&inputs, layer), tn_training_layer_record_weight (layer, precision, tape),
                               record_variable (tape, layer->bias));
      if (layer->output_scale != NULL)
        y[i] = tn_tape_multiply_columns (tape, y[i], tn_tape_variable (tape, layer->output_scale));
    }
}

gboolean
tn_training_precision_check (const TnTrainingPrecision *self, GError **error)
{
  const TnScheme *weights = &self->weights, *inputs = &self->inputs;

  if (!self->integer ||
      (self->rounds_weights && self->rounds_inputs && tn_bit_linear_takes (weights) && inputs->kind == TN_SCHEME_INTEGER &&
       inputs->bits == 8 && !inputs->asymmetric && inputs->granularity == TN_PER_TOKEN &&
       !self->rotates_weights && self->weight_estimator == TN_ESTIMATOR_IDENTITY && self->input_estimator == TN_ESTIMATOR_IDENTITY))
    return TRUE;
  g_set_error_literal (
      error, TN_ERROR, TN_ERROR_ARGUMENT,
      _ ("products in integers need ternary weights with a scale a tensor or row, not rotated, activations int8:t, and the identity "
         "as estimator of both"));
  return FALSE;
}
