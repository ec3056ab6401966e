/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/params-text.h"

#include <math.h>

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

static void
add_double (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

/* The members of an open object. */
static void
add_params (JsonBuilder *builder, const TnQuantParams *params)
{
  add_string (builder, "method", tn_method_get_name (params->method));
  if (params->chosen != params->method)
    add_string (builder, "chosen", tn_method_get_name (params->chosen));
  if (params->method == TN_METHOD_PERCENTILE)
    add_double (builder, "percentile", params->percentile);
  add_double (builder, "scale", params->scale);
  json_builder_set_member_name (builder, "zero_point");
  json_builder_add_int_value (builder, params->zero_point);
  if (params->scheme.kind == TN_SCHEME_TERNARY)
    add_double (builder, "threshold", params->threshold);
  add_double (builder, "clip", params->clip);
  add_double (builder, "mse", params->mse);
  add_double (builder, "sqnr_db", params->sqnr_db);
}

/* null where it is not known. */
static void
add_range (JsonBuilder *builder, const char *name, double low, double high)
{
  json_builder_set_member_name (builder, name);
  if (!isfinite (low) || !isfinite (high))
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_array (builder);
  json_builder_add_double_value (builder, low);
  json_builder_add_double_value (builder, high);
  json_builder_end_array (builder);
}

static void
add_search (JsonBuilder *builder, const char *scheme_name, const TnQuantParams *params)
{
  json_builder_begin_object (builder);
  add_string (builder, "scheme", scheme_name);
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
      if (tn_site_parameters (site, scheme, &options, &params, NULL, NULL))
        add_search (builder, name, &params);
    }
}

void
tn_params_add_json (JsonBuilder *builder, const TnSiteStats *site, const TnParamsChoice *choice)
{
  guint n_schemes = tn_params_choice_n_schemes (choice);

  json_builder_set_member_name (builder, "params");
  json_builder_begin_object (builder);
  for (guint s = 0; s < n_schemes; s++)
    {
      TnScheme scheme = tn_params_choice_get_scheme (choice, s);
      g_autofree char *name = tn_scheme_to_string (&scheme);
      TnParameterInterval interval;
      TnQuantParams params;

      if (!tn_site_parameters (site, &scheme, &choice->method, &params, &interval, NULL))
        continue;
      json_builder_set_member_name (builder, name);
      json_builder_begin_object (builder);
      add_params (builder, &params);
      add_range (builder, "scale_interval", interval.scale_low, interval.scale_high);
      add_range (builder, "mse_interval", interval.mse_low, interval.mse_high);
      add_range (builder, "sqnr_db_interval", interval.sqnr_low_db, interval.sqnr_high_db);
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
