/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/database.h"

#include <errno.h>
#include <glib/gi18n-lib.h>

#include "engine/error.h"

#define BUSY_TIMEOUT_MS 2000

gboolean
tn_database_fail (TnDatabase *self, int code, GError **error)
{
  const char *detail = self->handle != NULL ? sqlite3_errmsg (self->handle) : sqlite3_errstr (code);

  if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: the run does not exist"), self->path);
      return FALSE;
    }
  /* A disk without room for the shared index of the log is told as a failure of the disk. */
  if (code == SQLITE_IOERR_SHMSIZE ||
      ((code & 0xff) == SQLITE_IOERR && self->handle != NULL && sqlite3_system_errno (self->handle) == ENOSPC))
    code = SQLITE_FULL;
  switch (code & 0xff)
    {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      g_set_error (error, TN_ERROR, TN_ERROR_BUSY, _ ("%s: the workspace is locked by another process"), self->path);
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the workspace is read-only"), self->path);
      break;
    case SQLITE_FULL:
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: no space is left on the disk"), self->path);
      break;
    case SQLITE_CORRUPT:
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the workspace is damaged (%s)"), self->path, detail);
      break;
    case SQLITE_NOTADB:
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: not a workspace: expected an SQLite file"), self->path);
      break;
    default:
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the workspace cannot be used: %s"), self->path, detail);
      break;
    }
  return FALSE;
}

static void
finalize_statement (gpointer statement)
{
  sqlite3_finalize (statement);
}

void
tn_database_close (TnDatabase *self)
{
  g_clear_pointer (&self->statements, g_hash_table_unref);
  sqlite3_close (self->handle);
  g_rec_mutex_clear (&self->lock);
  g_free (self->path);
  g_free (self);
}

/* name: what SQLite is asked for, where it is not the path itself. */
static TnDatabase *
open_with (const char *path, const char *name, int flags, GError **error)
{
  g_autoptr (TnDatabase) self = g_new0 (TnDatabase, 1);
  int code;

  self->path = g_strdup (path);
  self->statements = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, finalize_statement);
  g_rec_mutex_init (&self->lock);
  code = sqlite3_open_v2 (name, &self->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (code != SQLITE_OK)
    {
      tn_database_fail (self, code, error);
      return NULL;
    }
  sqlite3_extended_result_codes (self->handle, 1);
  sqlite3_busy_timeout (self->handle, BUSY_TIMEOUT_MS);
  return g_steal_pointer (&self);
}

/* A log that nobody may write beside it needs a file that nobody else writes either. */
TnDatabase *
tn_database_open_read_only (const char *path, GError **error)
{
  g_autoptr (TnDatabase) self = open_with (path, path, SQLITE_OPEN_READONLY, error);
  g_autofree char *escaped = NULL, *name = NULL;

  if (self == NULL || (sqlite3_exec (self->handle, "PRAGMA schema_version", NULL, NULL, NULL) & 0xff) != SQLITE_CANTOPEN)
    return g_steal_pointer (&self);
  escaped = g_uri_escape_string (path, "/", TRUE);
  name = g_strconcat ("file:", escaped, "?immutable=1", NULL);
  return open_with (path, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error);
}

TnDatabase *
tn_database_open (const char *path, GError **error)
{
  g_autoptr (TnDatabase) self = open_with (path, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);

  if (self == NULL)
    return NULL;
  if (sqlite3_db_readonly (self->handle, "main") == 1)
    {
      tn_database_fail (self, SQLITE_READONLY, error);
      return NULL;
    }
  return g_steal_pointer (&self);
}

gboolean
tn_database_execute (TnDatabase *self, const char *sql, GError **error)
{
  int code = sqlite3_exec (self->handle, sql, NULL, NULL, NULL);

  return code == SQLITE_OK || tn_database_fail (self, code, error);
}

sqlite3_stmt *
tn_database_prepare (TnDatabase *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (self->statements, sql);

  if (statement == NULL)
    {
      int code = sqlite3_prepare_v3 (self->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);

      if (code != SQLITE_OK)
        {
          tn_database_fail (self, code, error);
          return NULL;
        }
      g_hash_table_insert (self->statements, (char *) sql, statement);
    }
  return statement;
}

void
tn_database_reset (sqlite3_stmt *statement)
{
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
}

gboolean
tn_database_step (TnDatabase *self, sqlite3_stmt *statement, gboolean *row, GError **error)
{
  int code = sqlite3_step (statement);

  *row = code == SQLITE_ROW;
  if (*row)
    return TRUE;
  if (code != SQLITE_DONE)
    tn_database_fail (self, code, error);
  tn_database_reset (statement);
  return code == SQLITE_DONE;
}

gboolean
tn_database_run (TnDatabase *self, sqlite3_stmt *statement, GError **error)
{
  gboolean row;

  do
    if (!tn_database_step (self, statement, &row, error))
      return FALSE;
  while (row);
  return TRUE;
}

gboolean
tn_database_query (TnDatabase *self, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (self, sql, error);
  gboolean row;

  *value = 0;
  if (statement == NULL || !tn_database_step (self, statement, &row, error))
    return FALSE;
  if (row)
    {
      *value = sqlite3_column_int64 (statement, 0);
      tn_database_reset (statement);
    }
  return TRUE;
}

gboolean
tn_database_begin (TnDatabase *self, GError **error)
{
  g_rec_mutex_lock (&self->lock);
  if (self->depth == 0 && !tn_database_execute (self, "BEGIN IMMEDIATE", error))
    {
      g_rec_mutex_unlock (&self->lock);
      return FALSE;
    }
  self->depth++;
  return TRUE;
}

gboolean
tn_database_end (TnDatabase *self, gboolean success, GError **error)
{
  self->depth--;
  if (self->depth == 0)
    {
      if (success)
        success = tn_database_execute (self, "COMMIT", error);
      /* A full disk may have rolled back by itself. */
      if (!success && sqlite3_get_autocommit (self->handle) == 0)
        sqlite3_exec (self->handle, "ROLLBACK", NULL, NULL, NULL);
    }
  g_rec_mutex_unlock (&self->lock);
  return success;
}

void
tn_database_bind_text (sqlite3_stmt *statement, int index, const char *text)
{
  sqlite3_bind_text (statement, index, text, -1, SQLITE_TRANSIENT);
}

char *
tn_database_dup_text (sqlite3_stmt *statement, int column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  return text != NULL ? g_utf8_make_valid (text, -1) : NULL;
}
