/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/arrays/array-private.h"
#include "data/files/quote.h"
#include "data/files/zip-directory.h"
#include "engine/error.h"

/* NumPy's npz: a zip file of npy arrays; their names are the members' without .npy. */
#define SUFFIX ".npy"

static gboolean
npz_recognise (const char *name, const guint8 *head, gsize bytes)
{
  return bytes >= 4 && (memcmp (head, "PK\x03\x04", 4) == 0 || memcmp (head, "PK\x05\x06", 4) == 0);
}

static gboolean
add_member (TnArrayFile *self, const TnZipMember *member, GError **error)
{
  g_autoptr (TnByteStream) stream = NULL;
  g_autofree char *quoted = tn_quote_string (member->name);
  g_autofree char *name = g_strdup (member->name);
  TnArray array = {.storage = member->deflated ? TN_ARRAY_DEFLATED : TN_ARRAY_STORED, .packed_bytes = member->packed_bytes};
  guint64 bytes;

  if (!g_str_has_suffix (name, SUFFIX))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: member %s is no array (.npy)"), self->path, quoted);
      return FALSE;
    }
  name[strlen (name) - strlen (SUFFIX)] = '\0';
  stream = tn_byte_stream_open_range (self->path, member->offset, member->packed_bytes, member->deflated, error);
  if (stream == NULL || !tn_npy_read_header (stream, self->path, quoted, &array, error))
    return FALSE;
  if (!tn_array_measure (&array, &bytes) || member->bytes < array.skip || bytes != member->bytes - array.skip)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: %s: the npy header states %" PRIu64 " bytes of numbers, the member holds %" PRIu64), self->path,
                   quoted, bytes, member->bytes - MIN (member->bytes, array.skip));
      return FALSE;
    }
  array.offset = member->offset + (member->deflated ? 0 : array.skip);
  tn_array_file_add (self, &array, name);
  return TRUE;
}

static gboolean
npz_list (TnArrayFile *self, GError **error)
{
  g_autoptr (TnByteStream) stream = tn_byte_stream_open (self->path, error);
  g_autoptr (GArray) members = NULL;

  if (stream == NULL)
    return FALSE;
  if (tn_byte_stream_is_sequential (stream))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: npz inside of gzip is not supported; unpack it first"),
                   self->path);
      return FALSE;
    }
  if ((members = tn_zip_directory_read (stream, self->bytes, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < members->len; i++)
    if (!add_member (self, &g_array_index (members, TnZipMember, i), error))
      return FALSE;
  return TRUE;
}

const TnArrayFormat tn_npz_arrays = {.name = "npz", .recognise = npz_recognise, .list = npz_list};
