/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/mapped-file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
  gint lost; /* atomic: pages could not be read, zeros stand in their place */
};

/* Files that the handler of SIGBUS knows; one beyond these is read without its protection. Slots are atomic: the handler takes no lock. */
#define MAX_WATCHED 4096

static TnMappedFile *watched[MAX_WATCHED];

static TnMappedFile *
find_watched (const void *address)
{
  for (guint i = 0; i < MAX_WATCHED; i++)
    {
      TnMappedFile *self = g_atomic_pointer_get (&watched[i]);

      if (self != NULL && (const guint8 *) address >= self->data && (const guint8 *) address < self->data + self->size)
        return self;
    }
  return NULL;
}

/* A file that was cut, or whose disk failed, while it is mapped: zeros take the place of what cannot be read, so that the work can go on to
 * where it asks tn_mapped_file_check(). */
static void
on_bus_error (int number, siginfo_t *info, void *context)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  guint8 *first = (guint8 *) ((gsize) info->si_addr / page * page);
  TnMappedFile *self = find_watched (info->si_addr);
  int code = errno;

  if (self != NULL && mmap (first, (gsize) (self->data + self->size - first), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                          (void *) first)
    g_atomic_int_set (&self->lost, 1);
  else
    signal (SIGBUS, SIG_DFL);
  errno = code;
}

static void
watch (TnMappedFile *self)
{
  static gsize installed;

  if (g_once_init_enter (&installed))
    {
      struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_RESTART};

      sigemptyset (&action.sa_mask);
      sigaction (SIGBUS, &action, NULL);
      g_once_init_leave (&installed, 1);
    }
  for (guint i = 0; i < MAX_WATCHED; i++)
    if (g_atomic_pointer_compare_and_exchange (&watched[i], NULL, self))
      return;
}

static void
unwatch (TnMappedFile *self)
{
  for (guint i = 0; i < MAX_WATCHED; i++)
    if (g_atomic_pointer_compare_and_exchange (&watched[i], self, NULL))
      return;
}

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
  if (data != NULL)
    watch (self);
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
    {
      unwatch (self);
      munmap (self->data, self->size);
    }
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

gboolean
tn_mapped_file_check (const void *address, GError **error)
{
  TnMappedFile *self = find_watched (address);

  if (self == NULL || g_atomic_int_get (&self->lost) == 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: became shorter or could not be read while it was in use"), self->path);
  return FALSE;
}
