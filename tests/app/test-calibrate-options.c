/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <string.h>

#include "app/tasks/calibrate-options.h"
#include "engine/error.h"

static void
assert_refused (const char *name, const char *value, const char *message)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autofree char *before = tn_calibrate_options_print (options);
  g_autofree char *after = NULL;
  g_autofree char *origin = g_strconcat ("--", name, NULL);
  const char *const values[] = {value, NULL};
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_calibrate_options_set (options, origin, name, values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==, message);
  after = tn_calibrate_options_print (options);
  g_assert_cmpstr (before, ==, after);
  g_assert_cmpuint (options->given[0], ==, 0);
}

static void
test_wrong_values (void)
{
  assert_refused ("samples", "many", "--samples: “many” is not a whole number between 0 and 100000000");
  assert_refused ("samples", "-1", "--samples: “-1” is not a whole number between 0 and 100000000");
  assert_refused ("samples", "100000001", "--samples: “100000001” is not a whole number between 0 and 100000000");
  assert_refused ("samples", " 5", "--samples: “ 5” is not a whole number between 0 and 100000000");
  assert_refused ("samples", "5 ", "--samples: “5 ” is not a whole number between 0 and 100000000");
  assert_refused ("samples", "99999999999999999999999", "--samples: “99999999999999999999999” is not a whole number between 0 and 100000000");
  assert_refused ("seq-len", "1048577", "--seq-len: “1048577” is not a whole number between 0 and 1048576");
  assert_refused ("batch-size", "0", "--batch-size: “0” is not a whole number between 1 and 65536");
  assert_refused ("workers", "65", "--workers: “65” is not a whole number between 0 and 64");
  assert_refused ("seed", "1.5", "--seed: “1.5” is not a whole number of 64 bits");
  assert_refused ("seed", "18446744073709551616", "--seed: “18446744073709551616” is not a whole number of 64 bits");
  assert_refused ("seed", "", "--seed: “” is not a whole number of 64 bits");
  assert_refused ("shard", "0/3", "--shard: “0/3” is not I/N with 1 ≤ I ≤ N");
  assert_refused ("shard", "4/3", "--shard: “4/3” is not I/N with 1 ≤ I ≤ N");
  assert_refused ("shard", "1", "--shard: “1” is not I/N with 1 ≤ I ≤ N");
  assert_refused ("shard", "1/2/3", "--shard: “1/2/3” is not I/N with 1 ≤ I ≤ N");
  assert_refused ("sites", "in,up", "--sites: “up” is none of in, out, residual, logits");
  assert_refused ("data-format", "pdf", "--data-format: “pdf” is none of auto, text, jsonl, csv, tokens, npy");
  assert_refused ("data", "", "--data: the value is empty");
  assert_refused ("out", "", "--out: the value is empty");
  assert_refused ("ranges", "row", "--ranges: “row” is none of tensor, channel");
  assert_refused ("ema-decay", "1", "--ema-decay: “1” is not a number above 0 and below 1");
  assert_refused ("ema-decay", "nan", "--ema-decay: “nan” is not a number above 0 and below 1");
  assert_refused ("ema-decay", "0.5x", "--ema-decay: “0.5x” is not a number above 0 and below 1");
  assert_refused ("percentiles", "1,,2", "--percentiles: “” is not a percentage between 0 and 100");
  assert_refused ("percentiles", "1,101", "--percentiles: “101” is not a percentage between 0 and 100");
  assert_refused ("percentiles", "5,1", "--percentiles: “1” is not above the percentage before it; they stand in ascending order");
  assert_refused ("memory-limit", "1 parsec", "--memory-limit: “1 parsec” is not a size such as 500MB or 1GiB");
  assert_refused ("memory-limit", "0", "--memory-limit: “0” is not a size such as 500MB or 1GiB");
  assert_refused ("memory-limit", "-1GiB", "--memory-limit: “-1GiB” is not a size such as 500MB or 1GiB");
  assert_refused ("time-limit", "soon", "--time-limit: “soon” is not a time such as 90s, 15min or 2h");
  assert_refused ("time-limit", "1e300h", "--time-limit: “1e300h” is not a time such as 90s, 15min or 2h");
  assert_refused ("stop-when-stable", "101%", "--stop-when-stable: “101%” is not a number from 0 to 1");
  assert_refused ("confidence", "100%", "--confidence: “100%” is not a number above 0 and below 1");
}

