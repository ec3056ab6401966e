/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/event-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/crc32c.h"
#include "engine/error.h"

#define BUFFER_BYTES 65536
#define MASK 0xa282ead8u
#define VERSION "brain.Event:2"

/* Fields of the messages, and how their values are written. */
typedef enum
{
  EVENT_WALL_TIME = 1,
  EVENT_STEP = 2,
  EVENT_FILE_VERSION = 3,
  EVENT_SUMMARY = 5,
  EVENT_SESSION_LOG = 7,
  SUMMARY_VALUE = 1,
  VALUE_TAG = 1,
  VALUE_SIMPLE = 2,
  SESSION_STATUS = 1,
} Field;

typedef enum
{
  WIRE_VARINT = 0,
  WIRE_64 = 1,
  WIRE_BYTES = 2,
  WIRE_32 = 5,
} Wire;

#define SESSION_START 1

struct _TnEventFile
{
  char *path;
  int file;
  guint64 size;       /* of what is whole in the file */
  GByteArray *buffer; /* whole records */
};

static void
put_varint (GByteArray *out, guint64 value)
{
  for (; value >= 0x80; value >>= 7)
    g_byte_array_append (out, (const guint8[]){(guint8) (value | 0x80)}, 1);
  g_byte_array_append (out, (const guint8[]){(guint8) value}, 1);
}

static void
put_key (GByteArray *out, Field field, Wire wire)
{
  put_varint (out, (guint64) field << 3 | wire);
}

static void
put_u32 (GByteArray *out, guint32 value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

static void
put_u64 (GByteArray *out, guint64 value)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

static void
put_bytes (GByteArray *out, Field field, const void *data, gsize bytes)
{
  put_key (out, field, WIRE_BYTES);
  put_varint (out, bytes);
  g_byte_array_append (out, data, (guint) bytes);
}

static guint32
masked_sum (const void *data, gsize bytes)
{
  guint32 sum = tn_crc32c (0, data, bytes);

  return (sum >> 15 | sum << 17) + MASK;
}

static void
put_record (GByteArray *out, const GByteArray *event)
{
  guint64 length = GUINT64_TO_LE (event->len);

  put_u64 (out, event->len);
  put_u32 (out, masked_sum (&length, sizeof length));
  g_byte_array_append (out, event->data, event->len);
  put_u32 (out, masked_sum (event->data, event->len));
}

/* Numbers that are 0 are left out, as proto3 does. */
static GByteArray *
begin_event (double wall_time, gint64 step)
{
  GByteArray *event = g_byte_array_new ();
  guint64 bits;

  memcpy (&bits, &wall_time, sizeof bits);
  put_key (event, EVENT_WALL_TIME, WIRE_64);
  put_u64 (event, bits);
  if (step != 0)
    {
      put_key (event, EVENT_STEP, WIRE_VARINT);
      put_varint (event, (guint64) step);
    }
  return event;
}

static gboolean
set_error (TnEventFile *self, int code, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be written: %s"), self->path, g_strerror (code));
  return FALSE;
}

static gboolean
write_all (TnEventFile *self, GError **error)
{
  const guint8 *data = self->buffer->data;
  gsize bytes = self->buffer->len;

  while (bytes > 0)
    {
      gssize n = write (self->file, data, bytes);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          int code = errno;

          if (ftruncate (self->file, (off_t) self->size) == 0)
            lseek (self->file, 0, SEEK_END);
          return set_error (self, code, error);
        }
      data += n;
      bytes -= (gsize) n;
    }
  self->size += self->buffer->len;
  return TRUE;
}

gboolean
tn_event_file_flush (TnEventFile *self, GError **error)
{
  gboolean written = write_all (self, error);

  g_byte_array_set_size (self->buffer, 0);
  return written;
}

static void
put_start (GByteArray *out, double wall_time, gint64 first_step)
{
  g_autoptr (GByteArray) start = begin_event (wall_time, first_step);

  put_bytes (start, EVENT_SESSION_LOG, (const guint8[]){SESSION_STATUS << 3 | WIRE_VARINT, SESSION_START}, 2);
  put_record (out, start);
}

static gboolean
open_new (TnEventFile *self, const char *folder, double wall_time, GError **error)
{
  for (guint number = 0; self->file < 0; number++)
    {
      g_autofree char *name = g_strdup_printf ("events.out.tfevents.%010" G_GINT64_FORMAT ".%s.%d.%u", (gint64) wall_time,
                                               g_get_host_name (), (int) getpid (), number);

      g_free (self->path);
      self->path = g_build_filename (folder, name, NULL);
      self->file = g_open (self->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (self->file < 0 && errno != EEXIST)
        return set_error (self, errno, error);
    }
  return TRUE;
}

TnEventFile *
tn_event_file_create (const char *folder, double wall_time, gint64 first_step, GError **error)
{
  g_autoptr (TnEventFile) self = g_new0 (TnEventFile, 1);
  g_autoptr (GByteArray) version = begin_event (wall_time, 0);

  self->file = -1;
  self->path = g_strdup (folder);
  self->buffer = g_byte_array_new ();
  if (g_mkdir_with_parents (folder, 0777) != 0)
    {
      set_error (self, errno, error);
      return NULL;
    }
  if (!open_new (self, folder, wall_time, error))
    return NULL;
  put_bytes (version, EVENT_FILE_VERSION, VERSION, strlen (VERSION));
  put_record (self->buffer, version);
  if (first_step > 0)
    put_start (self->buffer, wall_time, first_step);
  return tn_event_file_flush (self, error) ? g_steal_pointer (&self) : NULL;
}

void
tn_event_file_free (TnEventFile *self)
{
  if (self == NULL)
    return;
  if (self->file >= 0)
    {
      write_all (self, NULL);
      close (self->file);
    }
  g_byte_array_unref (self->buffer);
  g_free (self->path);
  g_free (self);
}

gboolean
tn_event_file_rewind (TnEventFile *self, gint64 first_step, double wall_time, GError **error)
{
  put_start (self->buffer, wall_time, first_step);
  return self->buffer->len < BUFFER_BYTES || tn_event_file_flush (self, error);
}

gboolean
tn_event_file_add_scalar (TnEventFile *self, const char *tag, gint64 step, double wall_time, double value, GError **error)
{
  g_autoptr (GByteArray) event = begin_event (wall_time, step), summary = g_byte_array_new (), content = g_byte_array_new ();
  float number = (float) value;
  guint32 bits;

  memcpy (&bits, &number, sizeof bits);
  put_bytes (content, VALUE_TAG, tag, strlen (tag));
  put_key (content, VALUE_SIMPLE, WIRE_32);
  put_u32 (content, bits);
  put_bytes (summary, SUMMARY_VALUE, content->data, content->len);
  put_bytes (event, EVENT_SUMMARY, summary->data, summary->len);
  put_record (self->buffer, event);
  return self->buffer->len < BUFFER_BYTES || tn_event_file_flush (self, error);
}

const char *
tn_event_file_get_path (TnEventFile *self)
{
  return self->path;
}
