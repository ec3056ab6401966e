/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/variant.h"
#include "engine/nn/linear.h"
#include "engine/nn/model.h"
#include "tests/engine/llama-fixture.h"

#define ALL_KINDS ((TnSiteKind) (TN_SITE_INPUT | TN_SITE_OUTPUT | TN_SITE_RESIDUAL | TN_SITE_LOGITS))

/* Awkward shapes: the smallest heads, prime widths, one token, vocabularies and layers of more than one block of rows. */
static const TnLlamaConfig configs[] = {
    {.n_vocab = 11,
     .n_embd = 6,
     .n_layer = 1,
     .n_head = 3,
     .n_head_kv = 1,
     .head_dim = 2,
     .n_ff = 7,
     .n_context = 100,
     .rope_dim = 2,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-5,
     .rope_layout = TN_ROPE_INTERLEAVED,
     .tied = TRUE},
    {.n_vocab = 541,
     .n_embd = 37,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 6,
     .n_ff = 53,
     .n_context = 100,
     .rope_dim = 6,
     .rope_base = 500000.0,
     .rope_scale = 4.0,
     .norm_epsilon = 1e-6,
     .rope_layout = TN_ROPE_HALF_SPLIT},
    {.n_vocab = 1031,
     .n_embd = 31,
     .n_layer = 3,
     .n_head = 5,
     .n_head_kv = 5,
     .head_dim = 10,
     .n_ff = 307,
     .n_context = 300,
     .rope_dim = 4,
     .rope_base = 1000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-5,
     .rope_layout = TN_ROPE_HALF_SPLIT,
     .activation = TN_ACTIVATION_RELU2,
     .tied = TRUE},
    {.n_vocab = 2500,
     .n_embd = 48,
     .n_layer = 1,
     .n_head = 6,
     .n_head_kv = 3,
     .head_dim = 8,
     .n_ff = 2100,
     .n_context = 300,
     .rope_dim = 8,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-5,
     .rope_layout = TN_ROPE_INTERLEAVED},
};

typedef struct
{
  GHashTable *sites; /* name -> GBytes of [n_tokens, width] floats */
} Recording;

static void
record (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Recording *self = user_data;

  g_assert_cmpuint (site->shared_with, ==, site->index);
  g_assert_false (g_hash_table_contains (self->sites, site->name));
  g_hash_table_insert (self->sites, g_strdup (site->name), g_bytes_new (x, batch->n_tokens * site->width * sizeof (float)));
}

static void
recording_init (Recording *self)
{
  self->sites = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
}

static void
run (TnModel *model, const TnBatch *batch, Recording *recording, float *logits, TnLoss *loss, double *row_nll)
{
  const TnForwardOptions options = {.kinds = ALL_KINDS, .observe = record, .user_data = recording};
  g_autoptr (GError) error = NULL;
  gboolean done = tn_model_forward (model, batch, recording != NULL ? &options : NULL, logits, loss, row_nll, &error);

  g_assert_no_error (error);
  g_assert_true (done);
}

typedef struct
{
  TnModel *model;
  Recording *recording;
  guint length, n_seen;
  gsize row; /* of the sequence in its batch */
  double tolerance;
} Comparison;

static void
compare_site (const char *name, double *expected, guint width, gpointer user_data)
{
  Comparison *self = user_data;
  gint index = tn_model_find_site (self->model, name);
  const TnSite *site;
  const float *x;
  double power = 0.0;
  gsize n = (gsize) self->length * width;

  g_assert_cmpint (index, >=, 0);
  site = tn_model_get_site (self->model, (guint) index);
  g_assert_cmpuint (site->width, ==, width);
  site = tn_model_get_site (self->model, site->shared_with);
  g_assert_true (g_hash_table_contains (self->recording->sites, site->name));
  x = (const float *) g_bytes_get_data (g_hash_table_lookup (self->recording->sites, site->name), NULL) + self->row * width;
  for (gsize i = 0; i < n; i++)
    power += expected[i] * expected[i];
  for (gsize i = 0; i < n; i++)
    if (!(fabs (x[i] - expected[i]) <= self->tolerance * sqrt (power / (double) n)))
      g_error ("%s, value %zu: %.9g, expected %.9g", name, i, (double) x[i], expected[i]);
  self->n_seen++;
}

