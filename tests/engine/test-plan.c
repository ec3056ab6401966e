/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/error.h"
#include "engine/quant/plan.h"

static TnScheme
scheme (const char *name)
{
  TnScheme parsed;

  g_assert_true (tn_scheme_parse (name, &parsed, NULL));
  return parsed;
}

static void
add (TnPlan *plan, const char *key, const char *name)
{
  TnScheme parsed;

  if (name == NULL)
    {
      tn_plan_add (plan, TN_PLAN_WEIGHTS, key, NULL);
      return;
    }
  parsed = scheme (name);
  tn_plan_add (plan, TN_PLAN_WEIGHTS, key, &parsed);
}

static void
assert_scheme (TnPlan *plan, const char *name, gboolean exact_only, const char *expected)
{
  const TnPlanRule *rule = tn_plan_find (plan, TN_PLAN_WEIGHTS, name, exact_only);
  g_autofree char *found = rule == NULL ? g_strdup ("none")
                           : rule->keep ? g_strdup ("keep")
                                        : tn_scheme_to_string (&rule->scheme);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_order (void)
{
  g_autoptr (TnPlan) plan = tn_plan_new ();

  add (plan, "blk.*.ffn_down.weight", "int4:g32");
  add (plan, "blk.*", "ternary");
  add (plan, "blk.1.ffn_down.weight", "int8:c");
  add (plan, "blk.2.ffn_down.weight", NULL);
  assert_scheme (plan, "blk.0.ffn_down.weight", FALSE, "int4:g32");
  assert_scheme (plan, "blk.0.ffn_up.weight", FALSE, "ternary");
  /* Exact names go first, wherever they stand. */
  assert_scheme (plan, "blk.1.ffn_down.weight", FALSE, "int8:c");
  assert_scheme (plan, "blk.2.ffn_down.weight", FALSE, "keep");
  assert_scheme (plan, "blk.0.ffn_down.weight", TRUE, "none");
  assert_scheme (plan, "blk.1.ffn_down.weight", TRUE, "int8:c");
  assert_scheme (plan, "token_embd.weight", FALSE, "none");
  g_assert_null (tn_plan_find (plan, TN_PLAN_ACTIVATIONS, "blk.0.ffn_up.in", FALSE));
}

static void
test_patterns (void)
{
  static const struct
  {
    const char *pattern, *name;
    gboolean fits;
  } cases[] = {
      {"*", "", TRUE},
      {"*", "anything", TRUE},
      {"**", "a", TRUE},
      {"a*", "a", TRUE},
      {"a*", "ba", FALSE},
      {"*a", "banana", TRUE},
      {"*ana*ana", "banana", FALSE},
      {"b*na", "banana", TRUE},
      {"b*n*n*", "banana", TRUE},
      {"b*n*n*n", "banana", FALSE},
      {"blk.*.ffn_up.weight", "blk.10.ffn_up.weight", TRUE},
      {"blk.*.ffn_up.weight", "blk.10.ffn_up.weight2", FALSE},
      /* What other pattern languages have stands for itself. */
      {"*?", "a", FALSE},
      {"*[a]", "a", FALSE},
      {"*aaaaaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", FALSE},
      {"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", FALSE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TnPlan) plan = tn_plan_new ();

      add (plan, cases[i].pattern, "int8");
      if ((tn_plan_find (plan, TN_PLAN_WEIGHTS, cases[i].name, FALSE) != NULL) != cases[i].fits)
        g_error ("%s and %s", cases[i].pattern, cases[i].name);
    }
}

static void
assert_names (const char *key, gboolean known)
{
  static const char *const names[] = {"blk.0.a", "blk.1.a", "head"};
  g_autoptr (TnPlan) plan = tn_plan_new ();
  g_autoptr (GError) error = NULL;

  tn_plan_set_name (plan, "x.plan");
  add (plan, key, "int8");
  g_assert_true (tn_plan_check_names (plan, TN_PLAN_WEIGHTS, names, 3, 2, &error) == known);
  if (known)
    return;
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "x.plan"));
  g_assert_nonnull (strstr (error->message, "[weights]"));
  g_assert_nonnull (strstr (error->message, key));
}

static void
test_names (void)
{
  assert_names ("blk.0.a", TRUE);
  assert_names ("head", TRUE);
  assert_names ("blk.*", TRUE);
  /* Patterns do not reach what has to be named. */
  assert_names ("he*", FALSE);
  assert_names ("blk.2.a", FALSE);
  assert_names ("*.b", FALSE);
}

static void
test_model (void)
{
  g_autoptr (TnPlan) plan = tn_plan_new ();
  g_autoptr (GError) error = NULL;
  guint64 fingerprint;

  g_assert_false (tn_plan_get_fingerprint (plan, &fingerprint));
  g_assert_true (tn_plan_check_model (plan, "m", 5, &error));
  tn_plan_set_fingerprint (plan, 5);
  g_assert_true (tn_plan_get_fingerprint (plan, &fingerprint) && fingerprint == 5);
  g_assert_true (tn_plan_check_model (plan, "m", 5, &error));
  g_assert_false (tn_plan_check_model (plan, "m", 6, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan/order", test_order);
  g_test_add_func ("/plan/patterns", test_patterns);
  g_test_add_func ("/plan/names", test_names);
  g_test_add_func ("/plan/model", test_model);
  return g_test_run ();
}
