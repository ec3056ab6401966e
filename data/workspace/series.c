/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/workspace.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "data/workspace/workspace-private.h"
#include "engine/error.h"

/* A chunk's blob is its points one after the other: step (64-bit integer) and value (double), little endian. */
#define CHUNK_POINTS 512
#define POINT_BYTES 16
/* Level 1 of the pyramid has an entry a chunk; each higher one an entry for so many of the level below. */
#define LEVEL_FACTOR 8
#define N_LEVELS 6

static void
encode_point (guint8 *bytes, gint64 step, double value)
{
  gint64 step_le = GINT64_TO_LE (step);
  guint64 bits;

  memcpy (&bits, &value, sizeof bits);
  bits = GUINT64_TO_LE (bits);
  memcpy (bytes, &step_le, 8);
  memcpy (bytes + 8, &bits, 8);
}

static void
decode_point (const guint8 *bytes, gint64 *step, double *value)
{
  guint64 bits;

  memcpy (step, bytes, 8);
  memcpy (&bits, bytes + 8, 8);
  *step = GINT64_FROM_LE (*step);
  bits = GUINT64_FROM_LE (bits);
  memcpy (value, &bits, 8);
}

static gboolean
find_series (TnDatabase *database, gint64 run, const char *name, gint64 *series, gint64 *count, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (database, "SELECT id, count FROM series WHERE run = ? AND name = ?", error);
  gboolean row;

  *series = 0;
  *count = 0;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  tn_database_bind_text (statement, 2, name);
  if (!tn_database_step (database, statement, &row, error))
    return FALSE;
  if (row)
    {
      *series = sqlite3_column_int64 (statement, 0);
      *count = sqlite3_column_int64 (statement, 1);
      tn_database_reset (statement);
    }
  if (*count >= 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the workspace is damaged (series “%s” has %lld points)"), database->path,
               name, (long long) *count);
  return FALSE;
}

static gboolean
create_series (TnDatabase *database, gint64 run, const char *name, gint64 *series, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (database, "INSERT INTO series (run, name) VALUES (?, ?)", error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  tn_database_bind_text (statement, 2, name);
  if (!tn_database_run (database, statement, error))
    return FALSE;
  *series = sqlite3_last_insert_rowid (database->handle);
  return TRUE;
}

/* Appends to the bytes of a chunk that is there already, or starts it. */
static gboolean
write_chunk (TnDatabase *database, gint64 series, gint64 position, gsize old_count, gsize n, const gint64 *steps,
             const double *values, GError **error)
{
  g_autofree guint8 *points = g_malloc (CHUNK_POINTS * POINT_BYTES);
  sqlite3_stmt *write = tn_database_prepare (database,
                                             "INSERT INTO series_chunks (series, position, count, points) VALUES (?, ?, ?, ?)"
                                             " ON CONFLICT (series, position) DO UPDATE SET count = excluded.count,"
                                             " points = excluded.points",
                                             error);

  if (write == NULL)
    return FALSE;
  if (old_count > 0)
    {
      sqlite3_stmt *read =
          tn_database_prepare (database, "SELECT points FROM series_chunks WHERE series = ? AND position = ?", error);
      gsize found = 0;
      gboolean row;

      if (read == NULL)
        return FALSE;
      sqlite3_bind_int64 (read, 1, series);
      sqlite3_bind_int64 (read, 2, position);
      if (!tn_database_step (database, read, &row, error))
        return FALSE;
      if (row)
        {
          found = (gsize) sqlite3_column_bytes (read, 0);
          if (found == old_count * POINT_BYTES)
            memcpy (points, sqlite3_column_blob (read, 0), found);
          tn_database_reset (read);
        }
      if (found != old_count * POINT_BYTES)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: the workspace is damaged (chunk of a series holds %zu bytes, expected %zu)"), database->path,
                       found, old_count * POINT_BYTES);
          return FALSE;
        }
    }
  for (gsize i = 0; i < n; i++)
    encode_point (points + (old_count + i) * POINT_BYTES, steps[i], values[i]);
  sqlite3_bind_int64 (write, 1, series);
  sqlite3_bind_int64 (write, 2, position);
  sqlite3_bind_int64 (write, 3, (gint64) (old_count + n));
  sqlite3_bind_blob64 (write, 4, points, (old_count + n) * POINT_BYTES, SQLITE_TRANSIENT);
  return tn_database_run (database, write, error);
}

