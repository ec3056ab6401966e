/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/byte-stream.h"

G_BEGIN_DECLS

/* The members of a zip file (APPNOTE 6.3, with the 64-bit records that NumPy writes). */
typedef struct
{
  char    *name;
  gboolean deflated;     /* else stored */
  guint64  packed_bytes;
  guint64  bytes;
  guint64  offset;       /* of its packed bytes in the file */
} TnZipMember;

/* file_bytes: size of the file; file: not sequential. Element-type TnZipMember with a clear function, in the order of the directory, folders left out.
 * TN_ERROR_FORMAT, TN_ERROR_UNSUPPORTED (encrypted, other methods, several volumes) name file, member and what was found. */
GArray *tn_zip_directory_read (TnByteStream *file, guint64 file_bytes, GError **error);

G_END_DECLS
