/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/quantize.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/int8-rows.h"
#include "engine/nn/bit-linear.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"

#include "function-fixture.h"

/* One quantizer on a tape, its loss the sum of y times random numbers. */
typedef struct
{
  const char *scheme;
  TnEstimator estimator;
  gboolean of_activations;
  gsize rows, columns;
  double scale, offset; /* of all units; 0: found, or none */
  double lambda, temperature;
  TnQuantizerState *state;
  gsize n_units;
} Case;

typedef struct
{
  TnDtype dtype;
  double *x, *g, *y, *dx, *ds, *db;
} Result;

static TnVariable *
filled (const char *name, TnDtype dtype, gsize n, double value, gboolean trained)
{
  TnVariable *variable = fixture_variable (name, dtype, &TN_SHAPE (n), 0.1);

  for (gsize i = 0; i < n; i++)
    {
      /* Units differ a little. */
      double number = value * (1.0 + 0.125 * (double) (i % 5));

      if (dtype == TN_DTYPE_F64)
        ((double *) variable->data)[i] = (double) (float) number;
      else
        ((float *) variable->data)[i] = (float) number;
    }
  g_assert_true (tn_variable_set_trained (variable, trained, NULL));
  return variable;
}

static double *
copy_wide (TnDtype dtype, const void *from, gsize n)
{
  double *out = g_new0 (double, MAX (n, 1));

  for (gsize i = 0; from != NULL && i < n; i++)
    out[i] = dtype == TN_DTYPE_F64 ? ((const double *) from)[i] : (double) ((const float *) from)[i];
  return out;
}

static void
assert_twice (TnDtype dtype, const double *once, const void *twice, gsize n)
{
  g_autofree double *wide = copy_wide (dtype, twice, n);

  for (gsize i = 0; twice != NULL && i < n; i++)
    g_assert_cmpfloat (wide[i], ==, 2.0 * once[i]);
}

static void
clear_result (Result *self)
{
  g_free (self->x);
  g_free (self->g);
  g_free (self->y);
  g_free (self->dx);
  g_free (self->ds);
  g_free (self->db);
}

static void
run_case (const Case *self, TnDtype dtype, Result *result)
{
  const TnShape shape = TN_SHAPE (self->rows, self->columns);
  g_autoptr (TnVariable) x = fixture_variable ("x", dtype, &shape, 0.05),
                         weights = fixture_variable ("weights", dtype, &shape, 1.0);
  g_autoptr (TnVariable) scale = filled ("scale", dtype, self->n_units, self->scale != 0.0 ? self->scale : 1.0,
                                         tn_estimator_is_learned (self->estimator) || self->estimator == TN_ESTIMATOR_SOFT);
  g_autoptr (TnVariable) offset = filled ("offset", dtype, self->n_units, self->offset, TRUE);
  g_autoptr (TnVariable) lambda = filled ("lambda", dtype, 1, self->lambda, FALSE);
  g_autoptr (TnVariable) temperature = filled ("temperature", dtype, 1, self->temperature, FALSE);
  g_autoptr (TnTape) tape = tn_tape_new (dtype, TRUE);
  g_autoptr (GError) error = NULL;
  TnQuantizeOptions options = {.estimator = self->estimator, .state = self->state};
  TnValue *input = tn_tape_variable (tape, x), *s = self->scale != 0.0 ? tn_tape_variable (tape, scale) : NULL, *y, *loss;

  g_assert_true (tn_scheme_parse (self->scheme, &options.scheme, &error));
  g_assert_true (tn_variable_set_trained (weights, FALSE, NULL));
  options.offset = self->estimator == TN_ESTIMATOR_LSQ_PLUS ? tn_tape_variable (tape, offset) : NULL;
  options.lambda = self->lambda != 0.0 ? tn_tape_variable (tape, lambda) : NULL;
  options.temperature = self->temperature != 0.0 ? tn_tape_variable (tape, temperature) : NULL;
  y = self->of_activations ? tn_tape_quantize_activation (tape, input, s, &options)
                           : tn_tape_quantize_weight (tape, input, s, &options);
  if (y != NULL)
    {
      tn_tape_keep (tape, y);
      loss = tn_tape_sum (tape, tn_tape_multiply (tape, y, tn_tape_variable (tape, weights)));
    }
  if (!tn_tape_plan (tape, y != NULL ? loss : NULL, &error) || !tn_tape_allocate (tape, &error) ||
      !tn_tape_forward (tape, NULL, &error) || !tn_tape_backward (tape, 1.0, FALSE, NULL, &error))
    g_error ("%s %s: %s", self->scheme, tn_estimator_get_name (self->estimator), error->message);
  result->dtype = dtype;
  result->x = copy_wide (dtype, x->data, x->count);
  result->g = copy_wide (dtype, weights->data, x->count);
  result->y = copy_wide (dtype, tn_value_get_data (y), x->count);
  result->dx = copy_wide (dtype, x->gradient, x->count);
  result->ds = copy_wide (dtype, scale->gradient, self->n_units);
  result->db = copy_wide (dtype, offset->gradient, self->n_units);

  /* A second batch is added. */
  g_assert_true (tn_tape_forward (tape, NULL, NULL) && tn_tape_backward (tape, 1.0, TRUE, NULL, NULL));
  assert_twice (dtype, result->dx, x->gradient, x->count);
  assert_twice (dtype, result->ds, scale->gradient, self->scale != 0.0 ? self->n_units : 0);
  assert_twice (dtype, result->db, offset->gradient, self->estimator == TN_ESTIMATOR_LSQ_PLUS ? self->n_units : 0);
}

