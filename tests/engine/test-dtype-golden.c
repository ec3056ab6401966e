/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/tensor/dtype.h"
#include "engine/tensor/half-float.h"
#include "engine/tensor/lanes.h"

#define GOLDEN_ELEMENTS 256

static TnDtype
find_dtype (const char *name)
{
  for (guint i = 0; i < TN_N_DTYPES; i++)
    if (strcmp (tn_dtype_get_name ((TnDtype) i), name) == 0)
      return (TnDtype) i;
  g_error ("no dtype is called %s", name);
}

static guint8 *
parse_hex (const char *hex, gsize *size)
{
  guint8 *bytes;

  *size = strlen (hex) / 2;
  bytes = g_malloc (*size);
  for (gsize i = 0; i < *size; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
  return bytes;
}

/* What the golden blocks were made from. */
static double
get_input (char which, gint i)
{
  return which == 'A' ? ((i * 37 + 11) % 101 - 50) / 32.0 : 0.5 * ((i * 7 + i / 5) % 3 - 1);
}

static void
test_golden_blocks (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "ggml-blocks.txt", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint n_checked = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (guint line = 0; lines[line] != NULL; line++)
    {
      g_auto (GStrv) words = g_strsplit (lines[line], " ", -1);
      g_autofree guint8 *bytes = NULL;
      float out[GOLDEN_ELEMENTS], part[GOLDEN_ELEMENTS];
      char printed[G_ASCII_DTOSTR_BUF_SIZE];
      double mse = 0.0, expected;
      guint64 needed;
      TnDtype dtype;
      gsize size;

      if (words[0] == NULL || words[0][0] == '#')
        continue;
      dtype = find_dtype (words[0]);
      bytes = parse_hex (words[4], &size);
      g_assert_true (tn_dtype_bytes (dtype, GOLDEN_ELEMENTS, &needed));
      g_assert_cmpuint (needed, ==, size);
      tn_dtype_decode (dtype, bytes, GOLDEN_ELEMENTS, out);
      for (gint i = 0; i < GOLDEN_ELEMENTS; i++)
        {
          double error = get_input (words[1][0], i) - (double) out[i];

          mse += error * error;
        }
      mse /= GOLDEN_ELEMENTS;
      g_test_message ("%s: mse %.17g, expected %s", words[0], mse, words[3]);
      g_assert_cmpstr (g_ascii_formatd (printed, sizeof printed, "%.10g", mse), ==, words[2]);
      expected = g_ascii_strtod (words[3], NULL);
      g_assert_cmpfloat (fabs (mse - expected), <=, 1e-12 * expected);

      /* The last block in part. */
      for (guint n = 0; n < GOLDEN_ELEMENTS; n += 37)
        {
          memset (part, 0xff, sizeof part);
          tn_dtype_decode (dtype, bytes, n, part);
          g_assert_cmpmem (part, n * sizeof (float), out, n * sizeof (float));
          g_assert_true (isnan (part[n]));
        }
      n_checked++;
    }
  g_assert_cmpuint (n_checked, ==, 8);
}

/* No golden block exists for Q5_1: one is put together by hand. */
static void
test_q5_1 (void)
{
  guint8 block[24];
  float out[32];

  block[0] = 0x00, block[1] = 0x38; /* d = 0.5 */
  block[2] = 0x00, block[3] = 0xbc; /* minimum = -1 */
  memset (block + 4, 0, 4);
  for (guint j = 0; j < 32; j++)
    block[4 + j / 8] |= (guint8) ((j >> 4 & 1) << j % 8);
  for (guint j = 0; j < 16; j++)
    block[8 + j] = (guint8) (j | (15 - j) << 4);
  tn_dtype_decode (TN_DTYPE_Q5_1, block, 32, out);
  for (guint j = 0; j < 16; j++)
    {
      g_assert_cmpfloat (out[j], ==, 0.5f * (float) j - 1.0f);
      g_assert_cmpfloat (out[16 + j], ==, 0.5f * (float) (31 - j) - 1.0f);
    }
}

/* Of the definition: sign, 5 bits of exponent, 10 of mantissa. */
static double
slow_half (guint bits)
{
  double sign = bits & 0x8000 ? -1.0 : 1.0;
  gint exponent = (gint) (bits >> 10 & 31);
  gint mantissa = (gint) (bits & 1023);

  if (exponent == 31)
    return mantissa != 0 ? (double) NAN : sign * (double) INFINITY;
  return sign * (exponent == 0 ? ldexp (mantissa, -24) : ldexp (mantissa + 1024, exponent - 25));
}

static void
test_every_half (void)
{
  g_autofree guint16 *halves = g_new (guint16, 65537);
  g_autofree float *fast = g_new (float, 65536);
  g_autofree float *portable = g_new (float, 65536);

  for (guint i = 0; i < 65536; i++)
    halves[i] = (guint16) i;
  tn_f16_decode (halves, 65536, fast);
  tn_lanes_set_portable (TRUE);
  tn_f16_decode (halves, 65536, portable);
  tn_lanes_set_portable (FALSE);
  g_assert_cmpmem (fast, 65536 * sizeof (float), portable, 65536 * sizeof (float));
  for (guint i = 0; i < 65536; i++)
    {
      float single = tn_f16_to_f32 ((guint16) i);
      double truth = slow_half (i);

      g_assert_cmpmem (&single, sizeof single, &fast[i], sizeof (float));
      if (isnan (truth))
        {
          g_assert_true (isnan (single));
          g_assert_cmphex (tn_f32_to_f16 (single), ==, i | 0x200);
        }
      else
        {
          g_assert_true ((double) single == truth && !signbit (single) == !signbit (truth));
          g_assert_cmphex (tn_f32_to_f16 (single), ==, i);
        }
    }
  /* Odd counts and odd addresses. */
  memmove ((guint8 *) halves + 1, halves, 65536 * sizeof (guint16));
  for (guint n = 0; n < 40; n++)
    {
      tn_f16_decode ((guint8 *) halves + 1 + 2 * 15360, n, portable);
      g_assert_cmpmem (portable, n * sizeof (float), fast + 15360, n * sizeof (float));
    }
}

/* The nearest half found by trying both neighbours; ties to the even pattern. */
static void
test_round_to_half (void)
{
  for (guint i = 0; i < 0x7bff; i++)
    {
      double low = slow_half (i), high = slow_half (i + 1);
      float middle = (float) ((low + high) / 2.0);

      g_assert_cmphex (tn_f32_to_f16 (middle), ==, i + (i & 1));
      g_assert_cmphex (tn_f32_to_f16 (nextafterf (middle, 0.0f)), ==, i);
      g_assert_cmphex (tn_f32_to_f16 (nextafterf (middle, INFINITY)), ==, i + 1);
      g_assert_cmphex (tn_f32_to_f16 (-middle), ==, 0x8000 | (i + (i & 1)));
    }
  g_assert_cmphex (tn_f32_to_f16 (65519.996f), ==, 0x7bff);
  g_assert_cmphex (tn_f32_to_f16 (65520.0f), ==, 0x7c00);
  g_assert_cmphex (tn_f32_to_f16 (-1e30f), ==, 0xfc00);
  g_assert_cmphex (tn_f32_to_f16 (INFINITY), ==, 0x7c00);
  g_assert_cmphex (tn_f32_to_f16 (1e-30f), ==, 0);
}

static void
test_bfloat (void)
{
  g_autofree guint16 *all = g_new (guint16, 65536);
  g_autofree float *decoded = g_new (float, 65536);

  for (guint i = 0; i < 65536; i++)
    all[i] = (guint16) i;
  tn_bf16_decode (all, 65536, decoded);
  for (guint i = 0; i < 65536; i++)
    {
      float value = tn_bf16_to_f32 ((guint16) i);
      gboolean nan = isnan (value);

      g_assert_cmpmem (&value, sizeof value, &decoded[i], sizeof value);
      g_assert_cmphex (tn_f32_to_bf16 (value), ==, nan ? i | 0x40 : i);
    }
  g_assert_cmphex (tn_f32_to_bf16 (1.00390625f), ==, 0x3f80); /* half way, down to even */
  g_assert_cmphex (tn_f32_to_bf16 (1.01171875f), ==, 0x3f82); /* half way, up to even */
  g_assert_cmphex (tn_f32_to_bf16 (1.00390637f), ==, 0x3f81);
  g_assert_cmphex (tn_f32_to_bf16 (3.4e38f), ==, 0x7f80);
}

static void
test_eight_bit_floats (void)
{
  g_assert_cmpfloat (tn_f8_e4m3_to_f32 (0x7e), ==, 448.0f);
  g_assert_cmpfloat (tn_f8_e4m3_to_f32 (0x38), ==, 1.0f);
  g_assert_cmpfloat (tn_f8_e4m3_to_f32 (0x01), ==, 0x1p-9f);
  g_assert_cmpfloat (tn_f8_e4m3_to_f32 (0x08), ==, 0x1p-6f);
  g_assert_cmpfloat (tn_f8_e4m3_to_f32 (0xc9), ==, -4.5f);
  g_assert_true (isnan (tn_f8_e4m3_to_f32 (0x7f)) && isnan (tn_f8_e4m3_to_f32 (0xff)));
  g_assert_cmpfloat (tn_f8_e5m2_to_f32 (0x7b), ==, 57344.0f);
  g_assert_cmpfloat (tn_f8_e5m2_to_f32 (0xbc), ==, -1.0f);
  g_assert_cmpfloat (tn_f8_e5m2_to_f32 (0x01), ==, 0x1p-16f);
  g_assert_cmpfloat (tn_f8_e5m2_to_f32 (0x7c), ==, INFINITY);
  g_assert_true (isnan (tn_f8_e5m2_to_f32 (0x7d)));
  for (guint i = 1; i < 0x7f; i++)
    g_assert_cmpfloat (tn_f8_e4m3_to_f32 ((guint8) i), >, tn_f8_e4m3_to_f32 ((guint8) (i - 1)));
}

static void
test_plain_numbers (void)
{
  const gint64 wide[] = {G_MAXINT64, -16777217, 16777219};
  const double doubles[] = {1.0 + 0x1p-24, -0x1p-150, 1e300};
  const guint8 bytes[] = {0, 1, 255, 128};
  guint8 shifted[1 + sizeof wide];
  float out[4];

  memcpy (shifted + 1, wide, sizeof wide);
  tn_dtype_decode (TN_DTYPE_I64, shifted + 1, 3, out);
  g_assert_cmpfloat (out[0], ==, 0x1p63f);
  g_assert_cmpfloat (out[1], ==, -16777216.0f);
  g_assert_cmpfloat (out[2], ==, 16777220.0f);
  tn_dtype_decode (TN_DTYPE_U64, wide, 2, out);
  g_assert_cmpfloat (out[1], ==, 0x1p64f);
  tn_dtype_decode (TN_DTYPE_F64, doubles, 3, out);
  g_assert_cmpfloat (out[0], ==, 1.0f);
  g_assert_cmpfloat (out[1], ==, 0.0f);
  g_assert_cmpfloat (out[2], ==, INFINITY);
  tn_dtype_decode (TN_DTYPE_I8, bytes, 4, out);
  g_assert_cmpfloat (out[2], ==, -1.0f);
  g_assert_cmpfloat (out[3], ==, -128.0f);
  tn_dtype_decode (TN_DTYPE_U8, bytes, 4, out);
  g_assert_cmpfloat (out[2], ==, 255.0f);
  tn_dtype_decode (TN_DTYPE_BOOL, bytes, 4, out);
  g_assert_cmpfloat (out[0], ==, 0.0f);
  g_assert_cmpfloat (out[2], ==, 1.0f);
  tn_dtype_decode (TN_DTYPE_I16, bytes, 2, out);
  g_assert_cmpfloat (out[0], ==, 256.0f);
  g_assert_cmpfloat (out[1], ==, -32513.0f);
  tn_dtype_decode (TN_DTYPE_U16, bytes, 2, out);
  g_assert_cmpfloat (out[1], ==, 33023.0f);
  tn_dtype_decode (TN_DTYPE_I32, bytes, 1, out);
  g_assert_cmpfloat (out[0], ==, -2130771712.0f);
  tn_dtype_decode (TN_DTYPE_U32, bytes, 1, out);
  g_assert_cmpfloat (out[0], ==, 2164195584.0f);
}

static void
test_ternary (void)
{
  const guint8 bytes[] = {0 | 1 << 2 | 2 << 4 | 3 << 6, 2};
  float out[5];

  tn_dtype_decode (TN_DTYPE_TERNARY, bytes, 5, out);
  g_assert_cmpfloat (out[0], ==, -1.0f);
  g_assert_cmpfloat (out[1], ==, 0.0f);
  g_assert_cmpfloat (out[2], ==, 1.0f);
  g_assert_true (isnan (out[3]));
  g_assert_cmpfloat (out[4], ==, 1.0f);
}

static void
test_sizes (void)
{
  guint64 bytes;

  g_assert_true (tn_dtype_bytes (TN_DTYPE_F16, 0, &bytes) && bytes == 0);
  g_assert_true (tn_dtype_bytes (TN_DTYPE_Q6_K, 512, &bytes) && bytes == 420);
  g_assert_true (tn_dtype_bytes (TN_DTYPE_TERNARY, 8, &bytes) && bytes == 2);
  g_assert_false (tn_dtype_bytes (TN_DTYPE_TERNARY, 6, &bytes));
  g_assert_false (tn_dtype_bytes (TN_DTYPE_Q4_0, 33, &bytes));
  g_assert_false (tn_dtype_bytes (TN_DTYPE_F64, G_MAXUINT64 / 8 + 1, &bytes));
  g_assert_false (tn_dtype_bytes (TN_DTYPE_OPAQUE, 1, &bytes));
  g_assert_false (tn_dtype_can_decode (TN_DTYPE_OPAQUE) || tn_dtype_can_decode (TN_DTYPE_INVALID));
  g_assert_false (tn_dtype_bytes (TN_DTYPE_PACKED, 1, &bytes));
  g_assert_true (tn_dtype_can_decode (TN_DTYPE_PACKED));
  for (guint i = TN_DTYPE_F64; i < TN_DTYPE_PACKED; i++)
    {
      g_assert_true (tn_dtype_can_decode ((TnDtype) i));
      g_assert_cmpuint (tn_dtype_block_elements ((TnDtype) i), >, 0);
      g_assert_cmpuint (tn_dtype_block_bytes ((TnDtype) i), >, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dtype/golden-blocks", test_golden_blocks);
  g_test_add_func ("/dtype/q5-1", test_q5_1);
  g_test_add_func ("/dtype/every-half", test_every_half);
  g_test_add_func ("/dtype/round-to-half", test_round_to_half);
  g_test_add_func ("/dtype/bfloat", test_bfloat);
  g_test_add_func ("/dtype/eight-bit-floats", test_eight_bit_floats);
  g_test_add_func ("/dtype/plain-numbers", test_plain_numbers);
  g_test_add_func ("/dtype/ternary", test_ternary);
  g_test_add_func ("/dtype/sizes", test_sizes);
  return g_test_run ();
}
