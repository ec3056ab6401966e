/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/dynamic-map.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/variant.h"
#include "engine/random.h"

/* create_dynamic_map() of bitsandbytes by PyTorch 1.13, whose linspace() is off by a unit in the last place here and there. */
static void
assert_near (float x, float golden)
{
  g_assert_cmpfloat_with_epsilon ((double) x, (double) golden, 2.4e-7 * fabs ((double) golden) + 1e-30);
}

static void
test_golden (void)
{
  static const struct
  {
    guint code;
    float is_signed, is_unsigned;
  } values[] = {
      {0, -0.992968738f, 0.0f},
      {1, -0.978906214f, 3.2500003e-07f},
      {2, -0.96484375f, 7.7499999e-07f},
      {3, -0.950781226f, 2.12499981e-06f},
      {63, -0.107031256f, 0.010703126f},
      {64, -0.0985937491f, 0.0121093756f},
      {100, -0.00746874977f, 0.0627343804f},
      {126, -5.50000038e-07f, 0.0992968753f},
      {127, 0.0f, 0.103515625f},
      {128, 5.50000038e-07f, 0.110546872f},
      {129, 3.25000019e-06f, 0.117578126f},
      {130, 7.7499999e-06f, 0.124609374f},
      {131, 2.12499981e-05f, 0.131640613f},
      {160, 0.0142187504f, 0.335546851f},
      {191, 0.107031256f, 0.553515673f},
      {192, 0.12109375f, 0.560546875f},
      {254, 0.992968738f, 0.996484399f},
      {255, 1.0f, 1.0f},
  };

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      assert_near (tn_dynamic_map_get (TN_DYNAMIC_SIGNED)[values[i].code], values[i].is_signed);
      assert_near (tn_dynamic_map_get (TN_DYNAMIC_UNSIGNED)[values[i].code], values[i].is_unsigned);
    }
  for (guint sign = 0; sign < 2; sign++)
    {
      const float *map = tn_dynamic_map_get (sign);
      double squares = 0.0;

      for (guint i = 0; i < 256; i++)
        {
          g_assert_true (i == 0 || map[i] > map[i - 1]);
          squares += (double) map[i] * (double) map[i];
        }
      g_assert_cmpfloat_with_epsilon (squares, sign == TN_DYNAMIC_SIGNED ? 48.595837 : 48.597452, 1e-5);
    }
}

static double
nearest_distance (double x, const float *map)
{
  double best = INFINITY;

  for (guint code = 0; code < 256; code++)
    best = fmin (best, fabs (x - (double) map[code]));
  return best;
}

static void
check_block (const float *x, gsize n, TnDynamicSign sign)
{
  const float *map = tn_dynamic_map_get (sign);
  guint8 codes[TN_DYNAMIC_BLOCK + 1];
  float scale = -1.0f, out[TN_DYNAMIC_BLOCK], most = 0.0f;

  memset (codes, 7, sizeof codes);
  for (gsize i = 0; i < n; i++)
    most = fmaxf (most, fabsf (x[i]));
  tn_dynamic_encode (x, n, sign, codes, &scale);
  tn_dynamic_decode (codes, n, sign, scale, out);
  g_assert_cmpuint (codes[n], ==, 7);
  g_assert_cmpfloat (scale, ==, most);
  for (gsize i = 0; i < n; i++)
    {
      double exact = most > 0.0f ? (double) x[i] / (double) most : 0.0;
      double distance = fabs (exact - (double) map[codes[i]]);
      gboolean raised = sign == TN_DYNAMIC_UNSIGNED && x[i] > 0.0f && codes[i] == 1;

      g_assert_cmpfloat (out[i], ==, map[codes[i]] * scale);
      if (!raised && !(distance <= nearest_distance (exact, map) + 1e-6 * fabs (exact)))
        g_error ("%.9g became code %u = %.9g", exact, codes[i], (double) map[codes[i]]);
      g_assert_true (x[i] == 0.0f || sign == TN_DYNAMIC_SIGNED || out[i] > 0.0f);
    }
}

