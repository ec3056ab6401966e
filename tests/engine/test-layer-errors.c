/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/findings.h"
#include "engine/analysis/layer-errors.h"
#include "engine/analysis/remedies.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/nn/quantized-model.h"
#include "engine/quant/quantize.h"
#include "tests/engine/llama-fixture.h"

/* Products are chains in fp32, sums in double: what differs from products in double is below a millionth of what they are of;
 * more of a part that is a difference of outputs, when they hardly differ. */
#define TOLERANCE 5e-5

static const TnLlamaConfig configs[] = {
    {.n_vocab = 541,
     .n_embd = 37,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 6,
     .n_ff = 53,
     .n_context = 300,
     .rope_dim = 6,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-6},
    {.n_vocab = 131,
     .n_embd = 64,
     .n_layer = 2,
     .n_head = 8,
     .n_head_kv = 4,
     .head_dim = 8,
     .n_ff = 521, /* more rows than are multiplied at a time, a prime */
     .n_context = 300,
     .rope_dim = 8,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-5,
     .activation = TN_ACTIVATION_RELU2,
     .tied = TRUE},
};

static const guint lengths[] = {1, 33, 2};
static const guint more_lengths[] = {7, 0, 13};

static TnAnalysis *
new_analysis (TnModel *model, const char *schemes, const char *activations)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) list = tn_scheme_parse_list (schemes, &error);
  TnAnalysis *analysis;
  TnScheme scheme;

  g_assert_no_error (error);
  g_assert_true (activations == NULL || tn_scheme_parse (activations, &scheme, NULL));
  analysis = tn_analysis_new (model, list, activations != NULL ? &scheme : NULL, &error);
  g_assert_no_error (error);
  return analysis;
}

/* name of a site -> doubles of all tokens of all batches. */
typedef struct
{
  GHashTable *sites;
} Recording;

static void
record (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Recording *self = user_data;
  GArray *values = g_hash_table_lookup (self->sites, site->name);

  if (values == NULL)
    {
      values = g_array_new (FALSE, FALSE, sizeof (double));
      g_hash_table_insert (self->sites, g_strdup (site->name), values);
    }
  for (gsize i = 0; i < batch->n_tokens * site->width; i++)
    g_array_append_val (values, (double){(double) x[i]});
}

static void
recording_run (Recording *self, TnModel *model, TnBatch *const *batches, guint n_batches)
{
  const TnForwardOptions options = {.kinds = (TnSiteKind) (TN_SITE_INPUT | TN_SITE_OUTPUT), .observe = record, .user_data = self};

  self->sites = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);
  for (guint b = 0; b < n_batches; b++)
    g_assert_true (tn_model_forward (model, batches[b], &options, NULL, NULL, NULL, NULL));
}

static void
recording_clear (Recording *self)
{
  g_hash_table_unref (self->sites);
}

static const double *
recorded (const Recording *self, const char *site, gsize *n)
{
  const GArray *values = g_hash_table_lookup (self->sites, site);

  g_assert_nonnull (values);
  *n = values->len;
  return (const double *) (gpointer) values->data;
}

static double *
decode (TnModel *model, const char *name)
{
  const TnTensor *tensor = tn_model_find_parameter (model, name)->tensor;
  g_autofree float *values = g_new (float, tensor->count);
  double *doubles = g_new (double, tensor->count);

  tn_tensor_decode (tensor, 0, tensor->count, values);
  for (guint64 i = 0; i < tensor->count; i++)
    doubles[i] = (double) values[i];
  return doubles;
}