/* What is learned, written as the sources have it: value v, scale s, offset b; y, dy/dv, dy/ds, dy/db. */
static void
by_hand (TnEstimator estimator, const TnScheme *scheme, double v, double s, double b, double out[4])
{
  gboolean binary = scheme->kind == TN_SCHEME_BINARY, ternary = scheme->kind == TN_SCHEME_TERNARY;
  double qp = binary || ternary ? 1 : scheme->asymmetric ? (1 << scheme->bits) - 1 : (1 << (scheme->bits - 1)) - 1;
  double qn = scheme->asymmetric ? 0 : qp;
  double u;

  if (binary)
    {
      out[0] = v < 0 ? -s : s;
      out[1] = fabs (v) < s;
      out[2] = v < 0 ? -1 : 1;
      out[3] = 0;
      return;
    }
  switch (estimator)
    {
    case TN_ESTIMATOR_LSQ:
    case TN_ESTIMATOR_LSQ_PLUS:
      u = (v - b) / s;
      out[0] = s * fmin (fmax (nearbyint (u), -qn), qp) + b;
      out[1] = -qn < u && u < qp;
      out[2] = u <= -qn ? -qn : u >= qp ? qp : -u + nearbyint (u);
      out[3] = -qn < u && u < qp ? 0 : 1;
      break;
    case TN_ESTIMATOR_SEQ:
      {
        double n = ternary ? 1.5 : 2, shift = ternary ? 0 : 0.5;

        u = v / s;
        out[0] = s * (nearbyint (fmin (fmax (u, -0.99), 0.99) * n - shift) + shift) / n;
        out[1] = fabs (u) <= 0.99;
        out[2] = u < -0.99 ? -(n - shift) / n : u > 0.99 ? (n - shift) / n : out[0] / s - u;
        out[3] = 0;
        break;
      }
    default:
      g_assert_cmpint (estimator, ==, TN_ESTIMATOR_RANGE);
      out[0] = s / qp * nearbyint (fmin (fmax (v, scheme->asymmetric ? 0 : -s), s) / (s / qp));
      out[1] = v < s && v > (scheme->asymmetric ? 0 : -s);
      out[2] = v >= s ? 1 : !scheme->asymmetric && v <= -s ? -1 : 0;
      out[3] = 0;
    }
}

static void
assert_near (const char *what, const Case *c, gsize i, double got, double expected, double tolerance, double largest)
{
  if (!(fabs (got - expected) <= tolerance * fmax (largest, 1e-12)))
    g_error ("%s %s: %s[%zu] is %.12g, expected %.12g", c->scheme, tn_estimator_get_name (c->estimator), what, i, got, expected);
}

