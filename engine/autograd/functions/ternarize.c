/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/ternarize.h"

#include <math.h>
#include <string.h>

#include "engine/autograd/estimators/estimator.h"
#include "engine/autograd/estimators/quantizer-count.h"
#include "engine/autograd/functions/real.h"
#include "engine/error.h"
#include "engine/kernels/ternarize.h"
#include "engine/quant/rounding-search.h"

/* Rows of a piece of work. */
#define BLOCK_ROWS ((gsize) 2 * TN_TERNARY_TILE_ROWS)
#define FIRST_BITS G_GUINT64_CONSTANT (0x5555555555555555)

typedef struct
{
  TnScheme scheme;
  TnQuantizerState *state;
} Attributes;

/* What stands in front of the tiles, a line of it. */
typedef struct
{
  gint32 per_row;
  guint8 rest[60];
} Head;

gsize
tn_packed_ternary_bytes (const TnShape *shape)
{
  gsize rows = tn_shape_rows (shape), tiles = tn_ternary_bytes (rows, tn_shape_columns (shape)), bytes;

  if (tiles == G_MAXSIZE || !g_size_checked_mul (&bytes, MAX (rows, 1), sizeof (float)) ||
      !g_size_checked_add (&bytes, bytes, tiles) || !g_size_checked_add (&bytes, bytes, sizeof (Head)))
    return G_MAXSIZE;
  return bytes;
}

void
tn_packed_ternary_get (TnPackedTernary *self, const TnShape *shape, const void *data)
{
  const Head *head = data;
  gsize rows = tn_shape_rows (shape), columns = tn_shape_columns (shape);
  const guint8 *tiles = (const guint8 *) (head + 1);

  self->matrix = (TnTernaryMatrix){rows, columns, tiles};
  self->scales = (const float *) (const void *) (tiles + tn_ternary_bytes (rows, columns));
  self->per_row = head->per_row;
}

gboolean
tn_packed_ternary_check (const TnInference *inference, guint i, GError **error)
{
  const TnValueInfo *info = &inference->inputs[i];

  if (info->kind == TN_VALUE_PACKED && info->shape.n_dims == 2 && info->bytes == tn_packed_ternary_bytes (&info->shape))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "w is no ternary matrix, expected what ternarize makes");
  return FALSE;
}

