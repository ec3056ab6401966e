/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/atomic-file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "data/files/stale-files.h"
#include "engine/error.h"

#define BUFFER_BYTES (256 * 1024)

struct _TnAtomicFile
{
  char *path; /* as given, for messages */
  char *target;
  char *temporary;
  int file;
  gboolean failed;
  guint64 written; /* handed over, buffered or not */
  gsize buffered;
  guint8 buffer[BUFFER_BYTES];
};

static void
set_system_error (TnAtomicFile *self, int code, GError **error)
{
  self->failed = TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be written: %s"), self->path, g_strerror (code));
}

static gboolean
write_all (TnAtomicFile *self, const guint8 *data, gsize bytes, GError **error)
{
  while (bytes > 0)
    {
      gssize n = write (self->file, data, MIN (bytes, (gsize) 1 << 30));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          set_system_error (self, errno, error);
          return FALSE;
        }
      data += n;
      bytes -= (gsize) n;
    }
  return TRUE;
}

static gboolean
flush_buffer (TnAtomicFile *self, GError **error)
{
  gsize bytes = self->buffered;

  self->buffered = 0;
  return write_all (self, self->buffer, bytes, error);
}

static gboolean
check_usable (TnAtomicFile *self, GError **error)
{
  if (!self->failed)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: an earlier write failed"), self->path);
  return FALSE;
}

/* The file behind a symbolic link is replaced, not the link. */
static char *
resolve_target (const char *path)
{
  char *resolved = realpath (path, NULL);
  char *target = g_strdup (resolved != NULL ? resolved : path);

  free (resolved);
  return target;
}

static gboolean
create_temporary (TnAtomicFile *self, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (self->target);
  g_autofree char *name = g_strdup_printf (".ternion-%d-XXXXXX.tmp", (int) getpid ());

  tn_stale_files_sweep (folder);
  do
    {
      if (self->file >= 0)
        close (self->file);
      g_free (self->temporary);
      self->temporary = g_build_filename (folder, name, NULL);
      self->file = g_mkstemp_full (self->temporary, O_RDWR | O_CLOEXEC, 0666);
      if (self->file < 0)
        {
          g_clear_pointer (&self->temporary, g_free);
          set_system_error (self, errno, error);
          return FALSE;
        }
    }
  while (!tn_stale_files_claim (self->file));
  return TRUE;
}

TnAtomicFile *
tn_atomic_file_create (const char *path, GError **error)
{
  g_autoptr (TnAtomicFile) self = g_new0 (TnAtomicFile, 1);
  struct stat info;
  gboolean exists;

  self->file = -1;
  self->path = g_strdup (path);
  self->target = resolve_target (path);
  exists = stat (self->target, &info) == 0;
  if (path[0] == '\0' || g_str_has_suffix (path, "/") || (exists && !S_ISREG (info.st_mode)))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: not a regular file, cannot be replaced"), path);
      return NULL;
    }
  if (exists && access (self->target, W_OK) != 0)
    {
      set_system_error (self, errno, error);
      return NULL;
    }

  if (!create_temporary (self, error))
    return NULL;
  if (exists && fchmod (self->file, info.st_mode & 0777) != 0)
    {
      set_system_error (self, errno, error);
      return NULL;
    }
  return g_steal_pointer (&self);
}

gboolean
tn_atomic_file_write (TnAtomicFile *self, const void *data, gsize bytes, GError **error)
{
  if (!check_usable (self, error))
    return FALSE;
  self->written += bytes;
  if (bytes > BUFFER_BYTES - self->buffered && !flush_buffer (self, error))
    return FALSE;
  if (bytes >= BUFFER_BYTES)
    return write_all (self, data, bytes, error);
  if (bytes > 0)
    memcpy (self->buffer + self->buffered, data, bytes);
  self->buffered += bytes;
  return TRUE;
}

gboolean
tn_atomic_file_printf (TnAtomicFile *self, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return tn_atomic_file_write (self, text, strlen (text), error);
}

guint64
tn_atomic_file_tell (TnAtomicFile *self)
{
  return self->written;
}

gboolean
tn_atomic_file_overwrite (TnAtomicFile *self, guint64 offset, const void *data, gsize bytes, GError **error)
{
  const guint8 *next = data;

  g_return_val_if_fail (offset <= self->written && bytes <= self->written - offset, FALSE);

  if (!check_usable (self, error) || !flush_buffer (self, error))
    return FALSE;
  while (bytes > 0)
    {
      gssize n = pwrite (self->file, next, MIN (bytes, (gsize) 1 << 30), (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          set_system_error (self, errno, error);
          return FALSE;
        }
      next += n;
      offset += (guint64) n;
      bytes -= (gsize) n;
    }
  return TRUE;
}

const char *
tn_atomic_file_get_readable (TnAtomicFile *self, GError **error)
{
  return check_usable (self, error) && flush_buffer (self, error) ? self->temporary : NULL;
}

gboolean
tn_atomic_file_write_content (TnAtomicFile *self, TnFileContent content, gpointer user_data, guint64 bytes, GError **error)
{
  guint64 start = self->written;

  if (!content (self, user_data, error))
    {
      self->failed = TRUE;
      return FALSE;
    }
  if (self->written - start == bytes)
    return TRUE;
  self->failed = TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s: %" PRIu64 " bytes were announced and %" PRIu64 " came"), self->path, bytes,
               self->written - start);
  return FALSE;
}

/* A rename is safe from a crash once its folder is on disk too; file systems that cannot sync a folder say EINVAL. */
static void
sync_folder (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int file = g_open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

  if (file < 0)
    return;
  fsync (file);
  close (file);
}

gboolean
tn_atomic_file_commit (TnAtomicFile *self, GError **error)
{
  int file = self->file;

  if (!check_usable (self, error) || !flush_buffer (self, error))
    return FALSE;
  if (fsync (file) != 0)
    {
      set_system_error (self, errno, error);
      return FALSE;
    }
  /* Its lock is held until it has its name; what could fail to be written was found out by the sync. */
  if (g_rename (self->temporary, self->target) != 0)
    {
      set_system_error (self, errno, error);
      return FALSE;
    }
  self->file = -1;
  close (file);
  g_clear_pointer (&self->temporary, g_free);
  /* Nothing can be written to it any more. */
  self->failed = TRUE;
  sync_folder (self->target);
  return TRUE;
}

void
tn_atomic_file_free (TnAtomicFile *self)
{
  if (self == NULL)
    return;
  if (self->file >= 0)
    close (self->file);
  if (self->temporary != NULL)
    g_unlink (self->temporary);
  g_free (self->temporary);
  g_free (self->target);
  g_free (self->path);
  g_free (self);
}

gboolean
tn_atomic_file_set_contents (const char *path, const void *data, gsize bytes, GError **error)
{
  g_autoptr (TnAtomicFile) self = tn_atomic_file_create (path, error);

  return self != NULL && tn_atomic_file_write (self, data, bytes, error) && tn_atomic_file_commit (self, error);
}
