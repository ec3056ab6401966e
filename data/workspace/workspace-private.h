/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/workspace/database.h"
#include "data/workspace/workspace.h"

G_BEGIN_DECLS

/* Two connections: a reader never waits for a writer of the write-ahead log, so a page that reads is not held up by a job that
 * writes; and every commit, our own too, is a foreign one to the reader, which makes its data_version change. */
struct _TnWorkspace
{
  gatomicrefcount references;
  char *path;
  TnDatabase *writer;
  TnDatabase *reader;
  gint64 data_version; /* the last one read */
};

G_END_DECLS
