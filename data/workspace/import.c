/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/import.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "data/workspace/schema.h"
#include "data/workspace/workspace-private.h"
#include "engine/error.h"

/* Columns that a version of the file does not have yet are made up. */
#define VERSION_OF_PROVENANCE 2
#define VERSION_OF_IDENTITY 3

typedef struct
{
  TnDatabase *from, *to;
  gint64 version; /* of from */
} Import;

static gboolean
is_same_file (const char *a, const char *b)
{
  GStatBuf first, second;

  return g_stat (a, &first) == 0 && g_stat (b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Nothing of it is changed: not even the log that SQLite keeps beside it is made where the folder is read-only. */
static gboolean
open_source (Import *self, TnWorkspace *workspace, const char *path, GError **error)
{
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: there is no such file"), path);
      return FALSE;
    }
  if (is_same_file (path, workspace->path))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: is this workspace itself"), path);
      return FALSE;
    }
  self->from = tn_database_open_read_only (path, error);
  return self->from != NULL && tn_schema_check (self->from, &self->version, error) &&
         tn_database_execute (self->from, "BEGIN", error);
}

/* SQLite finds damage only where it comes by; half of a run is worth less than none. */
static gboolean
check_source (Import *self, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (self->from, "PRAGMA quick_check(1)", error);
  g_autofree char *found = NULL;
  gboolean row;

  if (statement == NULL || !tn_database_step (self->from, statement, &row, error))
    return FALSE;
  if (!row)
    return TRUE;
  found = tn_database_dup_text (statement, 0);
  tn_database_reset (statement);
  if (g_strcmp0 (found, "ok") == 0)
    return TRUE;
  g_strdelimit (found, "\n", ' ');
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the workspace is damaged (%s)"), self->from->path, found);
  return FALSE;
}

/* Each row that select finds goes into insert: the columns in order from ?1 on. select's ?1 is a. replacement (not 0) stands for the first column. Ids of new
 * rows are paired with the old ones in ids (or NULL). */
static gboolean
copy_rows (Import *self, const char *select, const char *insert, gint64 a, gint64 replacement, GArray *ids, GError **error)
{
  sqlite3_stmt *read = tn_database_prepare (self->from, select, error);
  sqlite3_stmt *write = read != NULL ? tn_database_prepare (self->to, insert, error) : NULL;
  gboolean more, success;

  if (write == NULL)
    return FALSE;
  sqlite3_bind_int64 (read, 1, a);
  while ((success = tn_database_step (self->from, read, &more, error)) && more)
    {
      for (int i = 0; i < sqlite3_bind_parameter_count (write); i++)
        sqlite3_bind_value (write, i + 1, sqlite3_column_value (read, i));
      if (replacement != 0)
        sqlite3_bind_int64 (write, 1, replacement);
      if (!tn_database_run (self->to, write, error))
        {
          tn_database_reset (read);
          return FALSE;
        }
      if (ids != NULL)
        {
          gint64 pair[] = {sqlite3_column_int64 (read, sqlite3_bind_parameter_count (write)),
                           sqlite3_last_insert_rowid (self->to->handle)};

          g_array_append_vals (ids, pair, G_N_ELEMENTS (pair));
        }
    }
  return success;
}

static gboolean
count_wrong (Import *self, const char *sql, gint64 run, gint64 *n, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (self->from, sql, error);
  gboolean row;

  *n = 0;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  if (!tn_database_step (self->from, statement, &row, error))
    return FALSE;
  if (row)
    {
      *n = sqlite3_column_int64 (statement, 0);
      tn_database_reset (statement);
    }
  return TRUE;
}

