/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/data-files.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>

#include "data/files/byte-stream.h"
#include "engine/error.h"

typedef struct
{
  GPtrArray *files;
  GHashTable *seen; /* "device:inode", or "-" */
  const TnListener *listener;
} Finder;

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
add_file (Finder *self, const char *path, GError **error)
{
  g_autofree char *identity = NULL;
  GStatBuf info;

  if (strcmp (path, TN_STANDARD_INPUT) == 0)
    identity = g_strdup (path);
  else if (g_stat (path, &info) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be read: %s"), path, g_strerror (errno));
      return FALSE;
    }
  else
    identity = g_strdup_printf ("%" PRIu64 ":%" PRIu64, (guint64) info.st_dev, (guint64) info.st_ino);
  if (g_hash_table_contains (self->seen, identity))
    {
      g_autofree char *text =
          g_strdup_printf (_ ("%s: the same file is named twice; it is read once"), tn_byte_stream_describe (path));

      tn_listener_event (self->listener, "info", text);
      return TRUE;
    }
  g_hash_table_add (self->seen, g_steal_pointer (&identity));
  g_ptr_array_add (self->files, g_strdup (path));
  return TRUE;
}

static gboolean
add_folder (Finder *self, const char *path, GError **error)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, error);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (folder == NULL)
    return FALSE;
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      if (name[0] != '.' && g_file_test (file, G_FILE_TEST_IS_REGULAR))
        g_ptr_array_add (found, g_steal_pointer (&file));
    }
  if (found->len == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the folder holds no file to read"), path);
      return FALSE;
    }
  g_ptr_array_sort (found, compare_names);
  for (guint i = 0; i < found->len; i++)
    if (!add_file (self, g_ptr_array_index (found, i), error))
      return FALSE;
  return TRUE;
}

static gboolean
add_pattern (Finder *self, const char *pattern, GError **error)
{
  glob_t found;
  guint n = 0;
  gboolean ok = TRUE;

  if (glob (pattern, 0, NULL, &found) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: no file is named so"), pattern);
      return FALSE;
    }
  for (gsize i = 0; ok && i < found.gl_pathc; i++)
    if (g_file_test (found.gl_pathv[i], G_FILE_TEST_IS_REGULAR))
      {
        ok = add_file (self, found.gl_pathv[i], error);
        n++;
      }
  globfree (&found);
  if (ok && n == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: no file is named so"), pattern);
      return FALSE;
    }
  return ok;
}

static gboolean
add_path (Finder *self, const char *path, GError **error)
{
  if (strcmp (path, TN_STANDARD_INPUT) == 0)
    return add_file (self, path, error);
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return add_folder (self, path, error);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      if (strpbrk (path, "*?[") != NULL)
        return add_pattern (self, path, error);
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: there is no such file or folder"), path);
      return FALSE;
    }
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: is neither a file nor a folder"), path);
      return FALSE;
    }
  return add_file (self, path, error);
}

GPtrArray *
tn_data_files_find (const char *const *paths, const TnListener *listener, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Finder finder = {.files = files, .seen = seen, .listener = listener};

  if (paths == NULL || paths[0] == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("no data are named"));
      return NULL;
    }
  for (; *paths != NULL; paths++)
    if (!add_path (&finder, *paths, error))
      return NULL;
  return g_steal_pointer (&files);
}
