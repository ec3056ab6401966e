/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/quant/quant-params.h"
#include "engine/quant/scheme.h"

static void
test_names (void)
{
  const struct
  {
    const char *name;
    const char *canonical;
    TnScheme scheme;
  } cases[] = {
      {"ternary", "ternary", {.kind = TN_SCHEME_TERNARY}},
      {"ternary:absmean", "ternary", {.kind = TN_SCHEME_TERNARY}},
      {"ternary:ls", "ternary:ls", {.kind = TN_SCHEME_TERNARY, .rule = TN_RULE_LEAST_SQUARES}},
      {"ternary:c:twn", "ternary:twn:c", {.kind = TN_SCHEME_TERNARY, .rule = TN_RULE_TWN, .granularity = TN_PER_CHANNEL}},
      {"ternary:absmedian:g128",
       "ternary:absmedian:g128",
       {.kind = TN_SCHEME_TERNARY, .rule = TN_RULE_ABSMEDIAN, .granularity = TN_PER_GROUP, .group_size = 128}},
      {"binary:c", "binary:c", {.kind = TN_SCHEME_BINARY, .granularity = TN_PER_CHANNEL}},
      {"int2", "int2", {.kind = TN_SCHEME_INTEGER, .bits = 2}},
      {"int8:t", "int8:t", {.kind = TN_SCHEME_INTEGER, .bits = 8, .granularity = TN_PER_TOKEN}},
      {"ternary:lloyd:c", "ternary:lloyd:c", {.kind = TN_SCHEME_TERNARY, .rule = TN_RULE_LLOYD, .granularity = TN_PER_CHANNEL}},
      {"int8:f16", "int8:f16", {.kind = TN_SCHEME_INTEGER, .bits = 8, .scale_type = TN_SCALE_F16}},
      {"int8:f32:c", "int8:c", {.kind = TN_SCHEME_INTEGER, .bits = 8, .granularity = TN_PER_CHANNEL}},
      {"int4:f16:g32", "int4:g32", {.kind = TN_SCHEME_INTEGER, .bits = 4, .granularity = TN_PER_GROUP, .group_size = 32}},
      {"binary:f32:g8",
       "binary:g8:f32",
       {.kind = TN_SCHEME_BINARY, .granularity = TN_PER_GROUP, .group_size = 8, .scale_type = TN_SCALE_F32}},
      {"int4:asym:g32",
       "int4:g32:asym",
       {.kind = TN_SCHEME_INTEGER, .bits = 4, .asymmetric = TRUE, .granularity = TN_PER_GROUP, .group_size = 32}},
      {"int4:mse:g32:asym",
       "int4:g32:asym:mse",
       {.kind = TN_SCHEME_INTEGER,
        .bits = 4,
        .asymmetric = TRUE,
        .granularity = TN_PER_GROUP,
        .group_size = 32,
        .method = TN_METHOD_MSE}},
      {"int8:p99.9", "int8:p99.9", {.kind = TN_SCHEME_INTEGER, .bits = 8, .method = TN_METHOD_PERCENTILE, .percentile = 99.9}},
      {"int8:p99.99:c",
       "int8:c:percentile",
       {.kind = TN_SCHEME_INTEGER, .bits = 8, .granularity = TN_PER_CHANNEL, .method = TN_METHOD_PERCENTILE}},
      {"int3:mse2.4", "int3:mse2.4", {.kind = TN_SCHEME_INTEGER, .bits = 3, .method = TN_METHOD_MSE24}},
      {"int8:minmax", "int8", {.kind = TN_SCHEME_INTEGER, .bits = 8}},
      {"ternary:c:kl", "ternary:c:kl", {.kind = TN_SCHEME_TERNARY, .granularity = TN_PER_CHANNEL, .method = TN_METHOD_KL}},
      {"int4:auto-kl",
       "int4:auto-kl",
       {.kind = TN_SCHEME_INTEGER, .bits = 4, .method = TN_METHOD_AUTO, .objective = TN_OBJECTIVE_KL}},
      {"int4:auto-mse", "int4:auto", {.kind = TN_SCHEME_INTEGER, .bits = 4, .method = TN_METHOD_AUTO}},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *name = NULL;
      TnScheme scheme, again;

      g_assert_true (tn_scheme_parse (cases[i].name, &scheme, &error));
      g_assert_no_error (error);
      g_assert_true (tn_scheme_equal (&scheme, &cases[i].scheme));
      g_assert_cmpint (scheme.scale_type, ==, cases[i].scheme.scale_type);
      name = tn_scheme_to_string (&scheme);
      g_assert_cmpstr (name, ==, cases[i].canonical);
      g_assert_true (tn_scheme_parse (name, &again, NULL));
      g_assert_true (tn_scheme_equal (&again, &scheme));
      g_assert_cmpint (again.scale_type, ==, scheme.scale_type);
    }
}

