/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/nn/generate.h"
#include "engine/nn/linear.h"
#include "engine/random.h"
#include "tests/engine/llama-fixture.h"

static const TnLlamaConfig configs[] = {
    {.n_vocab = 541,
     .n_embd = 37,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 6,
     .n_ff = 53,
     .n_context = 290,
     .rope_dim = 6,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-6,
     .rope_layout = TN_ROPE_HALF_SPLIT},
    {.n_vocab = 77,
     .n_embd = 32,
     .n_layer = 3,
     .n_head = 4,
     .n_head_kv = 1,
     .head_dim = 8,
     .n_ff = 71,
     .n_context = 40,
     .rope_dim = 4,
     .rope_base = 10000.0,
     .rope_scale = 2.0,
     .norm_epsilon = 1e-6,
     .rope_layout = TN_ROPE_INTERLEAVED,
     .activation = TN_ACTIVATION_RELU2,
     .tied = TRUE},
    /* Enough heads and positions for several threads. */
    {.n_vocab = 19,
     .n_embd = 16,
     .n_layer = 1,
     .n_head = 15,
     .n_head_kv = 3,
     .head_dim = 64,
     .n_ff = 16,
     .n_context = 310,
     .rope_dim = 64,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-6,
     .rope_layout = TN_ROPE_HALF_SPLIT},
};

static gint32
best_of (const float *logits, guint n)
{
  return tn_sample_token (logits, n, 0.0, 1.0, 0.5);
}

/* Step by step to the end of the context, which makes the cache grow, against one pass over the whole: the same bits with our own
 * products. */
static void
test_against_forward (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint dtype = TN_DTYPE_F32; dtype <= TN_DTYPE_BF16; dtype++)
      {
        guint n_vocab = configs[c].n_vocab;
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], (TnDtype) dtype, c);
        g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], &configs[c].n_context, 1, 1);
        g_autofree float *logits = g_new (float, batch->n_tokens *n_vocab);
        g_autoptr (GError) error = NULL;
        g_autoptr (TnGenerator) generator = tn_generator_new (model, &error);

        g_assert_no_error (error);
        tn_model_forward (model, batch, NULL, logits, NULL, NULL, &error);
        g_assert_no_error (error);
        for (guint t = 0; t < configs[c].n_context; t++)
          {
            const float *expected = logits + (gsize) t * n_vocab;
            const float *found = tn_generator_step (generator, batch->sequences[0].tokens[t], &error);

            g_assert_no_error (error);
            if (tn_weight_product () == TN_PRODUCT_OWN)
              g_assert_cmpmem (found, n_vocab * sizeof (float), expected, n_vocab * sizeof (float));
            for (guint i = 0; i < n_vocab; i++)
              g_assert_cmpfloat (fabsf (found[i] - expected[i]), <=, 1e-4f * fmaxf (1.0f, fabsf (expected[i])));
            g_assert_cmpint (best_of (found, n_vocab), ==, best_of (expected, n_vocab));
          }
        g_assert_null (tn_generator_step (generator, 0, &error));
        g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      }
}

static void
test_against_forward_openblas (void)
{
  TnProductBackEnd usual = tn_weight_product ();

  tn_weight_product_use (TN_PRODUCT_OPENBLAS);
  test_against_forward ();
  tn_weight_product_use (usual);
}

/* Tokens at once and the others one by one: the same bits as one by one, from any place on. */
static void
test_prompt (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint dtype = TN_DTYPE_F32; dtype <= TN_DTYPE_F16; dtype++)
      {
        gsize n_vocab = configs[c].n_vocab;
        const guint splits[][2] = {{1, 1}, {2, 1}, {7, 5}, {configs[c].n_context - 3, 2}, {configs[c].n_context, 0}};
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], (TnDtype) dtype, c);
        g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], &configs[c].n_context, 1, 1);
        const gint32 *tokens = batch->sequences[0].tokens;
        g_autofree float *expected = g_new (float, configs[c].n_context *n_vocab);
        g_autoptr (GError) error = NULL;
        g_autoptr (TnGenerator) stepping = tn_generator_new (model, &error);

        for (guint t = 0; t < configs[c].n_context; t++)
          memcpy (expected + t * n_vocab, tn_generator_step (stepping, tokens[t], &error), n_vocab * sizeof (float));
        g_assert_no_error (error);
        for (guint s = 0; s < G_N_ELEMENTS (splits); s++)
          {
            g_autoptr (TnGenerator) generator = tn_generator_new (model, &error);
            guint at = splits[s][0];
            const float *logits = tn_generator_prompt (generator, tokens, at, &error);

            g_assert_no_error (error);
            g_assert_cmpmem (logits, n_vocab * sizeof (float), expected + (at - 1) * n_vocab, n_vocab * sizeof (float));
            if (splits[s][1] > 0)
              {
                logits = tn_generator_prompt (generator, tokens + at, splits[s][1], &error);
                at += splits[s][1];
                g_assert_no_error (error);
                g_assert_cmpmem (logits, n_vocab * sizeof (float), expected + (at - 1) * n_vocab, n_vocab * sizeof (float));
              }
            for (; at < configs[c].n_context; at++)
              {
                logits = tn_generator_step (generator, tokens[at], &error);
                g_assert_cmpmem (logits, n_vocab * sizeof (float), expected + at * n_vocab, n_vocab * sizeof (float));
              }
            g_assert_null (tn_generator_prompt (generator, tokens, 2, &error));
            g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
            g_clear_error (&error);
          }
      }
}