/* Rows as the layer's product reads them: BitNet's formula for int8 a token, else the scheme's rounding of each row. */
static double *
read_rows (TnModel *model, const char *name, const double *x, gsize n, gsize width)
{
  const TnInputRounding *rounding = tn_model_get_input_rounding (model, name);
  double *out = g_new (double, n *width);
  g_autofree float *row = g_new (float, width);

  memcpy (out, x, n * width * sizeof *out);
  for (gsize t = 0; rounding->rounds && t < n; t++)
    {
      float most = 1e-5f;

      for (gsize i = 0; i < width; i++)
        {
          row[i] = (float) x[t * width + i];
          most = fmaxf (most, fabsf (row[i]));
        }
      if (!tn_input_rounding_is_int8 (rounding))
        g_assert_true (tn_quantize_values (&rounding->scheme, row, 1, width, row, NULL));
      for (gsize i = 0; i < width; i++)
        out[t * width + i] = tn_input_rounding_is_int8 (rounding)
                                 ? CLAMP (rint ((double) (row[i] * (127.0f / most))), -128.0, 127.0) * (double) (most / 127.0f)
                                 : (double) row[i];
    }
  return out;
}

/* Sum over inputs of what two matrices differ by, for one output. */
static double
dot (const double *x, const double *minus_x, const double *w, const double *minus_w, gsize n)
{
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    sum += (x[i] - (minus_x != NULL ? minus_x[i] : 0.0)) * (w[i] - (minus_w != NULL ? minus_w[i] : 0.0));
  return sum;
}

typedef struct
{
  double parts[4], error, output, product, became, maximum;
  GArray *token_energy, *row_energy;
} Slow;

/* The error of one layer, in the words of analysis.h. base is X where what comes in is X', else the same. */
static Slow
measure_slowly (const TnAnalyzedLayer *layer, TnModel *model, TnModel *rounded, const double *site, const double *site_before,
                gsize n)
{
  g_autofree double *w = decode (model, layer->name), *w_rounded = decode (rounded, layer->name);
  g_autofree double *base = read_rows (model, layer->name, site_before, n, layer->columns);
  g_autofree double *x = read_rows (model, layer->name, site, n, layer->columns);
  g_autofree double *x_rounded = read_rows (rounded, layer->name, site, n, layer->columns);
  gsize k = layer->columns;
  Slow slow = {.token_energy = g_array_new (FALSE, TRUE, sizeof (double)),
               .row_energy = g_array_new (FALSE, TRUE, sizeof (double))};

  g_array_set_size (slow.token_energy, (guint) n);
  g_array_set_size (slow.row_energy, (guint) layer->rows);
  for (gsize t = 0; t < n; t++)
    for (gsize o = 0; o < layer->rows; o++)
      {
        const double *wo = w + o * k, *wr = w_rounded + o * k;
        double output = dot (base + t * k, NULL, wo, NULL, k);
        double parts[] = {dot (x + t * k, NULL, wr, wo, k), dot (x_rounded + t * k, x + t * k, wo, NULL, k),
                          dot (x_rounded + t * k, x + t * k, wr, wo, k), dot (x + t * k, base + t * k, wo, NULL, k)};
        /* Directly, not by its parts. */
        double error = dot (x_rounded + t * k, NULL, wr, NULL, k) - output;

        for (guint p = 0; p < 4; p++)
          slow.parts[p] += parts[p] * parts[p];
        slow.error += error * error;
        slow.output += output * output;
        slow.became += (output + error) * (output + error);
        slow.product += output * (output + error);
        slow.maximum = fmax (slow.maximum, fabs (error));
        g_array_index (slow.token_energy, double, t) += error * error;
        g_array_index (slow.row_energy, double, o) += error * error;
      }
  return slow;
}

static void
slow_clear (Slow *self)
{
  g_array_unref (self->token_energy);
  g_array_unref (self->row_energy);
}

static void
assert_near (const char *name, const char *what, double found, double expected, double scale)
{
  /* Infinite both: exact. */
  if (found != expected && !(fabs (found - expected) <= TOLERANCE * scale))
    g_error ("%s, %s: %.12g, expected %.12g", name, what, found, expected);
}

