/* SPDX-License-Identifier: Apache-2.0 */
#include "data/analysis/analysis-file.h"
#include "data/files/json-reader.h"
#include "engine/error.h"
#include "engine/random.h"
#include "tests/data/model-bytes.h"

/* Any number there is: also none, infinite ones, a zero with a sign, the smallest and the largest. */
static double
draw (TnRandom *random)
{
  static const double odd[] =
      {(double) NAN, (double) INFINITY, (double) -INFINITY, 0.0, -0.0, 5e-324, 1.7976931348623157e308, 1e-10, 0.1};
  guint i = (guint) tn_random_below (random, 3 * G_N_ELEMENTS (odd));

  return i < G_N_ELEMENTS (odd) ? odd[i] : tn_random_normal (random);
}

static TnEstimate
draw_estimate (TnRandom *random)
{
  TnEstimate estimate = TN_ESTIMATE_NONE;

  if (tn_random_below (random, 3) > 0)
    estimate = (TnEstimate){draw (random), draw (random), draw (random), (guint) tn_random_below (random, 100)};
  return estimate;
}

/* Structs of nothing but doubles. */
static void
draw_numbers (TnRandom *random, void *numbers, gsize bytes)
{
  gboolean measured = tn_random_below (random, 3) > 0;

  for (gsize i = 0; i < bytes / sizeof (double); i++)
    ((double *) numbers)[i] = measured ? draw (random) : (double) NAN;
}

static void
draw_cell (TnRandom *random, TnAnalysisCell *cell)
{
  cell->applies = tn_random_below (random, 5) > 0;
  if (!cell->applies)
    return;
  cell->bits = 1.0 + tn_random_uniform (random);
  cell->bytes = 0.5 + tn_random_uniform (random);
  draw_numbers (random, &cell->weight, sizeof cell->weight);
  draw_numbers (random, &cell->alone, sizeof cell->alone);
  draw_numbers (random, &cell->accumulated, sizeof cell->accumulated);
  cell->fisher = draw_estimate (random);
  cell->taylor = draw_estimate (random);
  cell->hessian = draw_estimate (random);
  cell->measured = draw_estimate (random);
  cell->stopped = tn_random_below (random, 2) > 0;
}

static void
draw_details (TnRandom *random, TnAnalyzedLayer *layer)
{
  for (guint i = 0; i < TN_N_CARRIERS; i++)
    {
      TnCarrier carrier = {.kind = (TnCarrierKind) i, .index = G_MAXUINT - i, .share = draw (random)};

      if (carrier.kind == TN_CARRIER_TOKEN)
        {
          carrier.position = 7;
          carrier.token = -3;
          carrier.text = g_strdup ("a “b” ⟦c⟧\n\t");
        }
      g_array_append_val (layer->carriers, carrier);
    }
  for (guint i = 0; i < TN_N_FINDINGS; i++)
    {
      TnFinding finding = {(TnFindingKind) i, draw (random), draw (random), i % 2 == 0 ? i : G_MAXUINT};

      g_array_append_val (layer->findings, finding);
    }
}

static TnAnalysis *
build (guint n_layers, const char *schemes, gboolean details)
{
  g_autoptr (GArray) list =
      schemes[0] != '\0' ? tn_scheme_parse_list (schemes, NULL) : g_array_new (FALSE, FALSE, sizeof (TnScheme));
  TnAnalysis *analysis = tn_analysis_new_empty ();
  TnRandom random = tn_random_stream (17, "analysis");

  analysis->model_name = g_strdup ("möde\"l\n.gguf");
  analysis->model_fingerprint = G_GUINT64_CONSTANT (0xfedcba9876543210);
  analysis->data_fingerprint = 1;
  analysis->seed = G_MAXUINT64;
  analysis->backend = g_strdup ("OpenBLAS");
  analysis->seq_len = 256;
  analysis->score_samples = 16;
  analysis->measure_samples = G_MAXUINT;
  analysis->seconds = 3.5;
  g_array_append_vals (analysis->schemes, list->data, list->len);
  analysis->has_activations = details;
  if (details)
    g_assert_true (tn_scheme_parse ("int8:t", &analysis->activations, NULL));
  analysis->carriers_scheme = list->len / 2;
  analysis->loss = (TnEstimate){1.25, 1.0, 1.5, 8};
  analysis->taylor_agreement = (TnRankAgreement){0.9, 0.8, 0.95, 0.7, 12};
  for (guint i = 0; i < n_layers; i++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.ffn_down.weight", i);

      g_ptr_array_add (analysis->layers, tn_analyzed_layer_new (name, "blk.0.ffn_down.in", i, 5, 7 + i, i / 2));
      if (details)
        draw_details (&random, tn_analysis_get_layer (analysis, i));
    }
  analysis->n_groups = (n_layers + 1) / 2;
  tn_analysis_allocate (analysis);
  for (guint i = 0; i < n_layers * list->len; i++)
    draw_cell (&random, &analysis->cells[i]);
  if (!details)
    return analysis;
  analysis->correlations = g_new (double, n_layers *n_layers + 1);
  for (guint i = 0; i < n_layers; i++)
    for (guint j = 0; j <= i; j++)
      analysis->correlations[i * n_layers + j] = analysis->correlations[j * n_layers + i] = draw (&random);
  for (guint i = 0; i < 2; i++)
    {
      TnPlanCheck *check = tn_plan_check_new (i == 0 ? "int4 everywhere" : "plan", n_layers);

      for (guint j = 0; j < n_layers; j++)
        check->schemes[j] = (gint) tn_random_below (&random, list->len + 1) - 1;
      check->bits = draw (&random);
      check->predicted = draw (&random);
      check->measured = draw_estimate (&random);
      g_ptr_array_add (analysis->checks, check);
    }
  return analysis;
}

