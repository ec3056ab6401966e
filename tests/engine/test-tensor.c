/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/error.h"
#include "engine/random.h"
#include "engine/tensor/lanes.h"
#include "engine/tensor/moments.h"
#include "engine/tensor/scan.h"
#include "engine/tensor/tensor.h"

/* An owner that notes what is released. */
typedef struct
{
  const guint8 *start;
  gsize bytes;
  guint calls;
  gboolean freed;
} Owner;

static void
owner_unref (gpointer owner)
{
  ((Owner *) owner)->freed = TRUE;
}

static void
owner_release (gpointer owner, const void *start, gsize bytes)
{
  Owner *self = owner;

  self->start = start;
  self->bytes = bytes;
  self->calls++;
}

static void
test_pool_memory (void)
{
  const guint64 shape[] = {3, 5, 7};
  gsize before = tn_pool_get_current (tn_pool_default (), TN_PURPOSE_STATISTICS);
  g_autoptr (GError) error = NULL;
  TnTensor *tensor = tn_tensor_new (TN_DTYPE_F32, 3, shape, TN_PURPOSE_STATISTICS, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tensor->count, ==, 105);
  g_assert_cmpuint (tensor->bytes, ==, 420);
  g_assert_cmpuint (tn_tensor_rows (tensor), ==, 15);
  g_assert_cmpuint (tn_tensor_columns (tensor), ==, 7);
  g_assert_cmpuint ((gsize) tensor->data % TN_POOL_ALIGNMENT, ==, 0);
  g_assert_cmpuint (tn_pool_get_current (tn_pool_default (), TN_PURPOSE_STATISTICS), >=, before + 420);
  g_assert_true (tn_tensor_get_writable (tensor) == tensor->data);
  g_assert_true (tn_tensor_ref (tensor) == tensor);
  tn_tensor_unref (tensor);
  tn_tensor_unref (tensor);
  g_assert_cmpuint (tn_pool_get_current (tn_pool_default (), TN_PURPOSE_STATISTICS), ==, before);
}

