/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/ternary.h"
#include "engine/kernels/variant.h"
#include "engine/nn/bit-linear.h"
#include "engine/nn/input-rounding.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"

static const guint64 widths[] = {1, 7, 16, 64, 172, 250, 512};
static const guint64 heights[] = {1, 15, 16, 17, 67};
static const char *const schemes[] = {"ternary",   "ternary:absmedian",   "ternary:ls",   "ternary:twn",
                                      "ternary:c", "ternary:absmedian:c", "ternary:ls:c", "ternary:twn:c"};

static TnTensor *
matrix_new (TnDtype dtype, guint64 rows, guint64 columns)
{
  const guint64 shape[] = {rows, columns};
  g_autoptr (GError) error = NULL;
  TnTensor *tensor = tn_tensor_new (dtype, 2, shape, TN_PURPOSE_WEIGHTS, &error);

  g_assert_no_error (error);
  return tensor;
}

static TnTensor *
random_matrix (guint64 rows, guint64 columns, guint64 seed)
{
  TnTensor *tensor = matrix_new (TN_DTYPE_F32, rows, columns);
  TnRandom random = tn_random_stream (seed, "matrix");
  float *x = tn_tensor_get_writable (tensor);

  for (guint64 i = 0; i < tensor->count; i++)
    x[i] = (float) (0.05 * tn_random_normal (&random));
  return tensor;
}

static float *
decode_all (const TnTensor *tensor)
{
  float *x = g_new (float, tensor->count);

  tn_tensor_decode (tensor, 0, tensor->count, x);
  return x;
}

/* Codes times scales are what tn_quantize_tensor() gives. */
static void
test_rounds_like_the_scheme (void)
{
  for (guint s = 0; s < G_N_ELEMENTS (schemes); s++)
    for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
      for (guint h = 0; h < G_N_ELEMENTS (heights); h++)
        {
          g_autoptr (TnTensor) weight = random_matrix (heights[h], widths[w], 100 * s + 10 * w + h);
          g_autoptr (TnTensor) made = NULL, rounded = NULL;
          g_autofree float *x = NULL, *y = NULL;
          g_autoptr (GError) error = NULL;
          TnScheme scheme;

          g_assert_true (tn_scheme_parse (schemes[s], &scheme, &error));
          g_assert_true (tn_bit_linear_takes (&scheme));
          made = tn_bit_linear_from_float (weight, &scheme, NULL, &error);
          g_assert_no_error (error);
          rounded = tn_quantize_tensor (weight, &scheme, &error);
          g_assert_no_error (error);
          g_assert_true (tn_bit_linear_is (made) && !tn_bit_linear_is (rounded));
          x = decode_all (made);
          y = decode_all (rounded);
          for (guint64 i = 0; i < made->count; i++)
            g_assert_cmpfloat (x[i], ==, y[i]);
        }
}