/* A prompt that cannot be taken leaves the generator where it was; one that is too large for the memory goes token by token. */
static void
test_prompt_fails (void)
{
  TnPool *pool = tn_pool_default ();
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnGenerator) generator = tn_generator_new (model, &error);
  gint32 tokens[200] = {1, 2, 541};
  g_autofree float *expected = g_new (float, 541);

  g_assert_null (tn_generator_prompt (generator, tokens, 3, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&error);
  tokens[2] = 3;
  memcpy (expected, tn_generator_prompt (generator, tokens, 200, &error), 541 * sizeof (float));
  g_assert_no_error (error);
  g_clear_pointer (&generator, tn_generator_free);
  generator = tn_generator_new (model, &error);
  tn_pool_set_budget (pool, tn_pool_get_total (pool) + 20000);
  g_assert_cmpmem (tn_generator_prompt (generator, tokens, 200, &error), 541 * sizeof (float), expected, 541 * sizeof (float));
  g_assert_no_error (error);
  tn_pool_set_budget (pool, 0);
}

static void
test_wrong_token (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnGenerator) generator = tn_generator_new (model, &error);

  g_assert_null (tn_generator_step (generator, 77, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&error);
  g_assert_null (tn_generator_step (generator, -1, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&error);
  g_assert_nonnull (tn_generator_step (generator, 76, &error));
}

static void
test_memory (void)
{
  TnPool *pool = tn_pool_default ();
  gsize before = tn_pool_get_total (pool);
  g_autoptr (GError) error = NULL;

  {
    g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F16, 1);
    g_autoptr (TnGenerator) generator = NULL;
    const float *logits = NULL;
    guint t;

    tn_pool_set_budget (pool, tn_pool_get_total (pool) + 100);
    g_assert_null (tn_generator_new (model, &error));
    g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
    g_clear_error (&error);

    /* No room to grow: the step fails, and goes on where it was when there is room again. */
    tn_pool_set_budget (pool, 0);
    generator = tn_generator_new (model, &error);
    tn_pool_set_budget (pool, tn_pool_get_total (pool) + 1000);
    for (t = 0; t < configs[0].n_context && (logits = tn_generator_step (generator, (gint32) t % 7, &error)) != NULL; t++)
      ;
    g_assert_cmpuint (t, ==, 256);
    g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
    g_clear_error (&error);
    tn_pool_set_budget (pool, 0);
    for (; t < configs[0].n_context; t++)
      g_assert_nonnull (tn_generator_step (generator, (gint32) t % 7, &error));
  }
  g_assert_cmpuint (tn_pool_get_total (pool), ==, before);
}

