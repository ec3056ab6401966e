/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/carriers.h"

/* Columns of a piece of work: whole lines of the cache in every matrix. */
#define PIECE 64

static void
list_init (TnCarrierList *self)
{
  self->carriers = g_array_new (FALSE, FALSE, sizeof (TnCarrier));
}

static void
list_add (TnCarrierList *self, const TnCarrier *carrier)
{
  guint at = self->carriers->len;

  if (!(carrier->share > 0.0))
    return;
  while (at > 0 && g_array_index (self->carriers, TnCarrier, at - 1).share < carrier->share)
    at--;
  if (at == TN_CARRIERS_KEPT)
    return;
  g_array_insert_val (self->carriers, at, *carrier);
  if (self->carriers->len > TN_CARRIERS_KEPT)
    g_array_set_size (self->carriers, TN_CARRIERS_KEPT);
}

TnCarrierSums *
tn_carrier_sums_new (guint64 rows, guint64 columns)
{
  TnCarrierSums *self = g_new0 (TnCarrierSums, 1);

  self->rows = rows;
  self->columns = columns;
  self->output_energy = g_new0 (double, rows);
  self->input_square = g_new0 (double, columns);
  self->change_square = g_new0 (double, columns);
  self->input_change = g_new0 (double, columns);
  self->error_norm = g_new0 (double, columns);
  self->weight_norm = g_new0 (double, columns);
  self->weight_error = g_new0 (double, columns);
  self->input_minimum = INFINITY;
  self->input_maximum = -INFINITY;
  list_init (&self->tokens);
  list_init (&self->samples);
  return self;
}

void
tn_carrier_sums_free (TnCarrierSums *self)
{
  if (self == NULL)
    return;
  g_free (self->output_energy);
  g_free (self->input_square);
  g_free (self->change_square);
  g_free (self->input_change);
  g_free (self->error_norm);
  g_free (self->weight_norm);
  g_free (self->weight_error);
  g_array_unref (self->tokens.carriers);
  g_array_unref (self->samples.carriers);
  g_free (self);
}

/* Sums over rows of the squares of two matrices [n_rows, width] and of their product, in the order of the rows; b NULL: zeros. */
static void
add_columns (const float *a, const float *b, gsize n_rows, gsize width, double *a_square, double *b_square, double *product,
             guint threads)
{
  gint64 pieces = (gint64) ((width + PIECE - 1) / PIECE);

#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gint64 piece = 0; piece < pieces; piece++)
    {
      gsize first = (gsize) piece * PIECE, end = MIN (first + PIECE, width);

      for (gsize row = 0; row < n_rows; row++)
        for (gsize c = first; c < end; c++)
          {
            double x = (double) a[row * width + c], y = b != NULL ? (double) b[row * width + c] : 0.0;

            a_square[c] += x * x;
            b_square[c] += y * y;
            product[c] += x * y;
          }
    }
}

void
tn_carrier_sums_add_inputs (TnCarrierSums *self, const float *x, const float *dx, gsize n_tokens, guint threads)
{
  add_columns (x, dx, n_tokens, self->columns, self->input_square, self->change_square, self->input_change, threads);
  for (gsize i = 0; i < n_tokens * self->columns; i++)
    {
      self->input_minimum = MIN (self->input_minimum, x[i]);
      self->input_maximum = MAX (self->input_maximum, x[i]);
    }
}

void
tn_carrier_sums_add_weights (TnCarrierSums *self, const float *w, const float *dw, guint64 n, guint threads)
{
  add_columns (w, dw, n, self->columns, self->weight_norm, self->error_norm, self->weight_error, threads);
}

void
tn_carrier_sums_add_outputs (TnCarrierSums *self, const float *y_error, gsize n_tokens, guint64 first, guint64 n, guint threads)
{
  gint64 pieces = (gint64) ((n + PIECE - 1) / PIECE);

#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gint64 piece = 0; piece < pieces; piece++)
    {
      gsize from = (gsize) piece * PIECE, end = MIN (from + PIECE, n);

      for (gsize token = 0; token < n_tokens; token++)
        for (gsize o = from; o < end; o++)
          {
            double error = (double) y_error[token * n + o];

            self->output_energy[first + o] += error * error;
          }
    }
}

void
tn_carrier_sums_add_tokens (TnCarrierSums *self, const TnBatch *batch, guint first_sample, const double *energy)
{
  gsize row = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    {
      TnCarrier sample = {.kind = TN_CARRIER_SAMPLE, .index = first_sample + s};

      for (guint i = 0; i < batch->sequences[s].length; i++, row++)
        {
          const TnCarrier token = {.kind = TN_CARRIER_TOKEN,
                                   .index = first_sample + s,
                                   .position = i,
                                   .token = batch->sequences[s].tokens[i],
                                   .share = energy[row]};

          list_add (&self->tokens, &token);
          sample.share += energy[row];
        }
      list_add (&self->samples, &sample);
      self->energy += sample.share;
    }
  self->n_tokens += batch->n_tokens;
}

double *
tn_carrier_sums_get_input_energy (const TnCarrierSums *self)
{
  double *energy = g_new (double, self->columns);

  for (guint64 c = 0; c < self->columns; c++)
    {
      double x = self->input_square[c], change = self->change_square[c], both = self->input_change[c];
      double sum = self->error_norm[c] * (x + change + 2.0 * both) + self->weight_norm[c] * change +
                   2.0 * self->weight_error[c] * (both + change);

      /* It is a sum of squares; what is below 0 comes from rounding. */
      energy[c] = MAX (sum, 0.0);
    }
  return energy;
}

static void
append_shares (const TnCarrierList *self, double energy, TnAnalyzedLayer *layer)
{
  for (guint i = 0; i < self->carriers->len; i++)
    {
      TnCarrier carrier = g_array_index (self->carriers, TnCarrier, i);

      carrier.share /= energy;
      g_array_append_val (layer->carriers, carrier);
    }
}

static void
append_channels (TnCarrierKind kind, const double *energy, guint64 n, TnAnalyzedLayer *layer)
{
  TnCarrierList list;
  double sum = 0.0;

  list_init (&list);
  for (guint64 c = 0; c < n; c++)
    {
      const TnCarrier carrier = {.kind = kind, .index = (guint) c, .share = energy[c]};

      list_add (&list, &carrier);
      sum += energy[c];
    }
  append_shares (&list, sum, layer);
  g_array_unref (list.carriers);
}

void
tn_carrier_sums_finish (const TnCarrierSums *self, TnAnalyzedLayer *layer)
{
  g_autofree double *input_energy = tn_carrier_sums_get_input_energy (self);

  g_array_set_size (layer->carriers, 0);
  append_channels (TN_CARRIER_INPUT_CHANNEL, input_energy, self->columns, layer);
  append_channels (TN_CARRIER_OUTPUT_CHANNEL, self->output_energy, self->rows, layer);
  append_shares (&self->tokens, self->energy, layer);
  append_shares (&self->samples, self->energy, layer);
}
