/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/loss-gradient.h"
#include "engine/analysis/scores.h"
#include "engine/analysis/weight-errors.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/product-sums.h"
#include "engine/kernels/row-quantize.h"
#include "engine/kernels/variant.h"
#include "engine/random.h"
#include "tests/engine/llama-fixture.h"

static const TnLlamaConfig config = {
    .n_vocab = 67,
    .n_embd = 20,
    .n_layer = 2,
    .n_head = 4,
    .n_head_kv = 2,
    .head_dim = 6,
    .n_ff = 29,
    .n_context = 64,
    .rope_dim = 6,
    .rope_base = 10000.0,
    .rope_scale = 1.0,
    .norm_epsilon = 1e-6,
};

static const guint lengths[] = {13, 1, 24, 7};

static float
half_to_float (guint16 half)
{
  guint32 bits = (guint32) half << 16;
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

static void
test_product_sums (void)
{
  const gsize sizes[] = {0, 1, 7, 8, 15, 16, 17, 31, 97, 1024};
  TnRandom random = tn_random_stream (1, "sums");
  TnVariant before = tn_variant_get ();

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree float *gradients = g_new (float, n + 1), *errors = g_new (float, n + 1);
      g_autofree guint16 *halves = g_new (guint16, n + 1);
      TnProductSums expected = {0}, first = {0}, first_float = {0};

      for (gsize i = 0; i < n; i++)
        {
          gradients[i] = (float) tn_random_normal (&random);
          halves[i] = (guint16) (0x3c00u + tn_random_below (&random, 0x400) + (tn_random_below (&random, 2) << 15));
          errors[i] = half_to_float (halves[i]);
          expected.sum += (double) (gradients[i] * errors[i]);
          expected.squares += (double) (gradients[i] * errors[i]) * (double) (gradients[i] * errors[i]);
        }
      for (TnVariant variant = 0; variant < TN_N_VARIANTS; variant++)
        {
          TnProductSums sums = {1.0, 2.0}, float_sums = {1.0, 2.0};

          if (!tn_variant_use (variant))
            continue;
          tn_product_sums_half (gradients, halves, n, &sums);
          tn_product_sums_float (gradients, errors, n, &float_sums);
          g_assert_cmpfloat_with_epsilon (sums.sum, 1.0 + expected.sum, 1e-12 * (1.0 + expected.squares));
          g_assert_cmpfloat_with_epsilon (sums.squares, 2.0 + expected.squares, 1e-12 * (1.0 + expected.squares));
          if (variant == TN_VARIANT_SCALAR)
            {
              first = sums;
              first_float = float_sums;
            }
          g_assert_cmpmem (&sums, sizeof sums, &first, sizeof first);
          g_assert_cmpmem (&float_sums, sizeof float_sums, &first_float, sizeof first_float);
          g_assert_cmpmem (&sums, sizeof sums, &float_sums, sizeof float_sums);
        }
    }
  g_assert_true (tn_variant_use (before));
}

/* All that a loss gradient shows. */
typedef struct
{
  TnLossGradient *gradient;
  float *weights[14], *inputs[14], *input_gradients[14];
  gsize rows;
} Shown;

static void
keep_weight (guint layer, const float *gradient, gpointer user_data)
{
  Shown *shown = user_data;

  g_free (shown->weights[layer]);
  shown->weights[layer] = g_memdup2 (gradient, tn_loss_gradient_get_weight (shown->gradient, layer)->count * sizeof (float));
}

static void
keep_input (guint layer, const float *x, const float *gradient, gsize rows, gpointer user_data)
{
  Shown *shown = user_data;
  gsize width = tn_loss_gradient_get_weight (shown->gradient, layer)->shape.dims[1];

  g_free (shown->inputs[layer]);
  g_free (shown->input_gradients[layer]);
  shown->rows = rows;
  shown->inputs[layer] = g_memdup2 (x, rows * width * sizeof (float));
  shown->input_gradients[layer] = g_memdup2 (gradient, rows * width * sizeof (float));
}

static void
shown_clear (Shown *shown)
{
  for (guint i = 0; i < 14; i++)
    {
      g_free (shown->weights[i]);
      g_free (shown->inputs[i]);
      g_free (shown->input_gradients[i]);
    }
}

