/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/token-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/error.h"

#define HEADER_BYTES 1024
#define MAGIC_U16 20240520
#define MAGIC_U32 20240801
#define MAGIC_EVAL 20240522

struct _TnTokenFile
{
  char *path;
  int fd;
  guint item_bytes;
  guint64 offset; /* of the first token */
  guint64 count;
  guint64 bytes;
};

static gboolean
read_exactly (TnTokenFile *self, void *out, gsize bytes, guint64 offset, GError **error)
{
  for (gsize done = 0; done < bytes;)
    {
      ssize_t got = pread (self->fd, (char *) out + done, bytes - done, (off_t) (offset + done));

      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: reading at byte %" PRIu64 " failed: %s"), self->path, offset + done,
                       got < 0 ? g_strerror (errno) : _ ("the file has become shorter"));
          return FALSE;
        }
      done += (gsize) got;
    }
  return TRUE;
}

static gint32
header_word (const guint8 *header, guint index)
{
  gint32 word;

  memcpy (&word, header + 4 * index, 4);
  return GINT32_FROM_LE (word);
}

static gboolean
read_header (TnTokenFile *self, GError **error)
{
  guint8 header[HEADER_BYTES];
  gint32 magic = 0, version = 0;

  self->item_bytes = 2;
  if (self->bytes >= 8)
    {
      memset (header, 0, sizeof header);
      if (!read_exactly (self, header, (gsize) MIN (self->bytes, sizeof header), 0, error))
        return FALSE;
      magic = header_word (header, 0);
      version = header_word (header, 1);
      if ((magic == MAGIC_U16 && version == 1) || (magic == MAGIC_U32 && version == 7))
        {
          gint32 stated = header_word (header, 2);

          self->item_bytes = magic == MAGIC_U16 ? 2 : 4;
          self->offset = HEADER_BYTES;
          self->count = (MAX (self->bytes, HEADER_BYTES) - HEADER_BYTES) / self->item_bytes;
          if (self->bytes >= HEADER_BYTES && stated >= 0 && (guint64) stated == self->count &&
              self->bytes == HEADER_BYTES + self->count * self->item_bytes)
            return TRUE;
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: the header states %d tokens of %u bytes, expected a file of %" PRId64 " bytes, found %" PRIu64),
                       self->path, stated, self->item_bytes, (gint64) HEADER_BYTES + (gint64) stated * self->item_bytes,
                       self->bytes);
          return FALSE;
        }
    }
  /* These four bytes would be ids above 55,000 and around 308: no tokens in practice. */
  if (self->bytes >= 8 && (magic == MAGIC_U16 || magic == MAGIC_U32 || magic == MAGIC_EVAL))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: a header of type %d, version %d is not supported, expected %d, 1 or %d, 7"), self->path, magic,
                   version, MAGIC_U16, MAGIC_U32);
      return FALSE;
    }
  if (self->bytes % 2 != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %" PRIu64 " bytes are no whole number of 16-bit tokens"), self->path,
                   self->bytes);
      return FALSE;
    }
  self->count = self->bytes / 2;
  return TRUE;
}

TnTokenFile *
tn_token_file_open (const char *path, GError **error)
{
  g_autoptr (TnTokenFile) self = NULL;
  struct stat info;
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    {
      g_set_error (error, TN_ERROR, errno == ENOENT ? TN_ERROR_NOT_FOUND : TN_ERROR_IO, _ ("%s: cannot be read: %s"), path,
                   g_strerror (errno));
      return NULL;
    }
  self = g_new0 (TnTokenFile, 1);
  self->path = g_strdup (path);
  self->fd = fd;
  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: is no ordinary file"), path);
      return NULL;
    }
  self->bytes = (guint64) info.st_size;
  if (self->bytes == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: is empty, expected tokens"), path);
      return NULL;
    }
  return read_header (self, error) ? g_steal_pointer (&self) : NULL;
}

void
tn_token_file_free (TnTokenFile *self)
{
  if (self == NULL)
    return;
  close (self->fd);
  g_free (self->path);
  g_free (self);
}

guint64
tn_token_file_count (TnTokenFile *self)
{
  return self->count;
}

guint64
tn_token_file_bytes (TnTokenFile *self)
{
  return self->bytes;
}

gboolean
tn_token_file_read (TnTokenFile *self, guint64 first, guint n, guint n_vocab, gint32 *out, GError **error)
{
  g_autofree guint8 *raw = g_malloc ((gsize) n * self->item_bytes);

  g_return_val_if_fail (first <= self->count && n <= self->count - first, FALSE);
  if (!read_exactly (self, raw, (gsize) n * self->item_bytes, self->offset + first * self->item_bytes, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      guint32 id = self->item_bytes == 2 ? (guint32) (raw[2 * i] | raw[2 * i + 1] << 8)
                                         : (guint32) raw[4 * i] | (guint32) raw[4 * i + 1] << 8 | (guint32) raw[4 * i + 2] << 16 |
                                               (guint32) raw[4 * i + 3] << 24;

      if (id >= n_vocab)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: token %" PRIu64 " is %u, the model's vocabulary has %u"),
                       self->path, first + i, id, n_vocab);
          return FALSE;
        }
      out[i] = (gint32) id;
    }
  return TRUE;
}
