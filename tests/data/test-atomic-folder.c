/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* unshare */
#include "data/files/atomic-folder.h"

#include <sched.h>
#include <sys/mount.h>

#include <glib/gstdio.h>

#include "engine/error.h"
#include "tests/data/model-bytes.h"

static const char *const names[] = {"a", "b", NULL};

static void
put (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
assert_holds (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *found = NULL;

  g_file_get_contents (path, &found, NULL, NULL);
  g_assert_cmpstr (found, ==, text);
}

static guint
count_entries (const char *folder)
{
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (entries) != NULL)
    n++;
  return n;
}

static void
make (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnAtomicFolder) self = tn_atomic_folder_create (path, names, &error);

  g_assert_no_error (error);
  put (tn_atomic_folder_get_path (self), "a", text);
  g_assert_true (tn_atomic_folder_commit (self, &error));
}

static void
test_new_and_replaced (void)
{
  g_autofree char *path = g_build_filename (test_folder, "new", NULL);
  g_autofree char *slash = g_strconcat (path, "/", NULL);

  make (path, "1");
  assert_holds (path, "a", "1");
  put (path, "b", "old");
  make (slash, "2");
  assert_holds (path, "a", "2");
  assert_holds (path, "b", NULL);
  g_assert_cmpuint (count_entries (test_folder), ==, 1);
}

static void
test_given_up (void)
{
  g_autofree char *path = g_build_filename (test_folder, "new", NULL);
  TnAtomicFolder *self;
  guint before = count_entries (test_folder);

  make (path, "1");
  self = tn_atomic_folder_create (path, names, NULL);
  put (tn_atomic_folder_get_path (self), "a", "half");
  tn_atomic_folder_free (self);
  assert_holds (path, "a", "1");
  g_assert_cmpuint (count_entries (test_folder), ==, MAX (before, 1));
}

static void
assert_refused (const char *path, const char *piece)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_atomic_folder_create (path, names, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  assert_message (error, path, piece);
}

static void
test_refused (void)
{
  g_autofree char *file = test_write ("file", "x", 1);
  g_autofree char *stranger = test_write ("full/c", "x", 1);
  g_autofree char *folder = g_build_filename (test_folder, "full", NULL);
  g_autofree char *nowhere = g_build_filename (test_folder, "nowhere", "new", NULL);
  g_autofree char *inner = test_write ("nested/a/x", "x", 1);
  g_autofree char *nested = g_build_filename (test_folder, "nested", NULL);

  assert_refused (file, "folder");
  assert_refused (folder, "holds c");
  /* A folder by the name of a file of ours is not ours. */
  assert_refused (nested, "holds a");
  assert_refused (nowhere, "cannot be written");
  assert_holds (folder, "c", "x");
}

/* Whatever cannot be replaced keeps what it holds. */
static void
test_mounted (void)
{
  g_autofree char *mounted = g_build_filename (test_folder, "mounted", NULL);
  g_autofree char *bound = g_build_filename (test_folder, "bound", NULL);
  g_autoptr (TnAtomicFolder) self = NULL;
  g_autoptr (GError) error = NULL;

  g_mkdir (mounted, 0755);
  g_mkdir (bound, 0755);
  /* Mounts of this process alone. */
  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount ("tmpfs", mounted, "tmpfs", 0, NULL) != 0 || mount (bound, bound, "none", MS_BIND, NULL) != 0)
    {
      g_test_skip ("no right to mount");
      return;
    }
  put (mounted, "a", "old");
  assert_refused (mounted, "mounted");
  assert_holds (mounted, "a", "old");
  /* The same file system, so that only renaming finds out. */
  put (bound, "a", "old");
  self = tn_atomic_folder_create (bound, names, &error);
  g_assert_no_error (error);
  put (tn_atomic_folder_get_path (self), "a", "new");
  g_assert_false (tn_atomic_folder_commit (self, &error));
  assert_message (error, bound, "cannot be written");
  assert_holds (bound, "a", "old");
  umount (bound);
  umount (mounted);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/atomic-folder/new-and-replaced", test_new_and_replaced);
  g_test_add_func ("/atomic-folder/given-up", test_given_up);
  g_test_add_func ("/atomic-folder/refused", test_refused);
  g_test_add_func ("/atomic-folder/mounted", test_mounted);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
