/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/tensor-summary.h"

#include <math.h>

#include "engine/tensor/moments.h"

typedef struct
{
  TnFloatHistogram **histograms; /* one a thread, made when first needed */
} Histograms;

static void
count_block (const TnTensorBlock *block, gpointer user_data)
{
  Histograms *self = user_data;

  if (self->histograms[block->thread] == NULL)
    self->histograms[block->thread] = tn_float_histogram_new ();
  tn_float_histogram_add (self->histograms[block->thread], block->x, block->n);
}

gboolean
tn_tensor_summarize (const TnTensor *tensor, TnTensorSummary *summary, TnFloatHistogram *histogram, GCancellable *cancellable, GError **error)
{
  guint n_threads = tn_tensor_blocks_max_threads ();
  g_autofree TnFloatHistogram **histograms = g_new0 (TnFloatHistogram *, n_threads);
  Histograms each = { .histograms = histograms };
  TnMoments moments;
  gboolean ok = tn_tensor_moments (tensor, 0, tensor->count, histogram != NULL ? count_block : NULL, &each, &moments, cancellable, error);

  for (guint i = 0; i < n_threads; i++)
    {
      if (ok && histograms[i] != NULL)
        tn_float_histogram_merge (histogram, histograms[i]);
      tn_float_histogram_free (histograms[i]);
    }
  if (!ok)
    return FALSE;
  *summary = (TnTensorSummary) { .count = moments.count, .nonfinite = moments.count - moments.finite, .moments = moments };
  if (moments.finite == 0)
    {
      summary->min = summary->max = summary->mean = summary->std = summary->absmean = (double) NAN;
      return TRUE;
    }
  summary->min = moments.min;
  summary->max = moments.max;
  summary->mean = moments.mean;
  summary->std = sqrt (moments.deviation / (double) moments.finite);
  summary->absmean = moments.abs_sum / (double) moments.finite;
  summary->zeros = (double) moments.zeros / (double) moments.count;
  return TRUE;
}
