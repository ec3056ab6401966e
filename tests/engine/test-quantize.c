/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/metrics/tensor-summary.h"
#include "engine/quant/quantize.h"
#include "engine/quant/rounding.h"
#include "engine/random.h"
#include "engine/tensor/lanes.h"
#include "stories260k.h"

#define ALL_SCHEMES                                                                                                              \
  "ternary,ternary:ls,ternary:absmedian,ternary:twn,ternary:c,ternary:ls:c,ternary:absmedian:c,ternary:twn:g4,binary,"           \
  "binary:c,int2,int3,int4,int8,int4:c,int8:t,int4:g4,int4:g4:asym,int2:asym,int8:asym,int3:c:asym,ternary:absmedian:g4,"        \
  "ternary:lloyd,ternary:lloyd:c,ternary:lloyd:g4,int5,int6:c,int7:asym,int4:g4:f32,ternary:g4:f32,ternary:f16,ternary:lloyd:"   \
  "f16,"                                                                                                                         \
  "ternary:absmedian:c:f16,binary:g4,binary:f16,ternary:twn:c:f16,ternary:ls:f16,int8:f16,int8:c:asym:f16,int3:g4:asym"

static TnScheme
parse (const char *name)
{
  TnScheme scheme;

  g_assert_true (tn_scheme_parse (name, &scheme, NULL));
  return scheme;
}

static TnTensor *
wrap (const float *x, guint64 rows, guint64 columns)
{
  const guint64 shape[] = {rows, columns};

  return tn_tensor_new_mapped (TN_DTYPE_F32, 2, shape, x, rows * columns * sizeof (float), NULL, NULL, NULL);
}

static float *
make_normal (guint64 n, double center)
{
  TnRandom random = tn_random_stream (11, "weights");
  float *x = g_new (float, n);

  for (guint64 i = 0; i < n; i++)
    x[i] = (float) (center + tn_random_normal (&random));
  return x;
}

