/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/starting-scales.h"

#include <glib/gi18n-lib.h>

#include "engine/calibration/output-search.h"
#include "engine/calibration/site-parameters.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/quant/parameters.h"

typedef struct
{
  const TnStartingScales *scales;
  TnNetwork *network;
  const TnTrainingPrecision *precision;
  GCancellable *cancellable;
  guint n_set;
  GError **error;
  gboolean ok;
} Pass;

static gboolean
is_by_output (const TnMethodOptions *method)
{
  return method->method == TN_METHOD_OUTPUT || (method->method == TN_METHOD_AUTO && method->objective == TN_OBJECTIVE_OUTPUT);
}

static gboolean
fail_levels (TnEstimator estimator, const TnScheme *scheme, GError **error)
{
  g_autofree char *name = tn_scheme_to_string (scheme);

  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("no method finds where estimator “%s” of scheme %s starts"),
               tn_estimator_get_name (estimator), name);
  return FALSE;
}

static TnTensor *
share_weight (const TnVariable *weight, const void *data)
{
  gsize rows = weight->shape.n_dims > 1 ? weight->shape.dims[0] : 1;
  const guint64 shape[] = {rows, weight->count / MAX (rows, 1)};

  return tn_tensor_new_mapped (TN_DTYPE_F32, 2, shape, data, weight->count * sizeof (float), NULL, NULL, NULL);
}

static const TnSiteStats *
find_site (const Pass *self, const TnTrainingLayer *layer, GError **error)
{
  g_autofree char *name = g_strconcat (layer->name, ".in", NULL);
  const TnSiteStats *site = self->scales->stats != NULL ? tn_stats_find (self->scales->stats, name) : NULL;

  if (site == NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                 self->scales->stats != NULL ? _ ("no statistics of site %s") : _ ("the method needs the statistics of site %s"),
                 name);
  return site;
}

/* units: [n_scales], of elements that stand together. */
static TnRounding *
find_units (const Pass *self, const TnTrainingLayer *layer, GError **error)
{
  const TnMethodOptions *method = &self->scales->method;
  const TnVariable *weight = layer->weight;
  gsize n = layer->weight_scale->count, length = weight->count / MAX (n, 1);
  TnScheme scheme = self->precision->weights;
  g_autofree float *weights = NULL;
  TnRounding *units;

  if (is_by_output (method) && self->precision->rotates_weights)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _ ("the error of the output is not known for weights that are rounded in a rotated space"));
      return NULL;
    }
  if (is_by_output (method))
    {
      const TnSiteStats *site = find_site (self, layer, error);
      g_autofree float *gram = site != NULL ? tn_output_gram (site, error) : NULL;
      g_autoptr (TnTensor) tensor = gram != NULL ? share_weight (weight, weight->data) : NULL;
      TnOutputErrors errors;

      return tensor != NULL ? tn_output_find_units (tensor, &scheme, gram, &errors, self->cancellable, error) : NULL;
    }
  weights = tn_training_layer_dup_rotated (layer, self->precision);
  tn_scheme_set_method (&scheme, method);
  units = g_new (TnRounding, MAX (n, 1));
#pragma omp parallel for schedule(dynamic) num_threads((int) tn_device_get_threads()) if (n > 1)
  for (gsize i = 0; i < n; i++)
    units[i] = tn_rounding_find (&scheme, weights + i * length, length);
  return units;
}

/* EMA is of batches, and least squared error is what they started with. */
static gboolean
is_for_weights (const Pass *self)
{
  TnMethod method = self->scales->method.method;

  return self->scales->finds_weights && method != TN_METHOD_EMA && method != TN_METHOD_MSE &&
         !(method == TN_METHOD_MINMAX && self->precision->weights.kind != TN_SCHEME_INTEGER);
}

