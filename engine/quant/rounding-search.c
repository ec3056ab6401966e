/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/rounding-search.h"

#include "engine/quant/lloyd-max.h"
#include "engine/quant/order-statistic.h"
#include "engine/quant/parameters.h"
#include "engine/tensor/scan.h"

typedef struct
{
  guint64 n;
  double abs_sum;
} Above;

/* What lies above the thresholds of schemes that need a level. */
typedef struct
{
  const TnScheme *const *schemes;
  guint n_schemes;
  const TnRounding *roundings;
  Above *slots;  /* [TN_TENSOR_WAVE_BLOCKS, n_schemes] */
  Above *totals; /* [n_schemes] */
} Levels;

static void
measure_above (const TnTensorBlock *block, gpointer user_data)
{
  const Levels *self = user_data;
  Above *slot = self->slots + (gsize) block->slot * self->n_schemes;

  for (guint i = 0; i < self->n_schemes; i++)
    if (tn_scheme_needs_level (self->schemes[i]))
      slot[i].abs_sum = tn_scan_abs_above (block->x, block->n, self->roundings[i].threshold, &slot[i].n);
}

static void
fold_above (guint slot, gpointer user_data)
{
  const Levels *self = user_data;

  for (guint i = 0; i < self->n_schemes; i++)
    if (tn_scheme_needs_level (self->schemes[i]))
      {
        const Above *above = self->slots + (gsize) slot * self->n_schemes + i;

        self->totals[i].n += above->n;
        self->totals[i].abs_sum += above->abs_sum;
      }
}

static gboolean
find_levels (const TnTensor *tensor, guint64 first, guint64 n, const TnScheme *const *schemes, guint n_schemes,
             TnRounding *roundings, GCancellable *cancellable, GError **error)
{
  g_autofree Above *slots = g_new (Above, (gsize) TN_TENSOR_WAVE_BLOCKS * n_schemes);
  g_autofree Above *totals = g_new0 (Above, n_schemes);
  Levels levels = {.schemes = schemes, .n_schemes = n_schemes, .roundings = roundings, .slots = slots, .totals = totals};
  TnTensorVisitor visitor = {.measure = measure_above, .fold = fold_above, .user_data = &levels};

  if (!tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return FALSE;
  for (guint i = 0; i < n_schemes; i++)
    if (tn_scheme_needs_level (schemes[i]))
      tn_rounding_set_level (&roundings[i], schemes[i], totals[i].abs_sum, totals[i].n);
  return TRUE;
}

typedef struct
{
  Above slots[TN_TENSOR_WAVE_BLOCKS];
  Above total;
} Magnitudes;

static void
measure_magnitudes (const TnTensorBlock *block, gpointer user_data)
{
  Magnitudes *self = user_data;
  Above *slot = &self->slots[block->slot];

  slot->abs_sum = tn_scan_abs_sum (block->x, block->n, &slot->n);
}

static void
fold_magnitudes (guint slot, gpointer user_data)
{
  Magnitudes *self = user_data;

  self->total.n += self->slots[slot].n;
  self->total.abs_sum += self->slots[slot].abs_sum;
}

/* The finite elements and their sum of magnitudes, with the bits of tn_tensor_moments(). */
static gboolean
find_magnitudes (const TnTensor *tensor, guint64 first, guint64 n, TnMoments *moments, GCancellable *cancellable, GError **error)
{
  Magnitudes self = {0};
  TnTensorVisitor visitor = {.measure = measure_magnitudes, .fold = fold_magnitudes, .user_data = &self};

  if (!tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return FALSE;
  *moments = (TnMoments){.count = n, .finite = self.total.n, .abs_sum = self.total.abs_sum};
  return TRUE;
}

/* Rules and methods that go over the values by themselves. */
static gboolean
is_searched (const TnScheme *scheme)
{
  return tn_scheme_is_searched (scheme) ||
         (scheme->kind == TN_SCHEME_TERNARY && (scheme->rule == TN_RULE_ABSMEDIAN || scheme->rule == TN_RULE_LLOYD));
}

/* One distribution for all methods. */
static gboolean
search_methods (const TnTensor *tensor, guint64 first, guint64 n, const TnScheme *const *schemes, guint n_schemes,
                TnRounding *roundings, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnDistribution) values = NULL;

  for (guint i = 0; i < n_schemes; i++)
    {
      if (!tn_scheme_is_searched (schemes[i]))
        continue;
      if (values == NULL && (values = tn_distribution_new_tensor (tensor, first, n, cancellable, error)) == NULL)
        return FALSE;
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      roundings[i] = tn_rounding_search_values (schemes[i], values);
    }
  return TRUE;
}

static gboolean
search (const TnTensor *tensor, guint64 first, guint64 n, const TnScheme *scheme, TnRounding *rounding, GCancellable *cancellable,
        GError **error)
{
  float absmedian;
  double level;

  if (scheme->rule == TN_RULE_ABSMEDIAN)
    {
      if (!tn_tensor_absmedian (tensor, first, n, &absmedian, cancellable, error))
        return FALSE;
      *rounding = tn_rounding_from_absmedian (scheme, absmedian);
      return TRUE;
    }
  if (!tn_tensor_lloyd_max_level (tensor, first, n, &level, cancellable, error))
    return FALSE;
  *rounding = tn_rounding_from_level (scheme, level);
  return TRUE;
}

/* What the schemes ask for, and no more: magnitudes alone take half a pass's time. */
static gboolean
find_moments (const TnTensor *tensor, guint64 first, guint64 n, const TnScheme *const *schemes, guint n_schemes,
              TnMoments *moments, GCancellable *cancellable, GError **error)
{
  gboolean range_needed = FALSE, magnitudes_needed = FALSE;

  for (guint i = 0; i < n_schemes; i++)
    {
      range_needed |= schemes[i]->kind == TN_SCHEME_INTEGER && !tn_scheme_is_searched (schemes[i]);
      magnitudes_needed |= !is_searched (schemes[i]);
    }
  if (range_needed)
    return tn_tensor_moments (tensor, first, n, NULL, NULL, moments, cancellable, error);
  return !magnitudes_needed || find_magnitudes (tensor, first, n, moments, cancellable, error);
}

gboolean
tn_rounding_find_in_tensor (const TnTensor *tensor, guint64 first, guint64 n, const TnMoments *moments,
                            const TnScheme *const *schemes, guint n_schemes, TnRounding *roundings, GCancellable *cancellable,
                            GError **error)
{
  gboolean levels_needed = FALSE;
  TnMoments found = {0};

  if (moments == NULL)
    {
      if (!find_moments (tensor, first, n, schemes, n_schemes, &found, cancellable, error))
        return FALSE;
      moments = &found;
    }
  for (guint i = 0; i < n_schemes; i++)
    {
      const TnScheme *scheme = schemes[i];

      levels_needed |= tn_scheme_needs_level (scheme);
      if (tn_scheme_is_searched (scheme))
        continue;
      if (is_searched (scheme))
        {
          if (!search (tensor, first, n, scheme, &roundings[i], cancellable, error))
            return FALSE;
        }
      else if (scheme->kind == TN_SCHEME_INTEGER)
        roundings[i] = tn_rounding_from_range (scheme, (float) moments->min, (float) moments->max);
      else
        roundings[i] = tn_rounding_from_absmean (scheme, moments->finite > 0 ? moments->abs_sum / (double) moments->finite : 0.0);
    }
  return (!levels_needed || find_levels (tensor, first, n, schemes, n_schemes, roundings, cancellable, error)) &&
         search_methods (tensor, first, n, schemes, n_schemes, roundings, cancellable, error);
}
