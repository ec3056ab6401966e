/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/inspect.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "data/files/mapped-file.h"
#include "engine/device/device.h"
#include "engine/error.h"

void
tn_tensor_inspection_free (TnTensorInspection *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->schemes, g_array_unref);
  g_clear_pointer (&self->histogram, tn_float_histogram_free);
  g_clear_pointer (&self->details, tn_tensor_details_free);
  g_free (self->errors);
  g_free (self);
}

typedef struct
{
  const TnTensor     *tensor;
  TnTensorInspection *inspection;
  gboolean            details;
  GCancellable       *cancellable;
  gboolean            ok;
  GError             *error;
} InspectCall;

/* A scheme that does not fit this width (groups of 64 over 96 columns) leaves NaN; the others are measured all the same. */
static gboolean
measure_schemes (InspectCall *call)
{
  TnTensorInspection *inspection = call->inspection;
  guint64 rows = tn_tensor_rows (call->tensor), columns = tn_tensor_columns (call->tensor);
  guint n = inspection->schemes->len;
  g_autofree TnScheme *fitting = g_new (TnScheme, n);
  g_autofree guint *place = g_new (guint, n);
  g_autofree TnQuantError *errors = g_new (TnQuantError, n);
  guint n_fitting = 0;

  for (guint i = 0; i < n; i++)
    {
      const TnScheme *scheme = &g_array_index (inspection->schemes, TnScheme, i);

      inspection->errors[i] = (TnQuantError) { NAN, NAN, NAN, NAN, NAN, NAN, NAN };
      if (!tn_scheme_check (scheme, rows, columns, NULL))
        continue;
      fitting[n_fitting] = *scheme;
      place[n_fitting++] = i;
    }
  if (n_fitting > 0 && !tn_quantize_errors_with (call->tensor, &inspection->summary.moments, fitting, n_fitting, errors, call->cancellable, &call->error))
    return FALSE;
  for (guint i = 0; i < n_fitting; i++)
    inspection->errors[place[i]] = errors[i];
  inspection->quantized = TRUE;
  return TRUE;
}

static void
inspect_on_compute_thread (gpointer user_data)
{
  InspectCall *call = user_data;

  call->ok = tn_tensor_summarize (call->tensor, &call->inspection->summary, call->inspection->histogram, call->cancellable, &call->error);
  if (call->ok && call->inspection->errors != NULL)
    call->ok = measure_schemes (call);
  if (!call->ok || !call->details)
    return;
  call->inspection->details =
      tn_tensor_details_new (call->tensor, &call->inspection->summary, call->inspection->histogram, tn_details_view_default.percents,
                             tn_details_view_default.n_percents, call->cancellable, &call->error);
  call->ok = call->inspection->details != NULL;
}

static TnTensorInspection *
inspect_tensor (TnModelFile *file, guint tensor, GArray *schemes, gboolean with_histogram, gboolean details, GCancellable *cancellable, GError **error)
{
  const TnModelTensor *entry = tn_model_file_get_tensor (file, tensor);
  TnTensorInspection *inspection = g_new0 (TnTensorInspection, 1);
  InspectCall call = { .tensor = entry->tensor, .inspection = inspection, .details = details, .cancellable = cancellable };

  inspection->tensor = tensor;
  inspection->schemes = g_array_ref (schemes);
  inspection->decoded = tn_dtype_can_decode (entry->tensor->dtype);
  if (!inspection->decoded)
    return inspection;
  if (with_histogram)
    inspection->histogram = tn_float_histogram_new ();
  if (entry->tensor->n_dims >= 2 && entry->tensor->count > 0)
    inspection->errors = g_new0 (TnQuantError, MAX (schemes->len, 1));
  tn_compute_run (inspect_on_compute_thread, &call);
  if (call.ok && entry->tensor->bytes > 0 && !tn_mapped_file_check (entry->tensor->data, error))
    {
      tn_tensor_inspection_free (inspection);
      return NULL;
    }
  if (!call.ok)
    {
      g_propagate_prefixed_error (error, call.error, "%s: %s: ", tn_model_file_get_path (file), entry->name);
      tn_tensor_inspection_free (inspection);
      return NULL;
    }
  return inspection;
}

TnTensorInspection *
tn_inspect_tensor (TnModelFile *file, guint tensor, GArray *schemes, gboolean with_histogram, GCancellable *cancellable, GError **error)
{
  return inspect_tensor (file, tensor, schemes, with_histogram, FALSE, cancellable, error);
}

gboolean
tn_inspect_model (TnModelFile *file, const char *only_tensor, GArray *schemes, gboolean details, TnInspectFunc func, gpointer user_data,
                  const TnListener *listener, GCancellable *cancellable, GError **error)
{
  guint n_tensors = tn_model_file_n_tensors (file);
  const TnModelTensor *only = NULL;
  double done = 0.0, total = 0.0;

  if (only_tensor != NULL && (only = tn_model_file_find_tensor (file, only_tensor)) == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _("%s: there is no tensor named “%s”"), tn_model_file_get_path (file), only_tensor);
      return FALSE;
    }
  for (guint i = 0; i < n_tensors; i++)
    if (only == NULL || only == tn_model_file_get_tensor (file, i))
      total += (double) tn_model_file_get_tensor (file, i)->tensor->bytes;
  for (guint i = 0; i < n_tensors; i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (file, i);
      TnTensorInspection *inspection;

      if (only != NULL && only != entry)
        continue;
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !tn_listener_boundary (listener, error))
        return FALSE;
      inspection = inspect_tensor (file, i, schemes, details, details, cancellable, error);
      if (inspection == NULL)
        return FALSE;
      func (inspection, user_data);
      done += (double) entry->tensor->bytes;
      tn_listener_progress (listener, done, total, "bytes");
    }
  return TRUE;
}