static gsize
count_blocks (const TnShape *shape)
{
  return (tn_shape_rows (shape) + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

static gboolean
infer_ternarize (TnInference *inference, GError **error)
{
  const Attributes *attributes = inference->attributes;
  const TnShape *shape = &inference->inputs[0].shape;
  gsize rows = tn_shape_rows (shape), columns = tn_shape_columns (shape);

  if (!tn_inference_check_kind (inference, 0, "w", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_dims (inference, 0, "w", 2, error) ||
      !tn_estimator_check (TN_ESTIMATOR_IDENTITY, &attributes->scheme, FALSE, rows, columns, error))
    return FALSE;
  if (inference->dtype != TN_DTYPE_F32 || columns > TN_TERNARY_MAX_COLUMNS || attributes->scheme.kind != TN_SCHEME_TERNARY ||
      attributes->scheme.granularity == TN_PER_GROUP || tn_packed_ternary_bytes (shape) == G_MAXSIZE)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   "packed weights are float32 matrices under a ternary scheme with a scale a tensor or row");
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0] = (TnValueInfo){.kind = TN_VALUE_PACKED, .shape = *shape, .bytes = tn_packed_ternary_bytes (shape)};
  inference->forward_scratch_bytes = count_blocks (shape) * sizeof (TnQuantizerCounts) + rows * sizeof (float);
  return TRUE;
}

static void
find_of_tensor (const TnCall *call, float *scale, float *threshold)
{
  const Attributes *attributes = call->attributes;
  const TnScheme *scheme = &attributes->scheme;
  gsize count = tn_shape_count (&call->input_infos[0].shape);
  const TnTensor tensor = {.dtype = TN_DTYPE_F32,
                           .n_dims = 1,
                           .shape = {count},
                           .count = count,
                           .bytes = count * sizeof (float),
                           .data = call->inputs[0]};
  TnRounding rounding;

  if (!tn_rounding_find_in_tensor (&tensor, 0, count, NULL, &scheme, 1, &rounding, NULL, NULL))
    rounding = (TnRounding){.scale = NAN};
  *scale = rounding.scale;
  *threshold = rounding.threshold;
}

/* Codes of two bits: 0, 1, 2 for -1, 0, +1; those behind the end are 0. */
static void
count_tiles (const guint8 *tiles, gsize bytes, TnQuantizerState *state, guint threads)
{
  guint8 *previous = state->previous;
  guint64 zeros = 0, positives = 0, flips = 0;

#pragma omp parallel for schedule(static) num_threads((int) threads) reduction(+ : zeros, positives, flips)
  for (gsize i = 0; i < bytes; i += sizeof (guint64))
    {
      guint64 now, before;

      memcpy (&now, tiles + i, sizeof now);
      zeros += (guint64) __builtin_popcountll (now & ~(now >> 1) & FIRST_BITS);
      positives += (guint64) __builtin_popcountll ((now >> 1) & ~now & FIRST_BITS);
      if (previous == NULL)
        continue;
      memcpy (&before, previous + i, sizeof before);
      before ^= now;
      flips += (guint64) __builtin_popcountll ((before | before >> 1) & FIRST_BITS);
      memcpy (previous + i, &now, sizeof now);
    }
  state->zeros = zeros;
  state->positives = positives;
  state->flips = state->has_flips ? flips : 0;
}

static void
store_counts (const TnCall *call, const TnPackedTernary *packed, const TnQuantizerCounts *sums)
{
  TnQuantizerState *state = ((const Attributes *) call->attributes)->state;
  gsize rows = (gsize) packed->matrix.rows, n_scales = packed->per_row ? rows : 1;

  count_tiles (packed->matrix.tiles, tn_ternary_bytes (rows, packed->matrix.columns), state, call->threads);
  for (gsize i = 0; i < count_blocks (&call->input_infos[0].shape); i++)
    {
      state->square += sums[i].square;
      state->error_square += sums[i].error_square;
      state->saturated += sums[i].saturated;
    }
  for (gsize i = 0; i < n_scales; i++)
    state->scale += (double) packed->scales[i] / (double) n_scales;
}

/* A block of rows while they are in the cache: scales, codes, counts. FALSE: something is not finite. */
static gboolean
ternarize_block (const TnCall *call, const TnPackedTernary *packed, gsize block, float *thresholds, gboolean counts)
{
  const Attributes *attributes = call->attributes;
  gsize columns = (gsize) packed->matrix.columns, first = block * BLOCK_ROWS,
        n = MIN (BLOCK_ROWS, (gsize) packed->matrix.rows - first);
  const float *w = (const float *) call->inputs[0] + first * columns;
  float *scales = (float *) packed->scales;
  TnQuantizerCounts *sums = (TnQuantizerCounts *) call->scratch + block;
  gboolean finite = TRUE;

  for (gsize i = 0; packed->per_row && i < n; i++)
    {
      TnRounding rounding = tn_rounding_find (&attributes->scheme, w + i * columns, columns);

      scales[first + i] = rounding.scale;
      thresholds[first + i] = rounding.threshold;
    }
  finite = tn_ternarize_pack_rows (w, columns, columns, thresholds + (packed->per_row ? first : 0), packed->per_row, first, n,
                                   (guint8 *) packed->matrix.tiles);
  *sums = (TnQuantizerCounts){0};
  for (gsize i = 0; counts && i < n; i++)
    {
      gsize scale = packed->per_row ? first + i : 0;

      tn_quantizer_count_ternary (w + i * columns, columns, thresholds[scale], scales[scale], sums);
    }
  return finite;
}

static void
ternarize_forward (const TnCall *call)
{
  const Attributes *attributes = call->attributes;
  const TnShape *shape = &call->input_infos[0].shape;
  Head *head = call->outputs[0];
  gsize n_blocks = count_blocks (shape);
  float *thresholds = (float *) (void *) ((TnQuantizerCounts *) call->scratch + n_blocks);
  gboolean counts = tn_quantizer_state_begin (attributes->state, call->step, call->again);
  TnPackedTernary packed;
  gint finite = TRUE;

  head->per_row = attributes->scheme.granularity == TN_PER_CHANNEL;
  tn_packed_ternary_get (&packed, shape, call->outputs[0]);
  if (!packed.per_row)
    find_of_tensor (call, (float *) packed.scales, thresholds);
#pragma omp parallel for schedule(static) num_threads((int) call->threads) reduction(& : finite)
  for (gsize block = 0; block < n_blocks; block++)
    finite &= ternarize_block (call, &packed, block, thresholds, counts);
  for (gsize i = 0; !finite && i < (packed.per_row ? packed.matrix.rows : 1); i++)
    ((float *) packed.scales)[i] = NAN;
  if (counts)
    store_counts (call, &packed, call->scratch);
}

static void
ternarize_backward (const TnCall *call)
{
  gboolean adds = call->adds[0];

  if (call->input_gradients[0] != NULL && call->input_gradients[0] != call->output_gradients[0])
    TN_FOR_ELEMENTS (call, tn_shape_count (&call->input_infos[0].shape),
                     TN_PUT (adds, ((REAL *) call->input_gradients[0])[i], ((const REAL *) call->output_gradients[0])[i]));
}

TnValue *
tn_tape_ternarize (TnTape *tape, TnValue *w, const TnScheme *scheme, TnQuantizerState *state)
{
  static const TnFunction function = {.name = "ternarize",
                                      .attribute_bytes = sizeof (Attributes),
                                      .flags = TN_FUNCTION_GRADIENT_PASSES,
                                      .infer = infer_ternarize,
                                      .forward = ternarize_forward,
                                      .backward = ternarize_backward};
  Attributes attributes = {.scheme = {.kind = TN_SCHEME_TERNARY}, .state = state};
  TnValue *packed;

  if (scheme != NULL)
    attributes.scheme = *scheme;
  packed = tn_tape_apply (tape, &function, &w, 1, &attributes, NULL);
  /* Tiles have more elements than a small matrix. */
  if (packed != NULL && state != NULL && state->previous != NULL && state->previous_bytes < tn_value_get_info (packed)->bytes)
    {
      state->previous_bytes = tn_value_get_info (packed)->bytes;
      state->previous = g_realloc (state->previous, state->previous_bytes);
    }
  return packed;
}
