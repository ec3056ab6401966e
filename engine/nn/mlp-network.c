/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/autograd/functions/activation.h"
#include "engine/error.h"
#include "engine/nn/network.h"

static TnTrainingLayer *
get_layer (const TnNetwork *self, guint i)
{
  return g_ptr_array_index (self->layers, i);
}

static TnValue *
record_layer (TnNetwork *self, TnTape *tape, guint i, TnValue *x)
{
  const TnTrainingNorm none = {NULL};
  TnTrainingLayer *layer = get_layer (self, i);
  TnValue *y;

  tn_training_layers_record (&layer, 1, self->precision, tape, x, &none, &y);
  return y;
}

static TnValue *
mlp_record (TnNetwork *self, TnTape *tape, TnValue *input, const TnNetworkShape *shape)
{
  TnValue *x = input;

  for (guint i = 0; i + 1 < self->layers->len; i++)
    x = tn_tape_relu (tape, record_layer (self, tape, i, x));
  return x;
}

static TnValue *
mlp_record_head (TnNetwork *self, TnTape *tape, TnValue *hidden)
{
  return record_layer (self, tape, self->layers->len - 1, hidden);
}

static void
mlp_free (TnNetwork *self)
{
  g_free (self);
}

static const TnNetworkClass mlp_class = {.record = mlp_record, .record_head = mlp_record_head, .free = mlp_free};

static gboolean
check_sizes (const gsize *sizes, guint n, GError **error)
{
  gboolean ok = n >= 2;

  for (guint i = 0; i < n; i++)
    ok &= sizes[i] >= 1 && sizes[i] <= 1 << 20;
  if (!ok)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_SHAPE,
                         _ ("a fully connected network needs two widths or more, each from 1 to 1048576"));
  return ok;
}

static gboolean
add_layer (TnNetwork *self, guint i, gsize in, gsize out, gboolean last, guint64 seed, GError **error)
{
  g_autofree char *name = g_strdup_printf ("fc.%u", i), *weight_name = g_strconcat (name, ".weight", NULL);
  g_autofree char *bias_name = g_strconcat (name, ".bias", NULL);
  TnVariable *weight = tn_network_add_variable (self, weight_name, last ? TN_ROLE_HEAD : TN_ROLE_MATRIX, &TN_SHAPE (out, in),
                                                sqrt (2.0 / (double) in), 0.0, seed, error);
  TnVariable *bias;

  if (weight == NULL)
    return FALSE;
  bias = tn_network_add_variable (self, bias_name, TN_ROLE_BIAS, &TN_SHAPE (out), 0.0, 0.0, seed, error);
  if (bias == NULL)
    return FALSE;
  g_ptr_array_add (self->layers, tn_training_layer_new (name, weight, bias));
  return TRUE;
}

TnNetwork *
tn_network_new_mlp (const gsize *sizes, guint n, guint64 seed, const TnTrainingPrecision *precision, GError **error)
{
  g_autoptr (TnNetwork) self = NULL;

  if (!check_sizes (sizes, n, error))
    return NULL;
  self = g_new0 (TnNetwork, 1);
  tn_network_init (self, &mlp_class, precision);
  self->input = TN_NETWORK_FEATURES;
  self->n_features = sizes[0];
  self->n_classes = sizes[n - 1];
  for (guint i = 0; i + 1 < n; i++)
    if (!add_layer (self, i, sizes[i], sizes[i + 1], i + 2 == n, seed, error))
      return NULL;
  if (!tn_training_layers_prepare ((TnTrainingLayer *const *) self->layers->pdata, self->layers->len, precision, self->variables,
                                   error))
    return NULL;
  return g_steal_pointer (&self);
}