static void
check_learned (const Case *c, TnDtype dtype, double tolerance)
{
  TnScheme scheme;
  Result result;
  gsize count = c->rows * c->columns, length;
  double lambda = c->lambda != 0.0 ? (double) (float) c->lambda : 1.0, high, r, sum_of_magnitudes = 0.0;

  g_assert_true (tn_scheme_parse (c->scheme, &scheme, NULL));
  length = count / c->n_units;
  high = scheme.kind != TN_SCHEME_INTEGER || c->estimator == TN_ESTIMATOR_SEQ
             ? 1
             : (1 << (scheme.bits - (scheme.asymmetric ? 0 : 1))) - 1;
  r = c->estimator == TN_ESTIMATOR_RANGE ? 1.0 : 1.0 / sqrt ((double) (c->of_activations ? c->columns : count) * high);
  run_case (c, dtype, &result);
  for (gsize i = 0; i < count; i++)
    sum_of_magnitudes += fabs (result.g[i]);
  for (gsize unit = 0; unit < c->n_units; unit++)
    {
      double s = (double) (float) (c->scale * (1.0 + 0.125 * (double) (unit % 5)));
      double b = c->estimator == TN_ESTIMATOR_LSQ_PLUS ? (double) (float) (c->offset * (1.0 + 0.125 * (double) (unit % 5))) : 0.0;
      double ds = 0.0, db = 0.0;

      for (gsize i = unit * length; i < (unit + 1) * length; i++)
        {
          double out[4];

          by_hand (c->estimator, &scheme, result.x[i], s, b, out);
          assert_near ("y", c, i, result.y[i], result.x[i] + lambda * (out[0] - result.x[i]), tolerance, 0.2);
          assert_near ("dx", c, i, result.dx[i], result.g[i] * (1 - lambda + lambda * out[1]), tolerance, fabs (result.g[i]));
          ds += result.g[i] * out[2];
          db += result.g[i] * out[3];
        }
      assert_near ("ds", c, unit, result.ds[unit], r * lambda * ds, tolerance, r * high * sum_of_magnitudes);
      if (c->estimator == TN_ESTIMATOR_LSQ_PLUS)
        assert_near ("db", c, unit, result.db[unit], r * lambda * db, tolerance, r * sum_of_magnitudes);
    }
  clear_result (&result);
}