static gboolean
copy_series (Import *self, gint64 from, gint64 to, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 wrong;

  if (!count_wrong (self,
                    "SELECT count(*) FROM series s WHERE s.run = ?1 AND s.count !="
                    " (SELECT coalesce(sum(length(c.points)), 0) FROM series_chunks c WHERE c.series = s.id) / 16.0",
                    from, &wrong, error))
    return FALSE;
  if (wrong > 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: the workspace is damaged (%lld series of run %lld have not as many points as they say)"),
                   self->from->path, (long long) wrong, (long long) from);
      return FALSE;
    }
  if (!copy_rows (self, "SELECT run, name, count, id FROM series WHERE run = ?1 ORDER BY id",
                  "INSERT INTO series (run, name, count) VALUES (?1, ?2, ?3)", from, to, ids, error))
    return FALSE;
  for (guint i = 0; i < ids->len; i += 2)
    {
      gint64 old = g_array_index (ids, gint64, i), new = g_array_index (ids, gint64, i + 1);

      if (!copy_rows (self, "SELECT series, position, count, points FROM series_chunks WHERE series = ?1 ORDER BY position",
                      "INSERT INTO series_chunks (series, position, count, points) VALUES (?1, ?2, ?3, ?4)", old, new, NULL,
                      error) ||
          !copy_rows (self,
                      "SELECT series, level, position, count, first_step, last_step, minimum, maximum FROM series_levels"
                      " WHERE series = ?1",
                      "INSERT INTO series_levels (series, level, position, count, first_step, last_step, minimum, maximum)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                      old, new, NULL, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
copy_children (Import *self, gint64 from, gint64 to, GError **error)
{
  return copy_series (self, from, to, error) &&
         copy_rows (self, "SELECT run, time_us, kind, text FROM events WHERE run = ?1 ORDER BY id",
                    "INSERT INTO events (run, time_us, kind, text) VALUES (?1, ?2, ?3, ?4)", from, to, NULL, error) &&
         copy_rows (self, "SELECT run, version, bytes FROM snapshots WHERE run = ?1",
                    "INSERT INTO snapshots (run, version, bytes) VALUES (?1, ?2, ?3)", from, to, NULL, error) &&
         copy_rows (self,
                    self->version >= VERSION_OF_PROVENANCE
                        ? "SELECT run, path, model_fingerprint, data_fingerprint, samples, tokens, bytes, made_us, provenance"
                          " FROM statistics WHERE run = ?1 ORDER BY id"
                        : "SELECT run, path, model_fingerprint, data_fingerprint, samples, tokens, bytes, made_us, NULL"
                          " FROM statistics WHERE run = ?1 ORDER BY id",
                    "INSERT INTO statistics (run, path, model_fingerprint, data_fingerprint, samples, tokens, bytes, made_us,"
                    " provenance) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    from, to, NULL, error);
}

/* A run that is here: its number and when it was last heard of; 0: it is not. */
static gboolean
find_here (Import *self, const char *identity, gint64 *run, gint64 *updated_us, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (self->to, "SELECT id, updated_us FROM runs WHERE identity = ?1", error);
  gboolean row;

  *run = *updated_us = 0;
  if (statement == NULL)
    return FALSE;
  tn_database_bind_text (statement, 1, identity);
  if (!tn_database_step (self->to, statement, &row, error))
    return FALSE;
  if (row)
    {
      *run = sqlite3_column_int64 (statement, 0);
      *updated_us = sqlite3_column_int64 (statement, 1);
      tn_database_reset (statement);
    }
  return TRUE;
}

static gboolean
remove_run (Import *self, gint64 run, GError **error)
{
  sqlite3_stmt *statistics = tn_database_prepare (self->to, "DELETE FROM statistics WHERE run = ?1", error);
  sqlite3_stmt *row = statistics != NULL ? tn_database_prepare (self->to, "DELETE FROM runs WHERE id = ?1", error) : NULL;

  if (row == NULL)
    return FALSE;
  sqlite3_bind_int64 (statistics, 1, run);
  sqlite3_bind_int64 (row, 1, run);
  return tn_database_run (self->to, statistics, error) && tn_database_run (self->to, row, error);
}

#define RUN_COLUMNS                                                                                                              \
  "verb, title, arguments, CASE WHEN state <= 1 THEN 5 ELSE state END, done, total, unit, rate, rss_bytes, message, output,"   \
  " started_us, updated_us, pid, pid_started, pid_space"

G_STATIC_ASSERT (TN_RUN_PAUSED == 1 && TN_RUN_LOST == 5);

/* keep_id (not 0): the number it has here again. */
static gboolean
copy_run (Import *self, gint64 from, gint64 keep_id, gint64 *to, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));

  if (!copy_rows (self,
                  self->version >= VERSION_OF_IDENTITY
                      ? "SELECT NULL, " RUN_COLUMNS ", identity, id FROM runs WHERE id = ?1"
                      : "SELECT NULL, " RUN_COLUMNS ", " TN_SCHEMA_OLD_IDENTITY ", id FROM runs WHERE id = ?1",
                  "INSERT INTO runs (id, verb, title, arguments, state, done, total, unit, rate, rss_bytes, message, output,"
                  " started_us, updated_us, pid, pid_started, pid_space, identity)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
                  from, keep_id, ids, error))
    return FALSE;
  *to = g_array_index (ids, gint64, 1);
  return copy_children (self, from, *to, error);
}

typedef struct
{
  gint64 id, updated_us;
  char *identity;
} Candidate;

static void
candidate_free (Candidate *self)
{
  g_free (self->identity);
  g_free (self);
}

static GPtrArray *
list_candidates (Import *self, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify) candidate_free);
  sqlite3_stmt *statement =
      tn_database_prepare (self->from,
                           self->version >= VERSION_OF_IDENTITY
                               ? "SELECT id, updated_us, identity FROM runs ORDER BY id"
                               : "SELECT id, updated_us, " TN_SCHEMA_OLD_IDENTITY " FROM runs ORDER BY id",
                           error);
  gboolean more, success;

  if (statement == NULL)
    return NULL;
  while ((success = tn_database_step (self->from, statement, &more, error)) && more)
    {
      Candidate *candidate = g_new (Candidate, 1);

      candidate->id = sqlite3_column_int64 (statement, 0);
      candidate->updated_us = sqlite3_column_int64 (statement, 1);
      candidate->identity = tn_database_dup_text (statement, 2);
      g_ptr_array_add (found, candidate);
    }
  return success ? g_steal_pointer (&found) : NULL;
}