static void
compare (const char *name, const TnOutputError *found, const Slow *slow)
{
  double nmse = slow->error / slow->output, cross = nmse;

  for (guint p = 0; p < 4; p++)
    cross -= slow->parts[p] / slow->output;
  assert_near (name, "nmse", found->nmse, nmse, nmse);
  assert_near (name, "sqnr", found->sqnr_db, -10.0 * log10 (nmse), 10.0);
  assert_near (name, "cosine", found->cosine, slow->product / sqrt (slow->output * slow->became), 1.0);
  assert_near (name, "maximum", found->maximum, slow->maximum, slow->maximum);
  assert_near (name, "weights", found->weights, slow->parts[0] / slow->output, nmse);
  assert_near (name, "inputs", found->inputs, slow->parts[1] / slow->output, nmse);
  assert_near (name, "interaction", found->interaction, slow->parts[2] / slow->output, nmse);
  assert_near (name, "inherited", found->inherited, slow->parts[3] / slow->output, nmse);
  assert_near (name, "cross", found->cross, cross, nmse);
  assert_near (name, "sum", found->weights + found->inputs + found->interaction + found->inherited + found->cross, found->nmse,
               nmse);
}

static TnModel *
round_all (TnModel *model, const TnAnalysis *analysis, guint scheme, const char *only)
{
  g_autofree TnLayerPrecision *precisions = g_new0 (TnLayerPrecision, analysis->layers->len);
  g_autoptr (GError) error = NULL;
  TnModel *rounded;
  guint n = 0;

  for (guint i = 0; i < analysis->layers->len; i++)
    if (tn_analysis_get_cell (analysis, i, scheme)->applies &&
        (only == NULL || strcmp (only, tn_analysis_get_layer (analysis, i)->name) == 0))
      precisions[n++] = (TnLayerPrecision){.name = tn_analysis_get_layer (analysis, i)->name,
                                           .weights = tn_analysis_get_scheme (analysis, scheme),
                                           .activations = analysis->has_activations ? &analysis->activations : NULL};
  rounded = tn_model_quantize (model, precisions, n, NULL, &error);
  g_assert_no_error (error);
  return rounded;
}

static char *
output_site (const TnAnalyzedLayer *layer)
{
  return g_strdup_printf ("%.*s.out", (int) (strlen (layer->name) - strlen (".weight")), layer->name);
}

/* nmse of a layer's output site in a rounded model, against the same site of the model. */
static double
compare_outputs (const Recording *exact, const Recording *rounded, const TnAnalyzedLayer *layer)
{
  g_autofree char *site = output_site (layer);
  double error = 0.0, output = 0.0;
  gsize n;
  const double *y = recorded (exact, site, &n), *y_rounded = recorded (rounded, site, &n);

  for (gsize i = 0; i < n; i++)
    {
      error += (y_rounded[i] - y[i]) * (y_rounded[i] - y[i]);
      output += y[i] * y[i];
    }
  return error / output;
}

static double
find_share (const TnAnalyzedLayer *layer, TnCarrierKind kind, guint index, guint position)
{
  for (guint i = 0; i < layer->carriers->len; i++)
    {
      const TnCarrier *carrier = &g_array_index (layer->carriers, TnCarrier, i);

      if (carrier->kind == kind && carrier->index == index && (kind != TN_CARRIER_TOKEN || carrier->position == position))
        return carrier->share;
    }
  return NAN;
}

/* The error that a channel of the input makes alone. */
static double *
measure_channels_slowly (const TnAnalyzedLayer *layer, TnModel *model, TnModel *rounded, const double *site, gsize n)
{
  g_autofree double *w = decode (model, layer->name), *w_rounded = decode (rounded, layer->name);
  g_autofree double *x = read_rows (model, layer->name, site, n, layer->columns);
  g_autofree double *x_rounded = read_rows (rounded, layer->name, site, n, layer->columns);
  gsize k = layer->columns;
  double *energy = g_new0 (double, k);

  for (gsize c = 0; c < k; c++)
    for (gsize t = 0; t < n; t++)
      for (gsize o = 0; o < layer->rows; o++)
        {
          double error = x_rounded[t * k + c] * w_rounded[o * k + c] - x[t * k + c] * w[o * k + c];

          energy[c] += error * error;
        }
  return energy;
}

