/* SPDX-License-Identifier: Apache-2.0 */
#include "data/plans/plan-file.h"
#include "engine/error.h"
#include "tests/data/model-bytes.h"

#define HEAD "[plan]\nformat=1\n"

static TnPlan *
load (const char *text, gsize bytes, GError **error)
{
  g_autofree char *path = test_write ("x.plan", text, bytes);

  return tn_plan_load (path, error);
}

static char *
describe (TnPlan *plan)
{
  GString *out = g_string_new (NULL);

  for (guint group = 0; group < TN_N_PLAN_GROUPS; group++)
    for (guint i = 0; i < tn_plan_n_rules (plan, (TnPlanGroup) group); i++)
      {
        const TnPlanRule *rule = tn_plan_get_rule (plan, (TnPlanGroup) group, i);
        g_autofree char *name = rule->keep ? g_strdup ("keep") : tn_scheme_to_string (&rule->scheme);

        g_string_append_printf (out, "%s|%s|%s\n", tn_plan_group_get_name ((TnPlanGroup) group), rule->key, name);
      }
  return g_string_free (out, FALSE);
}

static void
test_whole (void)
{
  static const char text[] = "# what it is for\n"
                             "\n"
                             "[plan]\n"
                             "format = 1\n"
                             "fingerprint=0123456789abcdef\n"
                             "[weights]\r\n"
                             "  blk.0.attn_q.weight =  int4:asym:g32  \n"
                             "blk.*.ffn_down.weight=keep\n"
                             "*=ternary\n"
                             "[activations]\n"
                             "*=int8:t";
  g_autoptr (GError) error = NULL;
  g_autoptr (TnPlan) plan = load (text, strlen (text), &error);
  g_autofree char *found = NULL;
  guint64 fingerprint;

  g_assert_no_error (error);
  found = describe (plan);
  g_assert_cmpstr (found, ==,
                   "weights|blk.0.attn_q.weight|int4:g32:asym\n"
                   "weights|blk.*.ffn_down.weight|keep\n"
                   "weights|*|ternary\n"
                   "activations|*|int8:t\n");
  g_assert_true (tn_plan_get_fingerprint (plan, &fingerprint));
  g_assert_cmphex (fingerprint, ==, 0x0123456789abcdefu);
}

/* What is written is read as the same; what could not be is refused. */
static void
test_save (void)
{
  static const char *const bad[] = {"", "a=b", "[a", "#a", " a", "a\nb", "\xff"};
  g_autofree char *path = g_build_filename (test_folder, "saved.plan", NULL), *expected = NULL, *found = NULL;
  g_autoptr (TnPlan) plan = tn_plan_new (), again = NULL;
  g_autoptr (GError) error = NULL;
  TnScheme scheme;
  guint64 fingerprint;

  g_assert_true (tn_scheme_parse ("int4:g32:asym", &scheme, NULL));
  tn_plan_add (plan, TN_PLAN_WEIGHTS, "blk.0.attn_q.weight", &scheme);
  tn_plan_add (plan, TN_PLAN_WEIGHTS, "blk.*.größe", NULL);
  g_assert_true (tn_scheme_parse ("int8:t", &scheme, NULL));
  tn_plan_add (plan, TN_PLAN_ACTIVATIONS, "*", &scheme);
  tn_plan_set_fingerprint (plan, 0xabc);
  g_assert_true (tn_plan_save (plan, path, "what for\n\n[plan]\n", &error));
  g_assert_no_error (error);
  again = tn_plan_load (path, &error);
  g_assert_no_error (error);
  expected = describe (plan);
  found = describe (again);
  g_assert_cmpstr (expected, ==, found);
  g_assert_true (tn_plan_get_fingerprint (again, &fingerprint) && fingerprint == 0xabc);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (TnPlan) wrong = tn_plan_new ();
      g_autoptr (GError) wrong_error = NULL;

      tn_plan_add (wrong, TN_PLAN_WEIGHTS, bad[i], NULL);
      g_assert_false (tn_plan_save (wrong, path, NULL, &wrong_error));
      g_assert_error (wrong_error, TN_ERROR, TN_ERROR_ARGUMENT);
    }
}

