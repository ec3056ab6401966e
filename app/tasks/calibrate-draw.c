/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-draw.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "app/tasks/batch-loss.h"

#define CANDIDATES_A_SEQUENCE 4
#define PROBE_TOKENS 64
#define MOST_PROBED 16

/* The beginnings of the sequences: a forward pass over them is cheap. */
static TnBatch *
cut (const TnBatch *batch)
{
  g_autofree TnSequence *sequences = g_memdup2 (batch->sequences, batch->n_sequences * sizeof *batch->sequences);

  for (guint i = 0; i < batch->n_sequences; i++)
    sequences[i].length = MIN (sequences[i].length, PROBE_TOKENS);
  return tn_batch_new (sequences, batch->n_sequences);
}

/* Appends each sequence's mean loss; NaN where there is nothing to predict. */
static gboolean
probe (TnModel *model, const TnBatch *whole, GArray *sizes, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnBatch) batch = cut (whole);
  g_autofree double *row_nll = g_new0 (double, batch->n_tokens);
  TnLoss loss = { 0 };
  gsize row = 0;

  if (!tn_batch_loss (model, batch, &loss, row_nll, NULL, cancellable, error))
    return FALSE;
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      double nll = 0.0, size;
      guint predicted = 0;

      for (guint i = 0; i < batch->sequences[s].length; i++, row++)
        if (batch->sequences[s].targets[i] >= 0)
          {
            nll += row_nll[row];
            predicted++;
          }
      size = predicted > 0 ? nll / predicted : (double) NAN;
      g_array_append_val (sizes, size);
    }
  return TRUE;
}

/* Sequences without a size get the mean of the others, so that they can be drawn. */
static void
fill_sizes (GArray *sizes)
{
  double sum = 0.0, mean;
  guint known = 0;

  for (guint i = 0; i < sizes->len; i++)
    if (g_array_index (sizes, double, i) > 0.0)
      {
        sum += g_array_index (sizes, double, i);
        known++;
      }
  mean = known > 0 ? sum / known : 1.0;
  for (guint i = 0; i < sizes->len; i++)
    if (!(g_array_index (sizes, double, i) > 0.0))
      g_array_index (sizes, double, i) = mean;
}

static gboolean
measure (TnSample *candidates, const TnSamplingOptions *options, TnModel *model, GArray *sizes, const TnListener *listener, GCancellable *cancellable,
         GError **error)
{
  TnSamplingOptions reading = *options;
  g_autoptr (TnBatchSource) source = NULL;
  GError *local = NULL;

  /* No more tokens at once than the run itself will have. */
  reading.batch_size = CLAMP (options->batch_size * options->seq_len / PROBE_TOKENS, 1, MOST_PROBED);
  reading.shard = reading.n_shards = 1;
  reading.shuffled = FALSE;
  reading.skip = 0;
  reading.n_samples = tn_sample_count (candidates);
  source = tn_sample_read (candidates, &reading, cancellable);
  while (TRUE)
    {
      g_autoptr (TnBatch) batch = tn_batch_source_next (source, &local);

      if (batch == NULL)
        break;
      if (!tn_listener_boundary (listener, error) || !probe (model, batch, sizes, cancellable, error))
        return FALSE;
      tn_listener_progress (listener, sizes->len, tn_sample_count (candidates), "candidates");
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  fill_sizes (sizes);
  return TRUE;
}

static TnSample *
draw_by_loss (const TnCalibrateOptions *options, TnModel *model, TnDataset *dataset, const TnListener *listener, GCancellable *cancellable,
              GError **error)
{
  TnSamplingOptions sampling = options->sampling;
  /* Too few records for so many candidates is nothing to be told. */
  const TnListener silent = { .progress = listener != NULL ? listener->progress : NULL, .boundary = listener != NULL ? listener->boundary : NULL,
                              .user_data = listener != NULL ? listener->user_data : NULL };
  g_autoptr (TnSample) sample = NULL;
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (double));

  sampling.sampler = TN_SAMPLER_RANDOM;
  sampling.n_samples = options->candidates > 0 ? MAX (options->candidates, sampling.n_samples) : CANDIDATES_A_SEQUENCE * sampling.n_samples;
  sample = tn_sample_draw (dataset, &sampling, &silent, cancellable, error);
  if (sample == NULL || !measure (sample, &sampling, model, sizes, listener, cancellable, error))
    return NULL;
  tn_sample_thin (sample, (const double *) (gpointer) sizes->data, options->sampling.n_samples, sampling.seed);
  return g_steal_pointer (&sample);
}

gboolean
tn_calibrate_draw (const TnCalibrateOptions *options, TnModel *model, TnDataset *dataset, const TnListener *listener, GCancellable *cancellable,
                   TnSample **sample, GError **error)
{
  TnSamplingOptions sampling = options->sampling;
  g_autoptr (GArray) list = NULL;

  *sample = NULL;
  if (sampling.sampler == TN_SAMPLER_INDICES)
    {
      if ((list = sampling.ordinals = tn_ordinal_list_load (options->indices_path, error)) == NULL)
        return FALSE;
      sampling.n_samples = list->len;
    }
  else if (sampling.n_samples == 0)
    return TRUE;
  if (sampling.sampler == TN_SAMPLER_IMPORTANCE)
    {
      if (options->weights_path == NULL)
        return (*sample = draw_by_loss (options, model, dataset, listener, cancellable, error)) != NULL;
      if ((list = sampling.sizes = tn_size_list_load (options->weights_path, error)) == NULL)
        return FALSE;
    }
  *sample = tn_sample_draw (dataset, &sampling, listener, cancellable, error);
  if (*sample != NULL)
    return TRUE;
  if (list != NULL)
    g_prefix_error (error, "%s: ", sampling.sampler == TN_SAMPLER_INDICES ? options->indices_path : options->weights_path);
  return FALSE;
}
