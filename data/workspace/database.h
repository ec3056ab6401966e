/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* One connection to one SQLite file, with its prepared statements and a lock that callers hold while they use it.
 * Every error names the file and tells locked, read-only, full, damaged and "not a workspace" apart. */
typedef struct
{
  char *path;
  sqlite3 *handle;
  GHashTable *statements; /* SQL text -> sqlite3_stmt, owned */
  GRecMutex lock;
  guint depth; /* of nested transactions */
} TnDatabase;

TnDatabase *tn_database_open (const char *path, GError **error);
/* The same of a file that is there, and stays as it is. */
TnDatabase *tn_database_open_read_only (const char *path, GError **error);
void tn_database_close (TnDatabase *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnDatabase, tn_database_close)

/* Fills error from an SQLite result code; always returns FALSE. */
gboolean tn_database_fail (TnDatabase *self, int code, GError **error);
/* Statements without results. */
gboolean tn_database_execute (TnDatabase *self, const char *sql, GError **error);
/* The first column of the first row as a number. */
gboolean tn_database_query (TnDatabase *self, const char *sql, gint64 *value, GError **error);
/* A statement ready to be bound, owned by the connection; sql must stay valid as long as the connection. */
sqlite3_stmt *tn_database_prepare (TnDatabase *self, const char *sql, GError **error);
/* TRUE with *row telling whether a row is there; on failure, and when no row is left, the statement is reset. */
gboolean tn_database_step (TnDatabase *self, sqlite3_stmt *statement, gboolean *row, GError **error);
/* Runs a statement to its end and resets it. */
gboolean tn_database_run (TnDatabase *self, sqlite3_stmt *statement, GError **error);
/* Lets go of a statement before its last row. */
void tn_database_reset (sqlite3_stmt *statement);

/* Transactions nest: only the outermost one touches the file. The lock is held from begin to end. */
gboolean tn_database_begin (TnDatabase *self, GError **error);
/* Commits when success, else rolls back; FALSE when the commit failed or success was FALSE. error is set only by a failed
 * commit. */
gboolean tn_database_end (TnDatabase *self, gboolean success, GError **error);

void tn_database_bind_text (sqlite3_stmt *statement, int index, const char *text);
/* Valid UTF-8 whatever the file holds; NULL for NULL. Free with g_free(). */
char *tn_database_dup_text (sqlite3_stmt *statement, int column);

G_END_DECLS
