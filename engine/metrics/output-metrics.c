/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/output-metrics.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* Rows whose results are kept before they are added in their order. */
#define BATCH_ROWS ((gsize) 256)
/* Differences of logits beyond this could overflow what is summed. */
#define MOST_DIFFERENCE 500.0

typedef struct
{
  guint64 number; /* the key: stands first */
  guint64 rows, targets, nonfinite, agreed, reference_correct, approximation_correct;
  double divergence, reference_loss, loss_difference;
  double kl_max;
  guint64 kl_max_row;
} Window;

struct _TnOutputMetrics
{
  GHashTable *windows; /* Window, by its number */
  double *scratch;     /* [threads] x [classes] */
  gsize scratch_count;
};

typedef struct
{
  gboolean finite;
  double divergence, reference_loss, loss_difference;
  gsize reference_best, approximation_best;
} Row;

TnOutputMetrics *
tn_output_metrics_new (void)
{
  TnOutputMetrics *self = g_new0 (TnOutputMetrics, 1);

  self->windows = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  return self;
}

void
tn_output_metrics_free (TnOutputMetrics *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->windows);
  g_free (self->scratch);
  g_free (self);
}

/* exp (d) - 1 - d, whose first terms cancel near 0. */
static double
excess (double d)
{
  double term = 0.5 * d * d, sum = 0.0;

  if (fabs (d) > 0.5)
    return expm1 (d) - d;
  for (guint k = 3; k < 16; k++)
    {
      sum += term;
      term *= d / k;
    }
  return sum;
}

static double
log_sum_exp (const float *x, gsize n, double maximum)
{
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    sum += exp ((double) x[i] - maximum);
  return maximum + log (sum);
}

/* target negative: none. */
static void
measure_row (const float *reference, const float *approximation, gsize classes, gint32 target, double *p, Row *row)
{
  double maximum, approximation_maximum, sum = 0.0, mean = 0.0, largest = -HUGE_VAL, total = 0.0;

  *row = (Row){.finite = classes > 0};
  for (gsize i = 0; i < classes; i++)
    {
      row->finite = row->finite && isfinite (reference[i]) && isfinite (approximation[i]);
      if (reference[i] > reference[row->reference_best])
        row->reference_best = i;
      if (approximation[i] > approximation[row->approximation_best])
        row->approximation_best = i;
    }
  if (!row->finite)
    return;
  maximum = (double) reference[row->reference_best];
  approximation_maximum = (double) approximation[row->approximation_best];
  for (gsize i = 0; i < classes; i++)
    {
      double difference = (double) approximation[i] - (double) reference[i];

      p[i] = exp ((double) reference[i] - maximum);
      sum += p[i];
      mean += p[i] * difference;
      largest = MAX (largest, difference);
    }
  mean /= sum;
  if (largest - mean < MOST_DIFFERENCE)
    {
      for (gsize i = 0; i < classes; i++)
        total += p[i] * excess ((double) approximation[i] - (double) reference[i] - mean);
      row->divergence = log1p (total / sum);
    }
  else
    row->divergence = log_sum_exp (approximation, classes, approximation_maximum) - (maximum + log (sum)) - mean;
  if (target < 0)
    return;
  row->reference_loss = maximum + log (sum) - (double) reference[target];
  /* The difference of both log sums is the mean difference and the divergence. */
  row->loss_difference = mean + row->divergence - ((double) approximation[target] - (double) reference[target]);
}

double
tn_output_divergence (const float *reference, const float *approximation, gsize classes)
{
  g_autofree double *p = g_new (double, MAX (classes, 1));
  Row row;

  measure_row (reference, approximation, classes, -1, p, &row);
  return row.finite ? row.divergence : (double) NAN;
}

static Window *
get_window (TnOutputMetrics *self, guint64 number)
{
  Window *window = g_hash_table_lookup (self->windows, &number);

  if (window == NULL)
    {
      window = g_new0 (Window, 1);
      window->number = number;
      window->kl_max = -1.0;
      g_hash_table_insert (self->windows, window, window);
    }
  return window;
}

static void
add_row (Window *window, guint64 number, const Row *row, gint32 target)
{
  if (!row->finite)
    {
      window->nonfinite++;
      return;
    }
  window->rows++;
  window->divergence += row->divergence;
  window->agreed += row->reference_best == row->approximation_best;
  if (row->divergence > window->kl_max || (row->divergence == window->kl_max && number < window->kl_max_row))
    {
      window->kl_max = row->divergence;
      window->kl_max_row = number;
    }
  if (target < 0)
    return;
  window->targets++;
  window->reference_loss += row->reference_loss;
  window->loss_difference += row->loss_difference;
  window->reference_correct += row->reference_best == (gsize) target;
  window->approximation_correct += row->approximation_best == (gsize) target;
}

