/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The guides that are built into the program: the files of resources/guides. */
#define TN_GUIDES_RESOURCE "/org/ternion/Workbench/guides/"

typedef struct
{
  char  *title;
  guint  level; /* 1: of the guide itself */
  guint  block; /* index of its heading */
  char  *text;  /* what stands under it up to the next heading, case-folded, for searching */
} TnGuideSection;

typedef struct
{
  char      *name;     /* "calibration.md" */
  char      *title;
  GPtrArray *blocks;   /* TnMarkdownBlock */
  GPtrArray *sections; /* TnGuideSection */
} TnGuide;

/* All of them by title; element-type TnGuide; free with g_ptr_array_unref(). */
GPtrArray *tn_guides_load          (void);
/* Whether all words of needle, which is case-folded, occur in the section's title or text. */
gboolean   tn_guide_section_matches (const TnGuideSection *self, const char *needle);
/* The section that an address of a guide means: "statistics-file.md", "statistics-file.md#metadata", "#metadata" in the guide from.
 * FALSE when there is none; then nothing is set. */
gboolean   tn_guides_find          (GPtrArray *guides, guint from, const char *address, guint *guide, guint *block);

G_END_DECLS
