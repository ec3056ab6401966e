/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/random.h"
#include "engine/tensor/dtype.h"
#include "engine/tensor/ggml-encode.h"
#include "engine/tensor/half-float.h"
#include "engine/tensor/lanes.h"

#define GOLDEN_ELEMENTS 256
#define N_BLOCKS 1536 /* a multiple of 256 elements in either size of block */

static const TnDtype block_dtypes[] = {TN_DTYPE_Q4_0, TN_DTYPE_Q4_1,  TN_DTYPE_Q5_0, TN_DTYPE_Q5_1,
                                       TN_DTYPE_Q8_0, TN_DTYPE_TQ1_0, TN_DTYPE_TQ2_0};

static gint
get_golden_trit (gint i)
{
  return (i * 7 + i / 5) % 3 - 1;
}

static float
get_golden_input (char which, gint i)
{
  return which == 'A' ? (float) ((i * 37 + 11) % 101 - 50) / 32.0f : 0.5f * (float) get_golden_trit (i);
}

static void
assert_hex (const guint8 *bytes, gsize n, const char *hex)
{
  g_autoptr (GString) found = g_string_new (NULL);

  for (gsize i = 0; i < n; i++)
    g_string_append_printf (found, "%02x", bytes[i]);
  g_assert_cmpstr (found->str, ==, hex);
}

static void
test_golden (void)
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
      float x[GOLDEN_ELEMENTS];

      for (guint k = 0; k < G_N_ELEMENTS (block_dtypes); k++)
        {
          guint8 out[GOLDEN_ELEMENTS * 2];
          guint64 bytes;

          if (g_strcmp0 (words[0], tn_dtype_get_name (block_dtypes[k])) != 0)
            continue;
          for (gint i = 0; i < GOLDEN_ELEMENTS; i++)
            x[i] = get_golden_input (words[1][0], i);
          g_assert_true (tn_dtype_bytes (block_dtypes[k], GOLDEN_ELEMENTS, &bytes));
          for (guint portable = 0; portable < 2; portable++)
            {
              tn_lanes_set_portable (portable == 1);
              g_assert_true (tn_dtype_encode (block_dtypes[k], x, GOLDEN_ELEMENTS, out, NULL));
              assert_hex (out, bytes, words[4]);
            }
          tn_lanes_set_portable (FALSE);
          n_checked++;
        }
    }
  g_assert_cmpuint (n_checked, ==, 6);
}

static void
store_half (guint8 *out, float value)
{
  guint16 half = tn_f32_to_f16 (value);

  memcpy (out, &half, sizeof half);
}

