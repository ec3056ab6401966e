/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/byte-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/error.h"

#define PACKED_BYTES ((gsize) 256 << 10)
#define GZIP_MAGIC "\x1f\x8b"
/* What was read leaves the page cache in steps of this many bytes, of files larger than this part of the machine's memory. */
#define FORGET_STEP ((guint64) 32 << 20)
#define LARGE_FILE_FRACTION 4
/* Who has read this much in a row goes on so: the disk is told what comes next, so that it does not wait while bytes are worked on. The
 * system itself looks a few hundred kilobytes ahead. */
#define AHEAD_BYTES ((guint64) 32 << 20)

struct _TnByteStream
{
  char *path;
  int fd;
  gboolean pipe; /* standard input: no size, no second reading */
  gboolean large;
  guint64 file_place; /* bytes read from fd */
  guint64 forgotten;  /* bytes that left the page cache */
  guint64 begin;      /* of what is read of the file */
  guint64 advised;    /* up to here, the disk was told */
  guint64 end;        /* of what is read of the file */
  guint64 given;
  GConverter *unpacker; /* of gzip; else NULL */
  guint8 *packed;
  gsize packed_first, packed_end;
  gboolean packed_ended;
  gboolean raw;         /* no gzip, but one deflated stream */
  gboolean member_open; /* inside a member of the gzip file */
  char *head;           /* bytes that were peeked at or read to tell the kind */
  gsize head_first, head_end;
};

const char *
tn_byte_stream_describe (const char *path)
{
  return strcmp (path, TN_STANDARD_INPUT) == 0 ? _ ("standard input") : path;
}

static void
set_io_error (const TnByteStream *self, int code, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: reading at byte %" PRIu64 " failed: %s"),
               tn_byte_stream_describe (self->path), self->file_place, g_strerror (code));
}

static gboolean
is_large (guint64 bytes)
{
  long pages = sysconf (_SC_PHYS_PAGES), page = sysconf (_SC_PAGESIZE);

  return pages > 0 && page > 0 && bytes > (guint64) pages * (guint64) page / LARGE_FILE_FRACTION;
}

static void
advise (TnByteStream *self)
{
  guint64 to = MIN (self->file_place + AHEAD_BYTES, self->end);

  if (self->pipe || self->file_place - self->begin < AHEAD_BYTES)
    return;
  self->advised = MAX (self->advised, self->file_place);
  if (to < self->advised + AHEAD_BYTES / 4)
    return;
  posix_fadvise (self->fd, (off_t) self->advised, (off_t) (to - self->advised), POSIX_FADV_WILLNEED);
  self->advised = to;
}

static gboolean
read_file (TnByteStream *self, void *out, gsize bytes, gsize *got, GError **error)
{
  ssize_t n;

  do
    n = read (self->fd, out, (gsize) MIN ((guint64) MIN (bytes, (gsize) 1 << 30), self->end - self->file_place));
  while (n < 0 && errno == EINTR);
  if (n < 0)
    {
      set_io_error (self, errno, error);
      return FALSE;
    }
  *got = (gsize) n;
  self->file_place += (guint64) n;
  advise (self);
  if (self->large && self->file_place - self->forgotten >= FORGET_STEP)
    {
      posix_fadvise (self->fd, (off_t) self->forgotten, (off_t) (self->file_place - self->forgotten), POSIX_FADV_DONTNEED);
      self->forgotten = self->file_place;
    }
  return TRUE;
}

static gboolean
fill_head (TnByteStream *self, gsize bytes, GError **error)
{
  if (self->head == NULL)
    self->head = g_malloc (TN_BYTE_STREAM_MOST_PEEKED);
  while (self->head_end < bytes)
    {
      gsize got;

      if (!read_file (self, self->head + self->head_end, bytes - self->head_end, &got, error))
        return FALSE;
      if (got == 0)
        break;
      self->head_end += got;
    }
  return TRUE;
}

