/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/workspace.h"

#include <glib/gi18n-lib.h>

#include "data/workspace/workspace-private.h"
#include "engine/error.h"

void
tn_model_row_free (TnModelRow *self)
{
  g_free (self->path);
  g_free (self->format);
  g_free (self->architecture);
  g_free (self);
}

void
tn_statistics_row_free (TnStatisticsRow *self)
{
  g_free (self->path);
  g_free (self->provenance);
  g_free (self);
}

gint64
tn_workspace_record_model (TnWorkspace *self, const TnModelRow *model, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->writer->lock);
  sqlite3_stmt *statement = tn_database_prepare (
      self->writer,
      "INSERT INTO models (fingerprint, path, format, architecture, bytes, parameters, seen_us) VALUES (?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT (fingerprint) DO UPDATE SET path = excluded.path, format = excluded.format, architecture = "
      "excluded.architecture,"
      " bytes = excluded.bytes, parameters = excluded.parameters, seen_us = excluded.seen_us RETURNING id",
      error);
  gboolean row;
  gint64 id;

  if (statement == NULL)
    return -1;
  sqlite3_bind_int64 (statement, 1, (gint64) model->fingerprint);
  tn_database_bind_text (statement, 2, model->path != NULL ? model->path : "");
  tn_database_bind_text (statement, 3, model->format != NULL ? model->format : "");
  tn_database_bind_text (statement, 4, model->architecture != NULL ? model->architecture : "");
  sqlite3_bind_int64 (statement, 5, (gint64) model->bytes);
  sqlite3_bind_int64 (statement, 6, (gint64) model->parameters);
  sqlite3_bind_int64 (statement, 7, model->seen_us != 0 ? model->seen_us : g_get_real_time ());
  if (!tn_database_step (self->writer, statement, &row, error) || !row)
    return -1;
  id = sqlite3_column_int64 (statement, 0);
  /* The statement commits when it is stepped to its end. */
  return tn_database_run (self->writer, statement, error) ? id : -1;
}

GPtrArray *
tn_workspace_list_models (TnWorkspace *self, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_model_row_free);
  sqlite3_stmt *statement = tn_database_prepare (
      self->reader,
      "SELECT id, path, format, architecture, fingerprint, bytes, parameters, seen_us FROM models ORDER BY seen_us DESC, id DESC",
      error);
  gboolean more, success;

  if (statement == NULL)
    return NULL;
  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    {
      TnModelRow *row = g_new0 (TnModelRow, 1);

      row->id = sqlite3_column_int64 (statement, 0);
      row->path = tn_database_dup_text (statement, 1);
      row->format = tn_database_dup_text (statement, 2);
      row->architecture = tn_database_dup_text (statement, 3);
      row->fingerprint = (guint64) sqlite3_column_int64 (statement, 4);
      row->bytes = (guint64) sqlite3_column_int64 (statement, 5);
      row->parameters = (guint64) sqlite3_column_int64 (statement, 6);
      row->seen_us = sqlite3_column_int64 (statement, 7);
      g_ptr_array_add (rows, row);
    }
  return success ? g_steal_pointer (&rows) : NULL;
}

gboolean
tn_workspace_record_stats (TnWorkspace *self, gint64 run, const char *path, guint64 model_fingerprint, guint64 data_fingerprint,
                           guint64 samples, guint64 tokens, guint64 bytes, const char *provenance, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->writer->lock);
  sqlite3_stmt *statement =
      tn_database_prepare (self->writer,
                           "INSERT INTO statistics (run, path, model_fingerprint, data_fingerprint, samples,"
                           " tokens, bytes, made_us, provenance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           error);

  if (statement == NULL)
    return FALSE;
  if (run > 0)
    sqlite3_bind_int64 (statement, 1, run);
  tn_database_bind_text (statement, 2, path);
  sqlite3_bind_int64 (statement, 3, (gint64) model_fingerprint);
  sqlite3_bind_int64 (statement, 4, (gint64) data_fingerprint);
  sqlite3_bind_int64 (statement, 5, (gint64) samples);
  sqlite3_bind_int64 (statement, 6, (gint64) tokens);
  sqlite3_bind_int64 (statement, 7, (gint64) bytes);
  sqlite3_bind_int64 (statement, 8, g_get_real_time ());
  tn_database_bind_text (statement, 9, provenance);
  return tn_database_run (self->writer, statement, error);
}

GPtrArray *
tn_workspace_list_stats (TnWorkspace *self, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_statistics_row_free);
  sqlite3_stmt *statement = tn_database_prepare (self->reader,
                                                 "SELECT id, run, path, model_fingerprint, data_fingerprint, samples, tokens,"
                                                 " bytes, made_us, provenance FROM statistics ORDER BY id DESC",
                                                 error);
  gboolean more, success;

  if (statement == NULL)
    return NULL;
  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    {
      TnStatisticsRow *row = g_new0 (TnStatisticsRow, 1);

      row->id = sqlite3_column_int64 (statement, 0);
      row->run = sqlite3_column_int64 (statement, 1);
      row->path = tn_database_dup_text (statement, 2);
      row->model_fingerprint = (guint64) sqlite3_column_int64 (statement, 3);
      row->data_fingerprint = (guint64) sqlite3_column_int64 (statement, 4);
      row->samples = (guint64) sqlite3_column_int64 (statement, 5);
      row->tokens = (guint64) sqlite3_column_int64 (statement, 6);
      row->bytes = (guint64) sqlite3_column_int64 (statement, 7);
      row->made_us = sqlite3_column_int64 (statement, 8);
      row->provenance = tn_database_dup_text (statement, 9);
      g_ptr_array_add (rows, row);
    }
  return success ? g_steal_pointer (&rows) : NULL;
}

gboolean
tn_workspace_put_snapshot (TnWorkspace *self, gint64 run, GBytes *snapshot, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->writer->lock);
  sqlite3_stmt *statement = tn_database_prepare (self->writer,
                                                 "INSERT INTO snapshots (run, version, bytes) VALUES (?, 1, ?)"
                                                 " ON CONFLICT (run) DO UPDATE SET version = version + 1, bytes = excluded.bytes",
                                                 error);
  gsize size;
  const void *bytes = g_bytes_get_data (snapshot, &size);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  sqlite3_bind_blob64 (statement, 2, bytes != NULL ? bytes : "", size, SQLITE_STATIC);
  return tn_database_run (self->writer, statement, error);
}

GBytes *
tn_workspace_get_snapshot (TnWorkspace *self, gint64 run, gint64 *version, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  sqlite3_stmt *statement = tn_database_prepare (self->reader, "SELECT version, bytes FROM snapshots WHERE run = ?", error);
  GBytes *snapshot;
  gboolean row;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, run);
  if (!tn_database_step (self->reader, statement, &row, error))
    return NULL;
  if (!row)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: run %lld has no snapshot"), self->path, (long long) run);
      return NULL;
    }
  if (version != NULL)
    *version = sqlite3_column_int64 (statement, 0);
  snapshot = g_bytes_new (sqlite3_column_blob (statement, 1), (gsize) sqlite3_column_bytes (statement, 1));
  tn_database_reset (statement);
  return snapshot;
}
