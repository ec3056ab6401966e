/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/npz-writer.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/error.h"

/* ZIP (APPNOTE 6.3.9): 4.3.7 local file header, 4.3.12 central directory, 4.3.16 its end. */
#define LOCAL_SIGNATURE 0x04034b50U
#define CENTRAL_SIGNATURE 0x02014b50U
#define END_SIGNATURE 0x06054b50U
#define VERSION_NEEDED 20
#define FLAG_UTF8 0x800U
/* 1980-01-01, the first day it knows. */
#define FIRST_DATE 0x21U
/* The whole header of an array, a multiple of this. */
#define NPY_ALIGNMENT 64

typedef struct
{
  char *name; /* in the archive */
  GByteArray *header;
  void *data;
  gsize bytes;
  guint32 crc;
  guint64 offset;
} Entry;

struct _TnNpzWriter
{
  GPtrArray *entries;
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->name);
  g_byte_array_unref (entry->header);
  g_free (entry->data);
  g_free (entry);
}

TnNpzWriter *
tn_npz_writer_new (void)
{
  TnNpzWriter *self = g_new0 (TnNpzWriter, 1);

  self->entries = g_ptr_array_new_with_free_func (entry_free);
  return self;
}

void
tn_npz_writer_free (TnNpzWriter *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->entries);
  g_free (self);
}

/* CRC-32 of ZIP (polynomial 0x04c11db7, reflected). */
static guint32
crc32 (guint32 crc, const guint8 *data, gsize bytes)
{
  static guint32 table[256];
  static gsize made;

  if (g_once_init_enter (&made))
    {
      for (guint32 i = 0; i < 256; i++)
        {
          guint32 value = i;

          for (guint bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xedb88320U : 0);
          table[i] = value;
        }
      g_once_init_leave (&made, 1);
    }
  crc = ~crc;
  for (gsize i = 0; i < bytes; i++)
    crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
  return ~crc;
}

static GByteArray *
make_npy_header (const char *descr, guint n_dims, const guint64 *shape)
{
  static const guint8 magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  GByteArray *header = g_byte_array_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  gsize fixed = sizeof magic + 2;
  guint16 length;

  g_string_append_printf (text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (text, "%s%" PRIu64, i > 0 ? ", " : "", shape[i]);
  g_string_append (text, n_dims == 1 ? ",), }" : "), }");
  while ((fixed + text->len + 1) % NPY_ALIGNMENT != 0)
    g_string_append_c (text, ' ');
  g_string_append_c (text, '\n');
  length = GUINT16_TO_LE ((guint16) text->len);
  g_byte_array_append (header, magic, sizeof magic);
  g_byte_array_append (header, (const guint8 *) &length, sizeof length);
  g_byte_array_append (header, (const guint8 *) text->str, (guint) text->len);
  return header;
}

void
tn_npz_writer_take (TnNpzWriter *self, const char *name, const char *descr, gsize item_bytes, guint n_dims, const guint64 *shape,
                    void *data)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->name = g_strconcat (name, ".npy", NULL);
  entry->header = make_npy_header (descr, n_dims, shape);
  entry->data = data;
  entry->bytes = item_bytes;
  for (guint i = 0; i < n_dims; i++)
    entry->bytes *= shape[i];
  entry->crc = crc32 (crc32 (0, entry->header->data, entry->header->len), entry->data, entry->bytes);
  g_ptr_array_add (self->entries, entry);
}

static void
put16 (GByteArray *out, guint value)
{
  guint16 little = GUINT16_TO_LE ((guint16) value);

  g_byte_array_append (out, (const guint8 *) &little, sizeof little);
}

static void
put32 (GByteArray *out, guint64 value)
{
  guint32 little = GUINT32_TO_LE ((guint32) value);

  g_byte_array_append (out, (const guint8 *) &little, sizeof little);
}

/* What both headers of a file say of it. */
static void
put_common (GByteArray *out, const Entry *entry)
{
  guint64 bytes = entry->header->len + (guint64) entry->bytes;

  put16 (out, VERSION_NEEDED);
  put16 (out, FLAG_UTF8);
  put16 (out, 0); /* stored */
  put16 (out, 0); /* time */
  put16 (out, FIRST_DATE);
  put32 (out, entry->crc);
  put32 (out, bytes);
  put32 (out, bytes);
  put16 (out, (guint) strlen (entry->name));
  put16 (out, 0); /* extra field */
}

static gboolean
write_entry (TnAtomicFile *file, Entry *entry, GError **error)
{
  g_autoptr (GByteArray) local = g_byte_array_new ();

  entry->offset = tn_atomic_file_tell (file);
  put32 (local, LOCAL_SIGNATURE);
  put_common (local, entry);
  g_byte_array_append (local, (const guint8 *) entry->name, (guint) strlen (entry->name));
  return tn_atomic_file_write (file, local->data, local->len, error) &&
         tn_atomic_file_write (file, entry->header->data, entry->header->len, error) &&
         tn_atomic_file_write (file, entry->data, entry->bytes, error);
}

static gboolean
write_directory (TnNpzWriter *self, TnAtomicFile *file, GError **error)
{
  g_autoptr (GByteArray) directory = g_byte_array_new ();
  guint64 start = tn_atomic_file_tell (file);
  guint bytes;

  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);

      put32 (directory, CENTRAL_SIGNATURE);
      put16 (directory, VERSION_NEEDED);
      put_common (directory, entry);
      put16 (directory, 0); /* comment */
      put16 (directory, 0); /* disk */
      put16 (directory, 0); /* attributes of two kinds */
      put32 (directory, 0);
      put32 (directory, entry->offset);
      g_byte_array_append (directory, (const guint8 *) entry->name, (guint) strlen (entry->name));
    }
  bytes = directory->len;
  put32 (directory, END_SIGNATURE);
  put16 (directory, 0);
  put16 (directory, 0);
  put16 (directory, self->entries->len);
  put16 (directory, self->entries->len);
  put32 (directory, bytes);
  put32 (directory, start);
  put16 (directory, 0);
  return tn_atomic_file_write (file, directory->data, directory->len, error);
}

static gboolean
check_size (const TnNpzWriter *self, const char *path, GError **error)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);

      /* Both headers hold the name. */
      bytes += entry->header->len + (guint64) entry->bytes + 2 * strlen (entry->name) + 128;
    }
  if (bytes < G_MAXUINT32 && self->entries->len < G_MAXUINT16)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: %u arrays of %" PRIu64 " bytes; npz files hold less than 4 GiB and 65,535 arrays"),
               path, self->entries->len, bytes);
  return FALSE;
}

gboolean
tn_npz_writer_write (TnNpzWriter *self, const char *path, guint64 *bytes_written, GError **error)
{
  g_autoptr (TnAtomicFile) file = check_size (self, path, error) ? tn_atomic_file_create (path, error) : NULL;

  if (file == NULL)
    return FALSE;
  for (guint i = 0; i < self->entries->len; i++)
    if (!write_entry (file, g_ptr_array_index (self->entries, i), error))
      return FALSE;
  if (!write_directory (self, file, error))
    return FALSE;
  if (bytes_written != NULL)
    *bytes_written = tn_atomic_file_tell (file);
  return tn_atomic_file_commit (file, error);
}
