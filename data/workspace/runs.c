/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/workspace.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "data/workspace/process.h"
#include "data/workspace/workspace-private.h"
#include "engine/error.h"

/* Where the process cannot be looked up (another namespace), silence for this long says that it is gone. */
#define SILENCE_US (60 * G_USEC_PER_SEC)

#define RUN_COLUMNS                                                                                                              \
  "id, verb, title, arguments, state, done, total, unit, rate, rss_bytes, message, output, started_us, updated_us, pid, "        \
  "pid_started,"                                                                                                                 \
  " pid_space, identity"

void
tn_run_row_free (TnRunRow *self)
{
  g_free (self->verb);
  g_free (self->title);
  g_free (self->arguments);
  g_free (self->unit);
  g_free (self->message);
  g_free (self->output);
  g_free (self->identity);
  g_free (self);
}

void
tn_event_row_free (TnEventRow *self)
{
  g_free (self->kind);
  g_free (self->text);
  g_free (self);
}

static gboolean
is_active (TnRunState state)
{
  return state == TN_RUN_RUNNING || state == TN_RUN_PAUSED;
}

static gboolean
no_such_run (TnWorkspace *self, gint64 run, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: run %lld does not exist"), self->path, (long long) run);
  return FALSE;
}

static gint64
insert_run (TnWorkspace *self, const char *identity, const char *verb, const char *title, const char *arguments_json,
            GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->writer->lock);
  sqlite3_stmt *statement =
      tn_database_prepare (self->writer,
                           "INSERT INTO runs (verb, title, arguments, state, started_us, updated_us, pid, pid_started, pid_space,"
                           " identity) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           error);
  gint64 now = g_get_real_time ();

  if (statement == NULL)
    return -1;
  tn_database_bind_text (statement, 1, verb);
  tn_database_bind_text (statement, 2, title != NULL ? title : verb);
  tn_database_bind_text (statement, 3, arguments_json != NULL ? arguments_json : "{}");
  sqlite3_bind_int (statement, 4, TN_RUN_RUNNING);
  sqlite3_bind_int64 (statement, 5, now);
  sqlite3_bind_int64 (statement, 6, now);
  sqlite3_bind_int64 (statement, 7, getpid ());
  sqlite3_bind_int64 (statement, 8, tn_process_get_start_time (getpid ()));
  tn_database_bind_text (statement, 9, tn_process_get_space ());
  tn_database_bind_text (statement, 10, identity);
  return tn_database_run (self->writer, statement, error) ? sqlite3_last_insert_rowid (self->writer->handle) : -1;
}

gint64
tn_workspace_begin_run (TnWorkspace *self, const char *verb, const char *title, const char *arguments_json, GError **error)
{
  g_autofree char *identity = g_uuid_string_random ();

  return insert_run (self, identity, verb, title, arguments_json, error);
}

gboolean
tn_workspace_update_run (TnWorkspace *self, gint64 run, TnRunState state, double done, double total, const char *unit,
                         double rate, guint64 rss_bytes, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->writer->lock);
  sqlite3_stmt *statement = tn_database_prepare (
      self->writer,
      "UPDATE runs SET state = ?, done = ?, total = ?, unit = ?, rate = ?, rss_bytes = ?, updated_us = ? WHERE id = ?", error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int (statement, 1, (int) state);
  sqlite3_bind_double (statement, 2, done);
  sqlite3_bind_double (statement, 3, total);
  tn_database_bind_text (statement, 4, unit != NULL ? unit : "");
  sqlite3_bind_double (statement, 5, rate);
  sqlite3_bind_int64 (statement, 6, (gint64) rss_bytes);
  sqlite3_bind_int64 (statement, 7, g_get_real_time ());
  sqlite3_bind_int64 (statement, 8, run);
  if (!tn_database_run (self->writer, statement, error))
    return FALSE;
  return sqlite3_changes (self->writer->handle) == 1 || no_such_run (self, run, error);
}

