/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/network.h"

#include <string.h>

#include "engine/device/device.h"
#include "engine/random.h"

void
tn_network_init (TnNetwork *self, const TnNetworkClass *class, const TnTrainingPrecision *precision)
{
  g_atomic_ref_count_init (&self->ref_count);
  self->class = class;
  self->precision = tn_training_precision_copy (precision);
  self->variables = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_variable_unref);
  self->layers = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_training_layer_free);
}

TnNetwork *
tn_network_ref (TnNetwork *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_network_unref (TnNetwork *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_ptr_array_unref (self->layers);
  g_ptr_array_unref (self->variables);
  tn_training_precision_free (self->precision);
  self->class->free (self);
}

TnVariable *
tn_network_find_variable (TnNetwork *self, const char *name)
{
  for (guint i = 0; i < self->variables->len; i++)
    {
      TnVariable *variable = g_ptr_array_index (self->variables, i);

      if (strcmp (variable->name, name) == 0)
        return variable;
    }
  return NULL;
}

static void
fill (TnVariable *variable, double deviation, double value, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, variable->name);
  float *data = variable->data;

  for (gsize i = 0; i < variable->count; i++)
    data[i] = deviation > 0.0 ? (float) (tn_random_normal (&random) * deviation) : (float) value;
}

TnVariable *
tn_network_add_variable (TnNetwork *self, const char *name, TnRole role, const TnShape *shape, double deviation, double value,
                         guint64 seed, GError **error)
{
  TnVariable *variable;

  g_return_val_if_fail (tn_network_find_variable (self, name) == NULL, NULL);
  variable = tn_variable_new (name, role, TN_DTYPE_F32, shape, error);
  if (variable == NULL)
    return NULL;
  fill (variable, deviation, value, seed);
  g_ptr_array_add (self->variables, variable);
  return variable;
}

void
tn_network_freeze (TnNetwork *self)
{
  self->frozen = TRUE;
  for (guint i = 0; i < self->variables->len; i++)
    tn_variable_set_trained (g_ptr_array_index (self->variables, i), FALSE, NULL);
}

guint64
tn_network_count (TnNetwork *self)
{
  guint64 n = 0;

  for (guint i = 0; i < self->variables->len; i++)
    n += ((TnVariable *) g_ptr_array_index (self->variables, i))->count;
  return n;
}

TnTrainingLayer *
tn_network_find_layer (TnNetwork *self, const TnVariable *weight)
{
  for (guint i = 0; i < self->layers->len; i++)
    {
      TnTrainingLayer *layer = g_ptr_array_index (self->layers, i);

      if (layer->weight == weight)
        return layer;
    }
  return NULL;
}

typedef struct
{
  const TnTrainingPrecision *precision;
  const TnTrainingLayer *layer;
  float *out;
  GError **error;
  gboolean ok;
} RoundCall;

static void
round_on_compute (gpointer user_data)
{
  RoundCall *call = user_data;
  const TnTrainingLayer *layer = call->layer;
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  TnValue *weight = tn_training_layer_record_weight (layer, call->precision, tape);
  gsize count = layer->weight->count;

  tn_tape_keep (tape, weight);
  call->ok =
      tn_tape_plan (tape, NULL, call->error) && tn_tape_allocate (tape, call->error) && tn_tape_forward (tape, NULL, call->error);
  if (!call->ok)
    return;
  memcpy (call->out, tn_value_get_data (weight), count * sizeof (float));
  if (layer->output_scale != NULL)
    for (gsize i = 0; i < count; i++)
      call->out[i] *= ((const float *) layer->output_scale->data)[i / (count / layer->output_scale->count)];
}

gboolean
tn_network_round_layer (TnNetwork *self, const TnTrainingLayer *layer, float *out, GError **error)
{
  RoundCall call = {.precision = self->precision, .layer = layer, .out = out, .error = error};
  float *lambda = self->precision->lambda->data, old = *lambda;

  *lambda = 1.0f;
  tn_compute_run (round_on_compute, &call);
  *lambda = old;
  return call.ok;
}
