/* SPDX-License-Identifier: Apache-2.0 */
/* Gram matrices, samples of rows, and parameters by a layer's output: against loops in double. */
#include "engine/calibration/output-search.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/calibration/site-parameters.h"
#include "engine/error.h"
#include "engine/quant/parameters.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"

static const guint lengths[] = {1, 7, 33, 2, 64, 19};

typedef struct
{
  TnBatch *all, *parts[G_N_ELEMENTS (lengths)];
  float *x, *starts[G_N_ELEMENTS (lengths)];
  gsize n_tokens;
} Data;

static Data
data_new (guint width)
{
  static const gint32 tokens[64];
  TnRandom random = tn_random_stream (width, "inputs");
  TnSequence sequences[G_N_ELEMENTS (lengths)];
  Data self = {0};

  for (guint s = 0; s < G_N_ELEMENTS (lengths); s++)
    {
      sequences[s] = (TnSequence){.hash = 0x9e3779b97f4a7c15u * (s + 3), .length = lengths[s], .tokens = tokens};
      self.parts[s] = tn_batch_new (&sequences[s], 1);
      self.n_tokens += lengths[s];
    }
  self.all = tn_batch_new (sequences, G_N_ELEMENTS (lengths));
  self.x = g_new (float, self.n_tokens *width);
  for (gsize i = 0; i < self.n_tokens * width; i++)
    self.x[i] = (float) (tn_random_normal (&random) * (1.0 + (double) (i % width % 5)));
  self.starts[0] = self.x;
  for (guint s = 1; s < G_N_ELEMENTS (lengths); s++)
    self.starts[s] = self.starts[s - 1] + (gsize) lengths[s - 1] * width;
  return self;
}

static void
data_clear (Data *self)
{
  tn_batch_unref (self->all);
  for (guint s = 0; s < G_N_ELEMENTS (lengths); s++)
    tn_batch_unref (self->parts[s]);
  g_free (self->x);
}

static void
test_gram (void)
{
  static const guint widths[] = {1, 3, 8, 9, 31, 77};

  for (guint k = 0; k < G_N_ELEMENTS (widths); k++)
    {
      guint width = widths[k];
      Data data = data_new (width);
      g_autoptr (TnGram) whole = tn_gram_new (width, NULL);
      g_autoptr (TnGram) one = tn_gram_new (width, NULL);
      g_autoptr (TnGram) parts = tn_gram_new (width, NULL);
      g_autofree float *matrix = g_new (float, width *width);

      data.x[0] = NAN;
      data.x[data.n_tokens * width - 1] = 1e30f;
      omp_set_num_threads (2);
      g_assert_true (tn_gram_observe (whole, data.all, data.x));
      omp_set_num_threads (1);
      g_assert_true (tn_gram_observe (one, data.all, data.x));
      g_assert_true (tn_gram_equal (whole, one));
      for (guint s = G_N_ELEMENTS (lengths); s-- > 0;)
        {
          g_autoptr (TnGram) part = tn_gram_new (width, NULL);

          g_assert_true (tn_gram_observe (part, data.parts[s], data.starts[s]));
          tn_gram_merge (parts, part);
        }
      g_assert_true (tn_gram_equal (whole, parts));
      data.x[0] = data.x[data.n_tokens * width - 1] = 0.0f;
      tn_gram_get_matrix (whole, matrix);
      for (guint i = 0; i < width; i++)
        for (guint j = 0; j < width; j++)
          {
            double sum = 0.0;

            for (gsize t = 0; t < data.n_tokens; t++)
              sum += (double) data.x[t * width + i] * (double) data.x[t * width + j];
            g_assert_cmpfloat_with_epsilon ((double) matrix[i * width + j], sum, 1e-6 * fabs (sum) + 1e-4);
          }
      tn_gram_clear (parts);
      g_assert_false (tn_gram_equal (whole, parts));
      data_clear (&data);
    }
}