static gboolean
set_weight (Pass *self, const TnTrainingLayer *layer, GError **error)
{
  g_autofree TnRounding *units = NULL;
  float *offsets = layer->weight_offset != NULL ? layer->weight_offset->data : NULL;

  if (layer->weight_scale == NULL || !self->scales->finds_weights)
    return TRUE;
  self->n_set++;
  if (!is_for_weights (self))
    return TRUE;
  units = find_units (self, layer, error);
  if (units == NULL)
    return FALSE;
  for (gsize i = 0; i < layer->weight_scale->count; i++)
    if (!tn_estimator_from_rounding (self->precision->weight_estimator, &self->precision->weights, &units[i],
                                     (float *) layer->weight_scale->data + i, offsets != NULL ? offsets + i : NULL))
      return fail_levels (self->precision->weight_estimator, &self->precision->weights, error);
  return TRUE;
}

/* With the weight that the layer multiplies by now. */
static gboolean
fit_to_output (const Pass *self, const TnTrainingLayer *layer, const TnSiteStats *site, TnQuantParams *params, GError **error)
{
  g_autofree float *rounded = g_new (float, layer->weight->count);
  g_autoptr (TnTensor) weight = share_weight (layer->weight, layer->weight->data);
  g_autoptr (TnTensor) taken = share_weight (layer->weight, rounded);
  TnOutputErrors errors;

  return tn_network_round_layer (self->network, layer, rounded, error) &&
         tn_output_find_input (site, weight, taken, params, &errors, self->cancellable, error);
}

static gboolean
set_input (Pass *self, const TnTrainingLayer *layer, GError **error)
{
  const TnTrainingPrecision *precision = self->precision;
  const TnMethodOptions by_error = {.method = TN_METHOD_MSE};
  gboolean for_output = is_by_output (&self->scales->method);
  TnQuantParams params = {.scheme = precision->inputs};
  const TnSiteStats *site;
  float scale, offset;
  float *has_offset = layer->input_offset != NULL ? &offset : NULL;

  if (layer->input_scale == NULL || self->scales->stats == NULL)
    return TRUE;
  self->n_set++;
  if (!tn_estimator_from_params (precision->input_estimator, &precision->inputs, 1.0, 0, &scale, has_offset))
    return fail_levels (precision->input_estimator, &precision->inputs, error);
  site = find_site (self, layer, error);
  if (site == NULL ||
      !tn_site_parameters (site, &precision->inputs, for_output ? &by_error : &self->scales->method, &params, NULL, error) ||
      (for_output && !fit_to_output (self, layer, site, &params, error)))
    return FALSE;
  tn_estimator_from_params (precision->input_estimator, &precision->inputs, params.scale, params.zero_point, &scale, has_offset);
  *(float *) layer->input_scale->data = scale;
  if (has_offset != NULL)
    *(float *) layer->input_offset->data = offset;
  return TRUE;
}

static void
set_on_compute (gpointer user_data)
{
  Pass *self = user_data;

  for (guint i = 0; i < self->network->layers->len; i++)
    {
      const TnTrainingLayer *layer = g_ptr_array_index (self->network->layers, i);

      if (g_cancellable_set_error_if_cancelled (self->cancellable, self->error))
        return;
      if (!set_weight (self, layer, self->error) || !set_input (self, layer, self->error))
        {
          g_prefix_error (self->error, "%s: ", layer->name);
          return;
        }
    }
  self->ok = TRUE;
}

gboolean
tn_starting_scales_set (const TnStartingScales *self, TnNetwork *network, GCancellable *cancellable, GError **error)
{
  Pass pass = {.scales = self, .network = network, .precision = network->precision, .cancellable = cancellable, .error = error};

  tn_compute_run (set_on_compute, &pass);
  if (!pass.ok || pass.n_set > 0)
    return pass.ok;
  g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                       _ ("no layer has a scale that could start elsewhere: statistics are for inputs with one learned or fixed scale "
                          "for all tokens, a method for learned scales"));
  return FALSE;
}