/* SQLite has no NaN: an entry without a number has NULL, which min() and max() of two would spread, hence coalesce(). */
static gboolean
widen_level (TnDatabase *database, gint64 series, int level, gint64 position, const TnPyramidEntry *entry, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (
      database,
      "INSERT INTO series_levels (series, level, position, count, first_step, last_step, minimum, maximum)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (series, level, position) DO UPDATE SET count = count + excluded.count,"
      " last_step = excluded.last_step,"
      " minimum = coalesce(min(minimum, excluded.minimum), minimum, excluded.minimum),"
      " maximum = coalesce(max(maximum, excluded.maximum), maximum, excluded.maximum)",
      error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, series);
  sqlite3_bind_int (statement, 2, level);
  sqlite3_bind_int64 (statement, 3, position);
  sqlite3_bind_int64 (statement, 4, entry->count);
  sqlite3_bind_int64 (statement, 5, entry->first_step);
  sqlite3_bind_int64 (statement, 6, entry->last_step);
  sqlite3_bind_double (statement, 7, entry->minimum);
  sqlite3_bind_double (statement, 8, entry->maximum);
  return tn_database_run (database, statement, error);
}

static TnPyramidEntry
summarize (gsize n, const gint64 *steps, const double *values)
{
  TnPyramidEntry entry = {steps[0], steps[n - 1], (gint64) n, NAN, NAN};

  for (gsize i = 0; i < n; i++)
    {
      entry.minimum = fmin (entry.minimum, values[i]);
      entry.maximum = fmax (entry.maximum, values[i]);
    }
  return entry;
}

static gboolean
append_points (TnDatabase *database, gint64 series, gint64 count, gsize n, const gint64 *steps, const double *values,
               GError **error)
{
  sqlite3_stmt *statement;

  while (n > 0)
    {
      gint64 position = count / CHUNK_POINTS;
      gsize old_count = (gsize) (count % CHUNK_POINTS);
      gsize part = MIN (n, CHUNK_POINTS - old_count);
      TnPyramidEntry entry = summarize (part, steps, values);

      if (!write_chunk (database, series, position, old_count, part, steps, values, error))
        return FALSE;
      for (int level = 1; level <= N_LEVELS; level++, position /= LEVEL_FACTOR)
        if (!widen_level (database, series, level, position, &entry, error))
          return FALSE;
      count += (gint64) part;
      steps += part;
      values += part;
      n -= part;
    }
  statement = tn_database_prepare (database, "UPDATE series SET count = ? WHERE id = ?", error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, count);
  sqlite3_bind_int64 (statement, 2, series);
  return tn_database_run (database, statement, error);
}

gboolean
tn_workspace_append_series (TnWorkspace *self, gint64 run, const char *series, gsize n, const gint64 *steps, const double *values,
                            GError **error)
{
  gint64 id, count;
  gboolean success;

  if (!tn_database_begin (self->writer, error))
    return FALSE;
  success = find_series (self->writer, run, series, &id, &count, error) &&
            (id != 0 || create_series (self->writer, run, series, &id, error)) &&
            append_points (self->writer, id, count, n, steps, values, error);
  return tn_database_end (self->writer, success, error);
}

static gboolean
read_chunk (TnDatabase *database, sqlite3_stmt *statement, GArray *steps, GArray *values, GError **error)
{
  const guint8 *points = sqlite3_column_blob (statement, 0);
  gsize size = (gsize) sqlite3_column_bytes (statement, 0);

  if (size % POINT_BYTES != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: the workspace is damaged (chunk of a series holds %zu bytes, expected a multiple of %d)"),
                   database->path, size, POINT_BYTES);
      tn_database_reset (statement);
      return FALSE;
    }
  for (gsize i = 0; i < size; i += POINT_BYTES)
    {
      gint64 step;
      double value;

      decode_point (points + i, &step, &value);
      g_array_append_val (steps, step);
      g_array_append_val (values, value);
    }
  return TRUE;
}

static gboolean
require_series (TnWorkspace *self, gint64 run, const char *name, gint64 *series, GError **error)
{
  gint64 count;

  if (!find_series (self->reader, run, name, series, &count, error))
    return FALSE;
  if (*series == 0)
    g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: run %lld has no series “%s”"), self->path, (long long) run, name);
  return *series != 0;
}

gboolean
tn_workspace_read_series (TnWorkspace *self, gint64 run, const char *series, GArray *steps, GArray *values, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  sqlite3_stmt *statement =
      tn_database_prepare (self->reader, "SELECT points FROM series_chunks WHERE series = ? ORDER BY position", error);
  gboolean more, success;
  gint64 id;

  if (statement == NULL || !require_series (self, run, series, &id, error))
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    if (!read_chunk (self->reader, statement, steps, values, error))
      return FALSE;
  return success;
}

