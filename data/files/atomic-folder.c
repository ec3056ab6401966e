/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* renameat2 */
#include "data/files/atomic-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "data/files/stale-files.h"
#include "engine/error.h"

struct _TnAtomicFolder
{
  char *path; /* as given, for messages */
  char *target;
  char *temporary; /* NULL when it is in place */
  int lock;        /* the temporary one, held open */
  char **names;
  gboolean exists;
};

static void
set_system_error (const TnAtomicFolder *self, int code, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be written: %s"), self->path, g_strerror (code));
}

/* Its parent is another file system, into which nothing can be renamed. */
static gboolean
is_mount_point (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  struct stat inner, outer;

  return stat (path, &inner) == 0 && stat (parent, &outer) == 0 && inner.st_dev != outer.st_dev;
}

/* An empty folder, or one that was made here before. */
static gboolean
check_replaceable (TnAtomicFolder *self, GError **error)
{
  g_autoptr (GDir) folder = NULL;
  const char *name;

  self->exists = g_file_test (self->target, G_FILE_TEST_EXISTS);
  if (!self->exists)
    return TRUE;
  if (!g_file_test (self->target, G_FILE_TEST_IS_DIR) || (folder = g_dir_open (self->target, 0, NULL)) == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: not a folder that can be read"), self->path);
      return FALSE;
    }
  if (is_mount_point (self->target))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO,
                   _ ("%s: a file system is mounted there, which cannot be replaced; give a folder inside it"), self->path);
      return FALSE;
    }
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->target, name, NULL);

      if (g_strv_contains ((const char *const *) self->names, name) && g_file_test (path, G_FILE_TEST_IS_REGULAR))
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_IO,
                   _ ("%s: the folder is there and holds %s, which would be lost; give another one"), self->path, name);
      return FALSE;
    }
  return TRUE;
}

static void
release (TnAtomicFolder *self)
{
  if (self->lock >= 0)
    close (self->lock);
  self->lock = -1;
}

static gboolean
create_temporary (TnAtomicFolder *self, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (self->target);
  g_autofree char *name = g_strdup_printf (".ternion-%d-XXXXXX.tmp", (int) getpid ());

  tn_stale_files_sweep (parent);
  do
    {
      release (self);
      g_free (self->temporary);
      self->temporary = g_build_filename (parent, name, NULL);
      if (g_mkdtemp_full (self->temporary, 0777) == NULL)
        {
          set_system_error (self, errno, error);
          g_clear_pointer (&self->temporary, g_free);
          return FALSE;
        }
      self->lock = g_open (self->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    }
  while (!tn_stale_files_claim (self->lock));
  return TRUE;
}

TnAtomicFolder *
tn_atomic_folder_create (const char *path, const char *const *names, GError **error)
{
  g_autoptr (TnAtomicFolder) self = g_new0 (TnAtomicFolder, 1);
  g_autofree char *resolved = realpath (path, NULL), *plain = g_canonicalize_filename (path, NULL);

  self->lock = -1;
  self->path = g_strdup (path);
  self->names = g_strdupv ((char **) names);
  /* The folder behind a symbolic link is replaced, not the link. */
  self->target = g_strdup (resolved != NULL ? resolved : plain);
  if (!check_replaceable (self, error) || !create_temporary (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

const char *
tn_atomic_folder_get_path (TnAtomicFolder *self)
{
  return self->temporary;
}

/* Only what is known to be ours: whatever else lies there stays, and the folder with it. */
static void
remove_folder (const char *path, char **names)
{
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *file = g_build_filename (path, *name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

static void
sync_folder (const char *path)
{
  int file = g_open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

  if (file < 0)
    return;
  fsync (file);
  close (file);
}

/* For file systems that cannot exchange. The old one stands aside until the new one is in its place. */
static gboolean
exchange_in_steps (const TnAtomicFolder *self)
{
  g_autofree char *aside = g_strconcat (self->temporary, ".old", NULL);
  int code;

  if (g_rename (self->target, aside) != 0)
    return FALSE;
  if (g_rename (self->temporary, self->target) == 0)
    {
      remove_folder (aside, self->names);
      return TRUE;
    }
  code = errno;
  g_rename (aside, self->target);
  errno = code;
  return FALSE;
}

static gboolean
put_in_place (const TnAtomicFolder *self)
{
  if (!self->exists)
    return g_rename (self->temporary, self->target) == 0;
  if (renameat2 (AT_FDCWD, self->temporary, AT_FDCWD, self->target, RENAME_EXCHANGE) != 0)
    return exchange_in_steps (self);
  remove_folder (self->temporary, self->names);
  return TRUE;
}

gboolean
tn_atomic_folder_commit (TnAtomicFolder *self, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (self->target);

  sync_folder (self->temporary);
  if (!put_in_place (self))
    {
      set_system_error (self, errno, error);
      return FALSE;
    }
  g_clear_pointer (&self->temporary, g_free);
  sync_folder (parent);
  return TRUE;
}

void
tn_atomic_folder_free (TnAtomicFolder *self)
{
  if (self == NULL)
    return;
  if (self->temporary != NULL)
    remove_folder (self->temporary, self->names);
  release (self);
  g_strfreev (self->names);
  g_free (self->temporary);
  g_free (self->target);
  g_free (self->path);
  g_free (self);
}