/* Live snapshots can be large: once their runs have ended with an output, only the latest of them is kept. */
static gboolean
drop_old_snapshots (TnWorkspace *self, gint64 run, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (
      self->writer,
      "DELETE FROM snapshots WHERE run != ? AND run IN (SELECT id FROM runs WHERE state > ? AND output IS NOT NULL)", error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  sqlite3_bind_int (statement, 2, TN_RUN_PAUSED);
  return tn_database_run (self->writer, statement, error);
}

static gboolean
clear_request (TnWorkspace *self, gint64 run, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (self->writer, "DELETE FROM requests WHERE run = ?", error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  return tn_database_run (self->writer, statement, error);
}

static gboolean
write_end (TnWorkspace *self, gint64 run, TnRunState state, const char *message, const char *output, GError **error)
{
  sqlite3_stmt *statement =
      tn_database_prepare (self->writer,
                           "UPDATE runs SET state = ?, message = coalesce(?, message), output = ?, updated_us = ? WHERE id = ?",
                           error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int (statement, 1, (int) state);
  tn_database_bind_text (statement, 2, message);
  tn_database_bind_text (statement, 3, output);
  sqlite3_bind_int64 (statement, 4, g_get_real_time ());
  sqlite3_bind_int64 (statement, 5, run);
  if (!tn_database_run (self->writer, statement, error))
    return FALSE;
  return sqlite3_changes (self->writer->handle) == 1 || no_such_run (self, run, error);
}

gboolean
tn_workspace_end_run (TnWorkspace *self, gint64 run, TnRunState state, const char *message, const char *output, GError **error)
{
  gboolean success;

  if (!tn_database_begin (self->writer, error))
    return FALSE;
  success = write_end (self, run, state, message, output, error) && clear_request (self, run, error) &&
            drop_old_snapshots (self, run, error);
  return tn_database_end (self->writer, success, error);
}

static gboolean
process_is_gone (sqlite3_stmt *statement)
{
  g_autofree char *space = tn_database_dup_text (statement, 16);
  gint64 started = sqlite3_column_int64 (statement, 15);

  if (g_strcmp0 (space, tn_process_get_space ()) != 0)
    return sqlite3_column_int64 (statement, 13) < g_get_real_time () - SILENCE_US;
  return tn_process_get_start_time (sqlite3_column_int64 (statement, 14)) != started;
}

static TnRunRow *
read_run (sqlite3_stmt *statement, gboolean *lost)
{
  TnRunRow *row = g_new0 (TnRunRow, 1);
  int state = sqlite3_column_int (statement, 4);

  row->id = sqlite3_column_int64 (statement, 0);
  row->verb = tn_database_dup_text (statement, 1);
  row->title = tn_database_dup_text (statement, 2);
  row->arguments = tn_database_dup_text (statement, 3);
  row->state = state >= TN_RUN_RUNNING && state <= TN_RUN_LOST ? (TnRunState) state : TN_RUN_LOST;
  row->done = sqlite3_column_double (statement, 5);
  row->total = sqlite3_column_double (statement, 6);
  row->unit = tn_database_dup_text (statement, 7);
  row->rate = sqlite3_column_double (statement, 8);
  row->rss_bytes = (guint64) sqlite3_column_int64 (statement, 9);
  row->message = tn_database_dup_text (statement, 10);
  row->output = tn_database_dup_text (statement, 11);
  row->started_us = sqlite3_column_int64 (statement, 12);
  row->updated_us = sqlite3_column_int64 (statement, 13);
  row->pid = sqlite3_column_int64 (statement, 14);
  row->identity = tn_database_dup_text (statement, 17);
  *lost = is_active (row->state) && process_is_gone (statement);
  if (*lost)
    row->state = TN_RUN_LOST;
  return row;
}

/* The row already says so to whoever asked; that it could not be written (another process writes) is mended by the next reader.
 */
static void
mark_lost (TnWorkspace *self, gint64 run)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->writer->lock);
  sqlite3_stmt *statement = tn_database_prepare (self->writer, "UPDATE runs SET state = ? WHERE id = ? AND state <= ?", NULL);

  if (statement == NULL)
    return;
  sqlite3_bind_int (statement, 1, TN_RUN_LOST);
  sqlite3_bind_int64 (statement, 2, run);
  sqlite3_bind_int (statement, 3, TN_RUN_PAUSED);
  tn_database_run (self->writer, statement, NULL);
}

/* 0: there is none. */
static gboolean
find_identity (TnWorkspace *self, const char *identity, gint64 *run, gboolean *live, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (self->writer, "SELECT " RUN_COLUMNS " FROM runs WHERE identity = ?", error);
  gboolean found;

  *run = 0;
  *live = FALSE;
  if (statement == NULL)
    return FALSE;
  tn_database_bind_text (statement, 1, identity);
  if (!tn_database_step (self->writer, statement, &found, error))
    return FALSE;
  if (found)
    {
      gboolean lost;
      g_autoptr (TnRunRow) row = read_run (statement, &lost);

      *run = row->id;
      *live = is_active (row->state);
      tn_database_reset (statement);
    }
  return TRUE;
}

static gboolean
revive_run (TnWorkspace *self, gint64 run, const char *title, const char *arguments_json, GError **error)
{
  sqlite3_stmt *statement =
      tn_database_prepare (self->writer,
                           "UPDATE runs SET title = ?, arguments = ?, state = ?, updated_us = ?, pid = ?, pid_started = ?,"
                           " pid_space = ?, message = NULL, rate = 0 WHERE id = ?",
                           error);

  if (statement == NULL)
    return FALSE;
  tn_database_bind_text (statement, 1, title);
  tn_database_bind_text (statement, 2, arguments_json != NULL ? arguments_json : "{}");
  sqlite3_bind_int (statement, 3, TN_RUN_RUNNING);
  sqlite3_bind_int64 (statement, 4, g_get_real_time ());
  sqlite3_bind_int64 (statement, 5, getpid ());
  sqlite3_bind_int64 (statement, 6, tn_process_get_start_time (getpid ()));
  tn_database_bind_text (statement, 7, tn_process_get_space ());
  sqlite3_bind_int64 (statement, 8, run);
  return tn_database_run (self->writer, statement, error);
}

gint64
tn_workspace_continue_run (TnWorkspace *self, const char *identity, const char *verb, const char *title,
                           const char *arguments_json, GError **error)
{
  gboolean live, success;
  gint64 run;

  if (!tn_database_begin (self->writer, error))
    return -1;
  success = find_identity (self, identity, &run, &live, error);
  if (success && live)
    success = (run = tn_workspace_begin_run (self, verb, title, arguments_json, error)) >= 0;
  else if (success && run == 0)
    success = (run = insert_run (self, identity, verb, title, arguments_json, error)) >= 0;
  else if (success)
    success = revive_run (self, run, title, arguments_json, error) && clear_request (self, run, error);
  return tn_database_end (self->writer, success, error) ? run : -1;
}

static GPtrArray *
read_runs (TnWorkspace *self, sqlite3_stmt *statement, GArray *lost_runs, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_run_row_free);
  gboolean more, success;

  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    {
      gboolean lost;
      TnRunRow *row = read_run (statement, &lost);

      g_ptr_array_add (rows, row);
      if (lost)
        g_array_append_val (lost_runs, row->id);
    }
  return success ? g_steal_pointer (&rows) : NULL;
}

