/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/zip-directory.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/files/quote.h"
#include "engine/error.h"

#define LOCAL_BYTES 30
#define LOCAL_MAGIC 0x04034b50
#define ENTRY_BYTES 46
#define ENTRY_MAGIC 0x02014b50
#define END_BYTES 22
#define END_MAGIC 0x06054b50
#define LOCATOR_BYTES 20
#define LOCATOR_MAGIC 0x07064b50
#define END64_BYTES 56
#define END64_MAGIC 0x06064b50
#define EXTRA64 1
#define MOST_COMMENT_BYTES 65535
#define MOST_DIRECTORY_BYTES ((guint64) 256 << 20)
#define METHOD_STORED 0
#define METHOD_DEFLATED 8
#define FLAG_ENCRYPTED 1

static guint
get16 (const guint8 *p)
{
  return (guint) p[0] | (guint) p[1] << 8;
}

static guint32
get32 (const guint8 *p)
{
  return (guint32) get16 (p) | (guint32) get16 (p + 2) << 16;
}

static guint64
get64 (const guint8 *p)
{
  return (guint64) get32 (p) | (guint64) get32 (p + 4) << 32;
}

static gboolean
set_broken (TnByteStream *file, guint64 offset, const char *expected, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: zip directory at byte %" PRIu64 ": expected %s"),
               tn_byte_stream_get_path (file), offset, expected);
  return FALSE;
}

static void
member_clear (gpointer data)
{
  g_free (((TnZipMember *) data)->name);
}

/* Where the directory is. */
typedef struct
{
  guint64 offset, bytes, entries;
} Directory;

static gboolean
find_directory64 (TnByteStream *file, guint64 end, Directory *directory, GError **error)
{
  guint8 record[END64_BYTES];
  guint64 offset;

  if (end < LOCATOR_BYTES)
    return set_broken (file, 0, _ ("the place of the 64-bit end record"), error);
  if (!tn_byte_stream_read_at (file, end - LOCATOR_BYTES, record, LOCATOR_BYTES, error))
    return FALSE;
  offset = get64 (record + 8);
  if (get32 (record) != LOCATOR_MAGIC || offset > end - LOCATOR_BYTES || end - LOCATOR_BYTES - offset < END64_BYTES)
    return set_broken (file, end - LOCATOR_BYTES, _ ("the place of the 64-bit end record"), error);
  if (!tn_byte_stream_read_at (file, offset, record, END64_BYTES, error))
    return FALSE;
  if (get32 (record) != END64_MAGIC)
    return set_broken (file, offset, _ ("the 64-bit end record"), error);
  *directory = (Directory){.entries = get64 (record + 32), .bytes = get64 (record + 40), .offset = get64 (record + 48)};
  return TRUE;
}

static gboolean
find_directory (TnByteStream *file, guint64 file_bytes, Directory *directory, GError **error)
{
  guint64 tail_bytes = MIN (file_bytes, END_BYTES + MOST_COMMENT_BYTES);
  g_autofree guint8 *tail = g_malloc (tail_bytes + 1);

  if (!tn_byte_stream_read_at (file, file_bytes - tail_bytes, tail, tail_bytes, error))
    return FALSE;
  for (guint64 at = tail_bytes; at-- > 0;)
    {
      const guint8 *record = tail + at;
      guint64 end = file_bytes - tail_bytes + at;

      if (tail_bytes - at < END_BYTES || get32 (record) != END_MAGIC || get16 (record + 20) != tail_bytes - at - END_BYTES)
        continue;
      *directory = (Directory){.entries = get16 (record + 10), .bytes = get32 (record + 12), .offset = get32 (record + 16)};
      if ((directory->entries == 0xffff || directory->bytes == 0xffffffff || directory->offset == 0xffffffff) &&
          !find_directory64 (file, end, directory, error))
        return FALSE;
      if (directory->offset > end || directory->bytes > end - directory->offset || directory->bytes > MOST_DIRECTORY_BYTES)
        return set_broken (file, end, _ ("a directory that lies inside the file"), error);
      return TRUE;
    }
  return set_broken (file, file_bytes, _ ("an end record: the file is cut, or no zip file"), error);
}

/* Takes the next 64-bit number of the extra field in place of one that says 0xffffffff. */
static gboolean
widen (guint64 *value, const guint8 **extra, gsize *extra_bytes)
{
  if (*value != 0xffffffff)
    return TRUE;
  if (*extra_bytes < 8)
    return FALSE;
  *value = get64 (*extra);
  *extra += 8;
  *extra_bytes -= 8;
  return TRUE;
}

