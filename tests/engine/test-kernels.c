/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/kernels/activation.h"
#include "engine/kernels/divergence.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/softmax.h"
#include "engine/kernels/variant.h"
#include "engine/random.h"

static const gsize sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 172, 255, 257, 1000, 1009};
#define MOST 1009

static void
fill (TnRandom *random, float *x, gsize n, double scale)
{
  for (gsize i = 0; i < n; i++)
    x[i] = (float) (scale * tn_random_normal (random));
}

static void
assert_near (double value, double expected, double relative, double absolute)
{
  if (!(fabs (value - expected) <= relative * fabs (expected) + absolute))
    g_error ("%.9g is not near %.9g", value, expected);
}

static void
test_rmsnorm (void)
{
  TnRandom random = tn_random_stream (1, "rmsnorm");

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    {
      float x[3 * MOST], weight[MOST], out[3 * MOST];
      gsize n = sizes[k];

      fill (&random, x, 3 * n, 2.0);
      fill (&random, weight, n, 1.0);
      tn_rmsnorm (x, weight, 1e-5, 3, n, out);
      for (gsize row = 0; row < 3; row++)
        {
          double sum = 0.0;

          for (gsize i = 0; i < n; i++)
            sum += (double) x[row * n + i] * (double) x[row * n + i];
          for (gsize i = 0; i < n; i++)
            assert_near (out[row * n + i], x[row * n + i] / sqrt (sum / (double) n + 1e-5) * weight[i], 3e-7, 0.0);
        }
      tn_rmsnorm (x, weight, 1e-5, 3, n, x);
      g_assert_cmpmem (x, 3 * n * sizeof (float), out, 3 * n * sizeof (float));
    }
}

static void
test_rmsnorm_of_large_values (void)
{
  float x[5] = {1e30f, -1e30f, 1e30f, 0.0f, 1e30f}, ones[5] = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f};

  tn_rmsnorm (x, ones, 1e-5, 1, 5, x);
  assert_near (x[1], -sqrt (5.0 / 4.0), 1e-6, 0.0);
}

static void
test_rope (void)
{
  const gsize head_dim = 10, heads = 3, dims[] = {2, 6, 10};
  TnRandom random = tn_random_stream (2, "rope");

  for (guint k = 0; k < G_N_ELEMENTS (dims); k++)
    for (guint half_split = 0; half_split < 2; half_split++)
      {
        gsize dim = dims[k], half = dim / 2;
        float cosines[7 * 5], sines[7 * 5], factors[5] = {1.0f, 2.0f, 4.0f, 8.0f, 1.5f};
        float x[30], before[30];

        tn_rope_table (3, 7, dim, 10000.0, 2.0, k == 1 ? factors : NULL, cosines, sines);
        for (gsize p = 0; p < 7; p++)
          {
            fill (&random, x, 30, 1.0);
            memcpy (before, x, sizeof x);
            (half_split ? tn_rope_half_split : tn_rope_interleaved) (x, heads, head_dim, dim, cosines + p * half,
                                                                     sines + p * half);
            for (gsize head = 0; head < heads; head++)
              {
                for (gsize i = 0; i < half; i++)
                  {
                    gsize a = head * head_dim + (half_split ? i : 2 * i), b = half_split ? a + half : a + 1;
                    double angle = (double) (3 + p) / 2.0 * pow (10000.0, -2.0 * (double) i / (double) dim) /
                                   (k == 1 ? (double) factors[i] : 1.0);

                    assert_near (x[a], before[a] * cos (angle) - before[b] * sin (angle), 0.0, 1e-6);
                    assert_near (x[b], before[a] * sin (angle) + before[b] * cos (angle), 0.0, 1e-6);
                  }
                for (gsize i = dim; i < head_dim; i++)
                  g_assert_cmpfloat (x[head * head_dim + i], ==, before[head * head_dim + i]);
              }
          }
      }
}