/* Magnitudes over all decades, then values close to each boundary. */
static void
test_nearest (void)
{
  static const gsize sizes[] = {0, 1, 2, 7, 8, 15, 17, 255, 256};
  TnRandom random = tn_random_stream (1, "dynamic");
  float x[TN_DYNAMIC_BLOCK];

  for (guint sign = 0; sign < 2; sign++)
    {
      const float *map = tn_dynamic_map_get (sign);

      for (guint repeat = 0; repeat < 200; repeat++)
        {
          for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i++)
            {
              x[i] = (float) pow (10.0, 8.0 * (tn_random_uniform (&random) - 1.0) + (repeat % 5) * 6.0 - 15.0);
              if (sign == TN_DYNAMIC_SIGNED && tn_random_below (&random, 2) == 1)
                x[i] = -x[i];
            }
          check_block (x, sizes[repeat % G_N_ELEMENTS (sizes)], sign);
          check_block (x, TN_DYNAMIC_BLOCK, sign);
        }
      for (guint code = 0; code + 1 < 256; code++)
        {
          float middle = 0.5f * (map[code] + map[code + 1]);

          x[0] = 1.0f;
          for (guint i = 1; i < 100; i++)
            x[i] = fmaxf (middle * (1.0f + 2e-7f * ((float) i - 50.0f)), sign == TN_DYNAMIC_SIGNED ? -1.0f : 0.0f);
          check_block (x, 100, sign);
        }
      /* What is on the map stays. */
      for (guint code = 0; code < 256; code++)
        {
          guint8 codes[2];
          float scale;

          x[0] = map[code];
          x[1] = 1.0f;
          tn_dynamic_encode (x, 2, sign, codes, &scale);
          g_assert_cmpuint (codes[0], ==, code);
          g_assert_cmpuint (codes[1], ==, 255);
        }
    }
}

static void
test_extremes (void)
{
  const float zeros[5] = {0}, tiny[3] = {FLT_MIN / 4.0f, 0.0f, FLT_MIN / 2.0f}, small[2] = {1e-30f, 1.0f};
  guint8 codes[5];
  float scale, out[5];

  for (guint sign = 0; sign < 2; sign++)
    {
      tn_dynamic_encode (zeros, 5, sign, codes, &scale);
      tn_dynamic_decode (codes, 5, sign, scale, out);
      g_assert_cmpmem (out, sizeof out, zeros, sizeof zeros);
      tn_dynamic_encode (tiny, 3, sign, codes, &scale);
      g_assert_cmpfloat (scale, ==, 0.0f);
      tn_dynamic_encode (small, 2, sign, codes, &scale);
      g_assert_cmpuint (codes[0], ==, sign == TN_DYNAMIC_SIGNED ? 127 : 1);
    }
}

static void
test_variants (void)
{
  TnRandom random = tn_random_stream (2, "dynamic");
  TnVariant before = tn_variant_get ();
  float x[TN_DYNAMIC_BLOCK];

  for (guint repeat = 0; repeat < 50; repeat++)
    for (guint sign = 0; sign < 2; sign++)
      {
        guint8 codes[TN_N_VARIANTS][TN_DYNAMIC_BLOCK];
        float scales[TN_N_VARIANTS];

        for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i++)
          x[i] = (float) (tn_random_normal (&random) * exp (3.0 * tn_random_normal (&random)));
        for (gsize i = 0; sign == TN_DYNAMIC_UNSIGNED && i < TN_DYNAMIC_BLOCK; i++)
          x[i] *= x[i];
        for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
          if (tn_variant_use (variant))
            {
              tn_dynamic_encode (x, TN_DYNAMIC_BLOCK, sign, codes[variant], &scales[variant]);
              g_assert_cmpmem (codes[variant], TN_DYNAMIC_BLOCK, codes[0], TN_DYNAMIC_BLOCK);
              g_assert_cmpfloat (scales[variant], ==, scales[0]);
            }
      }
  tn_variant_use (before);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dynamic-map/golden", test_golden);
  g_test_add_func ("/dynamic-map/nearest", test_nearest);
  g_test_add_func ("/dynamic-map/extremes", test_extremes);
  g_test_add_func ("/dynamic-map/variants", test_variants);
  return g_test_run ();
}
