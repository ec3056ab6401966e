/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "data/files/atomic-file.h"
#include "data/files/stale-files.h"
#include "engine/error.h"

typedef struct
{
  char *folder;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("ternion-atomic-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->folder, "file", NULL);
}

static guint
count_files (Fixture *fixture)
{
  g_autoptr (GDir) folder = g_dir_open (fixture->folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_assert_cmpuint (count_files (fixture), ==, 0);
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static void
assert_contents (Fixture *fixture, const void *expected, gsize bytes)
{
  g_autofree char *contents = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (fixture->path, &contents, &size, NULL));
  g_assert_cmpmem (contents, size, expected, bytes);
}

/* Pieces below, at and above the size of the internal buffer. */
static void
test_pieces (Fixture *fixture, gconstpointer data)
{
  static const gsize pieces[] = {0, 1, 262143, 1, 262144, 5, 262145, 1000003, 3, 0};
  g_autoptr (GByteArray) expected = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TnAtomicFile) file = tn_atomic_file_create (fixture->path, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autofree guint8 *piece = g_malloc (pieces[i] + 1);

      for (gsize j = 0; j < pieces[i]; j++)
        piece[j] = (guint8) (j * 7 + i);
      g_assert_true (tn_atomic_file_write (file, piece, pieces[i], &error));
      g_byte_array_append (expected, piece, (guint) pieces[i]);
      g_assert_cmpuint (tn_atomic_file_tell (file), ==, expected->len);
    }
  g_assert_true (tn_atomic_file_printf (file, &error, "%s %d", "end", 42));
  g_byte_array_append (expected, (const guint8 *) "end 42", 6);
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
  g_assert_true (tn_atomic_file_commit (file, &error));
  g_assert_no_error (error);
  assert_contents (fixture, expected->data, expected->len);
  g_assert_cmpuint (count_files (fixture), ==, 1);
  g_assert_false (tn_atomic_file_write (file, "x", 1, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
}

static void
test_old_file_stays (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  TnAtomicFile *file;

  g_assert_true (tn_atomic_file_set_contents (fixture->path, "old", 3, &error));
  g_assert_cmpint (g_chmod (fixture->path, 0640), ==, 0);
  file = tn_atomic_file_create (fixture->path, &error);
  g_assert_true (tn_atomic_file_write (file, "half", 4, &error));
  tn_atomic_file_free (file);
  assert_contents (fixture, "old", 3);
  g_assert_cmpuint (count_files (fixture), ==, 1);

  g_assert_true (tn_atomic_file_set_contents (fixture->path, "new one", 7, &error));
  assert_contents (fixture, "new one", 7);
  {
    struct stat info;

    g_assert_cmpint (stat (fixture->path, &info), ==, 0);
    g_assert_cmpint ((int) (info.st_mode & 0777), ==, 0640);
  }
}

static void
test_link (Fixture *fixture, gconstpointer data)
{
  g_autofree char *link_path = g_build_filename (fixture->folder, "link", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_atomic_file_set_contents (fixture->path, "old", 3, &error));
  g_assert_cmpint (symlink ("file", link_path), ==, 0);
  g_assert_true (tn_atomic_file_set_contents (link_path, "new", 3, &error));
  assert_contents (fixture, "new", 3);
  g_assert_true (g_file_test (link_path, G_FILE_TEST_IS_SYMLINK));
  g_unlink (link_path);
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autofree char *below_missing = g_build_filename (fixture->folder, "missing", "file", NULL);
  const char *const paths[] = {fixture->folder, below_missing, "/dev/null", "/dev/full", "", "new/"};

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_atomic_file_create (paths[i], &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_IO);
      g_assert_nonnull (strstr (error->message, paths[i]));
      g_assert_null (strchr (error->message, '\n'));
    }
}

/* The limit on file sizes stands in for a disk that fills up. */
static void
test_full_disk (Fixture *fixture, gconstpointer data)
{
  struct rlimit old, limit;
  g_autofree guint8 *block = g_malloc0 (300000);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  TnAtomicFile *file;

  g_assert_true (tn_atomic_file_set_contents (fixture->path, "old", 3, &error));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = 1000000;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  file = tn_atomic_file_create (fixture->path, &error);
  for (guint i = 0; i < 3; i++)
    g_assert_true (tn_atomic_file_write (file, block, 300000, &error));
  g_assert_false (tn_atomic_file_write (file, block, 300000, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  g_assert_false (tn_atomic_file_commit (file, &later));
  g_assert_error (later, TN_ERROR, TN_ERROR_IO);
  tn_atomic_file_free (file);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  assert_contents (fixture, "old", 3);
  g_assert_cmpuint (count_files (fixture), ==, 1);
}

/* What was written earlier is replaced, what follows is not moved, and it can be read before the commit. */
static void
test_overwrite (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnAtomicFile) file = tn_atomic_file_create (fixture->path, NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;
  const char *readable;
  gsize bytes;

  g_assert_true (tn_atomic_file_write (file, "head....body", 12, &error));
  g_assert_true (tn_atomic_file_overwrite (file, 4, "1234", 4, &error));
  g_assert_true (tn_atomic_file_write (file, "end", 3, &error));
  readable = tn_atomic_file_get_readable (file, &error);
  g_assert_true (g_file_get_contents (readable, &contents, &bytes, NULL));
  g_assert_cmpmem (contents, bytes, "head1234bodyend", 15);
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
  g_assert_true (tn_atomic_file_commit (file, &error));
  assert_contents (fixture, "head1234bodyend", 15);
  g_assert_null (tn_atomic_file_get_readable (file, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
}

static gboolean
write_three (TnAtomicFile *file, gpointer user_data, GError **error)
{
  return tn_atomic_file_write (file, "abc", 3, error);
}

static void
test_content (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  for (guint64 announced = 2; announced <= 4; announced++)
    {
      g_autoptr (TnAtomicFile) file = tn_atomic_file_create (fixture->path, NULL);

      g_assert_true (tn_atomic_file_write_content (file, write_three, NULL, announced, &error) == (announced == 3));
      g_assert_true ((error == NULL) == (announced == 3));
      g_clear_error (&error);
      /* A file with a part of the wrong size must not take the place of another. */
      g_assert_true (tn_atomic_file_commit (file, &error) == (announced == 3));
      g_clear_error (&error);
    }
  assert_contents (fixture, "abc", 3);
}

/* The number of a process that has ended. */
static int
dead_process (void)
{
  pid_t child = fork ();

  if (child == 0)
    _exit (0);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  return (int) child;
}

static char *
leave_behind (Fixture *fixture, int process, const char *rest, gboolean folder)
{
  g_autofree char *name = g_strdup_printf (".ternion-%d%s", process, rest);
  char *path = g_build_filename (fixture->folder, name, NULL);

  if (folder)
    {
      g_autofree char *inside = g_build_filename (path, "model.safetensors", NULL);

      g_assert_cmpint (g_mkdir (path, 0777), ==, 0);
      g_assert_true (g_file_set_contents (inside, "x", 1, NULL));
    }
  else
    g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  return path;
}

static void
test_stale (Fixture *fixture, gconstpointer data)
{
  int dead = dead_process ();
  g_autofree char *gone = leave_behind (fixture, dead, "-AAAAAA.tmp", FALSE);
  g_autofree char *gone_folder = leave_behind (fixture, dead, "-BBBBBB.tmp", TRUE);
  g_autofree char *ours = leave_behind (fixture, (int) getpid (), "-CCCCCC.tmp", FALSE);
  g_autofree char *other = leave_behind (fixture, dead, "-DDDDDD", FALSE);
  g_autofree char *held = leave_behind (fixture, dead, "-EEEEEE.tmp", FALSE);
  int lock = g_open (held, O_RDONLY | O_CLOEXEC, 0);

  /* A process elsewhere, whose number says nothing here. */
  g_assert_cmpint (flock (lock, LOCK_EX), ==, 0);
  g_assert_true (tn_atomic_file_set_contents (fixture->path, "abc", 3, NULL));
  assert_contents (fixture, "abc", 3);
  g_assert_false (g_file_test (gone, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (gone_folder, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (ours, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (other, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (held, G_FILE_TEST_EXISTS));
  close (lock);
  g_unlink (ours);
  g_unlink (other);
  g_unlink (held);
}

/* While it is written nobody else takes it for one that was left behind. */
static void
test_claimed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnAtomicFile) file = tn_atomic_file_create (fixture->path, NULL);
  int again = g_open (tn_atomic_file_get_readable (file, NULL), O_RDONLY | O_CLOEXEC, 0);

  g_assert_cmpint (flock (again, LOCK_EX | LOCK_NB), !=, 0);
  g_assert_true (tn_stale_files_claim (again));
  close (again);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/atomic-file/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("pieces", test_pieces);
  ADD ("old-file-stays", test_old_file_stays);
  ADD ("link", test_link);
  ADD ("refused", test_refused);
  ADD ("full-disk", test_full_disk);
  ADD ("overwrite", test_overwrite);
  ADD ("content", test_content);
  ADD ("stale", test_stale);
  ADD ("claimed", test_claimed);
  return g_test_run ();
}