static void
test_bad_shapes (void)
{
  const guint64 huge[] = {(guint64) 1 << 32, (guint64) 1 << 32};
  const guint64 wide[] = {(guint64) 1 << 62};
  const guint64 odd[] = {33};
  const guint64 many[TN_TENSOR_MAX_DIMS + 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const struct
  {
    TnDtype dtype;
    guint n_dims;
    const guint64 *shape;
  } cases[] = {
      {TN_DTYPE_I8, 2, huge},    {TN_DTYPE_F32, 1, wide}, {TN_DTYPE_Q8_0, 1, odd}, {TN_DTYPE_F32, G_N_ELEMENTS (many), many},
      {TN_DTYPE_OPAQUE, 1, odd},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_tensor_new (cases[i].dtype, cases[i].n_dims, cases[i].shape, TN_PURPOSE_SCRATCH, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
    }
}

static void
test_scalar_and_empty (void)
{
  const guint64 shape[] = {4, 0, (guint64) 1 << 60};
  g_autoptr (TnTensor) scalar = tn_tensor_new (TN_DTYPE_F64, 0, NULL, TN_PURPOSE_SCRATCH, NULL);
  g_autoptr (TnTensor) empty = tn_tensor_new (TN_DTYPE_F16, 3, shape, TN_PURPOSE_SCRATCH, NULL);
  g_autofree char *scalar_text = tn_tensor_shape_to_string (scalar);
  float out;
  TnMoments moments;

  g_assert_cmpuint (scalar->count, ==, 1);
  g_assert_cmpuint (tn_tensor_rows (scalar), ==, 1);
  g_assert_cmpuint (tn_tensor_columns (scalar), ==, 1);
  *(double *) tn_tensor_get_writable (scalar) = -2.5;
  tn_tensor_decode_rows (scalar, 0, 1, &out);
  g_assert_cmpfloat (out, ==, -2.5f);
  g_assert_cmpstr (scalar_text, !=, "");
  g_assert_cmpuint (empty->count, ==, 0);
  tn_tensor_decode (empty, 0, 0, &out);
  g_assert_true (tn_tensor_moments (empty, 0, 0, NULL, NULL, &moments, NULL, NULL));
  g_assert_cmpuint (moments.finite, ==, 0);
}

static void
test_shape_text (void)
{
  const guint64 shape[] = {64, 172};
  g_autoptr (TnTensor) tensor = tn_tensor_new (TN_DTYPE_I8, 2, shape, TN_PURPOSE_SCRATCH, NULL);
  g_autofree char *text = tn_tensor_shape_to_string (tensor);

  g_assert_cmpstr (text, ==, "64 × 172");
}

static void
test_mapped (void)
{
  const guint64 shape[] = {6, 64};
  g_autofree guint8 *data = g_malloc0 (6 * 64 / 32 * 34);
  Owner owner = {0};
  TnTensor *tensor = tn_tensor_new_mapped (TN_DTYPE_Q8_0, 2, shape, data, 6 * 64 / 32 * 34, &owner, owner_unref, owner_release);
  float whole[6 * 64], part[6 * 64];

  for (guint block = 0; block < 12; block++)
    {
      data[34 * block + 1] = 0x3c; /* d = 1 */
      for (guint j = 0; j < 32; j++)
        data[34 * block + 2 + j] = (guint8) (block * 32 + j);
    }
  tn_tensor_decode_rows (tensor, 0, 6, whole);
  for (guint i = 0; i < 6 * 64; i++)
    g_assert_cmpfloat (whole[i], ==, (float) (gint8) (guint8) i);
  for (guint first = 0; first < 6 * 64; first += 5)
    for (guint n = 0; n <= 6 * 64 - first; n += 7)
      {
        tn_tensor_decode (tensor, first, n, part);
        g_assert_cmpmem (part, n * sizeof (float), whole + first, n * sizeof (float));
      }
  tn_tensor_release_rows (tensor, 2, 3);
  g_assert_true (owner.start == data + 4 * 34);
  g_assert_cmpuint (owner.bytes, ==, 6 * 34);
  tn_tensor_release_rows (tensor, 2, 0);
  g_assert_cmpuint (owner.calls, ==, 1);
  g_assert_false (owner.freed);
  tn_tensor_unref (tensor);
  g_assert_true (owner.freed);
}

static void
test_group_scales (void)
{
  const guint64 shape[] = {3, 8};
  const float scales[] = {1.0f, 0.5f, -2.0f, 0.0f, 8.0f, 0.25f};
  gint8 codes[24] = {0};
  g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_Q8_GROUP, 2, shape, codes, sizeof codes, NULL, NULL, NULL);
  float out[24];

  for (gint i = 0; i < 24; i++)
    codes[i] = (gint8) (i - 12);
  tensor->scales = scales;
  tensor->group_size = 4;
  for (guint first = 0; first < 24; first++)
    for (guint n = 0; n <= 24 - first; n++)
      {
        tn_tensor_decode (tensor, first, n, out);
        for (guint i = 0; i < n; i++)
          g_assert_cmpfloat (out[i], ==, (float) codes[first + i] * scales[(first + i) / 4]);
      }
}

/* A layout that runs backwards. */
static void
decode_backwards (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  for (guint64 i = 0; i < n; i++)
    out[i] = (float) ((const guint8 *) self->data)[self->count - 1 - first - i];
}

static void
test_packed (void)
{
  const guint64 shape[] = {2, 3};
  const guint8 data[] = {5, 4, 3, 2, 1, 0};
  Owner owner = {0};
  TnTensor *mapped =
      tn_tensor_new_packed_mapped (2, shape, data, sizeof data, decode_backwards, &owner, owner_unref, owner_release);
  g_autoptr (TnTensor) owned = tn_tensor_new_packed (2, shape, 100, TN_PURPOSE_WEIGHTS, decode_backwards, NULL);
  gsize before = tn_pool_get_total (tn_pool_default ());
  g_autoptr (GError) error = NULL;
  float out[6];

  tn_tensor_decode (mapped, 0, 6, out);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpfloat (out[i], ==, (float) i);
  tn_tensor_decode_rows (mapped, 1, 1, out);
  g_assert_cmpfloat (out[0], ==, 3.0f);
  tn_tensor_decode (mapped, 2, 0, out);
  g_assert_cmpfloat (out[0], ==, 3.0f);
  /* Where a row lies only its maker knows. */
  tn_tensor_release_rows (mapped, 0, 1);
  g_assert_cmpuint (owner.calls, ==, 0);
  tn_tensor_release (mapped, 0, 6);
  g_assert_cmpuint (owner.calls, ==, 1);
  g_assert_cmpuint (owner.bytes, ==, 6);
  tn_tensor_unref (mapped);
  g_assert_true (owner.freed);

  memcpy (tn_tensor_get_writable (owned), data, sizeof data);
  tn_tensor_decode (owned, 4, 2, out);
  g_assert_cmpfloat (out[1], ==, 5.0f);
  g_assert_cmpuint (owned->bytes, ==, 100);
  tn_tensor_release (owned, 0, 6);

  tn_pool_set_budget (tn_pool_default (), before + 1000);
  g_assert_null (tn_tensor_new_packed (2, shape, 1 << 20, TN_PURPOSE_WEIGHTS, decode_backwards, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
  tn_pool_set_budget (tn_pool_default (), 0);
}

static float *
make_values (guint64 n, double center)
{
  TnRandom random = tn_random_stream (5, "values");
  float *x = g_new (float, n);

  for (guint64 i = 0; i < n; i++)
    x[i] = i % 97 == 13 ? 0.0f : (float) (center + tn_random_normal (&random));
  return x;
}

static void
test_moments (void)
{
  const guint64 sizes[] = {1, 7, 8, 9, 65535, 65536, 65537, 200003};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      guint64 n = sizes[s];
      g_autofree float *x = make_values (n, 1000.0);
      g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_F32, 1, &n, x, n * 4, NULL, NULL, NULL);
      double sum = 0.0, abs_sum = 0.0, deviation = 0.0, min = (double) INFINITY, max = -min;
      guint64 finite = 0, zeros = 0;
      TnMoments moments;

      if (n > 100)
        {
          x[3] = NAN;
          x[n - 1] = -INFINITY;
          x[n / 2] = INFINITY;
        }
      for (guint64 i = 0; i < n; i++)
        if (isfinite (x[i]))
          {
            finite++;
            zeros += x[i] == 0.0f;
            sum += (double) x[i];
            abs_sum += fabs ((double) x[i]);
            min = MIN (min, (double) x[i]);
            max = MAX (max, (double) x[i]);
          }
      for (guint64 i = 0; i < n; i++)
        if (isfinite (x[i]))
          deviation += ((double) x[i] - sum / (double) finite) * ((double) x[i] - sum / (double) finite);
      g_assert_true (tn_tensor_moments (tensor, 0, n, NULL, NULL, &moments, NULL, NULL));
      g_assert_cmpuint (moments.count, ==, n);
      g_assert_cmpuint (moments.finite, ==, finite);
      g_assert_cmpuint (moments.zeros, ==, zeros);
      g_assert_cmpfloat (moments.min, ==, min);
      g_assert_cmpfloat (moments.max, ==, max);
      g_assert_cmpfloat_with_epsilon (moments.mean, sum / (double) finite, 1e-12 * fabs (sum));
      g_assert_cmpfloat_with_epsilon (moments.abs_sum, abs_sum, 1e-12 * abs_sum);
      g_assert_cmpfloat_with_epsilon (moments.deviation, deviation, 1e-10 * deviation + 1e-300);
    }
}

/* Neither the number of threads nor the instructions change a bit. */
static void
test_moments_reproduce (void)
{
  guint64 n = 1000003;
  g_autofree float *x = make_values (n, 0.1);
  g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_F32, 1, &n, x, n * 4, NULL, NULL, NULL);
  gint threads = omp_get_max_threads ();
  TnMoments first, again;

  omp_set_num_threads (1);
  g_assert_true (tn_tensor_moments (tensor, 0, n, NULL, NULL, &first, NULL, NULL));
  omp_set_num_threads (3);
  g_assert_true (tn_tensor_moments (tensor, 0, n, NULL, NULL, &again, NULL, NULL));
  g_assert_cmpmem (&again, sizeof again, &first, sizeof first);
  tn_lanes_set_portable (TRUE);
  g_assert_true (tn_tensor_moments (tensor, 0, n, NULL, NULL, &again, NULL, NULL));
  tn_lanes_set_portable (FALSE);
  g_assert_cmpmem (&again, sizeof again, &first, sizeof first);
  omp_set_num_threads (threads);
}

