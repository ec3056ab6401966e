/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/kernels/ternarize.h"
#include "engine/nn/bit-linear.h"
#include "engine/quant/rounding-search.h"
#include "engine/tensor/tensor-blocks.h"

/* A row that cannot be held, found on the way. */
typedef struct
{
  gboolean found, finite;
  guint64 row;
  float level, other; /* two magnitudes of the row, where it is finite */
  float overflow;     /* or the scale that cannot be stored; else 0 */
} Misfit;

/* A weight on its way into tiles, row blocks at a time. */
typedef struct
{
  TnTensor *made;
  guint64 columns;
  const TnScheme *scheme; /* of weights that are rounded; NULL: ternary already */
  gboolean per_row;
  TnRounding rounding; /* a tensor's */
  float *thresholds;   /* [rows], or one */
  Misfit slots[TN_TENSOR_WAVE_BLOCKS];
  Misfit first;
} Make;

gboolean
tn_bit_linear_takes (const TnScheme *scheme)
{
  return scheme->kind == TN_SCHEME_TERNARY && (scheme->granularity == TN_PER_TENSOR || scheme->granularity == TN_PER_CHANNEL);
}

static gboolean
is_finite (const float *x, gsize n)
{
  gint finite = TRUE;

  for (gsize i = 0; i < n; i++)
    finite &= isfinite (x[i]) != 0;
  return finite;
}

static guint32
get_magnitude (const float *x)
{
  guint32 bits;

  memcpy (&bits, x, sizeof bits);
  return bits & 0x7fffffff;
}

/* The one magnitude of a row that is ternary already; FALSE when there is another, which is left in the misfit. */
static gboolean
find_level (const float *x, gsize n, float *level, Misfit *misfit)
{
  guint32 magnitude = 0, wrong = 0;
  gsize first = 0;

  while (first < n && (magnitude = get_magnitude (x + first)) == 0)
    first++;
  *level = first < n ? fabsf (x[first]) : 0.0f;
  for (gsize i = first; i < n; i++)
    {
      guint32 other = get_magnitude (x + i);

      wrong |= (guint32) (other != 0) & (guint32) (other != magnitude);
    }
  if (wrong == 0 && isfinite (*level))
    return TRUE;
  misfit->finite = is_finite (x, n);
  misfit->level = *level;
  for (gsize i = 0; i < n; i++)
    if (x[i] != 0.0f && fabsf (x[i]) != *level)
      misfit->other = fabsf (x[i]);
  return FALSE;
}

/* Scales and thresholds of the rows; those of a tensor are known before. */
static gboolean
scale_rows (const Make *self, const float *x, guint64 first, guint64 n, Misfit *misfit)
{
  float *scales = tn_bit_linear_get_scales (self->made);

  for (guint64 i = 0; i < n; i++, x += self->columns)
    {
      TnRounding rounding;

      misfit->row = first + i;
      if (self->scheme == NULL)
        {
          if (!find_level (x, self->columns, &scales[first + i], misfit))
            return FALSE;
          self->thresholds[first + i] = 0.0f;
          continue;
        }
      rounding = tn_rounding_find (self->scheme, x, self->columns);
      misfit->overflow = rounding.overflow;
      if (rounding.overflow > 0.0f)
        return FALSE;
      scales[first + i] = rounding.scale;
      self->thresholds[first + i] = rounding.threshold;
    }
  return TRUE;
}

static void
make_block (const TnTensorBlock *block, gpointer user_data)
{
  Make *self = user_data;
  guint64 first = block->first / self->columns, n = block->n / self->columns;
  const float *thresholds = self->thresholds + (self->per_row ? first : 0);
  Misfit *misfit = &self->slots[block->slot];

  *misfit = (Misfit){0};
  misfit->found = self->per_row && !scale_rows (self, block->x, first, n, misfit);
  if (misfit->found || tn_ternarize_pack_rows (block->x, self->columns, self->columns, thresholds, self->per_row, first, n,
                                               tn_tensor_get_writable (self->made)))
    return;
  misfit->found = TRUE;
  misfit->row = first;
  while (is_finite (block->x + (misfit->row - first) * self->columns, self->columns))
    misfit->row++;
}

