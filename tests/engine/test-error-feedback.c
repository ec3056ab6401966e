/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/error-feedback.h"
#include "engine/analysis/mitigation/grid-descent.h"
#include "engine/analysis/mitigation/inverse-factor.h"
#include "engine/calibration/output-search.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"

static const char *const schemes[] = {"ternary", "ternary:c",  "ternary:ls", "ternary:c:f16", "int2:c",
                                      "int3",    "int3:c",     "int4:asym",  "int3:c:asym",   "binary:c",
                                      "binary",  "int3:c:mse", "int8:c:f16"};

/* Inputs whose channels go together, as those of a layer do: X^T X [n, n] of n_tokens rows. */
static double *
make_gram (gsize n, gsize n_tokens, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, "inputs");
  g_autofree double *mix = g_new (double, n *n), *x = g_new (double, n);
  double *gram = g_new0 (double, n *n);

  for (gsize i = 0; i < n * n; i++)
    mix[i] = tn_random_normal (&random) / sqrt ((double) n);
  for (gsize t = 0; t < n_tokens; t++)
    {
      double common = tn_random_normal (&random);

      for (gsize i = 0; i < n; i++)
        x[i] = 0.5 * common + tn_random_normal (&random) * exp (0.5 * mix[i]);
      for (gsize i = 0; i < n; i++)
        for (gsize j = 0; j < n; j++)
          gram[i * n + j] += x[i] * x[j];
    }
  return gram;
}

static float *
make_weights (gsize rows, gsize columns, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, "weights");
  float *w = g_new (float, MAX (rows * columns, 1));

  for (gsize i = 0; i < rows * columns; i++)
    w[i] = (float) (tn_random_normal (&random) * (i % 7 == 0 ? 2.0 : 0.5));
  return w;
}

typedef struct
{
  const float *w;
  gsize rows, columns;
  const double *gram;
  TnScheme scheme;
  TnFeedbackOptions options;
  TnFeedbackReport report;
  TnTensor *out;
  gboolean repeats;
  GError *error;
} Call;

static void
round_on_compute_thread (gpointer user_data)
{
  Call *call = user_data;
  TnScheme repeatable;

  call->out = tn_feedback_round (call->w, call->rows, call->columns, call->gram, &call->scheme, &call->options, &call->report,
                                 NULL, &call->error);
  tn_scheme_make_repeatable (&call->scheme, &repeatable);
  call->repeats = call->out != NULL && tn_scheme_repeats (&repeatable, call->out->data, call->rows, call->columns);
}

/* By the formula, one element at a time. */
static double
get_objective (const float *w, const float *q, gsize rows, gsize columns, const double *gram)
{
  double sum = 0.0;

  for (gsize row = 0; row < rows; row++)
    for (gsize i = 0; i < columns; i++)
      for (gsize j = 0; j < columns; j++)
        sum += ((double) w[row * columns + i] - (double) q[row * columns + i]) * gram[i * columns + j] *
               ((double) w[row * columns + j] - (double) q[row * columns + j]);
  return sum;
}

static void
check_never_worse (gconstpointer user_data)
{
  static const gsize sizes[][2] = {{1, 1}, {1, 2}, {3, 7}, {5, 64}, {2, 129}, {17, 31}};
  const char *name = user_data;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint refits = 0; refits <= 3; refits += 3)
      {
        gsize rows = sizes[i][0], columns = sizes[i][1];
        g_autofree double *gram = make_gram (columns, 3 * columns + 5, i);
        g_autofree float *w = make_weights (rows, columns, 10 + i), *plain = g_new (float, rows *columns);
        Call call = {.w = w, .rows = rows, .columns = columns, .gram = gram, .options = {.n_refits = refits}};

        g_assert_true (tn_scheme_parse (name, &call.scheme, NULL));
        tn_compute_run (round_on_compute_thread, &call);
        g_assert_no_error (call.error);
        g_assert_true (call.repeats);
        g_test_message ("%s %zu x %zu: plain %g searched %g feedback %g best %g", name, rows, columns, call.report.plain,
                        call.report.searched, call.report.feedback, call.report.best);
        g_assert_cmpfloat (call.report.best, <=, call.report.repeatable);
        g_assert_true (call.report.repeatable == call.report.plain || strcmp (name, "int3:c:mse") == 0);
        g_assert_cmpfloat (fabs (call.report.best - get_objective (w, call.out->data, rows, columns, gram)), <=,
                           1e-9 * call.report.power);
        g_assert_true (tn_quantize_values (&call.scheme, w, rows, columns, plain, NULL));
        g_assert_cmpfloat (fabs (call.report.plain - get_objective (w, plain, rows, columns, gram)), <=,
                           1e-9 * call.report.power);
        /* It is worth having where there is something to win. */
        if (columns >= 64 && rows > 1 && strcmp (name, "int8:c:f16") != 0)
          g_assert_cmpfloat (call.report.best, <, 0.9 * call.report.plain);
        tn_tensor_unref (call.out);
      }
}

