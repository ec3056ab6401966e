/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a file still holds what it held, at a bounded price: its size and a hash of its content. Up to 64 MiB all of it is hashed, so
 * that a copy elsewhere is the same; of a larger file 1,024 blocks of 4 KiB spread evenly over it, the first and the last among them,
 * and then the time of its last change counts too, which a change between the blocks moves. */
typedef struct
{
  guint64 bytes;
  guint64 hash;
} TnFileIdentity;

/* Any thread. Where the file is one that cannot be read twice (a pipe, a terminal) nothing is read of it: TN_ERROR_UNSUPPORTED.
 * TN_ERROR_IO names the file. */
gboolean tn_file_identify (const char *path, TnFileIdentity *identity, GError **error);

G_END_DECLS
