/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/stale-files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define PREFIX ".ternion-"
#define SUFFIX ".tmp"

static gboolean
parse_process (const char *name, gint64 *process)
{
  char *end;

  if (!g_str_has_prefix (name, PREFIX) || !g_str_has_suffix (name, SUFFIX))
    return FALSE;
  *process = g_ascii_strtoll (name + sizeof PREFIX - 1, &end, 10);
  return *process > 0 && *process <= G_MAXINT && *end == '-';
}

gboolean
tn_stale_files_claim (int file)
{
  struct stat info;

  /* Where locks are not to be had, nobody sweeps either. */
  flock (file, LOCK_EX | LOCK_NB);
  return fstat (file, &info) != 0 || info.st_nlink > 0;
}

/* Files alone lie in one; a folder with more in it stays. */
static void
remove_folder (const char *path)
{
  g_autoptr (GDir) entries = g_dir_open (path, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

static void
sweep_one (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  int file = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat info;

  if (file < 0)
    return;
  if (fstat (file, &info) == 0 && flock (file, LOCK_EX | LOCK_NB) == 0)
    {
      if (S_ISREG (info.st_mode))
        g_unlink (path);
      else if (S_ISDIR (info.st_mode))
        remove_folder (path);
    }
  close (file);
}

void
tn_stale_files_sweep (const char *folder)
{
  static GMutex lock;
  static GHashTable *swept;
  g_autoptr (GDir) entries = NULL;
  const char *name;
  gboolean first;

  g_mutex_lock (&lock);
  if (swept == NULL)
    swept = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  first = g_hash_table_add (swept, g_strdup (folder));
  g_mutex_unlock (&lock);
  if (!first || (entries = g_dir_open (folder, 0, NULL)) == NULL)
    return;
  while ((name = g_dir_read_name (entries)) != NULL)
    {
      gint64 process;

      /* One that runs is asked for as well: files of an earlier Ternion have no lock. */
      if (parse_process (name, &process) && kill ((pid_t) process, 0) != 0 && errno == ESRCH)
        sweep_one (folder, name);
    }
}