static void
set (TnCalibrateOptions *options, const char *name, const char *value)
{
  const char *const values[] = {value, NULL};
  g_autoptr (GError) error = NULL;

  tn_calibrate_options_set (options, name, name, values, &error);
  g_assert_no_error (error);
}

static void
test_values (void)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autoptr (TnCalibrateOptions) copy = NULL;

  set (options, "seed", "-1");
  g_assert_cmpuint (options->sampling.seed, ==, G_MAXUINT64);
  set (options, "seed", "0x10");
  g_assert_cmpuint (options->sampling.seed, ==, 16);
  set (options, "memory-limit", "1.5GiB");
  g_assert_cmpuint (options->memory_limit, ==, G_GUINT64_CONSTANT (3) << 29);
  set (options, "time-limit", "1.5 h");
  g_assert_cmpfloat (options->time_limit, ==, 5400.0);
  set (options, "time-limit", "90");
  g_assert_cmpfloat (options->time_limit, ==, 90.0);
  set (options, "stop-when-stable", "5%");
  g_assert_cmpfloat (options->tolerance, ==, 0.05);
  set (options, "percentiles", "0, 50,100");
  g_assert_cmpuint (options->percentiles->len, ==, 3);
  g_assert_cmpfloat (g_array_index (options->percentiles, double, 2), ==, 100.0);
  set (options, "shard", "2/7");
  g_assert_cmpuint (options->sampling.shard, ==, 2);
  g_assert_cmpuint (options->sampling.n_shards, ==, 7);
  set (options, "sites", "in,residual");
  g_assert_cmpuint (options->kinds, ==, TN_SITE_INPUT | TN_SITE_RESIDUAL);
  copy = tn_calibrate_options_copy (options);
  set (options, "percentiles", "1");
  g_assert_cmpuint (copy->percentiles->len, ==, 3);
}

