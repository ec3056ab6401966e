/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One reader of files under test. It may refuse its input, with an error; it must not crash, hang or read out of bounds. */
typedef struct
{
  const char *name;      /* also the folder of its corpus */
  const char *file_name; /* what the input is written to inside the scratch folder; NULL: the reader takes bytes */
  const char *beside;    /* PARSER/FILE=NAME: a corpus file that lies beside it under that name; NULL: none */
  gboolean (*read) (const char *path, const guint8 *data, gsize bytes, GError **error);
} FuzzParser;

/* Ends with a parser whose name is NULL. */
extern const FuzzParser fuzz_parsers[];

G_END_DECLS