static GPtrArray *
query_runs (TnWorkspace *self, const char *sql, gint64 parameter, GError **error)
{
  g_autoptr (GArray) lost = g_array_new (FALSE, FALSE, sizeof (gint64));
  GPtrArray *rows = NULL;
  sqlite3_stmt *statement;

  g_rec_mutex_lock (&self->reader->lock);
  statement = tn_database_prepare (self->reader, sql, error);
  if (statement != NULL)
    {
      sqlite3_bind_int64 (statement, 1, parameter);
      rows = read_runs (self, statement, lost, error);
    }
  g_rec_mutex_unlock (&self->reader->lock);
  for (guint i = 0; i < lost->len; i++)
    mark_lost (self, g_array_index (lost, gint64, i));
  return rows;
}

GPtrArray *
tn_workspace_list_runs (TnWorkspace *self, guint limit, GError **error)
{
  return query_runs (self, "SELECT " RUN_COLUMNS " FROM runs ORDER BY id DESC LIMIT ?", limit > 0 ? (gint64) limit : -1, error);
}

TnRunRow *
tn_workspace_get_run (TnWorkspace *self, gint64 run, GError **error)
{
  g_autoptr (GPtrArray) rows = query_runs (self, "SELECT " RUN_COLUMNS " FROM runs WHERE id = ?", run, error);

  if (rows == NULL)
    return NULL;
  if (rows->len == 0)
    {
      no_such_run (self, run, error);
      return NULL;
    }
  return g_ptr_array_steal_index (rows, 0);
}

static gboolean
write_event (TnWorkspace *self, gint64 run, const char *kind, const char *text, GError **error)
{
  sqlite3_stmt *insert =
      tn_database_prepare (self->writer, "INSERT INTO events (run, time_us, kind, text) VALUES (?, ?, ?, ?)", error);
  sqlite3_stmt *update = tn_database_prepare (self->writer, "UPDATE runs SET message = ? WHERE id = ?", error);

  if (insert == NULL || update == NULL)
    return FALSE;
  sqlite3_bind_int64 (insert, 1, run);
  sqlite3_bind_int64 (insert, 2, g_get_real_time ());
  tn_database_bind_text (insert, 3, kind);
  tn_database_bind_text (insert, 4, text);
  tn_database_bind_text (update, 1, text);
  sqlite3_bind_int64 (update, 2, run);
  return tn_database_run (self->writer, insert, error) && tn_database_run (self->writer, update, error);
}

