/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/attention.h"
#include "engine/autograd/functions/rope.h"
#include "engine/error.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/variant.h"
#include "engine/memory/pool.h"
#include "engine/nn/attention.h"

#include "function-fixture.h"
#include "torch-golden.h"

typedef struct
{
  TnAttentionShape shape;
  gsize head_dim, rope_dim;
  guint n_sequences;
} Case;

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Case *self = user_data;
  TnValue *cosines = NULL, *sines = NULL;

  if (self->rope_dim > 0)
    tn_tape_rope_table (tape, self->shape.length, self->rope_dim, 100.0, 1.0, NULL, &cosines, &sines);
  return tn_tape_attention (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]),
                            tn_tape_variable (tape, variables[2]), cosines, sines, &self->shape);
}

static void
fill_variables (const Case *self, FixtureVariable variables[3])
{
  gsize rows = (gsize) self->n_sequences * self->shape.length;
  TnShape q = TN_SHAPE (rows, self->shape.n_head * self->head_dim), kv = TN_SHAPE (rows, self->shape.n_head_kv * self->head_dim);

  variables[0] = (FixtureVariable){"q", q, 1.5, FALSE};
  variables[1] = (FixtureVariable){"k", kv, 1.5, FALSE};
  variables[2] = (FixtureVariable){"v", kv, 1.0, FALSE};
}

static void
test_gradients (void)
{
  static const Case cases[] = {
      {{1, 1, 1, TN_ROPE_INTERLEAVED}, 1, 0, 1}, {{2, 1, 3, TN_ROPE_INTERLEAVED}, 4, 4, 2},
      {{4, 2, 5, TN_ROPE_HALF_SPLIT}, 6, 4, 1},  {{3, 3, 4, TN_ROPE_HALF_SPLIT}, 2, 2, 2},
      {{6, 2, 2, TN_ROPE_INTERLEAVED}, 3, 2, 0},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      FixtureVariable variables[3];

      fill_variables (&cases[i], variables);
      fixture_check_gradients (build, variables, 3, (gpointer) &cases[i], 1e-8);
    }
}

/* Lengths about the tile of 48 and the panels of 16; head dimensions that are no whole panels. */
static void
test_float32 (void)
{
  static const Case cases[] = {
      {{1, 1, 1, TN_ROPE_INTERLEAVED}, 2, 2, 3},    {{4, 2, 47, TN_ROPE_INTERLEAVED}, 8, 8, 3},
      {{2, 1, 48, TN_ROPE_HALF_SPLIT}, 16, 8, 2},   {{2, 2, 49, TN_ROPE_HALF_SPLIT}, 17, 16, 1},
      {{6, 2, 101, TN_ROPE_INTERLEAVED}, 20, 0, 2}, {{2, 1, 97, TN_ROPE_INTERLEAVED}, 64, 64, 1},
      {{3, 1, 145, TN_ROPE_HALF_SPLIT}, 40, 40, 1},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (TnVariant variant = TN_VARIANT_SCALAR; variant < TN_N_VARIANTS; variant++)
      {
        FixtureVariable variables[3];
        TnVariant before = tn_variant_get ();

        fill_variables (&cases[i], variables);
        if (!tn_variant_use (variant))
          continue;
        fixture_check_float32 (build, variables, 3, (gpointer) &cases[i], 2e-6);
        g_assert_true (tn_variant_use (before));
      }
}

/* The bits of inference. */
static void
check_inference (const Case *self)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;
  FixtureVariable shapes[3];
  TnVariable *variables[3];
  TnValue *out;
  TnLlamaConfig config = {.n_head = self->shape.n_head,
                          .n_head_kv = self->shape.n_head_kv,
                          .head_dim = (guint) self->head_dim,
                          .rope_dim = (guint) self->rope_dim,
                          .rope_layout = self->shape.rope_layout};
  g_autofree TnSequence *sequences = g_new0 (TnSequence, self->n_sequences);
  g_autofree gsize *first_rows = g_new0 (gsize, self->n_sequences + 1);
  TnBatch batch = {.sequences = sequences, .n_sequences = self->n_sequences};
  TnForwardScratch scratch = {.longest = self->shape.length, .threads = 2, .batch = &batch, .first_rows = first_rows};
  gsize n_table = self->shape.length * self->rope_dim / 2;

  fill_variables (self, shapes);
  for (guint i = 0; i < 3; i++)
    variables[i] = fixture_variable (shapes[i].name, TN_DTYPE_F32, &shapes[i].shape, 1.5);
  out = build (tape, variables, (gpointer) self);
  tn_tape_keep (tape, out);
  if (!tn_tape_plan (tape, NULL, &error) || !tn_tape_allocate (tape, &error) || !tn_tape_forward (tape, NULL, &error))
    g_error ("%s", error->message);
  for (guint s = 0; s < self->n_sequences; s++)
    {
      sequences[s].length = self->shape.length;
      first_rows[s + 1] = first_rows[s] + self->shape.length;
    }
  scratch.tile_count = (tn_attention_tile_count (&config, self->shape.length) + 15) / 16 * 16;
  scratch.tiles = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, 2 * scratch.tile_count * sizeof (float), &error);
  scratch.cosines = g_new (float, n_table + 1);
  scratch.sines = g_new (float, n_table + 1);
  tn_rope_table (0, self->shape.length, self->rope_dim, 100.0, 1.0, NULL, scratch.cosines, scratch.sines);
  tn_attention_forward (&config, variables[0]->data, variables[1]->data, variables[2]->data, &scratch);
  g_assert_cmpmem (tn_value_get_data (out), variables[0]->count * sizeof (float), variables[0]->data,
                   variables[0]->count * sizeof (float));
  for (guint i = 0; i < 3; i++)
    tn_variable_unref (variables[i]);
  tn_pool_release (tn_pool_default (), scratch.tiles);
  g_free (scratch.cosines);
  g_free (scratch.sines);
}

