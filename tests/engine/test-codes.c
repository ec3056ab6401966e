/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/error.h"
#include "engine/quant/codes.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"
#include "engine/tensor/lanes.h"

#define ALL_SCHEMES                                                                                                              \
  "ternary,ternary:ls,ternary:absmedian:f16,ternary:twn,ternary:lloyd,ternary:c,ternary:lloyd:c:f16,ternary:twn:g4,binary,"      \
  "binary:c:f16,int2,int3,int4:g4,int4:g4:f32,int5:c,int6,int7:t,int8,int8:f16,int8:asym,int8:c:asym:f16,int4:g4:asym,"          \
  "int2:asym,int3:c:asym"

static const TnCodeStorage as_found = {TN_DTYPE_F32, TN_DTYPE_F32};

static TnTensor *
wrap (const float *x, guint64 rows, guint64 columns)
{
  const guint64 shape[] = {rows, columns};

  return tn_tensor_new_mapped (TN_DTYPE_F32, 2, shape, x, rows * columns * sizeof (float), NULL, NULL, NULL);
}

static float *
make_normal (guint64 n, double center)
{
  TnRandom random = tn_random_stream (12, "weights");
  float *x = g_new (float, n + 1);

  for (guint64 i = 0; i < n; i++)
    x[i] = (float) (center + tn_random_normal (&random));
  return x;
}

/* code * scale are the bits of fake quantization, rows taken in pieces of any number. */
static void
check_tensor (const TnTensor *tensor, const float *w, const TnScheme *scheme)
{
  guint64 rows = tn_tensor_rows (tensor), columns = tn_tensor_columns (tensor);
  g_autofree char *name = tn_scheme_to_string (scheme);
  g_autofree float *expected = g_new (float, rows *columns + 1);
  double square = 0.0, error_square = 0.0;

  g_test_message ("%" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT " %s", rows, columns, name);
  g_assert_true (tn_quantize_values (scheme, w, rows, columns, expected, NULL));
  for (guint64 i = 0; i < rows * columns; i++)
    {
      square += (double) w[i] * (double) w[i];
      error_square += ((double) w[i] - (double) expected[i]) * ((double) w[i] - (double) expected[i]);
    }
  for (guint64 piece = 1; piece <= rows; piece = piece * 3 + 1)
    {
      g_autoptr (TnCoder) coder = tn_coder_new (tensor, scheme, &as_found, NULL, NULL);
      guint64 n_units = tn_coder_units_per_row (coder);
      g_autofree gint16 *codes = g_new (gint16, piece * columns + 1);
      g_autofree TnRounding *units = g_new (TnRounding, piece * n_units + 1);
      TnCodeSums sums = {0};
      gint low = 0, high = 0;

      g_assert_nonnull (coder);
      for (guint64 first = 0; first < rows; first += piece)
        {
          guint64 n = MIN (piece, rows - first);

          g_assert_true (tn_coder_read (coder, first, n, codes, units, &sums, NULL, NULL));
          for (guint64 i = 0; i < n * columns; i++)
            {
              const TnRounding *unit = &units[i / columns * n_units + i % columns / (columns / n_units)];
              float value = (float) codes[i] * unit->scale;

              g_assert_cmpmem (&value, sizeof value, &expected[first * columns + i], sizeof value);
              low = MIN (low, codes[i] - (scheme->asymmetric ? (gint) unit->low : 0));
              high = MAX (high, codes[i] - (scheme->asymmetric ? (gint) unit->low : 0));
            }
        }
      g_assert_cmpuint (sums.nonfinite, ==, 0);
      g_assert_cmpfloat (sums.scale_change, ==, 0.0);
      g_assert_cmpfloat (fabs (sums.square - square), <=, 1e-12 * square);
      g_assert_cmpfloat (fabs (sums.error_square - error_square), <=, 1e-12 * square);
      if (scheme->kind != TN_SCHEME_INTEGER)
        g_assert_true (low >= -1 && high <= 1);
      else if (scheme->asymmetric)
        g_assert_true (low >= 0 && high <= (1 << scheme->bits) - 1);
      else
        g_assert_true (MAX (-low, high) <= (1 << (scheme->bits - 1)) - 1);
    }
}

