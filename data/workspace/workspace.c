/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/workspace.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "data/workspace/schema.h"
#include "data/workspace/workspace-private.h"
#include "engine/error.h"

/* Reading a file of this size through takes a few dozen milliseconds. */
#define CHECK_LIMIT (16 * 1024 * 1024)

static gboolean
prepare_folder (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: is a folder, expected a workspace file"), path);
      return FALSE;
    }
  if (g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: not a regular file, expected a workspace file"), path);
      return FALSE;
    }
  if (g_mkdir_with_parents (folder, 0700) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the folder for the workspace cannot be made: %s"), path,
                   g_strerror (errno));
      return FALSE;
    }
  if (g_file_test (path, G_FILE_TEST_EXISTS) && faccessat (AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the workspace is read-only: %s"), path, g_strerror (errno));
      return FALSE;
    }
  /* The write-ahead log lies beside the file. */
  if (faccessat (AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the workspace's folder is read-only: %s"), path, g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_pages (TnDatabase *database, GError **error)
{
  sqlite3_stmt *statement;
  g_autofree char *found = NULL;
  gboolean row;
  GStatBuf info;

  if (g_stat (database->path, &info) != 0 || info.st_size > CHECK_LIMIT)
    return TRUE;
  statement = tn_database_prepare (database, "PRAGMA quick_check(1)", error);
  if (statement == NULL || !tn_database_step (database, statement, &row, error))
    return FALSE;
  if (!row)
    return TRUE;
  found = tn_database_dup_text (statement, 0);
  tn_database_reset (statement);
  if (g_strcmp0 (found, "ok") == 0)
    return TRUE;
  g_strdelimit (found, "\n", ' ');
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the workspace is damaged (%s)"), database->path, found);
  return FALSE;
}

static gboolean
open_databases (TnWorkspace *self, GError **error)
{
  guint n;
  const char *const *migrations = tn_schema_get_migrations (&n);

  self->writer = tn_database_open (self->path, error);
  if (self->writer == NULL || !tn_schema_apply (self->writer, migrations, n, error) || !check_pages (self->writer, error))
    return FALSE;
  self->reader = tn_database_open (self->path, error);
  return self->reader != NULL && tn_database_execute (self->reader, "PRAGMA query_only=ON", error);
}

TnWorkspace *
tn_workspace_open (const char *path, GError **error)
{
  g_autoptr (TnWorkspace) self = g_new0 (TnWorkspace, 1);

  g_atomic_ref_count_init (&self->references);
  self->path = path != NULL ? g_canonicalize_filename (path, NULL)
                            : g_build_filename (g_get_user_data_dir (), "ternion", "workspace.db", NULL);
  if (!prepare_folder (self->path, error) || !open_databases (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

TnWorkspace *
tn_workspace_ref (TnWorkspace *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
tn_workspace_unref (TnWorkspace *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_clear_pointer (&self->reader, tn_database_close);
  g_clear_pointer (&self->writer, tn_database_close);
  g_free (self->path);
  g_free (self);
}

const char *
tn_workspace_get_path (TnWorkspace *self)
{
  return self->path;
}

gint64
tn_workspace_data_version (TnWorkspace *self)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  gint64 version;

  if (tn_database_query (self->reader, "PRAGMA data_version", &version, NULL))
    self->data_version = version;
  return self->data_version;
}

gboolean
tn_workspace_begin_batch (TnWorkspace *self, GError **error)
{
  return tn_database_begin (self->writer, error);
}

gboolean
tn_workspace_end_batch (TnWorkspace *self, gboolean success, GError **error)
{
  return tn_database_end (self->writer, success, error);
}