static void
test_learned (void)
{
  const Case cases[] = {
      {.scheme = "ternary", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.05},
      {.scheme = "ternary:c", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.04, .lambda = 0.3},
      {.scheme = "binary", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.04},
      {.scheme = "int2", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.04},
      {.scheme = "int3:c", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.02},
      {.scheme = "int4:g7:f32", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.01},
      {.scheme = "int8", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.0009, .of_activations = TRUE},
      {.scheme = "int4:asym",
       .estimator = TN_ESTIMATOR_LSQ_PLUS,
       .scale = 0.01,
       .offset = -0.06,
       .of_activations = TRUE,
       .lambda = 0.75},
      {.scheme = "int4:c", .estimator = TN_ESTIMATOR_LSQ_PLUS, .scale = 0.012, .offset = 0.01},
      {.scheme = "ternary", .estimator = TN_ESTIMATOR_SEQ, .scale = 0.09},
      {.scheme = "ternary:c", .estimator = TN_ESTIMATOR_SEQ, .scale = 0.07},
      {.scheme = "int2:c", .estimator = TN_ESTIMATOR_SEQ, .scale = 0.08},
      {.scheme = "int2:g7:f32", .estimator = TN_ESTIMATOR_SEQ, .scale = 0.08, .lambda = 0.5},
      {.scheme = "binary:c", .estimator = TN_ESTIMATOR_SEQ, .scale = 0.03},
      {.scheme = "int4", .estimator = TN_ESTIMATOR_RANGE, .scale = 0.08, .of_activations = TRUE},
      {.scheme = "int4:asym", .estimator = TN_ESTIMATOR_RANGE, .scale = 0.08, .of_activations = TRUE},
      {.scheme = "ternary:c", .estimator = TN_ESTIMATOR_RANGE, .scale = 0.05},
  };
  const struct
  {
    gsize rows, columns;
  } sizes[] = {{1, 7}, {3, 35}, {13, 3535}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
      {
        Case c = cases[i];

        c.rows = sizes[k].rows;
        c.columns = sizes[k].columns;
        c.n_units = strstr (c.scheme, ":c") != NULL ? c.rows : strstr (c.scheme, ":g7") != NULL ? c.rows * c.columns / 7 : 1;
        check_learned (&c, TN_DTYPE_F64, 1e-12);
        check_learned (&c, TN_DTYPE_F32, 2e-6);
      }
}

static gsize
count_units (const char *scheme, gsize rows, gsize columns)
{
  if (strstr (scheme, ":c") != NULL || strstr (scheme, ":t") != NULL)
    return rows;
  return strstr (scheme, ":g32") != NULL ? rows * columns / 32 : 1;
}

/* To the bit: what tn_quantize_values() gives; and gradients that pass as they are, or are cut where the formula says. */
static void
test_found (void)
{
  const char *const schemes[] = {"ternary",           "ternary:c", "ternary:g32", "ternary:ls",    "ternary:twn:c",
                                 "ternary:absmedian", "binary",    "binary:c",    "int2",          "int3:c",
                                 "int4:g32",          "int8:c",    "int4:asym",   "int8:asym:g32", "int5"};
  const struct
  {
    gsize rows, columns;
  } sizes[] = {{1, 32}, {17, 96}, {67, 4064}};

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
      for (guint clipped = 0; clipped < 2; clipped++)
        {
          Case c = {.scheme = schemes[i],
                    .estimator = clipped ? TN_ESTIMATOR_CLIPPED : TN_ESTIMATOR_IDENTITY,
                    .rows = sizes[k].rows,
                    .columns = sizes[k].columns};
          gsize count = c.rows * c.columns, unit;
          double scale = 0.0;
          guint64 clipped_ends = 0;
          g_autofree float *x = g_new (float, count), *expected = g_new (float, count);
          TnScheme scheme;
          Result result;

          c.n_units = count_units (c.scheme, c.rows, c.columns);
          unit = count / c.n_units;
          run_case (&c, TN_DTYPE_F32, &result);
          for (gsize e = 0; e < count; e++)
            x[e] = (float) result.x[e];
          g_assert_true (tn_scheme_parse (c.scheme, &scheme, NULL));
          g_assert_true (tn_quantize_values (&scheme, x, c.rows, c.columns, expected, NULL));
          for (gsize e = 0; e < count; e++)
            {
              g_assert_cmpfloat (result.y[e], ==, (double) expected[e]);
              if (!clipped || scheme.kind == TN_SCHEME_INTEGER)
                {
                  /* Where the zero point is rounded an end of the range may be clipped. */
                  clipped_ends += clipped && scheme.asymmetric && result.dx[e] == 0.0;
                  if (!(clipped && scheme.asymmetric && result.dx[e] == 0.0))
                    g_assert_cmpfloat (result.dx[e], ==, result.g[e]);
                  continue;
                }
              if (e % unit == 0)
                scale = 0.0;
              for (gsize j = e; e % unit == 0 && j < e + unit; j++)
                scale = fmax (scale, fabs (result.y[j]));
              g_assert_cmpfloat (result.dx[e], ==, fabs (result.x[e]) <= scale ? result.g[e] : 0.0);
            }
          g_assert_cmpuint (clipped_ends, <=, 2 * c.n_units);
          clear_result (&result);
        }
}

/* b1.58 as algorithm: gamma = max (mean |w|, 1e-5), gamma clip (round (w / gamma), -1, 1); activations s = 127 / max (max |x|,
 * 1e-5). */
static void
test_bitnet (void)
{
  Case weights = {.scheme = "ternary", .rows = 67, .columns = 4064, .n_units = 1};
  Case activations = {.scheme = "int8:t", .rows = 37, .columns = 1009, .of_activations = TRUE, .n_units = 37};
  g_autofree float *x = NULL, *made = NULL, *expected = NULL;
  g_autoptr (TnTensor) tensor = NULL, packed = NULL;
  g_autofree guint8 *memory = g_malloc (tn_int8_rows_bytes (37, 1009) + 64);
  const guint64 shape[] = {67, 4064};
  const gsize n = 67 * 4064, m = 37 * 1009;
  double gamma = 0.0;
  TnInt8Rows rows;
  TnScheme scheme;
  Result result;

  run_case (&weights, TN_DTYPE_F32, &result);
  tensor = tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_WEIGHTS, NULL);
  x = tn_tensor_get_writable (tensor);
  for (gsize i = 0; i < n; i++)
    {
      x[i] = (float) result.x[i];
      gamma += fabs (result.x[i]) / (double) n;
    }
  g_assert_true (tn_scheme_parse ("ternary", &scheme, NULL));
  packed = tn_bit_linear_from_float (tensor, &scheme, NULL, NULL);
  made = g_new (float, n);
  tn_tensor_decode (packed, 0, n, made);
  x = NULL;
  for (gsize i = 0; i < n; i++)
    {
      g_assert_cmpfloat (result.y[i], ==, (double) made[i]);
      g_assert_cmpfloat_with_epsilon (result.y[i], gamma * fmin (fmax (nearbyint (result.x[i] / gamma), -1), 1), 1e-8);
      g_assert_cmpfloat (result.dx[i], ==, result.g[i]);
    }
  clear_result (&result);

  run_case (&activations, TN_DTYPE_F32, &result);
  x = g_new (float, m);
  expected = g_new (float, m);
  for (gsize i = 0; i < m; i++)
    x[i] = (float) result.x[i];
  tn_int8_rows_place (&rows, (void *) (((guintptr) memory + 63) / 64 * 64), 37, 1009);
  tn_int8_rows_quantize (&rows, x, NULL, 0.0, 37, 1009, 1);
  tn_int8_rows_decode (&rows, 37, 1009, expected, 1);
  for (gsize i = 0; i < m; i++)
    g_assert_cmpfloat (result.y[i], ==, (double) expected[i]);
  clear_result (&result);
  run_case (&activations, TN_DTYPE_F64, &result);
  for (gsize i = 0; i < m; i++)
    g_assert_cmpfloat_with_epsilon (result.y[i], (double) expected[i], 1e-6);
  clear_result (&result);
}