/* On the compute thread. */
typedef struct
{
  TnModel *model;
  const TnSequence *sequence;
  double loss;
} LossCall;

static void
find_loss (gpointer user_data)
{
  LossCall *call = user_data;
  g_autoptr (TnBatch) batch = tn_batch_new (call->sequence, 1);
  TnLoss loss = {0};

  g_assert_true (tn_model_forward (call->model, batch, NULL, NULL, &loss, NULL, NULL));
  call->loss = loss.nll_sum / (double) loss.n_scored;
}

static double
get_loss (TnModel *model, const TnSequence *sequence)
{
  LossCall call = {.model = model, .sequence = sequence};

  tn_compute_run (find_loss, &call);
  return call.loss;
}

static guint
count_targets (const TnSequence *sequence)
{
  guint n = 0;

  for (guint i = 0; i < sequence->length; i++)
    n += sequence->targets[i] >= 0;
  return n;
}

/* The loss is the model's own, gradients are those of central differences. */
static void
test_loss_gradient (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, G_N_ELEMENTS (lengths), 3);
  Shown shown = {NULL};
  const TnLossGradientFuncs funcs = {keep_weight, keep_input, &shown};
  g_autoptr (TnLossGradient) gradient = tn_loss_gradient_new (model, 24, &funcs, NULL);
  TnRandom random = tn_random_stream (2, "places");

  g_assert_nonnull (gradient);
  g_assert_cmpuint (tn_loss_gradient_n_layers (gradient), ==, 14);
  shown.gradient = gradient;
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      const TnSequence *sequence = &batch->sequences[s];
      guint n_targets;
      double loss;

      g_assert_true (tn_loss_gradient_run (gradient, sequence, &loss, &n_targets, NULL, NULL));
      g_assert_cmpuint (n_targets, ==, count_targets (sequence));
      if (n_targets == 0)
        continue;
      g_assert_cmpfloat_with_epsilon (loss, get_loss (model, sequence), 1e-5);
      for (guint k = 0; k < 14; k++)
        {
          guint layer = k;
          TnVariable *weight = tn_loss_gradient_get_weight (gradient, layer);
          gsize place = tn_random_below (&random, weight->count);
          float *element = (float *) weight->data + place, kept = *element, expected = shown.weights[layer][place];
          g_autofree float *all = g_memdup2 (shown.weights[layer], weight->count * sizeof (float));
          double up, down;

          *element = kept + 0.005f;
          g_assert_true (tn_loss_gradient_run (gradient, sequence, &up, &n_targets, NULL, NULL));
          *element = kept - 0.005f;
          g_assert_true (tn_loss_gradient_run (gradient, sequence, &down, &n_targets, NULL, NULL));
          *element = kept;
          g_assert_cmpfloat_with_epsilon ((up - down) / 0.01, (double) expected, 2e-3 * (1.0 + fabs ((double) expected)));
          g_assert_true (tn_loss_gradient_run (gradient, sequence, &loss, &n_targets, NULL, NULL));
          g_assert_cmpmem (all, weight->count * sizeof (float), shown.weights[layer], weight->count * sizeof (float));
        }
    }
  shown_clear (&shown);
}

static GArray *
parse_schemes (const char *names)
{
  GArray *schemes = tn_scheme_parse_list (names, NULL);

  g_assert_nonnull (schemes);
  return schemes;
}

typedef struct
{
  const TnScheme *scheme;
  const float *x;
  gsize rows, columns;
  float *out;
} RoundCall;

static void
round_values (gpointer user_data)
{
  RoundCall *call = user_data;

  g_assert_true (tn_quantize_values (call->scheme, call->x, call->rows, call->columns, call->out, NULL));
}

/* x rounded as BitNet's layers round it, minus x. */
static void
round_inputs (const float *x, gsize rows, gsize width, float *out)
{
  g_autofree gint8 *codes = g_new (gint8, width);

  for (gsize row = 0; row < rows; row++)
    {
      float scale;
      gint32 sum;

      tn_quantize_rows (x + row * width, width, 1, width, codes, width, &scale, &sum);
      for (gsize i = 0; i < width; i++)
        out[row * width + i] = (float) codes[i] * scale - x[row * width + i];
    }
}