static void
test_scans (void)
{
  g_autofree float *x = make_values (1000, 0.0);

  x[5] = NAN;
  x[6] = INFINITY;
  for (gsize n = 0; n < 60; n++)
    {
      float min, max, true_min = INFINITY, true_max = -INFINITY;
      double above = 0.0, sum = 0.0, squares = 0.0;
      guint64 n_above = 0, n_finite = 0, count;

      for (gsize i = 0; i < n; i++)
        if (isfinite (x[i]))
          {
            n_finite++;
            sum += fabs ((double) x[i]);
            squares += (double) x[i] * (double) x[i];
            true_min = MIN (true_min, x[i]);
            true_max = MAX (true_max, x[i]);
            if (fabsf (x[i]) > 0.7f)
              {
                above += fabs ((double) x[i]);
                n_above++;
              }
          }
      tn_scan_range (x, n, &min, &max);
      g_assert_true (min == true_min && max == true_max);
      g_assert_cmpfloat_with_epsilon (tn_scan_abs_above (x, n, 0.7f, &count), above, 1e-12);
      g_assert_cmpuint (count, ==, n_above);
      g_assert_cmpfloat_with_epsilon (tn_scan_abs_sum (x, n, &count), sum, 1e-12);
      g_assert_cmpuint (count, ==, n_finite);
      g_assert_cmpfloat_with_epsilon (tn_scan_squares (x, n, &count), squares, 1e-12 * squares + 1e-300);
      g_assert_cmpuint (count, ==, n_finite);
    }
}