static gboolean
choose_level (TnDatabase *database, gint64 series, guint max_entries, int *level, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (
      database, "SELECT level FROM series_levels WHERE series = ? GROUP BY level HAVING count(*) <= ? ORDER BY level LIMIT 1",
      error);
  gboolean row;

  *level = N_LEVELS;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, series);
  sqlite3_bind_int64 (statement, 2, max_entries);
  if (!tn_database_step (database, statement, &row, error))
    return FALSE;
  if (row)
    {
      *level = sqlite3_column_int (statement, 0);
      tn_database_reset (statement);
    }
  return TRUE;
}

static double
column_number (sqlite3_stmt *statement, int column)
{
  return sqlite3_column_type (statement, column) == SQLITE_NULL ? (double) NAN : sqlite3_column_double (statement, column);
}

gboolean
tn_workspace_read_pyramid (TnWorkspace *self, gint64 run, const char *series, guint max_entries, GArray *entries, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  sqlite3_stmt *statement = tn_database_prepare (self->reader,
                                                 "SELECT first_step, last_step, count, minimum, maximum FROM series_levels"
                                                 " WHERE series = ? AND level = ? ORDER BY position",
                                                 error);
  gboolean more, success;
  gint64 id;
  int level;

  if (statement == NULL || !require_series (self, run, series, &id, error) ||
      !choose_level (self->reader, id, max_entries, &level, error))
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  sqlite3_bind_int (statement, 2, level);
  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    {
      TnPyramidEntry entry = {sqlite3_column_int64 (statement, 0), sqlite3_column_int64 (statement, 1),
                              sqlite3_column_int64 (statement, 2), column_number (statement, 3), column_number (statement, 4)};

      g_array_append_val (entries, entry);
    }
  return success;
}

char **
tn_workspace_list_series (TnWorkspace *self, gint64 run, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  sqlite3_stmt *statement = tn_database_prepare (self->reader, "SELECT name FROM series WHERE run = ? ORDER BY name", error);
  gboolean more, success;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, run);
  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    g_ptr_array_add (names, tn_database_dup_text (statement, 0));
  if (!success)
    return NULL;
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

void
tn_series_row_free (TnSeriesRow *self)
{
  g_free (self->name);
  g_free (self);
}

static gboolean
read_latest (TnDatabase *database, sqlite3_stmt *statement, TnSeriesRow *row, GError **error)
{
  gsize bytes = (gsize) sqlite3_column_bytes (statement, 2);

  row->name = tn_database_dup_text (statement, 0);
  row->count = sqlite3_column_int64 (statement, 1);
  if (bytes >= POINT_BYTES && bytes % POINT_BYTES == 0)
    {
      decode_point ((const guint8 *) sqlite3_column_blob (statement, 2) + bytes - POINT_BYTES, &row->step, &row->value);
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the workspace is damaged (the end of series “%s” has %zu bytes)"),
               database->path, row->name, bytes);
  return FALSE;
}

GPtrArray *
tn_workspace_list_latest (TnWorkspace *self, gint64 run, GError **error)
{
  g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&self->reader->lock);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_series_row_free);
  sqlite3_stmt *statement = tn_database_prepare (self->reader,
                                                 "SELECT s.name, s.count, c.points FROM series s JOIN series_chunks c"
                                                 " ON c.series = s.id AND c.position = (s.count - 1) / ?"
                                                 " WHERE s.run = ? AND s.count > 0 ORDER BY s.name",
                                                 error);
  gboolean more, success;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, CHUNK_POINTS);
  sqlite3_bind_int64 (statement, 2, run);
  while ((success = tn_database_step (self->reader, statement, &more, error)) && more)
    {
      TnSeriesRow *row = g_new0 (TnSeriesRow, 1);

      g_ptr_array_add (rows, row);
      if (!read_latest (self->reader, statement, row, error))
        {
          tn_database_reset (statement);
          return NULL;
        }
    }
  return success ? g_steal_pointer (&rows) : NULL;
}

/* The chunk that has the first point of this step or a later one; -1: none. */
static gboolean
find_cut (TnDatabase *database, gint64 series, gint64 first_step, gint64 *position, GError **error)
{
  sqlite3_stmt *statement = tn_database_prepare (
      database, "SELECT min(position) FROM series_levels WHERE series = ? AND level = 1 AND last_step >= ?", error);
  gboolean row;

  *position = -1;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, series);
  sqlite3_bind_int64 (statement, 2, first_step);
  if (!tn_database_step (database, statement, &row, error))
    return FALSE;
  if (row && sqlite3_column_type (statement, 0) != SQLITE_NULL)
    *position = sqlite3_column_int64 (statement, 0);
  if (row)
    tn_database_reset (statement);
  return TRUE;
}