/* What tn_quantize_tensor() refuses is refused here, too. */
static void
test_scale_too_large (void)
{
  const char *const names[] = {"ternary:f16", "ternary:f16:c", "ternary:ls:f16", "ternary:twn:f16:c", "ternary:mse:f16:c"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (TnTensor) weight = random_matrix (19, 33, i);
      float *x = tn_tensor_get_writable (weight);
      g_autoptr (GError) error = NULL;
      TnScheme scheme;

      for (guint k = 0; k < 33; k++)
        x[17 * 33 + k] = k % 2 == 0 ? 1e8f : -1e8f;
      g_assert_true (tn_scheme_parse (names[i], &scheme, &error));
      g_assert_null (tn_quantize_tensor (weight, &scheme, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
      g_clear_error (&error);
      g_assert_null (tn_bit_linear_from_float (weight, &scheme, NULL, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
      g_assert_nonnull (strstr (error->message, scheme.granularity == TN_PER_CHANNEL ? "row 17: " : "row 0: "));
    }
}

static void
test_takes (void)
{
  const char *const others[] = {"ternary:g16", "ternary:t", "binary", "int2", "int8:c"};
  TnScheme scheme;

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_assert_true (tn_scheme_parse (others[i], &scheme, NULL));
      g_assert_false (tn_bit_linear_takes (&scheme));
    }
}

/* Any range, not only whole rows; the tiles agree with the kernels' own reading. */
static void
test_decodes_any_range (void)
{
  g_autoptr (TnTensor) weight = random_matrix (37, 53, 5);
  g_autoptr (TnTensor) made = NULL;
  g_autofree float *all = NULL;
  float part[200];
  gint8 codes[53];
  TnScheme scheme;

  g_assert_true (tn_scheme_parse ("ternary:c", &scheme, NULL));
  made = tn_bit_linear_from_float (weight, &scheme, NULL, NULL);
  all = decode_all (made);
  for (guint64 first = 0; first < made->count; first += 11)
    for (guint64 n = 0; n <= 200 && first + n <= made->count; n += 13)
      {
        tn_tensor_decode (made, first, n, part);
        g_assert_cmpmem (part, n * sizeof *part, all + first, n * sizeof *part);
      }
  for (guint64 row = 0; row < 37; row++)
    {
      const TnTernaryMatrix matrix = {37, 53, made->data};

      tn_ternary_unpack (&matrix, row, 1, codes);
      for (guint i = 0; i < 53; i++)
        g_assert_cmpfloat (all[row * 53 + i], ==, (float) codes[i] * made->scales[row]);
    }
}

/* One row and one token at a time, in plain integers. */
static void
reference (const TnTensor *weight, const TnInt8Rows *rows, gsize row, float *y)
{
  guint64 out = tn_tensor_rows (weight), in = tn_tensor_columns (weight);
  const TnTernaryMatrix matrix = {out, in, weight->data};
  g_autofree gint8 *codes = g_new (gint8, in);

  for (guint64 o = 0; o < out; o++)
    {
      float scale = weight->scales[weight->group_size == weight->count ? 0 : o], product;
      gint64 sum = 0;

      tn_ternary_unpack (&matrix, o, 1, codes);
      for (guint64 k = 0; k < in; k++)
        sum += codes[k] * rows->codes[row * rows->stride + k];
      product = (float) sum * rows->scales[row];
      y[o] = product * scale;
    }
}

typedef struct
{
  TnTensor *weights[3];
  guint n_weights;
  float *x;
  gsize n_rows, width;
} Layers;

static void
layers_clear (Layers *self)
{
  for (guint i = 0; i < self->n_weights; i++)
    tn_tensor_unref (self->weights[i]);
  g_free (self->x);
}

static void
layers_init (Layers *self, guint n_weights, gsize width, gsize n_rows)
{
  TnRandom random = tn_random_stream (width, "x");

  *self = (Layers){.n_weights = n_weights, .n_rows = n_rows, .width = width, .x = g_new (float, n_rows *width)};
  for (guint i = 0; i < n_weights; i++)
    {
      g_autoptr (TnTensor) weight = random_matrix (17 + 40 * i, width, i);
      TnScheme scheme;

      g_assert_true (tn_scheme_parse (schemes[i == 1 ? 4 : 0], &scheme, NULL));
      self->weights[i] = tn_bit_linear_from_float (weight, &scheme, NULL, NULL);
    }
  for (gsize i = 0; i < n_rows * width; i++)
    self->x[i] = (float) tn_random_normal (&random);
}

/* y: what every layer gives for all rows, one after the other. */
static float *
run (const Layers *self, const float *gain, guint threads)
{
  g_autoptr (TnBlock) memory =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_int8_rows_bytes (self->n_rows, self->width), NULL);
  g_autoptr (TnBlock) scratch =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_bit_linear_scratch_bytes (self->width, threads), NULL);
  TnBitLinear layers[3];
  TnInt8Rows rows;
  gsize n = 0;
  float *y;

  for (guint i = 0; i < self->n_weights; i++)
    n += self->n_rows * tn_tensor_rows (self->weights[i]);
  y = g_new (float, n);
  n = 0;
  for (guint i = 0; i < self->n_weights; i++)
    {
      layers[i] = (TnBitLinear){self->weights[i], y + n};
      n += self->n_rows * tn_tensor_rows (self->weights[i]);
    }
  tn_int8_rows_place (&rows, memory, self->n_rows, self->width);
  tn_int8_rows_quantize (&rows, self->x, gain, 1e-5, self->n_rows, self->width, threads);
  tn_bit_linear_forward (layers, self->n_weights, &rows, self->n_rows, scratch, threads);
  return y;
}

static gsize
count_results (const Layers *self)
{
  gsize n = 0;

  for (guint i = 0; i < self->n_weights; i++)
    n += self->n_rows * tn_tensor_rows (self->weights[i]);
  return n;
}

static void
check_against_reference (const Layers *self, const float *y)
{
  g_autofree char *memory = g_malloc (tn_int8_rows_bytes (self->n_rows, self->width) + 64);
  TnInt8Rows rows;
  gsize at = 0;

  tn_int8_rows_place (&rows, memory, self->n_rows, self->width);
  tn_int8_rows_quantize (&rows, self->x, NULL, 0.0, self->n_rows, self->width, 1);
  for (guint i = 0; i < self->n_weights; i++)
    {
      gsize out = tn_tensor_rows (self->weights[i]);
      g_autofree float *expected = g_new (float, out);

      for (gsize row = 0; row < self->n_rows; row++, at += out)
        {
          reference (self->weights[i], &rows, row, expected);
          g_assert_cmpmem (y + at, out * sizeof *y, expected, out * sizeof *y);
        }
    }
}

/* The plain formula, the same to the bit in every variant, for any number of threads. */
static void
test_forward (void)
{
  const gsize row_counts[] = {0, 1, 2, 5, 33, 300};

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    for (guint r = 0; r < G_N_ELEMENTS (row_counts); r++)
      {
        TnVariant before = tn_variant_get ();
        Layers layers;

        layers_init (&layers, 1 + r % 3, widths[w], row_counts[r]);
        for (guint v = 0; v < TN_N_VARIANTS; v++)
          for (guint threads = 1; threads <= 3 && tn_variant_use ((TnVariant) v); threads++)
            {
              g_autofree float *y = run (&layers, NULL, threads);

              check_against_reference (&layers, y);
            }
        g_assert_true (tn_variant_use (before));
        layers_clear (&layers);
      }
}

/* No columns: sums of nothing, whatever lay in memory before. */
static void
test_no_columns (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (TnTensor) weight = matrix_new (TN_DTYPE_F32, 37, 0), made = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree float *y = NULL;
      guint8 *dirty = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, 37 * sizeof (float), NULL);
      float nothing = 0.0f;
      TnScheme scheme;
      Layers layers = {.n_weights = 1, .x = &nothing, .n_rows = 3};

      memset (dirty, 0xff, 37 * sizeof (float));
      tn_pool_release (tn_pool_default (), dirty);
      g_assert_true (tn_scheme_parse (i == 0 ? "ternary" : "ternary:c", &scheme, NULL));
      made = i < 2 ? tn_bit_linear_from_float (weight, &scheme, NULL, &error) : tn_bit_linear_from_ternary (weight, NULL, &error);
      g_assert_no_error (error);
      layers.weights[0] = made;
      y = run (&layers, NULL, 2);
      for (guint k = 0; k < 3 * 37; k++)
        g_assert_cmpfloat (y[k], ==, 0.0f);
    }
}