static int
compare_floats (gconstpointer a, gconstpointer b)
{
  float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

static double
slow_absmedian (const float *w, guint64 n)
{
  g_autofree float *sorted = g_new (float, n + 1);
  guint64 finite = 0;

  for (guint64 i = 0; i < n; i++)
    if (isfinite (w[i]))
      sorted[finite++] = fabsf (w[i]);
  qsort (sorted, finite, sizeof *sorted, compare_floats);
  return finite > 0 ? (double) sorted[(finite - 1) / 2] : 0.0;
}

/* Of all prefixes of the sorted magnitudes the one whose mean leaves the least error. */
static double
slow_lloyd_max (const float *w, guint64 n)
{
  g_autofree float *sorted = g_new (float, n + 1);
  long double sum = 0.0L, best = 0.0L;
  double level = 0.0;
  guint64 finite = 0;

  for (guint64 i = 0; i < n; i++)
    if (isfinite (w[i]))
      sorted[finite++] = fabsf (w[i]);
  qsort (sorted, finite, sizeof *sorted, compare_floats);
  for (guint64 k = 1; k <= finite; k++)
    {
      sum += (long double) sorted[finite - k];
      if (sum * sum / k > best)
        {
          best = sum * sum / k;
          level = (double) (sum / k);
        }
    }
  return level;
}

/* The scale as it is stored. */
static float
slow_scale (const TnScheme *scheme, double scale)
{
  if (tn_scheme_get_scale_type (scheme) == TN_SCALE_F32)
    return (float) scale;
  return MIN (tn_f16_to_f32 (tn_f32_to_f16 ((float) scale)), 65504.0f);
}

/* The formulas of the header, one element after the other. */
static void
slow_unit (const TnScheme *scheme, const float *w, guint64 n, float *out)
{
  double sum = 0.0, max = 0.0, low = 0.0, high = 0.0, level, chosen = 0.0;
  guint64 finite = 0, n_chosen = 0;
  float threshold, stored;

  for (guint64 i = 0; i < n; i++)
    if (isfinite (w[i]))
      {
        finite++;
        sum += fabs ((double) w[i]);
        max = MAX (max, fabs ((double) w[i]));
        low = MIN (low, (double) w[i]);
        high = MAX (high, (double) w[i]);
      }
  sum /= (double) MAX (finite, 1);
  memcpy (out, w, n * sizeof (float));
  if (scheme->kind == TN_SCHEME_INTEGER)
    {
      gint codes = scheme->asymmetric ? (1 << scheme->bits) - 1 : (1 << (scheme->bits - 1)) - 1;
      float s = slow_scale (scheme, scheme->asymmetric ? (high - low) / codes : (double) ((float) max / (float) codes));
      float zero = scheme->asymmetric && s > 0.0f ? (float) MIN (nearbyint (-low / (double) s), codes) : 0.0f;
      float first = scheme->asymmetric ? -zero : (float) -codes;
      float last = scheme->asymmetric ? (float) codes - zero : (float) codes;

      for (guint64 i = 0; i < n; i++)
        if (isfinite (w[i]))
          out[i] = s > 0.0f ? s * CLAMP (nearbyintf (w[i] / s), first, last) : 0.0f;
      return;
    }
  if (scheme->kind == TN_SCHEME_BINARY)
    {
      for (guint64 i = 0; i < n; i++)
        if (isfinite (w[i]))
          out[i] = w[i] >= 0.0f ? slow_scale (scheme, sum) : -slow_scale (scheme, sum);
      return;
    }
  if (scheme->rule == TN_RULE_LLOYD)
    {
      float gamma = slow_scale (scheme, slow_lloyd_max (w, n));

      for (guint64 i = 0; i < n; i++)
        if (isfinite (w[i]))
          out[i] = gamma > 0.0f && fabsf (w[i]) > gamma * 0.5f ? (w[i] < 0.0f ? -gamma : gamma) : 0.0f;
      return;
    }
  level = scheme->rule == TN_RULE_ABSMEDIAN ? slow_absmedian (w, n) : sum;
  level = MAX (level, 1e-5);
  if (scheme->rule == TN_RULE_DEFAULT || scheme->rule == TN_RULE_ABSMEDIAN)
    {
      float gamma = slow_scale (scheme, level);

      for (guint64 i = 0; i < n; i++)
        if (isfinite (w[i]))
          out[i] = gamma * CLAMP (nearbyintf (w[i] / gamma), -1.0f, 1.0f);
      return;
    }
  threshold = scheme->rule == TN_RULE_TWN ? (float) (0.7 * sum) : (float) level / 2.0f;
  for (guint64 i = 0; i < n; i++)
    if (isfinite (w[i]) && fabsf (w[i]) > threshold)
      {
        chosen += fabs ((double) w[i]);
        n_chosen++;
      }
  stored = slow_scale (scheme, chosen / (double) MAX (n_chosen, 1));
  for (guint64 i = 0; i < n; i++)
    if (isfinite (w[i]))
      out[i] = stored > 0.0f && fabsf (w[i]) > threshold ? (w[i] < 0.0f ? -stored : stored) : 0.0f;
}

static void
slow_quantize (const TnScheme *scheme, const float *w, guint64 rows, guint64 columns, float *out)
{
  guint64 unit = scheme->granularity == TN_PER_TENSOR  ? rows * columns
                 : scheme->granularity == TN_PER_GROUP ? scheme->group_size
                                                       : columns;

  for (guint64 first = 0; first < rows * columns; first += unit)
    slow_unit (scheme, w + first, unit, out + first);
}

/* Whether a scale of the scheme cannot be stored: ends of the range are enough to know, for what is tested has them everywhere.
 */
static gboolean
scales_overflow (const TnScheme *scheme, const float *w, guint64 n)
{
  TnScheme exact = *scheme;
  guint64 unit = scheme->granularity == TN_PER_GROUP ? scheme->group_size : n;
  gboolean overflow = FALSE;

  exact.scale_type = TN_SCALE_F32;
  for (guint64 first = 0; first < n && tn_scheme_get_scale_type (scheme) == TN_SCALE_F16; first += unit)
    overflow |= tn_rounding_find (&exact, w + first, unit).scale >= 65520.0f;
  return overflow;
}

static TnQuantError
slow_error (const float *w, const float *out, guint64 n)
{
  double square = 0.0, error = 0.0, product = 0.0, rounded = 0.0;
  guint64 finite = 0, zeros = 0;

  for (guint64 i = 0; i < n; i++)
    if (isfinite (w[i]))
      {
        double x = (double) w[i], y = (double) out[i];

        finite++;
        zeros += y == 0.0;
        square += x * x;
        rounded += y * y;
        product += x * y;
        error += (x - y) * (x - y);
      }
  return (TnQuantError){.mse = error / (double) MAX (finite, 1),
                        .sqnr_db = error > 0.0 ? 10.0 * log10 (square / error) : (double) INFINITY,
                        .cosine = product / sqrt (square * rounded),
                        .zero_fraction = (double) zeros / (double) MAX (finite, 1)};
}

static void
assert_near (double value, double expected, double tolerance)
{
  if (isnan (expected) || isinf (expected))
    g_assert_true (isnan (expected) ? isnan (value) : value == expected);
  else
    g_assert_cmpfloat (fabs (value - expected), <=, tolerance * MAX (1.0, fabs (expected)));
}

/* A last bit of the scale may differ between two orders of summation; a code may not. */
static void
assert_values_near (const float *a, const float *b, guint64 n)
{
  for (guint64 i = 0; i < n; i++)
    if (isnan (b[i]) || isinf (b[i]))
      g_assert_cmpmem (&a[i], sizeof *a, &b[i], sizeof *b);
    else
      g_assert_cmpfloat (fabsf (a[i] - b[i]), <=, 3e-7f * fabsf (b[i]));
}

static void
check_matrix (const float *w, guint64 rows, guint64 columns)
{
  guint64 n = rows * columns;
  g_autoptr (TnTensor) tensor = wrap (w, rows, columns);
  g_autofree float *slow = g_new (float, n + 1);
  g_autofree float *out = g_new (float, n + 1);
  g_autoptr (GArray) all = tn_scheme_parse_list (ALL_SCHEMES, NULL);
  g_autoptr (GArray) schemes = g_array_new (FALSE, FALSE, sizeof (TnScheme));
  g_autofree TnQuantError *errors = NULL;
  g_autofree TnQuantError *again = NULL;
  TnTensorSummary summary;

  for (guint i = 0; i < all->len; i++)
    if (tn_scheme_check (&g_array_index (all, TnScheme, i), rows, columns, NULL))
      g_array_append_val (schemes, g_array_index (all, TnScheme, i));
  errors = g_new0 (TnQuantError, schemes->len);
  again = g_new0 (TnQuantError, schemes->len);
  g_assert_true (tn_quantize_errors (tensor, (const TnScheme *) (const void *) schemes->data, schemes->len, errors, NULL));
  g_assert_true (tn_tensor_summarize (tensor, &summary, NULL, NULL, NULL));
  g_assert_true (tn_quantize_errors_with (tensor, &summary.moments, (const TnScheme *) (const void *) schemes->data, schemes->len,
                                          again, NULL, NULL));
  g_assert_cmpmem (again, schemes->len * sizeof *again, errors, schemes->len * sizeof *errors);

  for (guint i = 0; i < schemes->len; i++)
    {
      const TnScheme *scheme = &g_array_index (schemes, TnScheme, i);
      g_autofree char *name = tn_scheme_to_string (scheme);
      g_autoptr (TnTensor) rounded = NULL;
      TnQuantError expected;

      g_test_message ("%" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT " %s", rows, columns, name);
      slow_quantize (scheme, w, rows, columns, slow);
      expected = slow_error (w, slow, n);
      if (scales_overflow (scheme, w, n))
        {
          g_autoptr (GError) error = NULL;

          g_assert_false (tn_quantize_values (scheme, w, rows, columns, out, &error));
          g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
          g_assert_null (tn_quantize_tensor (tensor, scheme, NULL));
        }
      else
        {
          g_assert_true (tn_quantize_values (scheme, w, rows, columns, out, NULL));
          assert_values_near (out, slow, n);
          rounded = tn_quantize_tensor (tensor, scheme, NULL);
          g_assert_nonnull (rounded);
          g_assert_cmpmem (rounded->data, n * sizeof (float), out, n * sizeof (float));
        }
      g_assert_cmpfloat (errors[i].bits, ==, tn_scheme_bits (scheme, rows, columns));
      assert_near (errors[i].mse, expected.mse, 1e-6);
      assert_near (errors[i].sqnr_db, expected.sqnr_db, 1e-5);
      assert_near (errors[i].cosine, expected.cosine, 1e-7);
      /* Binary codes never stand for 0, even where their level is 0. */
      assert_near (errors[i].zero_fraction, scheme->kind == TN_SCHEME_BINARY ? 0.0 : expected.zero_fraction, 1e-12);
    }
}

static void
test_against_formulas (void)
{
  const struct
  {
    guint64 rows, columns;
  } shapes[] = {{1, 1}, {1, 7}, {3, 4}, {5, 31}, {64, 172}, {13, 1000}, {257, 512}, {1, 70000}, {1, 262148}, {2, 262147}};

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      g_autofree float *w = make_normal (shapes[i].rows * shapes[i].columns, i % 2 == 0 ? 0.0 : 0.4);

      check_matrix (w, shapes[i].rows, shapes[i].columns);
    }
}