static void
test_visit_releases_and_cancels (void)
{
  guint64 n = 300000;
  g_autofree guint16 *data = g_new0 (guint16, n);
  Owner owner = {0};
  g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_F16, 1, &n, data, n * 2, &owner, NULL, owner_release);
  g_autoptr (TnTensor) opaque = tn_tensor_new_mapped (TN_DTYPE_OPAQUE, 1, &n, data, n * 2, NULL, NULL, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  TnMoments moments;

  g_assert_true (tn_tensor_moments (tensor, 0, n, NULL, NULL, &moments, cancellable, &error));
  g_assert_cmpuint (moments.zeros, ==, n);
  g_assert_cmpuint (owner.calls, >=, 1);
  g_assert_true (owner.start + owner.bytes == (guint8 *) (data + n));
  g_cancellable_cancel (cancellable);
  g_assert_false (tn_tensor_moments (tensor, 0, n, NULL, NULL, &moments, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (tn_tensor_moments (opaque, 0, n, NULL, NULL, &moments, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tensor/pool-memory", test_pool_memory);
  g_test_add_func ("/tensor/bad-shapes", test_bad_shapes);
  g_test_add_func ("/tensor/scalar-and-empty", test_scalar_and_empty);
  g_test_add_func ("/tensor/shape-text", test_shape_text);
  g_test_add_func ("/tensor/mapped", test_mapped);
  g_test_add_func ("/tensor/group-scales", test_group_scales);
  g_test_add_func ("/tensor/packed", test_packed);
  g_test_add_func ("/tensor/scans", test_scans);
  g_test_add_func ("/tensor/moments", test_moments);
  g_test_add_func ("/tensor/moments-reproduce", test_moments_reproduce);
  g_test_add_func ("/tensor/visit-releases-and-cancels", test_visit_releases_and_cancels);
  return g_test_run ();
}