/* A row gives the same alone and among others. */
static void
test_rows_are_independent (void)
{
  Layers all, one;
  g_autofree float *y = NULL;

  layers_init (&all, 3, 172, 77);
  y = run (&all, NULL, 2);
  one = all;
  one.n_rows = 1;
  for (gsize row = 0; row < 77; row++)
    {
      g_autofree float *alone = NULL;
      gsize at = 0, at_alone = 0;

      one.x = all.x + row * 172;
      alone = run (&one, NULL, 2);
      for (guint i = 0; i < 3; i++)
        {
          gsize out = tn_tensor_rows (all.weights[i]);

          g_assert_cmpmem (y + at + row * out, out * sizeof *y, alone + at_alone, out * sizeof *y);
          at += 77 * out;
          at_alone += out;
        }
    }
  layers_clear (&all);
}

static void
test_fused_norm (void)
{
  Layers layers;
  float gain[250];
  g_autofree float *fused = NULL, *apart = NULL;

  layers_init (&layers, 2, 250, 19);
  for (guint i = 0; i < 250; i++)
    gain[i] = 0.5f + 0.01f * (float) i;
  fused = run (&layers, gain, 2);
  tn_rmsnorm (layers.x, gain, 1e-5, 19, 250, layers.x);
  apart = run (&layers, NULL, 2);
  g_assert_cmpmem (fused, count_results (&layers) * sizeof *fused, apart, count_results (&layers) * sizeof *apart);
  layers_clear (&layers);
}

/* A row that is not finite shows in its results, and nowhere else. */
static void
test_not_finite (void)
{
  Layers layers;
  g_autofree float *before = NULL, *after = NULL;

  layers_init (&layers, 1, 64, 3);
  before = run (&layers, NULL, 1);
  layers.x[64 + 5] = INFINITY;
  after = run (&layers, NULL, 1);
  for (guint i = 0; i < 17; i++)
    {
      g_assert_cmpfloat (after[i], ==, before[i]);
      g_assert_true (isnan (after[17 + i]));
      g_assert_cmpfloat (after[2 * 17 + i], ==, before[2 * 17 + i]);
    }
  layers_clear (&layers);
}