/* By the formulas of scores.h, sum by sum. */
static void
check_cell (const Shown *shown, const TnVariable *weight, const TnScheme *scheme, guint layer, gboolean inputs, guint n_targets,
            double *fisher, double *taylor, double *tolerance)
{
  gsize rows = weight->shape.dims[0], columns = weight->shape.dims[1];
  g_autofree float *rounded = g_new (float, weight->count), *changes = g_new (float, shown->rows *columns);
  RoundCall call = {scheme, weight->data, rows, columns, rounded};
  double linear = 0.0, squares = 0.0;

  tn_compute_run (round_values, &call);
  for (gsize i = 0; i < weight->count; i++)
    {
      double product = (double) shown->weights[layer][i] * (double) (rounded[i] - ((const float *) weight->data)[i]);

      linear += product;
      squares += product * product;
    }
  if (inputs)
    {
      round_inputs (shown->inputs[layer], shown->rows, columns, changes);
      for (gsize i = 0; i < shown->rows * columns; i++)
        {
          double product = (double) shown->input_gradients[layer][i] * (double) changes[i];

          linear += product;
          squares += product * product;
        }
    }
  *fisher += 0.5 * n_targets * squares;
  *taylor += linear + 0.5 * n_targets * linear * linear;
  /* Errors are kept as bfloat16: each product is off by 2^-9 of itself, at random. */
  *tolerance += 0.01 * sqrt (squares) * (1.0 + n_targets * fabs (linear));
}

static void
check_scores (gboolean inputs)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, G_N_ELEMENTS (lengths), 3);
  g_autoptr (GArray) schemes = parse_schemes ("ternary,int4:g20,int8:c");
  TnScheme activations;
  g_autoptr (TnAnalysis) analysis = NULL, again = NULL;
  Shown shown = {NULL};
  const TnLossGradientFuncs funcs = {keep_weight, keep_input, &shown};
  g_autoptr (TnLossGradient) gradient = tn_loss_gradient_new (model, 24, &funcs, NULL);
  g_autofree double *fisher = g_new0 (double, 14 * 3), *taylor = g_new0 (double, 14 * 3), *tolerance = g_new0 (double, 14 * 3);
  const TnScoreOptions options = {NULL};
  guint n = 0;

  g_assert_true (tn_scheme_parse ("int8:t", &activations, NULL));
  analysis = tn_analysis_new (model, schemes, inputs ? &activations : NULL, NULL);
  again = tn_analysis_new (model, schemes, inputs ? &activations : NULL, NULL);
  g_assert_true (tn_analysis_score (analysis, model, batch, &options, NULL, NULL, NULL));
  shown.gradient = gradient;
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      guint n_targets;
      double loss;

      g_assert_true (tn_loss_gradient_run (gradient, &batch->sequences[s], &loss, &n_targets, NULL, NULL));
      if (n_targets == 0)
        continue;
      n++;
      for (guint i = 0; i < 14; i++)
        for (guint k = 0; k < 3; k++)
          if (tn_analysis_get_cell (analysis, i, k)->applies)
            check_cell (&shown, tn_loss_gradient_get_weight (gradient, i), tn_analysis_get_scheme (analysis, k), i, inputs,
                        n_targets, &fisher[i * 3 + k], &taylor[i * 3 + k], &tolerance[i * 3 + k]);
    }
  for (guint i = 0; i < 14; i++)
    for (guint k = 0; k < 3; k++)
      {
        const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);

        if (!cell->applies)
          {
            g_assert_true (isnan (cell->fisher.value) && isnan (cell->taylor.value));
            continue;
          }
        g_assert_cmpuint (cell->fisher.n, ==, n);
        g_assert_cmpfloat_with_epsilon (cell->fisher.value, fisher[i * 3 + k] / n, 4e-3 * fisher[i * 3 + k] / n);
        g_assert_cmpfloat_with_epsilon (cell->taylor.value, taylor[i * 3 + k] / n, tolerance[i * 3 + k] / n);
        g_assert_true (cell->fisher.low < cell->fisher.value && cell->fisher.value < cell->fisher.high);
      }
  tn_device_set_threads (2);
  g_assert_true (tn_analysis_score (again, model, batch, &options, NULL, NULL, NULL));
  tn_device_set_threads (1);
  for (guint i = 0; i < 14 * 3; i++)
    g_assert_true (isnan (analysis->cells[i].taylor.value) || (analysis->cells[i].taylor.value == again->cells[i].taylor.value &&
                                                               analysis->cells[i].taylor.high == again->cells[i].taylor.high));
  shown_clear (&shown);
}

