/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/method-choice.h"

#include <glib/gi18n-lib.h>

#include "engine/error.h"
#include "engine/quant/parameters.h"

gboolean
tn_method_choice_is_empty (const TnMethodChoice *self)
{
  return self->method == NULL && self->objective == NULL;
}

gboolean
tn_method_choice_parse (const TnMethodChoice *self, TnMethodOptions *options, GError **error)
{
  TnMethodOptions parsed = {0};

  if (self->method != NULL && !tn_method_options_parse (self->method, &parsed, error))
    {
      g_prefix_error_literal (error, "--method: ");
      return FALSE;
    }
  if (self->objective != NULL)
    {
      if (self->method == NULL)
        parsed.method = TN_METHOD_AUTO;
      if (parsed.method != TN_METHOD_AUTO)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--objective: it is for --method auto, and --method is %s"),
                       self->method);
          return FALSE;
        }
      if (!tn_objective_parse (self->objective, &parsed.objective, error))
        {
          g_prefix_error_literal (error, "--objective: ");
          return FALSE;
        }
    }
  *options = parsed;
  return TRUE;
}

gboolean
tn_method_options_need_output (const TnMethodOptions *options)
{
  return options->method == TN_METHOD_OUTPUT ||
         (options->method == TN_METHOD_AUTO && options->objective == TN_OBJECTIVE_OUTPUT);
}

static gboolean
apply (const TnMethodOptions *options, TnScheme *scheme, GError **error)
{
  if (options->method == TN_METHOD_EMA)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--method: %s is of activations; weights do not come in batches"),
                   tn_method_get_name (options->method));
      return FALSE;
    }
  if (scheme->method == TN_METHOD_MINMAX && !tn_method_options_need_output (options))
    tn_scheme_set_method (scheme, options);
  return TRUE;
}

gboolean
tn_method_choice_check_values_only (const TnMethodChoice *self, GError **error)
{
  TnMethodOptions options;

  if (!tn_method_choice_parse (self, &options, error))
    return FALSE;
  if (!tn_method_options_need_output (&options))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--method: the error of a layer's output needs its inputs; %s"),
               "ternion eval --stats");
  return FALSE;
}

gboolean
tn_method_choice_apply_to_scheme (const TnMethodChoice *self, TnScheme *scheme, GError **error)
{
  TnMethodOptions options;

  return tn_method_choice_is_empty (self) || (tn_method_choice_parse (self, &options, error) && apply (&options, scheme, error));
}

gboolean
tn_method_choice_apply (const TnMethodChoice *self, GArray *schemes, GError **error)
{
  for (guint i = 0; i < schemes->len; i++)
    if (!tn_method_choice_apply_to_scheme (self, &g_array_index (schemes, TnScheme, i), error))
      return FALSE;
  return TRUE;
}

gboolean
tn_method_choice_apply_to_plan (const TnMethodChoice *self, TnPlan *plan, TnPlanGroup group, GError **error)
{
  for (guint i = 0; i < tn_plan_n_rules (plan, group); i++)
    {
      const TnPlanRule *rule = tn_plan_get_rule (plan, group, i);
      TnScheme scheme = rule->scheme;

      if (rule->keep)
        continue;
      if (!tn_method_choice_apply_to_scheme (self, &scheme, error))
        return FALSE;
      tn_plan_set_scheme (plan, group, i, &scheme);
    }
  return TRUE;
}
