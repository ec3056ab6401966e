/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/block-sum.h"
#include "engine/autograd/functions/weight-penalty.h"
#include "engine/error.h"

/* The penalties that know codes. Inputs: w, then the scales, and then, of dampening, the quantized weights. */

#define MOST_CODES 256

/* Parts of the weights whose sums are joined in order, as many for any number of threads. */
#define PARTS 32

typedef struct
{
  double sum, count;
} Bin;

static gboolean
infer (TnInference *inference, GError **error)
{
  const TnCodeRange *range = inference->attributes;
  gsize n = tn_shape_count (&inference->inputs[0].shape), n_scales = tn_shape_count (&inference->inputs[1].shape);

  if (!tn_inference_check_kind (inference, 0, "w", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, 1, "scales", TN_VALUE_FLOAT, error))
    return FALSE;
  if (n_scales == 0 || n % n_scales != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "%zu scales for %zu weights, expected a number that divides them", n_scales,
                   n);
      return FALSE;
    }
  if (range->lowest > range->highest || (gint64) range->highest - range->lowest >= MOST_CODES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "codes %d to %d, expected 1 to %d of them", range->lowest, range->highest,
                   MOST_CODES);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->reads_inputs = (1u << inference->n_inputs) - 1;
  return TRUE;
}

static gsize
count_of (const TnCall *call)
{
  return tn_shape_count (&call->input_infos[0].shape);
}

static double
scale_of (const TnCall *call, gsize i)
{
  return tn_call_get (call, 1, i / (count_of (call) / tn_shape_count (&call->input_infos[1].shape)));
}

static gboolean
infer_dampening (TnInference *inference, GError **error)
{
  inference->forward_scratch_bytes = tn_block_sum_bytes (tn_shape_count (&inference->inputs[0].shape));
  return infer (inference, error) && tn_inference_check_kind (inference, 2, "quantized", TN_VALUE_FLOAT, error) &&
         tn_inference_check_shape (inference, 2, "quantized", &inference->inputs[0].shape, error);
}

/* w - q, where w is clipped; *inside: whether it was not. */
static double
find_distance (const TnCall *call, gsize i, gboolean *inside)
{
  const TnCodeRange *range = call->attributes;
  double w = tn_call_get (call, 0, i), scale = scale_of (call, i);
  double lowest = scale * range->lowest, highest = scale * range->highest;

  *inside = w > lowest && w < highest;
  return fmin (fmax (w, lowest), highest) - tn_call_get (call, 2, i);
}

static double
sum_distances (const TnCall *call, gsize first, gsize n, G_GNUC_UNUSED gconstpointer user_data)
{
  double sum = 0.0;

  for (gsize i = first; i < first + n; i++)
    {
      gboolean inside;
      double distance = find_distance (call, i, &inside);

      sum += distance * distance;
    }
  return sum;
}

static void
dampening_forward (const TnCall *call)
{
  tn_call_put_scalar (call, tn_block_sum (call, count_of (call), sum_distances, NULL, call->scratch));
}

static void
dampening_backward (const TnCall *call)
{
  gint64 n = (gint64) count_of (call);
  double factor = 2.0 * tn_call_get_seed (call);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    {
      gboolean inside;
      double distance = find_distance (call, (gsize) i, &inside);

      tn_call_put_gradient (call, 0, (gsize) i, inside ? factor * distance : 0.0);
    }
}

TnValue *
tn_tape_dampening (TnTape *tape, TnValue *w, TnValue *quantized, TnValue *scales, const TnCodeRange *range)
{
  static const TnFunction function = {.name = "dampening",
                                      .attribute_bytes = sizeof (TnCodeRange),
                                      .infer = infer_dampening,
                                      .forward = dampening_forward,
                                      .backward = dampening_backward};
  TnValue *inputs[] = {w, tn_tape_detach (tape, scales), tn_tape_detach (tape, quantized)};

  return tn_tape_apply (tape, &function, inputs, 3, range, NULL);
}

static gsize
count_codes (const TnCodeRange *range)
{
  return (gsize) (range->highest - range->lowest + 1);
}

static gboolean
infer_bins (TnInference *inference, GError **error)
{
  if (!infer (inference, error))
    return FALSE;
  inference->saved_bytes = MOST_CODES * sizeof (Bin);
  inference->forward_scratch_bytes = PARTS * MOST_CODES * sizeof (Bin);
  return TRUE;
}

/* The bin of a weight; *distance: from its level. */
static gsize
find_bin (const TnCall *call, gsize i, double *distance)
{
  const TnCodeRange *range = call->attributes;
  double w = tn_call_get (call, 0, i), scale = scale_of (call, i), code = rint (w / scale);

  code = code > range->lowest ? fmin (code, range->highest) : range->lowest; /* NaN becomes the lowest */
  *distance = w - scale * code;
  return (gsize) ((gint) code - range->lowest);
}

static void
fill_part (const TnCall *call, gsize part, Bin *bins)
{
  gsize n = count_of (call), size = (n + PARTS - 1) / PARTS, first = MIN (part * size, n), end = MIN (first + size, n);

  memset (bins, 0, MOST_CODES * sizeof *bins);
  for (gsize i = first; i < end; i++)
    {
      double distance;
      Bin *bin = &bins[find_bin (call, i, &distance)];

      bin->sum += distance * distance;
      bin->count += 1.0;
    }
}

static void
bins_forward (const TnCall *call)
{
  Bin *bins = call->saved, *parts = call->scratch;
  double sum = 0.0;

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 part = 0; part < PARTS; part++)
    fill_part (call, (gsize) part, parts + part * MOST_CODES);
  memset (bins, 0, MOST_CODES * sizeof *bins);
  for (gsize bin = 0; bin < count_codes (call->attributes); bin++)
    {
      for (gsize part = 0; part < PARTS; part++)
        {
          bins[bin].sum += parts[part * MOST_CODES + bin].sum;
          bins[bin].count += parts[part * MOST_CODES + bin].count;
        }
      sum += bins[bin].count > 0.0 ? bins[bin].sum / bins[bin].count : 0.0;
    }
  tn_call_put_scalar (call, sum);
}

static void
bins_backward (const TnCall *call)
{
  const Bin *bins = call->saved;
  gint64 n = (gint64) count_of (call);
  double factor = 2.0 * tn_call_get_seed (call);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    {
      double distance;
      gsize bin = find_bin (call, (gsize) i, &distance);

      tn_call_put_gradient (call, 0, (gsize) i, factor * distance / bins[bin].count);
    }
}

TnValue *
tn_tape_bin_regularization (TnTape *tape, TnValue *w, TnValue *scales, const TnCodeRange *range)
{
  static const TnFunction function = {.name = "bin regularization",
                                      .attribute_bytes = sizeof (TnCodeRange),
                                      .infer = infer_bins,
                                      .forward = bins_forward,
                                      .backward = bins_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){w, tn_tape_detach (tape, scales)}, 2, range, NULL);
}
