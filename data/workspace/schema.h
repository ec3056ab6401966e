/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/workspace/database.h"

G_BEGIN_DECLS

/* "TNWS" in the header of the file. */
#define TN_SCHEMA_APPLICATION_ID 0x544e5753

/* SQL of what names a run of a workspace from before runs had an identity: the same in each copy of it. */
#define TN_SCHEMA_OLD_IDENTITY "pid_space || '/' || pid || '/' || pid_started || '/' || started_us || '/' || id"

/* The migrations of this build, oldest first; the version of a file is the number of those it went through. */
const char *const *tn_schema_get_migrations (guint *n);

/* Whether it is a workspace that this build can read, and of which version. TN_ERROR_FORMAT, TN_ERROR_MISMATCH: a newer one. */
gboolean tn_schema_check (TnDatabase *database, gint64 *version, GError **error);
/* Brings a file to the last of n migrations, each in a transaction of its own: a failed one leaves the file as the one before
 * left it. A file of another application, or of a newer version, is refused untouched. */
gboolean tn_schema_apply (TnDatabase *database, const char *const *migrations, guint n, GError **error);

G_END_DECLS
