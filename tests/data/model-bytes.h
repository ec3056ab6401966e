/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "data/files/mapped-file.h"

/* Helpers of the tests of model readers: files put together byte by byte in a folder of their own. */

static char *test_folder;

static inline void
test_folder_create (void)
{
  test_folder = g_dir_make_tmp ("ternion-models-XXXXXX", NULL);
  g_assert_nonnull (test_folder);
}

static inline void
test_folder_remove (const char *folder)
{
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
        test_folder_remove (path);
      else
        g_unlink (path);
    }
  g_rmdir (folder);
}

static inline char *
test_write (const char *name, const void *data, gsize bytes)
{
  char *path = g_build_filename (test_folder, name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  /* Without waiting for the disk. */
  g_unlink (path);
  g_assert_true (g_file_set_contents_full (path, data, (gssize) bytes, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  return path;
}

static inline void
put_bytes (GByteArray *out, const void *data, gsize bytes)
{
  if (bytes > 0)
    g_byte_array_append (out, data, (guint) bytes);
}

static inline void
put_zeros (GByteArray *out, gsize bytes)
{
  g_autofree guint8 *zeros = g_malloc0 (bytes + 1);

  put_bytes (out, zeros, bytes);
}

static inline void
put_u32 (GByteArray *out, guint32 value)
{
  value = GUINT32_TO_LE (value);
  put_bytes (out, &value, sizeof value);
}

static inline void
put_u64 (GByteArray *out, guint64 value)
{
  value = GUINT64_TO_LE (value);
  put_bytes (out, &value, sizeof value);
}

static inline void
put_f32 (GByteArray *out, float value)
{
  put_bytes (out, &value, sizeof value);
}

/* As GGUF stores it. */
static inline void
put_string (GByteArray *out, const char *text)
{
  put_u64 (out, strlen (text));
  put_bytes (out, text, strlen (text));
}

/* A whole safetensors file with n_data bytes 0, 1, 2, … */
static inline GByteArray *
build_safetensors (const char *header, gsize n_data)
{
  GByteArray *out = g_byte_array_new ();

  put_u64 (out, strlen (header));
  put_bytes (out, header, strlen (header));
  for (gsize i = 0; i < n_data; i++)
    {
      guint8 byte = (guint8) i;

      put_bytes (out, &byte, 1);
    }
  return out;
}

static inline char *
test_write_array (const char *name, GByteArray *array)
{
  return test_write (name, array->data, array->len);
}

static inline TnMappedFile *
test_map (const char *name, GByteArray *array)
{
  g_autofree char *path = test_write_array (name, array);
  g_autoptr (GError) error = NULL;
  TnMappedFile *file = tn_mapped_file_open (path, &error);

  g_assert_no_error (error);
  return file;
}

/* The error is one line that names the file and says what it should. */
static inline void
assert_message (const GError *error, const char *file_name, const char *piece)
{
  if (strstr (error->message, piece) == NULL || strstr (error->message, file_name) == NULL ||
      strchr (error->message, '\n') != NULL)
    g_error ("message \"%s\" lacks \"%s\" or \"%s\", or is no single line", error->message, file_name, piece);
}
