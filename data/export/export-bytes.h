/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/export/export-item.h"
#include "data/files/atomic-file.h"

G_BEGIN_DECLS

/* Tensors whose elements stand together: COPY, NUMBERS, VALUES and BLOCKS. */

/* Bytes in the new file. TN_ERROR_SHAPE: rows that are no whole blocks. */
gboolean tn_export_bytes_measure (const TnExportItem *item, guint64 *bytes, GError **error);
/* Exactly so many; fills in what the item knows when it was written. */
gboolean tn_export_bytes_write   (TnExportItem *item, TnExportRun *run, TnAtomicFile *file, GError **error);

/* Whether a tensor, read back, is what was meant, to the bit: every form. TN_ERROR_DATA names the first row that is not. */
gboolean tn_export_item_compare  (TnExportItem *item, TnExportRun *run, const TnTensor *written, GError **error);

G_END_DECLS
