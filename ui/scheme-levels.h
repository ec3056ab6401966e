/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/layer-row.h"

G_BEGIN_DECLS

/* The values a scheme leaves of a tensor, as far as one scale for the whole tensor can say. */
typedef struct
{
  char   *name;
  char   *note;   /* what the levels do not show; may be empty */
  gsize   n;
  double *values; /* ascending */
  char  **labels; /* NULL: none */
} TnSchemeLevels;

TnSchemeLevels *tn_scheme_levels_new  (TnLayerScheme scheme, const TnTensorSummary *summary);
void            tn_scheme_levels_free (TnSchemeLevels *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSchemeLevels, tn_scheme_levels_free)

G_END_DECLS
