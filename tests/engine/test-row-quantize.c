/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/norm.h"
#include "engine/kernels/row-quantize.h"
#include "engine/kernels/variant.h"
#include "engine/random.h"

static const gsize widths[] = {1, 7, 8, 15, 16, 17, 31, 64, 172, 255, 257, 1000, 4096};
static const gsize row_counts[] = {0, 1, 3, 17};
#define MOST_WIDTH 4096
#define MOST_ROWS 17
#define GUARD 77

typedef struct
{
  gint8 codes[MOST_ROWS * (MOST_WIDTH + 32) + 1];
  float scales[MOST_ROWS + 1];
  gint32 sums[MOST_ROWS + 1];
} Coded;

/* The formulas of the header, an element at a time. */
static void
code_row (const float *v, gsize width, gint8 *codes, gsize stride, float *scale, gint32 *sum)
{
  float absmax = 1e-5f;
  gboolean broken = FALSE;

  memset (codes, 0, stride);
  *sum = 0;
  for (gsize i = 0; i < width; i++)
    if (!isfinite (v[i]))
      broken = TRUE;
    else
      absmax = fmaxf (absmax, fabsf (v[i]));
  for (gsize i = 0; i < width; i++)
    if (isfinite (v[i]))
      {
        float factor = 127.0f / absmax;
        float product = v[i] * factor;

        codes[i] = (gint8) CLAMP (lrint ((double) product), -128, 127);
        *sum += codes[i];
      }
  *scale = broken ? NAN : absmax / 127.0f;
}

static void
code_rows (const float *v, gsize v_stride, gsize n_rows, gsize width, gsize stride, Coded *out)
{
  memset (out, GUARD, sizeof *out);
  for (gsize row = 0; row < n_rows; row++)
    code_row (v + row * v_stride, width, out->codes + row * stride, stride, &out->scales[row], &out->sums[row]);
}

/* Both kernels, in every variant of this processor, with what is beside their outputs. weight NULL: no norm. */
static void
check (const float *x, gsize x_stride, const float *weight, gsize n_rows, gsize width, gsize stride)
{
  g_autofree float *v = g_new (float, MAX (n_rows * width, 1));
  g_autofree Coded *expected = g_new (Coded, 1), *coded = g_new (Coded, 1);

  for (gsize row = 0; row < n_rows; row++)
    memcpy (v + row * width, x + row * x_stride, width * sizeof (float));
  g_assert_true (tn_variant_use (TN_VARIANT_SCALAR));
  if (weight != NULL)
    tn_rmsnorm (v, weight, 1e-5, n_rows, width, v);
  code_rows (v, width, n_rows, width, stride, expected);
  for (TnVariant variant = TN_VARIANT_SCALAR; variant < TN_N_VARIANTS; variant++)
    {
      if (!tn_variant_use (variant))
        continue;
      memset (coded, GUARD, sizeof *coded);
      if (weight != NULL)
        tn_rmsnorm_quantize_rows (x, x_stride, weight, 1e-5, n_rows, width, coded->codes, stride, coded->scales, coded->sums);
      else
        tn_quantize_rows (x, x_stride, n_rows, width, coded->codes, stride, coded->scales, coded->sums);
      g_assert_cmpmem (coded->codes, sizeof coded->codes, expected->codes, sizeof expected->codes);
      g_assert_cmpmem (coded->sums, sizeof coded->sums, expected->sums, sizeof expected->sums);
      for (gsize row = 0; row < n_rows; row++)
        if (isnan (expected->scales[row]))
          g_assert_true (isnan (coded->scales[row]));
        else
          g_assert_cmpfloat (coded->scales[row], ==, expected->scales[row]);
    }
}

static void
fill (TnRandom *random, float *x, gsize n, double scale)
{
  for (gsize i = 0; i < n; i++)
    x[i] = (float) (scale * tn_random_normal (random));
}