static void
test_against_reference (void)
{
  const guint lengths[][3] = {{1, 2, 17}, {65, 1, 0}, {64, 0, 3}, {257, 31, 1}};

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint dtype = TN_DTYPE_F32; dtype <= TN_DTYPE_BF16; dtype++)
      {
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], (TnDtype) dtype, c + 1);
        g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], lengths[c], 3, c);
        Recording recording;
        Comparison comparison = {model, &recording, 0, 0, 0, 2e-4};

        recording_init (&recording);
        run (model, batch, &recording, NULL, NULL, NULL);
        for (guint s = 0; s < batch->n_sequences; s++)
          {
            comparison.length = batch->sequences[s].length;
            comparison.n_seen = 0;
            if (comparison.length > 0)
              {
                llama_fixture_reference (model, batch->sequences[s].tokens, comparison.length, compare_site, &comparison);
                g_assert_cmpuint (comparison.n_seen, ==, tn_model_n_sites (model));
              }
            comparison.row += comparison.length;
          }
        g_hash_table_unref (recording.sites);
      }
}

static void
assert_same_rows (TnModel *model, Recording *a, gsize row_a, Recording *b, gsize row_b, guint length)
{
  for (guint i = 0; i < tn_model_n_sites (model); i++)
    {
      const TnSite *site = tn_model_get_site (model, i);
      const float *x, *y;

      if (site->shared_with != i)
        continue;
      x = (const float *) g_bytes_get_data (g_hash_table_lookup (a->sites, site->name), NULL) + row_a * site->width;
      y = (const float *) g_bytes_get_data (g_hash_table_lookup (b->sites, site->name), NULL) + row_b * site->width;
      if (memcmp (x, y, (gsize) length * site->width * sizeof (float)) != 0)
        g_error ("%s: %u tokens differ", site->name, length);
    }
}

/* Everything about a sequence is the same to the bit alone, among others, in another order, on any number of threads. */
static void
test_sequences_are_independent (void)
{
  const guint lengths[16] = {1, 64, 65, 7, 2, 257, 31, 128, 3, 100, 33, 16, 1, 63, 300, 5};
  const guint batches[][16] = {{5}, {2, 0, 14}, {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
  const guint sizes[] = {1, 3, 16};

  for (guint c = 2; c < G_N_ELEMENTS (configs); c++)
    for (guint dtype = TN_DTYPE_F32; dtype <= TN_DTYPE_F16; dtype++)
      {
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], (TnDtype) dtype, c);
        g_autoptr (TnBatch) whole = llama_fixture_batch (&configs[c], lengths, 16, 3);
        g_autofree double *nll = g_new (double, whole->n_tokens);
        Recording expected;
        TnLoss loss;

        tn_device_set_threads (2);
        recording_init (&expected);
        run (model, whole, &expected, NULL, &loss, nll);
        for (guint threads = 1; threads <= 3; threads++)
          for (guint b = 0; b < G_N_ELEMENTS (sizes); b++)
            {
              TnSequence sequences[16];
              g_autoptr (TnBatch) batch = NULL;
              g_autofree double *row_nll = NULL;
              Recording recording;
              TnLoss other;
              gsize row = 0;

              for (guint i = 0; i < sizes[b]; i++)
                sequences[i] = whole->sequences[batches[b][i]];
              batch = tn_batch_new (sequences, sizes[b]);
              row_nll = g_new (double, batch->n_tokens);
              tn_device_set_threads (threads);
              recording_init (&recording);
              run (model, batch, &recording, NULL, &other, row_nll);
              for (guint i = 0; i < sizes[b]; i++)
                {
                  gsize start = 0;

                  for (guint j = 0; j < batches[b][i]; j++)
                    start += lengths[j];
                  assert_same_rows (model, &expected, start, &recording, row, batch->sequences[i].length);
                  g_assert_cmpmem (nll + start, batch->sequences[i].length * sizeof (double), row_nll + row,
                                   batch->sequences[i].length * sizeof (double));
                  row += batch->sequences[i].length;
                }
              g_hash_table_unref (recording.sites);
            }
        g_hash_table_unref (expected.sites);
      }
  tn_device_set_threads (0);
}

