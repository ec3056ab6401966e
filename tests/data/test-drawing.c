/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/drawing.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/random.h"

/* Records with made up lengths, in three files, with labels 1 to 5. */
static guint
length_of (guint64 ordinal)
{
  return 1 + (guint) ((ordinal * 7919) % 3001);
}

static TnSampleItem
record_of (guint64 ordinal)
{
  return (TnSampleItem){
      .priority = ordinal,
      .record = {.offset = 4096 * ordinal, .length = length_of (ordinal), .begins_document = TRUE},
      .file = (guint32) MIN (ordinal / 100, 2),
      .label = (guint32) (1 + ordinal % 37 % 5),
  };
}

static GArray *
draw (const TnSamplingOptions *options, guint64 records, TnSampleReport **report, GError **error)
{
  g_autoptr (TnDrawing) drawing = tn_drawing_new (options);
  TnSampleReport *found = NULL;
  GArray *items;

  do
    for (guint64 i = 0; i < records; i++)
      {
        TnSampleItem record = record_of (i), candidate;

        if (tn_drawing_consider (drawing, &record, FALSE, &candidate))
          tn_drawing_take (drawing, &candidate);
      }
  while (tn_drawing_next_pass (drawing));
  g_assert_cmpuint (tn_drawing_count (drawing), ==, records);
  items = tn_drawing_finish (drawing, &found, error);
  if (items != NULL && report != NULL)
    *report = g_steal_pointer (&found);
  tn_sample_report_free (found);
  for (guint i = 1; items != NULL && i < items->len; i++)
    g_assert_cmpuint (g_array_index (items, TnSampleItem, i - 1).ordinal, <, g_array_index (items, TnSampleItem, i).ordinal);
  return items;
}

static const TnSampleItem *
item (const GArray *items, guint i)
{
  return &g_array_index (items, TnSampleItem, i);
}

static double
chi_square (const guint *counts, guint n, double expected)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  return sum;
}

/* Every record is drawn equally often, and every pair of neighbours: chi-square over many seeds, without replacement. */
static void
test_uniform (gconstpointer data)
{
  const guint records = 40, n = 7, seeds = 6000;
  guint counts[40] = {0}, pairs[39] = {0};
  double expected = (double) seeds * n / records;

  for (guint seed = 0; seed < seeds; seed++)
    {
      const TnSamplingOptions options = {.n_samples = n, .seed = seed, .sampler = GPOINTER_TO_UINT (data)};
      g_autoptr (GArray) items = draw (&options, records, NULL, NULL);

      g_assert_cmpuint (items->len, ==, n);
      for (guint i = 0; i < n; i++)
        {
          counts[item (items, i)->ordinal]++;
          if (i > 0 && item (items, i)->ordinal == item (items, i - 1)->ordinal + 1)
            pairs[item (items, i - 1)->ordinal]++;
        }
    }
  /* Without replacement the sum is (1 - n/N) chi-square of 39 degrees of freedom: 72.1 is its quantile of 0.999. */
  g_assert_cmpfloat (chi_square (counts, records, expected) / (1.0 - (double) n / records), <, 72.1);
  /* 38 degrees of freedom at most, n (n - 1) / (N (N - 1)) each. */
  g_assert_cmpfloat (chi_square (pairs, records - 1, (double) seeds * n * (n - 1) / (records * (records - 1))), <, 80.0);
}

static void
test_same_draw (void)
{
  const TnSamplingOptions random = {.n_samples = 50, .seed = 9}, reservoir = {.n_samples = 50, .seed = 9, .sampler = TN_SAMPLER_RESERVOIR};
  g_autoptr (GArray) a = draw (&random, 1009, NULL, NULL);
  g_autoptr (GArray) b = draw (&reservoir, 1009, NULL, NULL);

  for (guint i = 0; i < 50; i++)
    g_assert_cmpuint (item (a, i)->ordinal, ==, item (b, i)->ordinal);
}

/* One in every N/n, whether the records fitted aside or the data had to be passed twice. */
static void
test_systematic (void)
{
  static const guint64 sizes[] = {1, 6, 7, 8, 100, 1009, 65536, 65537, 200003};

  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    {
      const TnSamplingOptions options = {.n_samples = 7, .sampler = TN_SAMPLER_SYSTEMATIC};
      g_autoptr (GArray) items = draw (&options, sizes[k], NULL, NULL);

      g_assert_cmpuint (items->len, ==, MIN (7, sizes[k]));
      for (guint i = 0; i < items->len && sizes[k] > 7; i++)
        {
          guint64 ordinal = item (items, i)->ordinal;

          g_assert_cmpuint (ordinal * 7 / sizes[k], !=, (ordinal + 1) * 7 / sizes[k]);
        }
    }
}

