/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/precision.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/tasks/method-choice.h"
#include "data/export/export-selection.h"
#include "data/plans/plan-file.h"
#include "data/statistics/stats-file.h"
#include "engine/calibration/output-search.h"
#include "engine/calibration/site-parameters.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/quant/quantize.h"

#define NONE "none"

static gboolean
parse_option (const char *option, const char *name, TnScheme *scheme, GError **error)
{
  if (tn_scheme_parse (name, scheme, error))
    return TRUE;
  g_prefix_error (error, "--%s: ", option);
  return FALSE;
}

static gboolean
rounds_inputs (const TnPrecision *self)
{
  return self->activations != NULL && strcmp (self->activations, NONE) != 0;
}

static TnMethodChoice
get_choice (const TnPrecision *self)
{
  return (TnMethodChoice){self->method, self->objective};
}

gboolean
tn_precision_check (const TnPrecision *self, GError **error)
{
  TnMethodChoice choice = get_choice (self);
  TnMethodOptions options;
  TnScheme scheme;

  if (self->scheme != NULL && self->plan_path != NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--plan and --scheme exclude each other"));
      return FALSE;
    }
  if (self->stats_path != NULL && tn_precision_is_empty (self))
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--stats: they are for --activations and --plan"));
      return FALSE;
    }
  if (!tn_method_choice_is_empty (&choice) && tn_precision_is_empty (self))
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--method: it is for --scheme, --plan and --activations"));
      return FALSE;
    }
  return tn_method_choice_parse (&choice, &options, error) && (self->scheme == NULL || parse_option ("scheme", self->scheme, &scheme, error)) &&
         (!rounds_inputs (self) || parse_option ("activations", self->activations, &scheme, error));
}

gboolean
tn_precision_is_empty (const TnPrecision *self)
{
  return self->scheme == NULL && self->plan_path == NULL && !rounds_inputs (self);
}

TnPlan *
tn_precision_load_plan (const char *path, TnModel *model, GError **error)
{
  g_autoptr (TnPlan) plan = tn_plan_load (path, error);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  if (plan == NULL || model == NULL)
    return g_steal_pointer (&plan);
  for (guint i = 0; i < tn_model_n_sites (model); i++)
    if (tn_model_get_site (model, i)->kind == TN_SITE_INPUT && tn_model_get_site (model, i)->layer != G_MAXUINT)
      g_ptr_array_add (names, tn_model_get_site (model, i)->name);
  return tn_plan_check_names (plan, TN_PLAN_ACTIVATIONS, (const char *const *) names->pdata, names->len, names->len, error)
             ? g_steal_pointer (&plan)
             : NULL;
}

static gboolean
check_weight_names (TnPlan *plan, TnModel *model, GError **error)
{
  guint n = tn_model_n_parameters (model), n_names = 0, n_linear;
  g_autofree const char **names = g_new (const char *, n);

  for (guint i = 0; i < n; i++)
    if (tn_parameter_is_linear (tn_model_get_parameter (model, i)))
      names[n_names++] = tn_model_get_parameter (model, i)->name;
  n_linear = n_names;
  for (guint i = 0; i < n; i++)
    if (!tn_parameter_is_linear (tn_model_get_parameter (model, i)))
      names[n_names++] = tn_model_get_parameter (model, i)->name;
  return tn_plan_check_names (plan, TN_PLAN_WEIGHTS, names, n_names, n_linear, error);
}

typedef struct
{
  const TnTensor *tensor;
  const TnScheme *scheme;
  TnTensor *rounded;
  GError *error;
} RoundCall;

static void
round_on_compute_thread (gpointer user_data)
{
  RoundCall *call = user_data;

  call->rounded = tn_quantize_tensor (call->tensor, call->scheme, &call->error);
}

/* Replaces *model by one with that weight rounded. */
static gboolean
round_parameter (TnModel **model, const TnParameter *parameter, const TnScheme *scheme, GError **error)
{
  RoundCall call = {.tensor = parameter->tensor, .scheme = scheme};
  g_autoptr (TnTensor) rounded = NULL;
  TnModel *next;

  tn_compute_run (round_on_compute_thread, &call);
  if ((rounded = call.rounded) == NULL)
    {
      g_propagate_prefixed_error (error, call.error, "%s: ", parameter->name);
      return FALSE;
    }
  next = tn_model_with_parameter (*model, parameter->name, rounded, error);
  if (next == NULL)
    return FALSE;
  tn_model_unref (*model);
  *model = next;
  return TRUE;
}

