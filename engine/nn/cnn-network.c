/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/autograd/functions/activation.h"
#include "engine/autograd/functions/batch-norm.h"
#include "engine/autograd/functions/convolution.h"
#include "engine/autograd/functions/pooling.h"
#include "engine/error.h"
#include "engine/nn/network.h"

#define WINDOW 3
#define MOMENTUM 0.1
#define EPSILON 1e-5

typedef struct
{
  TnVariable *gain, *bias, *mean, *variance;
} Norm;

/* Convolutions of 3 x 3, each with a batch norm, ReLU and the largest of 2 x 2, then one fully connected layer. */
typedef struct
{
  TnNetwork base;
  gsize channels, height, width;
  guint n_layers;
  Norm *norms; /* [n_layers] */
} CnnNetwork;

static TnTrainingLayer *
get_layer (const CnnNetwork *self, guint i)
{
  return g_ptr_array_index (self->base.layers, i);
}

/* Rounded image by image. */
static TnValue *
record_input (const CnnNetwork *self, TnTape *tape, guint i, TnValue *x, const TnShape *shape)
{
  const TnShape flat = TN_SHAPE (shape->dims[0], shape->dims[1] * shape->dims[2] * shape->dims[3]);

  if (!get_layer (self, i)->rounds_input)
    return x;
  x = tn_training_layer_record_input (get_layer (self, i), self->base.precision, tape, tn_tape_reshape (tape, x, &flat));
  return tn_tape_reshape (tape, x, shape);
}

static TnValue *
record_convolution (const CnnNetwork *self, TnTape *tape, guint i, TnValue *x, const TnShape *shape)
{
  const TnWindow window = {.size = {WINDOW, WINDOW}, .stride = {1, 1}, .padding = {WINDOW / 2, WINDOW / 2}};
  const TnWindow pool = {.size = {2, 2}, .stride = {2, 2}};
  const Norm *norm = &self->norms[i];
  TnValue *y = tn_tape_conv2d (tape, record_input (self, tape, i, x, shape),
                               tn_training_layer_record_weight (get_layer (self, i), self->base.precision, tape), NULL, &window);

  y = tn_tape_batch_norm (tape, y, tn_tape_variable (tape, norm->gain), tn_tape_variable (tape, norm->bias),
                          tn_tape_variable (tape, norm->mean), tn_tape_variable (tape, norm->variance), self->base.frozen ? 0.0 : MOMENTUM, EPSILON);
  return tn_tape_max_pool (tape, tn_tape_relu (tape, y), &pool);
}

static TnValue *
cnn_record (TnNetwork *network, TnTape *tape, TnValue *input, const TnNetworkShape *shape)
{
  const CnnNetwork *self = (const CnnNetwork *) network;
  TnShape image = TN_SHAPE (shape->n_sequences, self->channels, self->height, self->width);
  TnValue *x = tn_tape_reshape (tape, input, &image);

  for (guint i = 0; i < self->n_layers; i++)
    {
      x = record_convolution (self, tape, i, x, &image);
      image.dims[1] = get_layer (self, i)->weight->shape.dims[0];
      image.dims[2] /= 2;
      image.dims[3] /= 2;
    }
  return tn_tape_reshape (tape, x, &TN_SHAPE (image.dims[0], image.dims[1] * image.dims[2] * image.dims[3]));
}

static TnValue *
cnn_record_head (TnNetwork *network, TnTape *tape, TnValue *hidden)
{
  const TnTrainingNorm none = {NULL};
  TnTrainingLayer *layer = get_layer ((CnnNetwork *) network, network->layers->len - 1);
  TnValue *y;

  tn_training_layers_record (&layer, 1, network->precision, tape, hidden, &none, &y);
  return y;
}

static void
cnn_free (TnNetwork *network)
{
  CnnNetwork *self = (CnnNetwork *) network;

  g_free (self->norms);
  g_free (self);
}

static const TnNetworkClass cnn_class = {.record = cnn_record, .record_head = cnn_record_head, .free = cnn_free};

static TnVariable *
add_vector (CnnNetwork *self, guint i, const char *what, TnRole role, gsize n, double value, GError **error)
{
  g_autofree char *name = g_strdup_printf ("bn.%u.%s", i, what);

  return tn_network_add_variable (&self->base, name, role, &TN_SHAPE (n), 0.0, value, 0, error);
}