static void
test_groups (void)
{
  static const char *const names[] = {"ternary:g16", "int3:g16", "int2:g8:asym", "ternary:g32:f32"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree double *gram = make_gram (96, 300, i);
      g_autofree float *w = make_weights (7, 96, i);
      Call call = {.w = w, .rows = 7, .columns = 96, .gram = gram}, fitted;

      g_assert_true (tn_scheme_parse (names[i], &call.scheme, NULL));
      fitted = call;
      fitted.options.n_refits = 4;
      tn_compute_run (round_on_compute_thread, &call);
      tn_compute_run (round_on_compute_thread, &fitted);
      g_assert_no_error (call.error);
      g_assert_no_error (fitted.error);
      g_assert_true (call.repeats && fitted.repeats);
      g_test_message ("%s: plain %g searched %g feedback %g best %g, fitted %g", names[i], call.report.plain,
                      call.report.searched, call.report.feedback, call.report.best, fitted.report.best);
      g_assert_cmpfloat (call.report.best, <, call.report.plain);
      /* Scales are rounded to 16 bits. */
      g_assert_cmpfloat (fitted.report.best, <=, call.report.best * 1.001);
      tn_tensor_unref (call.out);
      tn_tensor_unref (fitted.out);
    }
}

/* Gauss-Jordan; a is destroyed. */
static void
invert (double *a, gsize n, double *inverse)
{
  for (gsize i = 0; i < n; i++)
    for (gsize j = 0; j < n; j++)
      inverse[i * n + j] = i == j;
  for (gsize k = 0; k < n; k++)
    {
      double pivot = a[k * n + k];

      for (gsize j = 0; j < n; j++)
        {
          a[k * n + j] /= pivot;
          inverse[k * n + j] /= pivot;
        }
      for (gsize i = 0; i < n; i++)
        {
          double factor = a[i * n + k];

          for (gsize j = 0; j < n && i != k; j++)
            {
              a[i * n + j] -= factor * a[k * n + j];
              inverse[i * n + j] -= factor * inverse[k * n + j];
            }
        }
    }
}

typedef struct
{
  const TnTensor *weight;
  const TnScheme *scheme;
  const float *gram;
  TnRounding *units;
} UnitsCall;

static void
find_units_on_compute_thread (gpointer user_data)
{
  UnitsCall *call = user_data;
  TnOutputErrors errors;

  call->units = tn_output_find_units (call->weight, call->scheme, call->gram, &errors, NULL, NULL);
}

/* Optimal Brain Quantization as it is written: every weight that is rounded moves all that are left by the inverse of what is
 * left of H. */
static void
test_reference (void)
{
  enum
  {
    ROWS = 5,
    COLUMNS = 13
  };
  const guint64 shape[] = {ROWS, COLUMNS};
  g_autofree double *gram = make_gram (COLUMNS, 60, 3);
  g_autofree float *w = make_weights (ROWS, COLUMNS, 4), *narrow = g_new (float, COLUMNS *COLUMNS);
  g_autoptr (TnTensor) weight = tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_WEIGHTS, NULL);
  Call call = {.w = w,
               .rows = ROWS,
               .columns = COLUMNS,
               .gram = gram,
               .options = {.damping = 0.02, .keeps_order = TRUE, .no_descent = TRUE}};
  UnitsCall units = {weight, &call.scheme, narrow, NULL};
  double mean = 0.0;

  g_assert_true (tn_scheme_parse ("ternary:c", &call.scheme, NULL));
  memcpy (tn_tensor_get_writable (weight), w, ROWS * COLUMNS * sizeof *w);
  for (gsize i = 0; i < COLUMNS * COLUMNS; i++)
    narrow[i] = (float) gram[i];
  tn_compute_run (find_units_on_compute_thread, &units);
  tn_compute_run (round_on_compute_thread, &call);
  g_assert_no_error (call.error);
  for (gsize i = 0; i < COLUMNS; i++)
    mean += gram[i * COLUMNS + i] / COLUMNS;
  for (gsize row = 0; row < ROWS; row++)
    {
      double rest[COLUMNS];

      for (gsize i = 0; i < COLUMNS; i++)
        rest[i] = (double) w[row * COLUMNS + i];
      for (gsize i = 0; i < COLUMNS; i++)
        {
          gsize n = COLUMNS - i;
          double a[COLUMNS * COLUMNS], inverse[COLUMNS * COLUMNS], error;
          float q = tn_rounding_apply (&units.units[row], (float) rest[i]);

          for (gsize k = 0; k < n; k++)
            for (gsize m = 0; m < n; m++)
              a[k * n + m] = gram[(i + k) * COLUMNS + i + m] + (k == m ? 0.02 * mean : 0.0);
          invert (a, n, inverse);
          error = (rest[i] - (double) q) / inverse[0];
          for (gsize k = 0; k < n; k++)
            rest[i + k] -= error * inverse[k];
          g_assert_cmpfloat (((const float *) call.out->data)[row * COLUMNS + i], ==, q);
        }
    }
  g_free (units.units);
  tn_tensor_unref (call.out);
}