/* The same bits, but that one NaN is like another. */
static void
same_number (double a, double b)
{
  if (isnan (a))
    g_assert_true (isnan (b));
  else
    g_assert_cmpmem (&a, sizeof a, &b, sizeof b);
}

static void
same_numbers (const void *a, const void *b, gsize bytes)
{
  for (gsize i = 0; i < bytes / sizeof (double); i++)
    same_number (((const double *) a)[i], ((const double *) b)[i]);
}

static void
same_estimate (const TnEstimate *a, const TnEstimate *b)
{
  same_number (a->value, b->value);
  same_number (a->low, b->low);
  same_number (a->high, b->high);
  g_assert_cmpuint (a->n, ==, b->n);
}

static void
same_cell (const TnAnalysisCell *a, const TnAnalysisCell *b)
{
  g_assert_cmpint (a->applies, ==, b->applies);
  same_number (a->bits, b->bits);
  same_number (a->bytes, b->bytes);
  same_numbers (&a->weight, &b->weight, sizeof a->weight);
  same_numbers (&a->alone, &b->alone, sizeof a->alone);
  same_numbers (&a->accumulated, &b->accumulated, sizeof a->accumulated);
  same_estimate (&a->fisher, &b->fisher);
  same_estimate (&a->taylor, &b->taylor);
  same_estimate (&a->hessian, &b->hessian);
  same_estimate (&a->measured, &b->measured);
  g_assert_cmpint (a->stopped, ==, b->stopped);
}

static void
same_layer (const TnAnalyzedLayer *a, const TnAnalyzedLayer *b)
{
  g_assert_cmpstr (a->name, ==, b->name);
  g_assert_cmpstr (a->site, ==, b->site);
  g_assert_cmpuint (a->block, ==, b->block);
  g_assert_cmpuint (a->rows, ==, b->rows);
  g_assert_cmpuint (a->columns, ==, b->columns);
  g_assert_cmpuint (a->group, ==, b->group);
  g_assert_cmpuint (a->carriers->len, ==, b->carriers->len);
  for (guint i = 0; i < a->carriers->len; i++)
    {
      const TnCarrier *x = &g_array_index (a->carriers, TnCarrier, i), *y = &g_array_index (b->carriers, TnCarrier, i);

      g_assert_true (x->kind == y->kind && x->index == y->index && x->position == y->position && x->token == y->token);
      same_number (x->share, y->share);
      g_assert_cmpstr (x->text, ==, y->text);
    }
  g_assert_cmpuint (a->findings->len, ==, b->findings->len);
  for (guint i = 0; i < a->findings->len; i++)
    {
      const TnFinding *x = &g_array_index (a->findings, TnFinding, i), *y = &g_array_index (b->findings, TnFinding, i);

      g_assert_true (x->kind == y->kind && x->index == y->index);
      same_number (x->value, y->value);
      same_number (x->limit, y->limit);
    }
}

static void
same_agreement (const TnRankAgreement *a, const TnRankAgreement *b)
{
  same_number (a->spearman, b->spearman);
  same_number (a->spearman_low, b->spearman_low);
  same_number (a->spearman_high, b->spearman_high);
  same_number (a->kendall, b->kendall);
  g_assert_cmpuint (a->n, ==, b->n);
}

