/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/autograd/estimators/initial-scale.h"
#include "engine/autograd/functions/quantize.h"

#include "function-fixture.h"

/* Counts beside those of a slow loop; flips between two steps. */
static void
test_state (void)
{
  const char *const schemes[] = {"ternary", "int2:c", "int8:g32"};

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      const TnShape shape = TN_SHAPE (67, 640);
      g_autoptr (TnVariable) w = fixture_variable ("w", TN_DTYPE_F32, &shape, 0.05);
      g_autoptr (TnQuantizerState) state = tn_quantizer_state_new (67 * 640, TRUE);
      g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
      g_autofree float *before = NULL;
      TnQuantizeOptions options = {.state = state};
      TnValue *y;
      guint64 zeros = 0, positives = 0, flips = 0;
      double square = 0.0, error_square = 0.0;
      const float *q;
      float *data = w->data;

      g_assert_true (tn_scheme_parse (schemes[i], &options.scheme, NULL));
      y = tn_tape_quantize_weight (tape, tn_tape_variable (tape, w), NULL, &options);
      tn_tape_keep (tape, y);
      g_assert_true (tn_tape_plan (tape, NULL, NULL) && tn_tape_allocate (tape, NULL));
      tn_tape_set_step (tape, 1);
      g_assert_true (tn_tape_forward (tape, NULL, NULL));
      q = tn_value_get_data (y);
      for (gsize e = 0; e < w->count; e++)
        {
          zeros += q[e] == 0.0f;
          positives += q[e] > 0.0f;
          square += (double) data[e] * (double) data[e];
          error_square += ((double) data[e] - (double) q[e]) * ((double) data[e] - (double) q[e]);
        }
      g_assert_cmpuint (state->zeros, ==, zeros);
      g_assert_cmpuint (state->positives, ==, positives);
      g_assert_false (state->has_flips);
      g_assert_cmpuint (state->flips, ==, 0);
      g_assert_cmpfloat_with_epsilon (tn_quantizer_state_get_sqnr_db (state), 10 * log10 (square / error_square), 1e-4);

      before = g_memdup2 (q, w->count * sizeof (float));
      for (gsize e = 0; e < w->count; e += 3)
        data[e] = -data[e];
      tn_tape_set_step (tape, 2);
      g_assert_true (tn_tape_forward (tape, NULL, NULL));
      for (gsize e = 0; e < w->count; e++)
        flips += q[e] != before[e];
      g_assert_true (state->has_flips);
      g_assert_cmpuint (state->flips, ==, flips);
      g_assert_cmpuint (flips, >, 1000);
      /* The same step again: what was counted stays. */
      data[1] = -data[1];
      g_assert_true (tn_tape_forward (tape, NULL, NULL));
      g_assert_cmpuint (state->flips, ==, flips);
    }
}

/* Every third step; flips are those of one step. Step s turns s + 1 signs. */
static void
test_state_every (void)
{
  const gsize n = 3 * 64;
  g_autoptr (TnVariable) w = fixture_variable ("w", TN_DTYPE_F32, &TN_SHAPE (3, 64), 0.05);
  g_autoptr (TnQuantizerState) state = tn_quantizer_state_new (n, TRUE);
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  TnQuantizeOptions options = {.state = state};
  float *data = w->data;

  tn_scheme_parse ("ternary", &options.scheme, NULL);
  tn_quantizer_state_set_every (state, 3);
  g_assert_nonnull (tn_tape_quantize_weight (tape, tn_tape_variable (tape, w), NULL, &options));
  g_assert_true (tn_tape_plan (tape, NULL, NULL) && tn_tape_allocate (tape, NULL));
  for (gsize i = 0; i < n; i++)
    data[i] = 1.0f;
  for (guint64 step = 0; step < 8; step++)
    {
      guint64 positives = 0, counted = state->positives;

      for (gsize i = 0; i <= step; i++)
        data[i] = -data[i];
      for (gsize i = 0; i < n; i++)
        positives += data[i] > 0.0f;
      tn_tape_set_step (tape, step);
      g_assert_true (tn_tape_forward (tape, NULL, NULL));
      g_assert_cmpuint (state->positives, ==, step % 3 == 1 ? counted : positives);
      g_assert_cmpint (state->has_flips, ==, step == 3 || step == 4 || step > 5);
      if (step % 3 == 0)
        g_assert_cmpuint (state->flips, ==, step > 0 ? step + 1 : 0);
    }
}

static void
test_initial_scales (void)
{
  const gsize rows = 4, columns = 4096, n = rows * columns;
  g_autoptr (TnVariable) w = fixture_variable ("w", TN_DTYPE_F32, &TN_SHAPE (rows, columns), 1.0);
  const float *x = w->data;
  TnScheme scheme;
  float scales[4];
  double absmean = 0.0, largest = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      absmean += fabs ((double) x[i]) / (double) n;
      largest = fmax (largest, i < columns ? fabs ((double) x[i]) : 0.0);
    }
  g_assert_true (tn_scheme_parse ("int4", &scheme, NULL));
  tn_initial_scales (TN_ESTIMATOR_LSQ, &scheme, TN_INITIAL_BY_SOURCE, x, rows, columns, scales, NULL);
  g_assert_cmpfloat_with_epsilon ((double) scales[0], 2 * absmean / sqrt (7.0), 1e-6);
  g_assert_true (tn_scheme_parse ("ternary:c", &scheme, NULL));
  tn_initial_scales (TN_ESTIMATOR_SEQ, &scheme, TN_INITIAL_BY_SOURCE, x, rows, columns, scales, NULL);
  g_assert_cmpfloat ((double) scales[0], ==, largest);
  /* The least error of a normal distribution: a level of 1.224 deviations, which is 2/3 of the scale; of int4 a clip at 2.47 or
   * so. */
  tn_initial_scales (TN_ESTIMATOR_SEQ, &scheme, TN_INITIAL_LEAST_ERROR, x, rows, columns, scales, NULL);
  for (gsize i = 0; i < rows; i++)
    g_assert_cmpfloat_with_epsilon ((double) scales[i], 1.836, 0.06);
  tn_initial_scales (TN_ESTIMATOR_LSQ, &scheme, TN_INITIAL_LEAST_ERROR, x, rows, columns, scales, NULL);
  g_assert_cmpfloat_with_epsilon ((double) scales[0], 1.224, 0.04);
  g_assert_true (tn_scheme_parse ("binary", &scheme, NULL));
  tn_initial_scales (TN_ESTIMATOR_LSQ, &scheme, TN_INITIAL_BY_SOURCE, x, rows, columns, scales, NULL);
  g_assert_cmpfloat_with_epsilon ((double) scales[0], absmean, 1e-6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quantizer-state/counts", test_state);
  g_test_add_func ("/quantizer-state/every", test_state_every);
  g_test_add_func ("/quantizer-state/initial-scales", test_initial_scales);
  return g_test_run ();
}
