/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/npz-writer.h"

#include <string.h>

#include "engine/error.h"
#include "tests/data/model-bytes.h"

static guint32
get (const char *bytes, gsize at, guint n)
{
  guint32 value = 0;

  for (guint i = 0; i < n; i++)
    value |= (guint32) (guint8) bytes[at + i] << 8 * i;
  return value;
}

static gboolean
holds (const char *bytes, gsize size, const char *text)
{
  gsize length = strlen (text);

  for (gsize i = 0; i + length <= size; i++)
    if (memcmp (bytes + i, text, length) == 0)
      return TRUE;
  return FALSE;
}

/* A reader of its own: the place of the first file by the directory behind it. */
static void
test_bytes (void)
{
  g_autoptr (TnNpzWriter) writer = tn_npz_writer_new ();
  g_autofree char *path = g_build_filename (test_folder, "x.npz", NULL), *bytes = NULL;
  const guint64 nine[] = {9}, empty[] = {3, 0};
  guint64 written;
  gsize size, end, directory, at, header;

  tn_npz_writer_take (writer, "digits", "|u1", 1, 1, nine, g_memdup2 ("123456789", 9));
  tn_npz_writer_take (writer, "none", "<f8", 8, 2, empty, g_malloc (1));
  tn_npz_writer_take (writer, "scalar", "<i4", 4, 0, NULL, g_memdup2 ("\1\0\0\0", 4));
  g_assert_true (tn_npz_writer_write (writer, path, &written, NULL));
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  g_assert_cmpuint (size, ==, written);

  end = size - 22;
  g_assert_cmpuint (get (bytes, end, 4), ==, 0x06054b50);
  g_assert_cmpuint (get (bytes, end + 10, 2), ==, 3);
  directory = get (bytes, end + 16, 4);
  g_assert_cmpuint (directory + get (bytes, end + 12, 4), ==, end);
  g_assert_cmpuint (get (bytes, directory, 4), ==, 0x02014b50);
  g_assert_cmpmem (bytes + directory + 46, get (bytes, directory + 28, 2), "digits.npy", 10);
  at = get (bytes, directory + 42, 4);
  g_assert_cmpuint (get (bytes, at, 4), ==, 0x04034b50);
  /* The same check sum in both, over header and data. */
  g_assert_cmpuint (get (bytes, at + 14, 4), ==, get (bytes, directory + 16, 4));
  at += 30 + get (bytes, at + 26, 2) + get (bytes, at + 28, 2);
  g_assert_cmpmem (bytes + at, 8, "\x93NUMPY\1\0", 8);
  header = 10 + get (bytes, at + 8, 2);
  g_assert_cmpuint (header % 64, ==, 0);
  g_assert_true (g_str_has_prefix (bytes + at + 10, "{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }"));
  g_assert_cmpint (bytes[at + header - 1], ==, '\n');
  g_assert_cmpmem (bytes + at + header, 9, "123456789", 9);
  g_assert_cmpuint (get (bytes, directory + 24, 4), ==, header + 9);
  g_assert_true (holds (bytes, size, "(3, 0), }"));
  g_assert_true (holds (bytes, size, "'shape': (), }"));
  g_remove (path);
}

/* By the definition, a bit at a time. */
static void
test_check_sum (void)
{
  g_autoptr (TnNpzWriter) writer = tn_npz_writer_new ();
  g_autofree char *path = g_build_filename (test_folder, "x.npz", NULL), *bytes = NULL;
  const guint64 n[] = {1000};
  guint8 *data = g_malloc (1000);
  guint32 crc = 0xffffffffU;
  gsize size, start;

  for (guint i = 0; i < 1000; i++)
    data[i] = (guint8) (i * i >> 3);
  tn_npz_writer_take (writer, "x", "|u1", 1, 1, n, data);
  g_assert_true (tn_npz_writer_write (writer, path, NULL, NULL));
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  start = 30 + 5;
  for (gsize i = start; i < start + get (bytes, 18, 4); i++)
    {
      crc ^= (guint8) bytes[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
    }
  g_assert_cmpuint (get (bytes, 14, 4), ==, ~crc);
  g_remove (path);
}

static void
test_too_many (void)
{
  g_autoptr (TnNpzWriter) writer = tn_npz_writer_new ();
  g_autofree char *path = g_build_filename (test_folder, "x.npz", NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 65535; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);

      tn_npz_writer_take (writer, name, "|u1", 1, 0, NULL, g_memdup2 ("x", 1));
    }
  g_assert_false (tn_npz_writer_write (writer, path, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/npz-writer/bytes", test_bytes);
  g_test_add_func ("/npz-writer/check-sum", test_check_sum);
  g_test_add_func ("/npz-writer/too-many", test_too_many);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