static void
same_analysis (const TnAnalysis *a, const TnAnalysis *b)
{
  g_assert_cmpstr (a->model_name, ==, b->model_name);
  g_assert_cmpstr (a->data_name, ==, b->data_name);
  g_assert_cmpstr (a->backend, ==, b->backend);
  g_assert_cmpstr (a->statistics, ==, b->statistics);
  g_assert_true (a->model_fingerprint == b->model_fingerprint && a->data_fingerprint == b->data_fingerprint &&
                 a->seed == b->seed);
  g_assert_true (a->seq_len == b->seq_len && a->score_samples == b->score_samples && a->measure_samples == b->measure_samples &&
                 a->error_samples == b->error_samples && a->carriers_scheme == b->carriers_scheme && a->n_groups == b->n_groups);
  g_assert_true (isnan (b->seconds));
  g_assert_cmpint (a->has_activations, ==, b->has_activations);
  g_assert_true (!a->has_activations || tn_scheme_equal (&a->activations, &b->activations));
  g_assert_cmpuint (a->schemes->len, ==, b->schemes->len);
  for (guint i = 0; i < a->schemes->len; i++)
    g_assert_true (tn_scheme_equal (tn_analysis_get_scheme (a, i), tn_analysis_get_scheme (b, i)));
  same_estimate (&a->loss, &b->loss);
  same_agreement (&a->fisher_agreement, &b->fisher_agreement);
  same_agreement (&a->taylor_agreement, &b->taylor_agreement);
  same_agreement (&a->hessian_agreement, &b->hessian_agreement);
  g_assert_cmpuint (a->layers->len, ==, b->layers->len);
  for (guint i = 0; i < a->layers->len; i++)
    {
      same_layer (tn_analysis_get_layer (a, i), tn_analysis_get_layer (b, i));
      for (guint k = 0; k < a->schemes->len; k++)
        same_cell (tn_analysis_get_cell (a, i, k), tn_analysis_get_cell (b, i, k));
    }
  g_assert_true ((a->correlations == NULL) == (b->correlations == NULL));
  if (a->correlations != NULL)
    same_numbers (a->correlations, b->correlations, (gsize) a->layers->len * a->layers->len * sizeof (double));
  g_assert_cmpuint (a->checks->len, ==, b->checks->len);
  for (guint i = 0; i < a->checks->len; i++)
    {
      const TnPlanCheck *x = g_ptr_array_index (a->checks, i), *y = g_ptr_array_index (b->checks, i);

      g_assert_cmpstr (x->title, ==, y->title);
      g_assert_cmpmem (x->schemes, a->layers->len * sizeof (gint), y->schemes, a->layers->len * sizeof (gint));
      same_number (x->bits, y->bits);
      same_number (x->bytes, y->bytes);
      same_number (x->predicted, y->predicted);
      same_estimate (&x->measured, &y->measured);
    }
}

static void
test_round_trip (void)
{
  static const struct
  {
    guint n_layers;
    const char *schemes;
    gboolean details;
  } cases[] = {{0, "", FALSE},
               {0, "int4", TRUE},
               {1, "", TRUE},
               {1, "ternary", FALSE},
               {7, "ternary,int4:g32:asym,int8:c,int8:p99.9", TRUE},
               {67, "binary,ternary:ls,int2", TRUE}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TnAnalysis) analysis = build (cases[i].n_layers, cases[i].schemes, cases[i].details), again = NULL;
      g_autofree char *path = g_build_filename (test_folder, "a.json", NULL),
                      *second = g_build_filename (test_folder, "b.json", NULL);
      g_autofree char *text = NULL, *second_text = NULL;
      g_autoptr (GError) error = NULL;

      tn_analysis_save (analysis, path, &error);
      g_assert_no_error (error);
      again = tn_analysis_load (path, &error);
      g_assert_no_error (error);
      same_analysis (analysis, again);
      tn_analysis_save (again, second, &error);
      g_assert_no_error (error);
      g_assert_true (g_file_get_contents (path, &text, NULL, NULL) && g_file_get_contents (second, &second_text, NULL, NULL));
      g_assert_cmpstr (text, ==, second_text);
      g_assert_null (strstr (text, "seconds"));
    }
}

