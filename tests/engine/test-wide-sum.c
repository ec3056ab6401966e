/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/wide-sum.h"

#include <math.h>

#include "engine/random.h"

/* The reference: limbs of 32 bits, one bit at a time. */
static void
reference_add (guint8 *bits, double x)
{
  int exponent;
  double mantissa = frexp (fabs (x), &exponent);
  guint64 m = (guint64) ldexp (mantissa, 53);
  int position = exponent - 53 + 96;
  guint8 addend[256] = {0};
  int carry = 0;

  if (position < 0)
    {
      if (position < -60)
        return;
      m = (m + (G_GUINT64_CONSTANT (1) << (-position - 1))) >> -position;
      position = 0;
    }
  for (int i = 0; i < 64 && position + i < 256; i++)
    addend[position + i] = (m >> i) & 1;
  if (x < 0)
    carry = 1;
  for (int i = 0; i < 256; i++)
    {
      int sum = bits[i] + (x < 0 ? !addend[i] : addend[i]) + carry;

      bits[i] = sum & 1;
      carry = sum >> 1;
    }
}

static void
assert_bits (const TnWideSum *sum, const guint8 *bits)
{
  for (int i = 0; i < 256; i++)
    g_assert_cmpint ((sum->limbs[i / 64] >> (i % 64)) & 1, ==, bits[i]);
}

static void
test_add_against_reference (void)
{
  TnRandom random = tn_random_stream (1, "wide sum");
  TnWideSum sum = {0};
  guint8 bits[256] = {0};

  for (int i = 0; i < 20000; i++)
    {
      double x = ldexp (tn_random_normal (&random), (int) tn_random_below (&random, 250) - 125);

      tn_wide_sum_add (&sum, x);
      reference_add (bits, x);
      if (i % 100 == 0)
        assert_bits (&sum, bits);
    }
  assert_bits (&sum, bits);
}

static void
test_rounding (void)
{
  static const struct
  {
    double x;
    guint64 low;
  } cases[] = {
      {0x1p-96, 1}, {0x1.8p-96, 2}, {0x1p-97, 1},  {0x1.fffffffffffffp-98, 0}, {0x1p-98, 0}, {0x1.4p-95, 3}, {0x1p-1074, 0},
      {0.0, 0},     {-0.0, 0},      {0x1p-150, 0},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnWideSum sum = {0}, negative = {0};

      tn_wide_sum_add (&sum, cases[i].x);
      g_assert_cmpuint (sum.limbs[0], ==, cases[i].low);
      tn_wide_sum_add (&negative, -cases[i].x);
      g_assert_cmpuint (negative.limbs[0], ==, -cases[i].low);
      tn_wide_sum_merge (&sum, &negative);
      g_assert_true (tn_wide_sum_equal (&sum, &(TnWideSum){0}));
    }
}

static void
test_order_and_merge (void)
{
  enum
  {
    N = 997
  };
  TnRandom random = tn_random_stream (2, "wide sum");
  double values[N];
  TnWideSum forward = {0}, backward = {0}, even = {0}, odd = {0};

  for (int i = 0; i < N; i++)
    values[i] = ldexp (tn_random_uniform (&random) - 0.5, (int) tn_random_below (&random, 240) - 120);
  for (int i = 0; i < N; i++)
    {
      tn_wide_sum_add (&forward, values[i]);
      tn_wide_sum_add (&backward, values[N - 1 - i]);
      tn_wide_sum_add (i % 2 ? &odd : &even, values[i]);
    }
  tn_wide_sum_merge (&odd, &even);
  g_assert_true (tn_wide_sum_equal (&forward, &backward));
  g_assert_true (tn_wide_sum_equal (&forward, &odd));
}

static void
test_to_double (void)
{
  static const double values[] = {0.0,  1.0, -1.0, 0x1.fffffffffffffp100, -0x1.123456789abcdp-40, 0x1p127, 0x1.0000000000001p127,
                                  3e-29};
  TnWideSum sum;

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      sum = (TnWideSum){0};
      tn_wide_sum_add (&sum, values[i]);
      g_assert_cmpfloat_with_epsilon (tn_wide_sum_to_double (&sum), values[i], 0x1p-97);
    }
  /* Ties go to even, and anything beyond a tie goes up. */
  sum = (TnWideSum){0};
  tn_wide_sum_add (&sum, 0x1p60);
  tn_wide_sum_add (&sum, 0x1p7);
  g_assert_true (tn_wide_sum_to_double (&sum) == 0x1p60);
  tn_wide_sum_add (&sum, 0x1p-96);
  g_assert_true (tn_wide_sum_to_double (&sum) == 0x1p60 + 0x1p8);
  sum = (TnWideSum){0};
  tn_wide_sum_add (&sum, -0x1p60 - 0x1p8);
  tn_wide_sum_add (&sum, -0x1p7);
  g_assert_true (tn_wide_sum_to_double (&sum) == -(0x1p60 + 0x1p9));

  g_assert_true (tn_channel_sum_to_double (0) == 0.0);
  g_assert_true (tn_channel_sum_to_double ((TnChannelSum) 3 << 40) == 3.0);
  g_assert_true (tn_channel_sum_to_double (-((TnChannelSum) 5 << 100)) == -5 * 0x1p60);
  g_assert_true (tn_channel_sum_to_double (-1) == -0x1p-40);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wide-sum/add", test_add_against_reference);
  g_test_add_func ("/wide-sum/rounding", test_rounding);
  g_test_add_func ("/wide-sum/order", test_order_and_merge);
  g_test_add_func ("/wide-sum/to-double", test_to_double);
  return g_test_run ();
}
