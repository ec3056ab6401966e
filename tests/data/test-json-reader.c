/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/files/json-members.h"
#include "data/files/json-reader.h"
#include "data/files/quote.h"
#include "engine/error.h"

static TnJson *
parse (const char *text, GError **error)
{
  return tn_json_parse (text, strlen (text), "file.json", 0, error);
}

static void
test_values (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnJson) json =
      parse (" { \"a\" : [ 1 , -2.5e1, true,false ,null,\"x\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\" ] ,\"b\":{}, \"\":[],"
             "\"big\":9223372036854775807,\"bigger\":9223372036854775808,\"low\":-9223372036854775808,\"zero\":-0}\n",
             &error);
  const TnJsonNode *root, *node;

  g_assert_no_error (error);
  root = tn_json_get_root (json);
  g_assert_cmpint (root->type, ==, TN_JSON_OBJECT);
  g_assert_cmpuint (root->n_children, ==, 7);
  g_assert_cmpuint (root->offset, ==, 1);
  node = tn_json_find_typed (root, "a", TN_JSON_ARRAY);
  g_assert_cmpuint (node->n_children, ==, 6);
  node = node->value.list.first;
  g_assert_true (node->is_integer);
  g_assert_cmpint (node->value.number.integer, ==, 1);
  node = node->next;
  g_assert_false (node->is_integer);
  g_assert_cmpfloat (node->value.number.real, ==, -25.0);
  node = node->next;
  g_assert_true (node->value.boolean);
  node = node->next;
  g_assert_false (node->value.boolean);
  node = node->next;
  g_assert_cmpint (node->type, ==, TN_JSON_NULL);
  node = node->next;
  g_assert_cmpstr (node->value.string.text, ==, "xé😀\n\"\\/");
  g_assert_null (node->next);
  g_assert_cmpint (tn_json_find (root, "b")->type, ==, TN_JSON_OBJECT);
  g_assert_null (tn_json_find (root, "b")->value.list.first);
  g_assert_nonnull (tn_json_find (root, ""));
  g_assert_null (tn_json_find (root, "c"));
  g_assert_null (tn_json_find (NULL, "c"));
  g_assert_null (tn_json_find (node, "c"));
  g_assert_cmpint (tn_json_find (root, "big")->value.number.integer, ==, G_MAXINT64);
  g_assert_false (tn_json_find (root, "bigger")->is_integer);
  g_assert_cmpfloat (tn_json_find (root, "bigger")->value.number.real, ==, 9223372036854775808.0);
  g_assert_cmpint (tn_json_find (root, "low")->value.number.integer, ==, G_MININT64);
  g_assert_true (tn_json_find (root, "zero")->is_integer);
}

/* Objects on both sides of the size from which names are hashed. */
static void
test_many_names (void)
{
  static const guint sizes[] = {0, 1, 15, 16, 17, 1009};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint duplicate = 0; duplicate < 2; duplicate++)
      {
        g_autoptr (GString) text = g_string_new ("{");
        g_autoptr (GError) error = NULL;
        g_autoptr (TnJson) json = NULL;

        for (guint j = 0; j < sizes[i]; j++)
          g_string_append_printf (text, "\"n%u\":%u,", j, j);
        g_string_append_printf (text, "\"%s\":0}", duplicate && sizes[i] > 0 ? "n0" : "last");
        json = parse (text->str, &error);
        if (duplicate && sizes[i] > 0)
          {
            g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
            g_assert_nonnull (strstr (error->message, "once"));
            continue;
          }
        g_assert_no_error (error);
        for (guint j = 0; j < sizes[i]; j++)
          {
            g_autofree char *name = g_strdup_printf ("n%u", j);

            g_assert_cmpint (tn_json_find (tn_json_get_root (json), name)->value.number.integer, ==, j);
          }
      }
}