static gboolean
read_extra (const guint8 *extra, gsize bytes, TnZipMember *member, guint64 *local)
{
  const guint8 *wide = NULL;
  gsize wide_bytes = 0;

  while (bytes >= 4 && get16 (extra + 2) <= bytes - 4)
    {
      if (get16 (extra) == EXTRA64)
        {
          wide = extra + 4;
          wide_bytes = get16 (extra + 2);
          break;
        }
      bytes -= 4 + (gsize) get16 (extra + 2);
      extra += 4 + (gsize) get16 (extra + 2);
    }
  return widen (&member->bytes, &wide, &wide_bytes) && widen (&member->packed_bytes, &wide, &wide_bytes) &&
         widen (local, &wide, &wide_bytes);
}

static gboolean
find_content (TnByteStream *file, guint64 file_bytes, guint64 local, TnZipMember *member, GError **error)
{
  guint8 header[LOCAL_BYTES];

  if (local > file_bytes || file_bytes - local < LOCAL_BYTES)
    return set_broken (file, local, _ ("a member inside the file"), error);
  if (!tn_byte_stream_read_at (file, local, header, LOCAL_BYTES, error))
    return FALSE;
  member->offset = local + LOCAL_BYTES + get16 (header + 26) + get16 (header + 28);
  if (get32 (header) != LOCAL_MAGIC || member->offset > file_bytes || member->packed_bytes > file_bytes - member->offset)
    return set_broken (file, local, _ ("a member inside the file"), error);
  return TRUE;
}

static gboolean
read_entry (TnByteStream *file, guint64 file_bytes, const guint8 *entry, gsize left, gsize *taken, GArray *members,
            guint64 offset, GError **error)
{
  gsize name_bytes, extra_bytes;
  TnZipMember *member;
  guint method;
  guint64 local;

  if (left < ENTRY_BYTES || get32 (entry) != ENTRY_MAGIC)
    return set_broken (file, offset, _ ("an entry"), error);
  name_bytes = get16 (entry + 28);
  extra_bytes = get16 (entry + 30);
  *taken = ENTRY_BYTES + name_bytes + extra_bytes + get16 (entry + 32);
  if (*taken > left)
    return set_broken (file, offset, _ ("an entry inside the directory"), error);
  if (name_bytes > 0 && entry[ENTRY_BYTES + name_bytes - 1] == '/')
    return TRUE;
  g_array_set_size (members, members->len + 1);
  member = &g_array_index (members, TnZipMember, members->len - 1);
  if (!g_utf8_validate ((const char *) entry + ENTRY_BYTES, (gssize) name_bytes, NULL))
    return set_broken (file, offset + ENTRY_BYTES, _ ("a name in UTF-8"), error);
  member->name = g_strndup ((const char *) entry + ENTRY_BYTES, name_bytes);
  method = get16 (entry + 10);
  if ((get16 (entry + 8) & FLAG_ENCRYPTED) || (method != METHOD_STORED && method != METHOD_DEFLATED))
    {
      g_autofree char *name = tn_quote_string (member->name);

      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: member %s is encrypted or packed by method %u, expected stored (0) or deflated (8)"),
                   tn_byte_stream_get_path (file), name, method);
      return FALSE;
    }
  member->deflated = method == METHOD_DEFLATED;
  member->packed_bytes = get32 (entry + 20);
  member->bytes = get32 (entry + 24);
  local = get32 (entry + 42);
  if (!read_extra (entry + ENTRY_BYTES + name_bytes, extra_bytes, member, &local) ||
      (!member->deflated && member->bytes != member->packed_bytes))
    return set_broken (file, offset, _ ("the sizes of a member"), error);
  return find_content (file, file_bytes, local, member, error);
}

GArray *
tn_zip_directory_read (TnByteStream *file, guint64 file_bytes, GError **error)
{
  g_autoptr (GArray) members = g_array_new (FALSE, TRUE, sizeof (TnZipMember));
  g_autofree guint8 *bytes = NULL;
  Directory directory;
  gsize place = 0;

  g_array_set_clear_func (members, member_clear);
  if (!find_directory (file, file_bytes, &directory, error))
    return NULL;
  bytes = g_malloc (directory.bytes + 1);
  if (!tn_byte_stream_read_at (file, directory.offset, bytes, directory.bytes, error))
    return NULL;
  for (guint64 i = 0; i < directory.entries; i++)
    {
      gsize taken = 0;

      if (!read_entry (file, file_bytes, bytes + place, directory.bytes - place, &taken, members, directory.offset + place,
                       error))
        return NULL;
      place += taken;
    }
  return g_steal_pointer (&members);
}
