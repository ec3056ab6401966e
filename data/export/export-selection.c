/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/export-selection.h"

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "engine/error.h"

gboolean
tn_export_is_linear (const TnModelTensor *tensor)
{
  const TnParameter parameter = {.name = tensor->name};

  return tn_parameter_is_linear (&parameter);
}

gboolean
tn_export_is_rounded_already (const TnTensor *tensor)
{
  return tensor->dtype == TN_DTYPE_PACKED || tensor->dtype == TN_DTYPE_Q8_GROUP || tn_dtype_block_elements (tensor->dtype) > 1;
}

static gboolean
is_matrix (const TnModelTensor *tensor)
{
  return tensor->tensor->n_dims >= 2;
}

/* Names that rules may have: first those that patterns take. */
static gboolean
check_names (TnModelFile *model, TnPlan *plan, const TnSelection *selections, gboolean any_linear, GError **error)
{
  guint n = tn_model_file_n_tensors (model), n_names = 0, n_common;
  g_autofree const char **names = g_new (const char *, n);

  for (guint i = 0; i < n; i++)
    if (selections[i].linear || (!any_linear && is_matrix (tn_model_file_get_tensor (model, i))))
      names[n_names++] = tn_model_file_get_tensor (model, i)->name;
  n_common = n_names;
  for (guint i = 0; i < n; i++)
    if (!selections[i].linear && (any_linear || !is_matrix (tn_model_file_get_tensor (model, i))))
      names[n_names++] = tn_model_file_get_tensor (model, i)->name;
  return tn_plan_check_names (plan, TN_PLAN_WEIGHTS, names, n_names, n_common, error);
}

static gboolean
check_tensor (const TnModelTensor *entry, const TnSelection *selection, GError **error)
{
  g_autofree char *quoted = tn_quote_string (entry->name);

  if (!is_matrix (entry))
    {
      g_autofree char *shape = tn_tensor_shape_to_string (entry->tensor);

      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("tensor %s: its shape is %s; only matrices can be quantized"), quoted,
                   shape);
      return FALSE;
    }
  if (!tn_dtype_can_decode (entry->tensor->dtype))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("tensor %s: numbers of type %s cannot be decoded"), quoted,
                   entry->dtype_name);
      return FALSE;
    }
  if (selection->select != TN_SELECT_SCHEME ||
      tn_scheme_check (&selection->scheme, tn_tensor_rows (entry->tensor), tn_tensor_columns (entry->tensor), error))
    return TRUE;
  g_prefix_error (error, _ ("tensor %s: "), quoted);
  return FALSE;
}

static void
apply_plan (TnPlan *plan, const TnModelTensor *entry, gboolean any_linear, TnSelection *selection)
{
  gboolean takes_patterns = selection->linear || (!any_linear && is_matrix (entry));
  const TnPlanRule *rule = tn_plan_find (plan, TN_PLAN_WEIGHTS, entry->name, !takes_patterns);

  if (rule == NULL || rule->keep)
    return;
  selection->select = TN_SELECT_SCHEME;
  selection->scheme = rule->scheme;
}

TnSelection *
tn_export_select (TnModelFile *model, TnPlan *plan, const TnScheme *scheme, GError **error)
{
  guint n = tn_model_file_n_tensors (model);
  g_autofree TnSelection *selections = g_new0 (TnSelection, n + 1);
  gboolean any_linear = FALSE;

  for (guint i = 0; i < n; i++)
    {
      selections[i].linear = tn_export_is_linear (tn_model_file_get_tensor (model, i));
      any_linear |= selections[i].linear;
    }
  if (plan == NULL && !any_linear)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                   _ ("%s: the file does not say which tensors are weights of linear layers; name them in a plan (--plan)"),
                   tn_model_file_get_path (model));
      return NULL;
    }
  if (plan != NULL &&
      (!tn_plan_check_model (plan, tn_model_file_get_path (model), tn_model_file_get_fingerprint (model), error) ||
       !check_names (model, plan, selections, any_linear, error)))
    return NULL;
  for (guint i = 0; i < n; i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (model, i);

      if (entry->tensor->count == 0)
        continue;
      if (plan != NULL)
        apply_plan (plan, entry, any_linear, &selections[i]);
      else if (selections[i].linear)
        {
          selections[i].select = scheme != NULL ? TN_SELECT_SCHEME : TN_SELECT_TYPE;
          if (scheme != NULL)
            selections[i].scheme = *scheme;
        }
      if (selections[i].select != TN_SELECT_KEEP && !check_tensor (entry, &selections[i], error))
        return NULL;
    }
  return g_steal_pointer (&selections);
}
