/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A named place where activations flow. */
typedef enum
{
  TN_SITE_INPUT = 1 << 0,    /* "blk.3.ffn_down.in": input of a linear layer */
  TN_SITE_OUTPUT = 1 << 1,   /* "blk.3.ffn_down.out" */
  TN_SITE_RESIDUAL = 1 << 2, /* "blk.3.residual": the stream after block 3; "embd.residual" before the first */
  TN_SITE_LOGITS = 1 << 3,   /* "output.out" */
} TnSiteKind;

typedef struct
{
  guint      index; /* place in the model's list of sites */
  char      *name;
  TnSiteKind kind;
  guint      width; /* channels */
  guint      layer; /* block number; G_MAXUINT outside blocks */
  /* Linear layers that read the same activations share them: q, k and v, gate and up. The first of them is
   * observed, the others name it here (its index); own index where not shared. */
  guint      shared_with;
} TnSite;

/* "in", "out", "residual", "logits", comma separated -> kinds; TN_ERROR_ARGUMENT names the unknown word. */
gboolean tn_site_kinds_parse (const char *text, TnSiteKind *kinds, GError **error);

G_END_DECLS