static gboolean
add_norm (CnnNetwork *self, guint i, gsize n, GError **error)
{
  Norm *norm = &self->norms[i];

  return (norm->gain = add_vector (self, i, "weight", TN_ROLE_NORM, n, 1.0, error)) != NULL &&
         (norm->bias = add_vector (self, i, "bias", TN_ROLE_BIAS, n, 0.0, error)) != NULL &&
         (norm->mean = add_vector (self, i, "running_mean", TN_ROLE_BIAS, n, 0.0, error)) != NULL &&
         (norm->variance = add_vector (self, i, "running_var", TN_ROLE_BIAS, n, 1.0, error)) != NULL &&
         tn_variable_set_trained (norm->mean, FALSE, error) && tn_variable_set_trained (norm->variance, FALSE, error);
}

/* Weights are [out, in height width], as quantizers take them. */
static gboolean
add_convolution (CnnNetwork *self, guint i, gsize in, gsize out, guint64 seed, GError **error)
{
  g_autofree char *name = g_strdup_printf ("conv.%u", i), *weight_name = g_strconcat (name, ".weight", NULL);
  gsize columns = in * WINDOW * WINDOW;
  TnVariable *weight = tn_network_add_variable (&self->base, weight_name, TN_ROLE_MATRIX, &TN_SHAPE (out, columns),
                                                sqrt (2.0 / (double) columns), 0.0, seed, error);

  if (weight == NULL)
    return FALSE;
  g_ptr_array_add (self->base.layers, tn_training_layer_new (name, weight, NULL));
  return add_norm (self, i, out, error);
}

static gboolean
add_last (CnnNetwork *self, gsize in, gsize out, guint64 seed, GError **error)
{
  TnVariable *weight = tn_network_add_variable (&self->base, "fc.weight", TN_ROLE_HEAD, &TN_SHAPE (out, in),
                                                sqrt (1.0 / (double) in), 0.0, seed, error);
  TnVariable *bias;

  if (weight == NULL)
    return FALSE;
  bias = tn_network_add_variable (&self->base, "fc.bias", TN_ROLE_BIAS, &TN_SHAPE (out), 0.0, 0.0, seed, error);
  if (bias != NULL)
    g_ptr_array_add (self->base.layers, tn_training_layer_new ("fc", weight, bias));
  return bias != NULL;
}

static gboolean
check_config (const TnCnnConfig *config, GError **error)
{
  gsize least = MIN (config->height, config->width);

  if (config->channels > 0 && config->n_classes > 0 && config->n_layers > 0 && config->n_layers < 16 &&
      least >> config->n_layers > 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE,
               _ ("%u convolutions halve images of %zu × %zu too often: expected one or more, that leave a pixel"),
               config->n_layers, config->height, config->width);
  return FALSE;
}

static gboolean
add_all (CnnNetwork *self, const TnCnnConfig *config, guint64 seed, GError **error)
{
  gsize channels = config->channels;

  for (guint i = 0; i < config->n_layers; channels = config->filters[i++])
    if (!add_convolution (self, i, channels, config->filters[i], seed, error))
      return FALSE;
  channels *= (config->height >> config->n_layers) * (config->width >> config->n_layers);
  return add_last (self, channels, config->n_classes, seed, error) &&
         tn_training_layers_prepare ((TnTrainingLayer *const *) self->base.layers->pdata, self->base.layers->len,
                                     self->base.precision, self->base.variables, error);
}

TnNetwork *
tn_network_new_cnn (const TnCnnConfig *config, guint64 seed, const TnTrainingPrecision *precision, GError **error)
{
  g_autoptr (TnNetwork) network = NULL;
  CnnNetwork *self;

  if (!check_config (config, error))
    return NULL;
  self = g_new0 (CnnNetwork, 1);
  network = &self->base;
  tn_network_init (network, &cnn_class, precision);
  network->input = TN_NETWORK_FEATURES;
  network->n_features = config->channels * config->height * config->width;
  network->n_classes = config->n_classes;
  self->channels = config->channels;
  self->height = config->height;
  self->width = config->width;
  self->n_layers = config->n_layers;
  self->norms = g_new0 (Norm, config->n_layers);
  return add_all (self, config, seed, error) ? g_steal_pointer (&network) : NULL;
}