/* What GLib writes is read, and what people write GLib reads as the same. */
static void
test_key_file (void)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TnPlan) plan = NULL;
  g_autofree char *text = NULL, *found = NULL;
  gsize bytes;

  g_key_file_set_integer (file, "plan", "format", 1);
  g_key_file_set_string (file, "weights", "blk.*.attn_v.weight", "int8:c");
  g_key_file_set_string (file, "weights", "*", "int4:g32");
  g_key_file_set_comment (file, "weights", "*", "the rest", NULL);
  text = g_key_file_to_data (file, &bytes, NULL);
  plan = load (text, bytes, &error);
  g_assert_no_error (error);
  found = describe (plan);
  g_assert_cmpstr (found, ==, "weights|blk.*.attn_v.weight|int8:c\nweights|*|int4:g32\n");
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text;
    TnErrorCode code;
    const char *piece;
  } cases[] = {
      {"", TN_ERROR_FORMAT, "format=1"},
      {"[weights]\na=int8\n", TN_ERROR_FORMAT, "format=1"},
      {"format=1\n", TN_ERROR_FORMAT, "line 1"},
      {"[plan]\nformat=2\n", TN_ERROR_UNSUPPORTED, "line 2"},
      {"[plan]\nformat=one\n", TN_ERROR_FORMAT, "\"one\""},
      {HEAD "fingerprint=xyz\n", TN_ERROR_FORMAT, "fingerprint"},
      {HEAD "fingerprint=11112222333344445\n", TN_ERROR_FORMAT, "fingerprint"},
      {HEAD "bits=3\n", TN_ERROR_FORMAT, "\"bits\""},
      {HEAD "[weight]\n", TN_ERROR_FORMAT, "[weight]"},
      {HEAD "[weights\n", TN_ERROR_FORMAT, "line 3"},
      {HEAD "[weights]\nblk.0\n", TN_ERROR_FORMAT, "KEY=SCHEME"},
      {HEAD "[weights]\n=int8\n", TN_ERROR_FORMAT, "line 4"},
      {HEAD "[weights]\na=int9\n", TN_ERROR_ARGUMENT, "int9"},
      {HEAD "[weights]\na=\n", TN_ERROR_ARGUMENT, "\"a\""},
      {HEAD "[weights]\na=Keep\n", TN_ERROR_ARGUMENT, "Keep"},
      {HEAD "[weights]\na=int8\na = int4\n", TN_ERROR_FORMAT, "second time"},
      {HEAD "[weights]\na=int8\n[activations]\na=int8\n[weights]\na=int8\n", TN_ERROR_FORMAT, "line 8"},
      {HEAD "[weights]\na\x1b[31m=int8\n", TN_ERROR_FORMAT, "\\x1b"},
      {HEAD "[weights]\na=int8\xc3\xa4\n", TN_ERROR_ARGUMENT, "ä"},
      {HEAD "\xff", TN_ERROR_FORMAT, "UTF-8"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load (cases[i].text, strlen (cases[i].text), &error));
      if (error == NULL || error->domain != TN_ERROR || error->code != (int) cases[i].code)
        g_error ("%s: %s", cases[i].text, error != NULL ? error->message : "read");
      assert_message (error, "x.plan", cases[i].piece);
    }
}

static void
test_not_text (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_build_filename (test_folder, "gone.plan", NULL);

  g_assert_null (load (HEAD "\0x=1", sizeof HEAD + 4, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (tn_plan_load (folder, &error));
  assert_message (error, "gone.plan", "");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/plan-file/whole", test_whole);
  g_test_add_func ("/plan-file/save", test_save);
  g_test_add_func ("/plan-file/key-file", test_key_file);
  g_test_add_func ("/plan-file/refused", test_refused);
  g_test_add_func ("/plan-file/not-text", test_not_text);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
