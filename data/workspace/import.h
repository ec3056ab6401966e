/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/workspace/workspace.h"

G_BEGIN_DECLS

/* What became of a run of the other workspace. */
typedef enum
{
  TN_IMPORT_ADDED,    /* it was not here */
  TN_IMPORT_REPLACED, /* it went on there since it was brought here */
  TN_IMPORT_KEPT,     /* it is here already, as new or newer */
} TnImportOutcome;

typedef struct
{
  gint64          from, to; /* numbers of the run there and here */
  TnImportOutcome outcome;
} TnImportedRun;

/* Brings runs of another workspace here: their rows, series, events and records of statistics; checkpoints and models stay where their paths say.
 * A run is known by its identity, so that what was brought once is not there twice. One that still runs there counts as lost here, until it is brought
 * again. All of them, or none. path is only read, and may be of an older version. runs: their numbers (gint64); NULL: all.
 * TnImportedRun in the order of their numbers; free with g_array_unref(). TN_ERROR_FORMAT: no workspace, or damaged; TN_ERROR_MISMATCH: of a newer version;
 * TN_ERROR_NOT_FOUND: no such file, or run; TN_ERROR_ARGUMENT: it is this workspace; TN_ERROR_IO, TN_ERROR_BUSY. Each names the file. */
GArray *tn_workspace_import (TnWorkspace *self, const char *path, const GArray *runs, GError **error);

G_END_DECLS