/* One block after the format's description, an element after the other. */
static void
slow_encode (TnDtype dtype, const float *x, guint8 *out)
{
  guint n = (guint) tn_dtype_block_elements (dtype);
  float largest = 0.0f, signed_largest = 0.0f, min = x[0], max = x[0], d = 0.0f, inverse;
  guint codes[256];

  memset (out, 0, tn_dtype_block_bytes (dtype));
  for (guint j = 0; j < n; j++)
    {
      if (fabsf (x[j]) > largest)
        {
          largest = fabsf (x[j]);
          signed_largest = x[j];
        }
      min = x[j] < min ? x[j] : min;
      max = x[j] > max ? x[j] : max;
    }
  switch ((int) dtype)
    {
    case TN_DTYPE_Q4_0:
      d = signed_largest / -8.0f;
      break;
    case TN_DTYPE_Q4_1:
      d = (max - min) / 15.0f;
      break;
    case TN_DTYPE_Q5_0:
      d = signed_largest / -16.0f;
      break;
    case TN_DTYPE_Q5_1:
      d = (max - min) / 31.0f;
      break;
    case TN_DTYPE_Q8_0:
      d = largest / 127.0f;
      break;
    default:
      d = largest;
    }
  inverse = d != 0.0f && isfinite (1.0f / d) ? 1.0f / d : 0.0f;
  for (guint j = 0; j < n; j++)
    switch ((int) dtype)
      {
      case TN_DTYPE_Q4_0:
        codes[j] = (guint) fminf (15.0f, truncf (x[j] * inverse + 8.5f));
        break;
      case TN_DTYPE_Q4_1:
        codes[j] = (guint) fminf (15.0f, truncf ((x[j] - min) * inverse + 0.5f));
        break;
      case TN_DTYPE_Q5_0:
        codes[j] = (guint) fminf (31.0f, truncf (x[j] * inverse + 16.5f));
        break;
      case TN_DTYPE_Q5_1:
        codes[j] = (guint) truncf ((x[j] - min) * inverse + 0.5f);
        break;
      case TN_DTYPE_Q8_0:
        codes[j] = (guint8) (gint8) roundf (x[j] * inverse);
        break;
      default:
        codes[j] = (guint) (lroundf (x[j] * inverse) + 1);
      }
  switch ((int) dtype)
    {
    case TN_DTYPE_Q8_0:
      store_half (out, d);
      for (guint j = 0; j < 32; j++)
        out[2 + j] = (guint8) codes[j];
      break;
    case TN_DTYPE_TQ2_0:
      for (guint j = 0; j < 256; j++)
        out[j / 128 * 32 + j % 32] |= (guint8) (codes[j] << j % 128 / 32 * 2);
      store_half (out + 64, d);
      break;
    case TN_DTYPE_TQ1_0:
      for (guint byte = 0; byte < 52; byte++)
        {
          guint first = byte < 32 ? byte : byte < 48 ? 160 + byte - 32 : 240 + byte - 48;
          guint stride = byte < 32 ? 32 : byte < 48 ? 16 : 4;
          guint value = 0;

          for (guint t = 0; t < 5; t++)
            value = value * 3 + (byte >= 48 && t == 4 ? 0 : codes[first + t * stride]);
          out[byte] = (guint8) ceil (value * 256 / 243.0);
        }
      store_half (out + 52, d);
      break;
    default:
      {
        gboolean has_minimum = dtype == TN_DTYPE_Q4_1 || dtype == TN_DTYPE_Q5_1;
        gboolean five = dtype == TN_DTYPE_Q5_0 || dtype == TN_DTYPE_Q5_1;
        guint8 *high = out + (has_minimum ? 4 : 2);
        guint8 *nibbles = high + (five ? 4 : 0);

        store_half (out, d);
        if (has_minimum)
          store_half (out + 2, min);
        for (guint j = 0; j < 32; j++)
          {
            nibbles[j % 16] |= (guint8) ((codes[j] & 15) << j / 16 * 4);
            if (five)
              high[j / 8] |= (guint8) (codes[j] >> 4 << j % 8);
          }
      }
    }
}

/* Blocks of every kind: smooth, ternary, constant, with ties, zeros of both signs, tiny and large. */
static void
fill_block (TnRandom *random, guint kind, float *x, guint n)
{
  float scale = fminf ((float) exp (tn_random_normal (random) * 4.0), 1e4f);

  for (guint j = 0; j < n; j++)
    {
      double u = tn_random_uniform (random);

      switch (kind % 9)
        {
        case 0:
          x[j] = (float) tn_random_normal (random);
          break;
        case 1:
          x[j] = (float) tn_random_normal (random) * scale;
          break;
        case 2: /* halves of a step: ties */
          x[j] = (float) (floor (u * 33.0) - 16.0) * 0.5f;
          break;
        case 3:
          x[j] = scale * (float) (floor (u * 3.0) - 1.0);
          break;
        case 4: /* zeros of both signs */
          x[j] = u < 0.5 ? 0.0f : -0.0f;
          break;
        case 5:
          x[j] = -scale;
          break;
        case 6: /* subnormal and nearly so */
          x[j] = (float) tn_random_normal (random) * (u < 0.5 ? 1e-38f : 1e-42f);
          break;
        case 7:
          x[j] = (float) (u - 0.1) * 60000.0f;
          break;
        default: /* the same magnitude twice, zeros at the ends of the range */
          x[j] = u < 0.2 ? 3.25f : u < 0.4 ? -3.25f : u < 0.6 ? -0.0f : (float) u;
        }
    }
  if (kind % 9 == 8 && kind % 2 == 1)
    for (guint j = 0; j < n; j++)
      x[j] = MAX (x[j], 0.0f);
}