static void
test_activations (void)
{
  TnRandom random = tn_random_stream (3, "activations");

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    {
      float gate[MOST], up[MOST], out[MOST];
      gsize n = sizes[k];

      fill (&random, gate, n, 20.0);
      fill (&random, up, n, 1.0);
      memcpy (out, gate, n * sizeof (float));
      tn_silu_multiply (out, up, n);
      for (gsize i = 0; i < n; i++)
        assert_near (out[i], gate[i] / (1.0 + exp (-(double) gate[i])) * up[i], 1e-6, 1e-40);
      memcpy (out, gate, n * sizeof (float));
      tn_relu2_multiply (out, up, n);
      for (gsize i = 0; i < n; i++)
        assert_near (out[i], gate[i] > 0.0f ? (double) gate[i] * gate[i] * up[i] : 0.0, 3e-7, 0.0);
    }
}

static void
test_activations_at_the_ends (void)
{
  float gate[] = {NAN, INFINITY, -INFINITY, 0.0f, -200.0f, 200.0f, -88.5f, 1e-30f};
  float again[G_N_ELEMENTS (gate)];
  const float ones[] = {1, 1, 1, 1, 1, 1, 1, 1};

  memcpy (again, gate, sizeof gate);
  tn_silu_multiply (gate, ones, G_N_ELEMENTS (gate));
  g_assert_true (isnan (gate[0]));
  g_assert_cmpfloat (gate[1], ==, INFINITY);
  g_assert_cmpfloat (gate[3], ==, 0.0f);
  assert_near (gate[4], 0.0, 0.0, 1e-37);
  g_assert_cmpfloat (gate[5], ==, 200.0f);
  assert_near (gate[6], -88.5 / (1.0 + exp (88.5)), 1e-5, 0.0);
  assert_near (gate[7], 5e-31, 1e-6, 0.0);

  tn_relu2_multiply (again, ones, G_N_ELEMENTS (again));
  g_assert_true (isnan (again[0]));
  g_assert_cmpfloat (again[1], ==, INFINITY);
  g_assert_cmpfloat (again[2], ==, 0.0f);
}

/* The factor applied. */
static void
softmax (float *x, gsize n, float scale)
{
  float factor;

  tn_softmax (x, n, scale, &factor);
  for (gsize i = 0; i < n; i++)
    x[i] *= factor;
}

static void
test_softmax (void)
{
  TnRandom random = tn_random_stream (4, "softmax");

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    {
      float x[MOST], out[MOST];
      gsize n = sizes[k];
      double sum = 0.0, most = -INFINITY;

      fill (&random, x, n, 8.0);
      for (gsize i = 0; i < n; i++)
        most = MAX (most, x[i]);
      for (guint half = 0; half < 2; half++)
        {
          double scale = half ? 0.5 : 1.0;

          sum = 0.0;
          for (gsize i = 0; i < n; i++)
            sum += exp (scale * (x[i] - most));
          memcpy (out, x, n * sizeof (float));
          softmax (out, n, (float) scale);
          for (gsize i = 0; i < n; i++)
            assert_near (out[i], exp (scale * (x[i] - most)) / sum, 5e-6, 1e-44);
        }
    }
}

static void
test_softmax_at_the_ends (void)
{
  float far[] = {1e38f, -1e38f, 0.0f}, masked[] = {-INFINITY, 1.0f, -INFINITY}, broken[] = {1.0f, NAN, 2.0f};

  softmax (far, 3, 1.0f);
  g_assert_cmpfloat (far[0], ==, 1.0f);
  g_assert_cmpfloat (far[1], ==, 0.0f);
  softmax (masked, 3, 0.125f);
  g_assert_cmpfloat (masked[0], ==, 0.0f);
  g_assert_cmpfloat (masked[1], ==, 1.0f);
  softmax (broken, 3, 1.0f);
  for (guint i = 0; i < 3; i++)
    g_assert_true (isnan (broken[i]));
}

