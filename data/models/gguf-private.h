/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/gguf.h"

G_BEGIN_DECLS

struct _TnGguf
{
  gatomicrefcount ref_count;
  TnMappedFile   *file;
  guint32         version;
  guint64         alignment;
  GArray         *values;  /* TnGgufValue */
  GArray         *entries; /* TnGgufEntry */
  GHashTable     *values_by_key;   /* key -> index + 1 */
  GHashTable     *entries_by_name; /* name -> index + 1 */
};

/* Bytes of one number; 0 for strings and arrays. */
gsize tn_gguf_type_size (TnGgufType type);

G_END_DECLS