static void
test_against_reference (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (block_dtypes); k++)
    {
      TnRandom random = tn_random_stream (3, "blocks");
      TnDtype dtype = block_dtypes[k];
      guint n = (guint) tn_dtype_block_elements (dtype);
      gsize bytes = tn_dtype_block_bytes (dtype);
      g_autofree float *x = g_new (float, N_BLOCKS *n);
      g_autofree guint8 *slow = g_malloc (N_BLOCKS * bytes);
      g_autofree guint8 *fast = g_malloc (N_BLOCKS * bytes + 1);
      g_autoptr (GError) error = NULL;

      for (guint i = 0; i < N_BLOCKS; i++)
        {
          fill_block (&random, i, x + i * n, n);
          slow_encode (dtype, x + i * n, slow + i * bytes);
        }
      for (guint portable = 0; portable < 2; portable++)
        {
          tn_lanes_set_portable (portable == 1);
          memset (fast, 0xa5, N_BLOCKS * bytes + 1);
          tn_dtype_encode (dtype, x, N_BLOCKS * n, fast, &error);
          g_assert_no_error (error);
          for (guint i = 0; i < N_BLOCKS; i++)
            if (memcmp (fast + i * bytes, slow + i * bytes, bytes) != 0)
              g_error ("%s, block %u (kind %u) differs", tn_dtype_get_name (dtype), i, i % 9);
          g_assert_cmphex (fast[N_BLOCKS * bytes], ==, 0xa5);
          /* Odd addresses, few blocks, none. */
          g_assert_true (tn_dtype_encode (dtype, x, 3 * n, fast + 1, NULL));
          g_assert_cmpmem (fast + 1, 3 * bytes, slow, 3 * bytes);
          g_assert_true (tn_dtype_encode (dtype, x, 0, fast, NULL));
          g_assert_cmpmem (fast + 1, 3 * bytes, slow, 3 * bytes);
        }
      tn_lanes_set_portable (FALSE);
    }
}

/* What is decoded and encoded again stays what it is, within the block forms that hold their own extremes. */
static void
test_again (void)
{
  const TnDtype dtypes[] = {TN_DTYPE_Q8_0, TN_DTYPE_TQ1_0, TN_DTYPE_TQ2_0};
  TnRandom random = tn_random_stream (4, "again");

  for (guint k = 0; k < G_N_ELEMENTS (dtypes); k++)
    for (guint i = 0; i < 100; i++)
      {
        float x[256], once[256], twice[256];
        guint8 block[272];

        fill_block (&random, 0, x, 256);
        g_assert_true (tn_dtype_encode (dtypes[k], x, 256, block, NULL));
        tn_dtype_decode (dtypes[k], block, 256, once);
        g_assert_true (tn_dtype_encode (dtypes[k], once, 256, block, NULL));
        tn_dtype_decode (dtypes[k], block, 256, twice);
        if (dtypes[k] == TN_DTYPE_Q8_0)
          for (guint j = 0; j < 256; j++)
            g_assert_cmpfloat (fabsf (once[j] - twice[j]), <=, 1e-3f * fabsf (once[j]));
        else
          g_assert_cmpmem (twice, sizeof twice, once, sizeof once);
      }
}

/* Ternary codes and a scale give the bytes that the reference makes of scale * code. */
static void
test_ternary_codes (void)
{
  const TnDtype dtypes[] = {TN_DTYPE_TQ1_0, TN_DTYPE_TQ2_0};
  const float scales[] = {0.5f, 0.0123456f, 3.7e-7f, 65504.0f, 1.0f / 3.0f};
  const guint n_blocks = 7, blocks_per_scale = 2;
  float x[7 * 256], decoded[7 * 256];
  guint8 direct[7 * 66], coded[7 * 66];
  gint8 codes[7 * 256];

  for (guint i = 0; i < n_blocks * 256; i++)
    codes[i] = (gint8) (i / 256 == 3 ? 0 : get_golden_trit ((gint) i * 3 + (gint) i / 256));
  for (guint k = 0; k < G_N_ELEMENTS (dtypes); k++)
    for (guint portable = 0; portable < 2; portable++)
      {
        gsize bytes = n_blocks * tn_dtype_block_bytes (dtypes[k]);

        for (guint i = 0; i < n_blocks * 256; i++)
          x[i] = scales[i / 256 / blocks_per_scale] * (float) codes[i];
        tn_lanes_set_portable (portable == 1);
        g_assert_true (tn_ggml_encode_blocks (dtypes[k], x, n_blocks, direct, NULL));
        g_assert_true (tn_ggml_encode_codes (dtypes[k], codes, n_blocks, scales, blocks_per_scale, coded, NULL));
        tn_lanes_set_portable (FALSE);
        g_assert_cmpmem (coded, bytes, direct, bytes);
        tn_dtype_decode (dtypes[k], coded, n_blocks * 256, decoded);
        for (guint i = 0; i < n_blocks * 256; i++)
          g_assert_cmpfloat (decoded[i], ==,
                             tn_f16_to_f32 (tn_f32_to_f16 (scales[i / 256 / blocks_per_scale])) * (float) codes[i]);
      }
}

