/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "engine/error.h"
#include "engine/kernels/ternary.h"
#include "engine/nn/bit-linear.h"
#include "engine/quant/rounding-search.h"
#include "engine/tensor/tensor-blocks.h"

/* A row that cannot be held, found on the way. */
typedef struct
{
  gboolean found, finite;
  guint64 row;
  float level, other; /* two magnitudes of the row, where it is finite */
} Misfit;

/* A weight on its way into tiles, row blocks at a time. */
typedef struct
{
  TnTensor *made;
  guint64 columns;
  const TnScheme *scheme; /* of weights that are rounded; NULL: ternary already */
  gboolean per_row;
  TnRounding rounding; /* a tensor's */
  gint8 *codes;        /* [threads, block_elements] */
  gsize block_elements;
  Misfit slots[TN_TENSOR_WAVE_BLOCKS];
  Misfit first;
} Make;

gboolean
tn_bit_linear_takes (const TnScheme *scheme)
{
  return scheme->kind == TN_SCHEME_TERNARY && (scheme->granularity == TN_PER_TENSOR || scheme->granularity == TN_PER_CHANNEL);
}

/* FALSE when a value is not finite. */
static gboolean
round_row (const TnRounding *rounding, const float *x, gsize n, gint8 *codes)
{
  float threshold = rounding->threshold;
  gint finite = TRUE;

  for (gsize i = 0; i < n; i++)
    {
      finite &= isfinite (x[i]) != 0;
      codes[i] = (gint8) ((x[i] > threshold) - (x[i] < -threshold));
    }
  return finite;
}

static gboolean
read_row (const float *x, gsize n, gint8 *codes, float *level, Misfit *misfit)
{
  float most = 0.0f;
  gint fits = TRUE;

  for (gsize i = 0; i < n; i++)
    most = fabsf (x[i]) > most ? fabsf (x[i]) : most;
  for (gsize i = 0; i < n; i++)
    {
      fits &= x[i] == 0.0f || fabsf (x[i]) == most;
      codes[i] = (gint8) ((x[i] > 0.0f) - (x[i] < 0.0f));
    }
  *level = most;
  if (fits && isfinite (most))
    return TRUE;
  misfit->finite = TRUE;
  for (gsize i = 0; i < n; i++)
    {
      misfit->finite &= isfinite (x[i]) != 0;
      if (x[i] != 0.0f && fabsf (x[i]) != most)
        misfit->other = fabsf (x[i]);
    }
  misfit->level = most;
  return FALSE;
}

static void
make_block (const TnTensorBlock *block, gpointer user_data)
{
  Make *self = user_data;
  gint8 *codes = self->codes + block->thread * self->block_elements;
  guint64 first = block->first / self->columns, n = block->n / self->columns;
  float *scales = tn_bit_linear_get_scales (self->made) + (self->per_row ? first : 0);
  Misfit *misfit = &self->slots[block->slot];

  *misfit = (Misfit){0};
  for (guint64 i = 0; i < n && !misfit->found; i++)
    {
      const float *x = block->x + i * self->columns;
      gint8 *row = codes + i * self->columns;

      misfit->row = first + i;
      if (self->scheme == NULL)
        misfit->found = !read_row (x, self->columns, row, &scales[i], misfit);
      else
        {
          TnRounding rounding = self->per_row ? tn_rounding_find (self->scheme, x, self->columns) : self->rounding;

          if (self->per_row)
            scales[i] = rounding.scale;
          misfit->found = !round_row (&rounding, x, self->columns, row);
        }
    }
  if (!misfit->found)
    tn_ternary_pack (tn_tensor_get_writable (self->made), self->columns, first, n, codes);
}

static void
fold_block (guint slot, gpointer user_data)
{
  Make *self = user_data;

  if (!self->first.found)
    self->first = self->slots[slot];
}

static gboolean
check_fit (const Make *self, GError **error)
{
  const Misfit *misfit = &self->first;

  if (!misfit->found)
    return TRUE;
  if (!misfit->finite)
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
  g_autoptr (TnBlock) codes = NULL;
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
  if (weight->count == 0)
    {
      tn_bit_linear_get_scales (made)[0] = 0.0f;
      return g_steal_pointer (&made);
    }
  block_rows = MAX (TN_TENSOR_BLOCK_ELEMENTS / columns / TN_TERNARY_TILE_ROWS, 1) * TN_TERNARY_TILE_ROWS;
  self->block_elements = (gsize) (MIN (block_rows, rows) * columns);
  codes =
      tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_tensor_blocks_max_threads (), self->block_elements, error);
  if (codes == NULL)
    return NULL;
  self->made = made;
  self->columns = columns;
  self->codes = codes;
  if (!tn_tensor_visit_blocks (weight, 0, weight->count, self->block_elements, &visitor, cancellable, error) ||
      !check_fit (self, error))
    return NULL;
  tn_tensor_release (weight, 0, weight->count);
  return g_steal_pointer (&made);
}

TnTensor *
tn_bit_linear_from_float (const TnTensor *weight, const TnScheme *scheme, GCancellable *cancellable, GError **error)
{
  Make self = {.scheme = scheme, .per_row = scheme->granularity == TN_PER_CHANNEL};
  TnTensor *made;

  g_return_val_if_fail (tn_bit_linear_takes (scheme), NULL);

  if (!self.per_row &&
      !tn_rounding_find_in_tensor (weight, 0, weight->count, NULL, &scheme, 1, &self.rounding, cancellable, error))
    return NULL;
  made = make (weight, &self, cancellable, error);
  if (made != NULL && !self.per_row)
    tn_bit_linear_get_scales (made)[0] = self.rounding.scale;
  return made;
}

TnTensor *
tn_bit_linear_from_ternary (const TnTensor *weight, GCancellable *cancellable, GError **error)
{
  Make self = {.per_row = TRUE};
  TnTensor *made = make (weight, &self, cancellable, error);

  if (made != NULL)
    join_scales (made);
  return made;
}