gboolean
tn_workspace_add_event (TnWorkspace *self, gint64 run, const char *kind, const char *text, GError **error)
{
  if (!tn_database_begin (self->writer, error))
    return FALSE;
  return tn_database_end (self->writer, write_event (self, run, kind, text, error), error);
}

GPtrArray *
tn_workspace_list_events (TnWorkspace *self, gint64 run, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_event_row_free);
  sqlite3_stmt *statement =
      tn_database_prepare (self->reader, "SELECT id, run, time_us, kind, text FROM events WHERE run = ? ORDER BY id", error);
  gboolean more, success;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, run);
  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    {
      TnEventRow *row = g_new0 (TnEventRow, 1);

      row->id = sqlite3_column_int64 (statement, 0);
      row->run = sqlite3_column_int64 (statement, 1);
      row->time_us = sqlite3_column_int64 (statement, 2);
      row->kind = tn_database_dup_text (statement, 3);
      row->text = tn_database_dup_text (statement, 4);
      g_ptr_array_add (rows, row);
    }
  return success ? g_steal_pointer (&rows) : NULL;
}

gboolean
tn_workspace_post_request (TnWorkspace *self, gint64 run, TnRequest request, GError **error)
{
  g_autoptr (TnRunRow) row = tn_workspace_get_run (self, run, error);
  g_autoptr (GRecMutexLocker) locker = NULL;
  sqlite3_stmt *statement;

  if (row == NULL)
    return FALSE;
  if (!is_active (row->state))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: run %lld has ended already"), self->path, (long long) run);
      return FALSE;
    }
  locker = g_rec_mutex_locker_new (&self->writer->lock);
  /* The latest counts, but nothing takes a cancellation back. */
  statement = tn_database_prepare (self->writer,
                                   "INSERT INTO requests (run, request, time_us) VALUES (?, ?, ?) ON CONFLICT (run) DO UPDATE"
                                   " SET request = excluded.request, time_us = excluded.time_us WHERE request != ?",
                                   error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  sqlite3_bind_int (statement, 2, (int) request);
  sqlite3_bind_int64 (statement, 3, g_get_real_time ());
  sqlite3_bind_int (statement, 4, TN_REQUEST_CANCEL);
  return tn_database_run (self->writer, statement, error);
}

static TnRequest
peek_request (TnWorkspace *self, gint64 run)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  sqlite3_stmt *statement = tn_database_prepare (self->reader, "SELECT request FROM requests WHERE run = ?", NULL);
  TnRequest request = TN_REQUEST_NONE;
  gboolean row;

  if (statement == NULL)
    return TN_REQUEST_NONE;
  sqlite3_bind_int64 (statement, 1, run);
  if (tn_database_step (self->reader, statement, &row, NULL) && row)
    {
      request = (TnRequest) CLAMP (sqlite3_column_int (statement, 0), TN_REQUEST_NONE, TN_REQUEST_CANCEL);
      tn_database_reset (statement);
    }
  return request;
}

TnRequest
tn_workspace_take_request (TnWorkspace *self, gint64 run)
{
  g_autoptr (GRecMutexLocker) locker = NULL;
  TnRequest request = TN_REQUEST_NONE;
  sqlite3_stmt *statement;
  gboolean row;

  /* Nearly always there is none, and looking is cheaper than writing. */
  if (peek_request (self, run) == TN_REQUEST_NONE)
    return TN_REQUEST_NONE;
  locker = g_rec_mutex_locker_new (&self->writer->lock);
  statement = tn_database_prepare (self->writer, "DELETE FROM requests WHERE run = ? RETURNING request", NULL);
  if (statement == NULL)
    return TN_REQUEST_NONE;
  sqlite3_bind_int64 (statement, 1, run);
  if (tn_database_step (self->writer, statement, &row, NULL) && row)
    {
      request = (TnRequest) CLAMP (sqlite3_column_int (statement, 0), TN_REQUEST_NONE, TN_REQUEST_CANCEL);
      if (!tn_database_run (self->writer, statement, NULL))
        request = TN_REQUEST_NONE;
    }
  return request;
}