/* Embedding and head, which are only rounded where a plan names them. */
static gboolean
round_named (TnPlan *plan, TnModel *original, TnModel **model, GError **error)
{
  for (guint i = 0; i < tn_model_n_parameters (original); i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (original, i);
      const TnPlanRule *rule = tn_plan_find (plan, TN_PLAN_WEIGHTS, parameter->name, TRUE);

      if (tn_parameter_is_linear (parameter) || rule == NULL || rule->keep)
        continue;
      if (parameter->tensor->n_dims < 2)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: group [weights], key %s: only matrices can be quantized"),
                       tn_plan_get_name (plan), parameter->name);
          return FALSE;
        }
      if (!round_parameter (model, parameter, &rule->scheme, error))
        return FALSE;
    }
  return TRUE;
}

/* Layers on their way to tn_model_quantize(), with what they point to. */
typedef struct
{
  TnModel *original, *model; /* model: with weights that were rounded already */
  TnStats *stats;            /* or NULL */
  const char *stats_path;
  const TnActivationScales *stored; /* or NULL */
  TnMethodOptions method; /* of fixed scales of activations */
  GArray *layers;    /* TnLayerPrecision */
  GPtrArray *params; /* TnQuantParams */
  guint rounded_twice;
} Layers;

static void
layers_clear (Layers *self)
{
  g_clear_pointer (&self->model, tn_model_unref);
  g_clear_pointer (&self->stats, tn_stats_unref);
  g_array_unref (self->layers);
  g_ptr_array_unref (self->params);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Layers, layers_clear)

static gboolean
load_stats (Layers *self, const char *path, GError **error)
{
  if (path == NULL)
    return TRUE;
  self->stats_path = path;
  self->stats = tn_stats_load_for_model (path, tn_model_get_fingerprint (self->original), error);
  return self->stats != NULL;
}

static const TnSiteStats *
find_site (const TnStats *stats, const char *name)
{
  const char *alias = g_hash_table_lookup (stats->aliases, name);

  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);

      if (strcmp (site->name, alias != NULL ? alias : name) == 0)
        return site;
    }
  return NULL;
}

/* "blk.3.ffn_down.weight" -> "blk.3.ffn_down.in". */
static char *
site_of (const char *weight)
{
  return g_strdup_printf ("%.*s.in", (int) (strlen (weight) - strlen (".weight")), weight);
}

static gboolean
take_stored (Layers *self, const char *site_name, const TnScheme *scheme, const TnQuantParams **params, GError **error)
{
  const TnActivationScale *scale = tn_activation_scales_find (self->stored, site_name);
  g_autofree char *name = tn_scheme_to_string (scheme), *found = NULL;

  if (scale == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("the model's file has no scale for site %s: give --stats"), site_name);
      return FALSE;
    }
  if (!tn_scheme_equal (&scale->params.scheme, scheme))
    {
      found = tn_scheme_to_string (&scale->params.scheme);
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("activations in %s: the scales in the model's file are for %s; give --stats"), name, found);
      return FALSE;
    }
  *params = scale->kept ? NULL : &scale->params;
  return TRUE;
}

/* One scale for all tokens is known from statistics only, or was trained; *params NULL: there is none to be known, or the file says that this
 * input stays as it is. */
static gboolean
find_params (Layers *self, const char *site_name, const TnScheme *scheme, const TnQuantParams **params, GError **error)
{
  const TnSiteStats *site = self->stats != NULL ? find_site (self->stats, site_name) : NULL;
  g_autofree TnQuantParams *found = g_new0 (TnQuantParams, 1);
  TnMethodOptions method = self->method;
  g_autofree char *name = tn_scheme_to_string (scheme);

  *params = NULL;
  if (scheme->granularity != TN_PER_TENSOR)
    return TRUE;
  if (self->stats == NULL && self->stored != NULL)
    return take_stored (self, site_name, scheme, params, error);
  if (site == NULL)
    {
      if (self->stats == NULL)
        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                     _ ("activations in %s have one scale for all tokens, which comes from statistics: give --stats, or a scale "
                        "a token (%s:t)"),
                     name, name);
      else
        g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: no statistics of site %s"), self->stats_path, site_name);
      return FALSE;
    }
  if (tn_method_options_need_output (&method))
    method = (TnMethodOptions){.method = TN_METHOD_MSE};
  if (!tn_site_parameters (site, scheme, &method, found, NULL, error))
    {
      g_prefix_error (error, "%s: ", site_name);
      return FALSE;
    }
  *params = found;
  g_ptr_array_add (self->params, g_steal_pointer (&found));
  return TRUE;
}

/* A layer on its way to the least error of its output. */
typedef struct
{
  const TnSiteStats *site;
  const TnTensor *weight, *taken; /* taken: the weight that the layer will have */
  const TnScheme *scheme;
  TnQuantParams *params;
  TnTensor *rounded;
  GCancellable *cancellable;
  gboolean ok;
  GError *error;
} OutputCall;