static void
test_integer_codes (void)
{
  const struct
  {
    TnDtype dtype;
    gint low, high;
  } forms[] = {{TN_DTYPE_Q4_0, -8, 7}, {TN_DTYPE_Q5_0, -16, 15}, {TN_DTYPE_Q8_0, -128, 127}};
  const float scales[] = {0.25f, 2.0f, 0.0078125f};
  float decoded[160];
  guint8 blocks[5 * 34];
  gint8 codes[160];

  for (guint k = 0; k < G_N_ELEMENTS (forms); k++)
    for (guint portable = 0; portable < 2; portable++)
      {
        for (gint i = 0; i < 160; i++)
          codes[i] = (gint8) (forms[k].low + (i * 37 + i / 32) % (forms[k].high - forms[k].low + 1));
        tn_lanes_set_portable (portable == 1);
        g_assert_true (tn_ggml_encode_codes (forms[k].dtype, codes, 5, scales, 2, blocks, NULL));
        tn_lanes_set_portable (FALSE);
        tn_dtype_decode (forms[k].dtype, blocks, 160, decoded);
        for (guint i = 0; i < 160; i++)
          g_assert_cmpfloat (decoded[i], ==, scales[i / 64] * (float) codes[i]);
      }
}

static void
assert_refused (gboolean done, GError **error, TnErrorCode code, const char *word)
{
  g_assert_false (done);
  g_assert_error (*error, TN_ERROR, (gint) code);
  g_assert_nonnull (strstr ((*error)->message, word));
  g_assert_null (strchr ((*error)->message, '\n'));
  g_clear_error (error);
}

static void
test_refusals (void)
{
  const float lost[] = {NAN, INFINITY, -INFINITY};
  const float bad_scales[] = {NAN, INFINITY, 65520.0f, 1e-8f};
  const float zero = 0.0f;
  g_autoptr (GError) error = NULL;
  guint8 out[1024];
  float x[512] = {0};
  gint8 codes[512] = {0};

  for (guint k = 0; k < G_N_ELEMENTS (block_dtypes); k++)
    {
      TnDtype dtype = block_dtypes[k];
      gsize n = tn_dtype_block_elements (dtype);

      for (guint i = 0; i < G_N_ELEMENTS (lost); i++)
        {
          x[n + 5] = lost[i];
          assert_refused (tn_dtype_encode (dtype, x, 2 * n, out, &error), &error, TN_ERROR_DATA, tn_dtype_get_name (dtype));
        }
      x[n + 5] = -3e38f;
      x[n + 6] = 3e38f;
      assert_refused (tn_dtype_encode (dtype, x, 2 * n, out, &error), &error, TN_ERROR_DATA, tn_dtype_get_name (dtype));
      x[n + 5] = x[n + 6] = 0.0f;
      assert_refused (tn_dtype_encode (dtype, x, n + 1, out, &error), &error, TN_ERROR_SHAPE, n == 32 ? "32" : "256");
      g_assert_true (tn_dtype_check_width (dtype, 512, NULL));
    }
  assert_refused (tn_dtype_check_width (TN_DTYPE_TQ2_0, 3200, &error), &error, TN_ERROR_SHAPE, "3200");
  codes[300] = 2;
  for (guint i = 0; i < G_N_ELEMENTS (bad_scales); i++)
    assert_refused (tn_ggml_encode_codes (TN_DTYPE_TQ1_0, codes, 1, &bad_scales[i], 1, out, &error), &error, TN_ERROR_DATA,
                    "tq1_0");
  g_assert_true (tn_ggml_encode_codes (TN_DTYPE_TQ1_0, codes, 1, &zero, 1, out, NULL));
  assert_refused (tn_ggml_encode_codes (TN_DTYPE_TQ2_0, codes, 2, &zero, 2, out, &error), &error, TN_ERROR_DATA, "300");
  codes[300] = -128;
  assert_refused (tn_ggml_encode_codes (TN_DTYPE_TQ1_0, codes, 2, &zero, 2, out, &error), &error, TN_ERROR_DATA, "-128");
  codes[300] = 8;
  assert_refused (tn_ggml_encode_codes (TN_DTYPE_Q4_0, codes, 16, &zero, 16, out, &error), &error, TN_ERROR_DATA, "300");
  x[7] = 65520.0f;
  assert_refused (tn_dtype_encode (TN_DTYPE_F16, x, 8, out, &error), &error, TN_ERROR_DATA, "7");
  x[3] = -3.4e38f;
  assert_refused (tn_dtype_encode (TN_DTYPE_BF16, x, 512, out, &error), &error, TN_ERROR_DATA, "3");
}