/* With our own products every instruction set gives the same bits, the scalar one too. */
static void
test_variants_agree (void)
{
  const guint lengths[] = {65, 1, 30};
  TnVariant usual = tn_variant_get ();

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    {
      g_autoptr (TnModel) model = llama_fixture_new (&configs[c], c % 2 == 0 ? TN_DTYPE_F32 : TN_DTYPE_BF16, c);
      g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], lengths, 3, 3);
      g_autofree double *expected_nll = g_new (double, batch->n_tokens), *nll = g_new (double, batch->n_tokens);
      Recording expected;
      TnLoss loss;

      g_assert_true (tn_variant_use (TN_VARIANT_SCALAR));
      recording_init (&expected);
      run (model, batch, &expected, NULL, &loss, expected_nll);
      for (guint variant = TN_VARIANT_SCALAR + 1; variant < TN_N_VARIANTS; variant++)
        {
          Recording recording;

          if (!tn_variant_use ((TnVariant) variant))
            continue;
          recording_init (&recording);
          run (model, batch, &recording, NULL, &loss, nll);
          assert_same_rows (model, &expected, 0, &recording, 0, (guint) batch->n_tokens);
          g_assert_cmpmem (nll, batch->n_tokens * sizeof (double), expected_nll, batch->n_tokens * sizeof (double));
          g_hash_table_unref (recording.sites);
        }
      g_hash_table_unref (expected.sites);
    }
  g_assert_true (tn_variant_use (usual));
}

static void
with_openblas (gconstpointer test)
{
  TnProductBackEnd usual = tn_weight_product ();
  g_autofree char *name = NULL;

  tn_weight_product_use (TN_PRODUCT_OPENBLAS);
  name = tn_linear_backend ();
  g_assert_true (g_str_has_prefix (name, "openblas "));
  ((void (*) (void)) test) ();
  tn_weight_product_use (usual);
}

static void
test_backend_name (void)
{
  TnProductBackEnd usual = tn_weight_product ();
  g_autofree char *name = NULL;

  tn_weight_product_use (TN_PRODUCT_OWN);
  name = tn_linear_backend ();
  g_assert_cmpstr (name, ==, "ternion fma chain 1");
  tn_weight_product_use (usual);
}

/* Observing changes nothing, whatever is observed. */
static void
test_observing_changes_nothing (void)
{
  const guint lengths[] = {33, 65};
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_BF16, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[1], lengths, 2, 5);
  g_autofree float *plain = g_new (float, batch->n_tokens *configs[1].n_vocab);
  g_autofree float *observed = g_new (float, batch->n_tokens *configs[1].n_vocab);
  TnLoss loss, again;
  Recording recording;

  recording_init (&recording);
  run (model, batch, NULL, plain, NULL, NULL);
  run (model, batch, &recording, observed, &loss, NULL);
  run (model, batch, NULL, NULL, &again, NULL);
  g_assert_cmpmem (plain, batch->n_tokens * configs[1].n_vocab * sizeof (float), observed,
                   batch->n_tokens * configs[1].n_vocab * sizeof (float));
  g_assert_cmpfloat (loss.nll_sum, ==, again.nll_sum);
  g_hash_table_unref (recording.sites);
}

static void
test_loss (void)
{
  const guint lengths[] = {5, 259, 1};

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    {
      guint n_vocab = configs[c].n_vocab;
      g_autoptr (TnModel) model = llama_fixture_new (&configs[c], c % 2 == 0 ? TN_DTYPE_F32 : TN_DTYPE_F16, c);
      g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], lengths, configs[c].n_context < 259 ? 1 : 3, 3);
      g_autofree float *logits = g_new (float, batch->n_tokens *n_vocab);
      g_autofree double *row_nll = g_new (double, batch->n_tokens);
      TnLoss loss, expected = {0};
      gsize row = 0;

      /* The best guess is the target in every seventh row. */
      run (model, batch, NULL, logits, NULL, NULL);
      for (guint s = 0; s < batch->n_sequences; s++)
        for (guint i = 0; i < batch->sequences[s].length; i++, row++)
          {
            const float *x = logits + row * n_vocab;
            gint32 *target = (gint32 *) &batch->sequences[s].targets[i];
            double sum = 0.0;
            guint best = 0;

            for (guint j = 1; j < n_vocab; j++)
              best = x[j] > x[best] ? j : best;
            if (i % 7 == 0)
              *target = (gint32) best;
            if (*target < 0)
              continue;
            for (guint j = 0; j < n_vocab; j++)
              sum += exp ((double) x[j] - (double) x[best]);
            expected.nll_sum += log (sum) + (double) x[best] - (double) x[*target];
            expected.n_scored++;
            expected.n_correct += best == (guint) *target;
          }
      run (model, batch, NULL, NULL, &loss, row_nll);
      g_assert_cmpuint (loss.n_scored, ==, expected.n_scored);
      g_assert_cmpuint (loss.n_correct, ==, expected.n_correct);
      g_assert_cmpfloat_with_epsilon (loss.nll_sum, expected.nll_sum, 1e-5 * expected.nll_sum);
      for (row = 0; row < batch->n_tokens; row++)
        loss.nll_sum -= row_nll[row];
      g_assert_cmpfloat_with_epsilon (loss.nll_sum, 0.0, 1e-9);
    }
}

