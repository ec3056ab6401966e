/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/export/export-item.h"
#include "data/export/export.h"
#include "data/files/gguf-writer.h"
#include "data/models/gguf.h"

G_BEGIN_DECLS

/* The metadata of a GGUF file that is made from a model. */
typedef struct _TnGgufKeys TnGgufKeys;

/* From a GGUF file: its keys, those of its tokenizer unless another one is given. Else those of a llama model, and its tokenizer where GGUF can express it; what cannot be expressed is said to the
 * listener. items: what general.file_type follows from. */
TnGgufKeys *tn_gguf_keys_new        (TnModelFile *source, GPtrArray *items, const TnExportOptions *options, const TnListener *listener,
                                     GError **error);
void        tn_gguf_keys_free       (TnGgufKeys *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnGgufKeys, tn_gguf_keys_free)
/* The source where it is a GGUF file, else NULL. */
TnGguf     *tn_gguf_keys_get_source (TnGgufKeys *self);
gboolean    tn_gguf_keys_write      (TnGgufKeys *self, TnGgufWriter *writer, GError **error);
/* TN_ERROR_DATA: a key of what was written is not there or differs. */
gboolean    tn_gguf_keys_compare    (TnGgufKeys *self, TnGguf *written, GError **error);

G_END_DECLS