/* QuEST's grid and mask. */
static void
test_trust (void)
{
  const struct
  {
    const char *scheme;
    double clip;
    guint levels;
  } cases[] = {{"binary:c", 0.7979, 2}, {"ternary:c", 1.2240, 3},      {"int2:c", 1.4935, 4},
               {"int4", 2.5139, 16},    {"int8:g32:f32", 3.8849, 256}, {"int8:t", 3.8849, 256}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Case c = {.scheme = cases[i].scheme, .estimator = TN_ESTIMATOR_TRUST, .rows = 29, .columns = 640};
      gsize count = c.rows * c.columns, unit;
      Result result;

      c.of_activations = strstr (c.scheme, ":t") != NULL;
      c.n_units = count_units (c.scheme, c.rows, c.columns);
      unit = count / c.n_units;
      run_case (&c, i % 2 ? TN_DTYPE_F32 : TN_DTYPE_F64, &result);
      for (gsize first = 0; first < count; first += unit)
        {
          double square = 0.0, a, step;

          for (gsize e = first; e < first + unit; e++)
            square += result.x[e] * result.x[e];
          a = cases[i].clip * sqrt (square / (double) unit);
          step = 2 * a / (cases[i].levels - 1);
          for (gsize e = first; e < first + unit; e++)
            {
              double nearest = INFINITY, trusted = cases[i].levels == 2 ? 1.3 * a : a + step / 2;

              for (guint level = 0; level < cases[i].levels; level++)
                if (fabs (-a + level * step - result.x[e]) < fabs (nearest - result.x[e]))
                  nearest = -a + level * step;
              /* Where float32 is as near to the next level or to the end, it may take that. */
              if (i % 2 && (fabs (fabs (nearest - result.x[e]) - step / 2) < 1e-6 || fabs (fabs (result.x[e]) - trusted) < 1e-6))
                continue;
              g_assert_cmpfloat_with_epsilon (result.y[e], nearest, i % 2 ? 1e-7 : 1e-12);
              g_assert_cmpfloat (result.dx[e], ==, fabs (result.x[e]) <= trusted ? result.g[e] : 0.0);
              if (cases[i].levels > 2 && fabs (fabs (nearest - result.x[e]) - step / 2) > 1e-12)
                g_assert_true ((fabs (nearest - result.x[e]) <= step / 2) == (fabs (result.x[e]) <= trusted));
            }
        }
      clear_result (&result);
    }
}