static void
test_loss_without_targets (void)
{
  const gint32 tokens[] = {1, 2};
  const TnSequence sequence = {.length = 2, .tokens = tokens};
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
  g_autoptr (TnBatch) nothing = tn_batch_new (NULL, 0);
  double row_nll[2] = {7.0, 7.0};
  TnLoss loss = {1.0, 1, 1};

  run (model, batch, NULL, NULL, &loss, row_nll);
  g_assert_cmpuint (loss.n_scored, ==, 0);
  g_assert_cmpfloat (loss.nll_sum, ==, 0.0);
  g_assert_cmpfloat (row_nll[1], ==, 0.0);
  run (model, nothing, NULL, NULL, &loss, NULL);
  g_assert_cmpuint (loss.n_scored, ==, 0);
}

static void
test_sites (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  const TnSite *site;

  g_assert_cmpint (tn_model_find_site (model, "blk.2.ffn_up.in"), ==, -1);
  for (guint i = 0; i < tn_model_n_sites (model); i++)
    {
      site = tn_model_get_site (model, i);
      g_assert_cmpuint (site->index, ==, i);
      g_assert_cmpint (tn_model_find_site (model, site->name), ==, (gint) i);
      g_assert_cmpuint (site->shared_with, <=, i);
    }
  site = tn_model_get_site (model, (guint) tn_model_find_site (model, "blk.1.attn_v.in"));
  g_assert_cmpstr (tn_model_get_site (model, site->shared_with)->name, ==, "blk.1.attn_q.in");
  g_assert_cmpuint (site->layer, ==, 1);
  site = tn_model_get_site (model, (guint) tn_model_find_site (model, "blk.0.ffn_up.in"));
  g_assert_cmpstr (tn_model_get_site (model, site->shared_with)->name, ==, "blk.0.ffn_gate.in");
  site = tn_model_get_site (model, (guint) tn_model_find_site (model, "output.in"));
  g_assert_cmpuint (site->kind, ==, TN_SITE_INPUT);
  g_assert_cmpuint (site->layer, ==, G_MAXUINT);
  site = tn_model_get_site (model, (guint) tn_model_find_site (model, "output.out"));
  g_assert_cmpuint (site->kind, ==, TN_SITE_LOGITS);
  g_assert_cmpuint (site->width, ==, configs[1].n_vocab);
}

/* One parameter is missing, misshapen, or belongs to another architecture. */
static void
test_wrong_parameters (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  const struct
  {
    const char *from, *to;
    TnErrorCode code;
  } cases[] = {
      {"blk.1.ffn_down.weight", "other.weight", TN_ERROR_NOT_FOUND},
      {"output_norm.weight", "other.weight", TN_ERROR_NOT_FOUND},
      {"output_norm.weight", "blk.0.attn_q.bias", TN_ERROR_UNSUPPORTED},
      {"output_norm.weight", "blk.7.attn_q.weight", TN_ERROR_UNSUPPORTED},
      /* Second names of a layer. */
      {"output_norm.weight", "blk.00.attn_q.weight", TN_ERROR_UNSUPPORTED},
      {"output_norm.weight", "blk.+0.attn_q.weight", TN_ERROR_UNSUPPORTED},
      {"output_norm.weight", "blk..attn_q.weight", TN_ERROR_UNSUPPORTED},
      {"blk.0.attn_q.weight", NULL, TN_ERROR_SHAPE},
      {"blk.0.ffn_norm.weight", NULL, TN_ERROR_SHAPE},
      {"output.weight", NULL, TN_ERROR_SHAPE},
  };

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
      const guint64 shape[] = {3, 5};
      g_autoptr (GError) error = NULL;

      for (guint i = 0; i < tn_model_n_parameters (model); i++)
        {
          const TnParameter *old = tn_model_get_parameter (model, i);
          gboolean wrong = g_str_equal (old->name, cases[c].from);
          TnParameter *parameter = g_new (TnParameter, 1);

          parameter->name = g_strdup (wrong && cases[c].to != NULL ? cases[c].to : old->name);
          parameter->source_name = g_strdup ("in the file");
          parameter->tensor = wrong && cases[c].to == NULL ? tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_WEIGHTS, NULL)
                                                           : tn_tensor_ref (old->tensor);
          g_ptr_array_add (parameters, parameter);
        }
      g_assert_null (tn_model_new_llama (&configs[1], parameters, 1, &error));
      g_assert_error (error, TN_ERROR, (gint) cases[c].code);
      g_assert_nonnull (strstr (error->message, cases[c].code == TN_ERROR_UNSUPPORTED ? cases[c].to : cases[c].from));
    }
}