static void
test_inference (void)
{
  static const Case cases[] = {
      {{4, 2, 51, TN_ROPE_INTERLEAVED}, 8, 8, 3},
      {{8, 8, 128, TN_ROPE_HALF_SPLIT}, 64, 64, 2},
      {{3, 1, 97, TN_ROPE_HALF_SPLIT}, 20, 12, 1},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check_inference (&cases[i]);
}

/* Nothing is written behind the scratch that was asked for. */
static void
check_scratch (guint length, gsize head_dim)
{
  gsize forward = tn_attention_head_count (length, head_dim), backward = tn_attention_gradient_count (length, head_dim);
  gsize n = MAX (forward, backward), values = (gsize) length * head_dim;
  float *scratch = g_aligned_alloc (n + 16, sizeof (float), 64);
  g_autofree float *x = g_new (float, values), *gradients = g_new0 (float, 3 * values), *out = g_new (float, values);
  TnAttentionHead head = {.length = length,
                          .head_dim = head_dim,
                          .q_stride = head_dim,
                          .kv_stride = head_dim,
                          .q = x,
                          .k = x,
                          .v = x,
                          .scratch = scratch};
  TnAttentionGradient gradient = {.head = head,
                                  .n_queries = 1,
                                  .out_gradient = x,
                                  .q_gradient = gradients,
                                  .k_gradient = gradients + values,
                                  .v_gradient = gradients + 2 * values};

  for (gsize i = 0; i < values; i++)
    x[i] = (float) (i % 13) - 6.0f;
  for (gsize i = 0; i < n + 16; i++)
    scratch[i] = 77.0f;
  tn_attention_head (&head, out);
  for (gsize i = forward; i < n + 16; i++)
    g_assert_cmpfloat (scratch[i], ==, 77.0f);
  tn_attention_gradient (&gradient);
  for (gsize i = backward; i < n + 16; i++)
    g_assert_cmpfloat (scratch[i], ==, 77.0f);
  g_aligned_free (scratch);
}

static void
test_scratch (void)
{
  const guint lengths[] = {1, 15, 48, 49, 97};
  const gsize dims[] = {1, 16, 17, 40};

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (guint k = 0; k < G_N_ELEMENTS (dims); k++)
      check_scratch (lengths[i], dims[k]);
}

static TnValue *
build_rope (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Case *self = user_data;
  TnValue *cosines, *sines, *x = tn_tape_variable (tape, variables[0]);

  tn_tape_rope_table (tape, self->shape.length, self->rope_dim, 100.0, 1.0, NULL, &cosines, &sines);
  /* Twice, so that one gradient is added to the other. */
  return tn_tape_attention (tape,
                            tn_tape_rope (tape, x, cosines, sines, self->shape.length, self->head_dim, self->shape.rope_layout),
                            x, tn_tape_rope (tape, x, cosines, sines, self->shape.length, self->head_dim, TN_ROPE_INTERLEAVED),
                            NULL, NULL, &self->shape);
}

static void
test_rope (void)
{
  static const Case small = {{2, 2, 3, TN_ROPE_HALF_SPLIT}, 4, 4, 2}, large = {{4, 4, 53, TN_ROPE_INTERLEAVED}, 20, 12, 3};
  FixtureVariable variables[3];

  fill_variables (&small, variables);
  fixture_check_gradients (build_rope, variables, 1, (gpointer) &small, 1e-8);
  fill_variables (&large, variables);
  fixture_check_float32 (build_rope, variables, 1, (gpointer) &large, 3e-6);
}

/* torch: softmax (q k^T / sqrt (d) + mask) v with rotated q, k; see tests/engine/torch-golden.py. */
static void
test_torch (void)
{
  static const Case cases[] = {{{4, 2, 5, TN_ROPE_INTERLEAVED}, 4, 4, 2}, {{4, 2, 5, TN_ROPE_HALF_SPLIT}, 4, 4, 2}};
  static const char *const names[] = {"attention-interleaved", "attention-half-split"};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      FixtureVariable variables[3];

      fill_variables (&cases[i], variables);
      torch_golden_check (names[i], build, variables, 3, (gpointer) &cases[i]);
    }
}

