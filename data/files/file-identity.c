/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/file-identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>

#include "engine/error.h"
#include "engine/hash.h"

#define WHOLE_BYTES ((guint64) 64 << 20)
#define BLOCK_BYTES ((guint64) 64 << 10)
/* Of what is not read whole: a page costs the disk what a place costs, and no more. */
#define SPREAD_BYTES ((guint64) 4 << 10)
#define N_SPREAD 1024

static gboolean
fail (const char *path, int code, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be read: %s"), path, g_strerror (code));
  return FALSE;
}

static gboolean
hash_block (int file, const char *path, guint64 offset, gsize bytes, guint8 *buffer, guint64 *hash, GError **error)
{
  gsize done = 0;

  while (done < bytes)
    {
      gssize n = pread (file, buffer + done, bytes - done, (off_t) (offset + done));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return fail (path, errno, error);
      if (n == 0)
        break;
      done += (gsize) n;
    }
  *hash = tn_hash_combine (*hash, tn_hash_bytes (buffer, done, 0));
  return TRUE;
}

static gboolean
hash_whole (int file, const char *path, guint8 *buffer, TnFileIdentity *identity, GError **error)
{
  for (guint64 offset = 0; offset < identity->bytes; offset += BLOCK_BYTES)
    if (!hash_block (file, path, offset, (gsize) MIN (BLOCK_BYTES, identity->bytes - offset), buffer, &identity->hash, error))
      return FALSE;
  return TRUE;
}

static guint64
spread_offset (guint64 i, guint64 bytes)
{
  guint64 n = (bytes + SPREAD_BYTES - 1) / SPREAD_BYTES;

  return (guint64) ((unsigned __int128) i * (n - 1) / (N_SPREAD - 1)) * SPREAD_BYTES;
}

static gboolean
hash_spread (int file, const char *path, guint8 *buffer, TnFileIdentity *identity, GError **error)
{
  /* Scattered over the disk, blocks come sooner when it knows of all of them than one after the other, and no neighbours are wanted. */
  posix_fadvise (file, 0, 0, POSIX_FADV_RANDOM);
  for (guint64 i = 0; i < N_SPREAD; i++)
    posix_fadvise (file, (off_t) spread_offset (i, identity->bytes), (off_t) SPREAD_BYTES, POSIX_FADV_WILLNEED);
  for (guint64 i = 0; i < N_SPREAD; i++)
    {
      guint64 offset = spread_offset (i, identity->bytes);

      if (!hash_block (file, path, offset, (gsize) MIN (SPREAD_BYTES, identity->bytes - offset), buffer, &identity->hash, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
hash_file (int file, const char *path, const struct stat *info, TnFileIdentity *identity, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (BLOCK_BYTES);

  if (identity->bytes <= WHOLE_BYTES)
    return hash_whole (file, path, buffer, identity, error);
  if (!hash_spread (file, path, buffer, identity, error))
    return FALSE;
  identity->hash = tn_hash_combine (identity->hash, (guint64) info->st_mtim.tv_sec * 1000000000 + (guint64) info->st_mtim.tv_nsec);
  return TRUE;
}

gboolean
tn_file_identify (const char *path, TnFileIdentity *identity, GError **error)
{
  int file;
  struct stat info;
  gboolean success;

  *identity = (TnFileIdentity){0};
  /* Opening a pipe would wait for its writer. */
  if (stat (path, &info) != 0)
    return fail (path, errno, error);
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: not a file that can be read twice"), path);
      return FALSE;
    }
  file = open (path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail (path, errno, error);
  if (fstat (file, &info) != 0)
    success = fail (path, errno, error);
  else
    {
      identity->bytes = (guint64) info.st_size;
      success = hash_file (file, path, &info, identity, error);
    }
  close (file);
  return success;
}
