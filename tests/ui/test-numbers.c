/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "ui/numbers.h"
#include "ui/progress-text.h"

static void
assert_text (char *text, const char *expected)
{
  g_assert_cmpstr (text, ==, expected);
  g_free (text);
}

static void
test_values (void)
{
  assert_text (tn_format_value (0), "0.0000");
  assert_text (tn_format_value (1.5), "1.5000");
  assert_text (tn_format_value (-0.25), "−0.2500");
  assert_text (tn_format_value (-0.0001), "−1.00e−04");
  assert_text (tn_format_value (123456), "1.23e+05");
  assert_text (tn_format_value (99999), "99999.0000");
  assert_text (tn_format_value (NAN), "—");
  assert_text (tn_format_value (-INFINITY), "−∞");
  assert_text (tn_format_loss (0.0123456), "+0.01235");
  assert_text (tn_format_loss (-0.5), "−0.50000");
  assert_text (tn_format_loss (-0.000004), "0.00000");
  assert_text (tn_format_loss (NAN), "—");
  assert_text (tn_format_loss (INFINITY), "∞");
  assert_text (tn_format_decibel (41.96), "42.0");
  assert_text (tn_format_decibel (-3.04), "−3.0");
  assert_text (tn_format_decibel (INFINITY), "exact");
  assert_text (tn_format_decibel (NAN), "—");
  assert_text (tn_format_percent (0.125), "12.5 %");
}

/* Whatever the locale: the tests run in one that does not group. */
static void
test_counts (void)
{
  assert_text (tn_format_count (0), "0");
  assert_text (tn_format_count (999), "999");
  assert_text (tn_format_count (1000), "1,000");
  assert_text (tn_format_count (260032), "260,032");
  assert_text (tn_format_count (G_MAXUINT64), "18,446,744,073,709,551,615");
  assert_text (tn_format_sequences (1), "1 sequence");
  assert_text (tn_format_sequences (100000), "100,000 sequences");
  assert_text (tn_format_tokens (4096), "4,096 tokens");
}

static void
test_durations (void)
{
  assert_text (tn_format_seconds (0), "0 s");
  assert_text (tn_format_seconds (26.2), "27 s");
  assert_text (tn_format_seconds (61), "1 min 01 s");
  assert_text (tn_format_seconds (3661), "1 h 01 min");
  g_assert_null (tn_format_seconds (-1));
  g_assert_null (tn_format_seconds (NAN));
  g_assert_null (tn_format_seconds (INFINITY));
}

static void
test_progress (void)
{
  assert_text (tn_progress_text (132, 512, "sequences", 14.2, 26.7, 180000000),
               "132 of 512 sequences · 14.2/s · 27 s left · 171.7\302\240MiB");
  assert_text (tn_progress_text (1320, 100000, "sequences", 0, -1, 0), "1,320 of 100,000 sequences");
  assert_text (tn_progress_text (3, 100, "steps", 0.042, -1, 0), "3 of 100 steps · 0.042/s");
  assert_text (tn_progress_text (3, 0, "sequences", 0, -1, 0), "3 sequences");
  assert_text (tn_progress_text (1, 1, "sequences", 0, 0, 0), "1 of 1 sequence · 0 s left");
  assert_text (tn_progress_text (1500000, 3000000, "bytes", 2000000, -1, 0), "1.5\302\240MB of 3.0\302\240MB · 2.0\302\240MB/s");
  assert_text (tn_progress_text (1, 2, "layers", 200, -1, 0), "1 of 2 layers · 200/s");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/numbers/values", test_values);
  g_test_add_func ("/ui/numbers/counts", test_counts);
  g_test_add_func ("/ui/numbers/durations", test_durations);
  g_test_add_func ("/ui/numbers/progress", test_progress);
  return g_test_run ();
}