static void
expect_error (TnErrorCode code, const char *message, gsize q_width, gsize kv_width, gsize rows, const TnShape *table,
              const TnAttentionShape *shape)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;
  TnValue *q = tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (rows, q_width));
  TnValue *k = tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (rows, kv_width));
  TnValue *angles = table != NULL ? tn_tape_input (tape, TN_VALUE_FLOAT, table) : NULL;

  g_assert_null (tn_tape_attention (tape, q, k, k, angles, angles, shape));
  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, (gint) code);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_errors (void)
{
  expect_error (TN_ERROR_ARGUMENT, "attention: 3 heads with 2 key/value heads, expected a multiple", 12, 8, 4, NULL,
                &(const TnAttentionShape){3, 2, 4, TN_ROPE_INTERLEAVED});
  expect_error (TN_ERROR_SHAPE, "attention: q is [5, 12], expected whole sequences of 4 tokens and 2 heads", 12, 12, 5, NULL,
                &(const TnAttentionShape){2, 2, 4, TN_ROPE_INTERLEAVED});
  expect_error (TN_ERROR_SHAPE, "attention: k is [4, 12], expected [4, 6]", 12, 12, 4, NULL,
                &(const TnAttentionShape){2, 1, 4, TN_ROPE_INTERLEAVED});
  expect_error (TN_ERROR_SHAPE, "attention: cosines is [3, 2], expected at least 4 positions of at most 3 pairs", 12, 12, 4,
                &TN_SHAPE (3, 2), &(const TnAttentionShape){2, 2, 4, TN_ROPE_INTERLEAVED});
  expect_error (TN_ERROR_SHAPE, "attention: cosines is [4, 4], expected at least 4 positions of at most 3 pairs", 12, 12, 4,
                &TN_SHAPE (4, 4), &(const TnAttentionShape){2, 2, 4, TN_ROPE_INTERLEAVED});
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/attention/gradients", test_gradients);
  g_test_add_func ("/attention/float32", test_float32);
  g_test_add_func ("/attention/inference", test_inference);
  g_test_add_func ("/attention/scratch", test_scratch);
  g_test_add_func ("/attention/rope", test_rope);
  g_test_add_func ("/attention/torch", test_torch);
  g_test_add_func ("/attention/errors", test_errors);
  return g_test_run ();
}