static TnByteStream *
open_file (const char *path, GError **error)
{
  g_autoptr (TnByteStream) self = g_new0 (TnByteStream, 1);
  struct stat info;

  self->path = g_strdup (path);
  self->pipe = strcmp (path, TN_STANDARD_INPUT) == 0;
  self->end = G_MAXUINT64;
  self->fd = self->pipe ? dup (STDIN_FILENO) : open (path, O_RDONLY | O_CLOEXEC);
  if (self->fd < 0)
    {
      g_set_error (error, TN_ERROR, errno == ENOENT ? TN_ERROR_NOT_FOUND : TN_ERROR_IO, _ ("%s: cannot be read: %s"),
                   tn_byte_stream_describe (path), g_strerror (errno));
      return NULL;
    }
  if (!self->pipe && (fstat (self->fd, &info) != 0 || !S_ISREG (info.st_mode)))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: is no ordinary file"), path);
      return NULL;
    }
  self->large = !self->pipe && is_large ((guint64) info.st_size);
  posix_fadvise (self->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return g_steal_pointer (&self);
}

static void
start_unpacking (TnByteStream *self, GZlibCompressorFormat format)
{
  self->unpacker = G_CONVERTER (g_zlib_decompressor_new (format));
  self->packed = g_malloc (PACKED_BYTES);
  self->raw = format == G_ZLIB_COMPRESSOR_FORMAT_RAW;
  self->member_open = TRUE;
}

TnByteStream *
tn_byte_stream_open (const char *path, GError **error)
{
  g_autoptr (TnByteStream) self = open_file (path, error);

  if (self == NULL || !fill_head (self, 2, error))
    return NULL;
  if (self->head_end == 2 && memcmp (self->head, GZIP_MAGIC, 2) == 0)
    {
      start_unpacking (self, G_ZLIB_COMPRESSOR_FORMAT_GZIP);
      memcpy (self->packed, self->head, self->head_end);
      self->packed_end = self->head_end;
      self->head_end = 0;
    }
  return g_steal_pointer (&self);
}

TnByteStream *
tn_byte_stream_open_range (const char *path, guint64 offset, guint64 bytes, gboolean deflated, GError **error)
{
  g_autoptr (TnByteStream) self = open_file (path, error);

  if (self == NULL)
    return NULL;
  if (lseek (self->fd, (off_t) offset, SEEK_SET) < 0)
    {
      set_io_error (self, errno, error);
      return NULL;
    }
  self->file_place = self->forgotten = self->begin = offset;
  self->end = offset + bytes;
  self->head = g_malloc (TN_BYTE_STREAM_MOST_PEEKED);
  if (deflated)
    start_unpacking (self, G_ZLIB_COMPRESSOR_FORMAT_RAW);
  return g_steal_pointer (&self);
}

void
tn_byte_stream_free (TnByteStream *self)
{
  if (self == NULL)
    return;
  if (self->fd >= 0)
    close (self->fd);
  g_clear_object (&self->unpacker);
  g_free (self->packed);
  g_free (self->head);
  g_free (self->path);
  g_free (self);
}

static gboolean
refill_packed (TnByteStream *self, GError **error)
{
  gsize got;

  memmove (self->packed, self->packed + self->packed_first, self->packed_end - self->packed_first);
  self->packed_end -= self->packed_first;
  self->packed_first = 0;
  if (self->packed_ended || self->packed_end == PACKED_BYTES)
    return TRUE;
  if (!read_file (self, self->packed + self->packed_end, PACKED_BYTES - self->packed_end, &got, error))
    return FALSE;
  self->packed_end += got;
  self->packed_ended = got == 0;
  return TRUE;
}

static gboolean
set_damaged (const TnByteStream *self, const char *why, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the packed data before byte %" PRIu64 " are damaged: %s"),
               tn_byte_stream_describe (self->path), self->file_place - (self->packed_end - self->packed_first), why);
  return FALSE;
}

/* Zeros behind the last member are padding, as gzip itself takes them. */
static gboolean
skip_padding (TnByteStream *self)
{
  while (self->packed_first < self->packed_end && self->packed[self->packed_first] == 0)
    self->packed_first++;
  return self->packed_first == self->packed_end;
}

