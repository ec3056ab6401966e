/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a result follows from (the model, the data, the options that matter), as text: a line "name=value" each, control characters escaped.
 * Two runs with the same text end with the same result. */

/* value: printf; the name holds no "=". */
void     tn_provenance_add       (GString *self, const char *name, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* A line a file, "NAME 1", "NAME 2", …: size and content (data/files/file-identity.h), wherever it lies; element-type char *.
 * TN_ERROR_UNSUPPORTED: one of them cannot be read twice. */
gboolean tn_provenance_add_files (GString *self, const char *name, GPtrArray *files, GError **error);
/* NULL when they are the same; else what differs, for people, at most three of them told: "--seq-len was 128 and is 256". n (may be NULL):
 * how many. Free with g_free(). */
char    *tn_provenance_compare   (const char *earlier, const char *now, guint *n);

G_END_DECLS