/* All that is kept is the largest there is, in order, with the share it has. */
static void
check_carriers (const TnAnalyzedLayer *layer, TnCarrierKind kind, const double *energy, gsize n)
{
  double sum = 0.0, previous = INFINITY;
  guint kept = 0, larger = 0;

  for (gsize i = 0; i < n; i++)
    sum += energy[i];
  for (guint i = 0; i < layer->carriers->len; i++)
    {
      const TnCarrier *carrier = &g_array_index (layer->carriers, TnCarrier, i);

      if (carrier->kind != kind)
        continue;
      g_assert_cmpuint (carrier->index, <, n);
      assert_near (layer->name, "share", carrier->share, energy[carrier->index] / sum, 1.0);
      g_assert_cmpfloat (carrier->share, <=, previous);
      previous = carrier->share;
      kept++;
    }
  g_assert_cmpuint (kept, ==, MIN (n, 16));
  for (gsize i = 0; i < n; i++)
    larger += energy[i] / sum > previous * (1.0 + TOLERANCE);
  g_assert_cmpuint (larger, <=, kept);
}

static void
check_all_carriers (const TnAnalyzedLayer *layer, TnModel *model, TnModel *rounded, const double *site, gsize n, const Slow *slow)
{
  static const guint all[] = {1, 33, 2, 7, 0, 13};
  g_autofree double *channels = measure_channels_slowly (layer, model, rounded, site, n);
  double samples[G_N_ELEMENTS (all)] = {0};
  gsize row = 0;

  check_carriers (layer, TN_CARRIER_INPUT_CHANNEL, channels, layer->columns);
  check_carriers (layer, TN_CARRIER_OUTPUT_CHANNEL, (const double *) (gpointer) slow->row_energy->data, layer->rows);
  for (guint s = 0; s < G_N_ELEMENTS (all); s++)
    for (guint i = 0; i < all[s]; i++, row++)
      {
        double energy = g_array_index (slow->token_energy, double, row), share = find_share (layer, TN_CARRIER_TOKEN, s, i);

        samples[s] += energy;
        if (!isnan (share))
          assert_near (layer->name, "token", share, energy / slow->error, 1.0);
      }
  for (guint s = 0; s < G_N_ELEMENTS (all); s++)
    {
      double share = find_share (layer, TN_CARRIER_SAMPLE, s, 0);

      if (all[s] > 0)
        assert_near (layer->name, "sample", share, samples[s] / slow->error, 1.0);
      else
        g_assert_true (isnan (share));
    }
}

static void
measure (TnAnalysis *analysis, TnModel *model, TnBatch *const *batches, guint n_batches)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_analysis_measure_errors (analysis, model, batches, n_batches, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
}

static double
correlate_logs (const GArray *a, const GArray *b)
{
  double mean_a = 0.0, mean_b = 0.0, aa = 0.0, bb = 0.0, ab = 0.0;

  for (guint i = 0; i < a->len; i++)
    {
      mean_a += log (g_array_index (a, double, i)) / a->len;
      mean_b += log (g_array_index (b, double, i)) / a->len;
    }
  for (guint i = 0; i < a->len; i++)
    {
      double x = log (g_array_index (a, double, i)) - mean_a, y = log (g_array_index (b, double, i)) - mean_b;

      aa += x * x;
      bb += y * y;
      ab += x * y;
    }
  return ab / sqrt (aa * bb);
}