/* Where one of the tables finds no room to grow, those in use stay as they are. */
static void
test_growth_fails (void)
{
  TnPool *pool = tn_pool_default ();
  guint n = configs[0].n_context;
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[0], &n, 1, 1);
  const gint32 *tokens = batch->sequences[0].tokens;
  g_autoptr (GError) error = NULL;
  /* It stays, or its tables could be found again in memory that is taken anew. */
  g_autoptr (TnGenerator) other = tn_generator_new (model, &error);
  const float *expected = NULL;

  for (guint t = 0; t < n; t++)
    expected = tn_generator_step (other, tokens[t], &error);
  g_assert_no_error (error);
  /* Room for one of the tables, for two, … */
  for (gsize room = 3600; room < 12000; room += 1200)
    {
      g_autoptr (TnGenerator) generator = tn_generator_new (model, &error);
      const float *found = NULL;

      /* Token by token, then, as far as there was room already. */
      tn_pool_set_budget (pool, tn_pool_get_total (pool) + room);
      g_assert_null (tn_generator_prompt (generator, tokens, n, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
      g_clear_error (&error);
      tn_pool_set_budget (pool, 0);
      for (guint t = 256; t < n; t++)
        found = tn_generator_step (generator, tokens[t], &error);
      g_assert_no_error (error);
      g_assert_cmpmem (found, configs[0].n_vocab * sizeof (float), expected, configs[0].n_vocab * sizeof (float));
    }
}

static void
test_stories (void)
{
  g_autoptr (TnModel) model = llama_fixture_stories ();
  g_autoptr (GArray) expected = NULL;
  g_autoptr (TnGenerator) generator = NULL;
  g_autoptr (GError) error = NULL;
  gint32 token;

  if (model == NULL)
    return;
  expected = llama_fixture_stories_greedy ();
  generator = tn_generator_new (model, &error);
  g_assert_no_error (error);
  token = g_array_index (expected, gint32, 0);
  for (guint i = 1; i < expected->len; i++)
    {
      const float *logits = tn_generator_step (generator, token, &error);

      g_assert_no_error (error);
      token = best_of (logits, 512);
      g_assert_cmpint (token, ==, g_array_index (expected, gint32, i));
    }
}

static void
test_sampling (void)
{
  const float logits[] = {1.0f, 3.0f, 3.0f, -INFINITY, 2.0f};
  const guint n = 20000;
  TnRandom random = tn_random_stream (1, "sampling");
  guint counts[5] = {0};
  double total = 0.0;

  g_assert_cmpint (tn_sample_token (logits, 5, 0.0, 1.0, 0.9), ==, 1);
  for (guint i = 0; i < n; i++)
    counts[tn_sample_token (logits, 5, 2.0, 1.0, tn_random_uniform (&random))]++;
  for (guint i = 0; i < 5; i++)
    total += exp (logits[i] / 2.0);
  for (guint i = 0; i < 5; i++)
    {
      double p = exp (logits[i] / 2.0) / total;

      g_assert_cmpfloat (fabs (counts[i] - n * p), <=, 5.0 * sqrt (n * p * (1.0 - p)));
    }
  g_assert_cmpuint (counts[3], ==, 0);

  /* At temperature 1 the masses are 0.40, 0.40, 0.15, 0.05: half of it takes two tokens, the smaller id first. */
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpint (tn_sample_token (logits, 5, 1.0, 0.5, i / 1000.0), ==, i < 500 ? 1 : 2);
  /* A mass of nothing is the best token alone. */
  g_assert_cmpint (tn_sample_token (logits, 5, 1.0, 0.0, 0.999), ==, 1);
}

/* What is no number is never drawn, and an infinite logit always. */
static void
test_sampling_nan (void)
{
  const float some[] = {NAN, 1.0f, NAN, 3.0f, -INFINITY}, infinite[] = {2.0f, NAN, INFINITY, 5.0f, INFINITY};
  const float none[] = {NAN, NAN, NAN}, nothing[] = {-INFINITY, -INFINITY, NAN};
  guint counts[5] = {0};

  g_assert_cmpint (best_of (some, 5), ==, 3);
  g_assert_cmpint (best_of (infinite, 5), ==, 2);
  g_assert_cmpint (best_of (none, 3), ==, 0);
  for (guint i = 0; i < 1000; i++)
    counts[tn_sample_token (some, 5, 1.0, 1.0, i / 1000.0)]++;
  g_assert_cmpuint (counts[1] + counts[3], ==, 1000);
  g_assert_cmpuint (counts[1], >, 100);
  for (guint i = 0; i < 10; i++)
    {
      g_assert_cmpint (tn_sample_token (infinite, 5, 0.7, 1.0, i / 10.0), ==, i < 5 ? 2 : 4);
      g_assert_cmpint (tn_sample_token (none, 3, 0.7, 1.0, i / 10.0), ==, 0);
      g_assert_cmpint (tn_sample_token (nothing, 3, 0.7, 1.0, i / 10.0), ==, i < 5 ? 0 : 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/generate/forward", test_against_forward);
  g_test_add_func ("/generate/forward-openblas", test_against_forward_openblas);
  g_test_add_func ("/generate/prompt", test_prompt);
  g_test_add_func ("/generate/prompt-fails", test_prompt_fails);
  g_test_add_func ("/generate/wrong-token", test_wrong_token);
  g_test_add_func ("/generate/memory", test_memory);
  g_test_add_func ("/generate/growth-fails", test_growth_fails);
  g_test_add_func ("/generate/stories", test_stories);
  g_test_add_func ("/generate/sampling", test_sampling);
  g_test_add_func ("/generate/sampling-nan", test_sampling_nan);
  return g_test_run ();
}