typedef struct
{
  const char *scheme;
  TnEstimator estimator;
  double lambda, temperature;
  gboolean scaled;
} Build;

static TnValue *
number (TnTape *tape, double value)
{
  float narrow = (float) value;

  return tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (1),
                           tn_tape_get_dtype (tape) == TN_DTYPE_F64 ? (gconstpointer) &value : (gconstpointer) &narrow);
}

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Build *self = user_data;
  TnQuantizeOptions options = {.estimator = self->estimator};

  g_assert_true (tn_scheme_parse (self->scheme, &options.scheme, NULL));
  options.lambda = self->lambda != 0.0 ? number (tape, self->lambda) : NULL;
  options.temperature = self->temperature != 0.0 ? number (tape, self->temperature) : NULL;
  /* Numbers that the scale is about: 0.5 and more. */
  return tn_tape_quantize_weight (tape, tn_tape_variable (tape, variables[0]),
                                  self->scaled ? tn_tape_multiply (tape, tn_tape_variable (tape, variables[1]),
                                                                   tn_tape_variable (tape, variables[1]))
                                               : NULL,
                                  &options);
}

/* No elements at all. */
static void
test_empty (void)
{
  const Case cases[] = {{.scheme = "ternary", .estimator = TN_ESTIMATOR_IDENTITY, .n_units = 1},
                        {.scheme = "ternary", .estimator = TN_ESTIMATOR_CLIPPED, .n_units = 1},
                        {.scheme = "int4", .estimator = TN_ESTIMATOR_TRUST, .n_units = 1},
                        {.scheme = "int4", .estimator = TN_ESTIMATOR_LSQ, .scale = 0.1, .n_units = 1},
                        {.scheme = "ternary:c", .estimator = TN_ESTIMATOR_CLIPPED},
                        {.scheme = "int8:t", .estimator = TN_ESTIMATOR_IDENTITY, .of_activations = TRUE}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint wide = 0; wide < 2; wide++)
      {
        Case c = cases[i];
        Result result;

        c.columns = 8;
        run_case (&c, wide ? TN_DTYPE_F64 : TN_DTYPE_F32, &result);
        if (c.scale != 0.0)
          g_assert_cmpfloat (result.ds[0], ==, 0.0);
        clear_result (&result);
      }
}

/* Smooth: by differences, of elements and of scales. */
static void
test_soft (void)
{
  const Build builds[] = {{"ternary", TN_ESTIMATOR_SOFT, 0.0, 0.3, TRUE},
                          {"ternary", TN_ESTIMATOR_SOFT, 0.4, 0.3, TRUE},
                          {"binary", TN_ESTIMATOR_SOFT, 0.0, 0.8, TRUE},
                          {"int3", TN_ESTIMATOR_SOFT, 0.0, 0.25, TRUE},
                          {"int2:asym", TN_ESTIMATOR_SOFT, 0.0, 0.4, TRUE}};
  const gsize sizes[] = {1, 5, 37};

  for (guint i = 0; i < G_N_ELEMENTS (builds); i++)
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
      {
        const FixtureVariable variables[] = {{"x", TN_SHAPE (3, sizes[k]), 1.0, FALSE}, {"scale", TN_SHAPE (1), 1.0, FALSE}};

        fixture_check_gradients (build, variables, 2, (gpointer) &builds[i], 1e-6);
      }
}