static void
test_nul (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnJson) json = parse ("{\"a\":1,\"a\\u0000\":2,\"b\":\"x\\u0000y\"}", &error);

  g_assert_no_error (error);
  g_assert_cmpint (tn_json_find (tn_json_get_root (json), "a")->value.number.integer, ==, 1);
  g_assert_cmpuint (tn_json_find (tn_json_get_root (json), "b")->value.string.length, ==, 3);
  g_assert_null (tn_json_find_text (tn_json_get_root (json), "b"));
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text;
    guint offset; /* named in the message, counted from 100 */
  } cases[] = {
      {"", 100},
      {" ", 101},
      {"{", 101},
      {"[1,]", 103},
      {"{\"a\":1,}", 107},
      {"{a:1}", 101},
      {"{\"a\" 1}", 105},
      {"[1 2]", 103},
      {"nul", 100},
      {"True", 100},
      {"[1]x", 103},
      {"01", 101},
      {"1.", 102},
      {".5", 100},
      {"+1", 100},
      {"1e", 102},
      {"-", 101},
      {"1e999", 100},
      {"NaN", 100},
      {"[Infinity]", 101},
      {"\"abc", 104},
      {"\"a\nb\"", 102},
      {"\"\\x\"", 101},
      {"\"\\u12g4\"", 105},
      {"\"\\ud800\"", 101},
      {"\"\\udc00\"", 101},
      {"\"\\ud800\\u0041\"", 101},
      {"\"\xff\"", 101},
      {"\"a\xc0\x80\"", 102},
      {"\"\\", 102},
      {"{\"a\":1,\"a\":1}", 107},
      {"{\"a\":{\"b\":1,\"\\u0062\":2}}", 112},
      {"// x\n1", 100},
      {"\xef\xbb\xbf{}", 100},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *place = g_strdup_printf ("byte %u:", cases[i].offset);

      g_assert_null (tn_json_parse (cases[i].text, strlen (cases[i].text), "file.json", 100, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
      if (strstr (error->message, place) == NULL || strstr (error->message, "file.json") == NULL ||
          strchr (error->message, '\n') != NULL)
        g_error ("%s: %s", cases[i].text, error->message);
    }
}

static void
test_depth (void)
{
  for (guint depth = 63; depth <= 66; depth++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnJson) json = NULL;

      for (guint i = 0; i < depth; i++)
        g_string_append_c (text, '[');
      for (guint i = 0; i < depth; i++)
        g_string_append_c (text, ']');
      json = parse (text->str, &error);
      if (depth <= 64)
        g_assert_no_error (error);
      else
        g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
    }
}

static void
test_too_many (void)
{
  gsize n = 4 * 1024 * 1024;
  g_autofree char *text = g_malloc (2 * n + 2);
  g_autoptr (GError) error = NULL;

  text[0] = '[';
  for (gsize i = 0; i < n; i++)
    memcpy (text + 1 + 2 * i, "0,", 2);
  text[2 * n] = ']';
  text[2 * n + 1] = '\0';
  g_assert_null (parse (text, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
}

static void
test_to_text (void)
{
  g_autoptr (TnJson) json = parse ("{\"a\":[1,2.5,\"x\",null,[true]],\"b\":\"plain\"}", NULL);
  g_autofree char *all = tn_json_node_to_text (tn_json_find (tn_json_get_root (json), "a"), 10);
  g_autofree char *cut = tn_json_node_to_text (tn_json_find (tn_json_get_root (json), "a"), 2);
  g_autofree char *plain = tn_json_node_to_text (tn_json_find (tn_json_get_root (json), "b"), 2);

  g_assert_cmpstr (all, ==, "[1, 2.5, \"x\", null, [true]]");
  g_assert_cmpstr (cut, ==, "[1, 2.5, … (5)]");
  g_assert_cmpstr (plain, ==, "plain");
}

static void
test_quote (void)
{
  g_autofree char *odd = tn_quote_bytes ("a\n\0\xff\xc3\xa9", 6);
  g_autofree char *empty = tn_quote_bytes (NULL, 0);
  g_autofree char *many = g_strnfill (100, 'x');
  g_autofree char *cut = tn_quote_string (many);

  g_assert_cmpstr (odd, ==, "\"a\\x0a\\x00\\xffé\"");
  g_assert_cmpstr (empty, ==, "\"\"");
  g_assert_cmpuint (strlen (cut), ==, 64 + strlen ("\"…\""));
}

/* Numbers that are written are read again, to the bit; text that looks like one stays. */
static void
test_print (void)
{
  static const double numbers[] = {0.1, -0.0, 3.0, 1e-10, -1e-10, 2e-12, 1e22, 1e300, 5e-324, -1.5e-7};
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *text = NULL;
  g_autoptr (TnJson) json = NULL;
  g_autoptr (GError) error = NULL;
  const TnJsonNode *node;

  tn_json_open_array (builder, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    tn_json_add_double (builder, NULL, numbers[i]);
  tn_json_add_string (builder, NULL, "1e-10.0 \\\"2e+5.0\\");
  tn_json_add_bool (builder, NULL, TRUE);
  tn_json_add_double (builder, NULL, 0.5);
  json_builder_end_array (builder);
  text = tn_json_builder_to_text (builder, FALSE);
  json = tn_json_parse (text, strlen (text), "printed", 0, &error);
  g_assert_no_error (error);
  node = tn_json_get_root (json)->value.list.first;
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++, node = node->next)
    g_assert_cmpmem (&node->value.number.real, sizeof (double), &numbers[i], sizeof (double));
  g_assert_cmpstr (node->value.string.text, ==, "1e-10.0 \\\"2e+5.0\\");
  g_assert_cmpfloat (node->next->next->value.number.real, ==, 0.5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-reader/values", test_values);
  g_test_add_func ("/json-reader/many-names", test_many_names);
  g_test_add_func ("/json-reader/nul", test_nul);
  g_test_add_func ("/json-reader/refused", test_refused);
  g_test_add_func ("/json-reader/depth", test_depth);
  g_test_add_func ("/json-reader/too-many", test_too_many);
  g_test_add_func ("/json-reader/to-text", test_to_text);
  g_test_add_func ("/json-reader/quote", test_quote);
  g_test_add_func ("/json-reader/print", test_print);
  return g_test_run ();
}
