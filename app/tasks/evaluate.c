/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/evaluate.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "app/tasks/batch-loss.h"
#include "data/datasets/read-ahead.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/metrics/paired-interval.h"

#define BATCHES_AHEAD 2
/* Batches read ahead take this part of the memory limit at most. */
#define AHEAD_FRACTION 16
/* Of the logits of both models together. */
#define MOST_LOGIT_BYTES ((guint64) 256 << 20)
/* Share of intervals of outputs that miss. */
#define INTERVAL_ERROR 0.05

typedef struct
{
  double  nll;
  guint64 tokens;
} Window;

static void
collect_windows (const TnBatch *batch, const double *row_nll, GArray *windows)
{
  gsize row = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    {
      const TnSequence *sequence = &batch->sequences[s];
      Window window = { 0 };

      for (guint i = 0; i < sequence->length; i++, row++)
        if (sequence->targets[i] >= 0)
          {
            window.nll += row_nll[row];
            window.tokens++;
          }
      if (window.tokens > 0)
        g_array_append_val (windows, window);
    }
}

/* The mean is a ratio of sums over windows, and so is its error. */
static void
finish (const GArray *windows, TnEvaluation *evaluation)
{
  g_autofree double *nll = g_new (double, MAX (windows->len, 1)), *tokens = g_new (double, MAX (windows->len, 1));
  TnMeanInterval interval;

  evaluation->tokens = 0;
  for (guint i = 0; i < windows->len; i++)
    {
      nll[i] = g_array_index (windows, Window, i).nll;
      tokens[i] = (double) g_array_index (windows, Window, i).tokens;
      evaluation->tokens += g_array_index (windows, Window, i).tokens;
    }
  tn_ratio_interval (nll, tokens, windows->len, INTERVAL_ERROR, &interval);
  evaluation->loss = interval.mean;
  evaluation->loss_stderr = interval.standard_error;
  evaluation->perplexity = exp (evaluation->loss);
}

/* The same error of the mean difference. */
static void
compare (const GArray *a, const GArray *b, TnLossDifference *difference)
{
  g_autoptr (GArray) windows = g_array_new (FALSE, FALSE, sizeof (Window));
  TnEvaluation evaluation;

  for (guint i = 0; i < a->len; i++)
    {
      Window window = g_array_index (a, Window, i);

      window.nll -= g_array_index (b, Window, i).nll;
      g_array_append_val (windows, window);
    }
  finish (windows, &evaluation);
  *difference = (TnLossDifference) { .loss = evaluation.loss, .loss_stderr = evaluation.loss_stderr };
}

/* A model and what is known of its scores. */
typedef struct
{
  TnModel *model;
  GArray  *windows; /* Window */
  guint64  correct;
  gint64   taken_us;
  TnTensor *logits; /* of the batch, or NULL: not wanted */
} Score;

static gboolean
score_batch (Score *score, const TnBatch *batch, GCancellable *cancellable, GError **error)
{
  g_autofree double *row_nll = g_new0 (double, batch->n_tokens);
  gint64 start = g_get_monotonic_time ();
  TnLoss loss = { 0 };

  if (!tn_batch_loss (score->model, batch, &loss, row_nll, score->logits != NULL ? tn_tensor_get_writable (score->logits) : NULL, cancellable, error))
    return FALSE;
  score->correct += loss.n_correct;
  score->taken_us += g_get_monotonic_time () - start;
  collect_windows (batch, row_nll, score->windows);
  return TRUE;
}

typedef struct
{
  const TnBatch   *batch;
  const Score     *approximation, *reference;
  TnOutputMetrics *outputs;
  guint64          first_window;
} OutputsCall;

static void
compare_outputs (gpointer user_data)
{
  const OutputsCall *call = user_data;
  gsize classes = tn_model_get_config (call->reference->model)->n_vocab, row = 0;

  for (guint s = 0; s < call->batch->n_sequences; s++)
    {
      const TnSequence *sequence = &call->batch->sequences[s];
      const float *reference = call->reference->logits->data, *approximation = call->approximation->logits->data;

      tn_output_metrics_add (call->outputs, call->first_window + s, 0, reference + row * classes, classes, approximation + row * classes, classes,
                             sequence->length, classes, sequence->targets);
      row += sequence->length;
    }
}

/* Room for the logits of a batch in both. */
static gboolean
prepare_logits (Score *scores, guint n_scores, const TnBatch *batch, GError **error)
{
  for (guint i = 0; i < n_scores; i++)
    {
      guint64 count = (guint64) batch->n_tokens * tn_model_get_config (scores[i].model)->n_vocab;

      if (scores[i].logits != NULL && scores[i].logits->count >= count)
        continue;
      g_clear_pointer (&scores[i].logits, tn_tensor_unref);
      if ((scores[i].logits = tn_tensor_new (TN_DTYPE_F32, 1, &count, TN_PURPOSE_ACTIVATIONS, error)) == NULL)
        return FALSE;
    }
  return TRUE;
}

