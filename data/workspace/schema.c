/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/schema.h"

#include <glib/gi18n-lib.h>

#include "engine/error.h"

/* Never change one that was released: append the next. Fingerprints are unsigned 64-bit numbers stored as the signed ones of the
 * same bits. */
static const char *const migrations[] = {
    "CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL UNIQUE, path TEXT NOT NULL, format TEXT NOT NULL,"
    "  architecture TEXT NOT NULL, bytes INTEGER NOT NULL, parameters INTEGER NOT NULL, seen_us INTEGER NOT NULL);"
    "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, title TEXT NOT NULL, arguments TEXT NOT NULL,"
    "  state INTEGER NOT NULL, done REAL NOT NULL DEFAULT 0, total REAL NOT NULL DEFAULT 0, unit TEXT NOT NULL DEFAULT '',"
    "  rate REAL NOT NULL DEFAULT 0, rss_bytes INTEGER NOT NULL DEFAULT 0, message TEXT, output TEXT,"
    "  started_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,"
    "  pid INTEGER NOT NULL, pid_started INTEGER NOT NULL, pid_space TEXT NOT NULL);"
    "CREATE INDEX runs_by_state ON runs (state);"
    "CREATE TABLE series (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, name TEXT NOT NULL,"
    "  count INTEGER NOT NULL DEFAULT 0, UNIQUE (run, name));"
    "CREATE TABLE series_chunks (id INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,"
    "  position INTEGER NOT NULL, count INTEGER NOT NULL, points BLOB NOT NULL, UNIQUE (series, position));"
    "CREATE TABLE series_levels (series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE, level INTEGER NOT NULL,"
    "  position INTEGER NOT NULL, count INTEGER NOT NULL, first_step INTEGER NOT NULL, last_step INTEGER NOT NULL,"
    "  minimum REAL, maximum REAL, PRIMARY KEY (series, level, position)) WITHOUT ROWID;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, time_us INTEGER NOT "
    "NULL,"
    "  kind TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX events_by_run ON events (run, id);"
    "CREATE TABLE requests (run INTEGER PRIMARY KEY REFERENCES runs ON DELETE CASCADE, request INTEGER NOT NULL, time_us INTEGER "
    "NOT NULL);"
    "CREATE TABLE snapshots (run INTEGER PRIMARY KEY REFERENCES runs ON DELETE CASCADE, version INTEGER NOT NULL, bytes BLOB NOT "
    "NULL);"
    "CREATE TABLE statistics (id INTEGER PRIMARY KEY, run INTEGER REFERENCES runs ON DELETE SET NULL, path TEXT NOT NULL,"
    "  model_fingerprint INTEGER NOT NULL, data_fingerprint INTEGER NOT NULL, samples INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL, made_us INTEGER NOT NULL);"
    "CREATE INDEX statistics_by_model ON statistics (model_fingerprint);",
    "ALTER TABLE statistics ADD COLUMN provenance TEXT;",
    "ALTER TABLE runs ADD COLUMN identity TEXT;"
    "UPDATE runs SET identity = " TN_SCHEMA_OLD_IDENTITY ";"
    "CREATE UNIQUE INDEX runs_by_identity ON runs (identity);",
};

const char *const *
tn_schema_get_migrations (guint *n)
{
  *n = G_N_ELEMENTS (migrations);
  return migrations;
}

static gboolean
check_identity (TnDatabase *database, guint n, gint64 *version, GError **error)
{
  gint64 application = 0, objects = 0;

  if (!tn_database_query (database, "PRAGMA application_id", &application, error) ||
      !tn_database_query (database, "PRAGMA user_version", version, error) ||
      !tn_database_query (database, "SELECT count(*) FROM sqlite_schema", &objects, error))
    return FALSE;
  if (application != TN_SCHEMA_APPLICATION_ID && (application != 0 || *version != 0 || objects != 0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: not a workspace: application id is %lld, expected %d"),
                   database->path, (long long) application, TN_SCHEMA_APPLICATION_ID);
      return FALSE;
    }
  if (*version < 0 || *version > n)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("%s: made by a newer Ternion: version is %lld, this one reads up to %u"), database->path,
                   (long long) *version, n);
      return FALSE;
    }
  return TRUE;
}

/* In one transaction: between two reads of their own, another process may have made the file a workspace. */
static gboolean
check_identity_at_once (TnDatabase *database, guint n, gint64 *version, GError **error)
{
  gboolean success = tn_database_execute (database, "BEGIN", error) && check_identity (database, n, version, error);

  if (sqlite3_get_autocommit (database->handle) == 0)
    sqlite3_exec (database->handle, "ROLLBACK", NULL, NULL, NULL);
  return success;
}

/* Turning on the write-ahead log needs the file for oneself for a moment; SQLite does not wait for that by itself. */
static gboolean
use_write_ahead_log (TnDatabase *database, GError **error)
{
  gint64 end = g_get_monotonic_time () + 2 * G_USEC_PER_SEC;
  int code;

  while (((code = sqlite3_exec (database->handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL)) & 0xff) == SQLITE_BUSY &&
         g_get_monotonic_time () < end)
    g_usleep (10000);
  return code == SQLITE_OK || tn_database_fail (database, code, error);
}

static gboolean
apply_one (TnDatabase *database, const char *migration, guint version, GError **error)
{
  g_autofree char *stamp =
      g_strdup_printf ("PRAGMA application_id=%d; PRAGMA user_version=%u", TN_SCHEMA_APPLICATION_ID, version);

  return tn_database_execute (database, migration, error) && tn_database_execute (database, stamp, error);
}

gboolean
tn_schema_apply (TnDatabase *database, const char *const *list, guint n, GError **error)
{
  gint64 version;

  if (!check_identity_at_once (database, n, &version, error) || !use_write_ahead_log (database, error) ||
      !tn_database_execute (database, "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON", error))
    return FALSE;
  do
    {
      gboolean success;

      /* Even a current file is opened for writing once, so that one that is locked is refused now and not in the middle of the
       * work. */
      if (!tn_database_begin (database, error))
        return FALSE;
      /* Another process may have been faster. */
      success = check_identity (database, n, &version, error);
      if (success && version < n)
        success = apply_one (database, list[version], (guint) version + 1, error);
      if (!tn_database_end (database, success, error))
        return FALSE;
      version++;
    }
  while (version < n);
  return TRUE;
}

gboolean
tn_schema_check (TnDatabase *database, gint64 *version, GError **error)
{
  if (!check_identity (database, G_N_ELEMENTS (migrations), version, error))
    return FALSE;
  if (*version > 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: not a workspace: it is empty"), database->path);
  return FALSE;
}