static void
test_rows (void)
{
  guint width = 5, most = 40;
  Data data = data_new (width);
  g_autoptr (TnRowSample) whole = tn_row_sample_new (width, most);
  g_autoptr (TnRowSample) parts = tn_row_sample_new (width, most);
  g_autoptr (TnRowSample) copy = NULL;
  gsize counted = 0;

  tn_row_sample_observe (whole, data.all, data.x);
  g_assert_cmpuint (tn_row_sample_n_rows (whole), ==, most);
  for (guint s = G_N_ELEMENTS (lengths); s-- > 0;)
    {
      g_autoptr (TnRowSample) part = tn_row_sample_new (width, most);

      tn_row_sample_observe (part, data.parts[s], data.starts[s]);
      tn_row_sample_merge (parts, part);
      /* Again: nothing new. */
      tn_row_sample_merge (parts, part);
    }
  g_assert_true (tn_row_sample_equal (whole, parts));
  copy = tn_row_sample_copy (whole);
  g_assert_true (tn_row_sample_equal (whole, copy));
  for (guint i = 0; i < most; i++)
    {
      guint64 sample;
      guint32 token;
      const float *row = tn_row_sample_get (whole, i, &sample, &token);

      for (guint s = 0; s < G_N_ELEMENTS (lengths); s++)
        if (data.parts[s]->sequences[0].hash == sample)
          {
            g_assert_cmpuint (token, <, lengths[s]);
            g_assert_cmpmem (row, width * sizeof (float), data.starts[s] + token * width, width * sizeof (float));
            counted++;
          }
    }
  g_assert_cmpuint (counted, ==, most);
  /* The smaller of two sizes. */
  {
    g_autoptr (TnRowSample) few = tn_row_sample_new (width, 7);

    tn_row_sample_merge (copy, few);
    g_assert_cmpuint (tn_row_sample_n_rows (copy), ==, 7);
    tn_row_sample_observe (few, data.all, data.x);
    g_assert_true (tn_row_sample_equal (copy, few));
  }
  data_clear (&data);
}

/* ‖X (W - Wq)ᵀ‖², or of both parts. */
static double
output_error (const Data *data, guint width, const float *w, const float *wq, guint rows, const TnRounding *input)
{
  double sum = 0.0;

  for (gsize t = 0; t < data->n_tokens; t++)
    for (guint r = 0; r < rows; r++)
      {
        double error = 0.0;

        for (guint i = 0; i < width; i++)
          {
            float x = data->x[t * width + i];

            error += (double) x * (double) w[r * width + i] -
                     (double) (input != NULL ? tn_rounding_apply (input, x) : x) * (double) wq[r * width + i];
          }
        sum += error * error;
      }
  return sum;
}

static void
test_output (void)
{
  static const char *const schemes[] = {"int4", "int3:c", "int4:c:asym", "ternary:c", "int4:g8", "ternary"};
  guint width = 32, rows = 11;
  const guint64 shape[] = {rows, width};
  Data data = data_new (width);
  TnRandom random = tn_random_stream (5, "weights");
  g_autofree float *w = g_new (float, rows *width);
  g_autoptr (TnTensor) weight = tn_tensor_new_mapped (TN_DTYPE_F32, 2, shape, w, rows * width * sizeof (float), NULL, NULL, NULL);
  g_autoptr (TnSiteStats) site = tn_site_stats_new ("blk.0.ffn_down.in", width);
  g_autoptr (TnSiteStats) sampled = tn_site_stats_new ("blk.0.ffn_down.in", width);
  g_autofree float *gram = NULL, *same = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < rows * width; i++)
    w[i] = (float) tn_random_normal (&random);
  g_assert_null (tn_output_gram (site, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (tn_site_stats_keep_gram (site, NULL));
  tn_site_stats_keep_rows (sampled, 1000);
  tn_site_stats_observe (site, data.all, data.x);
  tn_site_stats_observe (sampled, data.all, data.x);
  gram = tn_output_gram (site, NULL);
  same = tn_output_gram (sampled, NULL);
  for (guint i = 0; i < width * width; i++)
    g_assert_cmpfloat_with_epsilon ((double) gram[i], (double) same[i], 1e-5 * (1000.0 + fabs ((double) gram[i])));
  for (guint k = 0; k < G_N_ELEMENTS (schemes); k++)
    {
      TnScheme scheme, by_mse;
      TnOutputErrors errors;
      g_autofree TnRounding *units = NULL;
      g_autoptr (TnTensor) rounded = NULL;
      g_autofree float *reference = g_new (float, rows *width);
      double achieved, start;

      g_assert_true (tn_scheme_parse (schemes[k], &scheme, NULL));
      units = tn_output_find_units (weight, &scheme, gram, &errors, NULL, &error);
      g_assert_no_error (error);
      rounded = tn_output_round (weight, &scheme, units, NULL);
      by_mse = scheme;
      tn_scheme_set_method (&by_mse, &(TnMethodOptions){.method = TN_METHOD_MSE});
      g_assert_true (tn_quantize_values (&by_mse, w, rows, width, reference, NULL));
      achieved = output_error (&data, width, w, rounded->data, rows, NULL);
      start = output_error (&data, width, w, reference, rows, NULL);
      g_test_message ("%s: ‖XE‖² %g, by squared error %g, of %g", schemes[k], achieved, start, errors.power);
      g_assert_cmpfloat (errors.best, <=, errors.by_mse);
      if (scheme.granularity == TN_PER_GROUP)
        continue;
      g_assert_cmpfloat_with_epsilon (errors.best / achieved, 1.0, 1e-3);
      g_assert_cmpfloat_with_epsilon (errors.by_mse / start, 1.0, 1e-3);
      g_assert_cmpfloat (achieved, <=, start * 1.0001);
    }
  {
    TnQuantParams params;
    TnOutputErrors errors;
    TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = 4};
    TnRounding before, after;

    g_assert_true (tn_site_parameters (sampled, &scheme, &(TnMethodOptions){.method = TN_METHOD_MSE}, &params, NULL, NULL));
    before = tn_rounding_from_scale (&scheme, params.scale, 0);
    g_assert_false (tn_output_find_input (site, weight, weight, &params, &errors, NULL, &error));
    g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
    g_assert_true (tn_output_find_input (sampled, weight, weight, &params, &errors, NULL, NULL));
    after = tn_rounding_from_scale (&scheme, params.scale, 0);
    g_assert_cmpfloat_with_epsilon (errors.by_mse / output_error (&data, width, w, w, rows, &before), 1.0, 1e-3);
    g_assert_cmpfloat_with_epsilon (errors.best / output_error (&data, width, w, w, rows, &after), 1.0, 1e-3);
    g_assert_cmpfloat (errors.best, <=, errors.by_mse);
  }
  data_clear (&data);
}