static void
test_wrong_configs (void)
{
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  TnLlamaConfig wrong[8];

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    wrong[i] = configs[1];
  wrong[0].n_head_kv = 3;
  wrong[1].n_head_kv = 0;
  wrong[2].rope_dim = 5;
  wrong[3].rope_dim = 8;
  wrong[4].n_vocab = 0;
  wrong[5].rope_base = NAN;
  wrong[6].norm_epsilon = -1.0;
  wrong[7].n_embd = G_MAXUINT;
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_model_new_llama (&wrong[i], none, 1, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
    }
}

static void
test_wrong_batches (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  const guint too_long = configs[0].n_context + 1;
  g_autoptr (TnBatch) long_batch = llama_fixture_batch (&configs[0], &too_long, 1, 1);
  const gint32 good[] = {1, 2, 3}, wrong[] = {1, 11, 3}, negative[] = {1, -1, 3}, below[] = {1, -2, 3};
  const TnSequence sequences[] = {
      {.length = 3, .tokens = wrong},
      {.length = 3, .tokens = negative},
      {.length = 3, .tokens = good, .targets = wrong},
      {.length = 3, .tokens = good, .targets = below},
  };
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_model_forward (model, long_batch, NULL, NULL, NULL, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  for (guint i = 0; i < G_N_ELEMENTS (sequences); i++)
    {
      g_autoptr (TnBatch) batch = tn_batch_new (&sequences[i], 1);

      g_clear_error (&error);
      g_assert_false (tn_model_forward (model, batch, NULL, NULL, NULL, NULL, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
    }
}

static void
cancel_at_site (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  if (g_str_equal (site->name, "blk.0.ffn_down.in"))
    g_cancellable_cancel (user_data);
  g_assert_cmpstr (site->name, !=, "blk.1.attn_q.out");
}

static void
test_cancel (void)
{
  const guint lengths[] = {9};
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[1], lengths, 1, 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const TnForwardOptions options = {ALL_KINDS, cancel_at_site, cancellable, cancellable};
  g_autoptr (GError) error = NULL;
  gsize before = tn_pool_get_total (tn_pool_default ());

  g_assert_false (tn_model_forward (model, batch, &options, NULL, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), ==, before);
}

/* With exactly the estimated memory the pass runs; at half of it, it ends with the error and gives everything back. */
static void
test_memory (void)
{
  const guint lengths[] = {100, 0, 300, 77};
  TnPool *pool = tn_pool_default ();

  for (guint c = 2; c < G_N_ELEMENTS (configs); c++)
    for (guint dtype = TN_DTYPE_F32; dtype <= TN_DTYPE_F16; dtype++)
      for (guint logits = 0; logits < 2; logits++)
        {
          g_autoptr (TnModel) model = llama_fixture_new (&configs[c], (TnDtype) dtype, 1);
          g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], lengths, 4, 1);
          TnSiteKind kinds = logits ? ALL_KINDS : TN_SITE_INPUT;
          gsize before = tn_pool_get_total (pool);
          gsize estimate = tn_model_estimate_forward_bytes (model, batch->n_tokens, 300, kinds);
          Recording recording;
          const TnForwardOptions options = {.kinds = kinds, .observe = record, .user_data = &recording};
          g_autoptr (GError) error = NULL;
          TnLoss loss;

          recording_init (&recording);
          tn_pool_set_budget (pool, before + estimate);
          g_assert_true (tn_model_forward (model, batch, &options, NULL, &loss, NULL, &error));
          g_assert_no_error (error);
          tn_pool_set_budget (pool, before + estimate / 2);
          g_hash_table_remove_all (recording.sites);
          g_assert_false (tn_model_forward (model, batch, &options, NULL, &loss, NULL, &error));
          g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
          tn_pool_set_budget (pool, 0);
          g_assert_cmpuint (tn_pool_get_total (pool), ==, before);
          g_hash_table_unref (recording.sites);
        }
}

static void
test_replaced_parameter (void)
{
  const guint lengths[] = {9};
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  g_autoptr (TnModel) donor = llama_fixture_new (&configs[1], TN_DTYPE_F32, 2);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[1], lengths, 1, 1);
  const char *name = "blk.1.attn_k.weight";
  TnTensor *own = tn_model_find_parameter (model, name)->tensor, *other = tn_model_find_parameter (donor, name)->tensor;
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) changed = tn_model_with_parameter (model, name, other, &error);
  g_autoptr (TnModel) back = NULL;
  TnLoss loss, loss_changed, loss_back;

  g_assert_no_error (error);
  back = tn_model_with_parameter (changed, name, own, &error);
  g_assert_no_error (error);
  run (model, batch, NULL, NULL, &loss, NULL);
  run (changed, batch, NULL, NULL, &loss_changed, NULL);
  run (back, batch, NULL, NULL, &loss_back, NULL);
  g_assert_cmpfloat (loss.nll_sum, !=, loss_changed.nll_sum);
  g_assert_cmpfloat (loss.nll_sum, ==, loss_back.nll_sum);

  g_assert_null (tn_model_with_parameter (model, "blk.1.attn_q.weight", other, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
  g_clear_error (&error);
  g_assert_null (tn_model_with_parameter (model, "blk.9.attn_q.weight", other, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
}

static void
test_linear_parameters (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  guint n = 0;

  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    n += tn_parameter_is_linear (tn_model_get_parameter (model, i));
  g_assert_cmpuint (n, ==, 7 * configs[1].n_layer);
  g_assert_false (tn_parameter_is_linear (tn_model_find_parameter (model, "token_embd.weight")));
  g_assert_false (tn_parameter_is_linear (tn_model_find_parameter (model, "blk.0.attn_norm.weight")));
  g_assert_true (tn_parameter_is_linear (tn_model_find_parameter (model, "blk.0.attn_output.weight")));
}

/* A published model: the tokens that an independent program found most likely, one forward pass each. */
static void
test_stories (void)
{
  g_autoptr (TnModel) model = llama_fixture_stories ();
  g_autoptr (GArray) expected = NULL;
  g_autofree float *logits = NULL;
  TnSequence sequence;

  if (model == NULL)
    return;
  expected = llama_fixture_stories_greedy ();
  g_assert_cmpuint (expected->len, ==, 64);
  sequence = (TnSequence){.length = expected->len, .tokens = (const gint32 *) expected->data};
  logits = g_new (float, expected->len * 512);
  for (guint n = 1; n < expected->len; n++)
    {
      g_autoptr (TnBatch) batch = NULL;
      const float *last = logits + (n - 1) * 512;
      guint best = 0;

      sequence.length = n;
      batch = tn_batch_new (&sequence, 1);
      run (model, batch, NULL, logits, NULL, NULL);
      for (guint i = 1; i < 512; i++)
        best = last[i] > last[best] ? i : best;
      g_assert_cmpint ((gint32) best, ==, g_array_index (expected, gint32, n));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/llama/reference", test_against_reference);
  g_test_add_func ("/llama/independent", test_sequences_are_independent);
  g_test_add_func ("/llama/observing", test_observing_changes_nothing);
  g_test_add_func ("/llama/loss", test_loss);
  g_test_add_func ("/llama/loss-without-targets", test_loss_without_targets);
  g_test_add_func ("/llama/sites", test_sites);
  g_test_add_func ("/llama/wrong-parameters", test_wrong_parameters);
  g_test_add_func ("/llama/wrong-configs", test_wrong_configs);
  g_test_add_func ("/llama/wrong-batches", test_wrong_batches);
  g_test_add_func ("/llama/cancel", test_cancel);
  g_test_add_func ("/llama/variants", test_variants_agree);
  g_test_add_func ("/llama/backend", test_backend_name);
  g_test_add_data_func ("/llama/openblas/reference", test_against_reference, with_openblas);
  g_test_add_data_func ("/llama/openblas/independent", test_sequences_are_independent, with_openblas);
  g_test_add_data_func ("/llama/openblas/loss", test_loss, with_openblas);
  g_test_add_data_func ("/llama/openblas/memory", test_memory, with_openblas);
  g_test_add_func ("/llama/memory", test_memory);
  g_test_add_func ("/llama/replaced", test_replaced_parameter);
  g_test_add_func ("/llama/linear", test_linear_parameters);
  g_test_add_func ("/llama/stories", test_stories);
  return g_test_run ();
}
