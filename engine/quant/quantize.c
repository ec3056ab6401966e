/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/quantize.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "engine/error.h"
#include "engine/quant/rounding-search.h"
#include "engine/tensor/scan.h"

/* Scales of so many rows or groups are found before their elements are rounded. */
#define UNIT_BATCH 256

/* Elements that share a scale (a unit) stand together in row-major order. */
static guint64
get_unit_length (const TnScheme *scheme, guint64 rows, guint64 columns)
{
  switch (scheme->granularity)
    {
    case TN_PER_TENSOR:
      return rows * columns;
    case TN_PER_GROUP:
      return scheme->group_size;
    case TN_PER_CHANNEL:
    case TN_PER_TOKEN:
      return columns;
    default:
      g_return_val_if_reached (columns);
    }
}

/* One scheme on its way over a tensor. */
typedef struct
{
  const TnScheme *scheme;
  gsize unit_length;   /* 0: one scale for all that is being streamed, found before */
  TnRounding rounding; /* that scale */
} Plan;

typedef struct
{
  guint64 finite;
  double square; /* sum of x^2 */
  TnRoundingSums rounding;
} Sums;

typedef struct
{
  const TnTensor *tensor;
  GCancellable *cancellable;
  Plan *plans;
  guint n_plans;
  /* Errors are wanted: */
  Sums *slots;  /* [TN_TENSOR_WAVE_BLOCKS, n_plans] */
  Sums *totals; /* [n_plans] */
  /* Or rounded values are, of the only plan: */
  float *out;     /* [tensor->count] */
  gint *overflow; /* set when a scale cannot be stored */
} Stream;

static void
measure_plan (const Plan *plan, const float *x, gsize n, TnRoundingSums *sums)
{
  TnRounding units[UNIT_BATCH];
  gsize length = plan->unit_length;

  if (length == 0)
    {
      tn_rounding_measure (&plan->rounding, n, x, n, sums);
      return;
    }
  for (gsize start = 0; start < n; start += length * UNIT_BATCH)
    {
      gsize n_batch = MIN (n - start, length * UNIT_BATCH);

      for (gsize unit = 0; unit * length < n_batch; unit++)
        units[unit] = tn_rounding_find (plan->scheme, x + start + unit * length, length);
      tn_rounding_measure (units, length, x + start, n_batch, sums);
    }
}

static void
measure_block (const TnTensorBlock *block, gpointer user_data)
{
  const Stream *self = user_data;
  Sums *slot = self->slots + (gsize) block->slot * self->n_plans;
  Sums shared = {0};

  shared.square = tn_scan_squares (block->x, block->n, &shared.finite);
  for (guint i = 0; i < self->n_plans; i++)
    {
      slot[i] = shared;
      measure_plan (&self->plans[i], block->x, block->n, &slot[i].rounding);
    }
}

static void
fold_block (guint slot, gpointer user_data)
{
  const Stream *self = user_data;

  for (guint i = 0; i < self->n_plans; i++)
    {
      const Sums *block = self->slots + (gsize) slot * self->n_plans + i;
      Sums *total = &self->totals[i];

      total->finite += block->finite;
      total->square += block->square;
      total->rounding.zeros += block->rounding.zeros;
      total->rounding.error_square += block->rounding.error_square;
      total->rounding.product += block->rounding.product;
      total->rounding.rounded_square += block->rounding.rounded_square;
    }
}

static void
round_block (const TnTensorBlock *block, gpointer user_data)
{
  const Stream *self = user_data;
  const Plan *plan = self->plans;
  float *out = self->out + block->first;
  gsize length = plan->unit_length == 0 ? block->n : plan->unit_length;

  for (gsize start = 0; start < block->n; start += length)
    {
      TnRounding rounding = plan->unit_length == 0 ? plan->rounding : tn_rounding_find (plan->scheme, block->x + start, length);

      tn_rounding_round (&rounding, block->x + start, length, out + start);
      if (rounding.overflow > 0.0f)
        g_atomic_int_set (self->overflow, TRUE);
    }
}

/* Elements first .. first + n; plans without units have one scale here. */
static gboolean
stream_range (const Stream *self, guint64 first, guint64 n, gsize block_elements, const TnMoments *moments, GError **error)
{
  g_autofree const TnScheme **schemes = g_new (const TnScheme *, self->n_plans);
  g_autofree Plan **searched = g_new (Plan *, self->n_plans);
  g_autofree TnRounding *roundings = g_new (TnRounding, self->n_plans);
  TnTensorVisitor visitor = {
      .measure = self->out != NULL ? round_block : measure_block,
      .fold = self->out != NULL ? NULL : fold_block,
      .user_data = (gpointer) self,
  };
  guint n_searched = 0;

  for (guint i = 0; i < self->n_plans; i++)
    if (self->plans[i].unit_length == 0)
      {
        schemes[n_searched] = self->plans[i].scheme;
        searched[n_searched++] = &self->plans[i];
      }
  if (n_searched > 0 &&
      !tn_rounding_find_in_tensor (self->tensor, first, n, moments, schemes, n_searched, roundings, self->cancellable, error))
    return FALSE;
  for (guint i = 0; i < n_searched; i++)
    searched[i]->rounding = roundings[i];
  return tn_tensor_visit_blocks (self->tensor, first, n, block_elements, &visitor, self->cancellable, error);
}