/* The interval holds the estimate, is wider for fewer sequences, and holds the scale of other sequences of the same kind nineteen times of twenty. */
static void
test_interval (void)
{
  guint width = 16, hits[2] = {0}, n_runs = 120;
  TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = 4};
  TnMethodOptions options = {.method = TN_METHOD_MSE};
  double truth = 0.0, widths[2] = {0};

  for (guint run = 0; run < n_runs + 1; run++)
    {
      /* The first run is the large one, whose scale is as good as the truth. */
      guint n_sequences = run == 0 ? 30000 : run % 2 ? 64 : 256;
      TnRandom random = tn_random_stream (run, "interval");
      g_autoptr (TnSiteStats) site = tn_site_stats_new ("site", width);
      TnParameterInterval interval;
      TnQuantParams params;

      for (guint s = 0; s < n_sequences; s++)
        {
          static const gint32 tokens[8];
          TnSequence sequence = {.hash = 0x9e3779b97f4a7c15u * (s + 1) >> 7, .length = 8, .tokens = tokens};
          g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
          double spread = exp (0.3 * tn_random_normal (&random));
          float x[8 * 16];

          for (guint i = 0; i < 8 * width; i++)
            x[i] = (float) (spread * tn_random_normal (&random));
          tn_site_stats_observe (site, batch, x);
        }
      g_assert_true (tn_site_parameters (site, &scheme, &options, &params, &interval, NULL));
      g_assert_cmpfloat (interval.scale_low, <, params.scale);
      g_assert_cmpfloat (interval.scale_high, >, params.scale);
      g_assert_cmpfloat (interval.sqnr_low_db, <, params.sqnr_db);
      g_assert_cmpfloat (interval.mse_high, >, params.mse);
      if (run == 0)
        truth = params.scale;
      else
        {
          hits[run % 2] += truth >= interval.scale_low && truth <= interval.scale_high;
          widths[run % 2] += log (interval.scale_high / interval.scale_low);
        }
    }
  g_test_message ("of 60 intervals %u (64 sequences) and %u (256) hold the scale; widths %.4f, %.4f", hits[1], hits[0], widths[1] / 60,
                  widths[0] / 60);
  /* 57 of 60 would be nominal; few sequences a group make the jackknife a little too narrow. */
  g_assert_cmpuint (hits[0], >=, 51);
  g_assert_cmpuint (hits[1], >=, 45);
  g_assert_cmpfloat (widths[1], >, 1.4 * widths[0]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/inputs/gram", test_gram);
  g_test_add_func ("/inputs/rows", test_rows);
  g_test_add_func ("/inputs/output", test_output);
  g_test_add_func ("/inputs/interval", test_interval);
  return g_test_run ();
}
