/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/dtype.h"

G_BEGIN_DECLS

/* What a tensor type id of GGUF may mean. Several makers use the same id for different things; then the id alone says nothing, and only a
 * meaning whose size fits the extent between two tensors counts. */
typedef struct
{
  guint32     id;
  const char *name;
  TnDtype     dtype;          /* OPAQUE: listed, never decoded */
  guint       block_elements;
  guint       block_bytes;
  guint       tail_bytes;     /* once a tensor, after the blocks */
  guint       row_bytes;      /* before each row */
  gboolean    ambiguous;      /* the id is used for other layouts too */
} TnGgufTypeInfo;

/* The next meaning of id after previous (NULL: the first); NULL at the end. */
const TnGgufTypeInfo *tn_gguf_type_next  (guint32 id, const TnGgufTypeInfo *previous);
/* The type that is written for a dtype; NULL: none. */
const TnGgufTypeInfo *tn_gguf_type_of    (TnDtype dtype);
/* Bytes of a tensor of count elements in rows of row_elements; FALSE on overflow or when a row is no multiple of the block. */
gboolean              tn_gguf_type_bytes (const TnGgufTypeInfo *type, guint64 count, guint64 row_elements, guint64 *bytes);

G_END_DECLS