static void
round_for_output (gpointer user_data)
{
  OutputCall *call = user_data;
  g_autofree float *gram = tn_output_gram (call->site, &call->error);
  g_autofree TnRounding *units = NULL;
  TnOutputErrors errors;

  if (gram == NULL)
    return;
  units = tn_output_find_units (call->weight, call->scheme, gram, &errors, call->cancellable, &call->error);
  if (units != NULL)
    call->rounded = tn_output_round (call->weight, call->scheme, units, &call->error);
}

static void
find_input_for_output (gpointer user_data)
{
  OutputCall *call = user_data;
  TnOutputErrors errors;

  call->ok = tn_output_find_input (call->site, call->weight, call->taken, call->params, &errors, call->cancellable, &call->error);
}

/* Replaces the weight by the rounded one. */
static gboolean
round_weight_for_output (Layers *self, const TnParameter *parameter, const TnScheme *scheme, const char *site_name,
                         GCancellable *cancellable, GError **error)
{
  OutputCall call = {.weight = parameter->tensor, .scheme = scheme, .cancellable = cancellable};
  g_autoptr (TnTensor) rounded = NULL;
  TnModel *next;

  if (self->stats == NULL || (call.site = find_site (self->stats, site_name)) == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                   _ ("%s: the error of its output needs the statistics of site %s: --stats"), parameter->name, site_name);
      return FALSE;
    }
  tn_compute_run (round_for_output, &call);
  if ((rounded = call.rounded) == NULL)
    {
      g_propagate_prefixed_error (error, call.error, "%s: ", parameter->name);
      return FALSE;
    }
  next = tn_model_with_parameter (self->model, parameter->name, rounded, error);
  if (next == NULL)
    return FALSE;
  tn_model_unref (self->model);
  self->model = next;
  return TRUE;
}

static const TnTensor *
find_weight (TnModel *model, const char *name)
{
  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    if (strcmp (tn_model_get_parameter (model, i)->name, name) == 0)
      return tn_model_get_parameter (model, i)->tensor;
  return NULL;
}

/* The last of params, once the layer's weight is what it will be. */
static gboolean
fit_input_to_output (Layers *self, const TnParameter *parameter, const char *site_name, GCancellable *cancellable, GError **error)
{
  OutputCall call = {
      .site = find_site (self->stats, site_name),
      .weight = parameter->tensor,
      .taken = find_weight (self->model, parameter->name),
      .params = g_ptr_array_index (self->params, self->params->len - 1),
      .cancellable = cancellable,
  };

  tn_compute_run (find_input_for_output, &call);
  if (!call.ok)
    g_propagate_prefixed_error (error, call.error, "%s: ", parameter->name);
  return call.ok;
}

static gboolean
is_int8_a_token (const TnScheme *scheme)
{
  return scheme != NULL && scheme->kind == TN_SCHEME_INTEGER && scheme->bits == 8 && !scheme->asymmetric &&
         scheme->granularity == TN_PER_TOKEN;
}

/* Codes -1, 0 and 1, a scale a row or tensor, without the name of ternary: they can be those of a BitLinear, too. */
static gboolean
is_like_ternary (const TnScheme *scheme)
{
  return (scheme->kind == TN_SCHEME_BINARY || (scheme->kind == TN_SCHEME_INTEGER && scheme->bits == 2 && !scheme->asymmetric)) &&
         scheme->granularity != TN_PER_GROUP;
}

/* "blk.3.ffn_down.weight" reads "blk.3.ffn_down.in". A file that holds rounded weights and the rounding of the original give the
 * same layer: what is ternary computes in integers, wherever it comes from. */
static gboolean
add_layer (Layers *self, const TnParameter *parameter, const TnScheme *weights, const char *site, const TnScheme *activations,
           GCancellable *cancellable, GError **error)
{
  gboolean for_output = tn_method_options_need_output (&self->method);
  TnLayerPrecision layer = {.name = parameter->name, .weights = weights, .activations = activations};

  if (activations != NULL && !find_params (self, site, activations, &layer.static_params, error))
    return FALSE;
  if (activations != NULL && activations->granularity == TN_PER_TENSOR && layer.static_params == NULL)
    layer.activations = NULL;
  self->rounded_twice += weights != NULL && tn_export_is_rounded_already (parameter->tensor);
  if (for_output && weights != NULL && weights->kind != TN_SCHEME_BINARY)
    {
      if (!round_weight_for_output (self, parameter, weights, site, cancellable, error))
        return FALSE;
      layer.weights = NULL;
    }
  if (for_output && layer.static_params != NULL && !fit_input_to_output (self, parameter, site, cancellable, error))
    return FALSE;
  if (is_int8_a_token (activations) && layer.weights != NULL && is_like_ternary (weights))
    {
      if (!round_parameter (&self->model, parameter, weights, error))
        return FALSE;
      layer.weights = NULL;
    }
  layer.keep_ternary = is_int8_a_token (activations) && layer.weights == NULL;
  if (layer.weights != NULL || layer.activations != NULL)
    g_array_append_val (self->layers, layer);
  return TRUE;
}