typedef struct
{
  const double *h;
  gsize n;
  double damping;
  double *factor;
  TnInverseFactorReport report;
  gboolean ok;
  GError *error;
} FactorCall;

static void
factor_on_compute_thread (gpointer user_data)
{
  FactorCall *call = user_data;

  call->ok = tn_inverse_factor (call->h, call->n, call->damping, call->factor, &call->report, &call->error);
}

/* U (H + d I) U^T = I. */
static void
test_factor (void)
{
  static const gsize sizes[] = {1, 2, 63, 64, 65, 131};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree double *h = make_gram (n, 2 * n + 3, s), *u = g_new (double, n *n), *product = g_new0 (double, n *n);
      FactorCall call = {.h = h, .n = n, .damping = 0.01, .factor = u};
      double mean = 0.0;

      for (gsize i = 0; i < n; i++)
        mean += h[i * n + i] / (double) n;
      tn_compute_run (factor_on_compute_thread, &call);
      g_assert_no_error (call.error);
      g_assert_cmpuint (call.report.n_raised, ==, 0);
      for (gsize i = 0; i < n; i++)
        for (gsize j = 0; j < i; j++)
          g_assert_cmpfloat (u[i * n + j], ==, 0.0);
      for (gsize i = 0; i < n; i++)
        for (gsize k = 0; k < n; k++)
          for (gsize j = 0; j < n; j++)
            product[i * n + k] += u[i * n + j] * (h[j * n + k] + (j == k ? 0.01 * mean : 0.0));
      for (gsize i = 0; i < n; i++)
        for (gsize j = 0; j < n; j++)
          {
            double sum = 0.0;

            for (gsize k = 0; k < n; k++)
              sum += product[i * n + k] * u[j * n + k];
            g_assert_cmpfloat (fabs (sum - (i == j)), <, 1e-9);
          }
    }
}

/* What is not positive definite is damped more, and said; what nothing can be done with is an error. */
static void
test_damping (void)
{
  double h[] = {1.0, 1.05, 1.05, 1.0}, zeros[4] = {0}, factor[4];
  FactorCall call = {.h = h, .n = 2, .damping = 0.01, .factor = factor};

  tn_compute_run (factor_on_compute_thread, &call);
  g_assert_no_error (call.error);
  g_assert_cmpuint (call.report.n_raised, ==, 1);
  g_assert_cmpfloat (fabs (call.report.damping - 0.1), <, 1e-12);
  h[1] = h[2] = 5.0;
  tn_compute_run (factor_on_compute_thread, &call);
  g_assert_error (call.error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&call.error);
  call.h = zeros;
  tn_compute_run (factor_on_compute_thread, &call);
  g_assert_error (call.error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&call.error);
  h[0] = 4.0;
  h[1] = h[2] = h[3] = 0.0;
  call.h = h;
  tn_compute_run (factor_on_compute_thread, &call);
  g_assert_no_error (call.error);
  g_assert_cmpuint (call.report.n_silent, ==, 1);
}

/* Weights and inputs that leave little to do. */
static void
test_degenerate (void)
{
  g_autofree double *gram = make_gram (8, 20, 1);
  float zeros[16] = {0}, bad[16] = {0};
  Call call = {.w = zeros, .rows = 2, .columns = 8, .gram = gram, .options = {.n_refits = 2}};

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      g_assert_true (tn_scheme_parse (schemes[i], &call.scheme, NULL));
      tn_compute_run (round_on_compute_thread, &call);
      g_assert_no_error (call.error);
      for (guint k = 0; k < 16; k++)
        g_assert_cmpfloat (((const float *) call.out->data)[k], ==, 0.0f);
      g_assert_true (call.repeats);
      tn_tensor_unref (call.out);
    }
  bad[9] = NAN;
  call.w = bad;
  tn_compute_run (round_on_compute_thread, &call);
  g_assert_error (call.error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (call.error->message, "row 1, column 1"));
  g_clear_error (&call.error);
  call.w = zeros;
  call.rows = 0;
  tn_compute_run (round_on_compute_thread, &call);
  g_assert_no_error (call.error);
  g_assert_cmpuint (call.out->count, ==, 0);
  tn_tensor_unref (call.out);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error-feedback/factor", test_factor);
  g_test_add_func ("/error-feedback/damping", test_damping);
  g_test_add_func ("/error-feedback/reference", test_reference);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/error-feedback/never-worse/%s", schemes[i]);

      g_test_add_data_func (path, schemes[i], check_never_worse);
    }
  g_test_add_func ("/error-feedback/groups", test_groups);
  g_test_add_func ("/error-feedback/degenerate", test_degenerate);
  return g_test_run ();
}
