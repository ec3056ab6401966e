/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/quant-params.h"

#include <glib/gi18n-lib.h>

#include "engine/error.h"

static const char *const names[TN_N_METHODS] = {
    [TN_METHOD_MINMAX] = "minmax",
    [TN_METHOD_PERCENTILE] = "percentile",
    [TN_METHOD_MSE] = "mse",
};

const char *
tn_method_get_name (TnMethod method)
{
  g_return_val_if_fail (method < TN_N_METHODS, NULL);

  return names[method];
}

gboolean
tn_method_parse (const char *name, TnMethod *method, GError **error)
{
  for (guint i = 0; i < TN_N_METHODS; i++)
    if (g_strcmp0 (name, names[i]) == 0)
      {
        *method = (TnMethod) i;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("Method “%s” is not known; expected %s, %s or %s"), name,
               names[TN_METHOD_MINMAX], names[TN_METHOD_PERCENTILE], names[TN_METHOD_MSE]);
  return FALSE;
}