static void
assert_allocation (const guint64 *sizes, guint n_strata, guint64 n, const guint64 *expected)
{
  g_autofree guint64 *out = g_new (guint64, n_strata);

  tn_strata_allocate (sizes, n_strata, n, out);
  for (guint i = 0; i < n_strata; i++)
    g_assert_cmpuint (out[i], ==, expected[i]);
}

static void
test_allocation (void)
{
  const guint64 equal[] = {10, 10, 10}, rest[] = {50, 30, 20}, small[] = {1000, 1, 0, 1}, one[] = {5};

  assert_allocation (equal, 3, 3, (const guint64[]){1, 1, 1});
  assert_allocation (equal, 3, 4, (const guint64[]){2, 1, 1});
  assert_allocation (rest, 3, 10, (const guint64[]){5, 3, 2});
  /* 3.5, 2.1, 1.4. */
  assert_allocation (rest, 3, 7, (const guint64[]){4, 2, 1});
  /* One at least, of an empty stratum none. */
  assert_allocation (small, 4, 10, (const guint64[]){8, 1, 0, 1});
  assert_allocation (small, 4, 3, (const guint64[]){1, 1, 0, 1});
  /* Fewer than strata: the largest shares. */
  assert_allocation (small, 4, 2, (const guint64[]){2, 0, 0, 0});
  assert_allocation (rest, 3, 100, (const guint64[]){50, 30, 20});
  assert_allocation (rest, 3, 1000, (const guint64[]){50, 30, 20});
  assert_allocation (one, 1, 0, (const guint64[]){0});
}

/* Properties for strata of all sizes: the sum, the bounds, one at least, and no farther than one from the proportional share where no stratum
 * was raised to one. */
static void
test_allocation_properties (void)
{
  TnRandom random = tn_random_stream (1, "allocation");

  for (guint round = 0; round < 3000; round++)
    {
      guint n_strata = 1 + (guint) tn_random_below (&random, 12);
      guint64 sizes[12], out[12], all = 0, sum = 0, n, occupied = 0;
      gboolean raised = FALSE;

      for (guint i = 0; i < n_strata; i++)
        {
          sizes[i] = tn_random_below (&random, 1 + tn_random_below (&random, 2000));
          all += sizes[i];
          occupied += sizes[i] > 0;
        }
      n = tn_random_below (&random, all + 5);
      tn_strata_allocate (sizes, n_strata, n, out);
      for (guint i = 0; i < n_strata; i++)
        {
          sum += out[i];
          g_assert_cmpuint (out[i], <=, sizes[i]);
          if (n >= occupied && sizes[i] > 0)
            g_assert_cmpuint (out[i], >, 0);
          raised |= (double) n * (double) sizes[i] < (double) all;
        }
      g_assert_cmpuint (sum, ==, MIN (n, all));
      for (guint i = 0; i < n_strata && !raised && n < all; i++)
        g_assert_cmpfloat (fabs ((double) out[i] - (double) n * (double) sizes[i] / (double) all), <, 1.0);
    }
}

/* Strata get what the allocation says, and a record of each stands for N_h / n_h. */
static void
test_stratified (void)
{
  static const TnStrata strata[] = {TN_STRATA_LENGTH, TN_STRATA_LABEL, TN_STRATA_FILE};
  const guint records = 1009;

  for (guint k = 0; k < G_N_ELEMENTS (strata); k++)
    {
      const TnSamplingOptions options = {.n_samples = 60, .seed = 4, .sampler = TN_SAMPLER_STRATIFIED, .strata = strata[k]};
      g_autoptr (TnSampleReport) report = NULL;
      g_autoptr (GArray) items = draw (&options, records, &report, NULL);
      double weight = 0.0;
      guint covered, all;

      g_assert_cmpuint (items->len, ==, 60);
      g_assert_cmpuint (report->records, ==, records);
      g_assert_cmpuint (report->drawn, ==, 60);
      tn_coverage_count (report->strata, &covered, &all);
      g_assert_cmpuint (covered, ==, all);
      g_assert_cmpuint (all, >, 2);
      for (guint i = 0; i < items->len; i++)
        weight += item (items, i)->weight;
      g_assert_cmpfloat_with_epsilon (weight, records, 1e-9);
    }
}