static void
join_pieces (const float *x, gsize n, gsize piece_size, TnLogSumExp *row)
{
  *row = TN_LOG_SUM_EXP_EMPTY;
  for (gsize first = 0; first < n; first += piece_size)
    {
      TnLogSumExp piece;

      tn_log_sum_exp_piece (x + first, MIN (piece_size, n - first), (guint) first, &piece);
      tn_log_sum_exp_join (row, &piece);
    }
}

static void
test_log_sum_exp (void)
{
  const gsize pieces[] = {1, 5, 16, 100, MOST};
  TnRandom random = tn_random_stream (5, "log-sum-exp");

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    for (guint p = 0; p < G_N_ELEMENTS (pieces); p++)
      {
        float x[MOST];
        gsize n = sizes[k], best = 0;
        double sum = 0.0;
        TnLogSumExp row;

        fill (&random, x, n, 30.0);
        /* Two equal maxima: the first wins. */
        for (gsize i = 0; i < n; i++)
          best = x[i] > x[best] ? i : best;
        x[n - 1] = x[best];
        for (gsize i = 0; i < n; i++)
          sum += exp ((double) x[i] - (double) x[best]);
        join_pieces (x, n, pieces[p], &row);
        g_assert_cmpuint (row.best, ==, best);
        assert_near (tn_log_sum_exp_finish (&row), log (sum) + (double) x[best], 1e-6, 1e-6);
      }
}

static void
test_log_sum_exp_at_the_ends (void)
{
  float broken[] = {1.0f, 2.0f, NAN, 0.0f}, nothing[] = {NAN, NAN, NAN, NAN};
  float low[] = {-INFINITY, -INFINITY, -3.0f, -INFINITY}, empty[] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
  TnLogSumExp row;

  for (gsize piece = 1; piece <= 4; piece++)
    {
      join_pieces (broken, 4, piece, &row);
      g_assert_true (isnan (tn_log_sum_exp_finish (&row)));
      g_assert_cmpuint (row.best, ==, 1);
      join_pieces (nothing, 4, piece, &row);
      g_assert_true (isnan (tn_log_sum_exp_finish (&row)));
      g_assert_cmpuint (row.best, ==, G_MAXUINT);
      join_pieces (low, 4, piece, &row);
      assert_near (tn_log_sum_exp_finish (&row), -3.0, 0.0, 1e-9);
      g_assert_cmpuint (row.best, ==, 2);
      join_pieces (empty, 4, piece, &row);
      g_assert_cmpfloat (tn_log_sum_exp_finish (&row), ==, -INFINITY);
    }
}

static void
test_nothing_at_all (void)
{
  float one = 3.0f;

  tn_rmsnorm (&one, &one, 1e-5, 0, 1, &one);
  tn_silu_multiply (&one, &one, 0);
  tn_relu2_multiply (&one, &one, 0);
  tn_add (&one, &one, 0);
  tn_rope_interleaved (&one, 0, 1, 0, NULL, NULL);
  g_assert_cmpfloat (one, ==, 3.0f);
}

