/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/compare.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/metrics/metric-names.h"

/* Elements of each side that are decoded at a time, where a row is no longer than that. */
#define CHUNK_ELEMENTS ((guint64) 1 << 20)

static void
tensor_comparison_free (gpointer data)
{
  TnTensorComparison *self = data;

  g_clear_pointer (&self->metrics, tn_error_metrics_free);
  g_clear_pointer (&self->spectrum, tn_spectrum_free);
  g_free (self->name);
  g_free (self);
}

void
tn_comparison_free (TnComparison *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->tensors);
  g_ptr_array_unref (self->only_reference);
  g_ptr_array_unref (self->only_approximation);
  g_ptr_array_unref (self->unlike);
  g_free (self);
}

typedef struct
{
  TnNumberFile *reference, *approximation;
  guint         at, other; /* entries */
  const TnCompareOptions *options;
  TnTensorComparison *result;
  GCancellable *cancellable;
  gboolean      ok;
  GError       *error;
} Call;

static TnTensor *
new_buffer (guint64 count, GError **error)
{
  return tn_tensor_new (TN_DTYPE_F32, 1, &count, TN_PURPOSE_SCRATCH, error);
}

static gboolean
compare_rows (Call *call, TnErrorMetrics *metrics, GError **error)
{
  TnTensorComparison *result = call->result;
  gboolean whole = call->options->segment > 0;
  guint64 step = whole ? MAX (result->rows, 1) : MAX (CHUNK_ELEMENTS / MAX (result->columns, 1), 1);
  g_autoptr (TnTensor) x = new_buffer (MIN (step, MAX (result->rows, 1)) * result->columns, error);
  g_autoptr (TnTensor) y = x != NULL ? new_buffer (x->count, error) : NULL;
  float *reference, *approximation;

  if (y == NULL)
    return FALSE;
  reference = tn_tensor_get_writable (x);
  approximation = tn_tensor_get_writable (y);
  for (guint64 first = 0; first < result->rows; first += step)
    {
      guint64 n = MIN (step, result->rows - first);

      if (g_cancellable_set_error_if_cancelled (call->cancellable, error) ||
          !tn_number_file_read (call->reference, call->at, first, n, reference, error) ||
          !tn_number_file_read (call->approximation, call->other, first, n, approximation, error))
        return FALSE;
      tn_error_metrics_add (metrics, first, reference, result->columns, approximation, result->columns, n);
    }
  if (whole)
    {
      result->spectrum = tn_spectrum_new (call->options->segment);
      for (guint64 column = 0; column < result->columns; column++)
        tn_spectrum_add (result->spectrum, reference + column, result->columns, approximation + column, result->columns, result->rows);
    }
  return TRUE;
}

static void
compare_on_compute_thread (gpointer user_data)
{
  Call *call = user_data;
  TnErrorMetricsFlags flags = call->options->parts ? TN_ERROR_METRICS_CHANNELS | TN_ERROR_METRICS_ROWS : TN_ERROR_METRICS_WHOLE;
  g_autoptr (TnErrorMetrics) metrics = tn_error_metrics_new (call->result->columns, flags);

  call->ok = compare_rows (call, metrics, &call->error);
  if (!call->ok)
    return;
  tn_error_metrics_summarize (metrics, &call->result->summary);
  if (call->options->parts)
    call->result->metrics = g_steal_pointer (&metrics);
}

static TnTensorComparison *
compare_tensor (TnNumberFile *reference, guint at, TnNumberFile *approximation, guint other, const TnCompareOptions *options,
                GCancellable *cancellable, GError **error)
{
  const TnNumberEntry *entry = tn_number_file_get (reference, at);
  TnTensorComparison *result = g_new0 (TnTensorComparison, 1);
  Call call = { .reference = reference, .approximation = approximation, .at = at, .other = other, .options = options, .result = result, .cancellable = cancellable };

  result->name = g_strdup (entry->name);
  result->n_dims = entry->n_dims;
  memcpy (result->shape, entry->shape, sizeof result->shape);
  result->rows = entry->rows;
  result->columns = entry->columns;
  tn_compute_run (compare_on_compute_thread, &call);
  if (!call.ok)
    {
      g_propagate_prefixed_error (error, call.error, "%s: ", entry->name);
      tensor_comparison_free (result);
      return NULL;
    }
  if (options->scheme != NULL && entry->n_dims >= 2 && tn_scheme_check (options->scheme, entry->rows, entry->columns, NULL))
    tn_grade_sqnr (options->scheme, entry->rows, entry->columns, result->summary.sqnr_db, &result->grade);
  return result;
}

static char *
shape_to_string (const TnNumberEntry *entry)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < entry->n_dims; i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i > 0 ? " × " : "", entry->shape[i]);
  return g_string_free (text, FALSE);
}

static gboolean
have_same_shape (const TnNumberEntry *a, const TnNumberEntry *b)
{
  return a->n_dims == b->n_dims && memcmp (a->shape, b->shape, a->n_dims * sizeof *a->shape) == 0;
}

/* That they can be compared; an error says why not. */
static gboolean
check_pair (TnNumberFile *reference, guint at, TnNumberFile *approximation, guint other, GError **error)
{
  const TnNumberEntry *a = tn_number_file_get (reference, at), *b = tn_number_file_get (approximation, other);

  if (!have_same_shape (a, b))
    {
      g_autofree char *shape_a = shape_to_string (a), *shape_b = shape_to_string (b);

      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _("%s: tensor “%s” is %s; in %s it is %s"), tn_number_file_get_path (approximation), b->name, shape_b,
                   tn_number_file_get_path (reference), shape_a);
      return FALSE;
    }
  if (a->readable && b->readable)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _("%s: the type of tensor “%s” cannot be decoded"),
               tn_number_file_get_path (a->readable ? approximation : reference), a->name);
  return FALSE;
}