/* The mean over many seeds of a weighted sum over the sample is the sum over all records; the same without weights is not. */
static void
assert_unbiased (TnSamplingOptions *options, guint records, gboolean thin)
{
  const guint seeds = 4000;
  double truth = 0.0, mean = 0.0, square = 0.0, plain = 0.0, error;

  for (guint i = 0; i < records; i++)
    truth += sqrt ((double) length_of (i)) + i % 3;
  for (guint seed = 0; seed < seeds; seed++)
    {
      g_autoptr (TnSampleReport) report = NULL;
      g_autoptr (GArray) items = NULL;
      double sum = 0.0, sum_plain = 0.0;

      options->seed = seed;
      items = draw (options, records, &report, NULL);
      if (thin)
        {
          double sizes[64];

          for (guint i = 0; i < items->len; i++)
            sizes[i] = (double) length_of (item (items, i)->ordinal);
          tn_drawing_thin (items, sizes, 12, seed, report);
          g_assert_cmpuint (items->len, ==, 12);
          g_assert_cmpuint (report->drawn, ==, 12);
        }
      for (guint i = 0; i < items->len; i++)
        {
          double value = sqrt ((double) item (items, i)->record.length) + (double) (item (items, i)->ordinal % 3);

          sum += item (items, i)->weight * value;
          sum_plain += (double) records / items->len * value;
        }
      mean += sum / seeds;
      square += sum * sum / seeds;
      plain += sum_plain / seeds;
    }
  error = sqrt ((square - mean * mean) / seeds);
  g_test_message ("truth %g, weighted %g ± %g, plain %g", truth, mean, error, plain);
  g_assert_cmpfloat (fabs (mean - truth), <, 4.0 * error);
  g_assert_cmpfloat (error, <, 0.01 * truth);
  if (options->sampler == TN_SAMPLER_IMPORTANCE || thin)
    g_assert_cmpfloat (fabs (plain - truth), >, 20.0 * error);
}

static void
test_importance (void)
{
  const guint records = 211;
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (double));
  TnSamplingOptions options = {.n_samples = 20, .sampler = TN_SAMPLER_IMPORTANCE, .sizes = sizes};
  g_autoptr (GArray) all = NULL;
  g_autoptr (GArray) some = NULL;
  g_autoptr (TnSampleReport) report = NULL;

  for (guint i = 0; i < records; i++)
    {
      double size = (double) length_of (i);

      g_array_append_val (sizes, size);
    }
  assert_unbiased (&options, records, FALSE);
  /* All of them: each stands for itself. */
  options.n_samples = records;
  all = draw (&options, records, NULL, NULL);
  g_assert_cmpuint (all->len, ==, records);
  for (guint i = 0; i < records; i++)
    g_assert_cmpfloat (item (all, i)->weight, ==, 1.0);
  /* A record of size 0 is never drawn, and counted. */
  g_array_index (sizes, double, 5) = 0.0;
  some = draw (&options, records, &report, NULL);
  g_assert_cmpuint (some->len, ==, records - 1);
  g_assert_cmpuint (report->unreachable, ==, 1);
}

static void
test_thin (void)
{
  TnSamplingOptions options = {.n_samples = 64};

  assert_unbiased (&options, 211, TRUE);
}

static void
test_stratified_unbiased (void)
{
  TnSamplingOptions options = {.n_samples = 25, .sampler = TN_SAMPLER_STRATIFIED, .strata = TN_STRATA_LENGTH};

  assert_unbiased (&options, 211, FALSE);
}

static void
test_listed (void)
{
  const TnListedOrdinal ordinals[] = {{3, 2}, {4, 1}, {210, 9}};
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (TnListedOrdinal));
  TnSamplingOptions options = {.sampler = TN_SAMPLER_INDICES, .ordinals = list};
  g_autoptr (GArray) items = NULL;
  g_autoptr (GError) error = NULL;

  g_array_append_vals (list, ordinals, 3);
  items = draw (&options, 211, NULL, NULL);
  g_assert_cmpuint (items->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (item (items, i)->ordinal, ==, ordinals[i].ordinal);
  g_assert_null (draw (&options, 210, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "line 9"));
  g_assert_nonnull (strstr (error->message, "210"));
}