/* As it cools it becomes the rounding, and at 0 it is, with the gradient of clipped. */
static void
test_soft_cools (void)
{
  const char *const schemes[] = {"ternary:c", "binary", "int4:g32", "ternary:twn"};

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      Case c = {.scheme = schemes[i], .estimator = TN_ESTIMATOR_SOFT, .rows = 5, .columns = 64};
      Case hard = {.scheme = schemes[i], .estimator = TN_ESTIMATOR_CLIPPED, .rows = 5, .columns = 64};
      Result results[3], expected;
      double distances[3] = {0.0};

      c.n_units = hard.n_units = count_units (c.scheme, 5, 64);
      run_case (&hard, TN_DTYPE_F32, &expected);
      for (guint k = 0; k < 3; k++)
        {
          c.temperature = k == 0 ? 0.5 : k == 1 ? 0.02 : 0.0;
          run_case (&c, TN_DTYPE_F32, &results[k]);
          for (gsize e = 0; e < 5 * 64; e++)
            distances[k] += fabs (results[k].y[e] - expected.y[e]) / (5 * 64);
        }
      g_assert_cmpfloat (distances[0], >, 4 * distances[1]);
      g_assert_cmpfloat (distances[2], ==, 0.0);
      for (gsize e = 0; e < 5 * 64; e++)
        g_assert_cmpfloat (results[2].dx[e], ==, expected.dx[e]);
      for (guint k = 0; k < 3; k++)
        clear_result (&results[k]);
      clear_result (&expected);
    }
}

/* lambda of the identity: x + lambda sg (Q (x) - x). */
static void
test_lambda (void)
{
  const double lambdas[] = {0.25, 1.0};

  for (guint i = 0; i < G_N_ELEMENTS (lambdas); i++)
    for (guint k = 0; k < 2; k++)
      {
        Case c = {.scheme = k ? "int8:t" : "ternary",
                  .rows = 33,
                  .columns = 640,
                  .of_activations = k == 1,
                  .n_units = k ? 33 : 1};
        Result plain, mixed;

        run_case (&c, TN_DTYPE_F32, &plain);
        c.lambda = lambdas[i];
        run_case (&c, TN_DTYPE_F32, &mixed);
        for (gsize e = 0; e < 33 * 640; e++)
          {
            g_assert_cmpfloat_with_epsilon (mixed.y[e], plain.x[e] + lambdas[i] * (plain.y[e] - plain.x[e]), 1e-8);
            g_assert_cmpfloat (mixed.dx[e], ==, plain.g[e]);
          }
        clear_result (&plain);
        clear_result (&mixed);
      }
}

/* The same bits on one thread and on two, and near float64. Codes differ where float32 rounds differently: a small part. */
static void
test_threads (void)
{
  const char *const schemes[] = {"ternary", "ternary:c", "int4:g32", "int8:asym"};
  const TnEstimator estimators[] = {TN_ESTIMATOR_CLIPPED, TN_ESTIMATOR_TRUST, TN_ESTIMATOR_SOFT, TN_ESTIMATOR_LSQ};
  guint threads = tn_device_get_threads ();

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    for (guint k = 0; k < G_N_ELEMENTS (estimators); k++)
      {
        g_autofree char *scheme = g_strconcat (schemes[i], i == 2 ? ":f32" : "", NULL);
        Case c = {.scheme = scheme, .estimator = estimators[k], .rows = 67, .columns = 992, .temperature = 0.2};
        Result one, two;

        if (i == 3 && estimators[k] == TN_ESTIMATOR_TRUST)
          continue;
        c.temperature = estimators[k] == TN_ESTIMATOR_SOFT ? 0.2 : 0.0;
        c.scale = estimators[k] == TN_ESTIMATOR_LSQ ? 0.05 : 0.0;
        c.n_units = count_units (scheme, c.rows, c.columns);
        tn_device_set_threads (1);
        run_case (&c, TN_DTYPE_F32, &one);
        tn_device_set_threads (2);
        run_case (&c, TN_DTYPE_F32, &two);
        g_assert_cmpmem (one.y, 67 * 992 * sizeof (double), two.y, 67 * 992 * sizeof (double));
        g_assert_cmpmem (one.dx, 67 * 992 * sizeof (double), two.dx, 67 * 992 * sizeof (double));
        g_assert_cmpmem (one.ds, c.n_units * sizeof (double), two.ds, c.n_units * sizeof (double));
        clear_result (&one);
        clear_result (&two);
      }
  tn_device_set_threads (threads);
}