static gboolean
unpack (TnByteStream *self, void *out, gsize bytes, gsize *got, GError **error)
{
  *got = 0;
  while (TRUE)
    {
      g_autoptr (GError) local = NULL;
      gsize taken = 0, made = 0;
      GConverterResult result;

      if (!self->member_open)
        {
          if (self->raw)
            return TRUE;
          if (!refill_packed (self, error))
            return FALSE;
          if (skip_padding (self))
            {
              if (self->packed_ended)
                return TRUE;
              continue;
            }
          g_converter_reset (self->unpacker);
          self->member_open = TRUE;
        }
      if (self->packed_end - self->packed_first < PACKED_BYTES / 2 && !self->packed_ended && !refill_packed (self, error))
        return FALSE;
      result = g_converter_convert (self->unpacker, self->packed + self->packed_first, self->packed_end - self->packed_first, out,
                                    bytes, self->packed_ended ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS, &taken, &made,
                                    &local);
      if (result == G_CONVERTER_ERROR)
        {
          if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT) && !self->packed_ended)
            {
              if (!refill_packed (self, error))
                return FALSE;
              continue;
            }
          return set_damaged (self, local->message, error);
        }
      self->packed_first += taken;
      self->member_open = result != G_CONVERTER_FINISHED;
      *got = made;
      if (made > 0)
        return TRUE;
      if (self->member_open && taken == 0 && self->packed_ended)
        return set_damaged (self, _ ("the file ends inside them"), error);
    }
}

static gboolean
read_source (TnByteStream *self, void *out, gsize bytes, gsize *got, GError **error)
{
  return self->unpacker != NULL ? unpack (self, out, bytes, got, error) : read_file (self, out, bytes, got, error);
}

gboolean
tn_byte_stream_read (TnByteStream *self, void *out, gsize bytes, gsize *got, GError **error)
{
  gsize waiting = self->head_end - self->head_first;

  *got = 0;
  if (bytes == 0)
    return TRUE;
  if (waiting > 0)
    {
      *got = MIN (bytes, waiting);
      memcpy (out, self->head + self->head_first, *got);
      self->head_first += *got;
    }
  else if (!read_source (self, out, bytes, got, error))
    return FALSE;
  self->given += *got;
  return TRUE;
}

gboolean
tn_byte_stream_read_full (TnByteStream *self, void *out, gsize bytes, gsize *got, GError **error)
{
  gsize n;

  for (*got = 0; *got < bytes; *got += n)
    {
      if (!tn_byte_stream_read (self, (char *) out + *got, bytes - *got, &n, error))
        return FALSE;
      if (n == 0)
        break;
    }
  return TRUE;
}

gboolean
tn_byte_stream_read_at (TnByteStream *self, guint64 offset, void *out, gsize bytes, GError **error)
{
  g_return_val_if_fail (!tn_byte_stream_is_sequential (self), FALSE);

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
  if (self->large && bytes > 0)
    posix_fadvise (self->fd, (off_t) offset, (off_t) bytes, POSIX_FADV_DONTNEED);
  return TRUE;
}

gboolean
tn_byte_stream_peek (TnByteStream *self, gsize bytes, const char **data, gsize *got, GError **error)
{
  bytes = MIN (bytes, TN_BYTE_STREAM_MOST_PEEKED);
  if (self->head_first > 0)
    {
      memmove (self->head, self->head + self->head_first, self->head_end - self->head_first);
      self->head_end -= self->head_first;
      self->head_first = 0;
    }
  while (self->head_end < bytes)
    {
      gsize n;

      if (!read_source (self, self->head + self->head_end, bytes - self->head_end, &n, error))
        return FALSE;
      if (n == 0)
        break;
      self->head_end += n;
    }
  *data = self->head;
  *got = MIN (bytes, self->head_end);
  return TRUE;
}

guint64
tn_byte_stream_tell (TnByteStream *self)
{
  return self->given;
}

guint64
tn_byte_stream_tell_file (TnByteStream *self)
{
  return self->file_place;
}

const char *
tn_byte_stream_get_path (TnByteStream *self)
{
  return self->path;
}

gboolean
tn_byte_stream_is_sequential (TnByteStream *self)
{
  return self->pipe || self->unpacker != NULL;
}