/* outputs: of the first against the second; or NULL. */
static gboolean
score_all (Score *scores, guint n_scores, TnBatchSource *source, TnOutputMetrics *outputs, const TnListener *listener, GCancellable *cancellable,
           GError **error)
{
  guint64 sequences = 0;
  GError *local = NULL;

  while (TRUE)
    {
      g_autoptr (TnBatch) batch = tn_batch_source_next (source, &local);

      if (batch == NULL)
        break;
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !tn_listener_boundary (listener, error))
        return FALSE;
      if (outputs != NULL && !prepare_logits (scores, n_scores, batch, error))
        return FALSE;
      for (guint i = 0; i < n_scores; i++)
        if (!score_batch (&scores[i], batch, cancellable, error))
          return FALSE;
      if (outputs != NULL)
        tn_compute_run (compare_outputs,
                        &(OutputsCall) { .batch = batch, .approximation = &scores[0], .reference = &scores[1], .outputs = outputs, .first_window = sequences });
      sequences += batch->n_sequences;
      tn_listener_progress (listener, (double) sequences, (double) tn_batch_source_count (source), "windows");
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (scores[0].windows->len > 0)
    return TRUE;
  g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, _("the data hold no token to predict: a document of two tokens or more is needed"));
  return FALSE;
}

static void
finish_score (const Score *score, TnEvaluation *evaluation)
{
  finish (score->windows, evaluation);
  evaluation->accuracy = (double) score->correct / (double) evaluation->tokens;
  evaluation->seconds = (double) score->taken_us * 1e-6;
}

static TnBatchSource *
open_windows (TnDataset *dataset, guint seq_len, guint batch_size, GCancellable *cancellable, GError **error)
{
  TnBatchSource *source = tn_dataset_windows (dataset, seq_len, batch_size, cancellable, error);

  return source != NULL ? tn_batch_source_read_ahead (source, BATCHES_AHEAD, tn_pool_get_budget (tn_pool_default ()) / AHEAD_FRACTION) : NULL;
}

/* Sequences whose logits of both models fit. */
static guint
fit_batch (TnModel *model, guint seq_len, guint batch_size)
{
  guint64 bytes = 2 * sizeof (float) * (guint64) tn_model_get_config (model)->n_vocab * seq_len;

  return (guint) CLAMP (MOST_LOGIT_BYTES / bytes, 1, batch_size);
}

gboolean
tn_evaluate_pair (TnModel *a, TnModel *b, TnDataset *dataset, guint seq_len, guint batch_size, TnEvaluation *evaluation_a,
                  TnEvaluation *evaluation_b, TnLossDifference *difference, TnOutputSummary *outputs, const TnListener *listener,
                  GCancellable *cancellable, GError **error)
{
  guint vocabulary_a = tn_model_get_config (a)->n_vocab, vocabulary_b = tn_model_get_config (b)->n_vocab;
  g_autoptr (TnBatchSource) source = NULL;
  g_autoptr (GArray) windows_a = g_array_new (FALSE, FALSE, sizeof (Window)), windows_b = g_array_new (FALSE, FALSE, sizeof (Window));
  g_autoptr (TnOutputMetrics) metrics = outputs != NULL ? tn_output_metrics_new () : NULL;
  Score scores[] = { { .model = a, .windows = windows_a }, { .model = b, .windows = windows_b } };
  gboolean ok;

  if (outputs != NULL && vocabulary_a != vocabulary_b)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _("the model has a vocabulary of %u tokens and its reference one of %u: their outputs cannot be compared"),
                   vocabulary_a, vocabulary_b);
      return FALSE;
    }
  if ((source = open_windows (dataset, seq_len, outputs != NULL ? fit_batch (a, seq_len, batch_size) : batch_size, cancellable, error)) == NULL)
    return FALSE;
  ok = score_all (scores, G_N_ELEMENTS (scores), source, metrics, listener, cancellable, error);
  for (guint i = 0; i < G_N_ELEMENTS (scores); i++)
    g_clear_pointer (&scores[i].logits, tn_tensor_unref);
  if (!ok)
    return FALSE;
  finish_score (&scores[0], evaluation_a);
  finish_score (&scores[1], evaluation_b);
  compare (windows_a, windows_b, difference);
  if (outputs != NULL)
    tn_output_metrics_summarize (metrics, INTERVAL_ERROR, outputs);
  return TRUE;
}

gboolean
tn_evaluate (TnModel *model, TnDataset *dataset, guint seq_len, guint batch_size, TnEvaluation *evaluation, const TnListener *listener,
             GCancellable *cancellable, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  g_autoptr (TnBatchSource) source = open_windows (dataset, seq_len, batch_size, cancellable, error);
  g_autoptr (GArray) windows = g_array_new (FALSE, FALSE, sizeof (Window));
  Score score = { .model = model, .windows = windows };

  if (source == NULL || !score_all (&score, 1, source, NULL, listener, cancellable, error))
    return FALSE;
  finish_score (&score, evaluation);
  evaluation->seconds = (double) (g_get_monotonic_time () - start) * 1e-6;
  return TRUE;
}