static void
check_scheme (const TnAnalysis *analysis, guint scheme, TnModel *model, TnBatch *const *batches, guint n_batches)
{
  g_autoptr (TnModel) rounded = round_all (model, analysis, scheme, NULL);
  g_autoptr (GPtrArray) energies = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  guint n_layers = analysis->layers->len;
  Recording exact, changed;

  recording_run (&exact, model, batches, n_batches);
  recording_run (&changed, rounded, batches, n_batches);
  for (guint i = 0; i < n_layers; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
      const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, scheme);
      gsize n;
      const double *site = recorded (&exact, layer->site, &n), *site_changed = recorded (&changed, layer->site, &n);
      Slow slow;
      double direct;

      g_ptr_array_add (energies, g_array_new (FALSE, TRUE, sizeof (double)));
      if (!cell->applies)
        {
          g_assert_true (isnan (cell->alone.nmse) && isnan (cell->accumulated.cross));
          continue;
        }
      n /= layer->columns;
      slow = measure_slowly (layer, model, rounded, site, site, n);
      compare (layer->name, &cell->alone, &slow);
      if (scheme == analysis->carriers_scheme)
        check_all_carriers (layer, model, rounded, site, n, &slow);
      slow_clear (&slow);
      slow = measure_slowly (layer, model, rounded, site_changed, site, n);
      compare (layer->name, &cell->accumulated, &slow);
      direct = compare_outputs (&exact, &changed, layer);
      g_assert_cmpfloat (fabs (direct - cell->accumulated.nmse), <=, 1e-3 * direct + 1e-12);
      g_array_append_vals (energies->pdata[i], slow.token_energy->data, slow.token_energy->len);
      slow_clear (&slow);
    }
  for (guint i = 0; scheme == analysis->carriers_scheme && i < n_layers; i++)
    for (guint j = 0; j < n_layers; j++)
      if (tn_analysis_get_cell (analysis, i, scheme)->applies && tn_analysis_get_cell (analysis, j, scheme)->applies)
        assert_near ("correlation", tn_analysis_get_layer (analysis, i)->name, analysis->correlations[i * n_layers + j],
                     correlate_logs (energies->pdata[i], energies->pdata[j]), 10.0);
      else
        g_assert_true (isnan (analysis->correlations[i * n_layers + j]));
  recording_clear (&exact);
  recording_clear (&changed);
}

typedef struct
{
  const char *schemes, *activations;
  guint config;
  gboolean bitnet; /* the model rounds already */
} Case;

static const Case cases[] = {
    {"ternary,int4:c,int8,int4:g53", NULL, 0, FALSE}, {"ternary,int4:g64", "int8:t", 1, FALSE},
    {"int3:c,ternary:c", "int4:t:asym", 0, FALSE},    {"ternary:c,binary", NULL, 1, TRUE},
    {"ternary:c,binary", "int4:t", 1, TRUE},
};

static void
test_reference (gconstpointer data)
{
  const Case *run = data;
  const TnLlamaConfig *config = &configs[run->config];
  g_autoptr (TnModel) model = llama_fixture_new (config, TN_DTYPE_F32, 3);
  g_autoptr (TnBatch) first = llama_fixture_batch (config, lengths, G_N_ELEMENTS (lengths), 5);
  g_autoptr (TnBatch) second = llama_fixture_batch (config, more_lengths, G_N_ELEMENTS (more_lengths), 6);
  TnBatch *const batches[] = {first, second};
  g_autoptr (TnAnalysis) analysis = NULL;

  if (run->bitnet)
    {
      TnScheme ternary, int8;
      const TnLayerPrecision precision = {.weights = &ternary, .activations = &int8};
      TnModel *plain = model;

      g_assert_true (tn_scheme_parse ("ternary", &ternary, NULL) && tn_scheme_parse ("int8:t", &int8, NULL));
      model = tn_model_quantize (plain, &precision, 1, NULL, NULL);
      tn_model_unref (plain);
    }
  analysis = new_analysis (model, run->schemes, run->activations);
  analysis->carriers_scheme = analysis->schemes->len - 1;
  measure (analysis, model, batches, 2);
  g_assert_cmpuint (analysis->error_samples, ==, 6);
  for (guint k = 0; k < analysis->schemes->len; k++)
    check_scheme (analysis, k, model, batches, 2);
}