static gboolean
import_one (Import *self, const Candidate *candidate, GArray *imported, GError **error)
{
  TnImportedRun run = {.from = candidate->id, .outcome = TN_IMPORT_KEPT};
  gint64 updated_us;

  if (candidate->identity == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the workspace is damaged (run %lld has no identity)"),
                   self->from->path, (long long) candidate->id);
      return FALSE;
    }
  if (!find_here (self, candidate->identity, &run.to, &updated_us, error))
    return FALSE;
  if (run.to == 0 || candidate->updated_us > updated_us)
    {
      gint64 keep_id = run.to;

      run.outcome = keep_id == 0 ? TN_IMPORT_ADDED : TN_IMPORT_REPLACED;
      if ((keep_id != 0 && !remove_run (self, keep_id, error)) || !copy_run (self, candidate->id, keep_id, &run.to, error))
        return FALSE;
    }
  g_array_append_val (imported, run);
  return TRUE;
}

static gboolean
is_wanted (const GArray *runs, gint64 id)
{
  for (guint i = 0; runs != NULL && i < runs->len; i++)
    if (g_array_index (runs, gint64, i) == id)
      return TRUE;
  return runs == NULL;
}

static gboolean
check_wanted (Import *self, const GArray *runs, const GPtrArray *candidates, GError **error)
{
  for (guint i = 0; runs != NULL && i < runs->len; i++)
    {
      gboolean found = FALSE;

      for (guint k = 0; !found && k < candidates->len; k++)
        found = ((const Candidate *) candidates->pdata[k])->id == g_array_index (runs, gint64, i);
      if (!found)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: run %lld does not exist"), self->from->path,
                       (long long) g_array_index (runs, gint64, i));
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
import_all (Import *self, const GArray *runs, GArray *imported, GError **error)
{
  g_autoptr (GPtrArray) candidates = list_candidates (self, error);

  if (candidates == NULL || !check_wanted (self, runs, candidates, error))
    return FALSE;
  for (guint i = 0; i < candidates->len; i++)
    {
      const Candidate *candidate = g_ptr_array_index (candidates, i);

      if (is_wanted (runs, candidate->id) && !import_one (self, candidate, imported, error))
        return FALSE;
    }
  return TRUE;
}

GArray *
tn_workspace_import (TnWorkspace *self, const char *path, const GArray *runs, GError **error)
{
  g_autoptr (GArray) imported = g_array_new (FALSE, FALSE, sizeof (TnImportedRun));
  Import import = {.to = self->writer};
  gboolean success = open_source (&import, self, path, error) && check_source (&import, error);

  if (success && (success = tn_database_begin (self->writer, error)))
    success = tn_database_end (self->writer, import_all (&import, runs, imported, error), error);
  g_clear_pointer (&import.from, tn_database_close);
  return success ? g_steal_pointer (&imported) : NULL;
}
