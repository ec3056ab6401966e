/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/activation-scales.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"

static void
test_round_trip (void)
{
  static const char *const schemes[] = {"int8", "int4:asym", "int2"};

  for (guint s = 0; s < G_N_ELEMENTS (schemes); s++)
    {
      g_autoptr (TnActivationScales) scales = tn_activation_scales_new (), found = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;
      TnQuantParams params = {0};

      g_assert_true (tn_scheme_parse (schemes[s], &params.scheme, NULL));
      for (guint i = 0; i < 5; i++)
        {
          g_autofree char *site = g_strdup_printf ("blk.%u.“x”.in", i);

          params.scale = i / 3.0 * 1e-7;
          params.zero_point = params.scheme.asymmetric ? (gint32) i : 0;
          params.offset = i % 2 == 0 ? -0.1 * i : 0.0;
          tn_activation_scales_add (scales, site, &params, 1.0);
        }
      tn_activation_scales_add_kept (scales, "kept", &params.scheme);
      text = tn_activation_scales_print (scales);
      found = tn_activation_scales_parse (text, "x.gguf", &error);
      g_assert_no_error (error);
      g_assert_cmpuint (tn_activation_scales_count (found), ==, 6);
      g_assert_true (tn_activation_scales_find (found, "kept")->kept);
      for (guint i = 0; i < 5; i++)
        {
          const TnActivationScale *a = tn_activation_scales_get (scales, i), *b = tn_activation_scales_find (found, a->site);

          g_assert_cmpfloat (a->params.scale, ==, b->params.scale);
          g_assert_cmpint (a->params.zero_point, ==, b->params.zero_point);
          g_assert_cmpfloat (a->params.offset, ==, b->params.offset);
          g_assert_false (b->kept);
          g_assert_true (tn_scheme_equal (&a->params.scheme, &b->params.scheme));
          g_assert_true (isnan (b->largest));
        }
      g_assert_null (tn_activation_scales_find (found, "blk.9.x.in"));
    }
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text, *needle;
  } wrong[] = {
      {"", "x.gguf"},
      {"[]", "sites"},
      {"{\"scheme\":\"int8\"}", "sites"},
      {"{\"scheme\":\"int8\",\"sites\":{}}", "sites"},
      {"{\"scheme\":\"int8\",\"sites\":[1]}", "sites"},
      {"{\"sites\":{\"a\":[1,0]}}", "scheme"},
      {"{\"scheme\":\"int8:t\",\"sites\":{\"a\":[1,0]}}", "scheme"},
      {"{\"scheme\":\"ternary\",\"sites\":{\"a\":[1,0]}}", "scheme"},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":1}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1,0,0,0]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1,0,null]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1,0,1e300]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"\":null}}", "expected"},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[-1,0]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1e300,0]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1,1]}}", "a: "},
      {"{\"scheme\":\"int8:asym\",\"sites\":{\"a\":[1,256]}}", "a: "},
      {"{\"scheme\":\"int8:asym\",\"sites\":{\"a\":[1,0.5]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[\"1\",0]}}", "a: "},
      {"{\"scheme\":\"int8\",\"sites\":{\"\":[1,0]}}", "scale"},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1,0],\"a\":[1,0]}}", "x.gguf"},
      {"{\"scheme\":\"int8\",\"sites\":{\"a\":[1,0]}", "x.gguf"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_activation_scales_parse (wrong[i].text, "x.gguf", &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
      if (strstr (error->message, wrong[i].needle) == NULL)
        g_error ("“%s” is not in “%s”", wrong[i].needle, error->message);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/activation-scales/round-trip", test_round_trip);
  g_test_add_func ("/activation-scales/refused", test_refused);
  return g_test_run ();
}