/* Rows too long to be held: each plan goes over the tensor by itself, in blocks of whole groups or a row (or group) at a time. */
static gboolean
stream_long_rows (const Stream *self, const TnMoments *moments, GError **error)
{
  const TnTensor *tensor = self->tensor;
  guint64 rows = tn_tensor_rows (tensor), columns = tn_tensor_columns (tensor);

  for (guint i = 0; i < self->n_plans; i++)
    {
      Stream one = *self;
      guint64 length = get_unit_length (self->plans[i].scheme, rows, columns);

      one.plans = &self->plans[i];
      one.n_plans = 1;
      if (self->totals != NULL)
        one.totals = &self->totals[i];
      if (length <= TN_ROUNDING_MAX_CACHED_ELEMENTS)
        {
          one.plans->unit_length = (gsize) length;
          if (!stream_range (&one, 0, tensor->count, (gsize) (length * MAX (1, TN_TENSOR_BLOCK_ELEMENTS / length)), NULL, error))
            return FALSE;
          continue;
        }
      one.plans->unit_length = 0;
      for (guint64 first = 0; first < tensor->count; first += length)
        if (!stream_range (&one, first, length, TN_TENSOR_BLOCK_ELEMENTS, length == tensor->count ? moments : NULL, error))
          return FALSE;
    }
  return TRUE;
}

static gboolean
stream_tensor (const Stream *self, const TnMoments *moments, GError **error)
{
  guint64 rows = tn_tensor_rows (self->tensor), columns = tn_tensor_columns (self->tensor);

  for (guint i = 0; i < self->n_plans; i++)
    {
      const TnScheme *scheme = self->plans[i].scheme;

      if (!tn_scheme_check (scheme, rows, columns, error))
        return FALSE;
      self->plans[i].unit_length =
          scheme->granularity == TN_PER_TENSOR ? 0 : (gsize) MIN (get_unit_length (scheme, rows, columns), G_MAXSIZE);
    }
  if (columns > TN_ROUNDING_MAX_CACHED_ELEMENTS)
    return stream_long_rows (self, moments, error);
  return stream_range (self, 0, self->tensor->count,
                       (gsize) (MAX (columns, 1) * MAX (1, TN_TENSOR_BLOCK_ELEMENTS / MAX (columns, 1))), moments, error);
}

static TnQuantError
get_error (const Sums *sums, double bits)
{
  double norms = sqrt (sums->square) * sqrt (sums->rounding.rounded_square);
  double n = (double) MAX (sums->finite, 1);

  return (TnQuantError){
      .bits = bits,
      .mse = sums->rounding.error_square / n,
      .sqnr_db =
          sums->rounding.error_square > 0.0 ? 10.0 * log10 (sums->square / sums->rounding.error_square) : (double) INFINITY,
      .cosine = norms > 0.0 ? sums->rounding.product / norms : (double) NAN,
      .zero_fraction = (double) sums->rounding.zeros / n,
      .scale = (double) NAN,
      .zero_point = (double) NAN,
  };
}

gboolean
tn_quantize_errors_with (const TnTensor *tensor, const TnMoments *moments, const TnScheme *schemes, guint n_schemes,
                         TnQuantError *errors, GCancellable *cancellable, GError **error)
{
  g_autofree Plan *plans = g_new0 (Plan, n_schemes);
  g_autofree Sums *slots = g_new (Sums, (gsize) TN_TENSOR_WAVE_BLOCKS * n_schemes);
  g_autofree Sums *totals = g_new0 (Sums, n_schemes);
  Stream stream =
      {.tensor = tensor, .cancellable = cancellable, .plans = plans, .n_plans = n_schemes, .slots = slots, .totals = totals};

  for (guint i = 0; i < n_schemes; i++)
    plans[i].scheme = &schemes[i];
  if (!stream_tensor (&stream, moments, error))
    return FALSE;
  for (guint i = 0; i < n_schemes; i++)
    {
      errors[i] = get_error (&totals[i], tn_scheme_bits (&schemes[i], tn_tensor_rows (tensor), tn_tensor_columns (tensor)));
      if (schemes[i].granularity == TN_PER_TENSOR)
        {
          errors[i].scale = (double) plans[i].rounding.scale;
          errors[i].zero_point = schemes[i].asymmetric ? -(double) plans[i].rounding.low : 0.0;
        }
    }
  return TRUE;
}

gboolean
tn_quantize_errors (const TnTensor *tensor, const TnScheme *schemes, guint n_schemes, TnQuantError *errors, GError **error)
{
  return tn_quantize_errors_with (tensor, NULL, schemes, n_schemes, errors, NULL, error);
}

static gboolean
round_tensor (const TnTensor *tensor, const TnScheme *scheme, float *out, GError **error)
{
  gint overflow = FALSE;
  Plan plan = {.scheme = scheme};
  Stream stream = {.tensor = tensor, .plans = &plan, .n_plans = 1, .out = out, .overflow = &overflow};
  g_autofree char *name = NULL;

  if (!stream_tensor (&stream, NULL, error))
    return FALSE;
  if (!overflow)
    return TRUE;
  name = tn_scheme_to_string (scheme);
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("Scheme %s: a scale is beyond 65504, the largest 16 bits hold; expected :f32"),
               name);
  return FALSE;
}

TnTensor *
tn_quantize_tensor (const TnTensor *tensor, const TnScheme *scheme, GError **error)
{
  g_autoptr (TnTensor) rounded = tn_tensor_new (TN_DTYPE_F32, tensor->n_dims, tensor->shape, TN_PURPOSE_WEIGHTS, error);

  if (rounded == NULL || !round_tensor (tensor, scheme, tn_tensor_get_writable (rounded), error))
    return NULL;
  return g_steal_pointer (&rounded);
}

gboolean
tn_quantize_values (const TnScheme *scheme, const float *w, guint64 rows, guint64 columns, float *out, GError **error)
{
  const guint64 shape[] = {rows, columns};
  g_autoptr (TnTensor) tensor =
      tn_tensor_new_mapped (TN_DTYPE_F32, 2, shape, w, rows * columns * sizeof (float), NULL, NULL, NULL);

  return round_tensor (tensor, scheme, out, error);
}
