/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/codes.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <omp.h>

#include "engine/error.h"
#include "engine/quant/rounding-search.h"
#include "engine/tensor/lanes.h"

/* Values are multiplied out in so many at a time. */
#define ERROR_CHUNK 2048

struct _TnCoder
{
  const TnTensor *tensor;
  TnScheme scheme;
  TnCodeStorage storage;
  guint64 columns;
  guint64 unit_length; /* elements of a row that share a scale */
  gboolean per_tensor;
  gboolean streamed;   /* units are too long to be searched while they are at hand */
  TnRounding rounding; /* per_tensor: of all units */
};

typedef struct
{
  TnCodeSums sums;
  float bad_scale; /* 0: none */
} RowResult;

TnCoder *
tn_coder_new (const TnTensor *tensor, const TnScheme *scheme, const TnCodeStorage *storage, GCancellable *cancellable,
              GError **error)
{
  guint64 rows = tn_tensor_rows (tensor), columns = tn_tensor_columns (tensor);
  const TnScheme *schemes[] = {scheme};
  g_autoptr (TnCoder) self = NULL;

  if (!tn_scheme_check (scheme, rows, columns, error))
    return NULL;
  if (!tn_dtype_can_decode (tensor->dtype))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("Tensors of type %s cannot be decoded"),
                   tn_dtype_get_name (tensor->dtype));
      return NULL;
    }
  self = g_new0 (TnCoder, 1);
  self->tensor = tensor;
  self->scheme = *scheme;
  self->storage = *storage;
  self->columns = columns;
  self->per_tensor = scheme->granularity == TN_PER_TENSOR;
  self->unit_length = scheme->granularity == TN_PER_GROUP ? scheme->group_size : MAX (columns, 1);
  self->streamed = self->unit_length > TN_ROUNDING_MAX_CACHED_ELEMENTS;
  if (self->per_tensor &&
      !tn_rounding_find_in_tensor (tensor, 0, tensor->count, NULL, schemes, 1, &self->rounding, cancellable, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
tn_coder_free (TnCoder *self)
{
  g_free (self);
}

guint64
tn_coder_units_per_row (const TnCoder *self)
{
  return self->columns / self->unit_length;
}

gboolean
tn_coder_is_per_tensor (const TnCoder *self)
{
  return self->per_tensor;
}

static float
store_value (TnDtype dtype, float value)
{
  return dtype == TN_DTYPE_F16 ? tn_f16_to_f32 (tn_f32_to_f16 (value)) : tn_bf16_to_f32 (tn_f32_to_bf16 (value));
}

/* The scale as it is kept; FALSE when it is not zero or infinite, and the kept one is. */
static gboolean
store_scale (const TnCoder *self, TnRounding *unit, TnCodeSums *sums)
{
  float scale = unit->scale;

  if (unit->overflow > 0.0f)
    return FALSE;
  if (self->storage.scales != TN_DTYPE_F16)
    return TRUE;
  unit->scale = store_value (TN_DTYPE_F16, scale);
  if (scale != 0.0f)
    sums->scale_change = MAX (sums->scale_change, fabs ((double) unit->scale - (double) scale) / (double) scale);
  return isfinite (unit->scale) && (unit->scale != 0.0f || scale == 0.0f);
}

/* n values of a unit and what is kept of them, in floats; sums in lanes that are folded in a fixed order. */
TN_LANES_INLINE void
add_errors (const float *x, const float *stored, gsize n, TnCodeSums *sums)
{
  TnDouble4 square_low = {0}, square_high = {0}, error_low = {0}, error_high = {0};

  for (gsize i = 0; i < n; i += TN_LANES)
    {
      TN_LANES_LOAD (value, x, i, n);
      TN_LANES_LOAD (kept, stored, i, n);
      TnInt8 finite = TN_LANES_FINITE (value);
      TnDouble4 error;

      value = (TnFloat8) ((TnInt8) value & finite);
      kept = (TnFloat8) ((TnInt8) kept & finite);
      square_low += TN_LANES_LOW (value) * TN_LANES_LOW (value);
      square_high += TN_LANES_HIGH (value) * TN_LANES_HIGH (value);
      error = TN_LANES_LOW (value) - TN_LANES_LOW (kept);
      error_low += error * error;
      error = TN_LANES_HIGH (value) - TN_LANES_HIGH (kept);
      error_high += error * error;
    }
  sums->square += TN_LANES_SUM (square_low, square_high);
  sums->error_square += TN_LANES_SUM (error_low, error_high);
}

TN_LANES_INLINE void
multiply_codes (const gint16 *codes, float scale, gsize n, float *out)
{
  for (gsize i = 0; i < n; i++)
    out[i] = (float) codes[i] * scale;
}

#if TN_LANES_X86
TN_LANES_AVX2 static void
add_errors_avx2 (const float *x, const float *stored, gsize n, TnCodeSums *sums)
{
  add_errors (x, stored, n, sums);
}

TN_LANES_AVX2 static void
multiply_codes_avx2 (const gint16 *codes, float scale, gsize n, float *out)
{
  multiply_codes (codes, scale, n, out);
}
#else
#define add_errors_avx2 add_errors
#define multiply_codes_avx2 multiply_codes
#endif

static void
code_unit (const TnCoder *self, const TnRounding *searched, float scale, const float *x, guint64 n, gint16 *codes,
           TnCodeSums *sums)
{
  float stored[ERROR_CHUNK];

  sums->nonfinite += tn_rounding_encode (searched, x, (gsize) n, codes);
  for (guint64 start = 0; start < n; start += ERROR_CHUNK)
    {
      gsize length = (gsize) MIN (n - start, ERROR_CHUNK);

      if (tn_lanes_have_avx2 ())
        multiply_codes_avx2 (codes + start, scale, length, stored);
      else
        multiply_codes (codes + start, scale, length, stored);
      for (gsize i = 0; i < length && self->storage.values != TN_DTYPE_F32; i++)
        stored[i] = store_value (self->storage.values, stored[i]);
      if (tn_lanes_have_avx2 ())
        add_errors_avx2 (x + start, stored, length, sums);
      else
        add_errors (x + start, stored, length, sums);
    }
}

/* units: searched before where they are streamed. */
static void
code_row (const TnCoder *self, const float *x, gint16 *codes, TnRounding *units, RowResult *result)
{
  guint64 n_units = tn_coder_units_per_row (self), n = self->unit_length;

  for (guint64 i = 0; i < n_units; i++)
    {
      TnRounding searched = self->per_tensor ? self->rounding
                            : self->streamed ? units[i]
                                             : tn_rounding_find (&self->scheme, x + i * n, (gsize) n);

      units[i] = searched;
      if (!store_scale (self, &units[i], &result->sums))
        result->bad_scale = searched.overflow > 0.0f ? searched.overflow : searched.scale;
      if (codes != NULL)
        code_unit (self, &searched, units[i].scale, x + i * n, n, codes + i * n, &result->sums);
    }
}

static gboolean
search_streamed (const TnCoder *self, guint64 first, guint64 n, TnRounding *units, GCancellable *cancellable, GError **error)
{
  const TnScheme *schemes[] = {&self->scheme};
  guint64 n_units = n * tn_coder_units_per_row (self);

  for (guint64 i = 0; i < n_units; i++)
    if (!tn_rounding_find_in_tensor (self->tensor, first * self->columns + i * self->unit_length, self->unit_length, NULL,
                                     schemes, 1, &units[i], cancellable, error))
      return FALSE;
  return TRUE;
}

gboolean
tn_coder_read (TnCoder *self, guint64 first, guint64 n, gint16 *codes, TnRounding *units, TnCodeSums *sums,
               GCancellable *cancellable, GError **error)
{
  guint64 n_units = tn_coder_units_per_row (self);
  g_autofree RowResult *results = g_new0 (RowResult, n);
  g_autoptr (TnBlock) memory = NULL;

  g_return_val_if_fail (first <= tn_tensor_rows (self->tensor) && n <= tn_tensor_rows (self->tensor) - first, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error) ||
      (self->streamed && !self->per_tensor && !search_streamed (self, first, n, units, cancellable, error)))
    return FALSE;
  memory = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, (gsize) omp_get_max_threads () * sizeof (float),
                                (gsize) self->columns, error);
  if (memory == NULL)
    return FALSE;
#pragma omp parallel for schedule(static) if (n > 1)
  for (guint64 i = 0; i < n; i++)
    {
      float *x = (float *) memory + (gsize) omp_get_thread_num () * self->columns;

      tn_tensor_decode_rows (self->tensor, first + i, 1, x);
      code_row (self, x, codes != NULL ? codes + i * self->columns : NULL, units + i * n_units, &results[i]);
    }
  tn_tensor_release_rows (self->tensor, first, n);
  for (guint64 i = 0; i < n; i++)
    {
      const RowResult *result = &results[i];

      if (result->bad_scale != 0.0f)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                       _ ("row %" PRIu64 ": the scale %g is outside what a 16-bit float can hold"), first + i,
                       (double) result->bad_scale);
          return FALSE;
        }
      sums->nonfinite += result->sums.nonfinite;
      sums->square += result->sums.square;
      sums->error_square += result->sums.error_square;
      sums->scale_change = MAX (sums->scale_change, result->sums.scale_change);
    }
  return TRUE;
}
