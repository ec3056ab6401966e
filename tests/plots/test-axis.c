/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <locale.h>
#include <math.h>

#include "plots/figures/number.h"
#include "plots/figures/ticks.h"

/* Every label as wide as seven pixels a character. */
static double
label_extent (const char *label, gpointer user_data)
{
  return 7.0 * (double) g_utf8_strlen (label, -1);
}

static TnScale
make_scale (TnAxisScale kind, double low, double high, double pixels)
{
  return (TnScale){.kind = kind, .linear = 1e-3, .low = low, .high = high, .pixel_low = 0, .pixel_high = pixels};
}

static char *
join_labels (const TnTicks *ticks)
{
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint i = 0; i < ticks->major->len; i++)
    g_string_append_printf (out, "%s%s", i > 0 ? " | " : "", g_array_index (ticks->major, TnTick, i).label);
  return g_strdup (out->str);
}

static void
test_labels (void)
{
  static const struct
  {
    TnAxisScale kind;
    double low, high, pixels;
    const char *labels;
  } cases[] = {
      {TN_AXIS_LINEAR, 0, 1, 400, "0.0 | 0.2 | 0.4 | 0.6 | 0.8 | 1.0"},
      {TN_AXIS_LINEAR, -0.62, 0.62, 600, "−0.6 | −0.4 | −0.2 | 0.0 | 0.2 | 0.4 | 0.6"},
      {TN_AXIS_LINEAR, 3, 7, 400, "3 | 4 | 5 | 6 | 7"},
      {TN_AXIS_LINEAR, 0, 17000, 400, "0 | 5000 | 10\342\200\257000 | 15\342\200\257000"},
      {TN_AXIS_LINEAR, 0, 4e9, 400, "0 | 1×10⁹ | 2×10⁹ | 3×10⁹ | 4×10⁹"},
      {TN_AXIS_LINEAR, 0, 2.5e-7, 400, "0 | 0.5×10⁻⁷ | 1.0×10⁻⁷ | 1.5×10⁻⁷ | 2.0×10⁻⁷ | 2.5×10⁻⁷"},
      {TN_AXIS_LOG, 0.5, 20000, 400, "1 | 10 | 10² | 10³ | 10⁴"},
      {TN_AXIS_LOG, 1e-12, 1e12, 400, "10⁻¹² | 10⁻⁹ | 10⁻⁶ | 10⁻³ | 1 | 10³ | 10⁶ | 10⁹ | 10¹²"},
      {TN_AXIS_LOG, 1.5, 60, 500, "2 | 5 | 10 | 20 | 50"},
      {TN_AXIS_LOG, 3.1, 5.9, 400, "3.5 | 4.0 | 4.5 | 5.0 | 5.5"},
      {TN_AXIS_SYMLOG, -1, 1, 600, "−1 | −10⁻¹ | −10⁻² | 0 | 10⁻² | 10⁻¹ | 1"},
      {TN_AXIS_SYMLOG, -1e-4, 1e-4, 400, "−1.0×10⁻⁴ | −0.5×10⁻⁴ | 0 | 0.5×10⁻⁴ | 1.0×10⁻⁴"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnScale scale = make_scale (cases[i].kind, cases[i].low, cases[i].high, cases[i].pixels);
      g_autoptr (TnTicks) ticks = tn_ticks_new (&scale, 72, label_extent, NULL);
      g_autofree char *labels = join_labels (ticks);

      g_assert_cmpstr (labels, ==, cases[i].labels);
    }
}

/* Whatever the view: some ticks, in order, inside, clear of each other, and labels that tell them apart. */
static void
check_ticks (const TnScale *scale)
{
  g_autoptr (TnTicks) ticks = tn_ticks_new (scale, 72, label_extent, NULL);
  double last_end = -INFINITY, slack = (scale->pixel_high - scale->pixel_low) * 1e-6;

  g_assert_cmpuint (ticks->major->len, <=, 100);
  for (guint i = 0; i < ticks->major->len; i++)
    {
      const TnTick *tick = &g_array_index (ticks->major, TnTick, i);
      double half = label_extent (tick->label, NULL) / 2;

      g_assert_true (isfinite (tick->value));
      g_assert_cmpfloat (tick->pixel, >=, scale->pixel_low - slack);
      g_assert_cmpfloat (tick->pixel, <=, scale->pixel_high + slack);
      g_assert_cmpfloat (tick->pixel - half, >, last_end);
      last_end = tick->pixel + half;
      if (i > 0)
        g_assert_cmpstr (tick->label, !=, g_array_index (ticks->major, TnTick, i - 1).label);
    }
  for (guint i = 0; i < ticks->minor->len; i++)
    g_assert_true (isfinite (g_array_index (ticks->minor, double, i)));
}

static void
test_random_views (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (17);
  guint checked = 0;

  for (guint i = 0; i < 3000; i++)
    {
      double low = (g_rand_double (random) - 0.5) * pow (10, g_rand_int_range (random, -12, 13));
      double high = low + g_rand_double (random) * pow (10, g_rand_int_range (random, -12, 13));
      double pixels = g_rand_int_range (random, 30, 2000);

      for (TnAxisScale kind = TN_AXIS_LINEAR; kind <= TN_AXIS_SYMLOG; kind++)
        {
          TnScale scale = make_scale (kind, kind == TN_AXIS_LOG ? fabs (low) : low,
                                      kind == TN_AXIS_LOG ? fabs (low) + high - low : high, pixels);

          if (!tn_scale_accepts (&scale, scale.low, scale.high))
            continue;
          check_ticks (&scale);
          checked++;
        }
    }
  g_assert_cmpuint (checked, >, 4000);
}

static void
test_fit (void)
{
  static const struct
  {
    TnAxisScale kind;
    double low, high;
  } cases[] = {
      {TN_AXIS_LINEAR, 0, 1},
      {TN_AXIS_LINEAR, 5, 5},
      {TN_AXIS_LINEAR, 0, 0},
      {TN_AXIS_LINEAR, -3, -3},
      {TN_AXIS_LINEAR, INFINITY, -INFINITY},
      {TN_AXIS_LINEAR, NAN, NAN},
      {TN_AXIS_LINEAR, -DBL_MAX, DBL_MAX},
      {TN_AXIS_LINEAR, DBL_MAX, DBL_MAX},
      {TN_AXIS_LINEAR, 5e-324, 5e-324},
      {TN_AXIS_LINEAR, 0, 5e-324},
      {TN_AXIS_LINEAR, 1, 1 + DBL_EPSILON},
      {TN_AXIS_LOG, 1, 1},
      {TN_AXIS_LOG, -5, -1},
      {TN_AXIS_LOG, 0, 10},
      {TN_AXIS_LOG, 1e-300, 1e300},
      {TN_AXIS_LOG, DBL_MAX, DBL_MAX},
      {TN_AXIS_LOG, 5e-324, DBL_MAX},
      {TN_AXIS_SYMLOG, -1, 1},
      {TN_AXIS_SYMLOG, 0, 0},
      {TN_AXIS_SYMLOG, NAN, NAN},
      {TN_AXIS_SYMLOG, -1e300, 1e300},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnScale scale = make_scale (cases[i].kind, 0, 1, 500);
      gboolean shown = tn_scale_can_show (&scale, cases[i].low) && tn_scale_can_show (&scale, cases[i].high);

      tn_scale_fit (&scale, cases[i].low, cases[i].high, 0.05, 0.05);
      g_assert_true (tn_scale_accepts (&scale, scale.low, scale.high));
      if (shown && cases[i].low <= cases[i].high && cases[i].low > 1e-290)
        {
          g_assert_cmpfloat (scale.low, <=, cases[i].low);
          g_assert_cmpfloat (scale.high, >=, cases[i].high);
        }
      g_assert_true (isfinite (tn_scale_to_pixel (&scale, scale.low)));
      g_assert_true (isfinite (tn_scale_to_pixel (&scale, INFINITY)) || cases[i].kind != TN_AXIS_LINEAR);
      check_ticks (&scale);
    }
}

static void
test_round_trip (void)
{
  for (TnAxisScale kind = TN_AXIS_LINEAR; kind <= TN_AXIS_SYMLOG; kind++)
    {
      TnScale scale = make_scale (kind, kind == TN_AXIS_LOG ? 1e-5 : -20, 300, 701);

      scale.pixel_low = 31;
      g_assert_cmpfloat_with_epsilon (tn_scale_to_pixel (&scale, scale.low), 31, 1e-9);
      g_assert_cmpfloat_with_epsilon (tn_scale_to_pixel (&scale, scale.high), 701, 1e-9);
      for (double pixel = 31; pixel <= 701; pixel += 7)
        g_assert_cmpfloat_with_epsilon (tn_scale_to_pixel (&scale, tn_scale_from_pixel (&scale, pixel)), pixel, 1e-6);
    }
}

static void
test_zoom_limits (void)
{
  for (TnAxisScale kind = TN_AXIS_LINEAR; kind <= TN_AXIS_SYMLOG; kind++)
    {
      TnScale scale = make_scale (kind, kind == TN_AXIS_LOG ? 1e-5 : -20, 300, 700);
      guint steps = 0;
      double under = tn_scale_from_pixel (&scale, 491);

      while (tn_scale_zoom (&scale, 491, 0.5))
        {
          steps++;
          g_assert_cmpuint (steps, <, 1000);
          if (steps < 25)
            g_assert_cmpfloat_with_epsilon (tn_scale_to_pixel (&scale, under), 491, 0.01);
        }
      g_assert_cmpuint (steps, >, 20);
      g_assert_true (tn_scale_accepts (&scale, scale.low, scale.high));
      check_ticks (&scale);
      while (tn_scale_zoom (&scale, 200, 3))
        g_assert_cmpuint (++steps, <, 3000);
      g_assert_true (tn_scale_accepts (&scale, scale.low, scale.high));
      check_ticks (&scale);
      while (steps++ < 5000 && tn_scale_shift (&scale, 650))
        g_assert_true (tn_scale_accepts (&scale, scale.low, scale.high));
      g_assert_false (tn_scale_zoom (&scale, 100, NAN));
      g_assert_true (tn_scale_accepts (&scale, scale.low, scale.high));
    }
}

static void
test_numbers (void)
{
  static const struct
  {
    double value;
    int digits;
    const char *text;
  } cases[] = {
      {0, 4, "0"},
      {-0.0, 4, "0"},
      {1, 4, "1"},
      {-2.5, 4, "−2.5"},
      {3.14159265, 4, "3.142"},
      {1234, 4, "1234"},
      {12345, 4, "12\342\200\257345"},
      {1234567, 3, "1\342\200\257234\342\200\257567"},
      {0.0001234, 3, "0.000123"},
      {0.00001234, 3, "1.23×10⁻⁵"},
      {1.5e300, 6, "1.5×10³⁰⁰"},
      {-2e-300, 6, "−2×10⁻³⁰⁰"},
      {5e-324, 3, "4.94×10⁻³²⁴"},
      {999999.7, 4, "1×10⁶"},
      {NAN, 4, "NaN"},
      {-INFINITY, 4, "−∞"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = tn_number_text (cases[i].value, cases[i].digits);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plots/axis/labels", test_labels);
  g_test_add_func ("/plots/axis/random-views", test_random_views);
  g_test_add_func ("/plots/axis/fit", test_fit);
  g_test_add_func ("/plots/axis/round-trip", test_round_trip);
  g_test_add_func ("/plots/axis/zoom-limits", test_zoom_limits);
  g_test_add_func ("/plots/axis/numbers", test_numbers);
  return g_test_run ();
}