static void
test_bad_names (void)
{
  const char *const names[] = {"",
                               "int8:ema",
                               "int8:output",
                               "int8:auto-output",
                               "int8:p0",
                               "int8:p101",
                               "int8:p99.9x",
                               "int8:mse:kl",
                               "ternary:ls:mse",
                               "binary:mse",
                               "int",
                               "int1",
                               "int9",
                               "int44",
                               "INT8",
                               "ternary:",
                               "ternary:x",
                               "int4:g",
                               "int4:g0",
                               "int4:g-1",
                               "int4:g+8",
                               "int4:g 8",
                               "int4:g4294967296",
                               "int4:ls",
                               "ternary:asym",
                               "binary:ls",
                               "int4:c:g32",
                               "int4:t:c",
                               "ternary:ls:ls",
                               "int4:asym:asym",
                               "ternary:ls:twn",
                               "ternary:ls:lloyd",
                               "int8:lloyd",
                               "int8:f16:f16",
                               "int8:f32:f16",
                               "int8:f8",
                               "int4:g32x",
                               "ternary int8",
                               ":c"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      TnScheme scheme = {.bits = 77};

      g_assert_false (tn_scheme_parse (names[i], &scheme, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_assert_null (strchr (error->message, '\n'));
      g_assert_cmpuint (scheme.bits, ==, 77);
    }
}

static void
test_list (void)
{
  g_autoptr (GArray) schemes = tn_scheme_parse_list ("ternary, int8,int4:g32,int8", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (schemes);
  g_assert_cmpuint (schemes->len, ==, 3);
  g_assert_cmpuint (g_array_index (schemes, TnScheme, 2).group_size, ==, 32);
  g_array_unref (schemes);
  schemes = tn_scheme_parse_list ("int4:g32,int4:g32:f16,int4:g32:f32,ternary:f32,ternary", NULL);
  g_assert_cmpuint (schemes->len, ==, 3);
  g_assert_null (tn_scheme_parse_list ("", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (tn_scheme_parse_list ("ternary,,int8", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
}

static void
test_bits (void)
{
  const struct
  {
    const char *name;
    double bits; /* for 16 rows of 64 */
  } cases[] = {
      {"ternary", log2 (3.0) + 32.0 / 1024.0},
      {"binary:c", 1.0 + 32.0 / 64.0},
      {"int8", 8.0 + 32.0 / 1024.0},
      {"int8:asym", 8.0 + 40.0 / 1024.0},
      {"int4:g32", 4.5},
      {"int4:g32:asym", 4.0 + 20.0 / 32.0},
      {"int8:t", 8.0 + 32.0 / 64.0},
      {"ternary:ls:g64", log2 (3.0) + 0.25},
      {"int4:g32:f32", 5.0},
      {"ternary:c:f16", log2 (3.0) + 0.25},
      {"int8:asym:f16", 8.0 + 24.0 / 1024.0},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnScheme scheme;

      g_assert_true (tn_scheme_parse (cases[i].name, &scheme, NULL));
      g_assert_cmpfloat_with_epsilon (tn_scheme_bits (&scheme, 16, 64), cases[i].bits, 1e-12);
      g_assert_true (isfinite (tn_scheme_bits (&scheme, 0, 64)));
    }
}

static void
test_check (void)
{
  g_autoptr (GError) error = NULL;
  TnScheme scheme;

  g_assert_true (tn_scheme_parse ("int4:g64", &scheme, NULL));
  g_assert_true (tn_scheme_check (&scheme, 3, 128, NULL));
  g_assert_false (tn_scheme_check (&scheme, 3, 96, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "96"));
  scheme.bits = 9;
  g_assert_false (tn_scheme_check (&scheme, 3, 128, NULL));
}

static void
test_methods (void)
{
  g_autoptr (GError) error = NULL;
  TnMethod method;

  for (guint i = 0; i < TN_N_METHODS; i++)
    {
      g_assert_true (tn_method_parse (tn_method_get_name ((TnMethod) i), &method, NULL));
      g_assert_cmpuint (method, ==, i);
    }
  for (guint i = 0; i < TN_N_OBJECTIVES; i++)
    {
      TnObjective objective;

      g_assert_true (tn_objective_parse (tn_objective_get_name ((TnObjective) i), &objective, NULL));
      g_assert_cmpuint (objective, ==, i);
    }
  g_assert_false (tn_method_parse ("best", &method, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scheme/names", test_names);
  g_test_add_func ("/scheme/bad-names", test_bad_names);
  g_test_add_func ("/scheme/list", test_list);
  g_test_add_func ("/scheme/bits", test_bits);
  g_test_add_func ("/scheme/check", test_check);
  g_test_add_func ("/scheme/methods", test_methods);
  return g_test_run ();
}