/* Loads text as a configuration; the message must be it, behind the file's name. */
static void
assert_bad_file (const char *text, gssize bytes, const char *message)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autofree char *folder = g_dir_make_tmp ("ternion-options-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a.conf", NULL);
  g_autofree char *expected = g_strconcat (path, message, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, text, bytes, NULL));
  g_assert_false (tn_calibrate_options_load (options, path, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  if (message[strlen (message) - 1] == '*')
    g_assert_true (g_str_has_prefix (error->message, path));
  else
    g_assert_cmpstr (error->message, ==, expected);
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_wrong_files (void)
{
  g_autofree char *large = g_strnfill ((1 << 20) + 1, '#');

  assert_bad_file ("samples=3", -1, ":1: “samples=3” stands in front of the first [group]");
  assert_bad_file ("\n# a\n[sample]\nsmples=3", -1, ":4: group [sample] has no key “smples”; is “samples” of [sample] meant?");
  assert_bad_file ("[smple]\n", -1, ":1: there is no group [smple]; expected one of [model], [data], [sample], [statistics], [run]");
  assert_bad_file ("[run]\nsamples=3", -1, ":2: key “samples” stands in group [run]; it belongs into [sample]");
  assert_bad_file ("[sample]\nsamples=3\n samples = 4", -1, ":3: key “samples” is there twice");
  assert_bad_file ("[sample]\nseed=3\n[run]\n[sample]\nseed=4", -1, ":5: key “seed” is there twice");
  assert_bad_file ("[sample]\r\nsamples=3x\r\n", -1, ":2: samples: “3x” is not a whole number between 0 and 100000000");
  assert_bad_file ("[sample]\nfoo\n", -1, ":2: “foo” is neither a [group], a key = value nor a # comment");
  assert_bad_file ("[sample\nfoo=1\n", -1, ":1: “[sample” is neither a [group], a key = value nor a # comment");
  assert_bad_file ("[sample]\n=1\n", -1, ":2: group [sample] has no key “”");
  assert_bad_file ("[sample]\nsamples[de]=1\n", -1, ":2: group [sample] has no key “samples[de]”");
  assert_bad_file ("[data]\ndata=\n", -1, ":2: data: the value is empty");
  assert_bad_file ("[data]\ndata=a;;b\n", -1, ":2: data: the value is empty");
  assert_bad_file ("[run]\nout=a\\qb\n", -1, "*");
  assert_bad_file ("[]\n", -1, ":1: there is no group []; expected one of [model], [data], [sample], [statistics], [run]");
  assert_bad_file ("[sample]\nseed=\xff\n", -1, ": is no configuration: expected a key file in UTF-8 of at most 1 MiB");
  assert_bad_file ("[sample]\nseed=\0 1\n", 19, ": is no configuration: expected a key file in UTF-8 of at most 1 MiB");
  assert_bad_file (large, -1, ": is no configuration: expected a key file in UTF-8 of at most 1 MiB");
}

/* What counts by being given alone is printed only then. */
static void
test_print (void)
{
  const char *const tensors[] = {"a.npy", NULL};
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autofree char *first = tn_calibrate_options_print (options);
  g_autofree char *second = NULL;

  g_assert_null (strstr (first, "ema-decay"));
  g_assert_nonnull (strstr (first, "samples=128"));
  set (options, "ema-decay", "0.99");
  g_assert_true (tn_calibrate_options_set (options, "--tensors", "tensors", tensors, NULL));
  second = tn_calibrate_options_print (options);
  g_assert_nonnull (strstr (second, "ema-decay=0.99"));
  g_assert_null (strstr (second, "samples="));
  g_assert_null (strstr (second, "batch-size="));
}

static void
test_round_trip (void)
{
  const char *const data[] = {"a.txt", "with; and = and \\ and #", " spaces ", NULL};
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autoptr (TnCalibrateOptions) again = tn_calibrate_options_new ();
  g_autofree char *folder = g_dir_make_tmp ("ternion-options-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a.conf", NULL);
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_calibrate_options_set (options, "--data", "data", data, NULL));
  set (options, "model", " [odd]\tname.gguf");
  set (options, "sites", "logits,in");
  set (options, "percentiles", "0.1,33.333333333333336,99.99");
  set (options, "ema-decay", "0.1");
  set (options, "time-limit", "1h");
  set (options, "memory-limit", "3GiB");
  set (options, "shard", "3/4");
  first = tn_calibrate_options_print (options);
  g_assert_true (g_file_set_contents (path, first, -1, NULL));
  tn_calibrate_options_load (again, path, &error);
  g_assert_no_error (error);
  second = tn_calibrate_options_print (again);
  g_assert_cmpstr (first, ==, second);
  g_assert_cmpstrv (again->data_paths, data);
  g_assert_cmpstr (again->model_path, ==, " [odd]\tname.gguf");
  g_unlink (path);
  g_rmdir (folder);
}

/* No option of the table is without a group that a file may hold, and none hides another. */
static void
test_table (void)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  const TnOption *option;
  guint n = 0;

  for (; (option = tn_calibrate_option_get (n)) != NULL; n++)
    g_assert_true (g_hash_table_add (names, (gpointer) option->name));
  g_assert_cmpuint (n, >, 20);
}

static void
test_check (void)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  GError *error = NULL;

  g_assert_false (tn_calibrate_options_check (options, &error));
  g_assert_cmpstr (error->message, ==, "MODEL is missing");
  g_clear_error (&error);
  set (options, "model", "a");
  g_assert_false (tn_calibrate_options_check (options, &error));
  g_assert_cmpstr (error->message, ==, "--data PATH is missing");
  g_clear_error (&error);
  set (options, "data", "b");
  g_assert_true (tn_calibrate_options_check (options, &error));
  g_assert_cmpfloat (tn_calibrate_options_get_settled_tolerance (NULL), ==, 0.05);
  g_assert_cmpfloat (tn_calibrate_options_get_settled_tolerance (options), ==, 0.05);
  set (options, "stop-when-stable", "1%");
  g_assert_cmpfloat (tn_calibrate_options_get_settled_tolerance (options), ==, 0.01);
  set (options, "shard", "1/2");
  g_assert_false (tn_calibrate_options_check (options, &error));
  g_assert_nonnull (strstr (error->message, "--stop-when-stable and --shard"));
  g_clear_error (&error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/calibrate-options/wrong-values", test_wrong_values);
  g_test_add_func ("/calibrate-options/values", test_values);
  g_test_add_func ("/calibrate-options/wrong-files", test_wrong_files);
  g_test_add_func ("/calibrate-options/print", test_print);
  g_test_add_func ("/calibrate-options/round-trip", test_round_trip);
  g_test_add_func ("/calibrate-options/table", test_table);
  g_test_add_func ("/calibrate-options/check", test_check);
  return g_test_run ();
}