static void
test_odd_contents (void)
{
  g_autofree float *w = make_normal (64 * 8, 0.0);
  const float nothing[8] = {0};
  const float lost[4] = {NAN, INFINITY, NAN, -INFINITY};

  check_matrix (nothing, 2, 4);
  check_matrix (lost, 1, 4);
  for (guint i = 0; i < 64 * 8; i += 5)
    w[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
  check_matrix (w, 64, 8);
  for (guint i = 0; i < 64 * 8; i++)
    w[i] = isfinite (w[i]) ? w[i] * 1e-30f : 0.0f;
  check_matrix (w, 64, 8);
  for (guint i = 0; i < 64 * 8; i++)
    w[i] = w[i] * 1e-14f; /* subnormal: scales have few bits left */
  check_matrix (w, 64, 8);
  for (guint i = 0; i < 64 * 8; i++)
    w[i] = i % 2 == 0 ? 3e38f : -3e38f;
  check_matrix (w, 64, 8);
}

/* Halves round to even: w / s = 0.5 gives 0, 1.5 gives 2. */
static void
test_ties (void)
{
  const float w[] = {7.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 6.5f};
  const float expected[] = {7.0f, 0.0f, 2.0f, 2.0f, 0.0f, -2.0f, -2.0f, 6.0f};
  const float t[] = {1.0f, -0.5f, 0.5f, 2.0f}; /* gamma = 1 */
  TnScheme scheme = parse ("int4");
  TnScheme ternary = parse ("ternary");
  float out[8];

  g_assert_true (tn_quantize_values (&scheme, w, 1, 8, out, NULL));
  for (guint i = 0; i < 8; i++)
    g_assert_cmpfloat (out[i], ==, expected[i]);
  g_assert_true (tn_quantize_values (&ternary, t, 1, 4, out, NULL));
  g_assert_cmpfloat (out[0], ==, 1.0f);
  g_assert_cmpfloat (out[1], ==, 0.0f);
  g_assert_cmpfloat (out[2], ==, 0.0f);
  g_assert_cmpfloat (out[3], ==, 1.0f);
}

/* Weights that are ternary already: the least-squares level finds them exactly. */
static void
test_exact (void)
{
  float w[1024] = {0};
  g_autoptr (TnTensor) tensor = wrap (w, 16, 64);
  const TnScheme schemes[] = {parse ("ternary:ls"),           parse ("ternary:twn:c"), parse ("int2"),
                              parse ("ternary:ls:g32:f32"),   parse ("ternary:lloyd"), parse ("ternary:lloyd:c"),
                              parse ("ternary:lloyd:g32:f32")};
  TnQuantError errors[G_N_ELEMENTS (schemes)];

  for (guint i = 0; i < 1024; i++)
    w[i] = (float) ((i * 7 + i / 5) % 3) * 0.37f - 0.37f;
  for (guint i = 0; i < 1024; i++)
    w[i] = w[i] > 0.1f ? 0.37f : w[i] < -0.1f ? -0.37f : 0.0f;
  g_assert_true (tn_quantize_errors (tensor, schemes, G_N_ELEMENTS (schemes), errors, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      g_assert_cmpfloat (errors[i].mse, ==, 0.0);
      g_assert_true (isinf (errors[i].sqnr_db) && errors[i].sqnr_db > 0.0);
      g_assert_cmpfloat_with_epsilon (errors[i].cosine, 1.0, 1e-12);
    }
}

/* A unit Gaussian, by numerical integration. */
static void
test_gaussian (void)
{
  const struct
  {
    const char *name;
    double mse, sqnr_db, zeros;
  } anchors[] = {
      {"ternary", 0.2634, 5.79, 0.310},
      {"ternary:ls", 0.2130, 6.72, 0.310},
      {"ternary:absmedian", 0.3180, 4.98, 0.264},
      {"ternary:twn", 0.1916, 7.18, 0.4235},
      {"ternary:lloyd", 0.1902, 7.21, 0.4595},
      {"binary", 0.3634, 4.40, 0.0},
      {"ternary:lloyd:f16", 0.1902, 7.21, 0.4595},
      {"ternary:lloyd:c", 0.1902, 7.21, 0.4595},
  };
  const guint64 rows = 4096, columns = 1024;
  g_autofree float *w = make_normal (rows * columns, 0.0);
  g_autoptr (TnTensor) tensor = wrap (w, rows, columns);

  for (guint i = 0; i < G_N_ELEMENTS (anchors); i++)
    {
      TnScheme scheme = parse (anchors[i].name);
      TnQuantError error;

      g_assert_true (tn_quantize_errors (tensor, &scheme, 1, &error, NULL));
      g_test_message ("%s: %.4f dB, zeros %.4f", anchors[i].name, error.sqnr_db, error.zero_fraction);
      g_assert_cmpfloat_with_epsilon (error.sqnr_db, anchors[i].sqnr_db, 0.02);
      g_assert_cmpfloat_with_epsilon (error.mse, anchors[i].mse, 0.01 * anchors[i].mse);
      g_assert_cmpfloat_with_epsilon (error.zero_fraction, anchors[i].zeros, 0.002);
    }
}

/* Rounding to steps that are small against the deviation leaves a twelfth of their square, however the scale is shared. */
static void
test_gaussian_steps (void)
{
  const char *const names[] = {"int5", "int6", "int7", "int8", "int8:asym", "int7:asym", "int8:f16", "int6:f16"};
  const guint64 rows = 4096, columns = 1024;
  g_autofree float *w = make_normal (rows * columns, 0.0);
  g_autoptr (TnTensor) tensor = wrap (w, rows, columns);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      TnScheme scheme = parse (names[i]);
      double step = (double) tn_rounding_find (&scheme, w, rows * columns).scale;
      TnQuantError error;

      g_assert_true (tn_quantize_errors (tensor, &scheme, 1, &error, NULL));
      g_test_message ("%s: step %g, %.4f dB", names[i], step, error.sqnr_db);
      g_assert_cmpfloat_with_epsilon (error.mse, step * step / 12.0, 0.01 * step * step / 12.0);
    }
}

/* The largest floats become large ones, not infinite; only asymmetric codes may lie a half of a step outside of the range. */
static void
test_largest_floats (void)
{
  const float w[] = {FLT_MAX, -FLT_MAX, 1.0f, -0.75f * FLT_MAX, 0.0f, 0.5f * FLT_MAX, FLT_MIN, -FLT_MIN};
  g_autoptr (GArray) schemes = tn_scheme_parse_list (ALL_SCHEMES, NULL);
  const char *const searched[] = {"int2:mse", "int8:mse", "int4:aciq", "int4:kl", "ternary:mse", "ternary:octav"};

  for (guint i = 0; i < G_N_ELEMENTS (searched); i++)
    g_array_append_vals (schemes, &(TnScheme[1]){parse (searched[i])}, 1);
  for (guint i = 0; i < schemes->len; i++)
    {
      const TnScheme *scheme = &g_array_index (schemes, TnScheme, i);
      g_autofree char *name = tn_scheme_to_string (scheme);
      float out[8];

      g_test_message ("%s", name);
      if (scheme->asymmetric)
        continue;
      /* Scales in 16 bits are refused. */
      if (tn_quantize_values (scheme, w, 1, 8, out, NULL))
        for (guint k = 0; k < 8; k++)
          g_assert_true (isfinite (out[k]));
      else
        g_assert_cmpint (tn_scheme_get_scale_type (scheme), ==, TN_SCALE_F16);
    }
}

/* Rounding what is rounded changes no code; levels that the rule finds again, no value. */
static void
test_again (void)
{
  const char *const exact[] = {"ternary:ls", "ternary:ls:c:f16", "ternary:twn:c",    "ternary:lloyd",   "int4:g4", "int8:c:f16",
                               "int3:f16",   "binary:c:f16",     "ternary:lloyd:g4", "ternary:twn:f16", "binary"};
  const guint64 rows = 67, columns = 172, n = rows * columns;
  g_autofree float *w = make_normal (n, 0.02);
  g_autofree float *once = g_new (float, n);
  g_autofree float *twice = g_new (float, n);
  g_autoptr (GArray) all = tn_scheme_parse_list (ALL_SCHEMES, NULL);

  for (guint i = 0; i < all->len; i++)
    {
      const TnScheme *scheme = &g_array_index (all, TnScheme, i);
      g_autofree char *name = tn_scheme_to_string (scheme);
      guint64 unit = scheme->granularity == TN_PER_TENSOR  ? n
                     : scheme->granularity == TN_PER_GROUP ? scheme->group_size
                                                           : columns;

      g_test_message ("%s", name);
      g_assert_true (tn_quantize_values (scheme, w, rows, columns, once, NULL));
      g_assert_true (tn_quantize_values (scheme, once, rows, columns, twice, NULL));
      for (guint64 j = 0; j < n; j++)
        if (scheme->kind != TN_SCHEME_INTEGER)
          g_assert_true (!signbit (once[j]) == !signbit (twice[j]) && (once[j] == 0.0f) == (twice[j] == 0.0f));
        else if (scheme->asymmetric) /* the range may have lost a code at an end */
          g_assert_cmpfloat (fabsf (twice[j] - once[j]), <=, 0.51f * tn_rounding_find (scheme, w + j / unit * unit, unit).scale);
        else
          g_assert_cmpfloat (fabsf (twice[j] - once[j]), <=, 2.4e-7f * fabsf (once[j]));
    }
  for (guint i = 0; i < G_N_ELEMENTS (exact); i++)
    {
      TnScheme scheme = parse (exact[i]);

      g_assert_true (tn_quantize_values (&scheme, w, rows, columns, once, NULL));
      g_assert_true (tn_quantize_values (&scheme, once, rows, columns, twice, NULL));
      g_assert_cmpmem (twice, n * sizeof (float), once, n * sizeof (float));
    }
}

/* Neither the number of threads nor the instructions change a bit. */
static void
test_reproducible (void)
{
  const guint64 rows = 1031, columns = 1028;
  g_autofree float *w = make_normal (rows * columns, 0.1);
  g_autoptr (TnTensor) tensor = wrap (w, rows, columns);
  g_autoptr (GArray) schemes = tn_scheme_parse_list (ALL_SCHEMES, NULL);
  g_autofree TnQuantError *first = g_new0 (TnQuantError, schemes->len);
  g_autofree TnQuantError *again = g_new0 (TnQuantError, schemes->len);
  const TnScheme *list = (const TnScheme *) (const void *) schemes->data;
  gint threads = omp_get_max_threads ();

  omp_set_num_threads (1);
  g_assert_true (tn_quantize_errors (tensor, list, schemes->len, first, NULL));
  omp_set_num_threads (3);
  g_assert_true (tn_quantize_errors (tensor, list, schemes->len, again, NULL));
  g_assert_cmpmem (again, schemes->len * sizeof *again, first, schemes->len * sizeof *first);
  tn_lanes_set_portable (TRUE);
  g_assert_true (tn_quantize_errors (tensor, list, schemes->len, again, NULL));
  tn_lanes_set_portable (FALSE);
  g_assert_cmpmem (again, schemes->len * sizeof *again, first, schemes->len * sizeof *first);
  omp_set_num_threads (threads);
}

/* Halves, and a form with blocks that no row boundary respects. */
static void
test_other_dtypes (void)
{
  const guint64 rows = 37, columns = 48, shape[] = {37, 48};
  g_autofree guint16 *halves = g_new (guint16, rows * columns);
  g_autofree float *w = make_normal (rows * columns, 0.0);
  g_autofree guint8 *blocks = g_new0 (guint8, 56 * 34);
  g_autoptr (TnTensor) half = tn_tensor_new_mapped (TN_DTYPE_F16, 2, shape, halves, rows * columns * 2, NULL, NULL, NULL);
  const guint64 block_shape[] = {2, 896};
  g_autoptr (TnTensor) q8 = tn_tensor_new_mapped (TN_DTYPE_Q8_0, 2, block_shape, blocks, 56 * 34, NULL, NULL, NULL);
  const TnScheme schemes[] = {parse ("ternary"), parse ("int4:g16"), parse ("int8:c")};
  TnQuantError errors[3], expected[3];

  for (guint64 i = 0; i < rows * columns; i++)
    {
      halves[i] = tn_f32_to_f16 (w[i]);
      w[i] = tn_f16_to_f32 (halves[i]);
    }
  g_autoptr (TnTensor) single = wrap (w, rows, columns);

  g_assert_true (tn_quantize_errors (half, schemes, 3, errors, NULL));
  g_assert_true (tn_quantize_errors (single, schemes, 3, expected, NULL));
  g_assert_cmpmem (errors, sizeof errors, expected, sizeof expected);
  for (guint i = 0; i < 56 * 34; i++)
    blocks[i] = i % 34 == 0 ? 0 : i % 34 == 1 ? 0x3c : (guint8) (i * 37);
  g_assert_true (tn_quantize_errors (q8, schemes, 3, errors, NULL));
  g_assert_cmpfloat (errors[2].sqnr_db, >, 30.0);
}

static void
test_refusals (void)
{
  const float w[6] = {1, 2, 3, 4, 5, 6};
  const guint64 n = 6;
  g_autoptr (TnTensor) tensor = wrap (w, 1, 6);
  g_autoptr (TnTensor) opaque = tn_tensor_new_mapped (TN_DTYPE_OPAQUE, 1, &n, w, sizeof w, NULL, NULL, NULL);
  g_autoptr (TnTensor) empty = wrap (w, 0, 6);
  TnScheme scheme = parse ("int4:g4");
  TnScheme ternary = parse ("ternary");
  TnQuantError error = {.bits = -1.0};
  g_autoptr (GError) failure = NULL;
  float out[6];

  g_assert_false (tn_quantize_values (&scheme, w, 1, 6, out, &failure));
  g_assert_error (failure, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&failure);
  g_assert_false (tn_quantize_errors (tensor, &scheme, 1, &error, &failure));
  g_assert_error (failure, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&failure);
  g_assert_null (tn_quantize_tensor (tensor, &scheme, &failure));
  g_assert_error (failure, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&failure);
  g_assert_false (tn_quantize_errors (opaque, &ternary, 1, &error, &failure));
  g_assert_error (failure, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_assert_cmpfloat (error.bits, ==, -1.0);
  g_assert_true (tn_quantize_errors (empty, &ternary, 1, &error, NULL));
  g_assert_cmpfloat (error.mse, ==, 0.0);
}

static void
compare_errors (const char *name, const TnTensor *tensor, JsonObject *expected, gpointer user_data)
{
  const TnScheme schemes[] = {parse ("ternary"), parse ("int8")};
  guint *seen = user_data;
  TnQuantError errors[2];

  g_test_message ("%s", name);
  g_assert_true (tn_quantize_errors (tensor, schemes, 2, errors, NULL));
  g_assert_cmpfloat_with_epsilon (errors[0].sqnr_db, json_object_get_double_member (expected, "ternary_sqnr_db"), 0.01);
  g_assert_cmpfloat_with_epsilon (errors[0].cosine, json_object_get_double_member (expected, "ternary_cosine"), 1e-5);
  g_assert_cmpfloat_with_epsilon (errors[0].zero_fraction, json_object_get_double_member (expected, "ternary_zero_fraction"),
                                  2.0 / (double) tensor->count);
  g_assert_cmpfloat_with_epsilon (errors[0].mse / json_object_get_double_member (expected, "ternary_mse"), 1.0, 1e-4);
  g_assert_cmpfloat_with_epsilon (errors[1].sqnr_db, json_object_get_double_member (expected, "int8_absmax_sqnr_db"), 0.01);
  (*seen)++;
}

static void
test_real_weights (void)
{
  guint seen = 0;
  guint expected = stories_foreach (compare_errors, &seen);

  g_assert_cmpuint (seen, ==, expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quantize/against-formulas", test_against_formulas);
  g_test_add_func ("/quantize/odd-contents", test_odd_contents);
  g_test_add_func ("/quantize/ties", test_ties);
  g_test_add_func ("/quantize/exact", test_exact);
  g_test_add_func ("/quantize/gaussian", test_gaussian);
  g_test_add_func ("/quantize/gaussian-steps", test_gaussian_steps);
  g_test_add_func ("/quantize/largest-floats", test_largest_floats);
  g_test_add_func ("/quantize/again", test_again);
  g_test_add_func ("/quantize/reproducible", test_reproducible);
  g_test_add_func ("/quantize/other-dtypes", test_other_dtypes);
  g_test_add_func ("/quantize/refusals", test_refusals);
  g_test_add_func ("/quantize/real-weights", test_real_weights);
  return g_test_run ();
}
