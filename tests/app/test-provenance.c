/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/provenance.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "engine/error.h"

static char *
compare (const char *earlier, const char *now)
{
  guint n;
  char *text = tn_provenance_compare (earlier, now, &n);

  g_assert_cmpint (n > 0, ==, text != NULL);
  return text;
}

static void
test_compare (void)
{
  g_autofree char *none = compare ("a=1\nb=2\n", "a=1\nb=2\n"), *one = compare ("a=1\nb=2\n", "a=1\nb=3\n");
  g_autofree char *more = compare ("a=1\n", "a=1\nb=2\n"), *less = compare ("a=1\nb=2\n", "a=1\n");
  g_autofree char *many = compare ("a=1\nb=2\nc=3\nd=4\ne=5\n", "a=0\nb=0\nc=0\nd=0\ne=0\n"), *nothing = compare ("", "a=1\n");

  g_assert_null (none);
  g_assert_cmpstr (one, ==, "b was 2 and is 3");
  g_assert_cmpstr (more, ==, "b was not there and is 2");
  g_assert_cmpstr (less, ==, "b was 2 and is not there");
  g_assert_cmpstr (many, ==, "a was 1 and is 0, b was 2 and is 0, c was 3 and is 0, and 2 more");
  g_assert_cmpstr (nothing, ==, "a was not there and is 1");
}

/* Whatever a value holds, it stays in its line, and a message in its own. */
static void
test_values (void)
{
  g_autoptr (GString) a = g_string_new (NULL), b = g_string_new (NULL);
  g_autofree char *difference = NULL;

  tn_provenance_add (a, "name", "%s", "x\ny=1\n\"\\");
  tn_provenance_add (a, "count", "%d", 3);
  tn_provenance_add (b, "name", "%s", "x\ny=2\n\"\\");
  tn_provenance_add (b, "count", "%d", 3);
  g_assert_cmpstr (a->str, ==, "name=x\\ny=1\\n\\\"\\\\\ncount=3\n");
  difference = compare (a->str, b->str);
  g_assert_cmpstr (difference, ==, "name was x\\ny=1\\n\\\"\\\\ and is x\\ny=2\\n\\\"\\\\");
}

static void
test_files (void)
{
  g_autofree char *folder = g_dir_make_tmp ("ternion-provenance-XXXXXX", NULL);
  g_autofree char *a = g_build_filename (folder, "a", NULL), *b = g_build_filename (folder, "b", NULL);
  g_autoptr (GPtrArray) first = g_ptr_array_new (), second = g_ptr_array_new (), broken = g_ptr_array_new ();
  g_autoptr (GString) one = g_string_new (NULL), two = g_string_new (NULL), none = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (a, "content", 7, NULL) && g_file_set_contents (b, "content", 7, NULL));
  g_ptr_array_add (first, a);
  g_ptr_array_add (second, b);
  g_ptr_array_add (broken, a);
  g_ptr_array_add (broken, folder);
  g_assert_true (tn_provenance_add_files (one, "data file", first, &error) && tn_provenance_add_files (two, "data file", second, &error));
  g_assert_cmpstr (one->str, ==, two->str);
  g_assert_true (g_str_has_prefix (one->str, "data file 1=") && g_str_has_suffix (one->str, " of 7 bytes\n"));
  g_assert_false (tn_provenance_add_files (none, "data file", broken, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_unlink (a);
  g_unlink (b);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/provenance/compare", test_compare);
  g_test_add_func ("/provenance/values", test_values);
  g_test_add_func ("/provenance/files", test_files);
  return g_test_run ();
}