/* The entry of the approximation that stands for one of the reference; -1: none. */
static gint
find_partner (TnNumberFile *reference, guint at, TnNumberFile *approximation)
{
  if (tn_number_file_n_entries (reference) == 1 && tn_number_file_n_entries (approximation) == 1)
    return 0;
  return tn_number_file_find (approximation, tn_number_file_get (reference, at)->name);
}

static gboolean
compare_one (TnComparison *self, TnNumberFile *reference, TnNumberFile *approximation, const TnCompareOptions *options, GCancellable *cancellable,
             GError **error)
{
  gint at = tn_number_file_find (reference, options->tensor), other = at >= 0 ? find_partner (reference, (guint) at, approximation) : -1;
  TnTensorComparison *result;

  if (other < 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _("%s: there is no tensor named “%s”"),
                   tn_number_file_get_path (at < 0 ? reference : approximation), options->tensor);
      return FALSE;
    }
  if (!check_pair (reference, (guint) at, approximation, (guint) other, error))
    return FALSE;
  result = compare_tensor (reference, (guint) at, approximation, (guint) other, options, cancellable, error);
  if (result == NULL)
    return FALSE;
  g_ptr_array_add (self->tensors, result);
  return TRUE;
}

static gboolean
compare_all (TnComparison *self, TnNumberFile *reference, TnNumberFile *approximation, const TnCompareOptions *options, const TnListener *listener,
             GCancellable *cancellable, GError **error)
{
  guint n = tn_number_file_n_entries (reference);
  g_autofree gboolean *taken = g_new0 (gboolean, MAX (tn_number_file_n_entries (approximation), 1));

  for (guint i = 0; i < n; i++)
    {
      const TnNumberEntry *entry = tn_number_file_get (reference, i);
      gint other = find_partner (reference, i, approximation);
      TnTensorComparison *result;

      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !tn_listener_boundary (listener, error))
        return FALSE;
      if (other < 0)
        {
          g_ptr_array_add (self->only_reference, g_strdup (entry->name));
          continue;
        }
      taken[other] = TRUE;
      if (!check_pair (reference, i, approximation, (guint) other, NULL))
        {
          g_ptr_array_add (self->unlike, g_strdup (entry->name));
          continue;
        }
      result = compare_tensor (reference, i, approximation, (guint) other, options, cancellable, error);
      if (result == NULL)
        return FALSE;
      g_ptr_array_add (self->tensors, result);
      tn_listener_progress (listener, i + 1, n, "tensors");
    }
  for (guint i = 0; i < tn_number_file_n_entries (approximation); i++)
    if (!taken[i])
      g_ptr_array_add (self->only_approximation, g_strdup (tn_number_file_get (approximation, i)->name));
  if (self->tensors->len > 0)
    return TRUE;
  if (self->unlike->len > 0)
    return check_pair (reference, (guint) tn_number_file_find (reference, self->unlike->pdata[0]), approximation,
                       (guint) find_partner (reference, (guint) tn_number_file_find (reference, self->unlike->pdata[0]), approximation), error);
  g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _("%s and %s have no tensor of the same name"), options->reference, options->approximation);
  return FALSE;
}

TnComparison *
tn_compare_files (const TnCompareOptions *options, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnNumberFile) reference = tn_number_file_open (options->reference, error);
  g_autoptr (TnNumberFile) approximation = reference != NULL ? tn_number_file_open (options->approximation, error) : NULL;
  g_autoptr (TnComparison) self = NULL;

  if (approximation == NULL)
    return NULL;
  self = g_new0 (TnComparison, 1);
  self->tensors = g_ptr_array_new_with_free_func (tensor_comparison_free);
  self->only_reference = g_ptr_array_new_with_free_func (g_free);
  self->only_approximation = g_ptr_array_new_with_free_func (g_free);
  self->unlike = g_ptr_array_new_with_free_func (g_free);
  if (options->tensor != NULL ? !compare_one (self, reference, approximation, options, cancellable, error)
                              : !compare_all (self, reference, approximation, options, listener, cancellable, error))
    return NULL;
  if (!tn_number_file_check (reference, error) || !tn_number_file_check (approximation, error))
    return NULL;
  return g_steal_pointer (&self);
}

typedef struct
{
  const TnComparison *comparison;
  const TnMetric     *metric;
} Ranking;

static int
compare_ranks (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Ranking *ranking = user_data;
  guint first = *(const guint *) a, second = *(const guint *) b;
  const TnTensorComparison *x = ranking->comparison->tensors->pdata[first], *y = ranking->comparison->tensors->pdata[second];
  int order = tn_metric_compare_worst (ranking->metric, tn_metric_get (ranking->metric, &x->summary), tn_metric_get (ranking->metric, &y->summary));

  return order != 0 ? order : (first > second) - (first < second);
}

GArray *
tn_comparison_rank (const TnComparison *self, const char *metric)
{
  Ranking ranking = { self, tn_metric_find (metric) };
  GArray *order = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < self->tensors->len; i++)
    g_array_append_val (order, i);
  if (ranking.metric != NULL)
    g_array_sort_with_data (order, compare_ranks, &ranking);
  return order;
}