/* SQL with ?1 series, ?2 position, ?3 level, as far as it has them. */
static gboolean
run_for_series (TnDatabase *database, const char *sql, gint64 series, gint64 position, int level, GError **error)
{
  const gint64 values[] = {series, position, level};
  sqlite3_stmt *statement = tn_database_prepare (database, sql, error);

  if (statement == NULL)
    return FALSE;
  for (int i = 0; i < MIN (sqlite3_bind_parameter_count (statement), (int) G_N_ELEMENTS (values)); i++)
    sqlite3_bind_int64 (statement, i + 1, values[i]);
  return tn_database_run (database, statement, error);
}

/* The last entry of each level is made again, of what is left of the level below. */
static gboolean
cut_pyramid (TnDatabase *database, gint64 series, gint64 position, GError **error)
{
  for (int level = 1; level <= N_LEVELS; level++, position /= LEVEL_FACTOR)
    if (!run_for_series (database, "DELETE FROM series_levels WHERE series = ?1 AND position >= ?2 AND level = ?3", series,
                         position, level, error) ||
        (level > 1 &&
         !run_for_series (database,
                          "INSERT INTO series_levels (series, level, position, count, first_step, last_step, minimum, maximum)"
                          " SELECT series, ?3, ?2, sum(count), min(first_step), max(last_step), min(minimum), max(maximum)"
                          " FROM series_levels WHERE series = ?1 AND level = ?3 - 1 AND position >= ?2 * " G_STRINGIFY (
                              LEVEL_FACTOR) " GROUP BY series",
                          series, position, level, error)))
      return FALSE;
  return TRUE;
}

/* The points of a chunk that are left. */
static gboolean
read_before (TnDatabase *database, gint64 series, gint64 position, gint64 first_step, GArray *steps, GArray *values,
             GError **error)
{
  sqlite3_stmt *statement =
      tn_database_prepare (database, "SELECT points FROM series_chunks WHERE series = ? AND position = ?", error);
  guint left = 0;
  gboolean row;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, series);
  sqlite3_bind_int64 (statement, 2, position);
  if (!tn_database_step (database, statement, &row, error) || (row && !read_chunk (database, statement, steps, values, error)))
    return FALSE;
  if (row)
    tn_database_reset (statement);
  while (left < steps->len && g_array_index (steps, gint64, left) < first_step)
    left++;
  g_array_set_size (steps, left);
  g_array_set_size (values, left);
  return TRUE;
}

static gboolean
rewind_series (TnDatabase *database, gint64 series, gint64 first_step, GError **error)
{
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (gint64)), values = g_array_new (FALSE, FALSE, sizeof (double));
  gint64 position;

  if (!find_cut (database, series, first_step, &position, error))
    return FALSE;
  if (position < 0)
    return TRUE;
  if (!read_before (database, series, position, first_step, steps, values, error))
    return FALSE;
  if (position == 0 && steps->len == 0)
    return run_for_series (database, "DELETE FROM series WHERE id = ?1", series, 0, 0, error);
  return run_for_series (database, "DELETE FROM series_chunks WHERE series = ?1 AND position >= ?2", series, position, 0, error) &&
         cut_pyramid (database, series, position, error) &&
         append_points (database, series, position * CHUNK_POINTS, steps->len, (const gint64 *) (gconstpointer) steps->data,
                        (const double *) (gconstpointer) values->data, error);
}

static gboolean
list_stepped (TnDatabase *database, gint64 run, GArray *series, GError **error)
{
  sqlite3_stmt *statement =
      tn_database_prepare (database, "SELECT id FROM series WHERE run = ? AND name NOT LIKE 'job/%'", error);
  gboolean more, success;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, run);
  while ((success = tn_database_step (database, statement, &more, error)) && more)
    {
      gint64 id = sqlite3_column_int64 (statement, 0);

      g_array_append_val (series, id);
    }
  return success;
}

gboolean
tn_workspace_rewind_run (TnWorkspace *self, gint64 run, gint64 first_step, GError **error)
{
  g_autoptr (GArray) series = g_array_new (FALSE, FALSE, sizeof (gint64));
  gboolean success;

  if (!tn_database_begin (self->writer, error))
    return FALSE;
  success = list_stepped (self->writer, run, series, error);
  for (guint i = 0; success && i < series->len; i++)
    success = rewind_series (self->writer, g_array_index (series, gint64, i), first_step, error);
  return tn_database_end (self->writer, success, error);
}
