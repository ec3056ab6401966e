/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib/gstdio.h>

#include "data/workspace/workspace.h"

/* A folder of its own, and the path of a workspace in it that is not there yet. */
typedef struct
{
  char *folder;
  char *path;
} Fixture;

static inline void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

static inline void
fixture_set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("ternion-workspace-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->folder, "workspace.db", NULL);
}

static inline void
fixture_tear_down (Fixture *fixture, gconstpointer data)
{
  remove_folder (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static inline TnWorkspace *
open_workspace (const char *path)
{
  g_autoptr (GError) error = NULL;
  TnWorkspace *workspace = tn_workspace_open (path, &error);

  g_assert_no_error (error);
  g_assert_nonnull (workspace);
  return workspace;
}