static void
test_shapes (void)
{
  TnRandom random = tn_random_stream (1, "row-quantize");
  g_autofree float *x = g_new (float, MOST_ROWS *(MOST_WIDTH + 5));
  g_autofree float *weight = g_new (float, MOST_WIDTH);

  fill (&random, x, MOST_ROWS * (MOST_WIDTH + 5), 3.0);
  fill (&random, weight, MOST_WIDTH, 1.0);
  for (guint k = 0; k < G_N_ELEMENTS (widths); k++)
    for (guint r = 0; r < G_N_ELEMENTS (row_counts); r++)
      {
        gsize width = widths[k], tiled = (width + 15) / 16 * 16;

        check (x, width, NULL, row_counts[r], width, width);
        check (x, width + 5, NULL, row_counts[r], width, tiled);
        check (x, width, weight, row_counts[r], width, tiled);
        check (x, width + 5, weight, row_counts[r], width, tiled + 16);
      }
}

/* Rows that are zero or nearly so, not finite somewhere, denormal, at the ends of the range, or that fall between codes. */
static void
test_special_rows (void)
{
  const float specials[] = {0.0f,    -0.0f,    1e-6f,     -9.9e-6f, 1e-5f,  -1.1e-5f, FLT_TRUE_MIN, -FLT_MIN,
                            FLT_MAX, INFINITY, -INFINITY, NAN,      127.0f, -127.5f,  1e30f,        -FLT_MAX};
  TnRandom random = tn_random_stream (2, "row-quantize");
  float x[4 * 257], weight[257];

  fill (&random, weight, 257, 1.0);
  for (guint k = 0; k < G_N_ELEMENTS (widths); k++)
    for (guint s = 0; s < G_N_ELEMENTS (specials); s++)
      {
        gsize width = widths[k];

        if (width > 257)
          continue;
        /* One of it among numbers, nothing but it, it among zeros, it in the last place. */
        fill (&random, x, 4 * 257, 1.0);
        x[tn_random_below (&random, width)] = specials[s];
        for (gsize i = 0; i < width; i++)
          {
            x[width + i] = specials[s];
            x[2 * width + i] = 0.0f;
          }
        x[2 * width + width / 2] = specials[s];
        x[4 * width - 1] = specials[s];
        check (x, width, NULL, 4, width, (width + 15) / 16 * 16);
        check (x, width, weight, 4, width, (width + 15) / 16 * 16);
      }
}

/* With the largest magnitude 127 the codes are the rounded values themselves. */
static void
test_ties (void)
{
  float x[511];
  gint8 codes[511];
  float scale;
  gint32 sum;

  for (gint i = 0; i < 511; i++)
    x[i] = (float) (i - 254) * 0.5f;
  x[509] = -127.0f;
  x[510] = 0.0f;
  for (TnVariant variant = TN_VARIANT_SCALAR; variant < TN_N_VARIANTS; variant++)
    {
      if (!tn_variant_use (variant))
        continue;
      tn_quantize_rows (x, 511, 1, 511, codes, 511, &scale, &sum);
      g_assert_cmpfloat (scale, ==, 1.0f);
      for (gint i = 0; i < 511; i++)
        g_assert_cmpint (codes[i], ==, (gint) nearbyint ((double) x[i]));
      g_assert_cmpint (codes[1], ==, -126);
      g_assert_cmpint (codes[3], ==, -126);
    }
}

/* The largest magnitude has the code 127 whatever it is: division and product round, but never as far as 127.5. */
static void
test_largest_has_last_code (void)
{
  TnRandom random = tn_random_stream (3, "row-quantize");

  for (guint k = 0; k < 20000; k++)
    {
      float x[17];
      gint8 codes[17];
      float scale;
      gint32 sum;

      fill (&random, x, 17, 1e-3);
      x[k % 17] = (k % 2 ? 1.0f : -1.0f) * (float) pow (2.0, 50.0 * tn_random_uniform (&random) + 2.0);
      tn_quantize_rows (x, 17, 1, 17, codes, 17, &scale, &sum);
      g_assert_cmpint (codes[k % 17], ==, k % 2 ? 127 : -127);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/row-quantize/shapes", test_shapes);
  g_test_add_func ("/row-quantize/special-rows", test_special_rows);
  g_test_add_func ("/row-quantize/ties", test_ties);
  g_test_add_func ("/row-quantize/largest-has-last-code", test_largest_has_last_code);
  return g_test_run ();
}