static void
test_wrong_sizes (void)
{
  g_autoptr (GArray) sizes = g_array_new (FALSE, TRUE, sizeof (double));
  const TnSamplingOptions options = {.n_samples = 2, .sampler = TN_SAMPLER_IMPORTANCE, .sizes = sizes};
  GError *error = NULL;

  for (guint n = 4; n <= 6; n += 2)
    {
      g_array_set_size (sizes, n);
      g_assert_null (draw (&options, 5, NULL, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
      g_assert_nonnull (strstr (error->message, "5"));
      g_clear_error (&error);
    }
}

/* Coverage of everything is whole, and of a sample what was counted by hand. */
static void
test_report (void)
{
  TnSamplingOptions options = {.n_samples = 300, .seed = 2};
  g_autoptr (TnSampleReport) report = NULL;
  g_autoptr (TnSampleReport) whole = NULL;
  g_autoptr (GArray) items = draw (&options, 1009, &report, NULL);
  g_autoptr (GArray) all = NULL;
  TnLengthDistance distance;
  guint64 length = 0, drawn = 0;
  guint covered, classes;

  for (guint i = 0; i < 1009; i++)
    length += length_of (i);
  for (guint i = 0; i < items->len; i++)
    drawn += item (items, i)->record.length;
  g_assert_cmpuint (report->length, ==, length);
  g_assert_cmpuint (report->drawn_length, ==, drawn);
  tn_coverage_count (report->files, &covered, &classes);
  g_assert_cmpuint (covered, ==, 3);
  g_assert_cmpuint (classes, ==, 3);
  tn_coverage_count (report->labels, &covered, &classes);
  g_assert_cmpuint (classes, ==, 5);
  g_assert_cmpfloat_with_epsilon (tn_sample_report_effective (report), 300.0, 1e-6);
  tn_sample_report_length_distance (report, &distance);
  g_assert_cmpfloat (distance.ks, <, 3.0 * distance.ks_expected);
  g_assert_cmpfloat (distance.js, <, 3.0 * distance.js_expected);
  g_assert_cmpfloat (distance.ks, >, 0.0);
  options.n_samples = 5000;
  all = draw (&options, 1009, &whole, NULL);
  tn_sample_report_length_distance (whole, &distance);
  g_assert_cmpfloat (distance.ks, ==, 0.0);
  g_assert_cmpfloat (distance.js, ==, 0.0);
  g_assert_cmpuint (whole->drawn_length, ==, whole->length);
}

static void
test_length_classes (void)
{
  for (guint length = 1; length < 5000; length++)
    {
      guint class = tn_length_class (length), octave = class / 4;

      g_assert_cmpfloat (length, >=, ldexp (1.0 + class % 4 / 4.0, (int) octave));
      g_assert_cmpfloat (length, <, ldexp (1.25 + class % 4 / 4.0, (int) octave));
    }
  g_assert_cmpuint (tn_length_class (G_MAXUINT32), ==, TN_LENGTH_CLASSES - 1);
  g_assert_cmpuint (tn_length_class (0), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/drawing/uniform/random", GUINT_TO_POINTER (TN_SAMPLER_RANDOM), test_uniform);
  g_test_add_data_func ("/drawing/uniform/reservoir", GUINT_TO_POINTER (TN_SAMPLER_RESERVOIR), test_uniform);
  g_test_add_func ("/drawing/same-draw", test_same_draw);
  g_test_add_func ("/drawing/systematic", test_systematic);
  g_test_add_func ("/drawing/allocation", test_allocation);
  g_test_add_func ("/drawing/allocation/properties", test_allocation_properties);
  g_test_add_func ("/drawing/stratified", test_stratified);
  g_test_add_func ("/drawing/stratified/unbiased", test_stratified_unbiased);
  g_test_add_func ("/drawing/importance", test_importance);
  g_test_add_func ("/drawing/thin", test_thin);
  g_test_add_func ("/drawing/listed", test_listed);
  g_test_add_func ("/drawing/wrong-sizes", test_wrong_sizes);
  g_test_add_func ("/drawing/report", test_report);
  g_test_add_func ("/drawing/length-classes", test_length_classes);
  return g_test_run ();
}