/* levels: [rows]; codes from a generator. The dtype must hold the levels exactly. */
static TnTensor *
ternary_matrix (TnDtype dtype, guint64 rows, guint64 columns, const float *levels)
{
  TnTensor *tensor = matrix_new (dtype, rows, columns);
  guint8 *data = tn_tensor_get_writable (tensor);
  TnRandom random = tn_random_stream (columns, "codes");

  memset (data, 0, tensor->bytes);
  for (guint64 i = 0; i < tensor->count; i++)
    {
      gint code = (gint) tn_random_below (&random, 3) - 1;
      float level = levels[i / columns], value = (float) code * level;
      guint8 *block = data + i / 256 * 66;
      guint16 half = dtype == TN_DTYPE_BF16 ? tn_f32_to_bf16 (value) : tn_f32_to_f16 (value);

      if (dtype == TN_DTYPE_F32)
        ((float *) data)[i] = value;
      else if (dtype == TN_DTYPE_F16 || dtype == TN_DTYPE_BF16)
        ((guint16 *) data)[i] = half;
      else if (dtype == TN_DTYPE_TERNARY)
        data[i / 4] |= (guint8) ((code + 1) << 2 * (i % 4));
      else
        {
          block[i % 256 / 128 * 32 + i % 32] |= (guint8) ((code + 1) << 2 * (i % 128 / 32));
          half = tn_f32_to_f16 (level);
          memcpy (block + 64, &half, sizeof half);
        }
    }
  return tensor;
}

static void
check_from_ternary (const TnTensor *weight, gboolean per_row)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTensor) made = tn_bit_linear_from_ternary (weight, NULL, &error);
  g_autofree float *x = decode_all (weight), *y = NULL;

  g_assert_no_error (error);
  y = decode_all (made);
  for (guint64 i = 0; i < weight->count; i++)
    g_assert_cmpfloat (x[i], ==, y[i]);
  g_assert_cmpuint (made->group_size, ==, per_row ? tn_tensor_columns (made) : made->count);
}

static void
test_from_ternary (void)
{
  float levels[40];

  for (guint i = 0; i < 40; i++)
    levels[i] = 0.375f;
  for (guint dtype = TN_DTYPE_F32; dtype <= TN_DTYPE_BF16; dtype++)
    {
      g_autoptr (TnTensor) weight = ternary_matrix ((TnDtype) dtype, 40, 172, levels);

      check_from_ternary (weight, FALSE);
    }
  {
    g_autoptr (TnTensor) tq2 = ternary_matrix (TN_DTYPE_TQ2_0, 40, 512, levels);

    check_from_ternary (tq2, FALSE);
  }
  /* Three shards of a TriLM. */
  for (guint i = 0; i < 40; i++)
    levels[i] = i < 13 ? 0.375f : i < 27 ? 0.5f : 0.0625f;
  {
    g_autoptr (TnTensor) shards = ternary_matrix (TN_DTYPE_F16, 40, 64, levels);
    g_autoptr (TnTensor) tq2 = ternary_matrix (TN_DTYPE_TQ2_0, 40, 256, levels);

    check_from_ternary (shards, TRUE);
    check_from_ternary (tq2, TRUE);
  }
  /* Rows of zeros have any scale. */
  for (guint i = 0; i < 40; i++)
    levels[i] = i % 2 == 0 || i > 30 ? 0.0f : 3.0f;
  {
    g_autoptr (TnTensor) weight = ternary_matrix (TN_DTYPE_F32, 40, 31, levels);

    check_from_ternary (weight, FALSE);
  }
  for (guint i = 0; i < 40; i++)
    levels[i] = 1.0f;
  {
    g_autoptr (TnTensor) codes = ternary_matrix (TN_DTYPE_TERNARY, 40, 100, levels);

    check_from_ternary (codes, FALSE);
  }
}

