/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <string.h>

#include "data/device/measurements.h"
#include "engine/device/choice.h"
#include "engine/device/rates.h"

/* What is known stays known for the life of a process, so each case is a child that says what it found. */

static char *program;

static double
give_rate (guint variant, gpointer user_data)
{
  (*(guint *) user_data)++;
  return 10.0 + variant;
}

static int
child (const char *folder)
{
  static const char *const names[] = {"slow", "fast"};
  TnDeviceRates rates = {.read_bandwidth = 1.5e10, .fp32 = 2.0 / 3.0};
  g_autoptr (GError) error = NULL;
  guint measured = 0, chosen;
  gboolean had_rates;

  tn_measurements_load (folder);
  had_rates = tn_device_has_rates ();
  if (!had_rates)
    tn_device_set_rates (&rates);
  chosen = tn_choice_make ("test", names, 2, give_rate, &measured);
  g_print ("rates %s exact %s measured %u chosen %u saved %s\n", had_rates ? "known" : "new",
           tn_device_get_rates ()->fp32 == 2.0 / 3.0 ? "yes" : "no", measured, chosen,
           tn_measurements_save (folder, &error) ? "yes" : "no");
  return 0;
}

static char *
run (const char *folder)
{
  char *arguments[] = {program, (char *) "--child", (char *) folder, NULL};
  g_autoptr (GError) error = NULL;
  char *out = NULL;
  int status;

  g_spawn_sync (NULL, arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  return out;
}

static void
assert_run (const char *folder, const char *expected)
{
  g_autofree char *out = run (folder);

  g_assert_cmpstr (out, ==, expected);
}

/* The only file of the folder. */
static char *
find_file (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name = g_dir_read_name (dir);

  g_assert_nonnull (name);
  g_assert_null (g_dir_read_name (dir));
  return g_build_filename (folder, name, NULL);
}

#define NEW "rates new exact yes measured 2 chosen 1 saved yes\n"
#define KNOWN "rates known exact yes measured 0 chosen 1 saved yes\n"

static void
test_round_trip (void)
{
  g_autofree char *parent = g_dir_make_tmp ("measurements-XXXXXX", NULL), *folder = g_build_filename (parent, "made", NULL);
  g_autofree char *path = NULL, *text = NULL, *broken = NULL;
  gsize length;

  assert_run (folder, NEW);
  assert_run (folder, KNOWN);
  path = find_file (folder);
  g_assert_true (g_file_get_contents (path, &text, &length, NULL));

  /* Another machine's. */
  broken = g_strdup (text);
  *strchr (strstr (broken, "name=") + 5, ' ') = '_';
  g_assert_true (g_file_set_contents (path, broken, -1, NULL));
  assert_run (folder, NEW);
  assert_run (folder, KNOWN);

  /* Cut anywhere, it is passed over or half of it is used; it never does harm. */
  for (gsize n = 0; n < length; n += 7)
    {
      g_autofree char *out = NULL;

      g_assert_true (g_file_set_contents (path, text, (gssize) n, NULL));
      out = run (folder);
      g_assert_true (g_pattern_match_simple ("rates * exact yes measured ? chosen 1 saved yes\n", out) ||
                     g_pattern_match_simple ("rates known exact * measured ? chosen 1 saved yes\n", out));
    }

  /* Numbers that are none. */
  g_assert_true (g_file_set_contents (path, text, (gssize) length, NULL));
  g_clear_pointer (&broken, g_free);
  broken = g_strdup (text);
  memcpy (strstr (broken, "fp32="), "fp32=-", 6);
  g_assert_true (g_file_set_contents (path, broken, -1, NULL));
  assert_run (folder, "rates new exact yes measured 0 chosen 1 saved yes\n");

  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_assert_cmpint (g_rmdir (parent), ==, 0);
}

static void
test_no_folder (void)
{
  assert_run ("/dev/null/none", "rates new exact yes measured 2 chosen 1 saved no\n");
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--child"))
    return child (argv[2]);
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/measurements/round-trip", test_round_trip);
  g_test_add_func ("/measurements/no-folder", test_no_folder);
  return g_test_run ();
}