static const TnScheme *
find_rule (TnPlan *plan, TnPlanGroup group, const char *name)
{
  const TnPlanRule *rule = plan != NULL ? tn_plan_find (plan, group, name, FALSE) : NULL;

  return rule != NULL && !rule->keep ? &rule->scheme : NULL;
}

/* scheme and activations: of all layers, or NULL. */
static gboolean
add_layers (Layers *self, TnPlan *plan, const TnScheme *scheme, const TnScheme *activations, gboolean planned_inputs,
            GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < tn_model_n_parameters (self->original); i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (self->original, i);
      const TnScheme *weights = scheme, *inputs = activations;
      g_autofree char *site = NULL;

      if (!tn_parameter_is_linear (parameter))
        continue;
      site = site_of (parameter->name);
      if (weights == NULL)
        weights = find_rule (plan, TN_PLAN_WEIGHTS, parameter->name);
      if (inputs == NULL && planned_inputs)
        inputs = find_rule (plan, TN_PLAN_ACTIVATIONS, site);
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !add_layer (self, parameter, weights, site, inputs, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

static void
tell_taken (const Layers *self, TnActivationScales *taken)
{
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnLayerPrecision *layer = &g_array_index (self->layers, TnLayerPrecision, i);
      g_autofree char *name = site_of (layer->name);
      const TnSiteStats *site = self->stats != NULL ? find_site (self->stats, name) : NULL;

      if (layer->static_params != NULL)
        tn_activation_scales_add (taken, name, layer->static_params,
                                  site != NULL ? MAX (fabs ((double) site->min.value), fabs ((double) site->max.value)) : (double) NAN);
    }
}

static void
warn_of_second_rounding (const Layers *self, const TnListener *listener)
{
  g_autofree char *text = NULL;

  if (self->rounded_twice == 0)
    return;
  text = g_strdup_printf (_ ("%u linear layers have rounded weights already; they are rounded a second time"), self->rounded_twice);
  tn_listener_event (listener, "warning", text);
}

TnModel *
tn_precision_apply (const TnPrecision *self, TnModel *model, GCancellable *cancellable, GError **error)
{
  g_auto (Layers) layers = {
      .original = model,
      .model = tn_model_ref (model),
      .stored = self->stored,
      .layers = g_array_new (FALSE, FALSE, sizeof (TnLayerPrecision)),
      .params = g_ptr_array_new_with_free_func (g_free),
  };
  TnMethodChoice choice = get_choice (self);
  g_autoptr (TnPlan) plan = NULL;
  TnScheme scheme, activations;

  if (!tn_precision_check (self, error) || !tn_method_choice_parse (&choice, &layers.method, error) ||
      !load_stats (&layers, self->stats_path, error))
    return NULL;
  if (tn_method_choice_is_empty (&choice))
    layers.method.method = TN_METHOD_MSE;
  if (self->plan_path != NULL)
    {
      plan = tn_precision_load_plan (self->plan_path, model, error);
      if (plan == NULL || !tn_plan_check_model (plan, _ ("this model"), tn_model_get_fingerprint (model), error) ||
          !check_weight_names (plan, model, error) || !tn_method_choice_apply_to_plan (&choice, plan, TN_PLAN_WEIGHTS, error) ||
          !round_named (plan, model, &layers.model, error))
        return NULL;
    }
  if ((self->scheme != NULL &&
       (!tn_scheme_parse (self->scheme, &scheme, error) || !tn_method_choice_apply_to_scheme (&choice, &scheme, error))) ||
      (rounds_inputs (self) && !tn_scheme_parse (self->activations, &activations, error)) ||
      !add_layers (&layers, plan, self->scheme != NULL ? &scheme : NULL, rounds_inputs (self) ? &activations : NULL,
                   self->activations == NULL, cancellable, error))
    return NULL;
  if (self->taken != NULL)
    tell_taken (&layers, self->taken);
  warn_of_second_rounding (&layers, self->listener);
  if (layers.layers->len == 0)
    return g_steal_pointer (&layers.model);
  return tn_model_quantize (layers.model, (const TnLayerPrecision *) (void *) layers.layers->data, layers.layers->len,
                            cancellable, error);
}