static void
test_not_ternary (void)
{
  const float levels[4] = {1.0f, 1.0f, 1.0f, 1.0f};
  const struct
  {
    float value;
    TnErrorCode code;
  } cases[] = {{0.5f, TN_ERROR_UNSUPPORTED},
               {-1.0000001f, TN_ERROR_UNSUPPORTED},
               {NAN, TN_ERROR_DATA},
               {-INFINITY, TN_ERROR_DATA}};

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      g_autoptr (TnTensor) weight = ternary_matrix (TN_DTYPE_F32, 4, 50, levels);
      g_autoptr (GError) error = NULL;

      ((float *) tn_tensor_get_writable (weight))[2 * 50 + 7] = cases[c].value;
      g_assert_null (tn_bit_linear_from_ternary (weight, NULL, &error));
      g_assert_error (error, TN_ERROR, (gint) cases[c].code);
      g_assert_nonnull (strstr (error->message, "row 2"));
    }
  /* Code 3 stands for nothing. */
  {
    g_autoptr (TnTensor) weight = ternary_matrix (TN_DTYPE_TERNARY, 4, 50, levels);
    g_autoptr (GError) error = NULL;

    ((guint8 *) tn_tensor_get_writable (weight))[(3 * 50 + 6) / 4] |= 3 << 4;
    g_assert_null (tn_bit_linear_from_ternary (weight, NULL, &error));
    g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
    g_assert_nonnull (strstr (error->message, "row 3"));
  }
}