/* All kernels on the same input, one after the other into one buffer. */
static gsize
run_all (gsize n, float *out)
{
  TnRandom random = tn_random_stream (6, "variants");
  float x[MOST], y[MOST], cosines[MOST], sines[MOST];
  float *start = out;
  TnLogSumExp piece;
  TnDivergence divergence;

  fill (&random, x, n, 6.0);
  fill (&random, y, n, 6.0);
  if (n > 4)
    {
      x[1] = NAN;
      x[3] = -INFINITY;
      y[2] = INFINITY;
    }
  tn_rope_table (5, 1, n / 2 * 2, 500000.0, 1.0, NULL, cosines, sines);

  tn_rmsnorm (y, x, 1e-6, 1, n, out), out += n;
  memcpy (out, x, n * sizeof (float)), tn_silu_multiply (out, y, n), out += n;
  memcpy (out, x, n * sizeof (float)), tn_relu2_multiply (out, y, n), out += n;
  memcpy (out, x, n * sizeof (float)), tn_add (out, y, n), out += n;
  memcpy (out, x, n * sizeof (float)), tn_rope_interleaved (out, 1, n, n / 2 * 2, cosines, sines), out += n;
  memcpy (out, x, n * sizeof (float)), tn_rope_half_split (out, 1, n, n / 2 * 2, cosines, sines), out += n;
  fill (&random, y, n, 6.0);
  memcpy (out, y, n * sizeof (float)), softmax (out, n, 0.7f), out += n;
  tn_log_sum_exp_piece (y, n, 7, &piece);
  *out++ = (float) piece.sum;
  *out++ = piece.maximum;
  *out++ = (float) piece.best;
  fill (&random, x, n, 6.0);
  for (guint layout = 0; layout < 2; layout++)
    memcpy (out, x, n * sizeof (float)), tn_rope_back (layout, out, 1, n, n / 2 * 2, cosines, sines), out += n;
  tn_exponentials (x, n, 3.0f, 0.7f, -1.5f, FALSE, out), tn_exponentials (y, n, 3.0f, 0.7f, 1.5f, TRUE, out);
  tn_exponentials_shifted (x, y, n, 0.7f, out), out += n;
  memcpy (out, x, n * sizeof (float)), tn_softmax_gradient (y, out, n, 0.7f, 0.3f), out += n;
  tn_divergence_piece (x, y, n, 0.7f, &divergence);
  *out++ = (float) divergence.student_sum;
  *out++ = (float) divergence.teacher_sum;
  *out++ = (float) divergence.cross;
  /* Any bits at all: denormals, results that are, and NaN of every kind. */
  for (gsize i = 0; i < n; i++)
    {
      guint32 bits = (guint32) tn_random_next (&random);

      memcpy (&x[i], &bits, sizeof bits);
    }
  memcpy (out, x, n * sizeof (float)), tn_silu_multiply (out, y, n), out += n;
  memcpy (out, x, n * sizeof (float)), tn_relu2_multiply (out, y, n), out += n;
  return (gsize) (out - start);
}

static void
test_variants_agree_to_the_bit (void)
{
  TnVariant own = tn_variant_get ();

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    {
      float expected[13 * MOST + 6], out[13 * MOST + 6];
      gsize n;

      g_assert_true (tn_variant_use (TN_VARIANT_SCALAR));
      n = run_all (sizes[k], expected);
      for (guint variant = TN_VARIANT_SCALAR + 1; variant < TN_N_VARIANTS; variant++)
        {
          if (!tn_variant_use ((TnVariant) variant))
            continue;
          g_assert_cmpuint (run_all (sizes[k], out), ==, n);
          for (gsize i = 0; i < n; i++)
            if (memcmp (&out[i], &expected[i], sizeof (float)) != 0 && !(isnan (out[i]) && isnan (expected[i])))
              g_error ("variant %u, size %zu, value %zu: %.9g is not %.9g", variant, sizes[k], i, (double) out[i],
                       (double) expected[i]);
        }
    }
  g_assert_true (tn_variant_use (own));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/rmsnorm", test_rmsnorm);
  g_test_add_func ("/kernels/rmsnorm-large", test_rmsnorm_of_large_values);
  g_test_add_func ("/kernels/rope", test_rope);
  g_test_add_func ("/kernels/activations", test_activations);
  g_test_add_func ("/kernels/activations-ends", test_activations_at_the_ends);
  g_test_add_func ("/kernels/softmax", test_softmax);
  g_test_add_func ("/kernels/softmax-ends", test_softmax_at_the_ends);
  g_test_add_func ("/kernels/log-sum-exp", test_log_sum_exp);
  g_test_add_func ("/kernels/log-sum-exp-ends", test_log_sum_exp_at_the_ends);
  g_test_add_func ("/kernels/nothing", test_nothing_at_all);
  g_test_add_func ("/kernels/variants-agree", test_variants_agree_to_the_bit);
  return g_test_run ();
}
