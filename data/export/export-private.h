/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/export/export.h"

G_BEGIN_DECLS

/* Order of the rows of Q and K for a file whose models rotate by that layout. TN_ERROR_UNSUPPORTED where only a part of each head is rotated. */
gboolean tn_export_item_set_rows (TnExportItem *item, TnModelFile *source, TnRopeLayout layout, GError **error);
/* For a file that will be read as a BitNet: it is ternarized then, so that linear layers can only be rounded to that, with a scale a tensor or row.
 * TN_ERROR_UNSUPPORTED names the first that is not. */
gboolean tn_export_check_bitnet  (GPtrArray *items, GError **error);
/* Progress over writing and reading back; says what is probably not meant. */
void     tn_export_begin         (TnExportRun *run, GPtrArray *items);
/* Every item is a tensor of the model, and reads as it was meant; n_more tensors are beside them. path: for messages. */
gboolean tn_export_verify_items  (TnModelFile *written, const char *path, GPtrArray *items, guint n_more, TnExportRun *run,
                                  GError **error);
/* Puts path where the message of an error has the name that the output bears until it is done. FALSE. */
gboolean tn_export_fail           (const char *temporary, const char *path, GError **error);
void     tn_export_result_fill   (TnExportResult *result, GPtrArray *items, guint64 bytes);
/* "TQ2_0", "F16", "4 bits"; free with g_free(). */
char    *tn_export_item_get_type (const TnExportItem *item);

G_END_DECLS