static void
fold_block (guint slot, gpointer user_data)
{
  Make *self = user_data;

  if (!self->first.found)
    self->first = self->slots[slot];
}

static gboolean
check_fit (const Misfit *misfit, GError **error)
{
  if (!misfit->found)
    return TRUE;
  if (misfit->overflow > 0.0f)
    g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("row %" PRIu64 ": the scale %g is outside what a 16-bit float can hold"),
                 misfit->row, (double) misfit->overflow);
  else if (!misfit->finite)
    g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                 _ ("row %" PRIu64 " holds a value that is not finite, which ternary codes cannot stand for"), misfit->row);
  else
    g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                 _ ("row %" PRIu64 " holds ±%g and ±%g, expected ternary weights with one scale a tensor or row"), misfit->row,
                 (double) misfit->other, (double) misfit->level);
  return FALSE;
}

/* Rows of zeros have any scale. */
static void
join_scales (TnTensor *made)
{
  guint64 rows = tn_tensor_rows (made);
  float *scales = tn_bit_linear_get_scales (made);
  float level = 0.0f;

  for (guint64 i = 0; i < rows; i++)
    {
      if (level == 0.0f)
        level = scales[i];
      if (scales[i] != 0.0f && scales[i] != level)
        return;
    }
  scales[0] = level;
  made->group_size = (gsize) MAX (made->count, 1);
}

static TnTensor *
make (const TnTensor *weight, Make *self, GCancellable *cancellable, GError **error)
{
  guint64 rows = tn_tensor_rows (weight), columns = tn_tensor_columns (weight);
  TnTensorVisitor visitor = {.measure = make_block, .fold = fold_block, .user_data = self};
  g_autoptr (TnTensor) made = NULL;
  g_autoptr (TnBlock) thresholds = NULL;
  guint64 block_rows;

  if (columns > TN_TERNARY_MAX_COLUMNS)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("rows of %" PRIu64 " elements, a ternary product takes at most %" PRIu64), columns, TN_TERNARY_MAX_COLUMNS);
      return NULL;
    }
  made = tn_bit_linear_new (rows, columns, self->per_row, error);
  if (made == NULL)
    return NULL;
  /* A matrix without columns has rows nevertheless. */
  for (guint64 row = 0; row < (weight->count == 0 ? MAX (rows, 1) : 1); row++)
    tn_bit_linear_get_scales (made)[row] = self->rounding.scale;
  if (weight->count == 0)
    return g_steal_pointer (&made);
  thresholds = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, self->per_row ? rows : 1, sizeof (float), error);
  if (thresholds == NULL)
    return NULL;
  self->made = made;
  self->columns = columns;
  self->thresholds = thresholds;
  self->thresholds[0] = self->rounding.threshold;
  block_rows = MAX (TN_TENSOR_BLOCK_ELEMENTS / columns / TN_TERNARY_TILE_ROWS, 1) * TN_TERNARY_TILE_ROWS;
  if (!tn_tensor_visit_blocks (weight, 0, weight->count, (gsize) (block_rows * columns), &visitor, cancellable, error) ||
      !check_fit (&self->first, error))
    return NULL;
  tn_tensor_release (weight, 0, weight->count);
  return g_steal_pointer (&made);
}

TnTensor *
tn_bit_linear_from_float (const TnTensor *weight, const TnScheme *scheme, GCancellable *cancellable, GError **error)
{
  Make self = {.scheme = scheme, .per_row = scheme->granularity == TN_PER_CHANNEL};

  g_return_val_if_fail (tn_bit_linear_takes (scheme), NULL);

  if (!self.per_row &&
      !tn_rounding_find_in_tensor (weight, 0, weight->count, NULL, &scheme, 1, &self.rounding, cancellable, error))
    return NULL;
  if (!check_fit (&(Misfit){.found = self.rounding.overflow > 0.0f, .overflow = self.rounding.overflow}, error))
    return NULL;
  return make (weight, &self, cancellable, error);
}

TnTensor *
tn_bit_linear_from_ternary (const TnTensor *weight, GCancellable *cancellable, GError **error)
{
  Make self = {.per_row = TRUE};
  TnTensor *made = make (weight, &self, cancellable, error);

  if (made != NULL && weight->count > 0)
    join_scales (made);
  return made;
}