static void
test_values (void)
{
  const struct
  {
    guint64 rows, columns;
  } shapes[] = {{1, 1}, {1, 7}, {3, 4}, {5, 31}, {64, 172}, {13, 1000}, {3, 70004}, {2, 262148}};
  g_autoptr (GArray) schemes = tn_scheme_parse_list (ALL_SCHEMES, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      guint64 rows = shapes[i].rows, columns = shapes[i].columns;
      g_autofree float *w = make_normal (rows * columns, i % 2 == 0 ? 0.0 : 0.4);
      g_autoptr (TnTensor) tensor = wrap (w, rows, columns);

      for (guint j = 0; j < schemes->len; j++)
        if (tn_scheme_check (&g_array_index (schemes, TnScheme, j), rows, columns, NULL))
          check_tensor (tensor, w, &g_array_index (schemes, TnScheme, j));
    }
}

static void
test_odd_values (void)
{
  g_autoptr (GArray) schemes = tn_scheme_parse_list (ALL_SCHEMES, NULL);
  float zeros[64] = {0}, constant[64], tiny[64], edge[64];
  float *const contents[] = {zeros, constant, tiny, edge};

  for (guint i = 0; i < 64; i++)
    {
      constant[i] = -0.37f;
      tiny[i] = (float) i * (i % 2 == 0 ? 1e-8f : -1e-44f);
      edge[i] = (i % 3 == 0 ? -1.0f : 1.0f) * (i == 11 ? 60000.0f : 0.5f * (float) (i % 5));
    }
  for (guint k = 0; k < G_N_ELEMENTS (contents); k++)
    {
      g_autoptr (TnTensor) tensor = wrap (contents[k], 8, 8);

      for (guint j = 0; j < schemes->len; j++)
        check_tensor (tensor, contents[k], &g_array_index (schemes, TnScheme, j));
    }
}

/* Instructions and threads change nothing; what is not finite is counted and has code 0. */
static void
test_lost (void)
{
  const guint64 rows = 37, columns = 52, n = rows * columns;
  g_autofree float *w = make_normal (n, 0.1);
  g_autoptr (TnTensor) tensor = wrap (w, rows, columns);
  g_autoptr (GArray) schemes = tn_scheme_parse_list (ALL_SCHEMES, NULL);
  g_autofree gint16 *codes = g_new (gint16, n);
  g_autofree gint16 *again = g_new (gint16, n);
  g_autofree TnRounding *units = g_new (TnRounding, n);
  guint64 lost = 0;
  gint threads = omp_get_max_threads ();

  for (guint64 i = 0; i < n; i += 5)
    {
      w[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
      lost++;
    }
  for (guint j = 0; j < schemes->len; j++)
    {
      g_autoptr (TnCoder) coder = tn_coder_new (tensor, &g_array_index (schemes, TnScheme, j), &as_found, NULL, NULL);
      TnCodeSums sums = {0}, other = {0};

      omp_set_num_threads (1);
      g_assert_true (tn_coder_read (coder, 0, rows, codes, units, &sums, NULL, NULL));
      g_assert_cmpuint (sums.nonfinite, ==, lost);
      for (guint64 i = 0; i < n; i += 5)
        g_assert_cmpint (codes[i], ==, 0);
      omp_set_num_threads (3);
      tn_lanes_set_portable (TRUE);
      g_assert_true (tn_coder_read (coder, 0, rows, again, units, &other, NULL, NULL));
      tn_lanes_set_portable (FALSE);
      g_assert_cmpmem (again, n * sizeof *again, codes, n * sizeof *codes);
      g_assert_cmpmem (&other, sizeof other, &sums, sizeof sums);
    }
  omp_set_num_threads (threads);
}

static void
test_refusals (void)
{
  const float w[8] = {1e6f, 2, 3, 4, 1, 1, 1, 1};
  g_autoptr (TnTensor) tensor = wrap (w, 2, 4);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnCoder) coder = NULL;
  TnCodeSums sums = {0};
  TnScheme scheme;
  TnRounding units[2];
  gint16 codes[8];

  g_assert_true (tn_scheme_parse ("int2:g4", &scheme, NULL));
  coder = tn_coder_new (tensor, &scheme, &as_found, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (tn_coder_read (coder, 0, 2, codes, units, &sums, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "1e+06"));
  g_clear_error (&error);
  g_assert_true (tn_coder_read (coder, 1, 1, codes, units, &sums, NULL, &error));
  g_assert_true (tn_scheme_parse ("int2:g3", &scheme, NULL));
  g_assert_null (tn_coder_new (tensor, &scheme, &as_found, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/codes/values", test_values);
  g_test_add_func ("/codes/odd-values", test_odd_values);
  g_test_add_func ("/codes/lost", test_lost);
  g_test_add_func ("/codes/refusals", test_refusals);
  return g_test_run ();
}