static void
test_errors (void)
{
  const struct
  {
    const char *scheme;
    TnEstimator estimator;
    gboolean of_activations, scaled;
    const char *message;
  } cases[] = {
      {"ternary", TN_ESTIMATOR_LSQ, FALSE, FALSE, "learns its scale"},
      {"ternary", TN_ESTIMATOR_TRUST, FALSE, TRUE, "takes none"},
      {"ternary", TN_ESTIMATOR_IDENTITY, FALSE, TRUE, "no gradient for a scale"},
      {"ternary", TN_ESTIMATOR_LSQ_PLUS, FALSE, TRUE, "learns an offset"},
      {"int4:c", TN_ESTIMATOR_IDENTITY, TRUE, FALSE, "cannot leave the product"},
      {"int8:t", TN_ESTIMATOR_IDENTITY, FALSE, FALSE, "no tokens"},
      {"int4:c", TN_ESTIMATOR_SEQ, FALSE, TRUE, "expected lsq"},
      {"int4:asym", TN_ESTIMATOR_TRUST, FALSE, FALSE, "symmetrically"},
      {"int4:g5", TN_ESTIMATOR_IDENTITY, FALSE, FALSE, "groups of 5"},
      {"int4:mse", TN_ESTIMATOR_IDENTITY, FALSE, FALSE, "searched at every step"},
      {"ternary:c", TN_ESTIMATOR_LSQ, FALSE, TRUE, "scale is [1], expected [3]"},
      {"int4:g4", TN_ESTIMATOR_LSQ, FALSE, TRUE, "expected :f32"},
  };
  TnEstimator estimator;
  g_autoptr (GError) unknown = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (3, 8), 1.0);
      g_autoptr (TnVariable) scale = fixture_variable ("scale", TN_DTYPE_F32, &TN_SHAPE (1), 1.0);
      g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
      g_autoptr (GError) error = NULL;
      TnQuantizeOptions options = {.estimator = cases[i].estimator};
      TnValue *input = tn_tape_variable (tape, x), *s = cases[i].scaled ? tn_tape_variable (tape, scale) : NULL;

      g_assert_true (tn_scheme_parse (cases[i].scheme, &options.scheme, NULL));
      g_assert_null (cases[i].of_activations ? tn_tape_quantize_activation (tape, input, s, &options)
                                             : tn_tape_quantize_weight (tape, input, s, &options));
      g_assert_false (tn_tape_plan (tape, NULL, &error));
      if (strstr (error->message, cases[i].message) == NULL)
        g_error ("%s: expected “%s”", error->message, cases[i].message);
    }
  for (guint i = 0; i < TN_N_ESTIMATORS; i++)
    {
      g_assert_true (tn_estimator_parse (tn_estimator_get_name ((TnEstimator) i), &estimator, NULL));
      g_assert_cmpint (estimator, ==, i);
    }
  g_assert_false (tn_estimator_parse ("ste", &estimator, &unknown));
  g_assert_error (unknown, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (unknown->message, "lsq+"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quantize-function/found", test_found);
  g_test_add_func ("/quantize-function/bitnet", test_bitnet);
  g_test_add_func ("/quantize-function/learned", test_learned);
  g_test_add_func ("/quantize-function/trust", test_trust);
  g_test_add_func ("/quantize-function/empty", test_empty);
  g_test_add_func ("/quantize-function/soft", test_soft);
  g_test_add_func ("/quantize-function/soft-cools", test_soft_cools);
  g_test_add_func ("/quantize-function/lambda", test_lambda);
  g_test_add_func ("/quantize-function/threads", test_threads);
  g_test_add_func ("/quantize-function/errors", test_errors);
  return g_test_run ();
}
