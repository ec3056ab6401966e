/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/mapped-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "engine/error.h"

struct _TnMappedFile
{
  gatomicrefcount ref_count;
  char *path;
  guint8 *data;
  gsize size;
};

static void
set_system_error (GError **error, const char *path, int code)
{
  g_set_error (error, TN_ERROR, code == ENOENT || code == ENOTDIR ? TN_ERROR_NOT_FOUND : TN_ERROR_IO, _ ("%s: %s"), path,
               g_strerror (code));
}

TnMappedFile *
tn_mapped_file_open (const char *path, GError **error)
{
  TnMappedFile *self;
  struct stat info;
  guint8 *data = NULL;
  int file;

  /* Opening a named pipe would wait for its other end. */
  file = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (file < 0)
    {
      set_system_error (error, path, errno);
      return NULL;
    }
  if (fstat (file, &info) != 0)
    {
      set_system_error (error, path, errno);
      close (file);
      return NULL;
    }
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO,
                   S_ISDIR (info.st_mode) ? _ ("%s: is a directory, expected a file")
                                          : _ ("%s: is a device, pipe or socket, expected a regular file"),
                   path);
      close (file);
      return NULL;
    }
  if (info.st_size > 0)
    {
      data = mmap (NULL, (gsize) info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
      if (data == MAP_FAILED)
        {
          set_system_error (error, path, errno);
          close (file);
          return NULL;
        }
    }
  close (file);

  self = g_new0 (TnMappedFile, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->path = g_strdup (path);
  self->data = data;
  self->size = (gsize) info.st_size;
  return self;
}

TnMappedFile *
tn_mapped_file_ref (TnMappedFile *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_mapped_file_unref (TnMappedFile *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  if (self->data != NULL)
    munmap (self->data, self->size);
  g_free (self->path);
  g_free (self);
}

const guint8 *
tn_mapped_file_get_data (TnMappedFile *self)
{
  return self->data;
}

gsize
tn_mapped_file_get_size (TnMappedFile *self)
{
  return self->size;
}

const char *
tn_mapped_file_get_path (TnMappedFile *self)
{
  return self->path;
}

void
tn_mapped_file_release (TnMappedFile *self, const void *start, gsize bytes)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  gsize offset = (gsize) ((const guint8 *) start - self->data);
  gsize first, last;

  g_return_if_fail (self->data != NULL && offset <= self->size && bytes <= self->size - offset);

  first = (offset + page - 1) / page * page;
  /* The end of the file lies inside its last page, which nothing else shares. */
  last = offset + bytes == self->size ? self->size : (offset + bytes) / page * page;
  if (first < last)
    madvise (self->data + first, last - first, MADV_DONTNEED);
}
