/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The part of Markdown that the guides are written in: headings (#), paragraphs, code (four spaces or ```), lists (one level, - or 1.), tables
 * (|) and, inside of text, `code`, **bold**, *italic* and [links](address). Anything else is text as it stands. */
typedef enum
{
  TN_MARKDOWN_HEADING,
  TN_MARKDOWN_PARAGRAPH,
  TN_MARKDOWN_CODE,
  TN_MARKDOWN_ITEM,
  TN_MARKDOWN_TABLE
} TnMarkdownKind;

typedef struct
{
  TnMarkdownKind kind;
  guint          level;  /* of a heading, from 1 */
  char          *text;   /* lines joined; code: as it stands. NULL for tables */
  char          *bullet; /* of an item: "•" or its number, "3." */
  GPtrArray     *rows;   /* of a table: char ** of cells, the first one its heading; all of the same length */
  guint          n_columns;
} TnMarkdownBlock;

/* element-type TnMarkdownBlock; free with g_ptr_array_unref(). */
GPtrArray *tn_markdown_parse       (const char *text);
/* Text of a block for a GtkLabel. Free with g_free(). */
char      *tn_markdown_to_markup   (const char *text);
/* Without any signs: what is spoken and searched. Free with g_free(). */
char      *tn_markdown_to_plain    (const char *text);

G_END_DECLS