void
tn_output_metrics_add (TnOutputMetrics *self, guint64 window_number, guint64 first_row, const float *reference,
                       gsize reference_stride, const float *approximation, gsize approximation_stride, gsize rows, gsize classes,
                       const gint32 *targets)
{
  Window *window = get_window (self, window_number);
  gsize needed = classes * (gsize) omp_get_max_threads ();
  Row results[BATCH_ROWS];

  if (needed > self->scratch_count)
    {
      g_free (self->scratch);
      self->scratch = g_new (double, needed);
      self->scratch_count = needed;
    }
  for (gsize first = 0; first < rows; first += BATCH_ROWS)
    {
      gsize n = MIN (BATCH_ROWS, rows - first);

#pragma omp parallel for schedule(dynamic) if (n > 1)
      for (gsize i = 0; i < n; i++)
        if (targets == NULL || targets[first + i] >= 0)
          measure_row (reference + (first + i) * reference_stride, approximation + (first + i) * approximation_stride, classes,
                       targets != NULL ? targets[first + i] : -1, self->scratch + classes * (gsize) omp_get_thread_num (),
                       &results[i]);
      for (gsize i = 0; i < n; i++)
        if (targets == NULL || targets[first + i] >= 0)
          add_row (window, first_row + first + i, &results[i], targets != NULL ? targets[first + i] : -1);
    }
}

void
tn_output_metrics_merge (TnOutputMetrics *self, const TnOutputMetrics *other)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, other->windows);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Window *from = value;
      Window *window = get_window (self, from->number);

      window->rows += from->rows;
      window->targets += from->targets;
      window->nonfinite += from->nonfinite;
      window->agreed += from->agreed;
      window->reference_correct += from->reference_correct;
      window->approximation_correct += from->approximation_correct;
      window->divergence += from->divergence;
      window->reference_loss += from->reference_loss;
      window->loss_difference += from->loss_difference;
      if (from->kl_max > window->kl_max || (from->kl_max == window->kl_max && from->kl_max_row < window->kl_max_row))
        {
          window->kl_max = from->kl_max;
          window->kl_max_row = from->kl_max_row;
        }
    }
}

static int
compare_windows (gconstpointer a, gconstpointer b)
{
  const Window *first = *(Window *const *) a, *second = *(Window *const *) b;

  return first->number < second->number ? -1 : first->number > second->number;
}

void
tn_output_metrics_summarize (const TnOutputMetrics *self, double error, TnOutputSummary *summary)
{
  guint n;
  g_autofree Window **windows = (Window **) g_hash_table_get_keys_as_array (self->windows, &n);
  g_autofree double *rows = g_new (double, n + 1), *targets = g_new (double, n + 1), *divergence = g_new (double, n + 1);
  g_autofree double *agreed = g_new (double, n + 1), *difference = g_new (double, n + 1);
  double reference_loss = 0.0, reference_correct = 0.0, approximation_correct = 0.0;
  guint entered = 0, scored = 0;

  qsort (windows, n, sizeof *windows, compare_windows);
  *summary = (TnOutputSummary){.kl_max = (double) NAN};
  for (guint i = 0; i < n; i++)
    {
      const Window *window = windows[i];

      summary->nonfinite += window->nonfinite;
      if (window->rows == 0)
        continue;
      summary->rows += window->rows;
      rows[entered] = (double) window->rows;
      divergence[entered] = window->divergence;
      agreed[entered++] = (double) window->agreed;
      if (!(window->kl_max <= summary->kl_max))
        {
          summary->kl_max = window->kl_max;
          summary->kl_max_window = window->number;
          summary->kl_max_row = window->kl_max_row;
        }
      if (window->targets == 0)
        continue;
      summary->targets += window->targets;
      targets[scored] = (double) window->targets;
      difference[scored++] = window->loss_difference;
      reference_loss += window->reference_loss;
      reference_correct += (double) window->reference_correct;
      approximation_correct += (double) window->approximation_correct;
    }
  summary->windows = entered;
  tn_ratio_interval (divergence, rows, entered, error, &summary->kl);
  tn_ratio_interval (agreed, rows, entered, error, &summary->agreement);
  tn_ratio_interval (difference, targets, scored, error, &summary->loss_difference);
  summary->reference_loss = reference_loss / (double) summary->targets;
  summary->approximation_loss = summary->reference_loss + summary->loss_difference.mean;
  summary->reference_accuracy = reference_correct / (double) summary->targets;
  summary->approximation_accuracy = approximation_correct / (double) summary->targets;
  summary->perplexity_ratio = (TnMeanInterval){
      .mean = exp (summary->loss_difference.mean),
      .standard_error = exp (summary->loss_difference.mean) * summary->loss_difference.standard_error,
      .low = exp (summary->loss_difference.low),
      .high = exp (summary->loss_difference.high),
      .n = summary->loss_difference.n,
  };
}
