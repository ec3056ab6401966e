/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/file-identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/error.h"
#include "tests/data/model-bytes.h"

#define LARGE ((gsize) (64 << 20) + 100001)

static TnFileIdentity
identify (const char *path)
{
  g_autoptr (GError) error = NULL;
  TnFileIdentity identity;

  g_assert_true (tn_file_identify (path, &identity, &error));
  g_assert_no_error (error);
  return identity;
}

static gboolean
is_same (TnFileIdentity a, TnFileIdentity b)
{
  return a.bytes == b.bytes && a.hash == b.hash;
}

static void
put_byte (const char *path, gsize offset, char byte)
{
  int file = open (path, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (pwrite (file, &byte, 1, (off_t) offset), ==, 1);
  close (file);
}

static void
set_time (const char *path, gint64 seconds)
{
  const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

/* Every byte counts, the time does not. */
static void
test_small (void)
{
  static const gsize sizes[] = {0, 1, 7, 65535, 65536, 65537, 200003};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      g_autofree char *content = g_malloc0 (sizes[s] + 1);
      g_autofree char *a = test_write ("a", content, sizes[s]), *b = test_write ("b", content, sizes[s]);
      TnFileIdentity identity = identify (a);

      g_assert_cmpuint (identity.bytes, ==, sizes[s]);
      set_time (b, 1);
      g_assert_true (is_same (identity, identify (b)));
      for (gsize at = 0; at < sizes[s]; at += 1 + sizes[s] / 5)
        {
          put_byte (b, at, 1);
          g_assert_false (is_same (identity, identify (b)));
          put_byte (b, at, 0);
        }
      g_autofree char *longer = test_write ("c", content, sizes[s] + 1);

      g_assert_false (is_same (identity, identify (longer)));
    }
}

/* Too large to be read whole: the ends are seen, a change between the blocks by its time. */
static void
test_large (void)
{
  g_autofree char *path = test_write ("large", "", 0);
  TnFileIdentity identity;

  g_assert_cmpint (truncate (path, LARGE), ==, 0);
  set_time (path, 1000);
  identity = identify (path);
  g_assert_cmpuint (identity.bytes, ==, LARGE);
  g_assert_true (is_same (identity, identify (path)));
  for (guint i = 0; i < 2; i++)
    {
      put_byte (path, i == 0 ? 0 : LARGE - 1, 1);
      set_time (path, 1000);
      g_assert_false (is_same (identity, identify (path)));
      put_byte (path, i == 0 ? 0 : LARGE - 1, 0);
      set_time (path, 1000);
      g_assert_true (is_same (identity, identify (path)));
    }
  set_time (path, 1001);
  g_assert_false (is_same (identity, identify (path)));
}

/* Bytes this process has asked files for; G_MAXUINT64 where the system does not say. */
static guint64
bytes_read (void)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/self/io", &text, NULL, NULL) || !g_str_has_prefix (text, "rchar: "))
    return G_MAXUINT64;
  return g_ascii_strtoull (text + strlen ("rchar: "), NULL, 10);
}

/* It stands before every calibration: on a fast disk more would be a good part of reading all of a file. */
static void
test_price (void)
{
  g_autofree char *path = test_write ("price", "", 0);
  guint64 before = bytes_read ();

  if (before == G_MAXUINT64)
    {
      g_test_skip ("the system does not count bytes that were read");
      return;
    }
  g_assert_cmpint (truncate (path, LARGE), ==, 0);
  identify (path);
  g_assert_cmpuint (bytes_read () - before, <, 8 << 20);
}

static void
test_refused (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *pipe = g_build_filename (test_folder, "pipe", NULL);
  TnFileIdentity identity;

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_false (tn_file_identify (pipe, &identity, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  unlink (pipe);
  g_assert_false (tn_file_identify (pipe, &identity, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/file-identity/small", test_small);
  g_test_add_func ("/file-identity/large", test_large);
  g_test_add_func ("/file-identity/price", test_price);
  g_test_add_func ("/file-identity/refused", test_refused);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