static void
test_scores (void)
{
  check_scores (FALSE);
}

static void
test_scores_with_inputs (void)
{
  check_scores (TRUE);
}

static void
test_nothing_to_predict (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  const guint none[] = {1};
  const gint32 token = 3, target = -1;
  const TnSequence sequence = {.length = 1, .tokens = &token, .targets = &target};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, G_N_ELEMENTS (none));
  g_autoptr (GArray) schemes = parse_schemes ("ternary");
  g_autoptr (TnAnalysis) analysis = tn_analysis_new (model, schemes, NULL, NULL);
  const TnScoreOptions options = {NULL};
  GError *error = NULL;

  g_assert_false (tn_analysis_score (analysis, model, batch, &options, NULL, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_error_free (error);
}

/* The trace of a layer, by differences of the gradient along every weight of it. */
static double
find_trace (TnLossGradient *gradient, Shown *shown, const TnBatch *batch, guint layer)
{
  TnVariable *weight = tn_loss_gradient_get_weight (gradient, layer);
  double trace = 0.0, targets = 0.0;

  for (guint s = 0; s < batch->n_sequences; s++)
    targets += count_targets (&batch->sequences[s]);
  for (gsize i = 0; i < weight->count; i++)
    for (guint s = 0; s < batch->n_sequences; s++)
      {
        float *element = (float *) weight->data + i, kept = *element;
        double loss, up, down;
        guint n;

        *element = kept + 0.01f;
        g_assert_true (tn_loss_gradient_run (gradient, &batch->sequences[s], &loss, &n, NULL, NULL));
        up = n > 0 ? (double) shown->weights[layer][i] : 0.0;
        *element = kept - 0.01f;
        g_assert_true (tn_loss_gradient_run (gradient, &batch->sequences[s], &loss, &n, NULL, NULL));
        down = n > 0 ? (double) shown->weights[layer][i] : 0.0;
        *element = kept;
        trace += (up - down) / 0.02 * n / targets;
      }
  return trace;
}

static void
test_hessian (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, 1, 3);
  g_autoptr (GArray) schemes = parse_schemes ("ternary");
  g_autoptr (TnAnalysis) analysis = tn_analysis_new (model, schemes, NULL, NULL);
  Shown shown = {NULL};
  const TnLossGradientFuncs funcs = {keep_weight, NULL, &shown};
  g_autoptr (TnLossGradient) gradient = tn_loss_gradient_new (model, 24, &funcs, NULL);
  /* attn_k of the first block: a small one. */
  const guint checked[] = {1};

  shown.gradient = gradient;
  g_assert_true (tn_analysis_measure_weights (analysis, model, NULL, NULL, NULL));
  g_assert_true (tn_analysis_trace_hessian (analysis, model, batch, 500, 7, NULL, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (checked); i++)
    {
      const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, checked[i], 0);
      double expected = 0.5 * cell->weight.mse * find_trace (gradient, &shown, batch, checked[i]),
             half = cell->hessian.high - cell->hessian.value;

      g_test_message ("layer %u: %g, interval %g .. %g", checked[i], expected, cell->hessian.low, cell->hessian.high);
      g_assert_cmpfloat (fabs (cell->hessian.value - expected), <, 2.0 * half);
      g_assert_cmpfloat (half, <, fabs (expected));
    }
  shown_clear (&shown);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* The products are tiny: a second thread only waits. */
  tn_device_set_threads (1);
  g_test_add_func ("/scores/product-sums", test_product_sums);
  g_test_add_func ("/scores/loss-gradient", test_loss_gradient);
  g_test_add_func ("/scores/by-formula", test_scores);
  g_test_add_func ("/scores/with-inputs", test_scores_with_inputs);
  g_test_add_func ("/scores/nothing-to-predict", test_nothing_to_predict);
  g_test_add_func ("/scores/hessian", test_hessian);
  return g_test_run ();
}
