/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* Scale and zero point of one tensor or site under one scheme, with the error expected from the data they were found on:
 * x ~ scale * (clip (round ((x - offset) / scale) + zero_point) - zero_point) + offset. */
typedef struct
{
  TnScheme scheme;
  TnMethod method;     /* as it was asked for */
  TnMethod chosen;     /* by AUTO; else the same */
  double   percentile; /* percent, TN_METHOD_PERCENTILE only */
  double   scale;      /* ternary: the level */
  gint32   zero_point;
  double   offset;     /* of a grid that was learned with one (lsq+); else 0 */
  double   threshold;  /* ternary: magnitudes up to it become 0 */
  double   clip;       /* largest magnitude that is represented */
  double   mse;
  double   sqnr_db;
} TnQuantParams;

G_END_DECLS