/* What a layer does alone is what its output shows in a model in which only this layer is rounded. */
static void
test_alone (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_BF16, 3);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[1], lengths, G_N_ELEMENTS (lengths), 5);
  g_autoptr (TnAnalysis) analysis = new_analysis (model, "ternary,int4:c", "int8:t");
  Recording exact;

  measure (analysis, model, &batch, 1);
  recording_run (&exact, model, &batch, 1);
  for (guint k = 0; k < analysis->schemes->len; k++)
    for (guint i = 0; i < analysis->layers->len; i++)
      {
        const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
        g_autoptr (TnModel) rounded = round_all (model, analysis, k, layer->name);
        double found = tn_analysis_get_cell (analysis, i, k)->alone.nmse;
        Recording changed;
        double expected;

        recording_run (&changed, rounded, &batch, 1);
        expected = compare_outputs (&exact, &changed, layer);
        g_assert_cmpfloat (fabs (found - expected), <=, 1e-4 * expected);
        recording_clear (&changed);
      }
  recording_clear (&exact);
}

static void
assert_same (const TnAnalysis *a, const TnAnalysis *b)
{
  for (guint i = 0; i < a->layers->len; i++)
    {
      const GArray *x = tn_analysis_get_layer (a, i)->carriers, *y = tn_analysis_get_layer (b, i)->carriers;

      for (guint k = 0; k < a->schemes->len; k++)
        {
          const TnAnalysisCell *c = tn_analysis_get_cell (a, i, k), *d = tn_analysis_get_cell (b, i, k);

          g_assert_cmpmem (&c->alone, sizeof c->alone, &d->alone, sizeof d->alone);
          g_assert_cmpmem (&c->accumulated, sizeof c->accumulated, &d->accumulated, sizeof d->accumulated);
        }
      g_assert_cmpuint (x->len, ==, y->len);
      for (guint j = 0; j < x->len; j++)
        g_assert_true (g_array_index (x, TnCarrier, j).share == g_array_index (y, TnCarrier, j).share);
    }
  g_assert_cmpmem (a->correlations, a->layers->len * a->layers->len * sizeof (double), b->correlations,
                   b->layers->len * b->layers->len * sizeof (double));
}

static void
test_threads (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 3);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[1], lengths, G_N_ELEMENTS (lengths), 5);
  g_autoptr (TnAnalysis) one = new_analysis (model, "ternary,int4:c", "int8:t");
  g_autoptr (TnAnalysis) two = new_analysis (model, "ternary,int4:c", "int8:t");
  guint threads = tn_device_get_threads ();

  tn_device_set_threads (1);
  measure (one, model, &batch, 1);
  tn_device_set_threads (2);
  measure (two, model, &batch, 1);
  tn_device_set_threads (threads);
  assert_same (one, two);
}

/* The model with values of one tensor changed. */
typedef void (*ChangeFunc) (float *values, guint64 rows, guint64 columns);

static TnModel *
change (TnModel *model, const char *name, ChangeFunc func)
{
  const TnTensor *old = tn_model_find_parameter (model, name)->tensor;
  g_autoptr (TnTensor) tensor = tn_tensor_new (TN_DTYPE_F32, old->n_dims, old->shape, TN_PURPOSE_WEIGHTS, NULL);
  g_autoptr (GError) error = NULL;
  TnModel *changed;

  tn_tensor_decode (old, 0, old->count, tn_tensor_get_writable (tensor));
  func (tn_tensor_get_writable (tensor), tn_tensor_rows (old), tn_tensor_columns (old));
  changed = tn_model_with_parameter (model, name, tensor, &error);
  g_assert_no_error (error);
  return changed;
}

static void
plant_nan (float *values, guint64 rows G_GNUC_UNUSED, guint64 columns)
{
  values[3 * columns + 2] = NAN;
}

static void
plant_zeros (float *values, guint64 rows, guint64 columns)
{
  memset (values, 0, rows * columns * sizeof *values);
}

