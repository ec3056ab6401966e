/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

#include "data/export/export-item.h"
#include "data/files/safetensors-writer.h"

G_BEGIN_DECLS

/* The parts of a PACKED tensor in a safetensors file: codes, scales and zero points, made while they are written, with their check sums. */
typedef struct _TnPackedContent TnPackedContent;

/* TN_ERROR_SHAPE: a scheme that does not divide the rows. item and run must outlive it. */
TnPackedContent *tn_packed_content_new      (TnExportItem *item, TnExportRun *run, GError **error);
void             tn_packed_content_free     (TnPackedContent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnPackedContent, tn_packed_content_free)
gboolean         tn_packed_content_add      (TnPackedContent *self, TnSafetensorsWriter *writer, GError **error);
/* The object that stands for it in "ternion.tensors"; the same length before and after it was written. */
void             tn_packed_content_describe (TnPackedContent *self, JsonBuilder *builder);

G_END_DECLS