/* What neither file nor reader can hold is said before anything is written; what can be left out is. */
static void
test_large (void)
{
  g_autoptr (TnAnalysis) analysis = build (10000, "ternary,int2,int3,int4,int8", FALSE), again = NULL;
  g_autofree char *path = g_build_filename (test_folder, "large.json", NULL),
                  *too_large = g_build_filename (test_folder, "none.json", NULL);
  g_autoptr (TnAnalysis) larger = build (20000, "ternary,int2,int3,int4,int8", FALSE);
  g_autoptr (GError) error = NULL;

  analysis->correlations = g_new0 (double, 1);
  tn_analysis_save (analysis, path, &error);
  g_assert_no_error (error);
  again = tn_analysis_load (path, &error);
  g_assert_no_error (error);
  g_assert_null (again->correlations);
  g_clear_pointer (&analysis->correlations, g_free);
  same_analysis (analysis, again);

  g_assert_false (tn_analysis_save (larger, too_large, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_assert_false (g_file_test (too_large, G_FILE_TEST_EXISTS));
}

/* The number of values that saving counts on is none too small: everything measured is the most there is. */
static void
test_largest_cell (void)
{
  g_autoptr (TnAnalysis) analysis = build (300, "ternary,int2,int3,int4", TRUE);
  g_autofree char *path = g_build_filename (test_folder, "full.json", NULL);
  g_autoptr (TnJson) json = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 1200; i++)
    {
      TnAnalysisCell *cell = &analysis->cells[i];

      cell->applies = TRUE;
      cell->bits = cell->bytes = cell->weight.mse = cell->alone.nmse = cell->accumulated.nmse = 1.0;
      cell->fisher.n = cell->taylor.n = cell->hessian.n = cell->measured.n = 1;
    }
  tn_analysis_save (analysis, path, &error);
  g_assert_no_error (error);
  json = tn_json_parse_file (path, &error);
  g_assert_no_error (error);
  {
    const TnJsonNode *layer = tn_json_find (tn_json_get_root (json), "layers")->value.list.first;
    const TnJsonNode *cell = tn_json_find (layer, "cells")->value.list.first;
    guint n = 1 + cell->n_children;

    for (const TnJsonNode *node = cell->value.list.first; node != NULL; node = node->next)
      n += node->type == TN_JSON_OBJECT ? node->n_children : 0;
    g_assert_cmpuint (n, ==, 52);
  }
}

#define GOOD                                                                                                                     \
  "{\"format\":\"ternion-analysis\",\"version\":1,\"model\":{\"name\":\"m\",\"fingerprint\":\"0123456789abcdef\"},"              \
  "\"data\":{\"fingerprint\":\"0000000000000001\"},\"seed\":\"1\",\"seq_len\":4,\"score_samples\":1,\"measure_samples\":1,"      \
  "\"error_samples\":1,\"schemes\":[\"int4\",\"int8\"],\"activations\":\"int8:t\",\"carriers_scheme\":1,\"loss\":{\"value\":1."  \
  "5,\"n\":3},"                                                                                                                  \
  "\"agreement\":{\"fisher\":{\"n\":2}},\"checks\":[{\"title\":\"t\",\"schemes\":[0,-1]}],"                                      \
  "\"layers\":[{\"name\":\"a\",\"site\":\"s\",\"block\":0,\"rows\":2,\"columns\":3,\"group\":0,\"cells\":[null,{\"bits\":8,"     \
  "\"bytes\":6}],"                                                                                                               \
  "\"carriers\":[{\"kind\":\"token\",\"index\":0,\"position\":1,\"token\":2,\"share\":0.5}],\"findings\":[{\"kind\":"            \
  "\"constant\"}]},"                                                                                                             \
  "{\"name\":\"b\",\"site\":\"s\",\"block\":0,\"rows\":2,\"columns\":3,\"group\":1,\"cells\":[null,null],\"carriers\":[],"       \
  "\"findings\":[]}],"                                                                                                           \
  "\"correlations\":[[1],[0.5,1]],\"new\":[true]}"

static void
test_errors (void)
{
  static const struct
  {
    const char *part, *other, *message;
    int code;
  } cases[] = {
      {"ternion-analysis", "other", "x.json: format: \"other\" found, \"ternion-analysis\" expected", TN_ERROR_FORMAT},
      {"\"version\":1", "\"version\":2", "x.json: version: 2 is a later form", TN_ERROR_UNSUPPORTED},
      {"\"version\":1", "\"version\":1.5", "version: \"1.5\" found, an integer from 1 to 4294967295 expected", TN_ERROR_FORMAT},
      {"0123456789abcdef", "0123", "model.fingerprint: \"0123\" found, 16 hexadecimal digits expected", TN_ERROR_FORMAT},
      {"\"data\":", "\"date\":", "data: missing, an object expected", TN_ERROR_FORMAT},
      {"\"seed\":\"1\"", "\"seed\":1", "seed: \"1\" found, the decimal digits", TN_ERROR_FORMAT},
      {"\"int4\"", "\"int44\"", "schemes[0]: \"int44\" found, the name of a scheme expected", TN_ERROR_FORMAT},
      {"\"int8:t\"", "7", "activations: \"7\" found, the name of a scheme expected", TN_ERROR_FORMAT},
      {"\"carriers_scheme\":1", "\"carriers_scheme\":2", "carriers_scheme: \"2\" found, an integer from 0 to 1 expected",
       TN_ERROR_FORMAT},
      {"\"value\":1.5", "\"value\":\"x\"", "loss.value: \"x\" found, a number, null", TN_ERROR_FORMAT},
      {"{\"n\":2}", "[2]", "agreement.fisher: \"[2]\" found, an object or null expected", TN_ERROR_FORMAT},
      {"\"n\":2", "\"n\":-2", "agreement.fisher.n: \"-2\" found", TN_ERROR_FORMAT},
      {"[0,-1]", "[0]", "checks[0].schemes: \"[0]\" found, as many elements as there are layers expected", TN_ERROR_FORMAT},
      {"[0,-1]", "[0,2]", "checks[0].schemes[1]: \"2\" found, the index of a scheme, or -1 expected", TN_ERROR_FORMAT},
      {"[0,-1]", "[0,-2]", "checks[0].schemes[1]: \"-2\" found", TN_ERROR_FORMAT},
      {"\"name\":\"b\"", "\"name\":\"a\"", "layers[1].name: \"a\" found, a name that no other layer has expected",
       TN_ERROR_FORMAT},
      {"\"rows\":2", "\"rows\":0", "layers[0].rows: \"0\" found, an integer from 1 to", TN_ERROR_FORMAT},
      {"\"columns\":3", "\"columns\":4503599627370496", "layers[0].columns: \"4503599627370496\" found", TN_ERROR_FORMAT},
      {"\"group\":1", "\"group\":2", "layers[1].group: \"2\" found, an integer from 0 to 1 expected", TN_ERROR_FORMAT},
      {"[null,null]", "[null]", "layers[1].cells: \"[null]\" found, as many elements as there are schemes expected",
       TN_ERROR_FORMAT},
      {"[null,null]", "[null,3]", "layers[1].cells[1]: \"3\" found, an object or null expected", TN_ERROR_FORMAT},
      {"\"bits\":8", "\"bits\":0", "layers[0].cells[1].bits: \"0\" found, a number above 0 expected", TN_ERROR_FORMAT},
      {"\"bytes\":6", "\"bytes\":\"inf\"", "layers[0].cells[1].bytes: \"inf\" found, a number above 0 expected", TN_ERROR_FORMAT},
      {"\"kind\":\"token\"", "\"kind\":\"word\"", "layers[0].carriers[0].kind: \"word\" found, input_channel", TN_ERROR_FORMAT},
      {"\"token\":2", "\"token\":2147483648", "layers[0].carriers[0].token: \"2147483648\" found", TN_ERROR_FORMAT},
      {"\"constant\"", "\"odd\"", "layers[0].findings[0].kind: \"odd\" found, the name of a finding expected", TN_ERROR_FORMAT},
      {"[[1],[0.5,1]]", "[[1],[0.5]]", "correlations[1]: \"[0.5]\" found, an array with an element for this layer",
       TN_ERROR_FORMAT},
      {"[[1],[0.5,1]]", "[[1]]", "correlations: \"[[1]]\" found", TN_ERROR_FORMAT},
      {"\"layers\":[{", "\"layers\":[7,{", "layers: \"7\" found, an object expected", TN_ERROR_FORMAT},
  };
  g_autofree char *path = test_write ("x.json", GOOD, strlen (GOOD));
  g_autoptr (GError) error = NULL;
  g_autoptr (TnAnalysis) good = tn_analysis_load (path, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (good->n_groups, ==, 2);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *at = strstr (GOOD, cases[i].part);
      g_autoptr (GString) text = g_string_new_len (GOOD, at - GOOD);
      g_autoptr (GError) case_error = NULL;

      g_string_append (text, cases[i].other);
      g_string_append (text, at + strlen (cases[i].part));
      g_free (test_write ("x.json", text->str, text->len));
      g_assert_null (tn_analysis_load (path, &case_error));
      g_test_message ("%s", case_error->message);
      g_assert_error (case_error, TN_ERROR, cases[i].code);
      g_assert_nonnull (strstr (case_error->message, cases[i].message));
    }
}

int
main (int argc, char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/analysis-file/round-trip", test_round_trip);
  g_test_add_func ("/analysis-file/large", test_large);
  g_test_add_func ("/analysis-file/largest-cell", test_largest_cell);
  g_test_add_func ("/analysis-file/errors", test_errors);
  result = g_test_run ();
  test_folder_remove (test_folder);
  return result;
}
