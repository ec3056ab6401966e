/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "data/files/mapped-file.h"
#include "engine/error.h"

static char *folder;

static char *
write_file (const char *name, const void *data, gsize bytes)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, data, (gssize) bytes, NULL));
  return path;
}

static void
test_contents (void)
{
  static const gsize sizes[] = {1, 7, 4095, 4096, 4097, 65537};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree guint8 *data = g_malloc (sizes[i]);
      g_autofree char *path = NULL;
      g_autoptr (TnMappedFile) file = NULL;
      g_autoptr (GError) error = NULL;

      for (gsize j = 0; j < sizes[i]; j++)
        data[j] = (guint8) (j * 31 + i);
      path = write_file ("contents", data, sizes[i]);
      file = tn_mapped_file_open (path, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (tn_mapped_file_get_size (file), ==, sizes[i]);
      g_assert_cmpstr (tn_mapped_file_get_path (file), ==, path);
      g_assert_cmpmem (tn_mapped_file_get_data (file), sizes[i], data, sizes[i]);
      tn_mapped_file_release (file, tn_mapped_file_get_data (file), sizes[i]);
      g_assert_cmpmem (tn_mapped_file_get_data (file), sizes[i], data, sizes[i]);
    }
}

static void
test_empty (void)
{
  g_autofree char *path = write_file ("empty", "", 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tn_mapped_file_get_size (file), ==, 0);
}

static void
test_refused (void)
{
  g_autofree char *missing = g_build_filename (folder, "missing", NULL);
  g_autofree char *pipe_path = g_build_filename (folder, "pipe", NULL);
  g_autofree char *file_path = write_file ("plain", "x", 1);
  g_autofree char *below_file = g_build_filename (file_path, "below", NULL);
  const struct
  {
    const char *path;
    int code;
  } cases[] = {
      {missing, TN_ERROR_NOT_FOUND}, {below_file, TN_ERROR_NOT_FOUND}, {folder, TN_ERROR_IO},
      {"/dev/null", TN_ERROR_IO},    {pipe_path, TN_ERROR_IO},
  };

  g_assert_cmpint (mkfifo (pipe_path, 0600), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_mapped_file_open (cases[i].path, &error));
      g_assert_error (error, TN_ERROR, cases[i].code);
      g_assert_nonnull (strstr (error->message, cases[i].path));
      g_assert_null (strchr (error->message, '\n'));
    }
}

static void
test_permission (void)
{
  g_autofree char *path = write_file ("secret", "x", 1);
  g_autoptr (GError) error = NULL;

  if (geteuid () == 0)
    {
      g_test_skip ("root may read everything");
      return;
    }
  g_assert_cmpint (g_chmod (path, 0), ==, 0);
  g_assert_null (tn_mapped_file_open (path, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
}

/* Of a range that begins and ends inside pages only the whole pages go. */
static void
test_release (void)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  gsize size = 64 * page;
  g_autofree guint8 *data = g_malloc (size);
  g_autofree char *path = NULL;
  g_autoptr (TnMappedFile) file = NULL;
  guint64 before = 0, after = 0;

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) (i / page + i);
  path = write_file ("release", data, size);
  file = tn_mapped_file_open (path, NULL);
  for (gsize i = 0; i < size; i++)
    before = before * 31 + tn_mapped_file_get_data (file)[i];
  tn_mapped_file_release (file, tn_mapped_file_get_data (file) + 1, page - 2);
  tn_mapped_file_release (file, tn_mapped_file_get_data (file) + 3, size - 5);
  tn_mapped_file_release (file, tn_mapped_file_get_data (file) + size, 0);
  for (gsize i = 0; i < size; i++)
    after = after * 31 + tn_mapped_file_get_data (file)[i];
  g_assert_cmpuint (after, ==, before);
}

/* Somebody cuts the file while it is mapped: zeros are read, and the check tells. */
static void
test_cut (void)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE), size = 5 * page + 17;
  g_autofree char *content = g_strnfill (size, 'x');
  g_autofree char *path = write_file ("cut", content, size), *other_path = write_file ("whole", content, size);
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, NULL), other = tn_mapped_file_open (other_path, NULL);
  g_autoptr (GError) error = NULL;
  const volatile guint8 *data = tn_mapped_file_get_data (file);

  g_assert_true (tn_mapped_file_check ((const void *) data, &error));
  g_assert_no_error (error);
  g_assert_cmpint (truncate (path, (off_t) page), ==, 0);
  g_assert_cmpuint (data[page - 1], ==, 'x');
  g_assert_cmpuint (data[2 * page + 5], ==, 0);
  g_assert_cmpuint (data[page], ==, 0);
  g_assert_cmpuint (data[size - 1], ==, 0);
  g_assert_false (tn_mapped_file_check ((const void *) (data + 1), &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_true (tn_mapped_file_check (tn_mapped_file_get_data (other), NULL));
  g_assert_true (tn_mapped_file_check (&size, NULL));
}

static void
test_references (void)
{
  g_autofree char *path = write_file ("references", "abc", 3);
  TnMappedFile *file = tn_mapped_file_open (path, NULL);

  g_assert_true (tn_mapped_file_ref (file) == file);
  tn_mapped_file_unref (file);
  g_assert_cmpmem (tn_mapped_file_get_data (file), 3, "abc", 3);
  tn_mapped_file_unref (file);
  tn_mapped_file_unref (NULL);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("ternion-mapped-XXXXXX", NULL);
  g_test_add_func ("/mapped-file/contents", test_contents);
  g_test_add_func ("/mapped-file/empty", test_empty);
  g_test_add_func ("/mapped-file/refused", test_refused);
  g_test_add_func ("/mapped-file/permission", test_permission);
  g_test_add_func ("/mapped-file/release", test_release);
  g_test_add_func ("/mapped-file/cut", test_cut);
  g_test_add_func ("/mapped-file/references", test_references);
  result = g_test_run ();
  for (const char *const *name =
           (const char *const[]){"contents", "empty", "pipe", "plain", "secret", "release", "cut", "whole", "references", NULL};
       *name != NULL; name++)
    {
      g_autofree char *path = g_build_filename (folder, *name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
  g_free (folder);
  return result;
}
