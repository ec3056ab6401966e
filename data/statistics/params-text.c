/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/params-text.h"

#include <math.h>

#include "data/files/json-members.h"
#include "engine/calibration/intervals.h"
#include "engine/calibration/value-distribution.h"

static const TnScheme default_schemes[] = {{.kind = TN_SCHEME_INTEGER, .bits = 8}, {.kind = TN_SCHEME_INTEGER, .bits = 4}};

guint
tn_params_choice_n_schemes (const TnParamsChoice *self)
{
  return self->schemes != NULL ? self->schemes->len : G_N_ELEMENTS (default_schemes);
}

TnScheme
tn_params_choice_get_scheme (const TnParamsChoice *self, guint index)
{
  return self->schemes != NULL ? g_array_index (self->schemes, TnScheme, index) : default_schemes[index];
}

gboolean
tn_params_find (const TnSiteStats *site, const TnScheme *scheme, const TnMethodOptions *method, TnQuantParams *params)
{
  return site->has_extremes && tn_site_parameters (site, scheme, method, params, NULL, NULL);
}

/* The members of an open object. */
static void
add_params (JsonBuilder *builder, const TnQuantParams *params)
{
  tn_json_add_string (builder, "method", tn_method_get_name (params->method));
  if (params->chosen != params->method)
    tn_json_add_string (builder, "chosen", tn_method_get_name (params->chosen));
  if (params->method == TN_METHOD_PERCENTILE)
    tn_json_add_double (builder, "percentile", params->percentile);
  tn_json_add_double (builder, "scale", params->scale);
  json_builder_set_member_name (builder, "zero_point");
  json_builder_add_int_value (builder, params->zero_point);
  if (params->scheme.kind == TN_SCHEME_TERNARY)
    tn_json_add_double (builder, "threshold", params->threshold);
  tn_json_add_double (builder, "clip", params->clip);
  tn_json_add_double (builder, "mse", params->mse);
  tn_json_add_double (builder, "sqnr_db", params->sqnr_db);
}

/* Bits that a code is worth. */
static void
add_code_entropy (JsonBuilder *builder, const TnSiteStats *site, const TnQuantParams *params)
{
  const TnScheme *scheme = &params->scheme;
  gint32 last = scheme->kind == TN_SCHEME_INTEGER ? (1 << (scheme->bits - (scheme->asymmetric ? 0 : 1))) - 1 : 1;
  g_autoptr (TnValueDistribution) distribution = NULL;

  if (scheme->kind != TN_SCHEME_INTEGER || scheme->granularity != TN_PER_TENSOR)
    return;
  distribution = tn_value_distribution_new_site (site);
  tn_json_add_double (builder, "code_entropy",
                      tn_value_distribution_code_entropy (distribution, params->scale, params->zero_point, scheme->asymmetric ? 0 : -last, last));
}

/* null where it is not known. */
static void
add_range (JsonBuilder *builder, const char *name, double low, double high)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "low", low);
  tn_json_add_double (builder, "high", high);
  json_builder_end_object (builder);
}

/* What other sequences would have given. */
static void
add_parameter_intervals (JsonBuilder *builder, const TnSiteStats *site, const TnScheme *scheme, const TnMethodOptions *method)
{
  TnParameterInterval interval;
  TnQuantParams params;

  if (!tn_site_parameters (site, scheme, method, &params, &interval, NULL))
    return;
  add_range (builder, "scale_interval", interval.scale_low, interval.scale_high);
  add_range (builder, "mse_interval", interval.mse_low, interval.mse_high);
}

static void
add_sqnr_interval (JsonBuilder *builder, const TnSiteStats *site, const TnQuantParams *params)
{
  TnInterval interval;

  if (params->scheme.kind != TN_SCHEME_INTEGER || params->scheme.granularity != TN_PER_TENSOR)
    return;
  interval = tn_site_stats_sqnr_interval (site, &params->scheme, params->scale, params->zero_point);
  tn_json_open_object (builder, "sqnr_interval");
  tn_json_add_double (builder, "error", interval.error);
  tn_json_add_double (builder, "low", interval.low);
  tn_json_add_double (builder, "high", interval.high);
  json_builder_end_object (builder);
}

static void
add_search (JsonBuilder *builder, const char *scheme_name, const TnQuantParams *params)
{
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "scheme", scheme_name);
  add_params (builder, params);
  json_builder_end_object (builder);
}

static void
add_searches (JsonBuilder *builder, const TnSiteStats *site, const TnParamsChoice *choice, const TnScheme *scheme)
{
  g_autofree char *name = tn_scheme_to_string (scheme);
  TnQuantParams params;

  for (TnMethod method = TN_METHOD_MINMAX; method < TN_N_METHODS; method++)
    {
      TnMethodOptions options = {.method = method};

      if (method == choice->method.method)
        options = choice->method;
      else if (!choice->every_method && method != TN_METHOD_MINMAX && method != TN_METHOD_PERCENTILE && method != TN_METHOD_MSE)
        continue;
      if (tn_params_find (site, scheme, &options, &params))
        add_search (builder, name, &params);
    }
}

void
tn_params_add_json (JsonBuilder *builder, const TnSiteStats *site, const TnParamsChoice *choice, gboolean intervals)
{
  guint n_schemes = tn_params_choice_n_schemes (choice);

  json_builder_set_member_name (builder, "params");
  json_builder_begin_object (builder);
  for (guint s = 0; s < n_schemes; s++)
    {
      TnScheme scheme = tn_params_choice_get_scheme (choice, s);
      g_autofree char *name = tn_scheme_to_string (&scheme);
      TnQuantParams params;

      if (!tn_params_find (site, &scheme, &choice->method, &params))
        continue;
      json_builder_set_member_name (builder, name);
      json_builder_begin_object (builder);
      add_params (builder, &params);
      add_code_entropy (builder, site, &params);
      if (intervals)
        {
          add_sqnr_interval (builder, site, &params);
          add_parameter_intervals (builder, site, &scheme, &choice->method);
        }
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);

  json_builder_set_member_name (builder, "searches");
  json_builder_begin_array (builder);
  for (guint s = 0; s < n_schemes; s++)
    {
      TnScheme scheme = tn_params_choice_get_scheme (choice, s);

      add_searches (builder, site, choice, &scheme);
    }
  json_builder_end_array (builder);
}
