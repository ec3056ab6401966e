/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/weight-errors.h"

#include <glib/gi18n-lib.h>

#include "engine/device/device.h"
#include "engine/error.h"

const TnTensor *
tn_analysis_find_weight (const TnAnalysis *self, TnModel *model, guint layer, GError **error)
{
  const char *name = tn_analysis_get_layer (self, layer)->name;
  const TnParameter *parameter = tn_model_find_parameter (model, name);

  if (parameter != NULL)
    return parameter->tensor;
  g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("the model has no tensor %s"), name);
  return NULL;
}

typedef struct
{
  const TnTensor *weight;
  GArray *schemes;
  TnQuantError *errors;
  GCancellable *cancellable;
  gboolean ok;
  GError *error;
} Call;

static void
measure_on_compute_thread (gpointer user_data)
{
  Call *call = user_data;

  call->ok = tn_quantize_errors_with (call->weight, NULL, (const TnScheme *) (gpointer) call->schemes->data, call->schemes->len,
                                      call->errors, call->cancellable, &call->error);
}

static gboolean
measure_layer (TnAnalysis *self, guint layer, const TnTensor *weight, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) schemes = g_array_new (FALSE, FALSE, sizeof (TnScheme));
  g_autofree TnQuantError *errors = g_new0 (TnQuantError, MAX (self->schemes->len, 1));
  Call call = {.weight = weight, .schemes = schemes, .errors = errors, .cancellable = cancellable};
  guint place = 0;

  for (guint k = 0; k < self->schemes->len; k++)
    if (tn_analysis_get_cell (self, layer, k)->applies)
      g_array_append_val (schemes, *tn_analysis_get_scheme (self, k));
  if (schemes->len == 0)
    return TRUE;
  tn_compute_run (measure_on_compute_thread, &call);
  if (!call.ok)
    {
      g_propagate_prefixed_error (error, call.error, "%s: ", tn_analysis_get_layer (self, layer)->name);
      return FALSE;
    }
  for (guint k = 0; k < self->schemes->len; k++)
    if (tn_analysis_get_cell (self, layer, k)->applies)
      tn_analysis_get_cell (self, layer, k)->weight = errors[place++];
  return TRUE;
}

gboolean
tn_analysis_measure_weights (TnAnalysis *self, TnModel *model, const TnListener *listener, GCancellable *cancellable,
                             GError **error)
{
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnTensor *weight = tn_analysis_find_weight (self, model, i, error);

      if (weight == NULL || !tn_listener_boundary (listener, error) ||
          g_cancellable_set_error_if_cancelled (cancellable, error) || !measure_layer (self, i, weight, cancellable, error))
        return FALSE;
      tn_listener_progress (listener, i + 1, self->layers->len, "layers");
    }
  return TRUE;
}