static void
test_bad (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 3);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[0], lengths, G_N_ELEMENTS (lengths), 5);
  g_autoptr (TnBatch) empty = llama_fixture_batch (&configs[0], &more_lengths[1], 1, 5);
  g_autoptr (TnModel) embedding = change (model, "token_embd.weight", plant_nan);
  g_autoptr (TnModel) gate = change (model, "blk.1.ffn_gate.weight", plant_nan);
  g_autoptr (TnAnalysis) analysis = new_analysis (model, "ternary", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  TnSequence sequences[] = {batch->sequences[1], batch->sequences[1]};
  gint32 tokens[33] = {0};
  g_autoptr (TnBatch) third = NULL;

  tokens[20] = 3;
  sequences[1].tokens = tokens;
  third = tn_batch_new (sequences, 2);
  g_assert_false (tn_analysis_measure_errors (analysis, embedding, &third, 1, NULL, NULL, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "blk.0.attn_q.in: sample 1, token 20"));
  g_clear_error (&error);
  g_assert_false (tn_analysis_measure_errors (analysis, gate, &batch, 1, NULL, NULL, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "blk.1.ffn_gate.weight: output 3 of sample 0, token 0"));
  g_clear_error (&error);
  g_assert_false (tn_analysis_measure_errors (analysis, model, &empty, 1, NULL, NULL, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_false (tn_analysis_measure_errors (analysis, model, &batch, 1, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  for (guint i = 0; i < analysis->layers->len; i++)
    g_assert_true (isnan (tn_analysis_get_cell (analysis, i, 0)->alone.nmse));
  g_assert_null (analysis->correlations);
}

/* A layer of zeros stays one: no error, no ratio; those behind it go on. */
static void
test_zero_layer (void)
{
  g_autoptr (TnModel) plain = llama_fixture_new (&configs[0], TN_DTYPE_F32, 3);
  g_autoptr (TnModel) model = change (plain, "blk.0.ffn_up.weight", plant_zeros);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[0], lengths, G_N_ELEMENTS (lengths), 5);
  g_autoptr (TnAnalysis) analysis = new_analysis (model, "ternary,int4", "int8:t");
  guint up = tn_analysis_find_layer (analysis, "blk.0.ffn_up.weight"),
        down = tn_analysis_find_layer (analysis, "blk.0.ffn_down.weight");
  TnRemedy remedies[TN_MOST_REMEDIES];

  measure (analysis, model, &batch, 1);
  g_assert_true (tn_analysis_find_causes (analysis, model, NULL, NULL, NULL));
  for (guint k = 0; k < 2; k++)
    {
      const TnOutputError *zero = &tn_analysis_get_cell (analysis, up, k)->alone;
      const TnOutputError *dead = &tn_analysis_get_cell (analysis, down, k)->accumulated;

      g_assert_cmpfloat (zero->nmse, ==, 0.0);
      g_assert_cmpfloat (zero->maximum, ==, 0.0);
      g_assert_true (isnan (zero->cosine) && zero->sqnr_db == INFINITY);
      g_assert_cmpfloat (dead->nmse, ==, 0.0);
      g_assert_cmpfloat (tn_analysis_get_cell (analysis, down + 1, k)->alone.nmse, >, 0.0);
      g_assert_cmpuint (tn_analysis_recommend (analysis, up, k, remedies), ==, 1);
      g_assert_cmpint (remedies[0], ==, TN_REMEDY_KEEP);
    }
  g_assert_cmpuint (tn_analysis_get_layer (analysis, up)->carriers->len, ==, 0);
  g_assert_cmpuint (tn_analyzed_layer_get_finding (tn_analysis_get_layer (analysis, up), TN_FINDING_CONSTANT)->index, ==,
                    G_MAXUINT);
  g_assert_cmpuint (tn_analyzed_layer_get_finding (tn_analysis_get_layer (analysis, down), TN_FINDING_CONSTANT)->index, ==, 0);
  g_assert_true (isnan (analysis->correlations[up * analysis->layers->len + down]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/layer-errors/reference/%u", i);

      g_test_add_data_func (path, &cases[i], test_reference);
    }
  g_test_add_func ("/layer-errors/alone", test_alone);
  g_test_add_func ("/layer-errors/threads", test_threads);
  g_test_add_func ("/layer-errors/bad", test_bad);
  g_test_add_func ("/layer-errors/zero-layer", test_zero_layer);
  return g_test_run ();
}