static void
test_float_not_finite (void)
{
  for (guint s = 0; s < 5; s += 4)
    {
      g_autoptr (TnTensor) weight = random_matrix (300, 512, s);
      g_autoptr (GError) error = NULL;
      TnScheme scheme;

      ((float *) tn_tensor_get_writable (weight))[290 * 512 + 1] = NAN;
      ((float *) tn_tensor_get_writable (weight))[153 * 512 + 511] = INFINITY;
      g_assert_true (tn_scheme_parse (schemes[s], &scheme, NULL));
      g_assert_null (tn_bit_linear_from_float (weight, &scheme, NULL, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
      g_assert_nonnull (strstr (error->message, "row 153 "));
    }
}

static void
test_memory (void)
{
  TnPool *pool = tn_pool_default ();
  g_autoptr (TnTensor) weight = random_matrix (512, 512, 1);
  gsize before = tn_pool_get_total (pool);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTensor) made = NULL;
  TnScheme scheme;

  g_assert_true (tn_scheme_parse ("ternary", &scheme, NULL));
  /* The tiles alone are 64 KiB. */
  tn_pool_set_budget (pool, before + 50000);
  g_assert_null (tn_bit_linear_from_float (weight, &scheme, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
  g_assert_cmpuint (tn_pool_get_total (pool), ==, before);
  g_clear_error (&error);
  g_assert_null (tn_bit_linear_new ((guint64) 1 << 40, (guint64) 1 << 22, TRUE, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
  tn_pool_set_budget (pool, 0);
  made = tn_bit_linear_from_float (weight, &scheme, NULL, NULL);
  g_assert_cmpuint (tn_pool_get_total (pool) - before, ==, tn_pool_block_bytes (512 * 512 / 4 + 512 * sizeof (float)));
}

static void
test_too_wide (void)
{
  static const guint8 nothing = 0;
  const guint64 shape[] = {1, TN_TERNARY_MAX_COLUMNS + 4};
  g_autoptr (TnTensor) weight = tn_tensor_new_mapped (TN_DTYPE_TERNARY, 2, shape, &nothing, shape[1] / 4, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_bit_linear_from_ternary (weight, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
}

/* Inputs rounded a row at a time are those of tn_quantize_values() on that row; int8:t has the codes of BitNet. */
static void
test_input_rounding (void)
{
  const char *const names[] = {"int4:t", "int8:t:asym", "int8:g43", "ternary:t", "int2:g4", "binary:t"};
  float x[5 * 172], y[5 * 172], expected[172];
  TnRandom random = tn_random_stream (1, "x");

  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    x[i] = (float) tn_random_normal (&random);
  for (guint c = 0; c < G_N_ELEMENTS (names); c++)
    {
      g_autoptr (GError) error = NULL;
      TnInputRounding input;
      TnScheme scheme;

      g_assert_true (tn_scheme_parse (names[c], &scheme, NULL));
      g_assert_true (tn_input_rounding_init (&input, &scheme, NULL, 172, &error));
      g_assert_no_error (error);
      g_assert_false (tn_input_rounding_is_int8 (&input));
      tn_input_rounding_apply (&input, x, 5, 172, y, 2);
      for (guint row = 0; row < 5; row++)
        {
          g_assert_true (tn_quantize_values (&scheme, x + row * 172, 1, 172, expected, NULL));
          g_assert_cmpmem (y + row * 172, sizeof expected, expected, sizeof expected);
        }
    }
}

static void
test_fixed_input (void)
{
  const float x[] = {0.0f, 0.24f, 0.26f, -0.74f, 100.0f, -100.0f, NAN};
  const float symmetric[] = {0.0f, 0.0f, 0.5f, -0.5f, 3.5f, -3.5f}, shifted[] = {0.0f, 0.0f, 0.5f, -0.5f, 6.0f, -1.5f};
  const TnQuantParams params[] = {{.scheme = {.kind = TN_SCHEME_INTEGER, .bits = 4}, .scale = 0.5},
                                  {.scheme = {.kind = TN_SCHEME_INTEGER, .bits = 4, .asymmetric = TRUE},
                                   .scale = 0.5,
                                   .zero_point = 3}};

  for (guint c = 0; c < 2; c++)
    {
      TnInputRounding input;
      float y[7];

      g_assert_true (tn_input_rounding_init (&input, &params[c].scheme, &params[c], 7, NULL));
      tn_input_rounding_apply (&input, x, 1, 7, y, 1);
      for (guint i = 0; i < 6; i++)
        g_assert_cmpfloat (y[i], ==, c == 0 ? symmetric[i] : shifted[i]);
      g_assert_true (isnan (y[6]));
    }
}

/* A fixed scale is rounded to what the scheme stores. */
static void
test_fixed_half (void)
{
  TnQuantParams params = {.scheme = {.kind = TN_SCHEME_INTEGER, .bits = 8, .scale_type = TN_SCALE_F16}, .scale = 0.1};
  const float x = 3.0f, scale = tn_f16_to_f32 (tn_f32_to_f16 (0.1f));
  g_autoptr (GError) error = NULL;
  TnInputRounding input;
  float y;

  g_assert_true (tn_input_rounding_init (&input, &params.scheme, &params, 1, &error));
  tn_input_rounding_apply (&input, &x, 1, 1, &y, 1);
  g_assert_cmpfloat (y, ==, 30.0f * scale);
  params.scale = 1e6;
  g_assert_false (tn_input_rounding_init (&input, &params.scheme, &params, 1, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
}

static void
test_wrong_inputs (void)
{
  const TnQuantParams other = {.scheme = {.kind = TN_SCHEME_INTEGER, .bits = 4}, .scale = 0.5};
  const TnQuantParams broken = {.scheme = {.kind = TN_SCHEME_INTEGER, .bits = 8}, .scale = NAN};
  const struct
  {
    const char *name;
    const TnQuantParams *params;
  } cases[] = {{"int8", NULL}, {"int8:c", NULL}, {"int8:g5", NULL}, {"int8", &other}, {"int8", &broken}, {"ternary", &other}};

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      g_autoptr (GError) error = NULL;
      TnInputRounding input;
      TnScheme scheme;

      g_assert_true (tn_scheme_parse (cases[c].name, &scheme, NULL));
      g_assert_false (tn_input_rounding_init (&input, &scheme, cases[c].params, 64, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bit-linear/rounds-like-the-scheme", test_rounds_like_the_scheme);
  g_test_add_func ("/bit-linear/scale-too-large", test_scale_too_large);
  g_test_add_func ("/bit-linear/no-columns", test_no_columns);
  g_test_add_func ("/bit-linear/takes", test_takes);
  g_test_add_func ("/bit-linear/decodes-any-range", test_decodes_any_range);
  g_test_add_func ("/bit-linear/forward", test_forward);
  g_test_add_func ("/bit-linear/rows-are-independent", test_rows_are_independent);
  g_test_add_func ("/bit-linear/fused-norm", test_fused_norm);
  g_test_add_func ("/bit-linear/not-finite", test_not_finite);
  g_test_add_func ("/bit-linear/from-ternary", test_from_ternary);
  g_test_add_func ("/bit-linear/not-ternary", test_not_ternary);
  g_test_add_func ("/bit-linear/float-not-finite", test_float_not_finite);
  g_test_add_func ("/bit-linear/memory", test_memory);
  g_test_add_func ("/bit-linear/too-wide", test_too_wide);
  g_test_add_func ("/bit-linear/input-rounding", test_input_rounding);
  g_test_add_func ("/bit-linear/fixed-input", test_fixed_input);
  g_test_add_func ("/bit-linear/fixed-half", test_fixed_half);
  g_test_add_func ("/bit-linear/wrong-inputs", test_wrong_inputs);
  return g_test_run ();
}