/* All patterns near those of halves, ties among them, and random ones. */
static void
test_short_floats (void)
{
  const gsize n = 1 << 19;
  TnRandom random = tn_random_stream (5, "patterns");
  g_autofree float *x = g_new (float, n);
  g_autofree guint16 *halves = g_new (guint16, n + 1);

  for (gsize i = 0; i < n; i++)
    {
      guint32 bits = (guint32) tn_random_next (&random);

      if (i % 2 == 0)
        bits = (bits & 0xff800000) | (bits & 0x7fe000) |
               (bits % 5 == 0   ? 0x1000
                : bits % 5 == 1 ? 0x0fff
                : bits % 5 == 2 ? 0x1001
                                : 0);
      else if (i % 5 == 0)
        bits = (bits & 0xffff0000) | (bits % 3 == 0 ? 0x8000 : bits % 3 == 1 ? 0x7fff : 0x8001);
      memcpy (&x[i], &bits, sizeof bits);
    }
  for (guint portable = 0; portable < 2; portable++)
    {
      tn_lanes_set_portable (portable == 1);
      tn_f16_encode (x, n, halves);
      for (gsize i = 0; i < n; i++)
        g_assert_cmphex (halves[i], ==, tn_f32_to_f16 (x[i]));
      tn_bf16_encode (x, n, halves);
      for (gsize i = 0; i < n; i++)
        g_assert_cmphex (halves[i], ==, tn_f32_to_bf16 (x[i]));
      for (guint length = 0; length < 40; length++)
        {
          memset (halves, 0x11, 84);
          tn_f16_encode (x, length, (guint8 *) halves + 1);
          for (guint i = 0; i < length; i++)
            g_assert_cmphex (((guint8 *) halves)[1 + 2 * i] | ((guint8 *) halves)[2 + 2 * i] << 8, ==, tn_f32_to_f16 (x[i]));
          g_assert_cmphex (((guint8 *) halves)[1 + 2 * length], ==, 0x11);
        }
      for (gsize i = 0; i < n; i++)
        {
          gboolean lost = isfinite (x[i]) && (tn_f32_to_f16 (x[i]) & 0x7fff) == 0x7c00;
          float many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};

          if (i % 512 != 0)
            continue;
          many[i / 512 % 9] = x[i];
          g_assert_true (tn_f16_encode (many, 9, halves) == !lost);
          lost = isfinite (x[i]) && (tn_f32_to_bf16 (x[i]) & 0x7fff) == 0x7f80;
          g_assert_true (tn_bf16_encode (many, 9, halves) == !lost);
        }
    }
  tn_lanes_set_portable (FALSE);
  g_assert_true (tn_dtype_encode (TN_DTYPE_F32, x, n / 2, halves, NULL));
  g_assert_cmpmem (halves, n * 2, x, n * 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ggml-encode/golden", test_golden);
  g_test_add_func ("/ggml-encode/against-reference", test_against_reference);
  g_test_add_func ("/ggml-encode/again", test_again);
  g_test_add_func ("/ggml-encode/ternary-codes", test_ternary_codes);
  g_test_add_func ("/ggml-encode/integer-codes", test_integer_codes);
  g_test_add_func ("/ggml-encode/refusals", test_refusals);
  g_test_add_func ("/ggml-encode/short-floats", test_short_floats);
  return g_test_run ();
}
